//! The daemon's parts without its actors: store, syncs, limits, and one user's connections.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use partner_sdk::{
    CallKind, Credentials, Endpoints, Gate, LimitScope, PartnerError, Permit, Session,
};
use syncwell::clock::Clock;
use syncwell::limits::{BucketKey, BucketState, Decision, Limiter, Made, Priority};
use syncwell::model::{Cause, Choice, Connection, Direction, ExerciseEnergy, SyncOutcome, UserId};
use syncwell::scheduler::Policy;
use syncwell::settings;
use syncwell::store::{self, NewGrant, Store, SyncLine};
use syncwell::sync::{self, ActiveTimeout, Refresher, Report, SyncContext, Tokens};
use syncwell::vault::Vault;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::database::{self, ServerDatabase};
use crate::partners::{KINDS, NAMES, Simulated, manifest_of};
use crate::world::{StoppedClock, TokenFault, World};

/// A database, and what all histories in it share.
pub(crate) struct Backend {
    pub(crate) store: Store,
    client: reqwest::Client,
    _folder: TempDir,
    _on_server: Option<ServerDatabase>,
}

impl Backend {
    pub(crate) async fn open() -> Self {
        // In memory if the machine allows it: power loss is not tested here.
        let memory = std::env::var_os("SYNCWELL_TEST_MEMORY").unwrap_or("/dev/shm".into());
        let folder = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()).unwrap();
        let on_server = database::server().map(|server| ServerDatabase::on(&server));
        let url = match &on_server {
            Some(database) => database.url.clone(),
            None => format!("sqlite:{}", folder.path().join("histories.db").display()),
        };
        let vault = Arc::new(Vault::create_file(&folder.path().join("key")).unwrap());
        let database = settings::Database { url, readers: 1, ..Default::default() };
        let open = tokio::task::spawn_blocking(move || Store::open(&database, vault));
        let store = open.await.unwrap().unwrap();
        let mut types = Vec::new();
        for kind in KINDS {
            types.push((Direction::Poll.property(*kind), "boolean", "true".to_owned()));
            types.push((Direction::Push.property(*kind), "boolean", "false".to_owned()));
        }
        store.declare_properties(types).await.unwrap();
        let client = partner_sdk::http_client().unwrap();
        Self { store, client, _folder: folder, _on_server: on_server }
    }
}

/// Grants permits by the daemon's own limits, and advances the clock when there are none.
#[derive(Debug)]
pub(crate) struct SteppingGate {
    limiter: Arc<Mutex<Limiter>>,
    /// The limits' state that the store would have.
    stored: Mutex<Vec<(BucketKey, BucketState)>>,
    clock: Arc<StoppedClock>,
}

impl SteppingGate {
    fn new(name: &str, clock: Arc<StoppedClock>) -> Self {
        let manifest = manifest_of(name);
        let limiter = Limiter::new(manifest.limits, false, manifest.retry_wait);
        Self { limiter: Arc::new(Mutex::new(limiter)), stored: Mutex::default(), clock }
    }

    fn limiter(&self) -> MutexGuard<'_, Limiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Simulates a restart: of the limits, only the stored state remains.
    fn restart(&self, name: &str) {
        let manifest = manifest_of(name);
        let mut limiter = Limiter::new(manifest.limits, false, manifest.retry_wait);
        for (key, state) in self.stored.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            limiter.restore(*key, state, self.clock.now());
        }
        *self.limiter() = limiter;
    }

    fn keep(&self, states: Vec<(BucketKey, BucketState)>) {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, state) in states {
            stored.retain(|(known, _)| *known != key);
            stored.push((key, state));
        }
    }
}

#[async_trait]
impl Gate for SteppingGate {
    async fn permit(&self, call: CallKind) -> Result<Permit, PartnerError> {
        loop {
            let now = self.clock.now();
            let decision = self.limiter().request(None, call, Priority::Interactive, now);
            match decision {
                Decision::Granted => {
                    let (limiter, clock) = (Arc::clone(&self.limiter), Arc::clone(&self.clock));
                    let made = Made { connection: None, call, began: now };
                    return Ok(Permit::new(move |_| {
                        let mut limiter = limiter.lock().unwrap_or_else(PoisonError::into_inner);
                        limiter.release(made, clock.now());
                    }));
                }
                Decision::StoreFirst => {
                    let states = self.limiter().to_store(None, call);
                    let keys: Vec<_> = states.iter().map(|(key, _)| *key).collect();
                    self.keep(states);
                    keys.into_iter().for_each(|key| self.limiter().stored(key, true));
                }
                Decision::AppWaits { until, .. } | Decision::ConnectionWaits(until) => {
                    self.clock.advance_to(until + TimeDelta::seconds(1));
                }
            }
        }
    }

    fn limited(&self, call: CallKind, scope: LimitScope, wait: Option<Duration>) {
        let now = self.clock.now();
        self.limiter().limited(None, call, scope, wait, now);
        let states = self.limiter().states(None);
        self.keep(states);
    }
}

/// One user's view of the backend.
pub(crate) struct Tenant<'a> {
    pub(crate) backend: &'a Backend,
    pub(crate) user: UserId,
    pub(crate) clock: Arc<StoppedClock>,
    crash: Arc<Notify>,
    pub(crate) worlds: HashMap<&'static str, World>,
    gates: HashMap<&'static str, Arc<SteppingGate>>,
    policy: Policy,
}

/// How a sync ended.
pub(crate) enum SyncEnd {
    Done(Box<Report>),
    NotConnected,
    /// The process crashed during the sync.
    Crashed,
}

/// How long an access token is valid.
const TOKEN_LIFE: TimeDelta = TimeDelta::hours(1);

/// The tokens of that number, as the partner issues them.
fn tokens(number: u64, now: DateTime<Utc>) -> Tokens {
    Tokens {
        access: SecretString::from(number.to_string()).into(),
        refresh: Some(SecretString::from(number.to_string())),
        access_expires_at: Some(now + TOKEN_LIFE),
        scopes: None,
    }
}

/// The token address of one partner.
struct TokenAddress(World);

#[async_trait]
impl Refresher for TokenAddress {
    async fn refresh(
        &self,
        _: &Session,
        presented: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<Tokens, PartnerError> {
        let mut server = self.0.server();
        let issued = &mut server.issued;
        let fault = issued.faults.pop_front();
        let page = || PartnerError::Transient("not a token answer".into());
        if fault == Some(TokenFault::Page) {
            return Err(page());
        }
        let presented: u64 = presented.expose_secret().parse().unwrap();
        if !issued.accepts(presented) {
            return Err(PartnerError::Unauthorized("invalid_grant".into()));
        }
        issued.number += 1;
        match fault {
            Some(_) => Err(page()),
            None => {
                issued.in_use = issued.number;
                Ok(tokens(issued.number, now))
            }
        }
    }
}

impl<'a> Tenant<'a> {
    pub(crate) fn new(backend: &'a Backend, user: String) -> Self {
        let (clock, crash) = (Arc::new(StoppedClock::new()), Arc::new(Notify::new()));
        let world = |name| (name, World::new(Arc::clone(&clock), Arc::clone(&crash)));
        let gate = |name| (name, Arc::new(SteppingGate::new(name, Arc::clone(&clock))));
        Self {
            worlds: NAMES.into_iter().map(world).collect(),
            gates: NAMES.into_iter().map(gate).collect(),
            policy: Policy::new(&[Duration::from_secs(300)], Duration::from_secs(1_814_400)),
            backend,
            user: UserId::stored(user),
            clock,
            crash,
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) fn world(&self, partner: &str) -> &World {
        &self.worlds[partner]
    }

    pub(crate) async fn connection(&self, partner: &str) -> Option<Connection> {
        let found = self.backend.store.connection(self.user.clone(), partner.to_owned()).await;
        found.unwrap()
    }

    /// Connects an account and switches on every push kind.
    pub(crate) async fn connect(&self, partner: &'static str, account: &str, callbacks: usize) {
        let store = &self.backend.store;
        let prepared = store.prepare_connection(self.user.clone(), partner.to_owned(), self.now());
        let connection = prepared.await.unwrap();
        let number = {
            let mut server = self.world(partner).server();
            server.issued.number += 1;
            server.issued.accepts_from = server.issued.number;
            server.issued.number
        };
        // A browser may bring the answer twice.
        for _ in 0..callbacks {
            let grant = NewGrant {
                connection,
                external_user_id: account.to_owned(),
                tokens: tokens(number, self.now()),
                choices: Vec::new(),
                not_granted: Vec::new(),
                held_as: None,
            };
            store.adopt(grant, self.now()).await.unwrap();
        }
        let pushes = manifest_of(partner).push_kinds();
        let on = |kind| {
            let name = Direction::Push.property(kind);
            Choice::new(manifest_of(partner), name, "true".to_owned())
        };
        let on: Vec<_> = pushes.into_iter().map(on).collect();
        store.choose(connection, on, self.now()).await.unwrap();
        self.world(partner).server().current = account.to_owned();
    }

    pub(crate) async fn disconnect(&self, partner: &str) {
        if let Some(connection) = self.connection(partner).await {
            self.backend.store.disconnect(connection.id, self.now()).await.unwrap();
        }
    }

    /// Runs one sync, as a session does. The process may crash during it.
    pub(crate) async fn sync(&self, partner: &'static str, polls: bool) -> SyncEnd {
        let store = &self.backend.store;
        let Some(connection) = self.connection(partner).await else { return SyncEnd::NotConnected };
        let Some(mut job) = store.load_jobs(vec![connection.id]).await.unwrap().pop() else {
            return SyncEnd::NotConnected;
        };
        if let Some(number) = &job.tokens.refresh {
            let number = number.expose_secret().parse().unwrap();
            self.world(partner).server().issued.in_use = number;
        }
        let gate: Arc<dyn Gate> = Arc::clone(&self.gates[partner]) as Arc<dyn Gate>;
        let simulated = Simulated::new(partner, self.world(partner).clone(), Arc::clone(&gate));
        let endpoints = Endpoints {
            request_token_url: None,
            authorize_url: String::new(),
            token_url: String::new(),
            revoke_url: None,
            api_url: String::new(),
        };
        let credentials = Credentials {
            client_id: String::new(),
            client_secret: "".into(),
            service_account: None,
        };
        let session = Session::new(
            self.backend.client.clone(),
            gate,
            manifest_of(partner),
            Arc::new(endpoints),
            Arc::new(credentials),
            Duration::from_secs(10),
        );
        let run = SyncContext {
            partner: Arc::new(simulated),
            session,
            ledger: Arc::new(store.clone()),
            refresher: Arc::new(TokenAddress(self.world(partner).clone())),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            timeout: Arc::new(ActiveTimeout::default()),
            cancel: CancellationToken::new(),
            page_timeout: Duration::from_secs(60),
            backfill: TimeDelta::days(365),
            exercise_energy: ExerciseEnergy::Optional,
            retry_switched_off: Duration::from_secs(24 * 3_600),
            late_calls: TimeDelta::zero(),
            cause: if polls { Cause::Schedule } else { Cause::Push },
            is_asked: false,
            is_requested: false,
            looks_wide: false,
            polls,
        };
        let started_at = self.now();
        let report = tokio::select! {
            report = sync::run(&run, &mut job) => report,
            () = self.crash.notified() => {
                self.gates[partner].restart(partner);
                return SyncEnd::Crashed;
            }
        };
        self.settle(&job.connection, &report, started_at).await;
        SyncEnd::Done(Box::new(report))
    }

    async fn settle(&self, connection: &Connection, report: &Report, started_at: DateTime<Utc>) {
        let (now, until) = (self.now(), Some(self.now() + TimeDelta::seconds(20)));
        let settlement = sync::settle(connection, report, until, now, &self.policy, 0.0, 0.0);
        let line = SyncLine {
            connection: connection.id,
            user_id: self.user.clone(),
            partner: connection.partner.clone(),
            cause: Cause::Request,
            outcome: report.outcome().into(),
            summary: String::new(),
            detail: "null".into(),
            stands_apart: true,
            started_at,
            finished_at: now,
        };
        assert_ne!(report.outcome(), SyncOutcome::NeedsReconnect, "{}", report.summary());
        let push_not_before = report.push.as_ref().map(|_| settlement.push_not_before);
        let (connection, cursors) = (connection.id, report.cursors());
        let wide_looks = report.wide_looks();
        let observed = syncwell::incidents::observe(report, settlement.status);
        let finish = store::SyncEnd {
            connection,
            settlement,
            cursors,
            wide_looks,
            resume_points: report.resume_points(),
            line,
            push_not_before,
            observed,
        };
        self.backend.store.finish_sync(finish).await.unwrap();
    }
}
