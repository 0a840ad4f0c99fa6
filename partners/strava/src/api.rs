//! The conventions of every call: failures, limits, tokens, and the details of one activity.

use std::time::Duration;

use partner_sdk::serde_json::Value;
use partner_sdk::{
    Counts, HeaderMap, LimitReading, LimitScope, PartnerError, Reply, Session, standard_token_reply,
};
use serde::Deserialize;

use crate::{DAY, QUARTER};

pub(crate) const LIST: &str = "/athlete/activities";

/// Returns the details of an activity, which only this call has; `None` if it no longer exists or
/// is not visible to us.
pub(crate) async fn details(session: &Session, id: u64) -> Result<Option<Value>, PartnerError> {
    // Sent as a change: then a 404 means a missing item and not a failure.
    let reply = session.get(&format!("/activities/{id}")).change().await?;
    reply.map(|reply| reply.json()).transpose()
}

/// API reference, "Fault".
#[derive(Default, Deserialize)]
struct Fault {
    #[serde(default)]
    errors: Vec<Error>,
}

#[derive(Deserialize)]
struct Error {
    #[serde(default)]
    resource: String,
    #[serde(default)]
    field: String,
    #[serde(default)]
    code: String,
}

impl Fault {
    fn of(reply: &Reply) -> Self {
        reply.json().unwrap_or_default()
    }

    fn has(&self, is_meant: impl Fn(&Error) -> bool) -> bool {
        self.errors.iter().any(is_meant)
    }
}

/// What an answer means, where the general rules would misread it.
pub(crate) fn read_error(reply: &Reply) -> Option<PartnerError> {
    match reply.status {
        // Seen in the field: a permission that was not granted is a 401, too, recognised by its
        // field, such as "activity:read_permission". Renewing the token would not help.
        401 => {
            let lacks =
                |error: &Error| error.code == "missing" && error.field.ends_with("_permission");
            let fault = Fault::of(reply);
            // Seen in the field: about the application itself, whoever the user is.
            if fault.has(|error| error.resource == "Application") {
                return Some(client_not_accepted());
            }
            let lacking = "the user did not tick it on Strava's page".into();
            fault.has(lacks).then_some(PartnerError::MissingScope(lacking))
        }
        // "Getting Started": nothing that a user could fix by connecting again.
        403 if reply.text().contains("Application Status Inactive") => {
            Some(PartnerError::Transient(
                "Strava has made the application inactive: its owner's Strava subscription has \
                 lapsed, see https://www.strava.com/settings/api"
                    .into(),
            ))
        }
        // API reference, "Create an Activity".
        409 => Some(PartnerError::Rejected("Strava has an activity at this time already".into())),
        _ => None,
    }
}

fn client_not_accepted() -> PartnerError {
    PartnerError::Malformed(
        "the client id or secret is not accepted; check client_id and client_secret".into(),
    )
}

/// Reads the answer of a token call. Failures come as "Fault" (seen in the field), not as in RFC
/// 6749.
pub(crate) fn token_reply(reply: &Reply) -> Result<Value, PartnerError> {
    let fault = Fault::of(reply);
    let is_of =
        |resources: &[&str]| fault.has(|error| resources.contains(&error.resource.as_str()));
    if is_of(&["AuthorizationCode", "RefreshToken"]) {
        return Err(PartnerError::Unauthorized(
            "the code or refresh token is not valid any more".into(),
        ));
    }
    if is_of(&["Application"]) {
        return Err(client_not_accepted());
    }
    // An access token is not part of a token call: such an error says nothing about the grant.
    let is_known = |error: &Error| !matches!(error.resource.as_str(), "" | "Athlete");
    if matches!(reply.status, 400 | 401) && fault.has(is_known) {
        return Err(PartnerError::Malformed("the token request was not accepted".into()));
    }
    match read_error(reply) {
        Some(error @ PartnerError::Transient(_)) => Err(error),
        // A failure without a fault is read by the standard rules.
        _ => standard_token_reply(reply),
    }
}

/// "Rate Limits": each header has the quarter of an hour and the day, as in "200,2000".
pub(crate) fn read_limits(headers: &HeaderMap) -> Vec<LimitReading> {
    let families = [
        ("x-ratelimit-limit", "x-ratelimit-usage", Counts::All),
        ("x-readratelimit-limit", "x-readratelimit-usage", Counts::Reads),
    ];
    let read = |(limit, usage, counts)| {
        let pairs = windows(headers, limit).into_iter().zip(windows(headers, usage));
        pairs.filter_map(move |((per, calls), (_, used))| {
            let (scope, calls, used) = (LimitScope::App, calls?, used?);
            Some(LimitReading { scope, per, counts, calls, used, resets_in: None })
        })
    };
    families.into_iter().flat_map(read).collect()
}

fn windows(headers: &HeaderMap, name: &str) -> [(Duration, Option<u32>); 2] {
    let text = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut numbers = text.split(',').map(|number| number.trim().parse().ok());
    [QUARTER, DAY].map(|per| (per, numbers.next().flatten()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_report_both_windows_of_both_families() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-ratelimit-limit", "400,4000"),
            ("x-ratelimit-usage", "12, 450"),
            ("x-readratelimit-limit", "200,2000"),
            ("x-readratelimit-usage", "11,"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let readings: Vec<_> = read_limits(&headers)
            .into_iter()
            .map(|it| (it.per, it.counts, it.calls, it.used))
            .collect();
        let expected = [
            (QUARTER, Counts::All, 400, 12),
            (DAY, Counts::All, 4_000, 450),
            (QUARTER, Counts::Reads, 200, 11),
        ];
        assert_eq!(readings, expected);
        assert!(read_limits(&HeaderMap::new()).is_empty());
    }
}
