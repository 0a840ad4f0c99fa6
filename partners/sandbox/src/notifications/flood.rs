//! Many notifications at once, past the queue and its faults.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::client::{Outcome, send};
use super::delivery::request;
use super::{Change, Forgery, Notice, Notifies, Subject, Version};
use crate::clock::Clock;
use crate::partner::{Partner, State};

/// Notifications to be sent at once, in turn about each account that is subscribed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flood {
    /// How many.
    pub count: u32,
    /// How many at the same time.
    #[serde(default = "some")]
    pub concurrency: u32,
    /// Whether they are forged.
    #[serde(default)]
    pub forged: bool,
    /// In which way; in each way in turn when left out.
    #[serde(default)]
    pub forgery: Option<Forgery>,
}

fn some() -> u32 {
    64
}

/// What came of a flood.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FloodReport {
    /// How many were sent.
    pub count: u32,
    /// Answers by status; also `timeout` and `unreachable`.
    pub by_status: BTreeMap<String, u32>,
    /// The median of the milliseconds until an answer.
    pub p50_ms: f64,
    /// Their 99th percentile.
    pub p99_ms: f64,
    /// The slowest answer.
    pub max_ms: f64,
    /// How long all of it took.
    pub seconds: f64,
}

/// Notifications of an account's newest item, of that resource or of the first that has one.
pub(crate) fn samples(
    partner: &Partner,
    wire: &dyn Notifies,
    state: &mut State,
    number: usize,
    resource: Option<&'static str>,
    now: i64,
) -> Vec<Notice> {
    let seed = state.notices.rng.next();
    let Some(of) = Subject::of(state, number, now, seed) else { return Vec::new() };
    let mut resources =
        partner.wire.resources().iter().filter(|name| resource.is_none_or(|only| only == **name));
    let notices = resources.find_map(|name| {
        let item = of.account.collection(name)?.newest(..).next()?;
        let after = Some(Version { time: item.time, value: item.value.clone() });
        let change = Change { id: item.id, before: None, after };
        let notices = wire.changed(&of, name, &[change]);
        (!notices.is_empty()).then_some(notices)
    });
    notices.unwrap_or_default()
}

/// Sends them all; nothing when nobody is subscribed.
pub(crate) async fn flood(
    partner: Arc<Partner>,
    clock: Arc<Clock>,
    flood: Flood,
) -> Option<FloodReport> {
    let wire = partner.wire.notifies()?;
    let templates: Rc<Vec<(Notice, String)>> = Rc::new({
        let mut state = partner.lock();
        let mut templates = Vec::new();
        for number in 0..state.accounts.len() {
            let notices = samples(&partner, wire, &mut state, number, None, clock.now());
            let user = state.accounts.get(number).map(|account| wire.user(account));
            let first = notices.into_iter().next();
            templates.extend(first.zip(user));
        }
        templates
    });
    if templates.is_empty() {
        return None;
    }
    let (begun, next) = (Instant::now(), Rc::new(Cell::new(0_u32)));
    let heard = Rc::new(RefCell::new(Outcomes::default()));
    let senders: Vec<_> = (0..flood.concurrency.clamp(1, 1_024))
        .map(|_| {
            let (partner, clock, flood) = (Arc::clone(&partner), Arc::clone(&clock), flood.clone());
            let (templates, next, heard) =
                (Rc::clone(&templates), Rc::clone(&next), Rc::clone(&heard));
            actix_rt::spawn(async move {
                loop {
                    let number = next.get();
                    if number >= flood.count {
                        break;
                    }
                    next.set(number + 1);
                    let Some((notice, user)) = templates.get(number as usize % templates.len())
                    else {
                        break;
                    };
                    let notice = match forgery(&flood, number) {
                        Some(forgery) => forgery.of(notice.clone(), user),
                        None => notice.clone(),
                    };
                    let call = request(&partner, wire, &notice, clock.now());
                    let begun = Instant::now();
                    let answer = send(call).await;
                    heard.borrow_mut().add(&answer, begun.elapsed().as_secs_f64() * 1_000.0);
                }
            })
        })
        .collect();
    for sender in senders {
        // It fails only when the system ends, and then nobody reads the report.
        drop(sender.await);
    }
    let report = heard.take().report(begun.elapsed().as_secs_f64());
    Some(report)
}

fn forgery(flood: &Flood, number: u32) -> Option<Forgery> {
    let in_turn = || Forgery::ALL.get(number as usize % Forgery::ALL.len()).copied();
    flood.forgery.or_else(|| if flood.forged { in_turn() } else { None })
}

#[derive(Debug, Default)]
struct Outcomes {
    by_status: BTreeMap<String, u32>,
    ms: Vec<f64>,
}

impl Outcomes {
    fn add(&mut self, heard: &Outcome, ms: f64) {
        let name = match heard {
            Outcome::Answer { status, .. } => status.to_string(),
            Outcome::TimedOut => "timeout".to_owned(),
            Outcome::Failed(_) => "unreachable".to_owned(),
        };
        *self.by_status.entry(name).or_default() += 1;
        self.ms.push(ms);
    }

    fn report(mut self, seconds: f64) -> FloodReport {
        self.ms.sort_by(f64::total_cmp);
        let at = |percent: usize| {
            let place = (self.ms.len() * percent).div_ceil(100).saturating_sub(1);
            self.ms.get(place).copied().unwrap_or_default()
        };
        FloodReport {
            count: u32::try_from(self.ms.len()).unwrap_or(u32::MAX),
            p50_ms: at(50),
            p99_ms: at(99),
            max_ms: at(100),
            seconds,
            by_status: self.by_status,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_of_the_sorted_answers() {
        let mut heards = Outcomes::default();
        for ms in (1..=200).rev() {
            heards.add(&Outcome::Answer { status: 204, body: Vec::new() }, f64::from(ms));
        }
        heards.add(&Outcome::TimedOut, 2_000.0);
        let report = heards.report(3.0);
        assert_eq!((report.p50_ms, report.p99_ms, report.max_ms), (101.0, 199.0, 2_000.0));
        assert_eq!(report.by_status, [("204".to_owned(), 200), ("timeout".to_owned(), 1)].into());
    }

    #[test]
    fn forged_ones_are_of_each_kind_unless_one_is_named() {
        let flood = |forged, forgery| Flood { count: 9, concurrency: 1, forged, forgery };
        let kinds = |flood: &Flood| (0..3).map(|at| super::forgery(flood, at)).collect::<Vec<_>>();
        assert_eq!(kinds(&flood(false, None)), [None; 3]);
        assert_eq!(kinds(&flood(true, None)), Forgery::ALL.map(Some));
        assert_eq!(kinds(&flood(true, Some(Forgery::WrongPath))), [Some(Forgery::WrongPath); 3]);
    }
}
