//! Notifications: to the address of the console, signed, sent once.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Moves, time};
use crate::notifications::{
    Change, Check, EndedBy, Notice, Notifies, Signing, Subject, Version, sign,
};

impl Notifies for Moves {
    fn time_limit(&self) -> Duration {
        Duration::from_secs(3)
    }

    fn accepts(&self, status: u16) -> bool {
        status == 200
    }

    /// What is not answered is thrown away.
    fn retry_after(&self, _attempt: u32) -> Option<i64> {
        None
    }

    /// The address is taken as it is.
    fn console_checks(&self, _url: &str, _code: &str) -> Option<Vec<Check>> {
        Some(Vec::new())
    }

    fn changed(&self, of: &Subject<'_>, _resource: &str, changes: &[Change]) -> Vec<Notice> {
        let Some(url) = of.state.notices.console.as_ref().filter(|_| of.is_connected()) else {
            return Vec::new();
        };
        let versions: Vec<_> = changes.iter().flat_map(Change::versions).collect();
        let start = versions.iter().map(|version| version.time).min();
        let end = versions.iter().map(|version| end(version)).max();
        let last = versions.iter().max_by_key(|version| version.time);
        let (Some(start), Some(end), Some(last)) = (start, end, last) else { return Vec::new() };
        let body = json!({
            "userId": of.account.user_id,
            "storylineUpdates": [{
                "reason": "DataUpload",
                "startTime": time::write_utc(start),
                "endTime": time::write_utc(end),
                "lastSegmentType": last.value.get("type").and_then(Value::as_str).unwrap_or("place"),
                "lastSegmentStartTime": time::write_utc(last.time),
            }],
        });
        vec![Notice::json(of.number, url, &body)]
    }

    /// No notification of it is known.
    fn ended(&self, _of: &Subject<'_>, _by: EndedBy, _action: Option<&str>) -> Vec<Notice> {
        Vec::new()
    }

    fn headers(&self, signing: &Signing<'_>, notice: &Notice) -> Vec<(&'static str, String)> {
        let timestamp = signing.now.to_string();
        let signed = [notice.body.as_str(), &timestamp, signing.nonce];
        vec![
            ("X-Moves-Signature", sign::sha1_base64(signing.secret, &signed)),
            ("X-Moves-Timestamp", timestamp),
            ("X-Moves-Nonce", signing.nonce.to_owned()),
        ]
    }
}

fn end(version: &Version) -> i64 {
    time::field(&version.value, "endTime").unwrap_or(version.time)
}
