//! What a user chooses for a connection: what is polled and pushed, and the time zone.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use chrono_tz::Tz;
use partner_sdk::{Kind, Manifest};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::model::{Choice, Connection, Direction, TIME_ZONE};
use crate::oauth::not_granted;
use crate::web::Problem;
use crate::web::texts::Text;

/// The user's choices. Fields and kinds that are left out stay unchanged.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({"poll": {"weight": false}, "push": {"exercise": true}, "time_zone": "Europe/Stockholm"}))]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct Choices {
    /// Kinds to poll (`true`) or not to poll (`false`).
    #[serde(default)]
    pub(in crate::web) poll: BTreeMap<String, bool>,
    /// Kinds to push (`true`) or not to push (`false`).
    #[serde(default)]
    pub(in crate::web) push: BTreeMap<String, bool>,
    /// A name from the IANA time zone database, e.g. `Europe/Stockholm`.
    pub(in crate::web) time_zone: Option<String>,
}

impl Choices {
    /// The choices, if the partner offers all of them.
    pub(in crate::web) fn check(self, manifest: &'static Manifest) -> Result<Vec<Choice>, Problem> {
        let mut chosen = Vec::new();
        let (polled, pushed) = (manifest.poll_kinds(), manifest.push_kinds());
        for (field, direction, switches, kinds) in [
            ("poll", Direction::Poll, self.poll, polled.as_slice()),
            ("push", Direction::Push, self.push, pushed.as_slice()),
        ] {
            for (name, on) in switches {
                let kind = known_kind(field, &name, kinds, manifest)?;
                chosen.push(Choice::new(manifest, direction.property(kind), on.to_string()));
            }
        }
        if let Some(name) = self.time_zone {
            Text::Id.check("time_zone", &name).map_err(|why| unprocessable("time-zone", why))?;
            let Ok(zone) = name.parse::<Tz>() else {
                let detail = format!(
                    "time_zone: there is no time zone `{name}`; use a name such as Europe/Stockholm"
                );
                return Err(unprocessable("time-zone", detail));
            };
            chosen.push(Choice::new(manifest, TIME_ZONE.to_owned(), zone.name().to_owned()));
        }
        Ok(chosen)
    }
}

/// The choices in words, for the timeline.
pub(in crate::web) fn in_words(choices: &[Choice]) -> String {
    let words: Vec<_> =
        choices.iter().map(|choice| format!("{} = {}", choice.name, choice.value)).collect();
    words.join(", ")
}

/// Refuses to switch on what the user is known not to have granted: it would only be switched off
/// again.
pub(super) fn check_granted(
    choices: &[Choice],
    manifest: &'static Manifest,
    connection: &Connection,
) -> Result<(), Problem> {
    let granted = connection.scopes.as_deref();
    let missing = granted.map(|granted| not_granted(manifest, granted)).unwrap_or_default();
    for (direction, kinds, reason) in missing {
        let names: Vec<String> = kinds.iter().map(|kind| direction.property(*kind)).collect();
        let is_missing = |choice: &&Choice| choice.value == "true" && names.contains(&choice.name);
        if let Some(choice) = choices.iter().find(is_missing) {
            let (name, partner) = (&choice.name, &connection.partner);
            let user = connection.user_id.in_address();
            let detail = format!(
                "{name}: {reason}; let the user connect again: POST /v1/users/{user}/connections/{partner}/authorize makes a new link"
            );
            return Err(unprocessable("not-granted", detail));
        }
    }
    Ok(())
}

fn known_kind(
    field: &str,
    name: &str,
    kinds: &[Kind],
    manifest: &Manifest,
) -> Result<Kind, Problem> {
    kinds.iter().copied().find(|kind| kind.name() == name).ok_or_else(|| {
        let known: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
        let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
        let title = manifest.title;
        let detail =
            format!("{field}: `{name}` cannot be {field}ed at {title}; what can be: {known}");
        unprocessable("unknown-kind", detail)
    })
}

fn unprocessable(kind: &str, detail: String) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, kind, detail)
}
