//! The application's own access token, for calls that are not made for a user. RFC 7523: a JSON Web
//! Token that the service account signs is exchanged for it ("Using OAuth 2.0 for Server to Server
//! Applications", developers.google.com/identity).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use partner_sdk::chrono::{DateTime, Utc};
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use partner_sdk::serde_json::{self, Value, json};
use partner_sdk::{PartnerError, Reply, Session};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::{Deserialize, Deserializer};

/// API reference, projects.subscribers: the scope of its calls.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Same page: a token is requested for an hour at most.
const LIFETIME: i64 = 3600;

/// Same page: the file that the Google Cloud console makes. Its `token_uri` is not used: where a
/// secret is sent is decided by the settings.
#[derive(Deserialize)]
pub(crate) struct ServiceAccount {
    #[serde(rename = "type")]
    kind: String,
    project_id: String,
    client_email: String,
    #[serde(deserialize_with = "secret")]
    private_key: SecretString,
    #[serde(default)]
    private_key_id: Option<String>,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

impl ServiceAccount {
    /// That of the application.
    pub(crate) fn of(session: &Session) -> Result<Self, PartnerError> {
        let Some(file) = &session.credentials().service_account else {
            let why = "notifications of Google Health need a service account: set \
                       service_account_file to the key file from the Google Cloud console";
            return Err(PartnerError::Rejected(why.into()));
        };
        let account: Option<Self> = serde_json::from_str(file.expose_secret()).ok();
        account.filter(|it| it.kind == "service_account" && !it.project_id.is_empty()).ok_or_else(
            || unusable("it is not a key file of a service account (JSON with private_key)"),
        )
    }

    /// The project whose users' data is announced: that of the client id, which begins with its
    /// number ("Manage OAuth Clients", support.google.com/cloud), otherwise that of the account.
    pub(crate) fn project<'a>(&'a self, session: &'a Session) -> Result<&'a str, PartnerError> {
        let client = session.credentials().client_id.as_str();
        let number = client.strip_suffix(".apps.googleusercontent.com").and_then(|id| {
            let (number, _) = id.split_once('-')?;
            number.bytes().all(|byte| byte.is_ascii_digit()).then_some(number)
        });
        let project = number.unwrap_or(&self.project_id);
        // Older projects are named "domain.com:name".
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b':');
        if project.is_empty() || !project.bytes().all(is_plain) {
            return Err(unusable("its project_id is not the name of a project"));
        }
        Ok(project)
    }

    /// The same session with a token of the application.
    pub(crate) async fn authorize(
        &self,
        session: &Session,
        now: DateTime<Utc>,
    ) -> Result<Session, PartnerError> {
        let url = &session.endpoints().token_url;
        let assertion = self.assertion(url, now)?;
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", &assertion),
        ];
        let reply = session.post_url(url).anonymous().form(&form).send_unchecked().await?;
        let token = read_token(&reply);
        if let Err(PartnerError::RateLimited { scope, wait }) = token {
            session.limited(scope, wait);
        }
        Ok(session.with_access_token(token?))
    }

    /// RFC 7523 §3, signed with RS256 (RFC 7518 §3.3).
    fn assertion(&self, audience: &str, now: DateTime<Utc>) -> Result<String, PartnerError> {
        let header = json!({ "alg": "RS256", "kid": self.private_key_id, "typ": "JWT" });
        let claims = json!({
            "aud": audience,
            "exp": now.timestamp().saturating_add(LIFETIME),
            "iat": now.timestamp(),
            "iss": self.client_email,
            "scope": SCOPE,
        });
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", encode(&header), encode(&claims));
        let key = self.key().ok_or_else(|| unusable("its private_key is not an RSA key"))?;
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .map_err(|_| PartnerError::Transient("the machine has no random numbers".into()))?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// PKCS#8 in PEM (RFC 7468 §10).
    fn key(&self) -> Option<RsaKeyPair> {
        let pem = self.private_key.expose_secret();
        let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----")?;
        let (text, _) = rest.split_once("-----END PRIVATE KEY-----")?;
        let text: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        RsaKeyPair::from_pkcs8(&STANDARD.decode(text).ok()?).ok()
    }
}

/// RFC 6749 §5. What Google names as an error is about the account, and only its owner can mend it.
fn read_token(reply: &Reply) -> Result<SecretString, PartnerError> {
    match partner_sdk::standard_token_reply(reply) {
        Ok(answer) => {
            let token = answer.get("access_token").and_then(Value::as_str);
            let token = token.filter(|token| !token.is_empty());
            let missing = || PartnerError::Malformed("the token answer has no access token".into());
            token.map(SecretString::from).ok_or_else(missing)
        }
        Err(PartnerError::Unauthorized(_) | PartnerError::Malformed(_)) if names_error(reply) => {
            Err(unusable("Google does not accept its key; it may have been deleted there"))
        }
        Err(error) => Err(error),
    }
}

fn names_error(reply: &Reply) -> bool {
    reply.json::<Value>().is_ok_and(|body| body.get("error").is_some_and(Value::is_string))
}

fn unusable(why: &str) -> PartnerError {
    PartnerError::Rejected(format!("service_account_file: {why}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = include_str!("../fixtures/service_account.json");
    const URL: &str = "https://oauth2.googleapis.com/token";

    fn assertion(file: &str) -> Result<String, PartnerError> {
        let account: ServiceAccount = serde_json::from_str(file).unwrap();
        account.assertion(URL, DateTime::from_timestamp(1_772_625_600, 0).unwrap())
    }

    #[test]
    fn the_assertion_is_as_openssl_signs_it() {
        let expected = include_str!("../fixtures/assertion.txt").trim_end();
        assert_eq!(assertion(FILE).unwrap(), expected);
    }

    #[test]
    fn a_key_that_is_none_is_said_to_be_none_and_not_shown() {
        for file in [
            FILE.replace("BEGIN PRIVATE", "BEGIN RSA PRIVATE"),
            FILE.replace("-----END", "-----"),
            FILE.replacen("-----\\n", "-----\\nAAAA", 1),
            FILE.replacen("-----\\n", "-----\\n$", 1),
        ] {
            assert_ne!(file, FILE);
            let failed = assertion(&file);
            assert_eq!(failed, Err(unusable("its private_key is not an RSA key")));
        }
    }
}
