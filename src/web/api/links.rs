//! The state of a record at each partner.

use chrono::{DateTime, SecondsFormat, Utc};
use partner_sdk::Kind;
use serde::Serialize;
use utoipa::ToSchema;

use crate::actors::Directory;
use crate::model::{LinkState, WaitingFor};
use crate::store::Link;
use crate::sync::items::ItemState;

/// The state that is shown.
pub(super) fn state_of(link: &Link) -> LinkState {
    match link.state {
        ItemState::InStep if link.is_current => LinkState::InStep,
        ItemState::InStep => LinkState::NotWritten,
        ItemState::Create => LinkState::Create,
        ItemState::Update => LinkState::Update,
        ItemState::Delete => LinkState::Delete,
        ItemState::Creating => LinkState::Creating,
        ItemState::Updating => LinkState::Updating,
        ItemState::Deleting => LinkState::Deleting,
        ItemState::Refused => LinkState::Refused,
        ItemState::Gone => LinkState::Gone,
    }
}

/// The state of a record at a partner.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"partner": "runkeeper", "state": "in_step", "external_id": "/weight/7100503514", "attempts": 0, "reason": null, "pushed_at": "2026-11-22T06:15:03.201Z", "due_at": null, "waiting_for": null}))]
pub(in crate::web) struct LinkView {
    pub(in crate::web) partner: String,
    pub(in crate::web) state: LinkState,
    /// The partner's id of the record.
    pub(in crate::web) external_id: Option<String>,
    /// The number of failed pushes in a row.
    pub(in crate::web) attempts: i32,
    /// Why the record was refused, why it is not pushed yet, or why it never will be.
    pub(in crate::web) reason: Option<String>,
    #[schema(format = DateTime)]
    pub(in crate::web) pushed_at: Option<String>,
    /// When the next push is due; null while one is under way.
    #[schema(format = DateTime)]
    pub(in crate::web) due_at: Option<String>,
    /// The limit that this waits for, if it waits for one.
    pub(in crate::web) waiting_for: Option<WaitingFor>,
}

impl LinkView {
    /// The view of a link of a record of this kind.
    pub(super) fn new(link: Link, kind: Option<Kind>, directory: &Directory) -> Self {
        let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let state = state_of(&link);
        let reason = match (state, kind) {
            (LinkState::NotWritten, Some(kind)) => {
                Some(not_written(&link.partner, kind, directory))
            }
            _ => link.reason,
        };
        Self {
            state,
            reason,
            partner: link.partner,
            external_id: link.external_id,
            attempts: link.attempts,
            pushed_at: link.pushed_at.map(text),
            due_at: link.due_at.map(text),
            waiting_for: link.waiting_for,
        }
    }
}

/// Why a change does not reach a partner.
fn not_written(partner: &str, kind: Kind, directory: &Directory) -> String {
    let Some(manifest) = directory.spec(partner).map(|spec| spec.manifest()) else {
        return format!("{partner} is not installed any more; it has what it had");
    };
    let title = manifest.title;
    match manifest.writable(kind) {
        None => format!("{title} takes no changes of {kind}; it still has what it had"),
        Some(_) => format!(
            "push.{kind} was off at {title} when the record changed; it still has what it had. \
             With push.{kind} on, the next change is pushed"
        ),
    }
}
