//! The overview: is everything well? If not: what, since when, how many users, what mends it. Without any
//! connection: the steps to the first data.

mod charts;

use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::answer::{self, NoPage};
use super::chart::{self, Look, Part, Scale};
use super::frame::{Frame, Mark, Place};
use super::session::SignedIn;
use super::{assets, words};
use crate::incidents::IncidentCode;
use crate::web::State;
use crate::web::admin::overview::{self, Health, Issue, LimitUse, Overview, PartnerLine, Range};

/// Which time the charts are of.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    range: String,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    frame: Frame,
    title: String,
    sentence: String,
    groups: Vec<Group>,
    is_day: bool,
    charts: Vec<String>,
    figures: Vec<Figure>,
    partners: Vec<Row>,
}

#[derive(Template)]
#[template(path = "first_steps.html")]
struct FirstSteps {
    frame: Frame,
    title: &'static str,
    partners: Vec<(&'static str, String)>,
    redirect_address: String,
    has_app_key: bool,
}

/// What is wrong, by whom it needs.
struct Group {
    title: &'static str,
    issues: Vec<Line>,
}

/// Something that is wrong.
struct Line {
    mark: Mark,
    heading: String,
    facts: Vec<String>,
    mend: String,
    address: String,
    /// What stands on the button.
    act: &'static str,
}

/// A number with its name.
struct Figure {
    name: &'static str,
    value: String,
    address: Option<&'static str>,
}

/// A partner in the table.
struct Row {
    name: &'static str,
    title: &'static str,
    mark: Mark,
    state: String,
    limit: Option<(String, String)>,
    users: String,
    late: String,
    failed: String,
    newest: String,
}

/// Shows it.
pub(super) async fn show(
    session: SignedIn,
    asked: web::Query<Asked>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let range = if asked.range == "24h" { Range::Day } else { Range::Hour };
    let view = overview::view(&state, range).await?;
    let frame = Frame::new(&state, &session, Place::Overview).await?;
    match &view.setup {
        Some(setup) => {
            let partners = view.partners.iter();
            let partners = partners
                .map(|it| (it.title, setup.redirect_address.replace("{partner}", it.partner)));
            answer::page(&FirstSteps {
                frame,
                title: steps_left(setup.has_app_key, view.partners.is_empty()),
                partners: partners.collect(),
                redirect_address: setup.redirect_address.replace("{partner}", "withings"),
                has_app_key: setup.has_app_key,
            })
        }
        None => answer::page(&page(frame, &view)),
    }
}

fn steps_left(has_app_key: bool, lacks_partners: bool) -> &'static str {
    match 1 + usize::from(!has_app_key) + usize::from(lacks_partners) {
        1 => "One step to the first data",
        2 => "Two steps to the first data",
        _ => "Three steps to the first data",
    }
}

fn page(frame: Frame, view: &Overview) -> Page {
    let now = view.at;
    let groups = [
        ("Needs you", &view.needs_you),
        ("Needs users", &view.needs_users),
        ("Mends itself", &view.mends_itself),
    ];
    let groups = groups.into_iter().filter(|(_, issues)| !issues.is_empty());
    let counts = &view.connections;
    let known = format!(
        "{}, {} connected.",
        words::count(counts.users, "user", "users"),
        words::count(counts.connected, "account", "accounts")
    );
    let sentence = match (view.title.as_str(), view.sentence.as_str()) {
        ("All is well", _) => known,
        (_, "") => format!("Everything else is well: {known}"),
        (_, sentence) => format!("{sentence} Everything else is well: {known}"),
    };
    let mut figures = vec![
        Figure { name: "Users", value: words::number(counts.users), address: None },
        Figure { name: "Connected", value: words::number(counts.connected), address: None },
        Figure {
            name: "Must reconnect",
            value: words::number(counts.needs_reconnect),
            address: Some("/admin/errors?state=open&code=authorization_revoked"),
        },
    ];
    if counts.ended > 0 {
        let value = words::number(counts.ended);
        figures.push(Figure { name: "Ended by their partner", value, address: None });
    }
    Page {
        frame,
        title: view.title.clone(),
        sentence,
        groups: groups
            .map(|(title, issues)| Group {
                title,
                issues: issues.iter().map(|issue| line(issue, title, now)).collect(),
            })
            .collect(),
        is_day: view.range == Range::Day,
        charts: charts::all(view),
        figures,
        partners: view.partners.iter().map(|partner| row(partner, now)).collect(),
    }
}

fn line(issue: &Issue, group: &str, now: DateTime<Utc>) -> Line {
    let mark = match (group, issue.code) {
        ("Needs you", IncidentCode::WebhookFailing | IncidentCode::PartnerDown) => {
            Mark { class: "is-bad", symbol: "m-bad", word: "" }
        }
        ("Mends itself", _) => Mark { class: "is-off", symbol: "m-wait", word: "" },
        _ => Mark { class: "is-warn", symbol: "m-warn", word: "" },
    };
    let since = words::clock(&issue.since, &now);
    let mut facts = vec![format!("since {since}, {}", words::span(now - issue.since))];
    match &issue.user_id {
        Some(user) => facts.push(user.as_str().to_owned()),
        None if issue.users > 0 => facts.push(words::count(issue.users, "user", "users")),
        None => {}
    }
    if issue.count > issue.users.max(1) {
        facts.push(format!("{} entries in the error log", words::number(issue.count)));
    }
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let (address, act) = match (&issue.endpoint_id, &issue.user_id) {
        (Some(endpoint), _) => (format!("/admin/webhooks/{}", encoded(endpoint)), "See deliveries"),
        (None, Some(user)) => (format!("/admin/users/{}", encoded(user.as_str())), "See the user"),
        (None, None) => {
            let mut address = format!("/admin/errors?state=open&code={}", issue.code.name());
            if let Some(partner) = &issue.partner {
                address += &format!("&partner={}", encoded(partner));
            }
            (address, "See the errors")
        }
    };
    Line { mark, heading: issue.heading.clone(), facts, mend: issue.mend.clone(), address, act }
}

fn row(partner: &PartnerLine, now: DateTime<Utc>) -> Row {
    let clock = |at: &DateTime<Utc>| words::clock(at, &now);
    let since = partner.since.as_ref().map(|at| format!(" since {}", clock(at)));
    let since = since.unwrap_or_default();
    let until = partner.until.as_ref().map(clock);
    let (class, symbol, state) = match partner.state {
        Health::NotAnswering => {
            let again = until.map(|at| format!(", tried again at {at}")).unwrap_or_default();
            ("is-bad", "m-bad", format!("Not answering{since}{again}"))
        }
        Health::Restarting => ("is-warn", "m-warn", format!("Restarting{since}")),
        Health::Busy => ("is-warn", "m-warn", "Busy, does not report".to_owned()),
        Health::AtLimit => {
            let until = until.map(|at| format!(" until {at}")).unwrap_or_default();
            ("is-warn", "m-warn", format!("Waits for its limit{until}"))
        }
        Health::Running => ("is-ok", "m-ok", "Running".to_owned()),
        Health::Ended => ("is-off", "m-ended", "Ended by the partner".to_owned()),
    };
    let none = || "–".to_owned();
    let newest = partner.newest_data_at.map(|at| match now - at {
        ago if ago.num_hours() < 1 => format!("{} ago", words::span(ago)),
        _ => clock(&at),
    });
    Row {
        name: partner.partner,
        title: partner.title,
        mark: Mark { class, symbol, word: "" },
        state,
        limit: partner.busiest_limit.as_ref().map(limit),
        users: words::number(partner.connected),
        late: partner
            .late_p99_ms
            .map_or_else(none, |millis| Scale::Seconds.text(millis as f64 / 1e3)),
        failed: partner.failed_last_hour.map_or_else(none, words::number),
        newest: newest.unwrap_or_else(none),
    }
}

/// A limit as a bar, and in words.
fn limit(limit: &LimitUse) -> (String, String) {
    let share = f64::from(limit.used) / f64::from(limit.limit.max(1));
    let look = if share >= 1.0 { Look::Warn } else { Look::Accent };
    let says = format!("{} percent used", chart::number(share * 100.0, 0));
    let bar = chart::bar(&[Part { share, look }], &says);
    let window = match limit.window_s {
        60.0 => "a minute".to_owned(),
        3_600.0 => "an hour".to_owned(),
        86_400.0 => "a day".to_owned(),
        1.0 => "a second".to_owned(),
        seconds => format!("in {}", Scale::Seconds.text(seconds)),
    };
    let reads = if limit.counts == "reads" { " reads" } else { "" };
    let (used, most) = (words::number(limit.used), words::number(limit.limit));
    (bar, format!("{used} of {most}{reads} {window}"))
}
