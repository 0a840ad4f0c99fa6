//! A simulated Strava, after <https://developers.strava.com/docs/>.

mod activities;
mod create;
mod events;
mod generate;
mod oauth;
mod subscription;
mod wall;

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

/// The one resource with data.
pub(crate) const ACTIVITIES: &str = "activities";

/// All scopes (<https://developers.strava.com/docs/authentication/>).
const SCOPES: [&str; 7] = [
    "read",
    "read_all",
    "profile:read_all",
    "profile:write",
    "activity:read",
    "activity:read_all",
    "activity:write",
];

const QUARTER: u32 = 900;
const DAY: u32 = 86_400;

/// The partner.
#[derive(Debug)]
pub(crate) struct Strava;

impl Wire for Strava {
    fn name(&self) -> &'static str {
        "strava"
    }

    fn title(&self) -> &'static str {
        "Strava"
    }

    fn paths(&self) -> Paths {
        Paths {
            request_token: None,
            authorize: "/oauth/authorize",
            token: "/oauth/token",
            revoke: Some("/oauth/deauthorize"),
        }
    }

    fn lifetimes(&self) -> Lifetimes {
        // Six hours; refresh tokens do not expire, and a replaced one is invalid at once.
        Lifetimes {
            access: Some(21_600),
            refresh: Some(100 * 365 * 86_400),
            replaced_refresh: Some(0),
        }
    }

    fn limits(&self) -> Limits {
        // <https://developers.strava.com/docs/rate-limits/>.
        let fixed = vec![
            FixedLimit::app(200, QUARTER),
            FixedLimit::app(2_000, DAY),
            FixedLimit::app(100, QUARTER).of_reads(),
            FixedLimit::app(1_000, DAY).of_reads(),
        ];
        Limits { fixed, ..Limits::none() }
    }

    fn scopes(&self) -> &'static [&'static str] {
        &SCOPES
    }

    fn consent(&self, app: &App, query: &Params) -> Result<Consent, String> {
        oauth::consent(app, query)
    }

    fn scopes_are_ticked(&self) -> bool {
        true
    }

    fn callback_params(&self, granted: &[String]) -> Vec<(&'static str, String)> {
        // The `scope` of the callback is authoritative.
        vec![("scope", granted.join(","))]
    }

    fn route(&self, path: &str) -> &'static str {
        match path {
            "/oauth/token" => "/oauth/token",
            "/oauth/deauthorize" => "/oauth/deauthorize",
            "/athlete" => "/athlete",
            "/athlete/activities" => "/athlete/activities",
            "/activities" => "/activities",
            _ if subscription(path).is_some() => "/push_subscriptions",
            _ if activity_id(path).is_some() => "/activities/{id}",
            _ => "other",
        }
    }

    fn caller(&self, call: &Call<'_>, state: &State) -> Option<usize> {
        let token = call
            .bearer
            .or_else(|| call.params.get("access_token"))
            .or_else(|| call.params.get("refresh_token"));
        let by_token = token.and_then(|token| state.tokens.owner(token));
        by_token.or_else(|| state.codes.owner(call.params.get("code")?))
    }

    fn answer(&self, desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
        match (call.method, call.path) {
            ("POST", "/oauth/token") => oauth::token(desk, call),
            ("POST", "/oauth/deauthorize") => oauth::deauthorize(desk, call),
            ("GET", "/athlete") => oauth::athlete(desk, call),
            ("GET", "/athlete/activities") => activities::list(desk, call),
            ("POST", "/activities") => create::create(desk, call),
            (_, path) if subscription(path).is_some() => {
                subscription::answer(desk, call, subscription(path).flatten())
            }
            // There is no call that deletes.
            ("GET" | "PUT", path) => match (activity_id(path), call.method) {
                (Some(id), "GET") => activities::one(desk, call, id),
                (Some(id), _) => create::update(desk, call, id),
                (None, _) => not_found(),
            },
            _ => not_found(),
        }
    }

    fn limited(&self, _by: LimitedBy, _wait_us: u64) -> Answer {
        fault(429, "Rate Limit Exceeded", "Application", "rate limit", "exceeded")
    }

    fn limit_headers(&self, standings: &[WindowUsage]) -> Vec<(&'static str, String)> {
        let joined = |reads, what: fn(&WindowUsage) -> u32| {
            let mut family: Vec<_> =
                standings.iter().filter(|standing| standing.limit.reads == reads).collect();
            family.sort_by_key(|standing| standing.limit.seconds);
            let numbers: Vec<_> =
                family.into_iter().map(|standing| what(standing).to_string()).collect();
            numbers.join(",")
        };
        let headers = [
            ("X-RateLimit-Limit", joined(false, |standing| standing.limit.calls)),
            ("X-RateLimit-Usage", joined(false, |standing| standing.used)),
            ("X-ReadRateLimit-Limit", joined(true, |standing| standing.limit.calls)),
            ("X-ReadRateLimit-Usage", joined(true, |standing| standing.used)),
        ];
        headers.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    fn error(&self, status: Option<u16>, body: &Value) -> Answer {
        Answer::json(status.unwrap_or(403), body)
    }

    fn resources(&self) -> &'static [&'static str] {
        &[ACTIVITIES]
    }

    fn percent_per_day(&self, _resource: &str) -> u64 {
        60
    }

    fn make(&self, _resource: &str, account: &mut Account, at: i64) -> Vec<Value> {
        vec![generate::activity(account, at)]
    }

    fn oddities(
        &self,
        account: &mut Account,
        first: i64,
        _now: i64,
    ) -> Vec<(&'static str, i64, Value)> {
        generate::oddities(account, first)
            .into_iter()
            .map(|(stored_at, value)| (ACTIVITIES, stored_at, value))
            .collect()
    }

    fn file(
        &self,
        _resource: &str,
        account: &mut Account,
        mut value: Value,
        stored_at: i64,
    ) -> Item {
        let id = value.get("id").and_then(Value::as_i64).unwrap_or_else(|| {
            // Current ids need more than 32 bits.
            10_000_000_000 + account.new_id()
        });
        let time = wall::start(&value).unwrap_or(stored_at);
        if let Some(fields) = value.as_object_mut() {
            for (name, given) in wall::fields(time, account.zone) {
                fields.entry(name).or_insert(given);
            }
            fields.entry("id").or_insert_with(|| json!(id));
            fields
                .entry("athlete")
                .or_insert_with(|| json!({"id": account.user_id, "resource_state": 1}));
        }
        Item { id, time, modified: stored_at, value }
    }

    fn refile(&self, _resource: &str, item: &mut Item, now: i64) {
        if let Some(fields) = item.value.as_object_mut() {
            fields.insert("id".to_owned(), json!(item.id));
        }
        item.time = wall::start(&item.value).unwrap_or(item.time);
        item.modified = now;
    }

    fn retouch(&self, _resource: &str, value: &mut Value, rng: &mut Rng) {
        generate::retouch(value, rng);
    }

    fn notifies(&self) -> Option<&'static dyn Notifies> {
        Some(&Strava)
    }
}

/// The path of the subscription, with its id if it names one.
fn subscription(path: &str) -> Option<Option<&str>> {
    match path.strip_prefix("/push_subscriptions")? {
        "" => Some(None),
        id => Some(Some(id.strip_prefix('/')?)),
    }
}

fn activity_id(path: &str) -> Option<i64> {
    path.strip_prefix("/activities/")?.parse().ok()
}

/// The form of every error.
fn fault(status: u16, message: &str, resource: &str, field: &str, code: &str) -> Answer {
    let error = json!({"resource": resource, "field": field, "code": code});
    Answer::json(status, &json!({"message": message, "errors": [error]}))
}

/// Also for what was deleted and for what the application may not see.
fn not_found() -> Answer {
    fault(404, "Record Not Found", "Activity", "", "not found")
}

/// The account behind a data call, when its token is valid and the user granted one of the scopes;
/// `permission` names them in the refusal.
fn authorized(
    desk: &mut Desk<'_>,
    call: &Call<'_>,
    scopes: &[&str],
    permission: &str,
) -> Result<usize, Answer> {
    let token = call.bearer.or_else(|| call.params.get("access_token")).unwrap_or_default();
    match desk.state.tokens.use_access(token, desk.now) {
        TokenStanding::Good { account } => {
            let granted = scopes.iter().any(|scope| desk.state.tokens.has_scope(token, scope));
            // 401 here, not 403.
            let refusal =
                || fault(401, "Authorization Error", "AccessToken", permission, "missing");
            granted.then_some(account).ok_or_else(refusal)
        }
        TokenStanding::Bad | TokenStanding::Revoked => {
            Err(fault(401, "Authorization Error", "Athlete", "access_token", "invalid"))
        }
    }
}
