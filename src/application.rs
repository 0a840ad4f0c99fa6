//! Build order and shutdown order, in one place.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr};
use actix_web::HttpServer;
use actix_web::dev::{Server, ServerHandle};
use anyhow::{Context, anyhow, bail};
use partner_sdk::{Kind, Partner};
use tokio_util::sync::CancellationToken;

use crate::actors::{Directory, Drain, PartnerSpec, Shared, Supervisor};
use crate::clock::{Clock, SystemClock};
use crate::model::{Direction, TIME_ZONE};
use crate::scheduler::Policy;
use crate::settings::{self, Settings};
use crate::store::{Store, StoreError, await_database, database_file, sealed_with};
use crate::vault::Vault;
use crate::web;

/// The daemon, built and listening, not yet answering.
pub struct Application {
    address: SocketAddr,
    store: Store,
    server: Server,
    supervisor: Addr<Supervisor>,
}

impl Application {
    /// Builds the daemon in this order: vault, store, partners, actors, web surface. Must be called
    /// in an actix system.
    ///
    /// # Errors
    /// What is missing or wrong, with the key or variable that mends it.
    pub async fn build(settings: &Settings, catalog: &[Arc<dyn Partner>]) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let listener = TcpListener::bind(&settings.server.listen).with_context(|| {
            format!("server.listen = \"{}\": cannot listen there", settings.server.listen)
        })?;
        let address = listener.local_addr()?;
        let settings = &with_port(settings, address);
        let specs = install(settings, catalog, &clock)?;
        let store = open_store(settings).await?;
        store.declare_properties(property_types(&specs)).await?;
        let directory = Directory::new(specs);
        let shared = Shared {
            directory: directory.clone(),
            store: store.clone(),
            clock,
            scheduler: Arc::new(settings.scheduler.clone()),
            policy: Arc::new(Policy::new(
                &settings.scheduler.groups,
                settings.scheduler.demote_after,
            )),
        };
        let supervisor = Supervisor::new(shared.clone(), directory.clone()).start();
        let state = web::State {
            shared,
            directory,
            supervisor: supervisor.clone(),
            server: Arc::new(settings.server.clone()),
        };
        let server = HttpServer::new(move || web::app(state.clone()))
            .workers(settings.server.workers.max(1))
            .disable_signals()
            .shutdown_timeout(10)
            .listen(listener)?
            .run();
        Ok(Self { address, store, server, supervisor })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Answers until `stop`, then ends in this order: no new requests, syncs stopped between calls
    /// and their partners' limits stored, threads joined.
    ///
    /// # Errors
    /// When the web server fails.
    pub async fn run_until(self, stop: CancellationToken) -> anyhow::Result<()> {
        let handle: ServerHandle = self.server.handle();
        let stopping = stop.clone();
        actix_rt::spawn(async move {
            stopping.cancelled().await;
            handle.stop(true).await;
        });
        let served = self.server.await;
        tracing::info!("stopping");
        // It does not answer when it has ended already.
        self.supervisor.send(Drain).await.unwrap_or_default();
        served.context("the web server failed")
    }
}

/// Port 0 in the public address stands for the port that was found free.
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

/// Opens the store with its key, off the arbiter.
///
/// # Errors
/// When the key or the database cannot be used.
pub async fn open_store(settings: &Settings) -> anyhow::Result<Store> {
    await_database(&settings.database, tell_waiting).await?;
    let settings = settings.clone();
    let open = move || {
        let vault = Arc::new(open_vault(&settings)?);
        Ok(Store::open(&settings.database, vault)?)
    };
    tokio::task::spawn_blocking(open).await?
}

/// Says that the database is waited for, in the log or, of a command that has none, beside its
/// output.
pub fn tell_waiting(error: &StoreError, wait: Duration) {
    if tracing::dispatcher::has_been_set() {
        tracing::warn!(%error, ?wait, "waiting for the database");
    } else {
        eprintln!("syncwell: {error}; waiting for it, {wait:?} at most");
    }
}

/// Applies the settings to each installed partner's manifest.
///
/// # Errors
/// All that is missing or wrong, a line each.
pub fn install(
    settings: &Settings,
    catalog: &[Arc<dyn Partner>],
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Vec<PartnerSpec>> {
    let (mut specs, mut wrong) = (Vec::new(), settings.problems());
    for name in &settings.installed_partners {
        match catalog.iter().find(|partner| partner.manifest().name == name) {
            Some(partner) => {
                match PartnerSpec::new(Arc::clone(partner), settings, Arc::clone(clock)) {
                    Ok(spec) => specs.push(spec),
                    Err(error) => wrong.push(error),
                }
            }
            None => {
                let known: Vec<_> = catalog.iter().map(|partner| partner.manifest().name).collect();
                wrong.push(format!(
                    "installed_partners: there is no partner `{name}`; there are: {}",
                    known.join(", ")
                ));
            }
        }
    }
    if wrong.is_empty() { Ok(specs) } else { Err(anyhow!(wrong.join("\n"))) }
}

/// Where the key is: the file in the settings, the systemd credential, or beside the database.
fn key_path(settings: &Settings) -> anyhow::Result<PathBuf> {
    let set = settings.vault.key_file.clone().or_else(|| settings::credential("syncwell.key"));
    match set {
        Some(path) => Ok(path),
        None => {
            let database = database_file(&settings.database.url)?.unwrap_or_default();
            Ok(database.with_file_name("syncwell.key"))
        }
    }
}

/// Whether a key is to be made: there is none, none was named, and nothing is sealed yet.
fn is_first_start(settings: &Settings, path: &Path) -> anyhow::Result<bool> {
    if path.exists() || settings.vault.key_file.is_some() {
        return Ok(false);
    }
    match sealed_with(&settings.database.url)? {
        None => Ok(true),
        Some(key) => bail!(
            "the database is sealed with the key {key}, but there is no key file {}; set vault.key_file \
             (SYNCWELL__VAULT__KEY_FILE) to where the key is",
            path.display()
        ),
    }
}

fn open_vault(settings: &Settings) -> anyhow::Result<Vault> {
    let path = key_path(settings)?;
    if !is_first_start(settings, &path)? {
        return Ok(Vault::from_file(&path)?);
    }
    tracing::info!(path = %path.display(), "made a new key; keep a copy apart from the database");
    Ok(Vault::create_file(&path)?)
}

/// Whether the key can be used, in words. Changes nothing. Blocks.
///
/// # Errors
/// Why it cannot, and what mends it.
pub fn check_vault(settings: &Settings) -> anyhow::Result<String> {
    let path = key_path(settings)?;
    if is_first_start(settings, &path)? {
        return Ok(format!("{} is not there yet; it is made at the first start", path.display()));
    }
    let given = Vault::from_file(&path)?.key_id();
    match sealed_with(&settings.database.url)? {
        Some(stored) if stored != given => Err(StoreError::OtherKey { stored, given }.into()),
        _ => Ok(format!("{} holds the key {given}", path.display())),
    }
}

/// Every setting a connection can have: name, type and default.
fn property_types(specs: &[PartnerSpec]) -> Vec<(String, &'static str, String)> {
    let mut kinds: Vec<Kind> = specs.iter().flat_map(|spec| spec.manifest().poll_kinds()).collect();
    kinds.extend(specs.iter().flat_map(|spec| spec.manifest().push_kinds()));
    kinds.sort_unstable();
    kinds.dedup();
    let mut types = vec![(TIME_ZONE.to_owned(), "time_zone", "UTC".to_owned())];
    for kind in kinds {
        types.push((Direction::Poll.property(kind), "boolean", "true".to_owned()));
        types.push((Direction::Push.property(kind), "boolean", "false".to_owned()));
    }
    types
}
