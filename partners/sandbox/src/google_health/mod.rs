//! A simulated Google Health, after <https://developers.google.com/health> and, where that leaves
//! questions open, the API reference of v4.

mod error;
mod filter;
mod generate;
mod list;
mod notices;
mod oauth;
mod service_account;
mod shape;
mod subscribers;
mod time;
mod write;

use serde_json::{Value, json};

use self::error::Refusal;
use crate::accounts::Account;
use crate::call::{Answer, Call, Params};
use crate::collection::Item;
use crate::limits::{Limit, LimitedBy, Limits};
use crate::notifications::Notifies;
use crate::partner::{App, Consent, Desk, Paths, State, Wire};
use crate::rng::Rng;
use crate::tokens::{Lifetimes, TokenStanding};

pub use self::service_account::service_account_json;

/// The scopes since May/June 2026.
const SCOPES: [&str; 10] = [
    "https://www.googleapis.com/auth/googlehealth.activity_and_fitness.readonly",
    "https://www.googleapis.com/auth/googlehealth.activity_and_fitness.writeonly",
    "https://www.googleapis.com/auth/googlehealth.health_metrics_and_measurements.readonly",
    "https://www.googleapis.com/auth/googlehealth.health_metrics_and_measurements.writeonly",
    "https://www.googleapis.com/auth/googlehealth.nutrition.readonly",
    "https://www.googleapis.com/auth/googlehealth.nutrition.writeonly",
    "https://www.googleapis.com/auth/googlehealth.profile.readonly",
    "https://www.googleapis.com/auth/googlehealth.sleep.readonly",
    "https://www.googleapis.com/auth/googlehealth.settings.readonly",
    "https://www.googleapis.com/auth/googlehealth.location.readonly",
];

/// A kind of data with its names.
#[derive(Debug)]
struct DataType {
    /// Name in addresses.
    id: &'static str,
    /// Name in points.
    field: &'static str,
    /// Name in filters.
    snake: &'static str,
    /// The group of scopes.
    group: &'static str,
    /// Whether it has a duration, and an interval instead of one time.
    session: bool,
    /// The largest page size, and the default one.
    page: (usize, usize),
    routes: [&'static str; 3],
}

macro_rules! data_type {
    ($id:literal $field:literal $snake:literal $group:literal session: $session:literal page: $page:expr) => {
        DataType {
            id: $id,
            field: $field,
            snake: $snake,
            group: concat!("https://www.googleapis.com/auth/googlehealth.", $group),
            session: $session,
            page: $page,
            routes: [
                concat!("/v4/users/me/dataTypes/", $id, "/dataPoints"),
                concat!("/v4/users/me/dataTypes/", $id, "/dataPoints/{id}"),
                concat!("/v4/users/me/dataTypes/", $id, "/dataPoints:batchDelete"),
            ],
        }
    };
}

static TYPES: [DataType; 5] = [
    data_type!("weight" "weight" "weight" "health_metrics_and_measurements" session: false page: (10_000, 1_440)),
    data_type!("body-fat" "bodyFat" "body_fat" "health_metrics_and_measurements" session: false page: (10_000, 1_440)),
    data_type!("height" "height" "height" "health_metrics_and_measurements" session: false page: (10_000, 1_440)),
    data_type!("exercise" "exercise" "exercise" "activity_and_fitness" session: true page: (25, 25)),
    data_type!("nutrition-log" "nutritionLog" "nutrition_log" "nutrition" session: true page: (10_000, 1_440)),
];

impl DataType {
    fn of(id: &str) -> Option<&'static Self> {
        TYPES.iter().find(|known| known.id == id)
    }

    fn name(&self, account: &Account, id: i64) -> String {
        format!("users/{}/dataTypes/{}/dataPoints/{id}", account.user_id, self.id)
    }
}

/// The partner.
#[derive(Debug)]
pub(crate) struct GoogleHealth;

/// What a path leads to.
enum RoutePath<'a> {
    Token,
    Revoke,
    Identity,
    Points(&'a str),
    Point(&'a str, &'a str),
    BatchDelete(&'a str),
    /// All, or the one with that id.
    Subscribers(Option<&'a str>),
}

/// The place, and the user or the project it belongs to.
fn place(path: &str) -> Option<(RoutePath<'_>, &str)> {
    match path {
        "/token" => return Some((RoutePath::Token, "me")),
        "/revoke" => return Some((RoutePath::Revoke, "me")),
        _ => {}
    }
    if let Some(rest) = path.strip_prefix("/v4/projects/") {
        let (project, rest) = rest.split_once('/')?;
        let id = match rest.strip_prefix("subscribers")? {
            "" => None,
            id => Some(id.strip_prefix('/').filter(|id| !id.contains('/'))?),
        };
        return Some((RoutePath::Subscribers(id), project));
    }
    let mut parts = path.strip_prefix("/v4/users/")?.split('/');
    let user = parts.next()?;
    let found = match (parts.next()?, parts.next(), parts.next(), parts.next()) {
        ("identity", None, None, None) => RoutePath::Identity,
        ("dataTypes", Some(kind), Some("dataPoints"), None) => RoutePath::Points(kind),
        ("dataTypes", Some(kind), Some("dataPoints:batchDelete"), None) => {
            RoutePath::BatchDelete(kind)
        }
        ("dataTypes", Some(kind), Some("dataPoints"), Some(id)) => RoutePath::Point(kind, id),
        _ => return None,
    };
    parts.next().is_none().then_some((found, user))
}

impl Wire for GoogleHealth {
    fn name(&self) -> &'static str {
        "google_health"
    }

    fn title(&self) -> &'static str {
        "Google Health"
    }

    fn paths(&self) -> Paths {
        Paths {
            request_token: None,
            authorize: "/o/oauth2/v2/auth",
            token: "/token",
            revoke: Some("/revoke"),
        }
    }

    fn limits(&self) -> Limits {
        // Per minute: of the project and of each user.
        Limits {
            app: Some(Limit { calls: 120_000, seconds: 60 }),
            account: Some(Limit { calls: 300, seconds: 60 }),
            ..Limits::none()
        }
    }

    fn lifetimes(&self) -> Lifetimes {
        // An hour; six months without use.
        Lifetimes { access: Some(3_600), refresh: Some(183 * 86_400), replaced_refresh: Some(0) }
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
        let routes = |id: &str| DataType::of(id).map_or(["other"; 3], |kind| kind.routes);
        match place(path).map(|(place, _)| place) {
            Some(RoutePath::Token) => "/token",
            Some(RoutePath::Revoke) => "/revoke",
            Some(RoutePath::Identity) => "/v4/users/me/identity",
            Some(RoutePath::Points(id)) => routes(id)[0],
            Some(RoutePath::Point(id, _)) => routes(id)[1],
            Some(RoutePath::BatchDelete(id)) => routes(id)[2],
            Some(RoutePath::Subscribers(_)) => "/v4/projects/{project}/subscribers",
            None => "other",
        }
    }

    fn caller(&self, call: &Call<'_>, state: &State) -> Option<usize> {
        let token = call.bearer.or_else(|| call.params.get("refresh_token"));
        let by_token = token.or_else(|| call.params.get("token"));
        let by_token = by_token.and_then(|token| state.tokens.owner(token));
        by_token.or_else(|| state.codes.owner(call.params.get("code")?))
    }

    fn answer(&self, desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
        let Some((place, user)) = place(call.path) else { return error::no_such_address() };
        match (place, call.method) {
            (RoutePath::Token, "POST") => oauth::token(desk, call),
            (RoutePath::Revoke, "POST") => oauth::revoke(desk, call),
            (RoutePath::Subscribers(id), _) => {
                subscribers::answer(desk, call, user, id).unwrap_or_else(|refusal| refusal)
            }
            (RoutePath::Identity, "GET") => {
                identity(desk, call, user).unwrap_or_else(|refusal| refusal)
            }
            (RoutePath::Points(kind), "GET") => {
                list::points(desk, call, user, kind).unwrap_or_else(|refusal| refusal)
            }
            (RoutePath::Points(kind), "POST") => {
                write::create(desk, call, user, kind).unwrap_or_else(|refusal| refusal)
            }
            (RoutePath::Point(kind, id), "GET") => {
                list::point(desk, call, user, kind, id).unwrap_or_else(|refusal| refusal)
            }
            (RoutePath::Point(kind, id), "PATCH") => {
                write::patch(desk, call, user, kind, id).unwrap_or_else(|refusal| refusal)
            }
            (RoutePath::BatchDelete(kind), "POST") => {
                write::batch_delete(desk, call, user, kind).unwrap_or_else(|refusal| refusal)
            }
            _ => error::no_such_address(),
        }
    }

    fn limited(&self, by: LimitedBy, _wait_us: u64) -> Answer {
        error::exhausted(match by {
            LimitedBy::App => "Requests per minute",
            LimitedBy::Account => "Requests per minute per user",
        })
    }

    fn error(&self, status: Option<u16>, body: &Value) -> Answer {
        Answer::json(status.unwrap_or(400), body)
    }

    fn resources(&self) -> &'static [&'static str] {
        &["weight", "body-fat", "height", "exercise", "nutrition-log"]
    }

    fn percent_per_day(&self, resource: &str) -> u64 {
        match resource {
            "weight" => 80,
            "body-fat" => 50,
            "exercise" => 60,
            "nutrition-log" => 220,
            _ => 0,
        }
    }

    fn make(&self, resource: &str, account: &mut Account, at: i64) -> Vec<Value> {
        DataType::of(resource).map(|kind| generate::point(kind, account, at)).into_iter().collect()
    }

    fn oddities(
        &self,
        account: &mut Account,
        first: i64,
        _now: i64,
    ) -> Vec<(&'static str, i64, Value)> {
        generate::oddities(account, first)
    }

    fn file(
        &self,
        resource: &str,
        account: &mut Account,
        mut value: Value,
        stored_at: i64,
    ) -> Item {
        let given = value.get("name").and_then(Value::as_str);
        let given = given.and_then(|name| name.rsplit('/').next()?.parse().ok());
        let id = given.unwrap_or_else(|| account.new_id());
        let time = DataType::of(resource).and_then(|kind| {
            if let Some(fields) = value.as_object_mut() {
                fields.entry("name").or_insert_with(|| json!(kind.name(account, id)));
            }
            time::started(kind, &value)
        });
        let time = time.map_or(stored_at, |(instant, _)| instant);
        Item { id, time, modified: stored_at, value }
    }

    fn refile(&self, resource: &str, item: &mut Item, now: i64) {
        if let Some((instant, _)) =
            DataType::of(resource).and_then(|kind| time::started(kind, &item.value))
        {
            item.time = instant;
        }
        if let Some(updated) = item.value.pointer_mut("/exercise/updateTime") {
            *updated = json!(time::instant(now));
        }
        item.modified = now;
    }

    fn retouch(&self, _resource: &str, value: &mut Value, rng: &mut Rng) {
        generate::retouch(value, rng);
    }

    fn notifies(&self) -> Option<&'static dyn Notifies> {
        Some(&GoogleHealth)
    }
}

/// The account of a call, when its token is valid and the user granted one of the scopes.
fn authorized(
    desk: &mut Desk<'_>,
    call: &Call<'_>,
    user: &str,
    scopes: &[String],
) -> Result<usize, Refusal> {
    let token = call.bearer.unwrap_or_default();
    let TokenStanding::Good { account } = desk.state.tokens.use_access(token, desk.now) else {
        return Err(error::unauthenticated());
    };
    let user_id = desk.state.accounts.get(account).map(|account| account.user_id.to_string());
    if user != "me" && Some(user) != user_id.as_deref() {
        return Err(error::other_user());
    }
    if scopes.iter().any(|scope| desk.state.tokens.has_scope(token, scope)) {
        Ok(account)
    } else {
        Err(error::missing_scope())
    }
}

/// A data type by the name it has in an address.
fn data_type(id: &str) -> Result<&'static DataType, Refusal> {
    let unknown = || error::misfit(&format!("The data type ID {id} is not supported."));
    DataType::of(id).ok_or_else(unknown)
}

/// Refuses a parameter that the API does not have.
fn known_parameters(call: &Call<'_>, known: &[&str]) -> Result<(), Refusal> {
    match call.params.iter().find(|(name, _)| !known.contains(name)) {
        Some((name, _)) => Err(error::misfit(&format!(
            "Invalid JSON payload received. Unknown name \"{name}\": Cannot bind query parameter. Field '{name}' could \
             not be found in request message."
        ))),
        None => Ok(()),
    }
}

/// Returns the user's id, which the token answer does not contain.
fn identity(desk: &mut Desk<'_>, call: &Call<'_>, user: &str) -> Result<Answer, Refusal> {
    let groups =
        ["profile", "activity_and_fitness", "health_metrics_and_measurements", "settings", "sleep"];
    let scopes: Vec<String> = groups
        .iter()
        .map(|group| format!("https://www.googleapis.com/auth/googlehealth.{group}.readonly"))
        .collect();
    let account = authorized(desk, call, user, &scopes)?;
    known_parameters(call, &[])?;
    let user_id = desk.state.accounts.get(account).map_or(0, |account| account.user_id);
    Ok(Answer::json(
        200,
        &json!({
            "name": "users/me/identity",
            "legacyUserId": format!("{user_id:X}"),
            "healthUserId": user_id.to_string(),
        }),
    ))
}
