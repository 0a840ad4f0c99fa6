//! Build order and shutdown order, in one place.

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, Addr};
use actix_rt::task::JoinHandle;
use actix_web::HttpServer;
use actix_web::dev::{Server, ServerHandle};
use anyhow::Context;
use partner_sdk::Partner;
use tokio_util::sync::CancellationToken;

use crate::actors::{self, Directory, Drain, Shared, Supervisor};
use crate::clock::{Clock, SystemClock};
use crate::events::{Events, Running as Delivering};
use crate::figures::{self, Figures};
use crate::installed::{install, property_types};
use crate::key_file;
use crate::reception::{self, Receptions};
use crate::scheduler::Policy;
use crate::service_manager::{Pulses, notices, sockets, watchdog};
use crate::settings::{self, Settings};
use crate::store::{
    APPLICATION, DatabaseLock, Store, StoreError, await_database, database_exists, shown_address,
};
use crate::telemetry::metrics::Metrics;
use crate::vault::Vault;
use crate::web;
use crate::{rekeying, retention};

/// How long the event loops may take to turn before a stop.
const HAND_OVER: Duration = Duration::from_secs(3);

/// How long the web server may go on accepting after it was asked to pause: it does not say when it has. What
/// it accepts later is closed by the stop, and its client gets no answer.
const ACCEPTING: Duration = Duration::from_millis(500);

/// How long the port may stay taken after the process that had it.
const PORT_WAIT: Duration = Duration::from_secs(3);

/// The daemon, built and listening, not yet answering.
pub struct Application {
    address: SocketAddr,
    store: Store,
    server: Server,
    supervisor: Addr<Supervisor>,
    delivering: Delivering,
    state: web::State,
    pulses: Pulses,
    is_passed_on: bool,
    sweeper: (CancellationToken, JoinHandle<()>),
    sampler: (CancellationToken, JoinHandle<()>),
    watching: JoinHandle<()>,
    /// What ends at once when it stops.
    background: [JoinHandle<()>; 3],
}

impl Application {
    /// Builds the daemon in this order: vault, store, partners, actors, events, web layer. Must be called
    /// in an actix system.
    ///
    /// # Errors
    /// What is missing or wrong, with the key or variable that fixes it.
    pub async fn build(settings: &Settings, catalog: &[Arc<dyn Partner>]) -> anyhow::Result<Self> {
        Self::build_with(settings, catalog, None).await
    }

    /// As [`Application::build`], with more addresses.
    ///
    /// # Errors
    /// As [`Application::build`].
    pub async fn build_with(
        settings: &Settings,
        catalog: &[Arc<dyn Partner>],
        extra: web::Extra,
    ) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let passed_on = sockets::passed_on()?;
        let is_passed_on = passed_on.is_some();
        let bind = || TcpListener::bind(&settings.server.listen);
        let (mut listener, mut lock) = (passed_on.map_or_else(bind, Ok), None);
        if is_taken(&listener) {
            // Perhaps by a daemon that this one replaces, and that is about to end.
            lock = Some(lock_database(settings).await?);
            // The system gives it back a moment after the lock.
            let until = Instant::now() + PORT_WAIT;
            listener = bind();
            while is_taken(&listener) && Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(20)).await;
                listener = bind();
            }
        }
        let listener = listener.with_context(|| {
            format!("server.listen = \"{}\": cannot listen there", settings.server.listen)
        })?;
        if !is_passed_on {
            widen_backlog(&listener);
        }
        let address = listener.local_addr()?;
        let settings = &with_port(settings, address);
        let specs = install(settings, catalog, &clock)?;
        let lock = match lock {
            Some(lock) => lock,
            None => lock_database(settings).await?,
        };
        let store =
            open(settings, move |database, vault| Store::open_locked(database, vault, lock))
                .await?;
        store.declare_properties(property_types(&specs)).await?;
        let receptions = Receptions::new(&specs, settings, store.vault());
        for spec in &specs {
            load_reception(&store, spec.name(), &receptions).await?;
        }
        let started_at = clock.now();
        let limits = specs.iter().map(|spec| (spec.name(), spec.limits.as_slice()));
        let metrics = Arc::new(Metrics::new(limits, store.metrics()));
        let directory = Directory::new(specs);
        let shared = Shared {
            directory: directory.clone(),
            store: store.clone(),
            clock,
            scheduler: Arc::new(settings.scheduler.clone()),
            records: settings.records,
            policy: Arc::new(Policy::new(
                &settings.scheduler.groups,
                settings.scheduler.demote_after,
            )),
            figures: Figures::default(),
            receptions,
            metrics,
        };
        let pulses = Pulses::default();
        actix_rt::spawn(pulses.of("the main event loop"));
        let supervisor = Supervisor::new(shared.clone(), directory.clone(), pulses.clone()).start();
        let events = Events::new(settings.events.clone(), shared.metrics.webhooks.clone());
        let state = web::State {
            shared,
            directory,
            supervisor: supervisor.clone(),
            server: Arc::new(settings.server.clone()),
            connects: web::ConnectsUnderWay::default(),
            call_rates: web::CallRates::new(settings.server.requests_per_minute_per_key),
            refused_keys: web::RefusedKeys::default(),
            sign_ins: web::SignInRates::default(),
            events,
            open_metrics: settings.metrics.open,
            stopping: web::Stopping::default(),
            streams: web::Streams::new(settings.streams.clone()),
            noted_views: web::NotedViews::default(),
            brand: web::Brand::new(settings),
            settings: settings::InUse::new(settings.clone()),
            started_at,
        };
        let views = Rc::new(web::EventViews(state.clone()));
        let delivering = state
            .events
            .start(
                store.clone(),
                Arc::clone(&state.shared.clock),
                state.shared.figures.clone(),
                views,
            )
            .context("the HTTP client for webhooks cannot be made")?;
        actix_rt::spawn(web::hand_out_changes(state.clone()));
        let listeners = state.streams.clone();
        let gauges = actors::keep_gauges(state.shared.clone(), supervisor.clone(), move || {
            listeners.count()
        });
        let revoking = actors::revoke_unconfirmed(state.shared.clone(), state.directory.clone());
        let telling = web::tell_status(state.clone());
        let background =
            [actix_rt::spawn(gauges), actix_rt::spawn(revoking), actix_rt::spawn(telling)];
        let keep = settings.retention;
        let (kept, watched) = (state.clone(), pulses.clone());
        let sweep = CancellationToken::new();
        let clock = Arc::clone(&state.shared.clock);
        let again = rekeying::work(store.clone(), Arc::clone(&clock), sweep.clone());
        let sweeper = retention::sweep(store.clone(), clock, keep, sweep.clone());
        let both = async move {
            let ((), ()) = futures_util::future::join(sweeper, again).await;
        };
        let sweeper = (sweep, actix_rt::spawn(both));
        let sampling = CancellationToken::new();
        let (clock, counted) = (Arc::clone(&state.shared.clock), state.shared.figures.clone());
        let sampler = figures::sample(store.clone(), clock, counted, sampling.clone());
        let sampler = (sampling, actix_rt::spawn(sampler));
        let watching = actix_rt::spawn(watchdog::feed(pulses.clone(), store.clone()));
        let app = move || {
            actix_rt::spawn(pulses.of("an event loop of the web server"));
            web::app(state.clone(), extra.clone())
        };
        let server = HttpServer::new(app)
            .workers(settings.server.workers.max(1))
            .disable_signals()
            .shutdown_timeout(10)
            .listen(listener)?
            .run();
        Ok(Self {
            address,
            store,
            server,
            supervisor,
            delivering,
            state: kept,
            pulses: watched,
            is_passed_on,
            sweeper,
            sampler,
            watching,
            background,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What takes over changed settings.
    pub fn reloader(&self) -> impl Fn(&Settings) -> Result<settings::Changes, String> + use<> {
        let state = self.state.clone();
        move |new| state.reload(new)
    }

    /// Its store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Serves until `stop`, then ends in this order: no new requests, syncs stopped between calls
    /// and their partners' limits stored, threads joined. Events that were not sent go out after the next start.
    ///
    /// # Errors
    /// When the web server fails.
    pub async fn run_until(self, stop: CancellationToken) -> anyhow::Result<()> {
        notices::ready();
        let handle: ServerHandle = self.server.handle();
        let (stopping, streams) = (self.state.stopping, self.state.streams);
        let (pulses, is_passed_on) = (self.pulses, self.is_passed_on);
        actix_rt::spawn(async move {
            stop.cancelled().await;
            stopping.begin();
            notices::stopping();
            notices::status("Stopping: ends requests and syncs that are under way");
            actix_rt::spawn(notices::ask_for_time());
            // Otherwise the server would wait for them.
            streams.close();
            // Those accepted already are given to a worker; who connects from now on waits for the next daemon
            // in the service manager's socket, if there is one.
            handle.pause().await;
            if is_passed_on {
                tokio::time::sleep(ACCEPTING).await;
            }
            for _ in 0..2 {
                pulses.all_turn(HAND_OVER).await;
            }
            handle.stop(true).await;
        });
        let served = self.server.await;
        tracing::info!("stopping");
        self.background.iter().for_each(JoinHandle::abort);
        let (sweep, swept) = self.sweeper;
        sweep.cancel();
        drop(swept.await);
        // It does not answer if it has already ended.
        self.supervisor.send(Drain).await.unwrap_or_default();
        self.delivering.stop().await;
        let (sampling, sampled) = self.sampler;
        sampling.cancel();
        drop(sampled.await);
        // Up to here something could hang.
        self.watching.abort();
        if let Err((connections, error)) = self.store.save_last_tokens().await {
            tracing::error!(connections, %error, "new tokens could not be stored: these users must connect again");
        }
        served.context("the web server failed")
    }
}

/// What a partner issued for the application as a whole, before the first notification comes.
async fn load_reception(
    store: &Store,
    partner: &'static str,
    receptions: &Receptions,
) -> Result<(), StoreError> {
    let Some(reception) = receptions.of(partner) else { return Ok(()) };
    if let Some(known) = store.subscription(partner, APPLICATION).await? {
        reception.set_issued_secret(known.issued_secret);
        reception.set_application(reception::Application {
            subscribed_at: known.subscribed_at.filter(|_| known.url_digest == reception.digest()),
            checked_at: Some(known.checked_at),
            error: known.error,
        });
    }
    Ok(())
}

/// Whether another process has the address.
fn is_taken(listener: &std::io::Result<TcpListener>) -> bool {
    listener.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse)
}

/// Lets many connect at the same moment, as all who listen to streams do after a restart.
#[cfg(unix)]
fn widen_backlog(listener: &TcpListener) {
    // Without it they connect all the same, later.
    rustix::net::listen(listener, 4_096).unwrap_or_default();
}

#[cfg(not(unix))]
fn widen_backlog(_: &TcpListener) {}

/// Port 0 in the public address stands for the free port that was found.
fn with_port(settings: &Settings, address: SocketAddr) -> Settings {
    let mut settings = settings.clone();
    if let Ok(mut url) = url::Url::parse(&settings.server.public_url)
        && url.port() == Some(0)
        && url.set_port(Some(address.port())).is_ok()
    {
        settings.server.public_url = url.to_string();
    }
    settings
}

/// Takes the lock that only one daemon can have, off the arbiter.
async fn lock_database(settings: &Settings) -> anyhow::Result<DatabaseLock> {
    await_database(&settings.database, report_waiting).await?;
    let database = settings.database.clone();
    Ok(tokio::task::spawn_blocking(move || DatabaseLock::acquire(&database)).await??)
}

/// Opens the store with its key for a command, off the arbiter.
///
/// # Errors
/// When the key or the database cannot be used.
pub async fn open_store(settings: &Settings) -> anyhow::Result<Store> {
    await_database(&settings.database, report_waiting).await?;
    open(settings, Store::open).await
}

async fn open(
    settings: &Settings,
    open: impl FnOnce(&settings::Database, Arc<Vault>) -> Result<Store, StoreError> + Send + 'static,
) -> anyhow::Result<Store> {
    let settings = settings.clone();
    let open = move || {
        let is_new = !database_exists(&settings.database.url)?;
        let had_key = key_file::exists(&settings)?;
        let vault = Arc::new(key_file::open(&settings)?);
        if is_new && had_key {
            // It was deleted, or the settings name another file than before.
            let database = shown_address(&settings.database.url)?;
            tracing::warn!(database, "there is a key but no database; a new, empty one is made");
        }
        Ok(open(&settings.database, vault)?)
    };
    tokio::task::spawn_blocking(open).await?
}

/// Reports that the database is waited for: in the log or, for a command without one, on standard
/// error.
pub fn report_waiting(error: &StoreError, wait: Duration) {
    if tracing::dispatcher::has_been_set() {
        tracing::warn!(%error, ?wait, "waiting for the database");
    } else {
        eprintln!("syncwell: {error}; waiting for it, {wait:?} at most");
    }
}
