//! A simulated Moves, as the service was until it ended. It follows the documentation at
//! dev.moves-app.com (offline now, quoted by public clients) and the answers that public clients
//! recorded.

mod daily;
mod generate;
mod notices;
mod oauth;
mod time;

use serde_json::{Value, json};

use crate::accounts::Account;
use crate::call::{Answer, Call, Params};
use crate::collection::Item;
use crate::fixed::{FixedLimit, WindowUsage};
use crate::limits::{LimitedBy, Limits};
use crate::notifications::Notifies;
use crate::partner::{App, Consent, Desk, Paths, State, Wire};
use crate::rng::Rng;
use crate::tokens::{Lifetimes, TokenStanding};

/// Moves and stays, with the activities within them.
pub(crate) const SEGMENTS: &str = "segments";

/// All scopes.
const SCOPES: [&str; 2] = ["activity", "location"];

const MINUTE: u32 = 60;
const HOUR: u32 = 3_600;

/// The two versions of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// 1.0: short codes, no groups.
    One,
    /// 1.1: words.
    OneOne,
}

/// The partner.
#[derive(Debug)]
pub(crate) struct Moves;

impl Wire for Moves {
    fn name(&self) -> &'static str {
        "moves"
    }

    fn title(&self) -> &'static str {
        "Moves"
    }

    fn paths(&self) -> Paths {
        Paths {
            request_token: None,
            authorize: "/oauth/v1/authorize",
            token: "/oauth/v1/access_token",
            revoke: None,
        }
    }

    fn lifetimes(&self) -> Lifetimes {
        // 180 days. How long a refresh token lives is not documented; each is used once.
        Lifetimes {
            access: Some(15_551_999),
            refresh: Some(365 * 86_400),
            replaced_refresh: Some(0),
        }
    }

    fn limits(&self) -> Limits {
        // The default limits. Fixed windows are a choice; the documentation does not say.
        let fixed = vec![FixedLimit::app(60, MINUTE), FixedLimit::app(2_000, HOUR)];
        Limits { fixed, ..Limits::none() }
    }

    fn scopes(&self) -> &'static [&'static str] {
        &SCOPES
    }

    fn consent(&self, app: &App, query: &Params) -> Result<Consent, String> {
        oauth::consent(app, query)
    }

    fn first_user_id(&self) -> i64 {
        // Beyond 2^53, as real user ids were.
        23_138_311_000_000_000
    }

    fn route(&self, path: &str) -> &'static str {
        match version(path).1 {
            "/oauth/v1/access_token" => "/oauth/v1/access_token",
            "/user/profile" => "/user/profile",
            path if path.starts_with("/user/activities/daily") => "/user/activities/daily",
            path if path.starts_with("/user/storyline/daily") => "/user/storyline/daily",
            path if path.starts_with("/user/summary/daily") => "/user/summary/daily",
            _ => "other",
        }
    }

    fn caller(&self, call: &Call<'_>, state: &State) -> Option<usize> {
        let token = token(call).or_else(|| call.params.get("refresh_token"));
        let by_token = token.and_then(|token| state.tokens.owner(token));
        by_token.or_else(|| state.codes.owner(call.params.get("code")?))
    }

    fn answer(&self, desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
        let (version, path) = version(call.path);
        match (call.method, path) {
            ("POST", "/oauth/v1/access_token") => oauth::token(desk, call),
            ("GET", "/oauth/v1/tokeninfo") => oauth::token_info(desk, call),
            ("GET", "/user/profile") => daily::profile(desk, call),
            ("GET", _) => daily::answer(desk, call, version, path),
            _ => Answer::bare(404),
        }
    }

    fn limited(&self, _by: LimitedBy, _wait_us: u64) -> Answer {
        // No `Retry-After` is known.
        Answer::bare(429)
    }

    fn limit_headers(&self, standings: &[WindowUsage]) -> Vec<(&'static str, String)> {
        let names = [
            (MINUTE, "X-RateLimit-MinuteLimit", "X-RateLimit-MinuteRemaining"),
            (HOUR, "X-RateLimit-HourLimit", "X-RateLimit-HourRemaining"),
        ];
        let headers = names.into_iter().filter_map(|(seconds, limit, remaining)| {
            let standing = standings.iter().find(|standing| standing.limit.seconds == seconds)?;
            let left = standing.limit.calls.saturating_sub(standing.used);
            Some([(limit, standing.limit.calls.to_string()), (remaining, left.to_string())])
        });
        headers.flatten().collect()
    }

    fn error(&self, status: Option<u16>, body: &Value) -> Answer {
        Answer::json(status.unwrap_or(400), body)
    }

    fn resources(&self) -> &'static [&'static str] {
        &[SEGMENTS]
    }

    fn percent_per_day(&self, _resource: &str) -> u64 {
        250
    }

    fn make(&self, _resource: &str, account: &mut Account, at: i64) -> Vec<Value> {
        vec![generate::segment(account, at)]
    }

    fn oddities(
        &self,
        account: &mut Account,
        first: i64,
        _now: i64,
    ) -> Vec<(&'static str, i64, Value)> {
        generate::oddities(account, first)
            .into_iter()
            .map(|(stored_at, value)| (SEGMENTS, stored_at, value))
            .collect()
    }

    fn file(
        &self,
        _resource: &str,
        account: &mut Account,
        mut value: Value,
        stored_at: i64,
    ) -> Item {
        // Segments have no id at the partner. This one is for the control API only and is not sent.
        let id = account.new_id();
        if let Some(fields) = value.as_object_mut() {
            fields.entry("lastUpdate").or_insert_with(|| json!(time::write_utc(stored_at)));
        }
        let time = time::field(&value, "startTime").unwrap_or(stored_at);
        Item { id, time, modified: stored_at, value }
    }

    fn refile(&self, _resource: &str, item: &mut Item, now: i64) {
        if let Some(fields) = item.value.as_object_mut() {
            fields.insert("lastUpdate".to_owned(), json!(time::write_utc(now)));
        }
        item.time = time::field(&item.value, "startTime").unwrap_or(item.time);
        item.modified = now;
    }

    fn retouch(&self, _resource: &str, value: &mut Value, rng: &mut Rng) {
        generate::retouch(value, rng);
    }

    fn notifies(&self) -> Option<&'static dyn Notifies> {
        Some(&Moves)
    }
}

/// The version that a path names, and the rest of the path; the newer version where it names none.
fn version(path: &str) -> (Version, &str) {
    if let Some(rest) = path.strip_prefix("/api/1.0") {
        return (Version::One, rest);
    }
    (Version::OneOne, path.strip_prefix("/api/1.1").unwrap_or(path))
}

/// In the header, or as a parameter.
fn token<'a>(call: &'a Call<'_>) -> Option<&'a str> {
    call.bearer.or_else(|| call.params.get("access_token"))
}

/// The account behind a data call, when its token is valid for the scope.
fn authorized(desk: &mut Desk<'_>, call: &Call<'_>, scope: &str) -> Result<usize, Answer> {
    let token = token(call).unwrap_or_default();
    match desk.state.tokens.use_access(token, desk.now) {
        TokenStanding::Good { account } if desk.state.tokens.has_scope(token, scope) => Ok(account),
        // Not documented; RFC 6750 asks for it.
        TokenStanding::Good { .. } => {
            Err(Answer::json(403, &json!({"error": "insufficient_scope"})))
        }
        // No body: the bodies are not reliable.
        TokenStanding::Bad | TokenStanding::Revoked => Err(Answer::bare(401)),
    }
}
