//! Where a record came from, and why it is, or is not, at the user's other partners.

use chrono::{DateTime, Utc};
use partner_sdk::Kind;

use super::words::moment;
use super::{ConnectionFacts, Explanation, Finding, Next, Reason};
use crate::incidents::{IncidentCode, MANY_ATTEMPTS};
use crate::model::{Direction, LinkState, Status, WaitingFor};

/// Where a record came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The host app.
    App,
    /// A partner, by name.
    Partner(String),
}

/// What a partner has of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterpart {
    /// How both relate.
    pub state: LinkState,
    /// Pushes that failed in a row.
    pub attempts: i32,
    /// Why it was refused, or was not pushed yet.
    pub reason: Option<String>,
    /// When it was last pushed.
    pub pushed_at: Option<DateTime<Utc>>,
    /// When it is pushed next.
    pub due_at: Option<DateTime<Utc>>,
    /// The limit that this waits for.
    pub waiting_for: Option<WaitingFor>,
}

/// A connection of the user, and what its partner has of the record.
#[derive(Clone, Debug)]
pub struct Elsewhere<'a> {
    /// The connection.
    pub facts: ConnectionFacts<'a>,
    /// What the partner has of the record, if anything.
    pub counterpart: Option<Counterpart>,
}

/// What is known about a record.
#[derive(Clone, Debug)]
pub struct RecordFacts<'a> {
    /// Where it came from.
    pub origin: Origin,
    /// What it is; `None` for a kind of a later version.
    pub kind: Option<Kind>,
    /// When it last changed here.
    pub updated_at: DateTime<Utc>,
    /// Whether it is deleted.
    pub deleted: bool,
    /// The user's connections.
    pub elsewhere: Vec<Elsewhere<'a>>,
}

/// How likely it is that a cause is what somebody asks about: what needs somebody first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Refused,
    Stuck,
    Doubtful,
    Waiting,
    NotWritten,
    Gone,
    SwitchedOff,
    Deleted,
    Origin,
    Pushed,
    NotTaken,
}

/// Explains a record.
pub fn record(facts: &RecordFacts<'_>) -> Explanation {
    let mut ranked = vec![facts.origin()];
    ranked.extend(facts.deleted());
    let mut next: Option<Next> = None;
    for elsewhere in &facts.elsewhere {
        let found = facts.at(elsewhere);
        let is_planned = matches!(found.0, Rank::Stuck | Rank::Doubtful | Rank::Waiting);
        if is_planned {
            let planned = elsewhere.next_push();
            let sooner = |known: &Next| {
                known.at.is_none() || planned.at.is_some_and(|at| Some(at) < known.at)
            };
            if next.as_ref().is_none_or(sooner) {
                next = Some(planned);
            }
        }
        ranked.push(found);
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    let nothing = || Next {
        at: None,
        why: "nothing of it waits; a change of it is pushed at once".to_owned(),
    };
    let causes = ranked.into_iter().map(|(_, cause)| cause).collect();
    Explanation::new(causes, next.unwrap_or_else(nothing))
}

impl RecordFacts<'_> {
    fn origin(&self) -> (Rank, Finding) {
        let at = moment(self.updated_at);
        let sentence = match &self.origin {
            Origin::App => format!("The host app entered it; it says what it says since {at}."),
            Origin::Partner(name) => {
                let known = self.elsewhere.iter().find(|it| it.facts.manifest.name == name);
                let title = known.map_or(name.as_str(), |it| it.facts.manifest.title);
                format!("It came from {title}, and says what it says since {at}.")
            }
        };
        (Rank::Origin, Finding::new(Reason::Origin, sentence).since(Some(self.updated_at)))
    }

    fn deleted(&self) -> Option<(Rank, Finding)> {
        let sentence = format!("It was deleted at {}.", moment(self.updated_at));
        let cause = Finding::new(Reason::Deleted, sentence).since(Some(self.updated_at));
        self.deleted.then_some((Rank::Deleted, cause))
    }

    /// Why it is, or is not, at a partner.
    fn at(&self, elsewhere: &Elsewhere<'_>) -> (Rank, Finding) {
        let (facts, manifest) = (&elsewhere.facts, elsewhere.facts.manifest);
        let (title, name) = (manifest.title, manifest.name);
        let is_origin = self.origin == Origin::Partner(name.to_owned());
        let kind = self.kind.map(Kind::name).unwrap_or("this kind");
        let writable = self.kind.and_then(|kind| manifest.writable(kind));
        let is_pushed = self.kind.is_some_and(|kind| facts.properties.pushes(kind));
        let Some(copy) = &elsewhere.counterpart else {
            return match (is_origin, writable, is_pushed) {
                (true, ..) => (
                    Rank::Gone,
                    Finding::new(
                        Reason::GoneThere,
                        format!(
                            "{title} does not list it any more: the link to it was given up when another account was connected."
                        ),
                    ),
                ),
                (_, None, _) => (
                    Rank::NotTaken,
                    Finding::new(
                        Reason::NotTaken,
                        format!(
                            "{title} takes no {kind} from other applications, so it is not pushed there."
                        ),
                    ),
                ),
                (_, Some(_), false) => (Rank::SwitchedOff, self.switched_off(facts, kind)),
                (_, Some(_), true) => (Rank::NotWritten, not_written(title, name, kind)),
            };
        };
        match copy.state {
            LinkState::InStep if copy.pushed_at.is_none() => {
                let sentence =
                    if is_origin { "it came from there" } else { "the same was found there" };
                let sentence = format!(
                    "{title} has it: {sentence}, and both sides agree. It is not pushed back."
                );
                (Rank::Pushed, Finding::new(Reason::CameFromThere, sentence))
            }
            LinkState::InStep => {
                let at = copy.pushed_at.map(moment).unwrap_or_default();
                let cause = Finding::new(
                    Reason::Pushed,
                    format!("{title} has it as it is: it was pushed {at}."),
                );
                (Rank::Pushed, cause.since(copy.pushed_at))
            }
            LinkState::Gone => (
                Rank::Gone,
                Finding::new(Reason::GoneThere, format!("{title} does not have it any more.")),
            ),
            LinkState::Refused => {
                let reason =
                    copy.reason.as_deref().unwrap_or("it gave no reason").trim_end_matches('.');
                let words = Finding::of_code(IncidentCode::PushRefused, title, name, None);
                let sentence = format!(
                    "{title} refuses it: {reason}. It is not sent again until the record changes."
                );
                (Rank::Refused, Finding { sentence, ..words })
            }
            LinkState::NotWritten if writable.is_none() => (
                Rank::NotTaken,
                Finding::new(
                    Reason::NotTaken,
                    format!("{title} takes no changes of {kind}: it still has what it had."),
                ),
            ),
            LinkState::NotWritten => (Rank::NotWritten, not_written(title, name, kind)),
            LinkState::Creating | LinkState::Updating | LinkState::Deleting
                if copy.attempts < MANY_ATTEMPTS
                    || facts.connection.status != Status::Connected =>
            {
                let sentence = format!(
                    "A push to {title} was begun and its outcome is not known: {title} is asked before anything is sent again, so that nothing is there twice."
                );
                (Rank::Doubtful, with_reason(Finding::new(Reason::InDoubt, sentence), copy))
            }
            LinkState::Creating | LinkState::Updating | LinkState::Deleting => {
                stuck(title, name, copy)
            }
            LinkState::Create | LinkState::Update | LinkState::Delete => {
                self.waits(facts, copy, kind, is_pushed)
            }
        }
    }

    fn waits(
        &self,
        facts: &ConnectionFacts<'_>,
        copy: &Counterpart,
        kind: &str,
        is_pushed: bool,
    ) -> (Rank, Finding) {
        let (title, name) = (facts.manifest.title, facts.manifest.name);
        if facts.connection.status == Status::Connected && !is_pushed {
            return (Rank::SwitchedOff, self.switched_off(facts, kind));
        }
        let problem = facts.problems().into_iter().find(explains_waiting);
        if copy.attempts >= MANY_ATTEMPTS && facts.connection.status == Status::Connected {
            return stuck(title, name, copy);
        }
        if let Some(problem) = problem {
            let sentence = format!("It waits to be pushed to {title}. {}", problem.sentence);
            return (Rank::Waiting, Finding { sentence, ..problem });
        }
        let what = match copy.state {
            LinkState::Delete => "Its deletion waits to be pushed",
            LinkState::Update => "Its change waits to be pushed",
            _ => "It waits to be pushed",
        };
        let until = copy.due_at.filter(|at| *at > facts.now);
        let until = until
            .map(|at| format!(" until {}", moment(at)))
            .unwrap_or_else(|| ", and goes out with the next sync".to_owned());
        let cause = Finding::new(Reason::PushWaits, format!("{what} to {title}{until}."));
        (Rank::Waiting, with_reason(cause.since(Some(self.updated_at)), copy))
    }

    fn switched_off(&self, facts: &ConnectionFacts<'_>, kind: &str) -> Finding {
        let (title, name) = (facts.manifest.title, facts.manifest.name);
        let why = self.kind.and_then(|kind| facts.properties.reason_off(Direction::Push, kind));
        if let Some(why) = why {
            let words = Finding::of_code(IncidentCode::ScopeMissing, title, name, None);
            let sentence = format!("It is not pushed to {title}: {}.", why.trim_end_matches('.'));
            return Finding { sentence, ..words };
        }
        let sentence =
            format!("It is not pushed to {title}: pushing {kind} is switched off there.");
        Finding::new(Reason::PushSwitchedOff, sentence).mend(format!(
            "PATCH /v1/users/{{user}}/connections/{name} with {{\"push\":{{\"{kind}\":true}}}} pushes changes from then on."
        ))
    }
}

impl Elsewhere<'_> {
    fn next_push(&self) -> Next {
        let title = self.facts.manifest.title;
        if self.facts.connection.status != Status::Connected {
            return Next {
                at: None,
                why: format!("it is pushed to {title} when the user connects again"),
            };
        }
        let wait = self
            .counterpart
            .as_ref()
            .and_then(|copy| copy.waiting_for.as_ref())
            .or(self.facts.waiting_for);
        if let Some(waiting) = wait {
            return Next {
                at: Some(waiting.until),
                why: format!(
                    "it is pushed to {title} when the limit allows it ({})",
                    waiting.limit
                ),
            };
        }
        let due = self.counterpart.as_ref().and_then(|copy| copy.due_at);
        let at = [due, self.facts.connection.next_push_at].into_iter().flatten().max();
        Next {
            at: at.or(self.facts.connection.next_poll_at),
            why: format!("it is pushed to {title}"),
        }
    }
}

/// Whether a problem of the connection keeps its pushes waiting.
fn explains_waiting(cause: &Finding) -> bool {
    [
        IncidentCode::AuthorizationRevoked.name(),
        IncidentCode::ConnectionEnded.name(),
        IncidentCode::PartnerDown.name(),
        IncidentCode::LimitExhausted.name(),
        Reason::Disconnected.name(),
        Reason::Paused.name(),
        Reason::Restarting.name(),
        Reason::Failing.name(),
    ]
    .contains(&cause.code)
}

fn not_written(title: &str, name: &str, kind: &str) -> Finding {
    let sentence = format!(
        "{title} does not have this version: pushing {kind} was off there when the record changed."
    );
    let mend = format!(
        "The next change of the record is pushed, if push.{kind} is on for {name}: PUT /v1/users/{{user}}/records/{{id}}."
    );
    Finding::new(Reason::NotWritten, sentence).mend(mend)
}

/// A change that should have been sent by now.
fn stuck(title: &str, name: &str, copy: &Counterpart) -> (Rank, Finding) {
    let words = Finding::of_code(IncidentCode::ItemStillWaiting, title, name, None);
    let attempts = copy.attempts;
    let sentence = format!("It still waits to be pushed to {title} after {attempts} failed tries.");
    let mend = "It is tried again by itself; a change of the record starts over.".to_owned();
    (Rank::Stuck, with_reason(Finding { sentence, mend: Some(mend), ..words }, copy))
}

/// Adds why the last try failed.
fn with_reason(cause: Finding, copy: &Counterpart) -> Finding {
    let Some(reason) = copy.reason.as_deref().filter(|reason| !reason.is_empty()) else {
        return cause;
    };
    let sentence = format!("{} The last try: {}.", cause.sentence, reason.trim_end_matches('.'));
    Finding { sentence, ..cause }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
