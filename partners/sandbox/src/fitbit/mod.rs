//! A simulated Fitbit Web API as it was, after <https://dev.fitbit.com/build/reference/web-api/>.
//! The end of the service is simulated by a fault of status 410 for all calls.

mod activities;
mod body;
mod failure;
mod foods;
mod form;
mod generate;
mod notices;
mod oauth;
mod subscriptions;
mod wall;

use serde_json::{Value, json};

use crate::accounts::Account;
use crate::call::{Answer, Call, Params};
use crate::collection::Item;
use crate::limits::{Limit, LimitedBy, Limits};
use crate::notifications::Notifies;
use crate::partner::{App, Consent, Desk, Paths, State, Wire};
use crate::rng::Rng;
use crate::tokens::{Lifetimes, TokenStanding};

const WEIGHT: &str = "weight";
const FAT: &str = "fat";
const ACTIVITIES: &str = "activities";
const FOODS: &str = "foods";

/// All scopes.
const SCOPES: [&str; 15] = [
    "activity",
    "cardio_fitness",
    "electrocardiogram",
    "heartrate",
    "irregular_rhythm_notifications",
    "location",
    "nutrition",
    "oxygen_saturation",
    "profile",
    "respiratory_rate",
    "settings",
    "sleep",
    "social",
    "temperature",
    "weight",
];

/// Documented: 150 requests per hour for each consented user.
const HOURLY: Limit = Limit { calls: 150, seconds: 3_600 };

/// The partner.
#[derive(Debug)]
pub(crate) struct Fitbit;

/// Six characters that identify the user.
fn encoded_id(user_id: i64) -> String {
    let mut rest = user_id.unsigned_abs();
    let mut text = String::new();
    while text.len() < 6 {
        let digit = u32::try_from(rest % 36).unwrap_or_default();
        text.insert(0, char::from_digit(digit, 36).unwrap_or('0').to_ascii_uppercase());
        rest /= 36;
    }
    text
}

/// The parts of a path below `/1/user/-/`, the last one without its `.json`.
fn parts(path: &str) -> Option<Vec<&str>> {
    let path = path.strip_prefix("/1/user/")?.strip_suffix(".json")?;
    Some(path.split('/').collect())
}

impl Wire for Fitbit {
    fn name(&self) -> &'static str {
        "fitbit"
    }

    fn title(&self) -> &'static str {
        "Fitbit"
    }

    fn paths(&self) -> Paths {
        Paths {
            request_token: None,
            authorize: "/oauth2/authorize",
            token: "/oauth2/token",
            revoke: Some("/oauth2/revoke"),
        }
    }

    fn limits(&self) -> Limits {
        // Stricter than the vendor, whose windows begin at the full hour: here any 3,600 seconds
        // are one.
        Limits { account: Some(HOURLY), ..Limits::none() }
    }

    fn lifetimes(&self) -> Lifetimes {
        // Eight hours; without end, written as a hundred years; two minutes.
        Lifetimes {
            access: Some(28_800),
            refresh: Some(100 * 365 * 86_400),
            replaced_refresh: Some(120),
        }
    }

    fn scopes_are_ticked(&self) -> bool {
        true
    }

    fn scopes(&self) -> &'static [&'static str] {
        &SCOPES
    }

    fn consent(&self, app: &App, query: &Params) -> Result<Consent, String> {
        oauth::consent(app, query)
    }

    fn route(&self, path: &str) -> &'static str {
        match path {
            "/oauth2/token" => return "/oauth2/token",
            "/oauth2/revoke" => return "/oauth2/revoke",
            _ => {}
        }
        match parts(path).unwrap_or_default().as_slice() {
            [_, rest @ ..] if subscriptions::place(rest).is_some() => "/apiSubscriptions",
            [_, "body", "log", WEIGHT, ..] => "/body/log/weight",
            [_, "body", "log", FAT, ..] => "/body/log/fat",
            [_, "activities", ..] => "/activities",
            [_, "foods", "log", ..] => "/foods/log",
            _ => "other",
        }
    }

    fn caller(&self, call: &Call<'_>, state: &State) -> Option<usize> {
        // Token calls belong to the application and count for no account.
        if !call.path.starts_with("/oauth2/") {
            return call.bearer.and_then(|token| state.tokens.owner(token));
        }
        None
    }

    fn answer(&self, desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
        match call.path {
            "/oauth2/token" if call.method == "POST" => oauth::token(desk, call),
            "/oauth2/revoke" if call.method == "POST" => oauth::revoke(desk, call),
            _ => {
                let answer = data(desk, call).unwrap_or_else(|refusal| refusal);
                with_limits(self, desk, call, answer)
            }
        }
    }

    fn limited(&self, _by: LimitedBy, wait_us: u64) -> Answer {
        let seconds = wait_us.div_ceil(1_000_000).to_string();
        let message =
            "Rate limit exceeded for the user. Please try again at the start of the hour.";
        failure::of(429, "request", Some("n/a"), message)
            .with_header("Retry-After", seconds.clone())
            .with_header("Fitbit-Rate-Limit-Limit", HOURLY.calls.to_string())
            .with_header("Fitbit-Rate-Limit-Remaining", "0".to_owned())
            .with_header("Fitbit-Rate-Limit-Reset", seconds)
    }

    fn error(&self, status: Option<u16>, body: &Value) -> Answer {
        Answer::json(status.unwrap_or(400), body)
    }

    fn resources(&self) -> &'static [&'static str] {
        &[WEIGHT, FAT, ACTIVITIES, FOODS]
    }

    fn percent_per_day(&self, resource: &str) -> u64 {
        match resource {
            WEIGHT => 70,
            FAT => 40,
            ACTIVITIES => 60,
            _ => 250,
        }
    }

    fn make(&self, resource: &str, account: &mut Account, at: i64) -> Vec<Value> {
        generate::make(resource, account, at)
    }

    fn oddities(
        &self,
        account: &mut Account,
        first: i64,
        _now: i64,
    ) -> Vec<(&'static str, i64, Value)> {
        let made = generate::oddities(account, first);
        made.into_iter().map(|(resource, value)| (resource, first + 60, value)).collect()
    }

    fn file(&self, resource: &str, account: &mut Account, value: Value, stored_at: i64) -> Item {
        match resource {
            ACTIVITIES => activities::file(account, value, stored_at),
            FOODS => foods::file(account, value, stored_at),
            _ => body::file(value, stored_at),
        }
    }

    fn refile(&self, resource: &str, item: &mut Item, now: i64) {
        let time = match resource {
            ACTIVITIES => activities::time_of(&item.value),
            FOODS => foods::time_of(&item.value),
            _ => body::time_of(&item.value),
        };
        if let Some(fields) = item.value.as_object_mut() {
            fields.insert("logId".to_owned(), json!(item.id));
            if resource == ACTIVITIES {
                fields.insert("lastModified".to_owned(), json!(wall::instant(now)));
            }
        }
        (item.time, item.modified) = (time.unwrap_or(item.time), now);
    }

    fn retouch(&self, resource: &str, value: &mut Value, rng: &mut Rng) {
        generate::retouch(resource, value, rng);
    }

    fn notifies(&self) -> Option<&'static dyn Notifies> {
        Some(&Fitbit)
    }
}

/// Handles everything below `/1/user/`.
fn data(desk: &mut Desk<'_>, call: &Call<'_>) -> Result<Answer, Answer> {
    let parts = parts(call.path).unwrap_or_default();
    let [user, rest @ ..] = parts.as_slice() else {
        return Err(failure::not_found());
    };
    if let Some(place) = subscriptions::place(rest) {
        return subscriptions::answer(desk, call, user, place);
    }
    let scope = match rest.first() {
        Some(&"body") => "weight",
        Some(&"activities") => "activity",
        Some(&"foods") => "nutrition",
        _ => return Err(failure::not_found()),
    };
    let number = authorized(desk, call, scope)?;
    let now = desk.now;
    let account = desk.state.accounts.get_mut(number).ok_or_else(failure::not_found)?;
    if *user != "-" && *user != encoded_id(account.user_id) {
        return Err(failure::not_found());
    }
    Ok(match (call.method, rest) {
        ("GET", ["body", "log", log, "date", first]) => {
            body::read(account, body_log(log)?, first, None)
        }
        ("GET", ["body", "log", log, "date", first, last]) => {
            body::read(account, body_log(log)?, first, Some(last))
        }
        ("POST", ["body", "log", log]) => body::create(account, body_log(log)?, call, now),
        ("DELETE", ["body", "log", log, id]) => delete(account, body_log(log)?, id, now),
        ("GET", ["activities", "list"]) => activities::list(account, call),
        ("POST", ["activities"]) => activities::create(account, call, now),
        ("DELETE", ["activities", id]) => delete(account, ACTIVITIES, id, now),
        ("GET", ["foods", "log", "date", day]) => foods::read(account, day),
        ("POST", ["foods", "log"]) => foods::create(account, call, now),
        ("DELETE", ["foods", "log", id]) => delete(account, FOODS, id, now),
        _ => failure::not_found(),
    })
}

fn body_log(name: &str) -> Result<&'static str, Answer> {
    match name {
        WEIGHT => Ok(WEIGHT),
        FAT => Ok(FAT),
        _ => Err(failure::not_found()),
    }
}

/// A deletion answers 204.
fn delete(account: &mut Account, resource: &'static str, id: &str, now: i64) -> Answer {
    let id = id.parse::<i64>().ok();
    match id.is_some_and(|id| account.collection_mut(resource).remove(id, now)) {
        true => Answer::bare(204),
        false => failure::not_found(),
    }
}

/// The account behind a call, when its token is valid and the user left the scope ticked.
fn authorized(desk: &mut Desk<'_>, call: &Call<'_>, scope: &str) -> Result<usize, Answer> {
    let token = call.bearer.unwrap_or_default();
    let known = desk.state.tokens.owner(token).is_some();
    match desk.state.tokens.use_access(token, desk.now) {
        TokenStanding::Good { account } if desk.state.tokens.has_scope(token, scope) => Ok(account),
        TokenStanding::Good { .. } => {
            let message =
                format!("This application does not have permission to access {scope} data.");
            Err(failure::of(403, "insufficient_scope", Some("n/a"), &message))
        }
        TokenStanding::Bad if known => {
            Err(failure::of(401, "expired_token", Some("n/a"), "Access token expired"))
        }
        TokenStanding::Bad | TokenStanding::Revoked => {
            Err(failure::of(401, "invalid_token", Some("n/a"), "Access token invalid"))
        }
    }
}

/// Adds the limit headers that every answer has; the reset is in seconds.
fn with_limits(wire: &Fitbit, desk: &Desk<'_>, call: &Call<'_>, answer: Answer) -> Answer {
    let account = wire.caller(call, desk.state).and_then(|it| desk.state.accounts.get(it));
    let (Some(account), Some(limit)) = (account, desk.state.limits.account) else {
        return answer;
    };
    let made = u32::try_from(account.calls.len()).unwrap_or(u32::MAX);
    answer
        .with_header("Fitbit-Rate-Limit-Limit", limit.calls.to_string())
        .with_header("Fitbit-Rate-Limit-Remaining", limit.calls.saturating_sub(made).to_string())
        .with_header("Fitbit-Rate-Limit-Reset", (3_600 - desk.now.rem_euclid(3_600)).to_string())
}
