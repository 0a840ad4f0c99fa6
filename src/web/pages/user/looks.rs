//! Shapes and words of states.

use crate::model::{Cause, ChangeCause, ChangeKind, Condition, LineOutcome, LinkState};
use crate::web::pages::chart;
use crate::web::pages::frame::Mark;
use crate::web::{State, admin};

/// How a connection is, as a shape and a word.
pub(super) fn condition(condition: Condition) -> Mark {
    let (class, symbol) = match condition {
        Condition::Working => ("is-ok", "m-ok"),
        Condition::FirstSync => ("is-run", "m-run"),
        Condition::WaitsForLimit | Condition::Restarting => ("is-warn", "m-wait"),
        Condition::Failing => ("is-warn", "m-warn"),
        Condition::PartnerDown | Condition::MustReconnect => ("is-bad", "m-bad"),
        Condition::Disconnected | Condition::NotInstalled => ("is-off", "m-off"),
        Condition::Ended => ("is-off", "m-ended"),
    };
    Mark { class, symbol, word: condition.words() }
}

/// How an entry of the timeline ended.
pub(super) fn outcome(outcome: LineOutcome) -> Mark {
    let (class, symbol, word) = match outcome {
        LineOutcome::Ok => ("is-ok", "m-ok", "done"),
        LineOutcome::Connected => ("is-ok", "m-ok", "connected"),
        LineOutcome::Unconfirmed => ("is-run", "m-wait", "waits for the app"),
        LineOutcome::Changed => ("is-run", "m-run", "changed"),
        LineOutcome::Corrected => ("is-run", "m-run", "corrected"),
        LineOutcome::NotGranted => ("is-warn", "m-warn", "not granted"),
        LineOutcome::Interrupted => ("is-off", "m-off", "interrupted"),
        LineOutcome::Limited => ("is-warn", "m-wait", "waits for a limit"),
        LineOutcome::Failed => ("is-warn", "m-warn", "failed"),
        LineOutcome::NeedsReconnect => ("is-bad", "m-bad", "must reconnect"),
        LineOutcome::Denied => ("is-off", "m-off", "denied"),
        LineOutcome::Disconnected => ("is-off", "m-off", "disconnected"),
        LineOutcome::Ended => ("is-off", "m-ended", "ended"),
    };
    Mark { class, symbol, word }
}

/// Why a sync ran.
pub(super) fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Connect => "The first sync after a connect, or the connect itself.",
        Cause::Request => "It was asked for.",
        Cause::Schedule => "It was due.",
        Cause::Notification => "The partner announced something new.",
        Cause::Push => "Something waited to go there.",
        Cause::Settings => "The settings of the connection were changed.",
        Cause::Disconnect => "The connection was ended.",
    }
}

/// What a partner has of a record.
pub(super) fn link(state: LinkState) -> Mark {
    let (class, symbol, word) = match state {
        LinkState::InStep => ("is-ok", "m-ok", "Has it"),
        LinkState::NotWritten => ("is-off", "m-off", "Has an earlier version"),
        LinkState::Create | LinkState::Update | LinkState::Delete => {
            ("is-off", "m-wait", "On its way")
        }
        LinkState::Creating | LinkState::Updating | LinkState::Deleting => {
            ("is-warn", "m-wait", "Not known yet")
        }
        LinkState::Refused => ("is-bad", "m-bad", "Refused"),
        LinkState::Gone => ("is-off", "m-off", "Gone there"),
    };
    Mark { class, symbol, word }
}

/// What happened to a record, and why.
pub(super) fn change(
    state: &State,
    change: ChangeKind,
    cause: Option<ChangeCause>,
    partner: Option<&str>,
) -> String {
    let what = match change {
        ChangeKind::Created => "came to be",
        ChangeKind::Deleted => "was deleted",
        _ => "changed",
    };
    let title = partner.map(|name| admin::users::list::title(state, name));
    match (cause, title) {
        (Some(ChangeCause::Host), _) => format!("It {what}: the host app said so."),
        (Some(ChangeCause::Push), Some(title)) => {
            format!("It {what} when it was pushed to {title}, which showed it differently.")
        }
        (_, Some(title)) => format!("It {what} by a sync with {title}."),
        (_, None) => format!("It {what}."),
    }
}

/// Shape and colour of a source in charts: the same on all pages.
pub(super) fn source(state: &State, partner: Option<&str>) -> chart::Mark {
    let Some(partner) = partner else { return chart::Mark::HOST };
    let place = state.directory.specs().position(|spec| spec.name() == partner);
    chart::Mark::nth(place.unwrap_or_else(|| state.directory.specs().count()))
}

/// A source by its name.
pub(super) fn source_title<'a>(state: &State, partner: Option<&'a str>) -> &'a str {
    partner.map_or("Host app", |name| admin::users::list::title(state, name))
}
