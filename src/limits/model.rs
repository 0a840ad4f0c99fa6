//! A model of a partner that counts calls in the worst permitted way: at any moment of the call, by
//! its own clock.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::{CallKind, Limit, LimitReading, LimitScope, WindowKind};

use super::{BucketKey, BucketState, Decision, Limiter, Made, Priority};
use crate::model::ConnectionId;

const LIMITS: [Limit; 4] = [
    Limit::app(40, Duration::from_secs(10)).fixed(),
    Limit::app(25, Duration::from_secs(10)).fixed().of_reads(),
    Limit::app(300, Duration::from_secs(100)).fixed(),
    Limit::connection(15, Duration::from_secs(10)).fixed(),
];

/// The guard of a ten-second window.
const GUARD: i64 = 10_000 / 64;

/// A morning, not at a window boundary.
const MORNING: i64 = 1_772_600_403_217;

fn at(millis: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::milliseconds(millis)
}

/// Pseudo-random numbers, the same on every run (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 >> 1).unwrap() % end.max(1)
    }

    fn once_in(&mut self, times: i64) -> bool {
        self.below(times) == 0
    }
}

/// The partner's own count for one limit: all its calls, by its clock.
#[derive(Default)]
struct Counter(BTreeMap<i64, u32>);

impl Counter {
    /// The calls in the window around this time; for a sliding window, in the window that ends
    /// then.
    fn used(&self, limit: &Limit, clock: i64) -> u32 {
        let per = i64::try_from(limit.per.as_millis()).unwrap();
        let window = match limit.window {
            WindowKind::Fixed => clock.div_euclid(per) * per..=clock,
            WindowKind::Sliding => clock - per + 1..=clock,
        };
        self.0.range(window).map(|(_, calls)| calls).sum()
    }
}

#[derive(Clone)]
struct Flight {
    made: Made,
    counted_at: i64,
    ends_at: i64,
    readings: Vec<LimitReading>,
}

/// The parameters that differ between tests.
#[derive(Clone, Copy)]
struct World {
    limits: &'static [Limit],
    /// How far the partner's clock is ahead, in milliseconds.
    skew: i64,
    /// Whether its answers report usage.
    reports: bool,
    /// Whether they also report when windows end.
    reports_ends: bool,
    /// How many calls others make at the start of each window of the first limit.
    others: u32,
    kills: bool,
    most_at_once: usize,
    longest_call: i64,
    /// The longest time between two steps of the simulation.
    longest_step: i64,
    /// If connections make calls in turns, the length of a turn. Idle connections are then dropped
    /// from memory and restored when they make calls again.
    turns: Option<i64>,
}

const CALM: World = World {
    limits: &LIMITS,
    skew: 0,
    reports: false,
    reports_ends: false,
    others: 0,
    kills: false,
    most_at_once: 64,
    longest_call: 400,
    longest_step: 40,
    turns: None,
};

struct Outcome {
    /// The calls that exceeded each limit when the partner counted them.
    over: Vec<u32>,
    made: u32,
}

/// Makes as many calls as the limiter permits for this long.
fn run(world: World, seed: u64, seconds: i64) -> Outcome {
    let mut dice = Dice(seed * 7_919 + 104_729);
    let mut stored: HashMap<BucketKey, BucketState> = HashMap::new();
    let mut limiter = Limiter::new(world.limits, false, Duration::from_secs(60));
    let mut counters: HashMap<(usize, Option<ConnectionId>), Counter> = HashMap::new();
    let mut flying: Vec<Flight> = Vec::new();
    let mut outcome = Outcome { over: vec![0; world.limits.len()], made: 0 };
    let (mut now, mut others_until) = (MORNING, 0);
    while now < MORNING + seconds * 1_000 {
        let first = &world.limits[0];
        let per = i64::try_from(first.per.as_millis()).unwrap();
        if world.others > 0 && now + world.skew >= others_until {
            let counter = counters.entry((0, None)).or_default();
            *counter.0.entry(now + world.skew).or_default() += world.others;
            others_until = (now + world.skew).div_euclid(per) * per + per;
        }
        flying.sort_by_key(|flight| flight.counted_at);
        for flight in flying.iter_mut().filter(|flight| flight.counted_at <= now) {
            if std::mem::replace(&mut flight.counted_at, i64::MAX) < i64::MAX {
                count(world, &mut counters, flight, now, &mut outcome);
            }
        }
        let (landed, rest) = flying.into_iter().partition(|flight: &Flight| flight.ends_at <= now);
        flying = rest;
        for flight in landed {
            limiter.learn(&flight.readings, flight.made, at(now));
            limiter.release(flight.made, at(now));
        }
        for _ in 0..1 + dice.below(6) {
            if flying.len() < world.most_at_once {
                let connection = match world.turns {
                    Some(turns) => Some(now / turns % 3),
                    None => (!dice.once_in(8)).then(|| dice.below(5)),
                };
                if let Some(connection) = connection.filter(|id| !limiter.knows(ConnectionId(*id)))
                {
                    let own = |key: &BucketKey| key.connection == Some(ConnectionId(connection));
                    restore(&mut limiter, &stored, own, now);
                }
                let call = if dice.once_in(3) { CallKind::Write } else { CallKind::Read };
                let made = Made { connection: connection.map(ConnectionId), call, began: at(now) };
                if permit(&mut limiter, made, &mut stored, &mut dice, world.kills) {
                    let longest = if dice.once_in(40) { 8 } else { 1 } * world.longest_call;
                    let ends_at = now + dice.below(longest);
                    let counted_at = now + dice.below(ends_at - now + 1);
                    flying.push(Flight { made, counted_at, ends_at, readings: Vec::new() });
                }
            }
        }
        if world.turns.is_some() {
            let busy = |id| flying.iter().any(|flight| flight.made.connection == Some(id));
            limiter.forget_idle(at(now), busy);
        }
        if world.kills && dice.once_in(300) {
            // Calls already sent may still have been counted.
            for flight in flying.iter_mut().filter(|flight| flight.counted_at < i64::MAX) {
                count(world, &mut counters, flight, now, &mut outcome);
            }
            if dice.once_in(4) {
                for flight in &flying {
                    limiter.release(flight.made, at(now));
                }
                stored.extend(limiter.final_states());
            }
            flying.clear();
            let longest = if dice.once_in(2) { 300 } else { 12_000 };
            now += dice.below(longest);
            limiter = Limiter::new(world.limits, false, Duration::from_secs(60));
            restore(&mut limiter, &stored, |key| key.connection.is_none(), now);
        }
        now += dice.below(world.longest_step);
    }
    outcome
}

/// Restores the stored state of the selected buckets.
fn restore(
    limiter: &mut Limiter,
    stored: &HashMap<BucketKey, BucketState>,
    which: impl Fn(&BucketKey) -> bool,
    now: i64,
) {
    for (key, state) in stored.iter().filter(|(key, _)| which(key)) {
        let text = serde_json::to_string(state).unwrap();
        limiter.restore(*key, &serde_json::from_str(&text).unwrap(), at(now));
    }
}

fn permit(
    limiter: &mut Limiter,
    made: Made,
    stored: &mut HashMap<BucketKey, BucketState>,
    dice: &mut Dice,
    fails: bool,
) -> bool {
    loop {
        match limiter.request(made.connection, made.call, Priority::Interactive, made.began) {
            Decision::Granted => return true,
            Decision::StoreFirst => {
                let states = limiter.to_store(made.connection, made.call);
                // The database may fail, and may have stored the state even so.
                let done = !fails || !dice.once_in(20);
                let keys: Vec<BucketKey> = states.iter().map(|(key, _)| *key).collect();
                if done || dice.once_in(2) {
                    stored.extend(states);
                }
                keys.into_iter().for_each(|key| limiter.stored(key, done));
                if !done {
                    return false;
                }
            }
            Decision::AppWaits { until, .. } | Decision::ConnectionWaits(until) => {
                assert!(until > made.began, "it must be worth waiting");
                return false;
            }
        }
    }
}

fn count(
    world: World,
    counters: &mut HashMap<(usize, Option<ConnectionId>), Counter>,
    flight: &mut Flight,
    now: i64,
    outcome: &mut Outcome,
) {
    outcome.made += 1;
    let clock = now + world.skew;
    for (number, limit) in world.limits.iter().enumerate() {
        let whose = match limit.scope {
            LimitScope::App => None,
            LimitScope::Connection if flight.made.connection.is_none() => continue,
            LimitScope::Connection => flight.made.connection,
        };
        let counter = counters.entry((number, whose)).or_default();
        if limit.counts.includes(flight.made.call) {
            *counter.0.entry(clock).or_default() += 1;
            outcome.over[number] += u32::from(counter.used(limit, clock) > limit.calls);
        }
        if world.reports {
            let per = i64::try_from(limit.per.as_millis()).unwrap();
            let left = (per - clock.rem_euclid(per)) / 1_000 * 1_000;
            flight.readings.push(LimitReading {
                scope: limit.scope,
                per: limit.per,
                counts: limit.counts,
                calls: limit.calls,
                used: counter.used(limit, clock),
                resets_in: world
                    .reports_ends
                    .then(|| Duration::from_millis(u64::try_from(left).unwrap())),
            });
        }
    }
}

/// Runs simulations that must not exceed any limit. Returns the fewest calls that one of them made.
fn holds(name: &str, worlds: impl Fn(i64) -> World, seconds: i64) -> u32 {
    let mut fewest = u32::MAX;
    for seed in 1..=12 {
        let outcome = run(worlds(i64::try_from(seed).unwrap()), seed, seconds);
        assert!(outcome.over.iter().all(|over| *over == 0), "{name}, {seed}: {:?}", outcome.over);
        fewest = fewest.min(outcome.made);
    }
    fewest
}

/// Within the guard in either direction.
fn skew(seed: i64) -> i64 {
    [-GUARD, GUARD, 0][usize::try_from(seed % 3).unwrap()] * (1 + seed % 2) / 2
}

#[test]
fn no_window_holds_more_than_the_limit_and_the_limit_is_used() {
    let fewest = holds("calm", |seed| World { skew: skew(seed), ..CALM }, 200);
    // There is time for two windows of 300 calls, plus parts of one at each end.
    assert!(fewest >= 570, "{fewest}");
}

#[test]
fn calls_that_last_longer_than_a_window_change_nothing() {
    let world = |seed| World { skew: skew(seed), longest_call: 9_000, ..CALM };
    assert!(holds("slow", world, 200) >= 150);
}

#[test]
fn kills_and_a_failing_database_free_no_permits() {
    let world = |seed| World { skew: skew(seed), kills: true, longest_call: 2_000, ..CALM };
    assert!(holds("kills", world, 300) >= 300);
}

#[test]
fn stale_reports_neither_free_permits_nor_cost_them() {
    let world = |seed| World { skew: skew(seed), reports: true, longest_call: 1_500, ..CALM };
    let silent = |seed| World { reports: false, ..world(seed) };
    let (reported, unreported) =
        (holds("reported", world, 300), holds("not reported", silent, 300));
    assert!(reported * 100 >= unreported * 95, "{reported} of {unreported}");
    let world = |seed| World { kills: true, ..world(seed) };
    assert!(holds("reported and killed", world, 300) >= 300);
}

#[test]
fn calls_of_others_are_accounted_for() {
    const ONE: [Limit; 1] = [Limit::app(100, Duration::from_secs(60)).fixed()];
    let world = |seed| World {
        limits: &ONE,
        skew: skew(seed),
        reports: true,
        others: 40,
        most_at_once: 12,
        longest_call: 1_500,
        ..CALM
    };
    let fewest = holds("others", world, 600);
    assert!((540..=660).contains(&fewest), "60 in each of ten windows: {fewest}");
}

#[test]
fn a_clock_that_is_off_by_minutes_is_followed_if_the_partner_reports_window_ends() {
    const HOUR: [Limit; 1] = [Limit::app(50, Duration::from_secs(3_600)).fixed()];
    for (seed, skew) in [(1, 400_000), (2, -400_000), (3, 1_700_000), (4, 12_000), (5, -7_000)] {
        let world = World {
            limits: &HOUR,
            skew,
            reports: true,
            most_at_once: 4,
            longest_step: 2_000,
            ..CALM
        };
        let reported = run(World { reports_ends: true, ..world }, seed, 5 * 3_600);
        assert_eq!(
            (reported.over, reported.made > 200),
            (vec![0], true),
            "{skew}: {}",
            reported.made
        );
    }
}

#[test]
fn a_sliding_window_holds_as_well() {
    const SLIDING: [Limit; 3] = [
        Limit::app(40, Duration::from_secs(10)),
        Limit::app(25, Duration::from_secs(10)).of_reads(),
        Limit::connection(15, Duration::from_secs(20)),
    ];
    let world = |seed| World { limits: &SLIDING, reports: seed % 2 == 0, ..CALM };
    assert!(holds("sliding", world, 200) >= 450);
    let world = |seed| World { kills: true, longest_call: 2_000, ..world(seed) };
    assert!(holds("sliding and killed", world, 200) >= 200);
}

#[test]
fn connections_that_are_dropped_and_restored_keep_their_limits() {
    const SLIDING: [Limit; 1] = [Limit::connection(40, Duration::from_secs(4))];
    const FIXED: [Limit; 1] = [Limit::connection(40, Duration::from_secs(4)).fixed()];
    for limits in [&SLIDING, &FIXED] {
        let calm = |_| World { limits, turns: Some(7_000), ..CALM };
        assert!(holds("turns", calm, 300) >= 2_000);
        let killed = |seed| World { kills: true, longest_call: 1_000, ..calm(seed) };
        assert!(holds("turns and kills", killed, 300) >= 1_000);
    }
}
