//! A simulated Withings, after <https://developer.withings.com/api-reference> and the data of
//! public clients.

mod envelope;
mod generate;
mod load;
mod measure;
mod notices;
mod notify;
mod oauth;
mod signed;
mod workouts;

use serde_json::{Value, json};

use crate::accounts::Account;
use crate::call::{Answer, Call, Params};
use crate::collection::Item;
use crate::limits::{LimitedBy, Limits};
use crate::notifications::Notifies;
use crate::partner::{App, Consent, Desk, Paths, State, Wire};
use crate::rng::Rng;
use crate::tokens::{Lifetimes, TokenStanding};

/// Body measurements, `getmeas`.
pub(crate) const MEASURE: &str = "measure";
/// Exercises, `getworkouts`.
pub(crate) const WORKOUTS: &str = "workouts";

const SCOPES: [&str; 4] = ["user.info", "user.metrics", "user.activity", "user.sleepevents"];

/// The paths of both.
const MEASURE_PATH: &str = "/measure";
const WORKOUTS_PATH: &str = "/v2/measure";

/// Groups or workouts a page, as in a sample that continues at offset 100.
const PAGE: usize = 100;

/// The partner.
#[derive(Debug)]
pub(crate) struct Withings;

impl Wire for Withings {
    fn name(&self) -> &'static str {
        "withings"
    }

    fn title(&self) -> &'static str {
        "Withings"
    }

    fn paths(&self) -> Paths {
        Paths {
            request_token: None,
            authorize: "/oauth2_user/authorize2",
            token: "/v2/oauth2",
            revoke: Some("/v2/oauth2"),
        }
    }

    fn limits(&self) -> Limits {
        Limits::withings()
    }

    fn lifetimes(&self) -> Lifetimes {
        // Three hours, a year, eight hours.
        Lifetimes {
            access: Some(10_800),
            refresh: Some(365 * 86_400),
            replaced_refresh: Some(8 * 3_600),
        }
    }

    fn scopes(&self) -> &'static [&'static str] {
        &SCOPES
    }

    fn consent(&self, app: &App, query: &Params) -> Result<Consent, String> {
        oauth::consent(app, query)
    }

    fn route(&self, path: &str) -> &'static str {
        match path {
            MEASURE_PATH => MEASURE_PATH,
            WORKOUTS_PATH => WORKOUTS_PATH,
            "/v2/oauth2" => "/v2/oauth2",
            "/v2/signature" => "/v2/signature",
            "/notify" | "/v2/notify" => "/notify",
            _ => "other",
        }
    }

    fn caller(&self, call: &Call<'_>, state: &State) -> Option<usize> {
        let token = call.bearer.or_else(|| call.params.get("refresh_token"));
        let by_token = token.and_then(|token| state.tokens.owner(token));
        by_token.or_else(|| state.codes.owner(call.params.get("code")?)).or_else(|| {
            let user = call.params.get("userid")?.parse().ok()?;
            state.accounts.number_of_user(user)
        })
    }

    fn answer(&self, desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
        let service = match call.path {
            MEASURE_PATH => measure::answer,
            WORKOUTS_PATH => workouts::answer,
            "/v2/oauth2" => oauth::answer,
            "/v2/signature" => signed::answer,
            "/notify" | "/v2/notify" => notify::answer,
            _ => {
                return Answer::new(
                    404,
                    "text/html",
                    "<!doctype html><title>404</title><h1>Not Found</h1>",
                );
            }
        };
        if !matches!(call.method, "GET" | "POST") {
            return Answer::bare(405);
        }
        if let Some(apart) = desk.state.limits.same_call_seconds
            && let Some(wait) = desk.state.repeats.note(call.digest(), desk.now, apart)
        {
            desk.state.counts.dedupe_hits += 1;
            return envelope::too_soon(wait);
        }
        load::answer(desk, call).unwrap_or_else(|| service(desk, call))
    }

    fn limited(&self, _by: LimitedBy, wait_us: u64) -> Answer {
        Answer::json(
            200,
            &json!({"status": 601, "body": {"wait_seconds": wait_us.div_ceil(1_000_000)}, "error": "Too Many Requests"}),
        )
    }

    fn error(&self, status: Option<u16>, body: &Value) -> Answer {
        Answer::json(status.unwrap_or(200), body)
    }

    fn resources(&self) -> &'static [&'static str] {
        &[MEASURE, WORKOUTS]
    }

    fn percent_per_day(&self, resource: &str) -> u64 {
        if resource == MEASURE { 110 } else { 45 }
    }

    fn make(&self, resource: &str, account: &mut Account, at: i64) -> Vec<Value> {
        if resource == MEASURE {
            generate::measurement(account, at)
        } else {
            generate::workout(account, at)
        }
    }

    fn oddities(
        &self,
        account: &mut Account,
        first: i64,
        _now: i64,
    ) -> Vec<(&'static str, i64, Value)> {
        generate::oddities(account, first)
            .into_iter()
            .map(|value| (MEASURE, first + 60, value))
            .collect()
    }

    fn file(
        &self,
        resource: &str,
        account: &mut Account,
        mut value: Value,
        stored_at: i64,
    ) -> Item {
        let (id_name, time_name) = names(resource);
        let given_id = value.get(id_name).and_then(Value::as_i64);
        let id = given_id.unwrap_or_else(|| account.new_id());
        if let Some(fields) = value.as_object_mut() {
            fields.entry(id_name).or_insert_with(|| json!(id));
            fields.entry("modified").or_insert_with(|| json!(stored_at));
            if resource == MEASURE {
                fields.entry("created").or_insert_with(|| json!(stored_at));
            }
        }
        let time = value.get(time_name).and_then(Value::as_i64).unwrap_or(stored_at);
        let modified = value.get("modified").and_then(Value::as_i64).unwrap_or(stored_at);
        Item { id, time, modified, value }
    }

    fn refile(&self, resource: &str, item: &mut Item, now: i64) {
        let (id_name, time_name) = names(resource);
        if let Some(fields) = item.value.as_object_mut() {
            fields.insert("modified".to_owned(), json!(now));
            fields.insert(id_name.to_owned(), json!(item.id));
        }
        item.time = item.value.get(time_name).and_then(Value::as_i64).unwrap_or(item.time);
        item.modified = now;
    }

    fn retouch(&self, resource: &str, value: &mut Value, rng: &mut Rng) {
        generate::retouch(resource, value, rng);
    }

    fn notifies(&self) -> Option<&'static dyn Notifies> {
        Some(&Withings)
    }
}

fn names(resource: &str) -> (&'static str, &'static str) {
    if resource == MEASURE { ("grpid", "date") } else { ("id", "startdate") }
}

/// The account behind a data call, when its token is valid and the user granted the scope.
fn authorized(desk: &mut Desk<'_>, call: &Call<'_>, scope: &str) -> Result<usize, Answer> {
    let token = call.bearer.unwrap_or_default();
    match desk.state.tokens.use_access(token, desk.now) {
        TokenStanding::Good { account } if desk.state.tokens.has_scope(token, scope) => Ok(account),
        // One of four known numbers; this one belongs to the documented "unauthorized" family.
        TokenStanding::Good { .. } => {
            Err(envelope::failed(277, "Unauthorized: insufficient scope"))
        }
        TokenStanding::Bad | TokenStanding::Revoked => Err(envelope::failed(
            401,
            "XRequestID: Not provided invalid_token: The access token provided is invalid",
        )),
    }
}

/// A whole number among the parameters; `None` when it is missing.
fn number(call: &Call<'_>, name: &str) -> Result<Option<i64>, Answer> {
    match call.params.get(name) {
        None => Ok(None),
        Some(text) => match text.trim().parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(envelope::invalid(name)),
        },
    }
}

/// Where the page begins.
fn offset(call: &Call<'_>) -> Result<usize, Answer> {
    let offset = number(call, "offset")?.unwrap_or(0);
    usize::try_from(offset).map_err(|_| envelope::invalid("offset"))
}
