//! The actor of one partner: its schedule, its rate limits, its circuit, its live sessions.
//!
//! One timer drives it: [`PartnerActor::pump`] does whatever can be done now and sets the timer to
//! the next moment at which something else can be done.

mod connects;
mod failures;
mod incidents;
mod led_by;
mod notifications;
mod pausing;
mod permits;
mod schedule;
mod subscriptions;
mod syncs;
mod tree;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use self::failures::Failures;
use self::incidents::Incidents;
use self::led_by::LedBy;
use self::notifications::Quiet;
use self::pausing::Pauses;
use self::permits::Waiter;
use self::subscriptions::Checks;
use super::messages::{Drain, PartnerDown, SyncResult};
use super::session::SessionActor;
use super::shared::Shared;
use super::stats::{Lately, SyncStats};
use super::supervisor::Supervisor;
use super::work::Work;
use crate::installed::InstalledPartner;
use crate::limits::{Circuit, Limiter, Priority, Usage};
use crate::model::{Cause, ConnectionId};
use crate::scheduler::{DueHeap, Schedule, SyncQueue};
use crate::sync::ActiveTimeout;
use crate::telemetry::last_panic;
use crate::telemetry::metrics::PartnerMetrics;

/// How often a partner's syncs are summed up in the log.
const REPORTS_EVERY: Duration = Duration::from_secs(3600);

/// The longest time the timer sleeps: half as long as the schedule should reach ahead, so that it
/// is read on in time.
const LONGEST_NAP: TimeDelta = TimeDelta::seconds(60);

fn longest_nap() -> TimeDelta {
    // Where a test moves the clock, its jumps must be noticed at once. Elsewhere a short nap would
    // hide from tests that the timer was not set.
    #[cfg(feature = "failpoints")]
    if crate::clock::is_moved_by_tests() {
        return TimeDelta::milliseconds(20);
    }
    LONGEST_NAP
}

/// See the module.
pub struct PartnerActor {
    spec: Arc<InstalledPartner>,
    shared: Shared,
    client: reqwest::Client,
    supervisor: Addr<Supervisor>,
    generation: u32,
    /// The work of the previous generation, which must end first.
    before: Option<Work>,
    work: Work,
    due: Schedule,
    /// Connections due at a time that is not stored (in-memory backoff).
    backoff: DueHeap,
    queue: SyncQueue<tokio::sync::oneshot::Sender<SyncResult>>,
    limiter: Limiter,
    waiters: BTreeMap<(Priority, u64), Waiter>,
    waiter_number: u64,
    /// Whether the limits' state is being stored now.
    storing: bool,
    circuit: Circuit,
    live: HashMap<ConnectionId, Live>,
    stats: SyncStats,
    /// The timer and when it fires.
    timer: Option<(SpawnHandle, DateTime<Utc>)>,
    /// Until when scheduled syncs gather, to start together.
    gathers_until: Option<DateTime<Utc>>,
    /// When scheduled syncs may start again, while a limit leaves no room for them.
    room_at: Option<DateTime<Utc>>,
    /// Whether the partner had asked for a wait when this last looked.
    was_closed: bool,
    draining: bool,
    /// Why it stops by itself, if it does.
    failure: Option<String>,
    /// Connections whose jobs are being loaded; a take-over removes them, because the job is stale.
    loading: HashSet<ConnectionId>,
    /// Connections whose last notification led to nothing.
    quiet: Quiet,
    /// When subscriptions are checked.
    checks: Checks,
    incidents: Incidents,
    metrics: Arc<PartnerMetrics>,
    /// What led to syncs that have not begun.
    led_by: LedBy,
    pauses: Pauses,
    usage: Usage,
    failures: Failures,
}

/// A session that is doing something.
struct Live {
    session: Addr<SessionActor>,
    /// Stops its sync.
    cancel: CancellationToken,
    /// What its last sync shares with its gate.
    timeout: Arc<ActiveTimeout>,
    /// Why its last sync ran, and when it began.
    work: Option<(Cause, DateTime<Utc>)>,
}

impl PartnerActor {
    pub(super) fn new(
        spec: Arc<InstalledPartner>,
        shared: Shared,
        client: reqwest::Client,
        supervisor: Addr<Supervisor>,
        generation: u32,
        before: Option<Work>,
        work: Work,
    ) -> Self {
        let limiter = Limiter::new(&spec.limits, spec.limits_are_set, spec.manifest().retry_wait);
        let usage = Usage::new(limiter.app_buckets());
        let incidents = Incidents::new(spec.manifest().feeds.len());
        let metrics = shared.metrics.partner(spec.name()).cloned();
        let min_gap = TimeDelta::from_std(shared.scheduler.min_gap).unwrap_or_default();
        Self {
            spec,
            shared,
            client,
            supervisor,
            generation,
            before,
            work,
            due: Schedule::default(),
            backoff: DueHeap::default(),
            queue: SyncQueue::new(min_gap),
            limiter,
            waiters: BTreeMap::new(),
            waiter_number: 0,
            storing: false,
            circuit: Circuit::default(),
            live: HashMap::new(),
            stats: SyncStats::default(),
            timer: None,
            gathers_until: None,
            room_at: None,
            was_closed: false,
            draining: false,
            failure: None,
            loading: HashSet::new(),
            quiet: Quiet::default(),
            checks: Checks::default(),
            incidents,
            metrics: metrics.unwrap_or_default(),
            led_by: LedBy::default(),
            pauses: Pauses::default(),
            usage,
            failures: Failures::default(),
        }
    }

    fn name(&self) -> &'static str {
        self.spec.name()
    }

    /// Logs what syncs did since the last time; nothing if there were none.
    fn log_lately(&mut self) {
        let lately = self.stats.take_lately();
        let Lately { syncs, failed, limited, records: [new, changed, deleted, refused], pushed } =
            lately;
        if syncs > 0 {
            tracing::info!(
                partner.name = self.name(),
                syncs,
                failed,
                limited,
                new,
                changed,
                deleted,
                refused,
                pushed,
                "the last hour"
            );
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.shared.now()
    }

    /// Returns the session of a connection; starts it if needed.
    fn session(&mut self, connection: ConnectionId, ctx: &Context<Self>) -> &Live {
        self.live.entry(connection).or_insert_with(|| {
            let session = SessionActor {
                connection,
                partner: ctx.address(),
                spec: Arc::clone(&self.spec),
                shared: self.shared.clone(),
                client: self.client.clone(),
                tasks: self.work.tasks.clone(),
                metrics: Arc::clone(&self.metrics),
            };
            let cancel = self.work.cancel.child_token();
            Live { session: session.start(), cancel, timeout: Arc::default(), work: None }
        })
    }

    /// Drops a session that has nothing more to do; it stops by itself.
    fn release_session(&mut self, connection: ConnectionId) {
        if !self.queue.is_running(connection) && !self.queue.is_held(connection) {
            self.live.remove(&connection);
            let (now, live, loading) = (self.now(), &self.live, &self.loading);
            self.limiter.forget_idle(now, |id| live.contains_key(&id) || loading.contains(&id));
        }
    }

    /// Does what can be done now and sets the timer for what can be done later.
    fn pump(&mut self, ctx: &mut Context<Self>) {
        let is_closed = self.limiter.is_closed(self.now());
        if std::mem::replace(&mut self.was_closed, is_closed) && !is_closed {
            self.hasten_limited(ctx);
        }
        let permits_at = self.grant_permits(ctx);
        self.read_schedule(ctx);
        self.check_subscriptions(ctx);
        // One clock reading for both: what comes due while syncs are started is still in the
        // future, and the timer is set for it.
        let now = self.now();
        self.start_syncs(now, ctx);
        self.review_incidents(now, ctx);
        fail::fail_point!("partner_actor::syncs_started");
        // Syncs that are ready but could not start are started when another one ends.
        let due_at = self.next_due().filter(|at| !self.draining && *at > now);
        let gathered_at = self.gathers_until.filter(|at| *at > now);
        let circuit_at = self.circuit.retry_at().filter(|at| *at > now && self.queue.ready() > 0);
        let room_at = self.room_at.filter(|at| *at > now);
        let next =
            [permits_at, due_at, gathered_at, circuit_at, room_at].into_iter().flatten().min();
        let latest = now + longest_nap();
        let next = next.map_or(latest, |at| at.clamp(now, latest));
        // A timer that fires sooner does no harm, and resetting it costs more.
        if self.timer.is_some_and(|(_, at)| at <= next) {
            return;
        }
        // One more millisecond, so that the moment has come when the timer fires.
        let nap = (next - now).to_std().unwrap_or_default() + Duration::from_millis(1);
        let timer = ctx.run_later(nap, |actor, ctx| {
            actor.timer = None;
            actor.pump(ctx);
        });
        if let Some((timer, _)) = self.timer.replace((timer, next)) {
            ctx.cancel_future(timer);
        }
    }
}

impl Actor for PartnerActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let (Some(reason), 1) = (self.spec.ended, self.generation) {
            tracing::warn!(
                partner.name = self.name(),
                reason,
                "partner has ended its service; nobody can connect and nothing is polled: remove it from installed_partners"
            );
        }
        ctx.run_interval(REPORTS_EVERY, |actor, _| actor.log_lately());
        self.load(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        // Also runs while a panic unwinds; nothing here may panic.
        let reason = if std::thread::panicking() {
            last_panic()
        } else {
            self.failure.take().unwrap_or_else(|| "stopped".to_owned())
        };
        self.supervisor.do_send(PartnerDown {
            name: self.spec.name(),
            generation: self.generation,
            reason,
        });
    }
}

impl Handler<Drain> for PartnerActor {
    type Result = ResponseActFuture<Self, ()>;

    /// Stops what is running, waits for its end, and stores the exact state of the limits, so that
    /// the next start wastes nothing.
    fn handle(&mut self, _: Drain, _: &mut Self::Context) -> Self::Result {
        self.draining = true;
        self.work.cancel.cancel();
        self.work.tasks.close();
        let tasks = self.work.tasks.clone();
        let waited = async move { tasks.wait().await }.into_actor(self);
        let stored = waited.then(|(), actor, _| {
            let states = actor.limiter.final_states();
            let (store, name) = (actor.shared.store.clone(), actor.name());
            async move {
                if let Err(error) = store.save_buckets(name, states).await {
                    tracing::warn!(partner.name = name, %error, "the state of the limits was not stored");
                }
            }
            .into_actor(actor)
        });
        Box::pin(stored)
    }
}
