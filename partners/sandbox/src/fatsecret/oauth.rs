//! Request tokens, the decision, access tokens.

use url::form_urlencoded::Serializer;

use crate::authorize;
use crate::call::{Answer, Call, Params};
use crate::oauth1::{Refusal, get};
use crate::partner::{Consent, Desk, State};

/// What the API covers.
const PERMISSIONS: [&str; 3] =
    ["See and change your food diary", "See and change your weight", "See your exercise diary"];

/// By `POST`, with the callback address.
pub(super) fn request_token(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    if call.method != "POST" {
        return Answer::bare(405);
    }
    let state = &mut *desk.state;
    let protocol = match state.signed.judge_consumer(desk.app, call) {
        Ok(protocol) => protocol,
        Err(refusal) => return refused(&refusal),
    };
    let callback = get(&protocol, "oauth_callback");
    let is_address = url::Url::parse(callback).is_ok_and(|url| url.has_host());
    let registered = &desk.app.redirect_uris;
    if !is_address || (!registered.is_empty() && !registered.iter().any(|known| known == callback))
    {
        return refused(&Refusal::Missing("oauth_callback"));
    }
    let (token, secret) = state.signed.request(&mut state.rng, callback.to_owned());
    form(&[
        ("oauth_callback_confirmed", "true"),
        ("oauth_token", &token),
        ("oauth_token_secret", &secret),
    ])
}

/// The address contains the request token and nothing else.
pub(super) fn consent(state: &State, query: &Params) -> Result<Consent, String> {
    let token = query.get("oauth_token").ok_or("The parameter oauth_token is required.")?;
    let callback = state.signed.undecided(token).ok_or("The request token is not known.")?;
    Ok(Consent {
        scopes: Vec::new(),
        permissions: PERMISSIONS.to_vec(),
        redirect_uri: callback.to_owned(),
        state: None,
    })
}

/// Redirects with the token and a verifier. What a denial returns is not documented; here it is the
/// token alone.
pub(super) fn decided(
    state: &mut State,
    query: &Params,
    consent: &Consent,
    account: Option<usize>,
) -> Answer {
    let token = query.get("oauth_token").unwrap_or_default();
    let verifier = account.and_then(|account| state.signed.grant(&mut state.rng, token, account));
    match verifier {
        Some(verifier) => {
            authorize::back(consent, &[("oauth_token", token), ("oauth_verifier", &verifier)])
        }
        None => {
            state.signed.forget(token);
            authorize::back(consent, &[("oauth_token", token)])
        }
    }
}

/// By `GET`.
pub(super) fn access_token(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    if call.method != "GET" {
        return Answer::bare(405);
    }
    let state = &mut *desk.state;
    let protocol = match state.signed.judge_request(desk.app, call) {
        Ok(protocol) => protocol,
        Err(refusal) => return refused(&refusal),
    };
    let verifier = get(&protocol, "oauth_verifier");
    let Some(account) = state.signed.exchange(get(&protocol, "oauth_token"), verifier) else {
        return refused(&Refusal::Token);
    };
    state.counts.codes_exchanged += 1;
    let pair = state.tokens.issue(&mut state.rng, desk.now, account, Vec::new(), desk.lifetimes);
    let secret = state.signed.new_secret(&mut state.rng, &pair.access);
    form(&[("oauth_token", &pair.access), ("oauth_token_secret", &secret)])
}

fn form(pairs: &[(&str, &str)]) -> Answer {
    let body = Serializer::new(String::new()).extend_pairs(pairs).finish();
    Answer::new(200, "application/x-www-form-urlencoded", body)
}

/// How these two calls fail is not documented; RFC 5849 3.2 has 400 for what is missing or not
/// supported, 401 for the rest.
fn refused(refusal: &Refusal) -> Answer {
    let (_, message) = describe(refusal);
    let status = match refusal {
        Refusal::Missing(_) | Refusal::Unsupported(_) | Refusal::SignatureMethod => 400,
        _ => 401,
    };
    Answer::new(status, "text/plain", message)
}

/// The code and the text of each (<https://platform.fatsecret.com/docs/guides/error-codes>).
pub(super) fn describe(refusal: &Refusal) -> (u16, String) {
    match refusal {
        Refusal::Missing(name) => (2, format!("Missing required oauth parameter: '{name}'")),
        Refusal::Unsupported(name) => (3, format!("Unsupported oauth parameter: '{name}'")),
        Refusal::SignatureMethod => (4, "Invalid signature method".to_owned()),
        Refusal::Consumer => (5, "Invalid consumer key".to_owned()),
        Refusal::Timestamp => (6, "Invalid/expired timestamp".to_owned()),
        Refusal::Nonce => (7, "Invalid/used nonce".to_owned()),
        Refusal::Signature => (8, "Invalid signature".to_owned()),
        Refusal::Token => (9, "Invalid access token".to_owned()),
    }
}
