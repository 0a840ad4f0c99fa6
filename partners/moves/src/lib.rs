//! Moves: what users did between and at their places. The service has ended.
//!
//! Sources of the facts in this crate: "API documentation" is Moves' own, which disappeared with
//! the service and is cited from clients that quote it; "seen in the field" is what those clients
//! rely on.

mod activities;
mod map;
mod notify;
mod sync;

use std::time::Duration;

use partner_sdk::serde_json::Value;
use partner_sdk::{
    Auth, ClientAuth, Counts, Cursor, Feed, HeaderMap, Kind, Limit, LimitReading, LimitScope,
    Manifest, Notifier, OAuth2, Page, Partner, PartnerError, PollRequest, Session, async_trait,
};

/// The partner Moves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moves;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Everything about Moves that is plain data.
pub static MANIFEST: Manifest = Manifest {
    name: "moves",
    title: "Moves",
    auth: Auth::OAuth2(OAuth2 {
        // API documentation, "Authentication"; only the app can revoke a grant.
        authorize_url: "https://api.moves-app.com/oauth/v1/authorize",
        token_url: "https://api.moves-app.com/oauth/v1/access_token",
        revoke_url: None,
        // Same page: `location` adds the places, which are not used here.
        scopes: &["activity"],
        scope_separator: " ",
        // Same page: client_id and client_secret are parameters.
        client_auth: ClientAuth::Body,
        pkce: false,
        authorize_params: &[],
        token_params: &[],
    }),
    // Version 1.0 at /api/1.0 is supported as well.
    api_url: "https://api.moves-app.com/api/1.1",
    feeds: &[Feed {
        name: "activities",
        kinds: &[Kind::Exercise],
        // Days are reported in their current state; no filter by change is reliable. With today
        // these are 31 days, the most that one call returns.
        trailing: Duration::from_secs(30 * DAY.as_secs()),
        // Six calls.
        wide: Duration::from_secs(180 * DAY.as_secs()),
        scopes: &["activity"],
    }],
    push: &[],
    // API documentation, "Rate limits". When the windows start is not documented.
    limits: &[Limit::app(60, MINUTE), Limit::app(2_000, HOUR)],
    retry_wait: MINUTE,
    // The service started in 2013; the profile contains the first available day.
    backfill: Duration::from_secs(20 * 365 * DAY.as_secs()),
    read_error: |_| None,
    read_limits,
    // The owner's announcement of 2 July 2018, as quoted in the press.
    ended: Some(
        "Moves was shut down by its owner, Facebook, on 31 July 2018, and its users' data was \
         deleted within 90 days",
    ),
};

/// Seen in the field: every answer reports what is left of the minute and of the hour.
fn read_limits(headers: &HeaderMap) -> Vec<LimitReading> {
    let windows = [
        (MINUTE, "x-ratelimit-minutelimit", "x-ratelimit-minuteremaining"),
        (HOUR, "x-ratelimit-hourlimit", "x-ratelimit-hourremaining"),
    ];
    let number = |name| headers.get(name)?.to_str().ok()?.trim().parse::<u32>().ok();
    let read = |(per, limit, remaining)| {
        let (calls, left) = (number(limit)?, number(remaining)?);
        let (scope, counts, used) = (LimitScope::App, Counts::All, calls.saturating_sub(left));
        Some(LimitReading { scope, per, counts, calls, used, resets_in: None })
    };
    windows.into_iter().filter_map(read).collect()
}

#[async_trait]
impl Partner for Moves {
    fn manifest(&self) -> &'static Manifest {
        &MANIFEST
    }

    fn describe_cursor(&self, _feed: &str, cursor: &Cursor) -> Option<String> {
        sync::stands(cursor)
    }

    async fn poll(&self, session: &Session, request: &PollRequest) -> Result<Page, PartnerError> {
        match sync::Window::of(session, request).await? {
            Some(window) => window.read(session).await,
            None => Ok(Page { cursor: request.cursor.clone(), ..Page::default() }),
        }
    }

    fn notifier(&self) -> Option<&dyn Notifier> {
        Some(self)
    }

    /// API documentation, "Authentication": `user_id` in the token answer, a number with more
    /// digits than a float can hold.
    async fn external_user_id(&self, _: &Session, token: &Value) -> Result<String, PartnerError> {
        match token.get("user_id") {
            Some(Value::Number(id)) if id.is_i64() || id.is_u64() => Ok(id.to_string()),
            Some(Value::String(id)) if !id.is_empty() => Ok(id.clone()),
            _ => Err(PartnerError::Malformed("the token answer has no user_id".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_report_the_use_of_both_windows() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-ratelimit-minutelimit", "60"),
            ("x-ratelimit-minuteremaining", "53"),
            ("x-ratelimit-hourlimit", "2000"),
            ("x-ratelimit-hourremaining", "soon"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let readings: Vec<_> =
            read_limits(&headers).into_iter().map(|it| (it.per, it.calls, it.used)).collect();
        assert_eq!(readings, [(MINUTE, 60, 7)]);
    }
}
