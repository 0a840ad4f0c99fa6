//! Notifications to the application: subscriptions, what waits to be sent, faults on the way.

mod change;
mod client;
mod delivery;
mod faults;
mod flood;
mod forge;
mod journal;
pub(crate) mod sign;
mod subscription;
mod wire;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

pub(crate) use self::change::{Change, Version};
pub(crate) use self::client::{Outcome, Request, is_web, send};
pub(crate) use self::delivery::deliver;
pub use self::faults::{Hits, NotificationFaults};
pub use self::flood::{Flood, FloodReport};
pub(crate) use self::flood::{flood, samples};
pub use self::forge::Forgery;
use self::journal::Journal;
pub use self::journal::{Deliveries, Delivery};
pub use self::subscription::Subscription;
pub(crate) use self::wire::{Check, EndedBy, Notice, Notifies, Probe, Signing, Subject};
use crate::rng::Rng;

/// More than that do not wait at a partner.
const MOST_WAITING: usize = 50_000;

/// A notification on its way.
#[derive(Debug)]
struct Job {
    notice: Notice,
    /// Attempts made.
    attempts: u32,
}

/// When a notification that does not go out at once is due.
#[derive(Debug, Clone, Copy)]
enum Due {
    /// A delay, in real time.
    Real(Instant),
    /// Another attempt, in virtual Unix seconds.
    Virtual(i64),
}

/// What there is to do next.
#[derive(Debug)]
enum Next {
    Send(Job),
    /// Something is due later.
    Later,
    Nothing,
}

/// Everything about a partner's notifications.
#[derive(Debug)]
pub(crate) struct Notices {
    /// Subscriptions of users, by account.
    pub(crate) of_accounts: HashMap<usize, Vec<Subscription>>,
    /// Subscriptions of the application for all users.
    pub(crate) of_application: Vec<Subscription>,
    /// The callback address set in the partner's console.
    pub(crate) console: Option<String>,
    /// Access tokens of the service account, with the time they expire.
    pub(crate) service_tokens: HashMap<String, i64>,
    /// Whether notifications are signed, at partners that did not always do so.
    pub(crate) signs: bool,
    pub(crate) faults: NotificationFaults,
    pub(crate) rng: Rng,
    journal: Journal,
    queue: VecDeque<Job>,
    later: Vec<(Due, Job)>,
    held: Vec<Job>,
    under_way: u64,
    failures_in_a_row: u32,
}

impl Notices {
    pub(crate) fn new(rng: Rng) -> Self {
        Self {
            of_accounts: HashMap::new(),
            of_application: Vec::new(),
            console: None,
            service_tokens: HashMap::new(),
            signs: true,
            faults: NotificationFaults::default(),
            rng,
            journal: Journal::default(),
            queue: VecDeque::new(),
            later: Vec::new(),
            held: Vec::new(),
            under_way: 0,
            failures_in_a_row: 0,
        }
    }

    /// Whether anybody wants to know of anything.
    pub(crate) fn listens(&self) -> bool {
        self.console.is_some() || !self.of_application.is_empty() || !self.of_accounts.is_empty()
    }

    /// The subscriptions of an account.
    pub(crate) fn of_account(&self, number: usize) -> &[Subscription] {
        self.of_accounts.get(&number).map_or(&[], Vec::as_slice)
    }

    /// Removes the subscriptions of an account.
    pub(crate) fn forget(&mut self, number: usize) {
        self.of_accounts.remove(&number);
    }

    pub(crate) fn set_console(&mut self, url: Option<String>) {
        self.console = url;
        self.failures_in_a_row = 0;
    }

    pub(crate) fn set_faults(&mut self, faults: NotificationFaults) {
        self.faults = faults;
        if faults.reorder == 0 {
            self.release();
        }
    }

    /// Takes notifications to be sent, as far as no fault has other plans.
    pub(crate) fn post(&mut self, notices: Vec<Notice>) {
        for mut notice in notices {
            self.journal.counts.made += 1;
            if self.faults.silent || self.faults.drop.hit(&mut self.rng) {
                self.journal.counts.dropped += 1;
                continue;
            }
            notice.forged |= self.faults.bad_signature.hit(&mut self.rng);
            if self.faults.double.hit(&mut self.rng) {
                self.journal.counts.doubled += 1;
                self.hold(Job { notice: notice.clone(), attempts: 0 });
            }
            self.hold(Job { notice, attempts: 0 });
        }
    }

    fn hold(&mut self, job: Job) {
        if self.queue.len() + self.later.len() + self.held.len() >= MOST_WAITING {
            self.journal.counts.overflowed += 1;
        } else if self.faults.reorder > 0 {
            self.held.push(job);
            if self.held.len() >= self.faults.reorder {
                self.release();
            }
        } else {
            self.enqueue(job);
        }
    }

    /// Lets go what is held, in another order.
    fn release(&mut self) {
        let mut held = std::mem::take(&mut self.held);
        held.reverse();
        for last in (2..held.len()).rev() {
            held.swap(last, self.rng.index(last + 1));
        }
        held.into_iter().for_each(|job| self.enqueue(job));
    }

    fn enqueue(&mut self, job: Job) {
        if self.faults.delay_ms > 0 {
            let due = Instant::now() + Duration::from_millis(self.faults.delay_ms);
            self.later.push((Due::Real(due), job));
        } else {
            self.queue.push_back(job);
        }
    }

    fn next(&mut self, now: i64) -> Next {
        if !self.later.is_empty() {
            let real = Instant::now();
            let is_due = |due: &Due| match due {
                Due::Real(at) => *at <= real,
                Due::Virtual(at) => *at <= now,
            };
            let due = self.later.extract_if(.., |(due, _)| is_due(due));
            self.queue.extend(due.map(|(_, job)| job));
        }
        match self.queue.pop_front() {
            Some(job) => {
                self.under_way += 1;
                Next::Send(job)
            }
            None if self.later.is_empty() => Next::Nothing,
            None => Next::Later,
        }
    }

    /// Takes note of how an attempt ended, and plans the next one if there is to be one.
    fn heard(
        &mut self,
        wire: &dyn Notifies,
        mut job: Job,
        delivery: Delivery,
        heard: &Outcome,
        took: Duration,
    ) {
        self.under_way = self.under_way.saturating_sub(1);
        job.attempts = delivery.attempt;
        let (accepted, now) = (delivery.accepted, delivery.at);
        self.journal.heard(heard, took, delivery);
        if accepted {
            self.failures_in_a_row = 0;
            return;
        }
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        if wire.failures_allowed().is_some_and(|allowed| self.failures_in_a_row > allowed) {
            self.console = None;
        }
        match wire.retry_after(job.attempts) {
            Some(seconds) => self.later.push((Due::Virtual(now + seconds), job)),
            None => self.journal.counts.given_up += 1,
        }
    }

    pub(crate) fn report(&self) -> Deliveries {
        let waiting = self.queue.len() + self.later.len() + self.held.len();
        Deliveries { waiting: waiting as u64, under_way: self.under_way, ..self.journal.report() }
    }

    pub(crate) fn reset(&mut self) {
        self.journal = Journal::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notices(faults: NotificationFaults) -> Notices {
        let mut notices = Notices::new(Rng::new(3));
        notices.set_faults(faults);
        notices
    }

    fn post(notices: &mut Notices, bodies: std::ops::Range<u32>) {
        let notice = |body: u32| Notice::json(0, "http://127.0.0.1:9/", &body);
        notices.post(bodies.map(notice).collect());
    }

    fn sent(notices: &mut Notices) -> Vec<String> {
        let next = || match notices.next(0) {
            Next::Send(job) => Some(job.notice.body),
            Next::Later | Next::Nothing => None,
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn the_next_ones_are_dropped_and_doubled_and_then_no_more() {
        let faults = NotificationFaults {
            drop: Hits::next(2),
            double: Hits::next(1),
            ..NotificationFaults::default()
        };
        let mut notices = notices(faults);
        post(&mut notices, 0..5);
        assert_eq!(sent(&mut notices), ["2", "2", "3", "4"]);
        let report = notices.report();
        assert_eq!((report.made, report.dropped, report.doubled), (5, 2, 1));
    }

    #[test]
    fn a_share_is_a_share() {
        let faults =
            NotificationFaults { drop: Hits::percent(30), ..NotificationFaults::default() };
        let mut notices = notices(faults);
        post(&mut notices, 0..1_000);
        assert!((200..400).contains(&notices.report().dropped), "{:?}", notices.report());
    }

    #[test]
    fn what_is_held_comes_in_another_order_and_none_is_lost() {
        let mut notices =
            notices(NotificationFaults { reorder: 6, ..NotificationFaults::default() });
        post(&mut notices, 0..5);
        assert_eq!((sent(&mut notices), notices.report().waiting), (vec![], 5));
        post(&mut notices, 5..6);
        let mut order = sent(&mut notices);
        assert_ne!(order, ["0", "1", "2", "3", "4", "5"]);
        order.sort();
        assert_eq!(order, ["0", "1", "2", "3", "4", "5"]);
        post(&mut notices, 6..8);
        notices.set_faults(NotificationFaults::default());
        assert_eq!(sent(&mut notices), ["7", "6"], "switching it off releases what is held");
    }

    #[test]
    fn silence_loses_everything_and_a_delay_nothing() {
        let mut notices =
            notices(NotificationFaults { silent: true, ..NotificationFaults::default() });
        post(&mut notices, 0..3);
        assert_eq!((sent(&mut notices).len(), notices.report().dropped), (0, 3));
        notices.set_faults(NotificationFaults { delay_ms: 60_000, ..Default::default() });
        post(&mut notices, 0..3);
        assert_eq!((sent(&mut notices).len(), notices.report().waiting), (0, 3));
    }
}
