//! What surrounds every page of the administrator: navigation, search, and how fresh it is.

use super::answer::NoPage;
use super::session::SignedIn;
use super::words;
use crate::incidents::{IncidentCode, IncidentGroup};
use crate::web::State;
use chrono::{DateTime, Utc};

/// Which entry of the navigation a page belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::web) enum Place {
    Overview,
    Actors,
    Users,
    Errors,
    Webhooks,
    Keys,
    Audit,
    Settings,
    /// The page of this partner.
    Partner(String),
}

/// A state as a shape, a colour and a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) struct Mark {
    /// The class: `is-ok`, `is-warn`, `is-bad`, `is-off`.
    pub(in crate::web) class: &'static str,
    /// The id of the shape in `symbols.html`.
    pub(in crate::web) symbol: &'static str,
    /// The word.
    pub(in crate::web) word: &'static str,
}

/// An entry of the navigation.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) title: &'static str,
    pub(super) address: &'static str,
    pub(super) is_current: bool,
    pub(super) count: usize,
    /// What is counted.
    pub(super) counted: &'static str,
}

/// A partner in the navigation.
#[derive(Debug)]
pub(super) struct PartnerItem {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) state: Mark,
    pub(super) is_current: bool,
}

/// What the template `frame.html` shows.
#[derive(Debug)]
pub(in crate::web) struct Frame {
    pub(super) items: Vec<Item>,
    pub(super) partners: Vec<PartnerItem>,
    pub(super) version: &'static str,
    pub(super) uptime: String,
    pub(super) signed_in_as: String,
    /// Whether forms that change something are shown.
    pub(in crate::web) may_change: bool,
    /// What forms carry.
    pub(in crate::web) form_token: String,
    /// What stands in the search field.
    pub(in crate::web) searched: String,
    pub(super) now_machine: String,
    pub(super) now_clock: String,
    /// When the page was made.
    pub(in crate::web) now: DateTime<Utc>,
}

impl Frame {
    /// The frame of a page.
    pub(in crate::web) async fn new(
        state: &State,
        session: &SignedIn,
        place: Place,
    ) -> Result<Self, NoPage> {
        let now = state.now();
        let open = state.store().incident_groups().await?;
        let item = |title, address, of: Place, count, counted| Item {
            title,
            address,
            is_current: place == of,
            count,
            counted,
        };
        let failing = open.iter().filter(|it| it.code == IncidentCode::WebhookFailing);
        let failing = failing.map(|it| usize::try_from(it.incidents).unwrap_or_default()).sum();
        let partners = state.directory.specs().map(|spec| PartnerItem {
            name: spec.name(),
            title: spec.manifest().title,
            state: state_of(
                spec.name(),
                spec.ended.is_some(),
                state.directory.paused_since(spec.name()).is_some(),
                &open,
            ),
            is_current: place == Place::Partner(spec.name().to_owned()),
        });
        let who = &session.who;
        let signed_in_as = match &who.key_id {
            Some(id) if who.label.is_empty() => format!("key {id}"),
            _ => who.label.clone(),
        };
        Ok(Self {
            items: vec![
                item("Overview", "/admin", Place::Overview, 0, ""),
                item("Actors", "/admin/actors", Place::Actors, 0, ""),
                item("Users", "/admin/users", Place::Users, 0, ""),
                item("Errors", "/admin/errors", Place::Errors, open.len(), "open"),
                item("Webhooks", "/admin/webhooks", Place::Webhooks, failing, "failing"),
                item("API keys", "/admin/keys", Place::Keys, 0, ""),
                item("Audit log", "/admin/audit", Place::Audit, 0, ""),
                item("Settings", "/admin/settings", Place::Settings, 0, ""),
            ],
            partners: partners.collect(),
            version: env!("CARGO_PKG_VERSION"),
            uptime: words::span(now - state.started_at),
            signed_in_as,
            may_change: who.may_change,
            form_token: session.form_token(),
            searched: String::new(),
            now_machine: words::machine(&now),
            now_clock: now.format("%H:%M:%S").to_string(),
            now,
        })
    }
}

/// How a partner is, from what is open about it as a whole.
fn state_of(name: &str, is_ended: bool, is_paused: bool, open: &[IncidentGroup]) -> Mark {
    let has = |code| open.iter().any(|it| it.code == code && it.partner.as_deref() == Some(name));
    match () {
        () if is_ended => Mark { class: "is-off", symbol: "m-ended", word: "ended" },
        () if is_paused => Mark { class: "is-off", symbol: "m-pause", word: "paused" },
        () if has(IncidentCode::PartnerDown) => {
            Mark { class: "is-bad", symbol: "m-bad", word: "not answering" }
        }
        () if has(IncidentCode::LimitExhausted) || has(IncidentCode::QuotaTooSmall) => {
            Mark { class: "is-warn", symbol: "m-warn", word: "at its limit" }
        }
        () => Mark { class: "is-ok", symbol: "m-ok", word: "running" },
    }
}
