//! What works, what waits, on what, for how long; what was restarted.

use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::answer::{self, NoPage};
use super::chart::Scale;
use super::frame::{Frame, Mark, Place};
use super::session::SignedIn;
use super::{assets, words};
use crate::actors::{PartnerNode, PartnerTree, SessionNode, SessionState};
use crate::limits::CircuitState;
use crate::model::Cause;
use crate::web::State;
use crate::web::admin::actors::{Background, Delivering, EndpointNode, view};

#[derive(Template)]
#[template(path = "actors.html")]
struct Page {
    frame: Frame,
    title: String,
    sentence: String,
    figures: Vec<Figure>,
    nodes: Vec<Node>,
    events: Vec<Event>,
}

/// A number with its name and what it says.
struct Figure {
    name: &'static str,
    value: String,
    about: String,
}

/// An actor.
struct Node {
    id: String,
    name: String,
    mark: Mark,
    state: String,
    /// Generation, restarts, busy, waiting, due now, p95.
    cells: [Cell; 6],
    kids: Vec<Kid>,
}

struct Cell {
    name: &'static str,
    value: String,
    is_hot: bool,
}

/// What an actor is at.
struct Kid {
    name: String,
    address: String,
    words: String,
    time: String,
}

/// Something that happened to an actor.
struct Event {
    at: DateTime<Utc>,
    machine: String,
    clock: String,
    mark: Mark,
    who: String,
    words: String,
}

const OK: Mark = Mark { class: "is-ok", symbol: "m-ok", word: "" };
const WARN: Mark = Mark { class: "is-warn", symbol: "m-warn", word: "" };
const BAD: Mark = Mark { class: "is-bad", symbol: "m-bad", word: "" };

/// Shows it.
pub(super) async fn show(
    session: SignedIn,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let background = view(&state).await?;
    let frame = Frame::new(&state, &session, Place::Actors).await?;
    let title = |name: &str| {
        state.directory.spec(name).map_or_else(|| name.to_owned(), |it| it.manifest().title.into())
    };
    answer::page(&page(frame, &background, title, state.now()))
}

fn page(
    frame: Frame,
    background: &Background,
    title: impl Fn(&str) -> String,
    now: DateTime<Utc>,
) -> Page {
    let (tree, deliveries) = (&background.actors, &background.webhooks);
    let mut nodes = vec![supervisor(tree.supervisor.uptime_s, tree.supervisor.restarts)];
    nodes.extend(tree.partners.iter().map(|node| partner(node, title(node.partner), now)));
    nodes.push(webhooks(deliveries, now));
    let troubled = nodes.iter().filter(|node| node.mark != OK).count();
    let all = nodes.len();
    let heading = match troubled {
        0 => format!("All {all} actors run"),
        troubled => format!("{troubled} of {all} actors need a look"),
    };
    let restarts = tree.supervisor.restarts + deliveries.tree.restarts;
    let sentence = match restarts {
        0 => "None was restarted since the start.".to_owned(),
        1 => "One was restarted since the start; below is why.".to_owned(),
        more => format!("{} restarts since the start; below is why.", words::number(more)),
    };
    Page {
        frame,
        title: heading,
        sentence,
        figures: figures(&tree.partners, &title, now),
        nodes,
        events: events(&tree.partners, deliveries, &title, now),
    }
}

fn figures(
    partners: &[PartnerNode],
    title: &impl Fn(&str) -> String,
    now: DateTime<Utc>,
) -> Vec<Figure> {
    let actors = || partners.iter().filter_map(|node| Some((node.partner, node.actor.as_ref()?)));
    let sum = |of: fn(&PartnerTree) -> usize| actors().map(|(_, actor)| of(actor)).sum::<usize>();
    let (busy, waiting) = (sum(|it| it.sessions_busy), sum(|it| it.calls_waiting));
    let due = sum(|it| it.due_now);
    let mut figures = vec![
        Figure {
            name: "Sessions at work",
            value: words::number(busy),
            about: format!("of {} that live", words::number(sum(|it| it.sessions_live))),
        },
        Figure {
            name: "Calls that wait",
            value: words::number(waiting),
            about: "for a limit of their partner".to_owned(),
        },
        Figure {
            name: "Due and not begun",
            value: words::number(due),
            about: if due == 0 { "everything is on time" } else { "they wait for a place" }.into(),
        },
    ];
    let sessions = actors()
        .flat_map(|(name, actor)| actor.sessions.iter().map(move |session| (name, session)));
    let at_work = sessions.filter(|(_, session)| session.state != SessionState::Queued);
    if let Some((name, longest)) = at_work.min_by_key(|(_, session)| session.since) {
        let about = format!("{}, {}", title(name), user(longest));
        let value = duration(longest, now);
        figures.push(Figure { name: "Longest at work", value, about });
    }
    figures
}

fn user(session: &SessionNode) -> String {
    session.user_id.as_ref().map_or_else(
        || format!("connection {}", session.connection_id.0),
        |user| user.as_str().to_owned(),
    )
}

fn duration(session: &SessionNode, now: DateTime<Utc>) -> String {
    let millis = (now - session.since).num_milliseconds().max(0);
    if millis < 60_000 {
        Scale::Seconds.text(millis as f64 / 1e3)
    } else {
        words::span(now - session.since)
    }
}

/// The six numbers of an actor; what it has not is a dash.
fn cells(values: [Option<String>; 6], hot: [bool; 6]) -> [Cell; 6] {
    const NAMES: [&str; 6] = ["Generation", "Restarts", "Busy", "Waiting", "Due now", "p95"];
    let mut rest = NAMES.into_iter().zip(values).zip(hot);
    std::array::from_fn(|_| {
        let ((name, value), is_hot) = rest.next().unwrap_or((("", None), false));
        Cell { name, value: value.unwrap_or_else(|| "–".to_owned()), is_hot }
    })
}

fn supervisor(uptime_s: i64, restarts: u32) -> Node {
    Node {
        id: "supervisor".to_owned(),
        name: "Supervisor".to_owned(),
        mark: OK,
        state: format!("Up for {}", words::span(chrono::TimeDelta::seconds(uptime_s))),
        cells: cells(
            [Some("1".into()), Some(words::number(restarts)), None, None, None, None],
            [false; 6],
        ),
        kids: Vec::new(),
    }
}

fn partner(node: &PartnerNode, name: String, now: DateTime<Utc>) -> Node {
    let clock = |at: &DateTime<Utc>| words::clock(at, &now);
    let generation = Some(words::number(node.generation));
    let restarts = Some(words::number(node.restarts));
    let id = format!("actor-{}", node.partner);
    let Some(actor) = &node.actor else {
        let state = match &node.restart_at {
            _ if node.state == "busy" => "Busy, did not answer within a second".to_owned(),
            Some(at) => format!("Restarts at {}", clock(at)),
            None => "Restarts".to_owned(),
        };
        let cells = cells([generation, restarts, None, None, None, None], [false; 6]);
        return Node { id, name, mark: WARN, state, cells, kids: Vec::new() };
    };
    let closed = actor.buckets.iter().filter_map(|bucket| bucket.closed_until).max();
    let (mark, state) = match (&actor.circuit, &actor.circuit_retry_at, &closed) {
        (CircuitState::Open, Some(at), _) => (BAD, format!("Circuit open until {}", clock(at))),
        (CircuitState::Open, None, _) => (BAD, "Circuit open".to_owned()),
        (CircuitState::HalfOpen, ..) => (WARN, "One sync tries the partner".to_owned()),
        (CircuitState::Closed, _, Some(at)) => (WARN, format!("Waits until {}", clock(at))),
        (CircuitState::Closed, ..) => (OK, "Running".to_owned()),
    };
    let waiting = actor.sessions_waiting + actor.calls_waiting;
    let p95 = actor.syncs.duration_p95_ms.map(|millis| Scale::Seconds.text(millis as f64 / 1e3));
    Node {
        id,
        mark,
        state,
        cells: cells(
            [
                generation,
                restarts,
                Some(words::number(actor.sessions_busy)),
                Some(words::number(waiting)),
                Some(words::number(actor.due_now)),
                p95,
            ],
            [false, false, false, waiting > 0, false, false],
        ),
        kids: sessions(actor, node.partner, &name, now),
        name,
    }
}

fn sessions(actor: &PartnerTree, partner: &str, title: &str, now: DateTime<Utc>) -> Vec<Kid> {
    let mut kids: Vec<Kid> = actor
        .sessions
        .iter()
        .map(|session| {
            let address = session.user_id.as_ref().map(|user| {
                format!("/admin/users/{}", utf8_percent_encode(user.as_str(), NON_ALPHANUMERIC))
            });
            Kid {
                name: user(session),
                address: address.unwrap_or_default(),
                words: doing(session),
                time: duration(session, now),
            }
        })
        .collect();
    let more = (actor.sessions_busy + actor.sessions_waiting).saturating_sub(kids.len());
    if more > 0 {
        kids.push(Kid {
            name: title.to_owned(),
            address: format!("/admin/partners/{partner}"),
            words: format!("and {} more", words::number(more)),
            time: String::new(),
        });
    }
    kids
}

fn doing(session: &SessionNode) -> String {
    let why = match session.cause {
        Cause::Connect => "reads everything for the first time",
        Cause::Request => "syncs, because somebody asked for it",
        Cause::Schedule => "polls, as it was due",
        Cause::Notification => "looks, because the partner announced something",
        Cause::Push => "pushes changes",
        _ => "syncs",
    };
    match (session.state, &session.waiting_for) {
        (SessionState::Working, _) => why.to_owned(),
        (SessionState::WaitingForLimit, Some(limit)) => format!("{why}; waits for {limit}"),
        (SessionState::WaitingForLimit, None) => format!("{why}; waits for a limit"),
        (SessionState::Queued, _) => format!("waits for a place; then it {why}"),
    }
}

fn webhooks(deliveries: &Delivering, now: DateTime<Utc>) -> Node {
    let failing: Vec<&EndpointNode> =
        deliveries.endpoints.iter().filter(|it| it.failing_since.is_some()).collect();
    let (mark, state) = match failing.len() {
        0 if deliveries.endpoints.is_empty() => (OK, "No endpoints".to_owned()),
        0 => (OK, "Running".to_owned()),
        1 => (BAD, "One endpoint fails".to_owned()),
        many => (BAD, format!("{many} endpoints fail")),
    };
    let kids = failing.into_iter().map(|endpoint| {
        let host = endpoint.host.as_deref().unwrap_or("an endpoint");
        let words = match (&endpoint.disabled_at, &endpoint.next_attempt_at) {
            (Some(at), _) => format!("{host}: switched off at {}", words::clock(at, &now)),
            (None, Some(at)) => format!("{host}: next attempt at {}", words::clock(at, &now)),
            (None, None) => format!("{host}: takes nothing"),
        };
        let id = utf8_percent_encode(&endpoint.endpoint_id, NON_ALPHANUMERIC);
        Kid {
            name: endpoint.endpoint_id.clone(),
            address: format!("/admin/webhooks/{id}"),
            words,
            time: endpoint.failing_since.map(|at| words::span(now - at)).unwrap_or_default(),
        }
    });
    let (running, restarts) = (deliveries.tree.running, deliveries.tree.restarts);
    Node {
        id: "actor-deliveries".to_owned(),
        name: "Webhook deliverers".to_owned(),
        mark,
        state,
        cells: cells(
            [None, Some(words::number(restarts)), Some(words::number(running)), None, None, None],
            [false; 6],
        ),
        kids: kids.collect(),
    }
}

/// Why actors were restarted, and which circuits are open; the latest first.
fn events(
    partners: &[PartnerNode],
    deliveries: &Delivering,
    title: &impl Fn(&str) -> String,
    now: DateTime<Utc>,
) -> Vec<Event> {
    let event = |at: DateTime<Utc>, mark, who, words| Event {
        at,
        machine: words::machine(&at),
        clock: words::clock(&at, &now),
        mark,
        who,
        words,
    };
    let mut events: Vec<Event> = partners
        .iter()
        .filter_map(|node| {
            let failure = node.last_failure.as_ref()?;
            let words =
                format!("its actor stopped: “{}”. No other partner noticed.", failure.reason);
            Some(event(failure.at, WARN, title(node.partner), words))
        })
        .collect();
    if let Some(failure) = &deliveries.tree.last_failure {
        let words = format!("the task of {} stopped: “{}”.", failure.endpoint_id, failure.reason);
        events.push(event(failure.at, WARN, "Webhook deliverers".to_owned(), words));
    }
    events.sort_by_key(|event| std::cmp::Reverse(event.at));
    events
}
