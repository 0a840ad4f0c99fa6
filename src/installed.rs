//! The installed partners: each partner's code with what the settings make of its manifest.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use partner_sdk::{
    Auth, BodyBudget, Credentials, Endpoints, Gate, Kind, Limit, Manifest, Partner, Session,
    Timestamps,
};

use crate::clock::Clock;
use crate::model::{Direction, TIME_ZONE};
use crate::oauth::OAuth;
use crate::settings::{self, Mistake, Mistakes, Settings};

/// One installed partner: its code and what the settings make of its manifest.
#[derive(Clone)]
pub struct InstalledPartner {
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
    /// Whether the settings set them, whatever more the partner would allow.
    pub limits_are_set: bool,
    /// How far back a first sync reads.
    pub backfill: TimeDelta,
    /// Since when and why the service no longer works. An overridden URL is a simulator and stays
    /// enabled.
    pub ended: Option<&'static str>,
    /// The timestamps of signed calls, shared by all its sessions.
    timestamps: Arc<Timestamps>,
    /// The room for its answers, shared likewise.
    budget: BodyBudget,
}

impl InstalledPartner {
    /// Applies the settings to a partner's manifest.
    ///
    /// # Errors
    /// What is missing or wrong, with the key and the variable that fix it.
    pub fn new(
        partner: Arc<dyn Partner>,
        settings: &Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Vec<Mistake>> {
        let manifest = partner.manifest();
        let own = settings.partner(manifest.name);
        let (credentials, endpoints) =
            match (settings.credentials(manifest.name), endpoints(manifest, settings, &own)) {
                (Ok(credentials), Ok(endpoints)) => (Arc::new(credentials), Arc::new(endpoints)),
                (credentials, endpoints) => {
                    let wrong = [credentials.err(), endpoints.err()];
                    return Err(wrong.into_iter().flatten().flatten().collect());
                }
            };
        // `Settings::problems` reports what is wrong with it, once for all partners.
        let public_url = settings.server.public_url.trim_end_matches('/');
        let redirect_url = format!("{public_url}/oauth/{}/callback", manifest.name);
        let oauth = OAuth::new(Arc::clone(&partner), &endpoints, &credentials, &redirect_url)
            .map_err(|text| {
                let is_reported = settings::checked_url("", public_url).is_err();
                let mistake = settings.mistake(&format!("partners.{}", manifest.name), text);
                if is_reported { Vec::new() } else { vec![mistake] }
            })?;
        let limits_are_set = own.limits.is_some();
        let limits = match &own.limits {
            Some(limits) => limits.iter().copied().map(Limit::from).collect(),
            None => manifest.limits.to_vec(),
        };
        let backfill = TimeDelta::from_std(own.backfill.unwrap_or(manifest.backfill))
            .unwrap_or(TimeDelta::MAX);
        // Capped, because chrono cannot subtract more from today; this reads everything there is.
        let backfill = backfill.min(TimeDelta::days(100 * 365));
        let timestamps = Arc::new(Timestamps::new(move || clock.now()));
        Ok(Self {
            partner,
            endpoints,
            credentials,
            oauth,
            limits,
            limits_are_set,
            backfill,
            ended: manifest.ended.filter(|_| own.api_url.is_none()),
            timestamps,
            budget: BodyBudget::default(),
        })
    }

    /// The data about the partner.
    pub fn manifest(&self) -> &'static Manifest {
        self.partner.manifest()
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.manifest().name
    }

    /// A session for calls to it through `gate`.
    pub fn session(
        &self,
        client: reqwest::Client,
        gate: Arc<dyn Gate>,
        timeout: Duration,
    ) -> Session {
        let (endpoints, credentials) = (Arc::clone(&self.endpoints), Arc::clone(&self.credentials));
        Session::new(client, gate, self.manifest(), endpoints, credentials, timeout)
            .with_timestamps(Arc::clone(&self.timestamps))
            .with_budget(self.budget.clone())
    }
}

/// A partner's addresses: the manifest's, unless the settings override them.
fn endpoints(
    manifest: &Manifest,
    settings: &Settings,
    own: &settings::Partner,
) -> Result<Endpoints, Vec<Mistake>> {
    let key = |name: &str| format!("partners.{}.{name}", manifest.name);
    let mut wrong = Vec::new();
    let mut address = |name: &str, url: &str| {
        settings::checked_url(&key(name), url).unwrap_or_else(|text| {
            wrong.push(settings.mistake(&key(name), text));
            String::new()
        })
    };
    let mut either = |name: &str, set: &Option<String>, default: &str| {
        address(name, set.as_deref().unwrap_or(default))
    };
    let api_url = either("api_url", &own.api_url, manifest.api_url);
    let endpoints = match manifest.auth {
        Auth::OAuth2(oauth) => {
            let token_url = either("token_url", &own.token_url, oauth.token_url);
            let revoke_url = match (own.revoke_url.as_deref(), oauth.revoke_url) {
                // If both are the same address, one setting moves both: a simulator must not be
                // half real.
                (None, Some(url)) if url == oauth.token_url => Some(token_url.clone()),
                (set, default) => set.or(default).map(|url| either("revoke_url", &None, url)),
            };
            Endpoints {
                authorize_url: either("authorize_url", &own.authorize_url, oauth.authorize_url),
                request_token_url: None,
                token_url,
                revoke_url,
                api_url,
            }
        }
        Auth::OAuth1(oauth) => {
            let (set, default) = (&own.request_token_url, oauth.request_token_url);
            Endpoints {
                authorize_url: either("authorize_url", &own.authorize_url, oauth.authorize_url),
                request_token_url: Some(either("request_token_url", set, default)),
                token_url: either("token_url", &own.token_url, oauth.token_url),
                revoke_url: own.revoke_url.as_ref().map(|url| either("revoke_url", &None, url)),
                api_url,
            }
        }
    };
    if matches!(manifest.auth, Auth::OAuth2(_)) && own.request_token_url.is_some() {
        let key = key("request_token_url");
        let text = format!("{key}: OAuth 2.0 has no request tokens; remove it");
        wrong.push(settings.mistake(&key, text));
    }
    if wrong.is_empty() { Ok(endpoints) } else { Err(wrong) }
}

impl std::fmt::Debug for InstalledPartner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("InstalledPartner")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

/// Applies the settings to each installed partner's manifest.
///
/// # Errors
/// Everything that is missing or wrong.
pub fn install(
    settings: &Settings,
    catalog: &[Arc<dyn Partner>],
    clock: &Arc<dyn Clock>,
) -> Result<Vec<InstalledPartner>, Mistakes> {
    let (mut specs, mut wrong) = (Vec::new(), settings.problems());
    for name in &settings.installed_partners {
        match catalog.iter().find(|partner| partner.manifest().name == name) {
            Some(partner) => {
                match InstalledPartner::new(Arc::clone(partner), settings, Arc::clone(clock)) {
                    Ok(spec) => specs.push(spec),
                    Err(mistakes) => wrong.extend(mistakes),
                }
            }
            None => {
                let text = format!("installed_partners: {}", no_such_partner(name, catalog));
                wrong.push(settings.mistake("installed_partners", text));
            }
        }
    }
    if wrong.is_empty() { Ok(specs) } else { Err(Mistakes(wrong)) }
}

/// Says that there is no such partner, and which there are.
pub fn no_such_partner(name: &str, catalog: &[Arc<dyn Partner>]) -> String {
    let known: Vec<_> = catalog.iter().map(|partner| partner.manifest().name).collect();
    format!("there is no partner `{name}`; there are: {}", known.join(", "))
}

/// Every setting a connection can have: name, type and default.
pub fn property_types(specs: &[InstalledPartner]) -> Vec<(String, &'static str, String)> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::settings::Secret;

    /// The addresses of a partner with these settings.
    fn install(
        partner: Arc<dyn Partner>,
        set: impl FnOnce(&mut settings::Partner),
    ) -> Result<Endpoints, String> {
        let mut settings = Settings::default();
        let own = settings.partners.entry(partner.manifest().name.to_owned()).or_default();
        own.client_id = Some("id".to_owned());
        own.client_secret = Some(Secret::new("secret"));
        set(own);
        let spec = InstalledPartner::new(partner, &settings, Arc::new(SystemClock::new()));
        let spec = spec.map_err(|mistakes| Mistakes(mistakes).to_string())?;
        Ok((*spec.endpoints).clone())
    }

    #[test]
    fn request_tokens_come_from_where_the_settings_say() {
        let fatsecret = || Arc::new(partner_fatsecret::FatSecret);
        let manifests = install(fatsecret(), |_| ()).unwrap().request_token_url;
        let default = "https://authentication.fatsecret.com/oauth/request_token";
        assert_eq!(manifests.as_deref(), Some(default));
        let moved = "http://127.0.0.1:9/request_token";
        let set = install(fatsecret(), |own| own.request_token_url = Some(moved.to_owned()));
        assert_eq!(set.unwrap().request_token_url.as_deref(), Some(moved));
    }

    #[test]
    fn an_unusable_request_token_address_is_named() {
        let plain = |own: &mut settings::Partner| {
            own.request_token_url = Some("http://example.com/request_token".to_owned());
        };
        let error = install(Arc::new(partner_fatsecret::FatSecret), plain).unwrap_err();
        assert!(error.contains("partners.fatsecret.request_token_url"), "{error}");
        let error = install(Arc::new(partner_withings::Withings), plain).unwrap_err();
        assert!(error.contains("partners.withings.request_token_url"), "{error}");
        assert!(error.contains("remove it"), "{error}");
    }
}
