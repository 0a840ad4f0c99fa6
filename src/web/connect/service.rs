//! One service on the connect page: how it stands, what it says, and what can be done.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::Kind;

use super::kinds::{self, Shared};
use super::languages::capital;
use super::visit::Visit;
use crate::installed::InstalledPartner;
use crate::model::{Connection, Direction, FailureCode, Properties, Status};
use crate::store::{RecordFilter, RecordSource, StoreError, StoredRecord};
use crate::web::State;

/// How far back the newest record of a partner is looked for.
const NEWEST_WITHIN: TimeDelta = TimeDelta::days(90);

/// In which part of the page it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    NeedsUser,
    Connected,
    Available,
    Gone,
}

/// A state as a shape, a colour and a word.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) class: &'static str,
    pub(super) symbol: &'static str,
    pub(super) word: String,
}

/// A service as the template shows it.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) standing: Standing,
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// Two letters in place of a logo.
    pub(super) tile: String,
    pub(super) state: Option<Shown>,
    /// Sentences about it.
    pub(super) says: Vec<String>,
    /// What it offers to whoever has not connected it.
    pub(super) offers: String,
    /// Where a connect begins; `None` where none can now.
    pub(super) start: Option<String>,
    /// What the button for that says in full.
    pub(super) start_label: String,
    pub(super) sharing: Option<Sharing>,
    pub(super) disconnect: Option<(String, String)>,
}

/// What is shared, to be chosen.
#[derive(Debug)]
pub(super) struct Sharing {
    pub(super) is_open: bool,
    pub(super) is_saved: bool,
    pub(super) address: String,
    pub(super) ways: Vec<Direct>,
    /// Whether there is something to choose.
    pub(super) has_choice: bool,
    /// Whether the partner does not allow some of it: connecting again may.
    pub(super) can_allow_more: bool,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Direct {
    pub(super) legend: String,
    /// What it says in place of choices.
    pub(super) nothing: String,
    pub(super) options: Vec<Choice>,
}

/// A switch.
#[derive(Debug)]
pub(super) struct Choice {
    /// The value of its fields.
    pub(super) value: String,
    pub(super) label: String,
    pub(super) sub: String,
    pub(super) is_on: bool,
    pub(super) is_allowed: bool,
}

/// What is known about a service.
pub(super) struct About<'a> {
    pub(super) spec: &'a Arc<InstalledPartner>,
    pub(super) connection: Option<Connection>,
    pub(super) properties: Properties,
    pub(super) newest: Option<StoredRecord>,
    /// Whether the partner can be visited now.
    pub(super) answers: bool,
    /// Whether its choices were just saved.
    pub(super) saved: bool,
    pub(super) now: DateTime<Utc>,
}

/// The newest record that a partner brought.
pub(super) async fn newest(
    state: &State,
    connection: &Connection,
    now: DateTime<Utc>,
) -> Result<Option<StoredRecord>, StoreError> {
    if connection.status == Status::Disconnected {
        return Ok(None);
    }
    let filter = RecordFilter {
        source: Some(RecordSource::Partner(connection.partner.clone())),
        from: Some(now - NEWEST_WITHIN),
        is_newest_first: true,
        ..RecordFilter::default()
    };
    let found = state.store().records(connection.user_id.clone(), filter, 1).await?;
    Ok(found.rows.into_iter().next())
}

impl About<'_> {
    /// The service, unless there is nothing to say about it.
    pub(super) fn service(
        self,
        visit: &Visit,
        state: &State,
    ) -> Result<Option<Service>, StoreError> {
        let Some(standing) = self.standing() else { return Ok(None) };
        let (words, texts) = (&visit.shell.words, visit.shell.texts());
        let (name, title) = (self.spec.name(), self.spec.manifest().title);
        let may_start = standing != Standing::Gone && self.answers;
        let start = may_start.then(|| self.start(visit, state)).transpose()?;
        let is_reconnect = standing != Standing::Available;
        let start_text = if is_reconnect { &texts.reconnect } else { &texts.connect_named };
        let disconnects = matches!(standing, Standing::NeedsUser | Standing::Connected);
        let mut says = self.says(standing, visit);
        if standing != Standing::Gone && !self.answers && standing != Standing::Connected {
            says.push(words.about(&texts.not_answering, title));
        }
        Ok(Some(Service {
            standing,
            name,
            title,
            tile: tile(title),
            state: self.state(standing, visit),
            says,
            offers: if standing == Standing::Available {
                self.offers(visit)
            } else {
                String::new()
            },
            start,
            start_label: words.about(start_text, title),
            sharing: (standing == Standing::Connected).then(|| self.sharing(visit)),
            disconnect: disconnects.then(|| {
                let address = visit.address(&format!("/{name}/disconnect"), &[]);
                (address, words.about(&texts.disconnect, title))
            }),
        }))
    }

    /// `None` for a service that ended before it was ever connected.
    fn standing(&self) -> Option<Standing> {
        let status = self.connection.as_ref().map(|connection| connection.status);
        match (self.spec.ended, status) {
            (Some(_), None | Some(Status::Disconnected)) => None,
            (Some(_), Some(_)) | (None, Some(Status::Ended)) => Some(Standing::Gone),
            (None, Some(Status::Connected)) => Some(Standing::Connected),
            (None, Some(Status::NeedsReconnect)) => Some(Standing::NeedsUser),
            (None, None | Some(Status::Disconnected)) => Some(Standing::Available),
        }
    }

    fn state(&self, standing: Standing, visit: &Visit) -> Option<Shown> {
        let texts = visit.shell.texts();
        let state =
            |class, symbol, word: &String| Some(Shown { class, symbol, word: word.clone() });
        let is_failing = self.connection.as_ref().is_some_and(|it| it.failing_since.is_some());
        match standing {
            Standing::NeedsUser => state("is-warn", "m-warn", &texts.needs_reconnecting),
            Standing::Connected if is_failing => state("is-warn", "m-warn", &texts.is_failing),
            Standing::Connected => state("is-ok", "m-ok", &texts.is_connected),
            Standing::Gone => state("is-off", "m-ended", &texts.service_ended),
            Standing::Available => None,
        }
    }

    /// What there is to say about a connection.
    fn says(&self, standing: Standing, visit: &Visit) -> Vec<String> {
        let (words, texts) = (&visit.shell.words, visit.shell.texts());
        let title = self.spec.manifest().title;
        let Some(connection) = &self.connection else { return Vec::new() };
        let zone = self.properties.time_zone();
        let day = |at| words.day(at, self.now, zone);
        let since = |text: &str, at| words.say(text, &[("partner", title), ("date", &day(at))]);
        match standing {
            Standing::Available => Vec::new(),
            Standing::Gone => vec![words.about(&texts.ended, title)],
            Standing::NeedsUser => {
                let error = connection.last_error.as_ref();
                let refused = error.filter(|error| error.code == FailureCode::Unauthorized);
                vec![match refused {
                    Some(error) => since(&texts.refused_since, error.at),
                    None => words.about(&texts.refused, title),
                }]
            }
            Standing::Connected => {
                let ago = |at| words.ago(at, self.now, zone);
                let newest = self.newest.as_ref().and_then(|record| {
                    let (what, when) = (words.record(record)?, ago(record.start.to_utc()));
                    Some(words.say(&texts.newest, &[("what", &what), ("when", &when)]))
                });
                let looked = connection
                    .last_poll_at
                    .map(|at| words.say(&texts.looked, &[("when", &ago(at))]));
                let is_old =
                    connection.connected_at.is_some_and(|at| self.now - at > NEWEST_WITHIN);
                let came = match (newest, &looked) {
                    (Some(newest), _) => newest,
                    (None, None) => texts.first_on_its_way.clone(),
                    (None, Some(_)) if is_old => texts.newest_is_old.clone(),
                    (None, Some(_)) => texts.nothing_yet.clone(),
                };
                let failing = connection.failing_since.map(|at| since(&texts.failing_since, at));
                let news = match looked {
                    Some(looked) => format!("{came} {looked}"),
                    None => came,
                };
                failing.into_iter().chain([news, self.shared(visit)]).collect()
            }
        }
    }

    fn kinds(&self, direction: Direction) -> Vec<Kind> {
        let manifest = self.spec.manifest();
        match direction {
            Direction::Poll => manifest.poll_kinds(),
            Direction::Push => manifest.push_kinds(),
        }
    }

    fn how(&self, direction: Direction, kind: Kind) -> Shared {
        let is_on = match direction {
            Direction::Poll => self.properties.polls(kind),
            Direction::Push => self.properties.pushes(kind),
        };
        match (is_on, self.properties.reason_off(direction, kind)) {
            (true, _) => Shared::On,
            (false, Some(_)) => Shared::NotAllowed,
            (false, None) => Shared::Off,
        }
    }

    /// What is shared, in a sentence.
    fn shared(&self, visit: &Visit) -> String {
        let (words, texts) = (&visit.shell.words, visit.shell.texts());
        let on = |direction| {
            let kinds = self.kinds(direction).into_iter();
            let on: Vec<_> =
                kinds.filter(|kind| self.how(direction, *kind) == Shared::On).collect();
            texts.list(&kinds::in_words(&on, texts))
        };
        let (from, to) = (on(Direction::Poll), on(Direction::Push));
        let text = match (from.is_empty(), to.is_empty()) {
            (false, false) => &texts.shared_both,
            (false, true) => &texts.shared_in,
            (true, false) => &texts.shared_out,
            (true, true) => &texts.shared_nothing,
        };
        let title = self.spec.manifest().title;
        words.say(text, &[("partner", title), ("in", &from), ("out", &to)])
    }

    /// What it could share, in some words.
    fn offers(&self, visit: &Visit) -> String {
        let (words, texts) = (&visit.shell.words, visit.shell.texts());
        let all = |direction| kinds::in_words(&self.kinds(direction), texts);
        let (from, to) = (all(Direction::Poll), all(Direction::Push));
        let text = match () {
            () if to.is_empty() => &texts.offers_in,
            () if from == to => &texts.offers_both_ways,
            () => &texts.offers_both,
        };
        let (from, to) = (texts.list(&from), texts.list(&to));
        let title = self.spec.manifest().title;
        let values = [("partner", title), ("kinds", &from), ("in", &from), ("out", &to)];
        capital(&words.say(text, &values))
    }

    /// The address at which a connect begins.
    fn start(&self, visit: &Visit, state: &State) -> Result<String, StoreError> {
        let token = state.store().connect_start(&visit.link.id, self.spec.name())?;
        let framed = visit.shell.is_framed.then_some(("framed", "1"));
        let parameters: Vec<_> = [("token", token.as_str())].into_iter().chain(framed).collect();
        Ok(visit.address(&format!("/{}/start", self.spec.name()), &parameters))
    }

    fn sharing(&self, visit: &Visit) -> Sharing {
        let texts = visit.shell.texts();
        let ways = vec![
            self.direct(Direction::Poll, &texts.from_partner, &texts.gives_nothing, visit),
            self.direct(Direction::Push, &texts.to_partner, &texts.takes_nothing, visit),
        ];
        let options = || ways.iter().flat_map(|way| &way.options);
        Sharing {
            is_open: self.saved,
            is_saved: self.saved,
            address: visit.address(&format!("/{}/choices", self.spec.name()), &[]),
            has_choice: options().any(|option| option.is_allowed),
            can_allow_more: options().any(|option| !option.is_allowed),
            ways,
        }
    }

    fn direct(&self, direction: Direction, legend: &str, nothing: &str, visit: &Visit) -> Direct {
        let (words, texts) = (&visit.shell.words, visit.shell.texts());
        let title = self.spec.manifest().title;
        let kinds = self.kinds(direction);
        let choice = |choosable: kinds::Choosable| {
            let names: Vec<_> = choosable.kinds.iter().map(|kind| kind.name()).collect();
            let is_allowed = choosable.shared != Shared::NotAllowed;
            let sub = match (is_allowed, direction) {
                (false, _) => words.about(&texts.not_allowed, title),
                (true, Direction::Push) => words.about(&texts.from_now_on, title),
                (true, Direction::Poll) => String::new(),
            };
            Choice {
                value: direction.property_named(&names.join(",")),
                label: capital(&kinds::label(&choosable.kinds, texts)),
                sub,
                is_on: choosable.shared == Shared::On,
                is_allowed,
            }
        };
        let options = kinds::choices(&kinds, |kind| self.how(direction, kind));
        Direct {
            legend: words.about(legend, title),
            nothing: words.about(nothing, title),
            options: options.into_iter().map(choice).collect(),
        }
    }
}

/// The first letters of two words, or of one.
fn tile(title: &str) -> String {
    let mut words = title.split_whitespace();
    match (words.next(), words.next()) {
        (Some(one), Some(other)) => {
            one.chars().take(1).chain(other.chars().take(1)).flat_map(char::to_uppercase).collect()
        }
        (one, _) => one.unwrap_or_default().chars().take(2).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_has_two_letters() {
        for (title, letters) in [("Google Health", "GH"), ("Withings", "Wi"), ("X", "X"), ("", "")]
        {
            assert_eq!(tile(title), letters);
        }
    }
}
