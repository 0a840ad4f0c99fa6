//! Where a partner's notifications arrive: the address and its secrets, and what came of the calls.
//!
//! The secrets are derived from the vault's key. They are the same after every start and need no place
//! of their own, and nobody can guess them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use partner_sdk::NotificationRules;
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use url::Url;

use crate::installed::InstalledPartner;
use crate::settings::{self, Settings};
use crate::vault::{Vault, secret_digest};

/// The most accounts that are kept in memory for which a notification could not be stored.
const MOST_UNSTORED: usize = 100_000;

/// The partners' receptions, by name.
#[derive(Clone, Debug, Default)]
pub struct Receptions(Arc<BTreeMap<&'static str, Arc<Reception>>>);

impl Receptions {
    /// Those of the partners that send notifications.
    pub fn new(specs: &[InstalledPartner], settings: &Settings, vault: &Vault) -> Self {
        let open = |spec: &InstalledPartner| {
            Some((spec.name(), Arc::new(Reception::new(spec, settings, vault)?)))
        };
        Self(Arc::new(specs.iter().filter_map(open).collect()))
    }

    /// The reception of a partner, if it sends notifications.
    pub fn of(&self, partner: &str) -> Option<&Arc<Reception>> {
        self.0.get(partner)
    }
}

/// Why a partner is not asked to send notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The settings say so.
    Off,
    /// It cannot reach us; why.
    Unreachable(String),
}

/// A partner's reception.
pub struct Reception {
    /// The data about its notifications.
    pub rules: &'static NotificationRules,
    /// Why it is closed, if it is.
    pub closed: Option<Closed>,
    /// What came of the calls.
    pub counts: Counts,
    /// The address; its last part is a secret.
    address: SecretString,
    /// That last part.
    last_part: SecretString,
    /// The secret that the partner sends back.
    secret: SecretString,
    /// The secret that the partner issued.
    issued_secret: RwLock<Option<SecretString>>,
    /// The subscription of the application as a whole.
    application: Mutex<Application>,
    /// Accounts whose notification could not be stored yet.
    unstored: Mutex<BTreeSet<String>>,
}

/// How the subscription of the application as a whole stands.
#[derive(Clone, Debug, Default)]
pub struct Application {
    /// Since when it is in place.
    pub subscribed_at: Option<DateTime<Utc>>,
    /// When it was last checked.
    pub checked_at: Option<DateTime<Utc>>,
    /// Why the last check failed.
    pub error: Option<String>,
}

/// What came of the calls to an address since the start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Notifications that were stored.
    pub taken: Count,
    /// When the last of them came, in microseconds since 1970.
    last_taken: Count,
    /// Parts of handshakes.
    pub handshakes: Count,
    /// Notifications about nobody who is connected.
    pub unknown_user: Count,
    /// Calls that were not the partner's.
    pub refused: Count,
    /// Notifications that could not be stored in time.
    pub late: Count,
    /// Connections whose notifications are missing.
    pub unheard: Count,
}

impl Counts {
    /// Counts a notification that was stored.
    pub fn take(&self, now: DateTime<Utc>) {
        self.taken.add();
        self.last_taken.set(now.timestamp_micros().try_into().unwrap_or_default());
    }

    /// When the last one came that was stored.
    pub fn last_taken(&self) -> Option<DateTime<Utc>> {
        let at = i64::try_from(self.last_taken.get()).ok().filter(|at| *at > 0)?;
        DateTime::from_timestamp_micros(at)
    }
}

/// A number that many threads count.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Counts one more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Replaces the number.
    pub fn set(&self, to: u64) {
        self.0.store(to, Ordering::Relaxed);
    }

    /// The number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Reception {
    /// The reception of a partner; `None` if it sends no notifications.
    pub fn new(spec: &InstalledPartner, settings: &Settings, vault: &Vault) -> Option<Self> {
        let (rules, name) = (spec.partner.notifier()?.rules(), spec.name());
        let own = settings.partner(name);
        let secret = own.verify_code.map(SecretString::from);
        let public_url = settings.server.public_url.trim_end_matches('/');
        let is_off = own.notifications == Some(false) || spec.ended.is_some();
        let is_local = |url: &str| Url::parse(url).is_ok_and(|url| settings::is_loopback(&url));
        let closed = if is_off {
            Some(Closed::Off)
        } else if is_local(public_url) && !is_local(&spec.endpoints.api_url) {
            Some(Closed::Unreachable(format!(
                "{} cannot reach server.public_url = \"{public_url}\"",
                spec.manifest().title
            )))
        } else {
            None
        };
        Some(Self {
            rules,
            closed,
            counts: Counts::default(),
            address: address(public_url, name, vault),
            last_part: last_part(name, vault),
            secret: secret.unwrap_or_else(|| vault.derive(&format!("notifications/{name}/secret"))),
            issued_secret: RwLock::default(),
            application: Mutex::default(),
            unstored: Mutex::default(),
        })
    }

    /// Whether a call to the address that ends so is looked at.
    pub fn admits(&self, last_part: &str) -> bool {
        let own = self.last_part.expose_secret().as_bytes();
        self.closed != Some(Closed::Off) && bool::from(own.ct_eq(last_part.as_bytes()))
    }

    /// The address, for the partner or for the administrator to enter there.
    pub fn address(&self) -> &SecretString {
        &self.address
    }

    /// The secret that the partner sends back.
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// Tells one address and secret from others.
    pub fn digest(&self) -> Vec<u8> {
        if self.closed.is_some() {
            return Vec::new();
        }
        let both = format!("{} {}", self.address.expose_secret(), self.secret.expose_secret());
        secret_digest(&both)
    }

    /// The secret that the partner issued for the application as a whole.
    pub fn issued_secret(&self) -> Option<SecretString> {
        self.issued_secret.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces it.
    pub fn set_issued_secret(&self, secret: Option<SecretString>) {
        *self.issued_secret.write().unwrap_or_else(PoisonError::into_inner) = secret;
    }

    /// How the subscription of the application as a whole stands.
    pub fn application(&self) -> Application {
        self.application.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces it.
    pub fn set_application(&self, application: Application) {
        *self.application.lock().unwrap_or_else(PoisonError::into_inner) = application;
    }

    /// Keeps accounts whose notification could not be stored. Whether they are the first of which
    /// somebody must take care.
    pub fn keep_unstored(&self, accounts: Vec<String>) -> bool {
        let mut unstored = self.unstored.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = unstored.is_empty();
        let room = MOST_UNSTORED.saturating_sub(unstored.len());
        unstored.extend(accounts.into_iter().take(room));
        is_first && !unstored.is_empty()
    }

    /// The accounts kept so; they stay until they are stored.
    pub fn unstored(&self) -> Vec<String> {
        let unstored = self.unstored.lock().unwrap_or_else(PoisonError::into_inner);
        unstored.iter().cloned().collect()
    }

    /// Call when they are stored. Whether others came meanwhile.
    pub fn stored(&self, accounts: &[String]) -> bool {
        let mut unstored = self.unstored.lock().unwrap_or_else(PoisonError::into_inner);
        for account in accounts {
            unstored.remove(account);
        }
        !unstored.is_empty()
    }
}

/// The address of a partner's notifications.
pub fn address(public_url: &str, partner: &str, vault: &Vault) -> SecretString {
    let (public_url, secret) = (public_url.trim_end_matches('/'), last_part(partner, vault));
    format!("{public_url}/notifications/{partner}/{}", secret.expose_secret()).into()
}

fn last_part(partner: &str, vault: &Vault) -> SecretString {
    vault.derive(&format!("notifications/{partner}"))
}

impl std::fmt::Debug for Reception {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Reception");
        shown.field("closed", &self.closed).field("counts", &self.counts).finish_non_exhaustive()
    }
}
