//! Notifications: intervals in which data of one type was written or removed.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Value, json};

use super::{DataType, GoogleHealth, time};
use crate::notifications::{
    Change, EndedBy, Notice, Notifies, Signing, Subject, Subscription, Version,
};
use crate::rng::Rng;

/// The most intervals in one notification.
const MOST: usize = 100;

/// What is not received is kept for a week.
const KEPT: i64 = 7 * 86_400;

/// The longest wait between two attempts.
const LONGEST_WAIT: i64 = 3_600;

impl Notifies for GoogleHealth {
    fn time_limit(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn accepts(&self, status: u16) -> bool {
        status == 204
    }

    /// Twice as long each time.
    fn retry_after(&self, attempt: u32) -> Option<i64> {
        let wait = |attempt: u32| (1_i64 << attempt.min(12)).min(LONGEST_WAIT);
        let waited: i64 = (0..attempt).map(wait).sum();
        (waited <= KEPT).then(|| wait(attempt.saturating_sub(1)))
    }

    fn changed(&self, of: &Subject<'_>, resource: &str, changes: &[Change]) -> Vec<Notice> {
        let Some(kind) = DataType::of(resource) else { return Vec::new() };
        if !of.is_connected() || !of.granted(&format!("{}.readonly", kind.group)) {
            return Vec::new();
        }
        let (mut written, mut removed) = (Vec::new(), Vec::new());
        for change in changes {
            match (&change.before, &change.after) {
                (Some(before), None) => removed.extend(interval(kind, before)),
                (before, after) => {
                    let after = after.as_ref().and_then(|it| interval(kind, it));
                    let before = before.as_ref().and_then(|it| interval(kind, it));
                    // A point that was moved was in another interval before.
                    written.extend(before.filter(|before| Some(before) != after.as_ref()));
                    written.extend(after);
                }
            }
        }
        let mut rng = of.rng();
        let mut notices = notices(of, kind, "UPSERT", &written, &mut rng);
        notices.extend(self::notices(of, kind, "DELETE", &removed, &mut rng));
        notices
    }

    /// All that the application was given is removed for it.
    fn ended(&self, of: &Subject<'_>, _by: EndedBy, _action: Option<&str>) -> Vec<Notice> {
        let mut rng = of.rng();
        let of_kind = |kind: &'static DataType| {
            let items = of.account.collection(kind.id)?;
            let (newest, oldest) = (items.newest(..).next()?, items.newest(..).last()?);
            let version = |value: &Value, time| Version { time, value: value.clone() };
            let first = interval(kind, &version(&oldest.value, oldest.time))?;
            let last = interval(kind, &version(&newest.value, newest.time))?;
            let whole = Interval { end: last.end, civil_end: last.civil_end, ..first };
            Some(notices(of, kind, "DELETE", &[whole], &mut rng))
        };
        super::TYPES.iter().filter_map(of_kind).flatten().collect()
    }

    fn headers(&self, _signing: &Signing<'_>, _notice: &Notice) -> Vec<(&'static str, String)> {
        vec![("User-Agent", "Google-Health-API-Webhooks".to_owned())]
    }

    fn is_unsigned(&self) -> bool {
        true
    }
}

/// A time range, and what the clocks showed where it was.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Interval {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    civil_start: NaiveDateTime,
    civil_end: NaiveDateTime,
}

/// A sample is a second long here: how long the service makes it is not documented.
fn interval(kind: &DataType, version: &Version) -> Option<Interval> {
    let (_, civil_start) = time::started(kind, &version.value)?;
    let start = DateTime::<Utc>::from_timestamp(version.time, 0)?;
    let ends = version.value.get(kind.field)?.pointer("/interval/endTime");
    let end = ends.and_then(Value::as_str).and_then(time::read_instant);
    let end = end.unwrap_or(start + chrono::Duration::seconds(1));
    let civil_end = civil_start.checked_add_signed(end - start)?;
    Some(Interval { start, end, civil_start, civil_end })
}

impl Interval {
    fn json(&self) -> Value {
        let iso = |wall: &NaiveDateTime| wall.format("%Y-%m-%dT%H:%M:%S").to_string();
        json!({
            "physicalTimeInterval": {
                "startTime": time::instant(self.start.timestamp()),
                "endTime": time::instant(self.end.timestamp()),
            },
            "civilDateTimeInterval": {
                "startDateTime": time::civil(self.civil_start),
                "endDateTime": time::civil(self.civil_end),
            },
            "civilIso8601TimeInterval": {
                "startTime": iso(&self.civil_start), "endTime": iso(&self.civil_end),
            },
        })
    }
}

fn notices(
    of: &Subject<'_>,
    kind: &DataType,
    operation: &str,
    intervals: &[Interval],
    rng: &mut Rng,
) -> Vec<Notice> {
    let subscribers: Vec<&Subscription> =
        of.state.notices.of_application.iter().filter(|it| it.is_about(kind.id)).collect();
    let mut notices = Vec::new();
    for intervals in intervals.chunks(MOST) {
        let intervals: Vec<Value> = intervals.iter().map(Interval::json).collect();
        for subscriber in &subscribers {
            let body = json!({"data": {
                "version": "1",
                "clientProvidedSubscriptionName": uuid(rng),
                "healthUserId": of.account.user_id.to_string(),
                "operation": operation,
                "dataType": kind.id,
                "intervals": intervals,
            }});
            let url = subscriber.callback.as_deref().unwrap_or_default();
            let authorization = subscriber.secret.clone();
            notices.push(Notice { authorization, ..Notice::json(of.number, url, &body) });
        }
    }
    notices
}

/// A random UUID (RFC 9562), new for each notification of an automatic subscription.
fn uuid(rng: &mut Rng) -> String {
    let variant = rng.pick('8', &['9', 'a', 'b']);
    let [a, b, c, d, e] = [8, 4, 3, 3, 12].map(|digits| rng.hex(digits));
    format!("{a}-{b}-4{c}-{variant}{d}-{e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_go_on_for_a_week_ever_more_slowly() {
        let waits: Vec<i64> = (1..).map_while(|it| GoogleHealth.retry_after(it)).collect();
        assert_eq!(waits.get(..5), Some(&[1, 2, 4, 8, 16][..]));
        assert_eq!(waits.last(), Some(&LONGEST_WAIT));
        let all: i64 = waits.iter().sum();
        assert!((6 * 86_400..=8 * 86_400).contains(&all), "{all}");
    }
}
