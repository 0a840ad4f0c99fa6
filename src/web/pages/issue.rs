//! What is wrong, in words: an error, or several of one scenario.

use chrono::{DateTime, Utc};

use super::errors::Chosen;
use super::frame::Mark;
use super::partner::user_page;
use super::words;
use crate::incidents::{IncidentState, Needs};
use crate::web::admin::error_groups::ErrorGroup;
use crate::web::admin::errors::ErrorView;

/// An error, or several of one kind, in words.
pub(super) struct Issue {
    pub(super) mark: Mark,
    pub(super) headline: String,
    pub(super) facts: Vec<String>,
    pub(super) sentence: String,
    pub(super) mend: String,
    /// Whom or what the links are.
    pub(super) whom: &'static str,
    /// What it concerns, and where that is shown.
    pub(super) links: Vec<(String, String)>,
    /// Whether it concerns more than those.
    pub(super) has_more: bool,
    /// Where more is shown: the words and the address.
    pub(super) more: Option<(String, String)>,
}

fn mark_of(needs: Needs) -> Mark {
    match needs {
        Needs::You => Mark { class: "is-bad", symbol: "m-bad", word: "needs you" },
        Needs::Users => Mark { class: "is-warn", symbol: "m-warn", word: "needs the users" },
        Needs::Nobody => Mark { class: "is-off", symbol: "m-wait", word: "mends itself" },
    }
}

impl Issue {
    /// Several errors of one scenario.
    pub(super) fn of_group(group: &ErrorGroup, now: &DateTime<Utc>) -> Self {
        let clock = |at: &DateTime<Utc>| words::clock(at, now);
        let lasts = words::span(*now - group.first_at);
        let mut facts = vec![
            format!("first {}, {lasts} ago", clock(&group.first_at)),
            format!("last {}", clock(&group.last_at)),
        ];
        if group.errors > 1 {
            facts.push(words::count(group.errors, "error", "errors"));
        }
        if group.count > group.errors {
            facts.push(format!("seen {}", words::count(group.count, "time", "times")));
        }
        if group.users > 0 {
            facts.push(words::count(group.users, "user", "users"));
        }
        let listed = (!group.user_ids.is_empty()).then(|| {
            let chosen = Chosen::only(group.partner.as_deref(), group.code);
            ("See each".to_owned(), chosen.address())
        });
        let (whom, links) = links(&group.user_ids, &group.endpoint_ids);
        let shown = i64::try_from(links.len()).unwrap_or(i64::MAX);
        Self {
            mark: mark_of(group.needs),
            headline: group.headline.clone(),
            facts,
            sentence: group.sentence.clone(),
            mend: group.mend.clone(),
            whom,
            has_more: group.errors > shown,
            links,
            more: listed.or_else(|| page_of(group.partner.as_deref(), group.title.as_deref())),
        }
    }

    pub(super) fn of_error(error: &ErrorView, now: &DateTime<Utc>) -> Self {
        let clock = |at: &DateTime<Utc>| words::clock(at, now);
        let mut facts = vec![
            format!("first {}", clock(&error.first_at)),
            format!("last {}", clock(&error.last_at)),
        ];
        if error.count > 1 {
            facts.push(format!("seen {}", words::count(error.count, "time", "times")));
        }
        if let Some(users) = error.users {
            facts.push(words::count(users, "user", "users"));
        }
        let closed = error.closed_at.as_ref();
        let (mark, mend) = match (error.state, closed) {
            (IncidentState::Closed, Some(at)) => {
                let why = error.closed_why.as_deref().unwrap_or("it is over");
                facts.push(format!("closed {}", clock(at)));
                let mark = Mark { class: "is-ok", symbol: "m-ok", word: "closed" };
                (mark, format!("Closed: {why}."))
            }
            _ => (mark_of(error.needs), error.mend.clone()),
        };
        let users: Vec<String> =
            error.user_id.iter().map(|user| user.as_str().to_owned()).collect();
        let (whom, links) = links(&users, error.endpoint_id.as_slice());
        Self {
            mark,
            headline: error.headline.clone(),
            facts,
            sentence: error.sentence.clone(),
            mend,
            whom,
            links,
            has_more: false,
            more: None,
        }
    }
}

fn page_of(partner: Option<&str>, title: Option<&str>) -> Option<(String, String)> {
    Some((format!("See {}", title?), format!("/admin/partners/{}", partner?)))
}

/// What errors concern, with addresses.
fn links(users: &[String], endpoints: &[String]) -> (&'static str, Vec<(String, String)>) {
    if users.is_empty() {
        let to = |id: &String| (id.clone(), format!("/admin/webhooks/{id}"));
        return ("Endpoint", endpoints.iter().map(to).collect());
    }
    let whom = if users.len() == 1 { "User" } else { "Users" };
    (whom, users.iter().map(|user| (user.clone(), user_page(user))).collect())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::incidents::IncidentCode;

    pub(in crate::web::pages) fn group(code: IncidentCode) -> ErrorGroup {
        ErrorGroup {
            code,
            needs: crate::incidents::needs(code, DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH),
            partner: Some("strava".into()),
            title: Some("Strava".into()),
            headline: crate::incidents::heading(code, "Strava", 412),
            sentence: "It is so.".into(),
            mend: "Nothing.".into(),
            errors: 412,
            users: 412,
            count: 500,
            first_at: DateTime::UNIX_EPOCH,
            last_at: DateTime::UNIX_EPOCH,
            user_ids: vec!["ann/1".into(), "ben".into()],
            endpoint_ids: Vec::new(),
        }
    }

    #[test]
    fn a_group_says_whom_it_concerns_and_leads_there() {
        let issue =
            Issue::of_group(&group(IncidentCode::AuthorizationRevoked), &DateTime::UNIX_EPOCH);
        assert_eq!(issue.links[0], ("ann/1".into(), "/admin/users/ann%2F1".into()));
        assert!(
            issue.has_more && issue.facts.contains(&"412 users".to_owned()),
            "{:?}",
            issue.facts
        );
        let more = issue.more.unwrap().1;
        assert_eq!(more, "/admin/errors?partner=strava&code=authorization_revoked");
    }
}
