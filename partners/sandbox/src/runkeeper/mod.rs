//! A simulated RunKeeper Health Graph. It follows the documentation at
//! developer.runkeeper.com/healthgraph (offline now, quoted by public clients) and the code of
//! public clients.

mod changes;
mod feed;
mod generate;
mod item;
mod media;
mod oauth;
mod wall;
mod write;

use serde_json::{Value, json};

use crate::accounts::Account;
use crate::call::{Answer, Call, Params};
use crate::collection::Item;
use crate::limits::{LimitedBy, Limits};
use crate::partner::{App, Consent, Desk, Paths, State, Wire};
use crate::rng::Rng;
use crate::tokens::{Lifetimes, TokenStanding};

/// A kind of data with its names.
#[derive(Debug)]
struct Resource {
    /// Path without the slash.
    name: &'static str,
    /// Name in `/user` and in the change log.
    key: &'static str,
    feed: &'static str,
    item: &'static str,
}

const RESOURCES: [Resource; 8] = [
    Resource {
        name: "fitnessActivities",
        key: "fitness_activities",
        feed: "FitnessActivityFeed",
        item: "FitnessActivity",
    },
    Resource {
        name: "strengthTrainingActivities",
        key: "strength_training_activities",
        feed: "StrengthTrainingActivityFeed",
        item: "StrengthTrainingActivity",
    },
    Resource {
        name: "backgroundActivities",
        key: "background_activities",
        feed: "BackgroundActivitySetFeed",
        item: "BackgroundActivitySet",
    },
    Resource { name: "weight", key: "weight", feed: "WeightSetFeed", item: "WeightSet" },
    Resource {
        name: "nutrition",
        key: "nutrition",
        feed: "NutritionSetFeed",
        item: "NutritionSet",
    },
    Resource { name: "sleep", key: "sleep", feed: "SleepSetFeed", item: "SleepSet" },
    Resource {
        name: "generalMeasurements",
        key: "general_measurements",
        feed: "GeneralMeasurementSetFeed",
        item: "GeneralMeasurementSet",
    },
    Resource {
        name: "diabetes",
        key: "diabetes",
        feed: "DiabetesMeasurementSetFeed",
        item: "DiabetesMeasurementSet",
    },
];

/// The permissions of the application's registration; the authorize address names no scopes.
const PERMISSIONS: [&str; 3] =
    ["Read Health Information", "Edit Health Information", "Retain Health Information"];

/// The partner.
#[derive(Debug)]
pub(crate) struct RunKeeper;

/// What a path leads to.
enum RoutePath {
    Token,
    DeAuthorize,
    User,
    ChangeLog,
    Feed(&'static Resource),
    Item(&'static Resource, i64),
}

fn place(path: &str) -> Option<RoutePath> {
    let mut parts = path.trim_start_matches('/').split('/');
    let found = match (parts.next()?, parts.next()) {
        ("apps", Some("token")) => RoutePath::Token,
        ("apps", Some("de-authorize")) => RoutePath::DeAuthorize,
        ("user", None) => RoutePath::User,
        ("changeLog", None) => RoutePath::ChangeLog,
        (name, id) => {
            let resource = RESOURCES.iter().find(|resource| resource.name == name)?;
            match id {
                None => RoutePath::Feed(resource),
                Some(id) => RoutePath::Item(resource, id.parse().ok()?),
            }
        }
    };
    parts.next().is_none().then_some(found)
}

fn methods(place: &RoutePath) -> &'static [&'static str] {
    match place {
        RoutePath::Token | RoutePath::DeAuthorize => &["POST"],
        RoutePath::Feed(resource) if write::form(resource).is_some() => &["GET", "POST"],
        RoutePath::Item(resource, _) if write::form(resource).is_some() => {
            &["GET", "PUT", "DELETE"]
        }
        _ => &["GET"],
    }
}

impl Wire for RunKeeper {
    fn name(&self) -> &'static str {
        "runkeeper"
    }

    fn title(&self) -> &'static str {
        "RunKeeper"
    }

    fn paths(&self) -> Paths {
        Paths {
            request_token: None,
            authorize: "/apps/authorize",
            token: "/apps/token",
            revoke: Some("/apps/de-authorize"),
        }
    }

    fn limits(&self) -> Limits {
        Limits::runkeeper()
    }

    fn lifetimes(&self) -> Lifetimes {
        // Tokens live until the user revokes them, and there is no refresh token.
        Lifetimes { access: None, refresh: None, replaced_refresh: Some(0) }
    }

    fn scopes(&self) -> &'static [&'static str] {
        &[]
    }

    fn consent(&self, app: &App, query: &Params) -> Result<Consent, String> {
        let redirect_uri = crate::authorize::checked_request(app, query)?;
        let state = query.get("state").map(str::to_owned);
        Ok(Consent { scopes: Vec::new(), permissions: PERMISSIONS.to_vec(), redirect_uri, state })
    }

    fn route(&self, path: &str) -> &'static str {
        match place(path) {
            Some(RoutePath::Token) => "/apps/token",
            Some(RoutePath::DeAuthorize) => "/apps/de-authorize",
            Some(RoutePath::User) => "/user",
            Some(RoutePath::ChangeLog) => "/changeLog",
            Some(RoutePath::Feed(resource)) => match resource.name {
                "fitnessActivities" => "/fitnessActivities",
                "weight" => "/weight",
                "nutrition" => "/nutrition",
                _ => "other",
            },
            Some(RoutePath::Item(resource, _)) => match resource.name {
                "fitnessActivities" => "/fitnessActivities/{id}",
                "weight" => "/weight/{id}",
                "nutrition" => "/nutrition/{id}",
                _ => "other",
            },
            None => "other",
        }
    }

    fn caller(&self, call: &Call<'_>, state: &State) -> Option<usize> {
        let by_token = token(call).and_then(|token| state.tokens.owner(token));
        by_token.or_else(|| state.codes.owner(call.params.get("code")?))
    }

    fn answer(&self, desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
        let Some(place) = place(call.path) else {
            return Answer::bare(404);
        };
        if !methods(&place).contains(&call.method) {
            return Answer::bare(405);
        }
        match place {
            RoutePath::Token => return oauth::token(desk, call),
            RoutePath::DeAuthorize => return oauth::de_authorize(desk, call),
            _ => {}
        }
        let account = match desk.state.tokens.use_access(token(call).unwrap_or_default(), desk.now)
        {
            TokenStanding::Good { account } => account,
            TokenStanding::Bad => return Answer::bare(401),
            // The flag is text, not a boolean.
            TokenStanding::Revoked => {
                return media::error(403, &json!({"reason": "Revoked", "delete_health": "false"}));
            }
        };
        let is_writable = desk.state.accounts.get(account).is_some_and(|it| !it.read_only);
        if call.method != "GET" && !is_writable {
            return media::error(403, &json!({"reason": "Insufficient permission"}));
        }
        let form = |resource| write::form(resource).filter(|_| call.method != "GET");
        match place {
            RoutePath::Feed(resource) if let Some(form) = form(resource) => {
                write::create(desk, call, account, resource, form)
            }
            RoutePath::Item(resource, id) if call.method == "DELETE" => {
                write::delete(desk, account, resource, id)
            }
            RoutePath::Item(resource, id) if let Some(form) = form(resource) => {
                write::replace(desk, call, account, resource, form, id)
            }
            RoutePath::Feed(resource) => feed::answer(desk, call, account, resource),
            RoutePath::Item(resource, id) => item::answer(desk, call, account, resource, id),
            RoutePath::ChangeLog => changes::answer(desk, call, account),
            _ => user(desk, call, account),
        }
    }

    fn limited(&self, by: LimitedBy, wait_us: u64) -> Answer {
        // Only the text contains the wait and whose limit it was.
        let seconds = wait_us.div_ceil(1_000_000).max(1);
        let wait = match seconds {
            1 => "1 second".to_owned(),
            2..120 => format!("{seconds} seconds"),
            _ => format!("{} minutes", seconds.div_ceil(60)),
        };
        let whose = match by {
            LimitedBy::App => "this application",
            LimitedBy::Account => "this user",
        };
        Answer::new(
            429,
            "text/plain",
            format!("Rate limit exceeded for {whose}, try again in {wait}"),
        )
    }

    fn error(&self, status: Option<u16>, body: &Value) -> Answer {
        media::error(status.unwrap_or(403), body)
    }

    fn resources(&self) -> &'static [&'static str] {
        const NAMES: [&str; RESOURCES.len()] = {
            let mut names = [""; RESOURCES.len()];
            let mut place = 0;
            while place < names.len() {
                names[place] = RESOURCES[place].name;
                place += 1;
            }
            names
        };
        &NAMES
    }

    fn percent_per_day(&self, resource: &str) -> u64 {
        match resource {
            "fitnessActivities" => 45,
            "weight" => 70,
            "nutrition" => 200,
            _ => 0,
        }
    }

    fn make(&self, resource: &str, account: &mut Account, at: i64) -> Vec<Value> {
        match resource {
            "fitnessActivities" => vec![generate::activity(account, at)],
            "weight" => generate::weight(account, at),
            "nutrition" => vec![generate::nutrition(account, at)],
            _ => Vec::new(),
        }
    }

    fn oddities(
        &self,
        account: &mut Account,
        first: i64,
        now: i64,
    ) -> Vec<(&'static str, i64, Value)> {
        generate::oddities(account, first, now)
            .into_iter()
            .map(|(stored_at, value)| ("fitnessActivities", stored_at, value))
            .collect()
    }

    fn file(
        &self,
        resource: &str,
        account: &mut Account,
        mut value: Value,
        stored_at: i64,
    ) -> Item {
        let given = value
            .get("uri")
            .and_then(Value::as_str)
            .and_then(|uri| uri.rsplit('/').next()?.parse().ok());
        let id = given.unwrap_or_else(|| account.new_id());
        if let Some(fields) = value.as_object_mut() {
            fields.entry("uri").or_insert_with(|| json!(format!("/{resource}/{id}")));
        }
        let time = time_of(&value).unwrap_or_else(|| wall::local_seconds(stored_at, account.zone));
        Item { id, time, modified: stored_at, value }
    }

    fn refile(&self, resource: &str, item: &mut Item, now: i64) {
        if let Some(fields) = item.value.as_object_mut() {
            fields.insert("uri".to_owned(), json!(format!("/{resource}/{}", item.id)));
        }
        item.time = time_of(&item.value).unwrap_or(item.time);
        item.modified = now;
    }

    fn retouch(&self, resource: &str, value: &mut Value, rng: &mut Rng) {
        generate::retouch(resource, value, rng);
    }
}

/// When the item happened, in wall-clock seconds.
fn time_of(value: &Value) -> Option<i64> {
    let text = value.get("start_time").or_else(|| value.get("timestamp"))?.as_str()?;
    wall::parse(text)
}

/// In the header, or as a parameter.
fn token<'a>(call: &'a Call<'_>) -> Option<&'a str> {
    call.bearer.or_else(|| call.params.get("access_token"))
}

fn user(desk: &Desk<'_>, call: &Call<'_>, account: usize) -> Answer {
    if !media::accepts(call, "User") {
        return Answer::bare(406);
    }
    let mut body = json!({
        "userID": desk.state.accounts.get(account).map(|account| account.user_id),
        "profile": "/profile", "settings": "/settings", "records": "/records", "team": "/team",
        "change_log": "/changeLog",
    });
    if let Some(fields) = body.as_object_mut() {
        for resource in &RESOURCES {
            fields.insert(resource.key.to_owned(), json!(format!("/{}", resource.name)));
        }
    }
    media::answer(desk, "User", &body)
}
