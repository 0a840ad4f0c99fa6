//! What a trial counted.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use partner_sandbox::CallKind;

use crate::lost::Where;

#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) kills: u64,
    pub(crate) kills_in_starts: u64,
    /// How often the process was stopped for a moment and went on.
    pub(crate) pauses: u64,
    /// Calls under way at a kill.
    pub(crate) landed: BTreeMap<&'static str, u32>,
    pub(crate) acknowledged: u64,
    pub(crate) cut: u64,
    /// Of this life.
    pub(crate) slowest_write: Duration,
    pub(crate) typed_in: u64,
    pub(crate) lost_connections: Vec<Where>,
    pub(crate) ready: Vec<Duration>,
    pub(crate) refused_starts: u64,
    pub(crate) outages: usize,
    pub(crate) refreshes: u64,
    /// Presented after they were replaced, by a daemon that did not get the answer.
    pub(crate) dead_tokens: u64,
    pub(crate) tokens_used_twice: usize,
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
    pub(crate) other: usize,
    pub(crate) settled_in: Duration,
}

impl Figures {
    /// A call under way at a kill. Withings is only read, by POST.
    pub(crate) fn lands(&mut self, partner: &str, kind: CallKind, calls: u32) {
        let what = match kind {
            CallKind::Exchange => "exchange",
            CallKind::Refresh => "refresh",
            CallKind::Write if partner != "withings" => "push",
            CallKind::Read | CallKind::Write => "page",
        };
        *self.landed.entry(what).or_default() += calls;
    }

    /// Adds those of another trial.
    pub(crate) fn add(&mut self, other: Self) {
        self.kills += other.kills;
        self.kills_in_starts += other.kills_in_starts;
        self.pauses += other.pauses;
        for (what, calls) in other.landed {
            *self.landed.entry(what).or_default() += calls;
        }
        self.acknowledged += other.acknowledged;
        self.cut += other.cut;
        self.typed_in += other.typed_in;
        self.lost_connections.extend(other.lost_connections);
        self.ready.extend(other.ready);
        self.refused_starts += other.refused_starts;
        self.outages += other.outages;
        self.refreshes += other.refreshes;
        self.dead_tokens += other.dead_tokens;
        self.tokens_used_twice += other.tokens_used_twice;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.other += other.other;
        self.settled_in = self.settled_in.max(other.settled_in);
    }

    fn connections(&self, of: impl Fn(&Where) -> bool) -> usize {
        self.lost_connections.iter().filter(|lost| of(lost)).count()
    }

    pub(crate) fn unexplained(&self) -> usize {
        self.connections(|lost| *lost == Where::Nowhere)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let landed = |what: &str| self.landed.get(what).copied().unwrap_or_default();
        let mut ready = self.ready.clone();
        ready.sort_unstable();
        let ms = |at: Option<&Duration>| at.copied().unwrap_or_default().as_millis();
        let longest = |of: fn(&Where) -> Option<Duration>| {
            self.lost_connections.iter().filter_map(of).max().unwrap_or_default().as_millis()
        };
        writeln!(
            formatter,
            "{} kills ({} of them before the daemon was ready), {} pauses, {} outages, {} starts refused",
            self.kills, self.kills_in_starts, self.pauses, self.outages, self.refused_starts
        )?;
        writeln!(
            formatter,
            "calls under way at the kills: page {} / push {} / refresh {} / exchange {}",
            landed("page"),
            landed("push"),
            landed("refresh"),
            landed("exchange")
        )?;
        writeln!(
            formatter,
            "changes acknowledged {}, cut {}, typed in at partners {}: lost {}, doubled {}, other {}; settled in {:.0} s",
            self.acknowledged,
            self.cut,
            self.typed_in,
            self.lost,
            self.doubled,
            self.other,
            self.settled_in.as_secs_f64()
        )?;
        writeln!(
            formatter,
            "{} refreshes, {} after an answer that a kill took, {} refresh tokens used twice; connections lost {}: answer on the way {}, being stored {} \
             (at most {} ms), in memory for an outage {} (at most {} ms), unexplained {}",
            self.refreshes,
            self.dead_tokens,
            self.tokens_used_twice,
            self.lost_connections.len(),
            self.connections(|lost| *lost == Where::OnTheWay),
            self.connections(|lost| matches!(lost, Where::BeingStored(_))),
            longest(|lost| if let Where::BeingStored(held) = lost { Some(*held) } else { None }),
            self.connections(|lost| matches!(lost, Where::InMemory(_))),
            longest(|lost| if let Where::InMemory(held) = lost { Some(*held) } else { None }),
            self.unexplained()
        )?;
        write!(
            formatter,
            "start to ready: p50 {} ms, p99 {} ms, max {} ms",
            ms(ready.get(ready.len() / 2)),
            ms(ready.get(ready.len() * 99 / 100)),
            ms(ready.last())
        )
    }
}
