use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

const MINUTE: i64 = 1;
const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

fn at(minute: i64) -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(minute)
}

/// A connection and its partner, by the minute: data comes at some minutes and is announced or not;
/// polls look at an interval, and at once when something is announced.
struct Life {
    trust: Trust,
    minute: i64,
    notified_at: Option<DateTime<Utc>>,
    waiting: bool,
    next_poll: i64,
    polls: u32,
}

impl Life {
    fn new() -> Self {
        let trust = Trust::new(at(0));
        Self { trust, minute: 0, notified_at: None, waiting: false, next_poll: 0, polls: 0 }
    }

    fn look(&mut self) {
        let found = std::mem::take(&mut self.waiting);
        let look = Look { now: at(self.minute), found, notified_at: self.notified_at };
        self.trust = self.trust.clone().after(look);
        let relaxed = self.trust.standing == Standing::Working;
        self.next_poll = self.minute + if relaxed { HOUR } else { 5 * MINUTE };
        self.polls += 1;
    }

    /// Lets time pass until that minute. `data` says for a minute whether data comes, and if so whether
    /// it is announced.
    fn until(&mut self, minute: i64, mut data: impl FnMut(i64) -> Option<bool>) {
        while self.minute < minute {
            self.minute += 1;
            if let Some(announced) = data(self.minute) {
                self.waiting = true;
                if announced {
                    self.notified_at = Some(at(self.minute));
                    self.look();
                }
            }
            if self.minute >= self.next_poll {
                self.look();
            }
        }
    }

    fn standing(&self) -> Standing {
        self.trust.standing
    }
}

/// Data at random, `per_day` times.
fn random(seed: u64, per_day: f64, announced: f64) -> impl FnMut(i64) -> Option<bool> {
    let mut chance = StdRng::seed_from_u64(seed);
    move |_| {
        let comes = chance.random_bool(per_day / DAY as f64);
        comes.then(|| chance.random_bool(announced))
    }
}

#[test]
fn nothing_is_relied_on_before_a_notification_has_led_to_data() {
    let mut life = Life::new();
    life.until(30 * DAY, |_| None);
    assert_eq!(life.standing(), Standing::Unproven);
    life.notified_at = Some(at(life.minute));
    life.look();
    assert_eq!(life.standing(), Standing::Unproven, "one that announced nothing proves nothing");
    life.until(31 * DAY, |minute| (minute == 30 * DAY + HOUR).then_some(true));
    assert_eq!(life.standing(), Standing::Working);
}

#[test]
fn years_of_announced_data_are_trusted_at_any_rate() {
    for (seed, per_day) in [(1, 0.05), (2, 0.3), (3, 1.0), (4, 6.0), (5, 20.0)] {
        let mut life = Life::new();
        let (mut data, mut silent_days) = (random(seed, per_day, 1.0), 0);
        for day in 1..=2 * 365 {
            life.until(day * DAY, &mut data);
            silent_days += i32::from(life.standing() == Standing::Silent);
        }
        assert!(silent_days <= 7, "{per_day} a day: silent on {silent_days} of 730 days");
        assert!(life.polls < 2 * 365 * (24 + 24) + 20_000, "{}", life.polls);
    }
}

#[test]
fn a_partner_that_falls_silent_is_noticed_by_what_polls_find() {
    let mut life = Life::new();
    life.until(30 * DAY, random(7, 4.0, 1.0));
    assert_eq!(life.standing(), Standing::Working);
    let silent_since = life.minute;
    let mut data = random(8, 4.0, 0.0);
    while life.standing() == Standing::Working {
        let next = life.minute + MINUTE;
        life.until(next, &mut data);
        assert!(life.minute - silent_since < 3 * DAY, "not noticed");
    }
    let reason = life.trust.reason.clone().unwrap();
    assert!(reason.contains("3 times that no notification had announced"), "{reason}");
    // It stays so as long as none comes, and one that works restores it at once.
    life.until(silent_since + 20 * DAY, &mut data);
    assert_eq!(life.standing(), Standing::Silent);
    let now = life.minute;
    life.until(now + 2, |minute| (minute == now + 1).then_some(true));
    assert_eq!((life.standing(), life.trust.reason.clone()), (Standing::Working, None));
    life.until(now + 10 * DAY, random(9, 4.0, 1.0));
    assert_eq!(life.standing(), Standing::Working);
}

#[test]
fn a_silence_that_is_improbable_at_the_connections_own_rate_ends_the_trust() {
    for (per_day, least, most) in [(12.0, 0.5, 1.5), (4.0, 1.5, 4.0)] {
        let mut life = Life::new();
        life.until(60 * DAY, random(11, per_day, 1.0));
        let since = life.minute;
        while life.standing() == Standing::Working {
            let next = life.minute + MINUTE;
            life.until(next, |_| None);
        }
        let days = (life.minute - since) as f64 / DAY as f64;
        assert!((least..most).contains(&days), "{per_day} a day: after {days} days");
        let reason = life.trust.reason.clone().unwrap();
        assert!(
            reason.contains("no notification since") && reason.contains("times a day"),
            "{reason}"
        );
    }
}

#[test]
fn rare_data_may_be_silent_for_months() {
    let mut life = Life::new();
    let weekly = |minute: i64| (minute % (7 * DAY) == 0).then_some(true);
    life.until(26 * 7 * DAY, weekly);
    let now = life.minute;
    life.until(now + 90 * DAY, |_| None);
    assert_eq!(life.standing(), Standing::Working, "nothing was missed, and nothing was due");
}

#[test]
fn a_notification_that_comes_after_a_poll_found_the_data_has_announced_it_all_the_same() {
    let mut life = Life::new();
    life.until(DAY, |minute| (minute % (6 * HOUR) == 0).then_some(true));
    for round in 0..12 {
        let now = life.minute;
        life.waiting = true;
        life.look();
        life.minute = now + 10;
        life.notified_at = Some(at(life.minute));
        life.look();
        life.until(now + 6 * HOUR, |_| None);
        assert_eq!(life.standing(), Standing::Working, "round {round}");
    }
    assert!(life.trust.recall() > 0.99, "{:?}", life.trust);
}

#[test]
fn a_notification_during_the_poll_that_finds_its_data_has_announced_it() {
    let mut trust = Trust::new(at(0));
    let mut before = None;
    for day in 1..=12 {
        let ended = at(day * DAY);
        // The sync began with what was known then.
        trust = trust.after(Look { now: ended, found: true, notified_at: before });
        before = Some(ended - TimeDelta::seconds(5));
        let next = Look { now: ended + TimeDelta::hours(1), found: false, notified_at: before };
        trust = trust.after(next);
        assert_eq!(trust.standing, Standing::Working, "day {day}");
    }
}

#[test]
fn a_partner_that_announces_only_some_is_not_relied_on() {
    let mut life = Life::new();
    life.until(60 * DAY, random(21, 4.0, 0.2));
    let mut silent = 0;
    for day in 61..=120 {
        life.until(day * DAY, random(day as u64, 4.0, 0.2));
        silent += u32::from(life.standing() == Standing::Silent);
    }
    assert!(silent > 20, "silent on {silent} of 60 days");
}

#[test]
fn a_burst_is_one_arrival() {
    let mut life = Life::new();
    // Every morning ten at once, one a minute.
    life.until(40 * DAY, |minute| (minute % DAY < 10).then_some(true));
    let rate = life.trust.rate();
    assert!((0.8..1.3).contains(&rate), "{rate}");
}

#[test]
fn a_subscription_of_which_nothing_ever_came_is_silent_once_polls_find_data() {
    let mut life = Life::new();
    life.until(5 * DAY, random(31, 3.0, 0.0));
    assert_eq!(life.standing(), Standing::Silent);
    assert!(life.trust.reason.clone().unwrap().ends_with("none has come yet"));
}

#[test]
fn what_is_stored_is_short_and_reads_back() {
    let mut life = Life::new();
    life.until(20 * DAY, random(41, 3.0, 0.7));
    let text = serde_json::to_string(&life.trust).unwrap();
    assert!(text.len() < 400, "{text}");
    assert_eq!(serde_json::from_str::<Trust>(&text).unwrap(), life.trust);
}

#[test]
fn a_clock_that_was_set_back_does_no_harm() {
    let trust = Trust::new(at(10 * DAY));
    let look = Look { now: at(DAY), found: true, notified_at: Some(at(9 * DAY)) };
    let trust = trust.after(look).after(Look { now: at(2 * DAY), ..look });
    assert!(trust.rate().is_finite() && trust.recall().is_finite());
}
