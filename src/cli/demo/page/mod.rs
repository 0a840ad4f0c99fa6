//! The live page of the demo, the link that signs a browser in, and what the page's buttons do.
//!
//! The daemon of the demo serves it at `/demo`. It follows the daemon's change feed and asks the daemon
//! and the simulated partners what they counted; `/demo/feed` has the same as server-sent events.

mod acts;
mod board;
mod feed;
mod handlers;
mod side_view;
mod ticket;
mod view;
pub(super) mod watch;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use actix_web::web::Data;
use anyhow::Context;
use chrono::{DateTime, Utc};
use partner_sandbox::Control;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub(super) use self::board::Board;
pub(super) use self::ticket::LASTS as TICKET_LASTS;
use self::ticket::Ticket;
use super::PEOPLE;
use super::host_app::HostApp;
use super::words::text;
use crate::clock::{Clock, SystemClock};
use crate::web::Extra;

/// The user that whoever looks at the page connects as.
pub(super) const ME: &str = "me";

/// Which fault of the sandbox keeps a partner down, and since when.
type Downs = BTreeMap<String, (u64, DateTime<Utc>)>;

/// What the page shows and does.
pub(super) struct Page {
    /// What it shows.
    pub(super) board: Board,
    control: Control,
    clock: SystemClock,
    /// The admin key with which the link signs in.
    key_id: String,
    ticket: Ticket,
    /// Known once the daemon listens.
    host_app: OnceLock<HostApp>,
    /// Since when new weights are written to the other partner.
    pushes_since: OnceLock<DateTime<Utc>>,
    /// The accounts of [`ME`], by partner.
    me: Mutex<BTreeMap<String, String>>,
    downs: Mutex<Downs>,
    turns: AtomicU32,
    /// Ends the feeds.
    stop: CancellationToken,
}

impl Page {
    pub(super) fn new(control: Control, key_id: String, stop: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            board: Board::new(),
            control,
            clock: SystemClock::new(),
            key_id,
            ticket: Ticket::default(),
            host_app: OnceLock::new(),
            pushes_since: OnceLock::new(),
            me: Mutex::default(),
            downs: Mutex::default(),
            turns: AtomicU32::new(0),
            stop,
        })
    }

    /// What the daemon of the demo serves besides its own addresses.
    pub(super) fn extra(self: &Arc<Self>) -> Extra {
        let page = Arc::clone(self);
        Some(Arc::new(move |config| {
            config.app_data(Data::from(Arc::clone(&page))).configure(handlers::routes);
        }))
    }

    /// The daemon listens: this is how it is asked.
    pub(super) fn open(&self, host_app: HostApp) {
        // It is opened once.
        self.host_app.set(host_app).unwrap_or_default();
    }

    /// From now on new weights are written to the other partner.
    pub(super) fn pushes_from_now(&self) {
        self.pushes_since.set(self.clock.now()).unwrap_or_default();
    }

    /// A link that signs a browser in as the administrator.
    pub(super) fn sign_in_link(&self, address: &str) -> String {
        format!("{address}/admin/sign-in/{}", self.ticket.issue(self.clock.now()))
    }

    fn host_app(&self) -> anyhow::Result<&HostApp> {
        self.host_app.get().context("the daemon is starting")
    }

    fn pushes_since(&self) -> Option<DateTime<Utc>> {
        self.pushes_since.get().copied()
    }

    fn turn(&self) -> u32 {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }

    fn downs(&self) -> MutexGuard<'_, Downs> {
        self.downs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when a partner is down, and how many calls it did not answer since. The page of the
    /// partners can bring it up as well.
    fn down(&self, partner: &str) -> anyhow::Result<Option<(DateTime<Utc>, u32)>> {
        let known = self.downs().get(partner).copied();
        let Some((id, since)) = known else { return Ok(None) };
        let faults = self.control.faults(partner)?;
        Ok(faults.iter().find(|fault| fault.id == id).map(|fault| (since, fault.hits)))
    }

    /// The name of a person's account at a partner, if they have one.
    fn account(&self, person: &str, partner: &str) -> Option<String> {
        if PEOPLE.contains(&person) {
            return Some(person.to_owned());
        }
        self.me.lock().unwrap_or_else(PoisonError::into_inner).get(partner).cloned()
    }

    /// Learns which accounts [`ME`] connected.
    async fn find_me(&self) -> anyhow::Result<()> {
        let answer = self.host_app()?.get(&format!("/v1/users/{ME}/connections")).await?;
        let connections = answer.get("connections").and_then(Value::as_array);
        let mut accounts = BTreeMap::new();
        for connection in connections.into_iter().flatten() {
            let (Some(partner), Some(id)) =
                (text(connection, "/partner"), text(connection, "/external_user_id"))
            else {
                continue;
            };
            let known = self.control.accounts(partner)?;
            let known = known.into_iter().find(|account| account.user_id.to_string() == id);
            accounts.extend(known.map(|account| (partner.to_owned(), account.account)));
        }
        *self.me.lock().unwrap_or_else(PoisonError::into_inner) = accounts;
        Ok(())
    }
}
