//! The notifications themselves: forms without any signature.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::{MEASURE, Withings};
use crate::notifications::{Change, EndedBy, Notice, Notifies, Signing, Subject, Version};

/// Five rounds of two attempts over about five hours; these are the waits between the ten.
const WAITS: [i64; 9] = [0, 10, 0, 60, 0, 3_600, 0, 14_400, 0];

impl Notifies for Withings {
    fn time_limit(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn accepts(&self, status: u16) -> bool {
        status < 400
    }

    fn retry_after(&self, attempt: u32) -> Option<i64> {
        WAITS.get(attempt.checked_sub(1)? as usize).copied()
    }

    fn changed(&self, of: &Subject<'_>, resource: &str, changes: &[Change]) -> Vec<Notice> {
        let versions = changes.iter().flat_map(Change::versions);
        if resource == MEASURE {
            let mut windows: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
            for version in versions {
                for service in services(&version.value) {
                    let window = windows.entry(service).or_insert((version.time, version.time));
                    *window = (window.0.min(version.time), window.1.max(version.time));
                }
            }
            let notices = windows.into_iter().flat_map(|(service, (first, last))| {
                let (start, end) = (first.to_string(), (last + 1).to_string());
                notices(of, service, &[("startdate", &start), ("enddate", &end)])
            });
            notices.collect()
        } else {
            let days: BTreeSet<String> = versions.map(|version| day(of, version)).collect();
            days.iter().flat_map(|day| notices(of, "16", &[("date", day)])).collect()
        }
    }

    fn ended(&self, of: &Subject<'_>, by: EndedBy, action: Option<&str>) -> Vec<Notice> {
        match by {
            EndedBy::User => notices(of, "46", &[("action", action.unwrap_or("unlink"))]),
            // The application knows, and its subscriptions are gone.
            EndedBy::Application => Vec::new(),
        }
    }

    fn headers(&self, _signing: &Signing<'_>, _notice: &Notice) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn is_unsigned(&self) -> bool {
        true
    }
}

/// The services that a group of measures belongs to.
fn services(group: &Value) -> BTreeSet<&'static str> {
    let measures = group.get("measures").and_then(Value::as_array).into_iter().flatten();
    let mut services: BTreeSet<_> = measures
        .filter_map(|measure| measure.get("type")?.as_i64())
        .map(|kind| match kind {
            9 | 10 | 11 | 54 => "4",
            12 | 71 | 73 => "2",
            _ => "1",
        })
        .collect();
    if services.is_empty() {
        services.insert("1");
    }
    services
}

/// The user's day of a workout.
fn day(of: &Subject<'_>, version: &Version) -> String {
    let written = version.value.get("date").and_then(Value::as_str).map(str::to_owned);
    written.unwrap_or_else(|| {
        let utc = DateTime::<Utc>::from_timestamp(version.time, 0).unwrap_or_default();
        utc.with_timezone(&of.account.zone).date_naive().to_string()
    })
}

/// One for each address that is subscribed to the service.
fn notices(of: &Subject<'_>, service: &str, further: &[(&str, &str)]) -> Vec<Notice> {
    let subscriptions = of.state.notices.of_account(of.number).iter();
    let addresses = subscriptions.filter(|it| it.is_about(service));
    let notice = |url: &String| Notice {
        account: of.number,
        url: url.clone(),
        content_type: "application/x-www-form-urlencoded",
        body: Serializer::new(String::new())
            .append_pair("userid", &of.account.user_id.to_string())
            .append_pair("appli", service)
            .extend_pairs(further)
            .finish(),
        authorization: None,
        forged: false,
    };
    addresses.filter_map(|it| it.callback.as_ref()).map(notice).collect()
}
