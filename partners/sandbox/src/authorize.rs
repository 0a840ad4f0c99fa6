//! The page where a user allows or denies access: shared by all partners, with rules from each.

use url::Url;

use crate::call::{Answer, Params};
use crate::clock::Clock;
use crate::pages;
use crate::partner::{App, Consent, Partner, State};

/// Longest name that may be typed on the page.
const LONGEST_NAME: usize = 100;

/// Checks an authorize request as every partner does; returns the callback address.
pub(crate) fn checked_request(app: &App, query: &Params) -> Result<String, String> {
    if query.get("client_id") != Some(app.client_id.as_str()) {
        return Err("The application (client_id) is not registered here.".to_owned());
    }
    if query.get("response_type") != Some("code") {
        return Err("The parameter response_type must be “code”.".to_owned());
    }
    let redirect_uri =
        query.get("redirect_uri").ok_or("The parameter redirect_uri is required.")?;
    let is_web = Url::parse(redirect_uri).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.fragment().is_none()
    });
    if !is_web {
        return Err(
            "The redirect_uri is not an absolute http or https address without a fragment."
                .to_owned(),
        );
    }
    if !app.redirect_uris.is_empty() && !app.redirect_uris.iter().any(|known| known == redirect_uri)
    {
        return Err("The redirect_uri is not one of the registered addresses.".to_owned());
    }
    Ok(redirect_uri.to_owned())
}

/// `GET`: the page.
pub(crate) fn show(partner: &Partner, query: &Params) -> Answer {
    let state = partner.lock();
    match partner.wire.consent_in(&state, &partner.app, query) {
        Ok(consent) => {
            let names: Vec<(&str, &str)> = state
                .accounts
                .iter()
                .take(12)
                .map(|account| (account.name.as_str(), account.zone.name()))
                .collect();
            let (title, ticked) = (partner.wire.title(), partner.wire.scopes_are_ticked());
            pages::consent(title, &partner.app.client_id, &consent, ticked, &names)
        }
        Err(reason) => pages::refusal(partner.wire.title(), &reason),
    }
}

/// `POST`: the decision. Redirects the browser with a code, or with the denial.
pub(crate) fn decide(partner: &Partner, clock: &Clock, query: &Params, form: &Params) -> Answer {
    let title = partner.wire.title();
    let now = clock.now();
    let mut state = partner.lock();
    let mut consent = match partner.wire.consent_in(&state, &partner.app, query) {
        Ok(consent) => consent,
        Err(reason) => return pages::refusal(title, &reason),
    };
    match form.get("decision") {
        Some("deny") => partner.wire.decided(&mut state, now, query, &consent, None),
        Some("allow") => {
            // The page sends the selected and the typed name; the typed one wins.
            let name = form.all("account").map(str::trim).filter(|name| !name.is_empty()).last();
            let Some(name) = name.filter(|name| name.chars().count() <= LONGEST_NAME) else {
                return pages::refusal(title, "Choose an account, or type the name of a new one.");
            };
            let account = partner.account(&mut state, name, now);
            state.counts.codes_issued += 1;
            consent.scopes = granted(partner, &consent, form);
            partner.wire.decided(&mut state, now, query, &consent, Some(account))
        }
        _ => pages::refusal(title, "The form field decision must be “allow” or “deny”."),
    }
}

/// The scopes that were left ticked. A script that posts only the decision grants all of them. The
/// page sends `ticked` when it showed boxes, because a form with no box ticked looks like one
/// without boxes.
fn granted(partner: &Partner, consent: &Consent, form: &Params) -> Vec<String> {
    let ticks: Vec<&str> = form.all("scope").collect();
    let had_boxes = form.get("ticked").is_some() || !ticks.is_empty();
    let mut scopes = consent.scopes.clone();
    if partner.wire.scopes_are_ticked() && had_boxes {
        scopes.retain(|scope| ticks.contains(&scope.as_str()));
    }
    scopes
}

/// OAuth 2.0: redirects with a code and the partner's further parameters, or with the denial.
pub(crate) fn back_with_code(
    state: &mut State,
    now: i64,
    query: &Params,
    consent: &Consent,
    account: Option<usize>,
    further: &[(&'static str, String)],
) -> Answer {
    let Some(account) = account else { return back(consent, &[("error", "access_denied")]) };
    let (scopes, redirect_uri) = (consent.scopes.clone(), consent.redirect_uri.clone());
    let code = state.codes.issue(&mut state.rng, now, account, scopes, redirect_uri);
    state.codes.asked(&code, query.clone());
    let mut parameters = vec![("code", code.as_str())];
    parameters.extend(further.iter().map(|(name, value)| (*name, value.as_str())));
    back(consent, &parameters)
}

/// Redirects the browser with these parameters.
pub(crate) fn back(consent: &Consent, parameters: &[(&str, &str)]) -> Answer {
    let Ok(mut url) = Url::parse(&consent.redirect_uri) else {
        return Answer::bare(400);
    };
    url.query_pairs_mut().extend_pairs(parameters);
    if let Some(state) = &consent.state {
        url.query_pairs_mut().append_pair("state", state);
    }
    Answer::bare(302).with_header("Location", url.into())
}
