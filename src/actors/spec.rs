//! What the actors of a partner are made from, again and again.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::{Auth, Credentials, Endpoints, Gate, Limit, Manifest, Partner, Session};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Directory;
use crate::clock::Clock;
use crate::oauth::OAuth;
use crate::scheduler::Policy;
use crate::settings::{self, Settings};
use crate::store::Store;

/// What all actors share.
#[derive(Clone, Debug)]
pub struct House {
    /// The partners and the actors that serve them.
    pub directory: Directory,
    /// Where everything is stored.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// When connections are polled.
    pub scheduler: Arc<settings::Scheduler>,
    /// The activity groups.
    pub policy: Arc<Policy>,
}

impl House {
    /// The time.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

/// One installed partner: its code and what the settings make of its manifest.
#[derive(Clone)]
pub struct PartnerSpec {
    /// Its code.
    pub partner: Arc<dyn Partner>,
    /// Its addresses.
    pub endpoints: Arc<Endpoints>,
    /// The application's registration.
    pub credentials: Arc<Credentials>,
    /// Its OAuth.
    pub oauth: OAuth,
    /// How often it may be called.
    pub limits: Vec<Limit>,
    /// Whether the settings say so, whatever more the partner would allow.
    pub limits_are_set: bool,
    /// How far back a first sync reads.
    pub backfill: TimeDelta,
}

impl PartnerSpec {
    /// Applies the settings to a partner's manifest.
    ///
    /// # Errors
    /// What is missing or wrong, with the key and the variable that mend it.
    pub fn new(partner: Arc<dyn Partner>, settings: &Settings) -> Result<Self, String> {
        let manifest = partner.manifest();
        let own = settings.partner(manifest.name);
        let credentials = Arc::new(own.credentials(manifest.name)?);
        let Auth::OAuth2(oauth) = manifest.auth;
        let address = |key: &'static str, set: &Option<String>, default: &str| {
            settings::checked_url(
                &format!("partners.{}.{key}", manifest.name),
                set.as_deref().unwrap_or(default),
            )
        };
        // Where both are one address, one setting moves both: a test double must not be half real.
        let is_token_url = oauth.revoke_url == Some(oauth.token_url);
        let moved = own.token_url.clone().filter(|_| is_token_url);
        let revoke_url = own.revoke_url.clone().or(moved);
        let revoke_url = revoke_url.or_else(|| oauth.revoke_url.map(str::to_owned));
        let endpoints = Arc::new(Endpoints {
            authorize_url: address("authorize_url", &own.authorize_url, oauth.authorize_url)?,
            token_url: address("token_url", &own.token_url, oauth.token_url)?,
            api_url: address("api_url", &own.api_url, manifest.api_url)?,
            revoke_url: revoke_url.map(|url| address("revoke_url", &None, &url)).transpose()?,
        });
        let public_url = settings::checked_url("server.public_url", &settings.server.public_url)?;
        let redirect_url = format!("{public_url}/oauth/{}/callback", manifest.name);
        let oauth = OAuth::new(Arc::clone(&partner), &endpoints, &credentials, &redirect_url)?;
        let limits_are_set = own.limits.is_some();
        let limits = match &own.limits {
            Some(limits) => limits.iter().copied().map(Limit::from).collect(),
            None => manifest.limits.to_vec(),
        };
        let backfill = TimeDelta::from_std(own.backfill.unwrap_or(manifest.backfill))
            .unwrap_or(TimeDelta::MAX);
        // More than chrono can subtract from today reads everything there is.
        let backfill = backfill.min(TimeDelta::days(100 * 365));
        Ok(Self { partner, endpoints, credentials, oauth, limits, limits_are_set, backfill })
    }

    /// What is data about the partner.
    pub fn manifest(&self) -> &'static Manifest {
        self.partner.manifest()
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.manifest().name
    }

    /// Calls to it through `gate`.
    pub fn session(
        &self,
        client: reqwest::Client,
        gate: Arc<dyn Gate>,
        timeout: Duration,
    ) -> Session {
        let (endpoints, credentials) = (Arc::clone(&self.endpoints), Arc::clone(&self.credentials));
        Session::new(client, gate, self.manifest(), endpoints, credentials, timeout)
    }
}

impl std::fmt::Debug for PartnerSpec {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PartnerSpec").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// The work of one generation of a partner actor. It outlives the actor for a moment when that
/// panics; the next generation waits for its end, so that no connection is served twice.
#[derive(Clone, Debug, Default)]
pub(super) struct Work {
    /// The tasks under way.
    pub(super) tasks: TaskTracker,
    /// Stops them, but for new tokens under way.
    pub(super) cancel: CancellationToken,
}
