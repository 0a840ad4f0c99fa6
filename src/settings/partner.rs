//! `[partners.NAME]`

use std::path::{Path, PathBuf};
use std::time::Duration;

use partner_sdk::secrecy::SecretString;
use partner_sdk::{Counts, Credentials, Limit, LimitScope, WindowKind};
use serde::{Deserialize, Serialize};

use super::{Mistake, Secret, Settings, duration_text};

/// One partner's settings. A key that is not set keeps the manifest's value.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Partner {
    /// The client id of the application, issued by the partner.
    pub client_id: Option<String>,
    /// The client secret.
    pub client_secret: Option<Secret>,
    /// A file with the client secret; may be relative to the systemd credentials directory.
    pub client_secret_file: Option<PathBuf>,
    /// The URL for request tokens, for partners with OAuth 1.0a.
    pub request_token_url: Option<String>,
    /// The URL to which the browser is sent to grant access.
    pub authorize_url: Option<String>,
    /// The URL at which codes, refresh tokens or request tokens are exchanged.
    pub token_url: Option<String>,
    /// The base URL of the data API.
    pub api_url: Option<String>,
    /// The URL at which tokens are revoked.
    pub revoke_url: Option<String>,
    /// Replaces the manifest's limits: `[{calls = 120, per = "1m"}]`.
    pub limits: Option<Vec<LimitSetting>>,
    /// How far back a first sync reads.
    #[serde(with = "duration_text::optional")]
    pub backfill: Option<Duration>,
    /// Whether the partner may send notifications. Default true; false also ends subscriptions.
    pub notifications: Option<bool>,
    /// The code that the partner's console gave for the address of notifications, if it gives one.
    pub verify_code: Option<Secret>,
    /// A file with which the application authenticates as itself; may be relative to the systemd
    /// credentials directory.
    pub service_account_file: Option<PathBuf>,
}

/// One limit: a number of calls per window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSetting {
    /// The number of calls.
    pub calls: u32,
    /// The length of the window.
    #[serde(with = "duration_text")]
    pub per: Duration,
    /// Whose calls are counted together. Default `app`.
    #[serde(default)]
    pub scope: LimitScope,
    /// How windows are placed in time. Default `sliding`.
    #[serde(default)]
    pub window: WindowKind,
    /// Which calls count. Default `all`.
    #[serde(default)]
    pub counts: Counts,
}

impl From<LimitSetting> for Limit {
    fn from(setting: LimitSetting) -> Self {
        let LimitSetting { calls, per, scope, window, counts } = setting;
        Self { calls, per, scope, window, counts }
    }
}

impl From<Limit> for LimitSetting {
    fn from(limit: Limit) -> Self {
        let Limit { calls, per, scope, window, counts } = limit;
        Self { calls, per, scope, window, counts }
    }
}

impl Settings {
    /// The client credentials of the application at the partner `name`.
    ///
    /// # Errors
    /// What is missing or empty, with the key and the variable that fix it.
    pub fn credentials(&self, name: &str) -> Result<Credentials, Vec<Mistake>> {
        let own = self.partner(name);
        let key = |key: &str| format!("partners.{name}.{key}");
        let variable = |key: &str| {
            format!("SYNCWELL__PARTNERS__{}__{}", name.to_uppercase(), key.to_uppercase())
        };
        let id = match own.client_id.as_deref().map(str::trim) {
            Some(id) if !id.is_empty() => Ok(id.to_owned()),
            found => {
                let state = if found.is_some() { "empty" } else { "not set" };
                let (key, variable) = (key("client_id"), variable("client_id"));
                Err(self.mistake(
                    &key,
                    format!(
                        "{key} is {state}; set it, or {variable}, to the client id {name} gave your application"
                    ),
                ))
            }
        };
        let secret = self.client_secret(name, &own, &variable("client_secret"));
        match (id, secret, self.service_account(name, &own)) {
            (Ok(client_id), Ok(client_secret), Ok(service_account)) => {
                let client_secret = client_secret.into();
                Ok(Credentials { client_id, client_secret, service_account })
            }
            (id, secret, account) => {
                Err([id.err(), secret.err(), account.err()].into_iter().flatten().collect())
            }
        }
    }

    /// The files with secrets of partners, each with the partner's name.
    pub fn secret_files(&self) -> Vec<(&str, PathBuf)> {
        let files = self.partners.iter().flat_map(|(name, own)| {
            let files = [&own.client_secret_file, &own.service_account_file];
            files.into_iter().flatten().map(|path| (name.as_str(), below_credentials(path)))
        });
        files.collect()
    }

    fn service_account(&self, name: &str, own: &Partner) -> Result<Option<SecretString>, Mistake> {
        let Some(path) = &own.service_account_file else { return Ok(None) };
        let path = below_credentials(path);
        let (key, shown) = (format!("partners.{name}.service_account_file"), path.display());
        match std::fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => Ok(Some(text.into())),
            Ok(_) => Err(self.mistake(&key, format!("{key}: {shown} is empty"))),
            Err(error) => Err(self.mistake(&key, format!("{key}: cannot read {shown}: {error}"))),
        }
    }

    fn client_secret(&self, name: &str, own: &Partner, variable: &str) -> Result<String, Mistake> {
        let section = format!("partners.{name}");
        let wrong = |key: &str, text: &str| {
            let key = format!("{section}.{key}");
            Err(self.mistake(&key, format!("{key}{text}")))
        };
        match (&own.client_secret, &own.client_secret_file) {
            (Some(secret), None) if secret.expose().trim().is_empty() => wrong(
                "client_secret",
                &format!(
                    " is empty; set it, or {variable}, to the secret {name} gave your application"
                ),
            ),
            (Some(secret), None) => Ok(secret.expose().to_owned()),
            (None, Some(path)) => {
                let path = below_credentials(path);
                let shown = path.display();
                match std::fs::read_to_string(&path) {
                    Err(error) => {
                        wrong("client_secret_file", &format!(": cannot read {shown}: {error}"))
                    }
                    Ok(text) if text.trim().is_empty() => wrong(
                        "client_secret_file",
                        &format!(
                            ": {shown} is empty; put the secret into it that {name} gave your application"
                        ),
                    ),
                    Ok(text) => Ok(text.trim().to_owned()),
                }
            }
            (Some(_), Some(_)) => {
                let text =
                    format!("{section} has both client_secret and client_secret_file; remove one");
                Err(self.mistake(&format!("{section}.client_secret"), text))
            }
            (None, None) => {
                let text = format!(
                    "{section} has no client secret; set client_secret_file, client_secret or {variable}"
                );
                Err(self.mistake(&section, text))
            }
        }
    }
}

/// Resolves a relative path in the systemd credentials directory if it exists there.
fn below_credentials(path: &Path) -> PathBuf {
    super::credential(path).unwrap_or_else(|| path.to_owned())
}
