//! A name, a password and, where it is asked for, a code. What is wrong of them is not said, and takes as long.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use partner_sdk::secrecy::{ExposeSecret, SecretString};

use super::Refused;
use crate::administrators::{password, second_factor};
use crate::store::Proof;
use crate::web::pages::answer::NoPage;
use crate::web::pages::words;
use crate::web::{Problem, State};

/// When wrong sign-ins are counted in the log: once a minute, however many there are.
const REPORT_AFTER: Duration = Duration::from_secs(60);

/// What somebody typed.
pub(super) struct Typed {
    pub(super) name: String,
    pub(super) password: SecretString,
    pub(super) code: SecretString,
}

/// Whether it is right.
pub(super) async fn check(
    request: &HttpRequest,
    state: &State,
    typed: Typed,
) -> Result<Result<Proof, Refused>, NoPage> {
    let from = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |it| it.ip());
    let name = typed.name.clone();
    if let Err(wait) = state.sign_ins.begin(&name, from, state.now()) {
        let wrong = format!("Too many tries. Try again in {}.", words::span(wait));
        return Ok(Err(Refused(StatusCode::TOO_MANY_REQUESTS, wrong)));
    }
    if !is_right(state, typed).await? {
        note_wrong(state);
        let wrong =
            "The name, the password or the code is wrong. A code works only once.".to_owned();
        return Ok(Err(Refused(StatusCode::FORBIDDEN, wrong)));
    }
    state.sign_ins.right(&name, from, state.now());
    tracing::info!("an administrator signed in");
    Ok(Ok(Proof::Password(name)))
}

async fn is_right(state: &State, typed: Typed) -> Result<bool, NoPage> {
    let Typed { name, password, code } = typed;
    let stored = state.store().credentials(name.clone()).await?;
    let (digest, secret) =
        stored.map_or((None, None), |stored| (Some(stored.password), stored.totp_secret));
    let compared = password::is_right(password, digest).await;
    let is_right = compared.map_err(|error| {
        tracing::error!(%error, "a password cannot be checked");
        Problem::internal("the password cannot be checked; the log says why")
    })?;
    match secret {
        _ if !is_right => Ok(false),
        None => Ok(true),
        Some(secret) => {
            let typed = code.expose_secret();
            if let Some(step) = second_factor::step_of(&secret, typed, state.now()) {
                return Ok(state.store().take_code(name, step).await?);
            }
            let code = second_factor::as_recovery_code(typed);
            Ok(state.store().take_recovery_code(&name, &code).await?)
        }
    }
}

fn note_wrong(state: &State) {
    if !state.sign_ins.wrong(state.now()) {
        return;
    }
    let sign_ins = state.sign_ins.clone();
    actix_web::rt::spawn(async move {
        tokio::time::sleep(REPORT_AFTER).await;
        let count = sign_ins.unreported();
        tracing::warn!(
            count,
            "sign-ins to the administrator's pages were wrong within a minute; if that was nobody you know, see that \
             only those who need them can reach the pages"
        );
    });
}
