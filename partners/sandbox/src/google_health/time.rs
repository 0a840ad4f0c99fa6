//! Instants, durations and wall times as points contain them.

use chrono::{DateTime, Datelike, Duration, NaiveDateTime, SecondsFormat, Timelike, Utc};
use serde_json::{Map, Value, json};

use super::DataType;

/// A time in Unix seconds, as points contain it.
pub(super) fn instant(at: i64) -> String {
    let at = DateTime::<Utc>::from_timestamp(at, 0).unwrap_or_default();
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

pub(super) fn read_instant(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc())
}

/// Whole seconds and an "s", with at most nine digits after the point.
pub(super) fn read_duration(text: &str) -> Option<Duration> {
    let (whole, fraction) = match text.strip_suffix('s')?.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (text.strip_suffix('s')?, ""),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let negative = whole.starts_with('-');
    let unsigned = whole.strip_prefix('-').unwrap_or(whole);
    if unsigned.is_empty() || !digits(unsigned) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let nanos: i64 = format!("{fraction:0<9}").parse().ok()?;
    let length = Duration::try_seconds(unsigned.parse().ok()?)? + Duration::nanoseconds(nanos);
    Some(if negative { -length } else { length })
}

/// When a point began: Unix seconds, and the wall clock where it took place.
pub(super) fn started(kind: &DataType, point: &Value) -> Option<(i64, NaiveDateTime)> {
    let data = point.get(kind.field)?;
    let (time, offset) = if kind.session {
        (data.pointer("/interval/startTime"), data.pointer("/interval/startUtcOffset"))
    } else {
        (data.pointer("/sampleTime/physicalTime"), data.pointer("/sampleTime/utcOffset"))
    };
    let at = read_instant(time?.as_str()?)?;
    let offset = offset.and_then(Value::as_str).and_then(read_duration).unwrap_or_default();
    Some((at.timestamp(), at.naive_utc().checked_add_signed(offset)?))
}

/// A wall time as points contain it; zero parts are left out, as everywhere in this API.
pub(super) fn civil(wall: NaiveDateTime) -> Value {
    let parts = [("hours", wall.hour()), ("minutes", wall.minute()), ("seconds", wall.second())];
    let time: Map<String, Value> = parts
        .into_iter()
        .filter(|(_, value)| *value > 0)
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    json!({"date": {"year": wall.year(), "month": wall.month(), "day": wall.day()}, "time": time})
}

/// Converts the times of data to the form they are served in: UTC, with an offset, and the wall
/// time beside them.
pub(super) fn complete(data: &mut Value) {
    for (object, time, offset, wall) in [
        ("sampleTime", "physicalTime", "utcOffset", "civilTime"),
        ("interval", "startTime", "startUtcOffset", "civilStartTime"),
        ("interval", "endTime", "endUtcOffset", "civilEndTime"),
    ] {
        let Some(fields) = data.get_mut(object).and_then(Value::as_object_mut) else { continue };
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let Some(at) = text(time).and_then(read_instant) else { continue };
        let ahead = text(offset).and_then(read_duration).unwrap_or_default();
        let served = at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        fields.insert(time.to_owned(), json!(served));
        fields.insert(offset.to_owned(), json!(format!("{}s", ahead.num_seconds())));
        if let Some(local) = at.naive_utc().checked_add_signed(ahead) {
            fields.insert(wall.to_owned(), civil(local));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds_with_an_s() {
        assert_eq!(read_duration("-18000s"), Some(Duration::seconds(-18_000)));
        assert_eq!(read_duration("934.5s"), Some(Duration::milliseconds(934_500)));
        for wrong in ["18000", "s", "1.5.5s", "5 s", "0x1s", "1.0000000001s", "--1s", ""] {
            assert_eq!(read_duration(wrong), None, "{wrong}");
        }
    }
}
