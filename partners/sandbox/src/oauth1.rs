//! The server side of OAuth 1.0a (RFC 5849): signatures checked by the sandbox's own code, request
//! tokens, token secrets.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use crate::call::Call;
use crate::partner::App;
use crate::rng::Rng;

/// The parameters that the protocol itself may send.
const NAMES: [&str; 9] = [
    "oauth_callback",
    "oauth_consumer_key",
    "oauth_nonce",
    "oauth_signature",
    "oauth_signature_method",
    "oauth_timestamp",
    "oauth_token",
    "oauth_verifier",
    "oauth_version",
];

/// What every signed call must send (`oauth_version` too: "MUST be 1.0").
const REQUIRED: [&str; 6] = [
    "oauth_consumer_key",
    "oauth_signature_method",
    "oauth_timestamp",
    "oauth_nonce",
    "oauth_version",
    "oauth_signature",
];

/// Why a signed call is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    Missing(&'static str),
    Unsupported(String),
    SignatureMethod,
    Consumer,
    Timestamp,
    Nonce,
    Signature,
    Token,
}

/// A connect in progress.
#[derive(Debug)]
struct RequestToken {
    secret: String,
    callback: String,
    /// The account that was opened to the application, and the verifier that proves it.
    granted: Option<(usize, String)>,
}

/// What a partner stores about signed calls.
#[derive(Debug, Default)]
pub(crate) struct Signed {
    requests: HashMap<String, RequestToken>,
    secrets: HashMap<String, String>,
    last_timestamp: u64,
    nonces: HashSet<(u64, String)>,
}

impl Signed {
    /// Makes a request token and its secret.
    pub(crate) fn request(&mut self, rng: &mut Rng, callback: String) -> (String, String) {
        let (token, secret) = (rng.hex(32), rng.hex(32));
        let request = RequestToken { secret: secret.clone(), callback, granted: None };
        self.requests.insert(token.clone(), request);
        (token, secret)
    }

    /// The callback address, while nothing has been decided.
    pub(crate) fn undecided(&self, token: &str) -> Option<&str> {
        let request = self.requests.get(token).filter(|request| request.granted.is_none());
        request.map(|request| request.callback.as_str())
    }

    /// Opens an account to the application; returns the verifier.
    pub(crate) fn grant(&mut self, rng: &mut Rng, token: &str, account: usize) -> Option<String> {
        let request = self.requests.get_mut(token)?;
        let verifier = rng.hex(16);
        request.granted = Some((account, verifier.clone()));
        Some(verifier)
    }

    /// Ends a denied connect.
    pub(crate) fn forget(&mut self, token: &str) {
        self.requests.remove(token);
    }

    /// The account of a connect, once decided.
    pub(crate) fn owner(&self, token: &str) -> Option<usize> {
        let (account, _) = self.requests.get(token)?.granted.as_ref()?;
        Some(*account)
    }

    /// Uses up a request token; returns the account it opens when the verifier is the right one.
    pub(crate) fn exchange(&mut self, token: &str, verifier: &str) -> Option<usize> {
        let (account, wanted) = self.requests.get(token)?.granted.as_ref()?;
        let account = *account;
        if wanted != verifier {
            return None;
        }
        self.requests.remove(token);
        Some(account)
    }

    /// Makes the secret of a new access token.
    pub(crate) fn new_secret(&mut self, rng: &mut Rng, access: &str) -> String {
        let secret = rng.hex(32);
        self.secrets.insert(access.to_owned(), secret.clone());
        secret
    }

    /// Checks a call that has no token yet.
    pub(crate) fn judge_consumer(
        &mut self,
        app: &App,
        call: &Call<'_>,
    ) -> Result<Vec<(String, String)>, Refusal> {
        self.judge(app, call, |_, token| if token.is_empty() { Some(String::new()) } else { None })
    }

    /// Checks a call with a request token.
    pub(crate) fn judge_request(
        &mut self,
        app: &App,
        call: &Call<'_>,
    ) -> Result<Vec<(String, String)>, Refusal> {
        self.judge(app, call, |signed, token| {
            signed.requests.get(token).map(|request| request.secret.clone())
        })
    }

    /// Checks a call with an access token.
    pub(crate) fn judge_access(
        &mut self,
        app: &App,
        call: &Call<'_>,
    ) -> Result<Vec<(String, String)>, Refusal> {
        self.judge(app, call, |signed, token| signed.secrets.get(token).cloned())
    }

    /// Checks a call; returns the parameters of the protocol. Only a call with a valid signature
    /// counts for timestamps and nonces.
    fn judge(
        &mut self,
        app: &App,
        call: &Call<'_>,
        secret_of: impl Fn(&Self, &str) -> Option<String>,
    ) -> Result<Vec<(String, String)>, Refusal> {
        let in_header = header_parameters(call.authorization);
        let protocol: Vec<(String, String)> = if in_header.is_empty() {
            let own = call.params.iter().filter(|(name, _)| name.starts_with("oauth_"));
            own.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        } else {
            in_header.clone()
        };
        if let Some(missing) = REQUIRED.iter().find(|name| get(&protocol, name).is_empty()) {
            return Err(Refusal::Missing(missing));
        }
        for (place, (name, _)) in protocol.iter().enumerate() {
            let twice = protocol.iter().skip(place + 1).any(|(other, _)| other == name);
            if twice || !NAMES.contains(&name.as_str()) {
                return Err(Refusal::Unsupported(name.clone()));
            }
        }
        if get(&protocol, "oauth_version") != "1.0" {
            return Err(Refusal::Unsupported("oauth_version".to_owned()));
        }
        if get(&protocol, "oauth_signature_method") != "HMAC-SHA1" {
            return Err(Refusal::SignatureMethod);
        }
        if get(&protocol, "oauth_consumer_key") != app.client_id {
            return Err(Refusal::Consumer);
        }
        // "Must be equal or greater than the timestamp used in previous requests". It is not
        // compared with the clock, because tests move it.
        let timestamp = get(&protocol, "oauth_timestamp").parse::<u64>().ok();
        let Some(timestamp) = timestamp.filter(|at| *at > 0 && *at >= self.last_timestamp) else {
            return Err(Refusal::Timestamp);
        };
        let nonce = (timestamp, get(&protocol, "oauth_nonce").to_owned());
        if self.nonces.contains(&nonce) {
            return Err(Refusal::Nonce);
        }
        let Some(token_secret) = secret_of(self, get(&protocol, "oauth_token")) else {
            return Err(Refusal::Token);
        };
        let others = call.params.iter().map(|(name, value)| (encode(name), encode(value)));
        let own = in_header.iter().map(|(name, value)| (encode(name), encode(value)));
        let mut parameters: Vec<_> =
            others.chain(own).filter(|(name, _)| name != "oauth_signature").collect();
        parameters.sort();
        let base = base_string(call, &parameters);
        let key = format!("{}&{}", encode(&app.client_secret), encode(&token_secret));
        if sign(&key, &base) != get(&protocol, "oauth_signature") {
            return Err(Refusal::Signature);
        }
        self.last_timestamp = timestamp;
        self.nonces.insert(nonce);
        self.nonces.retain(|(at, _)| *at == timestamp);
        Ok(protocol)
    }
}

/// The value of a parameter; empty when it is missing.
pub(crate) fn get<'a>(parameters: &'a [(String, String)], name: &str) -> &'a str {
    parameters
        .iter()
        .find(|(have, _)| have == name)
        .map(|(_, value)| value.as_str())
        .unwrap_or_default()
}

/// The token that a call presents, valid or not.
pub(crate) fn shown_token(call: &Call<'_>) -> Option<String> {
    let in_header = header_parameters(call.authorization);
    let token = match get(&in_header, "oauth_token") {
        "" => call.params.get("oauth_token")?.to_owned(),
        token => token.to_owned(),
    };
    Some(token)
}

/// RFC 5849 3.5.1: `OAuth name="value", …`, both percent-encoded.
fn header_parameters(header: Option<&str>) -> Vec<(String, String)> {
    let Some((scheme, list)) = header.and_then(|header| header.split_once(' ')) else {
        return Vec::new();
    };
    if !scheme.eq_ignore_ascii_case("OAuth") {
        return Vec::new();
    }
    let pair = |part: &str| {
        let (name, value) = part.trim().split_once('=')?;
        let value = value.strip_prefix('"')?.strip_suffix('"')?;
        (name != "realm").then(|| (decode(name), decode(value)))
    };
    list.split(',').filter_map(pair).collect()
}

/// RFC 5849 3.4.1.
fn base_string(call: &Call<'_>, parameters: &[(String, String)]) -> String {
    let list: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{}&{}&{}", call.method, encode(&call.url), encode(&list.join("&")))
}

/// RFC 5849 3.4.2.
fn sign(key: &str, base: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key.as_bytes()) else {
        return String::new();
    };
    mac.update(base.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// RFC 5849 3.6.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn decode(text: &str) -> String {
    // A plus sign is literal here, unlike in a form.
    let form = text.replace('+', "%2B");
    url::form_urlencoded::parse(format!("v={form}").as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Params;

    /// The example of OAuth Core 1.0, appendix A.5.
    fn photos(authorization: &str) -> Result<Vec<(String, String)>, Refusal> {
        let app = App {
            client_id: "dpf43f3p2l4k3l03".to_owned(),
            client_secret: "kd94hf93k423kf44".to_owned(),
            redirect_uris: Vec::new(),
        };
        let call = Call {
            method: "GET",
            url: "http://photos.example.net/photos".to_owned(),
            path: "/photos",
            params: Params::read("file=vacation.jpg&size=original", &[]),
            authorization: Some(authorization),
            bearer: None,
            content_type: None,
            body: &[],
            accept: None,
            if_modified_since: None,
            subscriber_id: None,
        };
        let mut signed = Signed::default();
        signed.secrets.insert("nnch734d00sl2jdk".to_owned(), "pfkkdhi9sl3r4s00".to_owned());
        let first = signed.judge_access(&app, &call)?;
        assert_eq!(signed.judge_access(&app, &call), Err(Refusal::Nonce));
        Ok(first)
    }

    const HEADER: &str = "OAuth realm=\"http://photos.example.net/\", oauth_consumer_key=\"dpf43f3p2l4k3l03\", \
        oauth_token=\"nnch734d00sl2jdk\", oauth_signature_method=\"HMAC-SHA1\", \
        oauth_signature=\"tR3%2BTy81lMeYAr%2FFid0kMTYa%2FWM%3D\", oauth_timestamp=\"1191242096\", \
        oauth_nonce=\"kllo9940pd9333jh\", oauth_version=\"1.0\"";

    #[test]
    fn the_signature_of_the_standards_example_is_right_once() {
        assert_eq!(get(&photos(HEADER).unwrap(), "oauth_token"), "nnch734d00sl2jdk");
    }

    #[test]
    fn whatever_is_changed_is_refused() {
        for (part, instead, expected) in [
            ("tR3", "tR4", Refusal::Signature),
            ("1191242096", "1191242097", Refusal::Signature),
            ("1191242096", "0", Refusal::Timestamp),
            ("HMAC-SHA1", "PLAINTEXT", Refusal::SignatureMethod),
            ("dpf4", "dpf5", Refusal::Consumer),
            ("nnch", "nnci", Refusal::Token),
            ("oauth_nonce", "oauth_once", Refusal::Missing("oauth_nonce")),
            (
                "oauth_version=\"1.0\"",
                "oauth_version=\"2.0\"",
                Refusal::Unsupported("oauth_version".into()),
            ),
        ] {
            let changed = HEADER.replace(part, instead);
            assert_ne!(changed, HEADER, "{part}");
            assert_eq!(photos(&changed), Err(expected), "{part} as {instead}");
        }
    }
}
