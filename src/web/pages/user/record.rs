//! One record: what each partner has of it, why, and what happened to it.

use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};

use super::looks;
use crate::model::{RecordId, UserId};
use crate::web::State;
use crate::web::admin::users::list::title;
use crate::web::admin::users::record::{self, RecordPage};
use crate::web::api::links::LinkView;
use crate::web::api::records::Source;
use crate::web::pages::answer::{NoPage, page};
use crate::web::pages::assets;
use crate::web::pages::frame::{Frame, Mark, Place};
use crate::web::pages::session::SignedIn;
use crate::web::pages::words;

/// What one side has of the record.
struct Side {
    who: String,
    mark: Mark,
    detail: String,
}

#[derive(Template)]
#[template(path = "record.html")]
struct Shown {
    frame: Frame,
    user: String,
    address: String,
    title: String,
    id: String,
    says: String,
    whereabouts: String,
    when: String,
    sides: Vec<Side>,
    causes: Vec<String>,
    next: String,
    fields: Vec<(String, String)>,
    history: Vec<(String, String, String)>,
    more: bool,
}

/// Shows a record.
pub(super) async fn show(
    session: SignedIn,
    path: web::Path<(UserId, RecordId)>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let view = record::view(&state, path).await?;
    let mut frame = Frame::new(&state, &session, Place::Users).await?;
    let record = &view.record.record;
    record.user_id.as_str().clone_into(&mut frame.searched);
    let now = frame.now;
    let when = |text: &str| text.parse::<DateTime<Utc>>().map(|at| words::clock(&at, &now));
    let history = view.history.iter().map(|line| {
        let what = looks::change(&state, line.change, line.cause, line.partner.as_deref());
        (words::machine(&line.at), words::clock(&line.at, &now), what)
    });
    let next = match view.explanation.next.at {
        Some(at) => format!("{}, {}", words::clock(&at, &now), view.explanation.next.why),
        None => view.explanation.next.why.clone(),
    };
    let kind = record.kind.clone();
    let shown = Shown {
        title: format!("A record of {}: {}", record.user_id, view.whereabouts),
        user: record.user_id.to_string(),
        address: record.user_id.in_address(),
        id: record.id.to_string(),
        says: view.says.clone(),
        whereabouts: view.whereabouts.clone(),
        when: format!(
            "{kind}, {}{}",
            when(&record.start).unwrap_or_default(),
            if record.deleted { "; deleted" } else { "" }
        ),
        sides: sides(&state, &view, now),
        causes: view.explanation.causes.iter().map(|cause| cause.sentence.clone()).collect(),
        next,
        fields: view.fields(),
        history: history.collect(),
        more: view.more,
        frame,
    };
    page(&shown)
}

fn sides(state: &State, view: &RecordPage, now: DateTime<Utc>) -> Vec<Side> {
    let here = Mark { class: "is-run", symbol: "m-run", word: "Comes from here" };
    let (who, detail, source) = match &view.record.record.source {
        Source::Partner { partner, id } => {
            (title(state, partner).to_owned(), format!("as {id}"), Some(partner.as_str()))
        }
        Source::App { app } => ("Host app".to_owned(), format!("entered as {app}"), None),
    };
    let origin = Side { who, mark: here, detail };
    let others = view.record.partners.iter().filter(|link| Some(link.partner.as_str()) != source);
    let other = |link: &LinkView| Side {
        who: title(state, &link.partner).to_owned(),
        mark: looks::link(link.state),
        detail: link_words(link, now),
    };
    std::iter::once(origin).chain(others.map(other)).collect()
}

fn link_words(link: &LinkView, now: DateTime<Utc>) -> String {
    let at = |text: &Option<String>| {
        let at = text.as_deref()?.parse::<DateTime<Utc>>().ok()?;
        Some(words::clock(&at, &now))
    };
    let mut parts = Vec::new();
    parts.extend(at(&link.pushed_at).map(|at| format!("pushed {at}")));
    parts.extend(link.external_id.as_ref().map(|id| format!("there it is {id}")));
    parts.extend(link.reason.clone());
    if link.attempts > 0 {
        parts.push(words::count(link.attempts.into(), "failed try", "failed tries"));
    }
    parts.extend(at(&link.due_at).map(|at| format!("next try {at}")));
    parts.join("; ")
}
