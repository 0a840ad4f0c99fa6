//! The page of the error log: what is open, whom it concerns, what it means and what mends it.

use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::answer::{NoPage, page};
use super::frame::{Frame, Place};
use super::issue::Issue;
use super::session::SignedIn;
use super::{assets, words};
use crate::incidents::{IncidentCode, Needs};
use crate::web::admin::error_groups::{ErrorGroup, open_groups};
use crate::web::admin::errors::{Asked, Wanted, errors};
use crate::web::{Problem, State};

/// How many errors a page lists.
const ON_A_PAGE: u32 = 50;

/// How many closed errors stand below those that are open.
const CLOSED: u32 = 10;

/// What is chosen to be shown; empty where nothing is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    partner: String,
    code: String,
    state: String,
    user: String,
    cursor: String,
}

impl Chosen {
    /// Only a scenario, at a partner if it is about one.
    pub(super) fn only(partner: Option<&str>, code: IncidentCode) -> Self {
        let partner = partner.unwrap_or_default().to_owned();
        Self { partner, code: code.name().to_owned(), ..Self::default() }
    }

    pub(super) fn address(&self) -> String {
        let mut query = Serializer::new(String::new());
        for (name, value) in [
            ("partner", &self.partner),
            ("code", &self.code),
            ("state", &self.state),
            ("user", &self.user),
            ("cursor", &self.cursor),
        ] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        let query = query.finish();
        if query.is_empty() { "/admin/errors".to_owned() } else { format!("/admin/errors?{query}") }
    }

    fn asked(&self) -> Result<Asked, Problem> {
        let given = |text: &String| (!text.is_empty()).then(|| text.clone());
        let state = match self.state.as_str() {
            "" | "open" => Wanted::Open,
            "closed" => Wanted::Closed,
            "all" => Wanted::All,
            _ => return Err(Problem::bad_request("bad-query", "state is open, closed or all")),
        };
        let code = given(&self.code).map(|code| {
            IncidentCode::from_name(&code)
                .ok_or_else(|| Problem::bad_request("bad-query", "there is no such kind of error"))
        });
        Ok(Asked {
            state: Some(state),
            code: code.transpose()?,
            partner: given(&self.partner),
            user: given(&self.user),
            cursor: given(&self.cursor),
            limit: Some(ON_A_PAGE),
        })
    }

    /// Whether what is open is shown in groups.
    fn is_grouped(&self) -> bool {
        matches!(self.state.as_str(), "" | "open")
            && [&self.code, &self.user, &self.cursor].iter().all(|it| it.is_empty())
    }
}

/// A choice of a form.
struct Choice {
    value: &'static str,
    words: String,
    is_chosen: bool,
}

/// Groups that need the same.
struct Section {
    id: &'static str,
    title: &'static str,
    count: usize,
    issues: Vec<Issue>,
}

#[derive(Template)]
#[template(path = "errors.html")]
struct ErrorsPage {
    frame: Frame,
    heading: String,
    sentence: String,
    chosen: Chosen,
    partners: Vec<Choice>,
    codes: Vec<Choice>,
    states: Vec<Choice>,
    /// What is open, in groups …
    sections: Vec<Section>,
    /// … or each error.
    list: Option<Vec<Issue>>,
    next: Option<String>,
    closed: Vec<(String, String, Issue)>,
    all_closed: String,
}

/// Shows the page.
pub(super) async fn show(
    session: SignedIn,
    chosen: web::Query<Chosen>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let chosen = chosen.into_inner();
    let asked = chosen.asked()?;
    let frame = Frame::new(&state, &session, Place::Errors).await?;
    let now = frame.now;
    let partner = asked.partner.as_deref();
    let groups = open_groups(&state, partner).await?;
    let closed_only = Chosen { state: "closed".to_owned(), ..chosen.clone() };
    let (mut list, mut next, mut closed) = (None, None, Vec::new());
    if chosen.is_grouped() {
        let asked = Asked { limit: Some(CLOSED), ..closed_only.asked()? };
        for error in errors(&state, asked).await?.errors {
            let at = error.closed_at.unwrap_or(error.last_at);
            closed.push((
                words::machine(&at),
                words::clock(&at, &now),
                Issue::of_error(&error, &now),
            ));
        }
    } else {
        let found = errors(&state, asked).await?;
        list = Some(found.errors.iter().map(|error| Issue::of_error(error, &now)).collect());
        next = found.next_cursor.map(|cursor| Chosen { cursor, ..chosen.clone() }.address());
    }
    let sections = if list.is_none() { sections(&groups, &now) } else { Vec::new() };
    let (heading, sentence) = heading(&groups);
    page(&ErrorsPage {
        heading,
        sentence,
        partners: partner_choices(&state, &chosen),
        codes: code_choices(&chosen),
        states: state_choices(&chosen),
        sections,
        list,
        next,
        closed,
        all_closed: closed_only.address(),
        chosen,
        frame,
    })
}

const SECTIONS: [(Needs, &str, &str); 3] = [
    (Needs::You, "need-you", "Need you"),
    (Needs::Users, "need-users", "Need the users"),
    (Needs::Nobody, "need-nobody", "Mend themselves"),
];

fn sections(groups: &[ErrorGroup], now: &DateTime<Utc>) -> Vec<Section> {
    let section = |(needs, id, title): (Needs, &'static str, &'static str)| {
        let own = groups.iter().filter(|group| group.needs == needs);
        let issues: Vec<Issue> = own.map(|group| Issue::of_group(group, now)).collect();
        Section { id, title, count: issues.len(), issues }
    };
    SECTIONS.into_iter().map(section).filter(|section| section.count > 0).collect()
}

/// The title, and the sentence below.
fn heading(groups: &[ErrorGroup]) -> (String, String) {
    let count = |needs| groups.iter().filter(|group| group.needs == needs).count();
    let [you, users, nobody] = [Needs::You, Needs::Users, Needs::Nobody].map(count);
    let closes = "An error closes by itself when it is mended.";
    let title = match (you, users, nobody) {
        (0, 0, 0) => return ("No error is open".to_owned(), format!("Nothing to do. {closes}")),
        (1, ..) => "One thing needs you".to_owned(),
        (0, 1.., _) => "Nothing needs you, something needs users".to_owned(),
        (0, 0, _) => "Nothing needs you".to_owned(),
        (several, ..) => format!("{several} things need you"),
    };
    let open = you + users + nobody;
    let parts = [
        (you, "need you", "needs you"),
        (users, "need the users", "needs the users"),
        (nobody, "mend themselves", "mends itself"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, many, one)| format!("{count} {}", if *count == 1 { one } else { many }))
        .collect();
    let kinds =
        if open == 1 { "One kind of error is open" } else { "Kinds of errors that are open" };
    (title, format!("{kinds}: {}. {closes}", parts.join(", ")))
}

fn partner_choices(state: &State, chosen: &Chosen) -> Vec<Choice> {
    let all = Choice {
        value: "",
        words: "All partners".to_owned(),
        is_chosen: chosen.partner.is_empty(),
    };
    let one = state.directory.specs().map(|spec| Choice {
        value: spec.name(),
        words: spec.manifest().title.to_owned(),
        is_chosen: chosen.partner == spec.name(),
    });
    std::iter::once(all).chain(one).collect()
}

fn code_choices(chosen: &Chosen) -> Vec<Choice> {
    let all =
        Choice { value: "", words: "All kinds".to_owned(), is_chosen: chosen.code.is_empty() };
    let one = IncidentCode::ALL.iter().map(|code| Choice {
        value: code.name(),
        words: code.kind().to_owned(),
        is_chosen: chosen.code == code.name(),
    });
    std::iter::once(all).chain(one).collect()
}

fn state_choices(chosen: &Chosen) -> Vec<Choice> {
    let state = if chosen.state.is_empty() { "open" } else { &chosen.state };
    [("open", "Open"), ("closed", "Closed"), ("all", "Both")]
        .map(|(value, words)| Choice { value, words: words.to_owned(), is_chosen: state == value })
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::pages::issue::tests::group;

    #[test]
    fn the_title_says_whether_anything_needs_the_administrator() {
        use IncidentCode::{AuthorizationRevoked, PartnerDown, QuotaTooSmall, WebhookFailing};
        for (codes, title) in [
            (&[][..], "No error is open"),
            (&[PartnerDown], "Nothing needs you"),
            (&[AuthorizationRevoked, PartnerDown], "Nothing needs you, something needs users"),
            (&[QuotaTooSmall, PartnerDown], "One thing needs you"),
            (&[QuotaTooSmall, WebhookFailing], "2 things need you"),
        ] {
            let groups: Vec<_> = codes.iter().map(|code| group(*code)).collect();
            assert_eq!(heading(&groups).0, title);
        }
    }

    #[test]
    fn only_what_is_open_of_every_kind_is_grouped() {
        let chosen = |change: fn(&mut Chosen)| {
            let mut chosen = Chosen::default();
            change(&mut chosen);
            (chosen.is_grouped(), chosen.asked().is_ok())
        };
        assert_eq!(chosen(|_| ()), (true, true));
        assert_eq!(chosen(|it| it.partner = "strava".into()), (true, true));
        assert_eq!(chosen(|it| it.state = "closed".into()), (false, true));
        assert_eq!(chosen(|it| it.code = "partner_down".into()), (false, true));
        assert_eq!(chosen(|it| it.code = "unheard_of".into()), (false, false));
        assert!(!chosen(|it| it.state = "shut".into()).1);
    }
}
