//! The page of the audit log: who did what to whom.

use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::answer::{NoPage, page};
use super::frame::{Frame, Place};
use super::session::SignedIn;
use super::{assets, words};
use crate::audit::Outcome;
use crate::web::State;
use crate::web::admin::audit::{ActorKind, Asked, AuditView, entries};

/// How many entries a page lists.
const ON_A_PAGE: u32 = 50;

/// What is chosen to be shown; empty where nothing is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    user: String,
    cursor: String,
}

/// A line.
struct Row {
    seq: String,
    machine: String,
    clock: String,
    who: String,
    /// What was done, in words.
    did: String,
    user: Option<(String, String)>,
    is_erased: bool,
    about: String,
    is_refused: bool,
    is_failed: bool,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    chosen: Chosen,
    rows: Vec<Row>,
    next: Option<String>,
}

/// Shows the page.
pub(super) async fn show(
    session: SignedIn,
    chosen: web::Query<Chosen>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let chosen = chosen.into_inner();
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let (user, cursor) = (given(&chosen.user), given(&chosen.cursor));
    let found = entries(&state, Asked { user, cursor, limit: Some(ON_A_PAGE) }).await?;
    let frame = Frame::new(&state, &session, Place::Audit).await?;
    let next = found.next_cursor.map(|cursor| {
        let mut query = Serializer::new(String::new());
        query.append_pair("cursor", &cursor);
        if !chosen.user.is_empty() {
            query.append_pair("user", &chosen.user);
        }
        format!("/admin/audit?{}", query.finish())
    });
    let row = |it: AuditView| Row {
        seq: words::number(it.seq),
        machine: words::machine(&it.at),
        clock: words::clock(&it.at, &frame.now),
        who: who(it.actor_kind, it.actor.as_deref().unwrap_or_default()),
        did: did(&it.action).to_owned(),
        user: it
            .user_id
            .map(|user| (format!("/admin/users/{}", user.in_address()), user.to_string())),
        is_erased: it.user_erased,
        about: it.about.unwrap_or_default(),
        is_refused: it.outcome == Outcome::Refused,
        is_failed: it.outcome == Outcome::Failed,
    };
    let rows = found.entries.into_iter().map(row).collect();
    page(&AuditPage { rows, next, chosen, frame })
}

fn who(kind: ActorKind, name: &str) -> String {
    match kind {
        ActorKind::Key => format!("Key {name}"),
        ActorKind::Administrator => name.to_owned(),
        ActorKind::User => "The user".to_owned(),
        ActorKind::CommandLine => "The command line".to_owned(),
        ActorKind::Unknown => "Somebody unknown".to_owned(),
    }
}

/// An action in words, which follow whoever did it.
fn did(action: &str) -> &str {
    match action {
        "administrator.created" => "added an administrator",
        "administrator.password_changed" => "changed an administrator’s password",
        "administrator.removed" => "removed an administrator",
        "administrator.second_factor_removed" => "removed an administrator’s second factor",
        "administrator.second_factor_set" => "set an administrator’s second factor",
        "administrator.signed_in" => "signed in here",
        "administrator.signed_out" => "signed out",
        "connect_link.made" => "made a link to the connect page",
        "connection.awaits_confirmation" => "granted access, which the app must confirm",
        "connection.begun" => "began a connect",
        "connection.changed" => "changed what is shared",
        "connection.confirmed" => "confirmed a connect",
        "connection.connected" => "connected",
        "connection.disconnected" => "disconnected",
        "data_keys.replaced" => "asked for new data keys",
        "database.restored" => "put a backup back",
        "everybody.synced" => "asked for a sync of everybody",
        "key.created" => "made an API key",
        "key.revoked" => "revoked an API key",
        "partner.paused" => "paused a partner",
        "partner.resumed" => "resumed a partner",
        "partner.synced" => "asked for a sync of a partner’s users",
        "partner.wait_ended" => "ended a partner’s wait",
        "user.erased" => "erased a user",
        "user.exported" => "exported a user’s data",
        "user.synced" => "asked for a sync",
        "user.viewed" => "looked at a user’s data",
        "webhook.changed" => "changed a webhook endpoint",
        "webhook.created" => "added a webhook endpoint",
        "webhook.deleted" => "deleted a webhook endpoint",
        "webhook.disabled" => "switched a webhook endpoint off",
        "webhook.enabled" => "switched a webhook endpoint on",
        "webhook.replayed" => "sent events again to a webhook endpoint",
        "webhook.rotated" => "replaced a webhook endpoint’s secret",
        "webhook.tested" => "tested a webhook endpoint",
        other => other,
    }
}
