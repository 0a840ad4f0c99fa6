//! What differs between the partners: the format of their items, and what applications may do.

mod fatsecret;
mod fitbit;
mod google_health;
mod moves;
mod runkeeper;
mod strava;
mod withings;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

pub(crate) use self::fatsecret::FATSECRET;
pub(crate) use self::fitbit::FITBIT;
pub(crate) use self::google_health::GOOGLE_HEALTH;
pub(crate) use self::moves::MOVES;
pub(crate) use self::runkeeper::RUNKEEPER;
pub(crate) use self::strava::STRAVA;
pub(crate) use self::withings::WITHINGS;

/// A partner, as documented and as simulated.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) resources: &'static [Resource],
    pub(crate) writes: &'static [Write],
    /// Whether access tokens are renewed.
    pub(crate) refreshes: bool,
    /// Whether an application can revoke a grant.
    pub(crate) revokes: bool,
    /// The partner's user id of the simulated user with that number; `None` if it provides none.
    pub(crate) user_id: fn(i64) -> Option<String>,
    /// The scopes that a user may leave out.
    pub(crate) unticks: &'static [Untick],
}

/// A list of items of a partner.
pub(crate) struct Resource {
    pub(crate) name: &'static str,
    /// An item at that time with every kind that the list can hold; wall times are in UTC.
    pub(crate) item: fn(DateTime<Utc>) -> Value,
    /// The fields that a correction changes.
    pub(crate) correction: fn(&Value) -> Value,
    /// The record kind, field and value that show the correction.
    pub(crate) corrected: (&'static str, &'static str, f64),
    /// The prefix of the ids of an item's records; `None` if it yields no records now.
    pub(crate) source: fn(&Value, DateTime<Utc>) -> Option<String>,
}

/// A kind of record that a partner accepts.
pub(crate) struct Write {
    pub(crate) kind: &'static str,
    pub(crate) resource: &'static str,
    /// Where an item shows the value of [`record`], and how many of its units make one of ours.
    pub(crate) shown: (&'static str, f64),
    pub(crate) updates: bool,
    pub(crate) deletes: bool,
}

/// Scopes that are not granted, and the kinds that can then not be polled or pushed.
pub(crate) struct Untick {
    pub(crate) scopes: &'static [&'static str],
    pub(crate) polls: &'static [&'static str],
    pub(crate) pushes: &'static [&'static str],
}

/// A record of the host app of that kind, and the value that shows that it arrived.
pub(crate) fn record(kind: &str, changed: bool) -> (Value, f64) {
    let either = |first: f64, second: f64| if changed { second } else { first };
    match kind {
        "exercise" => {
            // Every partner that accepts exercises accepts the distance.
            let metres = either(5_000.0, 5_200.0);
            let exercise = json!({
                "activity": "running", "duration_s": 1_800, "energy_kcal": 310, "distance_m": metres,
            });
            (json!({"exercise": exercise}), metres)
        }
        "nutrition" => {
            let energy = either(410.0, 430.0);
            let nutrition = json!({
                "meal": "lunch", "name": "Lentil soup", "energy_kcal": energy, "fat_g": 9,
                "carbohydrate_g": 51.5, "protein_g": 20,
            });
            (json!({"nutrition": nutrition}), energy)
        }
        r#type => {
            let value = match r#type {
                "weight" => either(71.25, 70.5),
                "body_fat" => either(18.5, 19.0),
                _ => either(178.5, 179.0),
            };
            (json!({"measurement": {"type": r#type, "value": value}}), value)
        }
    }
}

/// The base of the entries: updates and deletions are accepted. Replacing an item counts as an
/// update where the partner has no call to change one.
const WRITES_ALL: Write =
    Write { kind: "", resource: "", shown: ("", 1.0), updates: true, deletes: true };

fn text<'a>(item: &'a Value, field: &str) -> Option<&'a str> {
    item.get(field)?.as_str()
}

fn number_of(user_id: i64) -> Option<String> {
    Some(user_id.to_string())
}
