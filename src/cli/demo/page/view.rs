//! The page, from the scene: everything in words.

use askama::Template;
use chrono::{DateTime, SecondsFormat, Utc};

use super::ME;
use super::board::{Arrival, Journey, Person, PersonState, Refused, Scene, Shared, Side};
use super::handlers::SCRIPT;
use super::side_view::SideView;
use crate::cli::demo::figures::thousands;
use crate::cli::demo::{PARTNERS, PEOPLE};
use crate::web::for_demo as assets;

/// The page of a link that was used.
#[derive(Template)]
#[template(path = "link_used.html")]
pub(super) struct LinkUsed;

/// The page.
#[derive(Template)]
#[template(path = "demo.html")]
pub(super) struct DemoPage {
    title: String,
    lead: String,
    clock: String,
    machine: String,
    figures: Vec<Figure>,
    people_to_choose: Vec<String>,
    chosen: String,
    /// The partner that [`ME`] has not connected yet.
    to_connect: Option<&'static str>,
    has_round: bool,
    journey: Option<JourneyView>,
    arrived: Vec<ArrivalView>,
    sides: Vec<SideView>,
    shared: Option<(Shared, String)>,
    refused: Vec<Refused>,
    refused_sum: usize,
    people: Vec<Vec<PersonView>>,
    people_title: String,
    script: &'static str,
}

struct Figure {
    name: &'static str,
    value: String,
    about: String,
}

struct JourneyView {
    title: String,
    clock: String,
    hops: Vec<Hop>,
}

struct Hop {
    place: &'static str,
    about: String,
    after: String,
    /// Where its bar begins and how long it is, in percent.
    from: String,
    length: String,
    class: &'static str,
}

struct ArrivalView {
    clock: String,
    machine: String,
    person: String,
    what: String,
    about: String,
}

struct PersonView {
    name: String,
    withings: String,
    runkeeper: String,
    class: &'static str,
    symbol: &'static str,
    state: &'static str,
}

pub(super) fn clock(at: &DateTime<Utc>) -> String {
    at.format("%H:%M:%S").to_string()
}

fn machine(at: &DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn percent(value: f64) -> String {
    format!("{value:.1}%")
}

/// A weight as scales show it.
fn kilograms(value: f64) -> String {
    format!("{value:.1}")
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    first + letters.as_str()
}

impl DemoPage {
    pub(super) fn new(scene: &Scene, now: DateTime<Utc>) -> Self {
        let down: Vec<&Side> =
            scene.sides.iter().filter(|side| side.down_since.is_some()).collect();
        let round = &scene.round;
        let title = match (round.is_over, down.as_slice()) {
            (false, _) => format!(
                "{} of {} connections are read for the first time",
                round.read, round.connections
            ),
            (true, []) => "What is entered once is everywhere once".to_owned(),
            (true, [one]) => format!("{} is down, the rest goes on", one.title),
            (true, _) => "All partners are down; what is here can be read".to_owned(),
        };
        let partners: Vec<_> = scene.sides.iter().map(|side| side.title.as_str()).collect();
        let lead = format!(
            "{} made-up people use {}, both simulated. The daemon between them is the real one. All of it is gone when you press Ctrl-C.",
            round.people,
            if partners.is_empty() { "two partners".to_owned() } else { partners.join(" and ") },
        );
        let has = |partner: &str| {
            let mine = scene.people.iter().find(|person| person.name == ME);
            mine.is_some_and(|person| person.weights.contains_key(partner))
        };
        let mut people_to_choose: Vec<String> =
            PEOPLE.iter().map(|person| (*person).to_owned()).collect();
        if has("withings") {
            people_to_choose.insert(0, ME.to_owned());
        }
        let chosen = scene.journey.as_ref().map(|journey| journey.person.clone());
        let in_step =
            scene.people.iter().filter(|person| person.state == PersonState::InStep).count();
        let on_its_way =
            scene.people.iter().filter(|person| person.state == PersonState::OnItsWay).count();
        let new = in_step + on_its_way;
        let people: Vec<PersonView> = scene.people.iter().map(PersonView::new).collect();
        let half = people.len().div_ceil(2).max(1);
        let mut rest = people.into_iter();
        let first: Vec<_> = rest.by_ref().take(half).collect();
        Self {
            title,
            lead,
            clock: clock(&now),
            machine: machine(&now),
            figures: figures(scene),
            chosen: chosen.unwrap_or_else(|| people_to_choose.first().cloned().unwrap_or_default()),
            people_to_choose,
            to_connect: PARTNERS.into_iter().find(|partner| !has(partner)),
            has_round: round.is_over,
            journey: scene.journey.as_ref().map(|journey| JourneyView::new(journey, scene)),
            arrived: scene.arrived.iter().map(ArrivalView::new).collect(),
            sides: scene.sides.iter().map(|side| SideView::new(side, scene, now)).collect(),
            shared: scene.last_shared.clone().map(|it| (it, thousands(scene.shared))),
            refused_sum: scene.refused.iter().map(|it| it.count).sum(),
            refused: scene.refused.iter().take(5).cloned().collect(),
            people: [first, rest.collect()].into_iter().filter(|it| !it.is_empty()).collect(),
            people_title: match new {
                0 => "Newest weight at each partner, as they have it.".to_owned(),
                new => format!(
                    "Newest weight at each partner, as they have it. {in_step} of {new} who weighed themselves are in step."
                ),
            },
            script: SCRIPT,
        }
    }
}

fn figures(scene: &Scene) -> Vec<Figure> {
    let refused: usize = scene.refused.iter().map(|refused| refused.count).sum();
    let sum = |of: fn(&Side) -> u64| scene.sides.iter().map(of).sum::<u64>() as usize;
    let written = scene.sides.iter().find(|side| side.partner == "runkeeper");
    let figure =
        |name, value: usize, about: String| Figure { name, value: thousands(value), about };
    vec![
        figure(
            "Records",
            scene.records,
            format!("{} since the first round", thousands(scene.new_records)),
        ),
        figure("At both partners", scene.shared, "new weights, each one record here".to_owned()),
        figure("Refused, with a reason", refused, "their neighbours were kept".to_owned()),
        figure(
            "Writes at RunKeeper",
            written.map_or(0, |side| side.writes as usize),
            "as it counts them".to_owned(),
        ),
        figure(
            "Calls over a limit",
            sum(|side| side.over_limit),
            format!("of {}", thousands(sum(|side| side.calls))),
        ),
        figure(
            "Syncs that failed",
            scene.syncs.failed as usize,
            format!("of {}", thousands(scene.syncs.done as usize + scene.syncs.failed as usize)),
        ),
    ]
}

impl JourneyView {
    fn new(journey: &Journey, scene: &Scene) -> Self {
        let person = capital(&journey.person);
        let weight = format!("{} kg", kilograms(journey.kilograms));
        let down = |partner: &str| {
            let side = scene.sides.iter().find(|side| side.partner == partner);
            side.is_some_and(|side| side.down_since.is_some())
        };
        let title = match journey.arrived_ms {
            Some(ms) => format!("{person}: {weight}, from the scale to RunKeeper in {ms} ms"),
            None if down("withings") => {
                format!("{person}: {weight} waits at Withings, which is down")
            }
            None if journey.heard_ms.is_some() && down("runkeeper") => {
                format!("{person}: {weight} waits for RunKeeper, which is down")
            }
            None => format!("{person}: {weight} is on its way"),
        };
        let known = [journey.stored_ms, journey.heard_ms, journey.arrived_ms];
        let longest = known.into_iter().flatten().max().unwrap_or(1).max(1) as f64;
        let hop = |place, about: &str, from: Option<u64>, to: Option<u64>, class| {
            let ends = [from, to].map(|ms| ms.map_or(0.0, |ms| ms as f64 / longest * 100.0));
            let length = to.map_or(0.0, |_| (ends[1] - ends[0]).max(1.2));
            Hop {
                place,
                about: about.to_owned(),
                after: to.map_or_else(|| "waits".to_owned(), |ms| format!("{ms} ms")),
                from: percent(ends[0].min(98.8)),
                length: percent(length),
                class,
            }
        };
        let Journey { stored_ms, heard_ms, arrived_ms, .. } = *journey;
        let begins = Some(0);
        Self {
            title,
            clock: clock(&journey.at),
            hops: vec![
                hop("Withings", &format!("{person} steps on the scale"), begins, begins, "f-s1"),
                hop("Stored", "fetched, checked and one record", begins, stored_ms, "f-acc"),
                hop("Your app", "by the change feed", stored_ms, heard_ms, "f-s5"),
                hop("RunKeeper", "written there", stored_ms, arrived_ms, "f-s4"),
            ],
        }
    }
}

impl ArrivalView {
    fn new(arrival: &Arrival) -> Self {
        let about = match arrival.change.as_str() {
            "created" => arrival.from.clone(),
            "updated" => format!("{}, changed", arrival.from),
            other => format!("{}, {other}", arrival.from),
        };
        Self {
            clock: clock(&arrival.at),
            machine: machine(&arrival.at),
            person: arrival.person.clone(),
            what: match arrival.more {
                0 => arrival.what.clone(),
                more => format!("{}, and {more} more", arrival.what),
            },
            about,
        }
    }
}

impl PersonView {
    fn new(person: &Person) -> Self {
        let at = |partner: &str| {
            let weight = person.weights.get(partner);
            weight.map_or_else(|| "–".to_owned(), |value| kilograms(*value))
        };
        let (class, symbol, state) = match person.state {
            PersonState::InStep => ("is-ok", "m-ok", "In step"),
            PersonState::OnItsWay => ("is-off", "m-wait", "On its way"),
            PersonState::Refused => ("is-bad", "m-bad", "Refused"),
            PersonState::NothingNew => ("is-off", "m-off", "Nothing new"),
        };
        Self {
            name: person.name.clone(),
            withings: at("withings"),
            runkeeper: at("runkeeper"),
            class,
            symbol,
            state,
        }
    }
}
