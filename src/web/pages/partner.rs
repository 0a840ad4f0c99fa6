//! The page of a partner: does it run, what is left of its limits, how many users they carry.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::answer::{NoPage, page, see};
use super::frame::{Frame, Mark, Place};
use super::issue::Issue;
use super::partner_words::{
    ConnectionRow, GroupRow, Health, LimitRow, connection_rows, group_rows, heading, health,
    limit_row,
};
use super::session::{SignedForm, SignedIn};
use super::{assets, words};
use crate::installed::InstalledPartner;
use crate::limits::Priority;
use crate::web::State;
use crate::web::admin::outlook::OutlookView;
use crate::web::admin::partner_view::{PartnerReport, report};
use crate::web::admin::partners::{pause_partner, resume_partner};
use crate::web::api::sync::sync_all;
use crate::web::audit::AuditNote;

/// A failure of syncs, in words.
struct Failure {
    message: String,
    count: String,
    last: String,
    last_machine: String,
    user: Option<(String, String)>,
}

#[derive(Template)]
#[template(path = "partner.html")]
struct PartnerPage {
    frame: Frame,
    name: &'static str,
    title: &'static str,
    heading: String,
    state: Mark,
    facts: Vec<String>,
    /// How many users were asked to be synced just now.
    asked: Option<String>,
    is_paused: bool,
    is_ended: bool,
    issues: Vec<Issue>,
    limits: Vec<LimitRow>,
    /// The shares of a limit, in percent, that polls and the history of new connections leave free.
    kept: (u32, u32),
    outlook: Option<OutlookView>,
    by_status: Vec<ConnectionRow>,
    by_group: Vec<GroupRow>,
    health: Option<Health>,
    failures: Vec<Failure>,
}

/// What was done just before.
#[derive(Deserialize)]
pub(super) struct Before {
    /// How many users are synced.
    synced: Option<u64>,
}

/// Shows the page.
pub(super) async fn show(
    session: SignedIn,
    partner: web::Path<String>,
    before: web::Query<Before>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let spec = Arc::clone(state.partner(&partner)?);
    let frame = Frame::new(&state, &session, Place::Partner(spec.name().to_owned())).await?;
    let report = report(&state, &spec).await?;
    page(&shown(frame, &spec, report, before.synced))
}

fn shown(
    frame: Frame,
    spec: &InstalledPartner,
    report: PartnerReport,
    synced: Option<u64>,
) -> PartnerPage {
    let (now, summary) = (frame.now, &report.summary);
    let title = summary.title;
    let (heading, state_mark) = heading(&report, &now);
    let failures = report.failures.iter().map(|failure| Failure {
        message: failure.message.clone(),
        count: words::number(failure.count),
        last: words::clock(&failure.last_at, &now),
        last_machine: words::machine(&failure.last_at),
        user: failure.user_id.as_deref().map(|user| (user.to_owned(), user_page(user))),
    });
    let free = |priority: Priority| 100 - priority.share();
    PartnerPage {
        name: spec.name(),
        title,
        heading,
        state: state_mark,
        facts: facts(&report, &now),
        asked: synced.map(|users| match users {
            1 => "One user is synced".to_owned(),
            users => format!("{} users are synced", words::number(users)),
        }),
        is_paused: summary.paused_since.is_some(),
        is_ended: summary.ended.is_some(),
        issues: report.errors.iter().map(|group| Issue::of_group(group, &now)).collect(),
        limits: report.limits.iter().map(|limit| limit_row(limit, &now)).collect(),
        kept: (free(Priority::Scheduled), free(Priority::Backfill)),
        by_status: connection_rows(&report, spec.name()),
        by_group: group_rows(&report),
        health: report.notifications.as_ref().map(|it| health(it, &report, &now)),
        failures: failures.collect(),
        outlook: report.outlook,
        frame,
    }
}

/// The address of a user's page.
pub(super) fn user_page(user: &str) -> String {
    format!("/admin/users/{}", crate::model::UserId::stored(user).in_address())
}

/// What stands below the title.
fn facts(report: &PartnerReport, now: &DateTime<Utc>) -> Vec<String> {
    let summary = &report.summary;
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let mut facts = vec![words::count(count(summary.connections.connected), "user", "users")];
    let up = words::span(*now - summary.started_at);
    facts.push(match summary.restarts {
        0 => format!("up {up}"),
        restarts => format!(
            "restarted {}, the last time {up} ago",
            words::count(restarts.into(), "time", "times")
        ),
    });
    if let Some(failure) = &summary.last_failure {
        facts.push(format!("stopped at {}: {}", words::clock(&failure.at, now), failure.reason));
    }
    let syncs =
        |number: usize| words::count(i64::try_from(number).unwrap_or(i64::MAX), "sync", "syncs");
    facts.push(format!(
        "{} running, {} waiting",
        syncs(report.syncs_running),
        report.syncs_waiting
    ));
    if let Some(late) = report.lateness_p99_ms.filter(|late| *late >= 60_000) {
        let late = chrono::TimeDelta::milliseconds(i64::try_from(late).unwrap_or(i64::MAX));
        facts.push(format!("polls come up to {} late", words::span(late)));
    }
    facts
}

/// What an administrator does here.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Deed {
    Pause,
    Resume,
    Sync,
}

#[derive(Deserialize)]
pub(super) struct Deeds {
    #[serde(rename = "do")]
    deed: Deed,
}

/// Pauses, resumes or syncs.
pub(super) async fn act(
    note: AuditNote,
    form: SignedForm<Deeds>,
    partner: web::Path<String>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let spec = Arc::clone(state.partner(&partner)?);
    tracing::info!(partner.name = spec.name(), by = form.session.who.label, "asked on its page");
    let mut address = format!("/admin/partners/{}", spec.name());
    match form.fields.deed {
        Deed::Pause => {
            note.action("partner.paused");
            pause_partner(&state, &spec).await?;
        }
        Deed::Resume => {
            note.action("partner.resumed");
            resume_partner(&state, &spec).await?;
        }
        Deed::Sync => {
            note.action("partner.synced");
            let users = sync_all(&state, spec.name()).await?;
            address.push_str(&format!("?synced={users}"));
        }
    }
    Ok(see(&address))
}
