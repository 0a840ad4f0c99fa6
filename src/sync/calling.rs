//! Isolated calls of partner code: panics are caught, calls have a time limit and can be cancelled;
//! expired tokens are refreshed, short limits are waited out.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::FutureExt;
use partner_sdk::{PartnerError, Session};

use super::ports::Job;
use super::report::Failure;
use super::run::{SyncRun, interrupted};
use crate::limits::longest_wait;
use crate::model::{FailureCode, SyncOutcome, WaitingFor};

/// A wait for the partner's limit up to this long is waited out; a longer one ends the sync.
const MAX_LIMIT_WAIT: Duration = Duration::from_secs(60);

/// How many times one call waits out a limit.
const MAX_LIMIT_WAITS: u32 = 3;

/// New tokens that are not accepted are not refreshed again within this time.
const MIN_REFRESH_GAP: TimeDelta = TimeDelta::minutes(5);

/// How a call of partner code failed.
pub(super) enum CallFailure {
    Partner(PartnerError),
    /// The access token was not accepted although it had just been renewed, or cannot be renewed.
    /// One such answer says nothing about the grant: only a refresh that is refused does, or that it
    /// goes on.
    Refused,
    /// On our side of the call: no new tokens, or the store failed.
    Ours(Failure),
    TookTooLong,
    Panicked,
    Interrupted,
}

impl SyncRun<'_> {
    /// Calls partner code with a session that has the connection's access token. A panic or a hang
    /// in it ends here.
    pub(super) async fn call<T, F>(
        &mut self,
        job: &mut Job,
        code: impl Fn(Session) -> F,
    ) -> Result<T, CallFailure>
    where
        F: Future<Output = Result<T, PartnerError>>,
    {
        let mut waits = 0;
        loop {
            // A sync may last longer than a token is valid.
            if self.may_refresh(job) && self.expires_soon(job) {
                self.refresh(job).await.map_err(CallFailure::Ours)?;
            }
            let session = self.with.session.with_access_token(job.tokens.access.clone());
            match self.guarded(code(session)).await {
                Err(CallFailure::Partner(PartnerError::Unauthorized(_))) => {
                    if job.tokens.refresh.is_none() || !self.may_refresh(job) {
                        self.refused = true;
                        return Err(CallFailure::Refused);
                    }
                    self.refresh(job).await.map_err(CallFailure::Ours)?;
                }
                Err(CallFailure::Partner(PartnerError::RateLimited { wait, .. }))
                    // A call that got no permit has waited long enough.
                    if self.with.timeout.waiting_for().is_none()
                        && waits < MAX_LIMIT_WAITS
                        && wait.unwrap_or(self.with.partner.manifest().retry_wait)
                            <= MAX_LIMIT_WAIT =>
                {
                    waits += 1;
                }
                other => return other,
            }
        }
    }

    /// Whether the last new tokens are not too recent: those of this sync or, if the partner refuses
    /// new tokens, of an earlier one.
    pub(super) fn may_refresh(&self, job: &Job) -> bool {
        let connection = &job.connection;
        let earlier = connection.refused_since.and(connection.refreshed_at);
        self.refreshed_at.or(earlier).is_none_or(|at| self.now() - at > MIN_REFRESH_GAP)
    }

    async fn guarded<T>(
        &self,
        code: impl Future<Output = Result<T, PartnerError>>,
    ) -> Result<T, CallFailure> {
        let code = AssertUnwindSafe(code).catch_unwind();
        let ended = tokio::select! {
            ended = self.with.timeout.within(self.with.page_timeout, code) => ended,
            () = self.with.cancel.cancelled() => return Err(CallFailure::Interrupted),
        };
        match ended {
            Some(Ok(output)) => output.map_err(CallFailure::Partner),
            Some(Err(_)) => Err(CallFailure::Panicked),
            None => Err(CallFailure::TookTooLong),
        }
    }

    /// A call that failed because the sync was stopped says nothing about the partner.
    pub(super) fn partner_failure(&self, error: &PartnerError) -> Failure {
        match error {
            PartnerError::Transient(_) if self.with.cancel.is_cancelled() => interrupted(),
            PartnerError::RateLimited { wait, .. } => self.limited(*wait),
            error => Failure::from(error),
        }
    }

    /// A call that a limit stopped: ours, which gave it no permit, or the partner's.
    fn limited(&self, wait: Option<Duration>) -> Failure {
        let manifest = self.with.partner.manifest();
        let wait = wait.unwrap_or(manifest.retry_wait);
        let waiting_for = self.with.timeout.waiting_for().unwrap_or_else(|| {
            let limit = format!("{}: a wait that the partner asked for", manifest.title);
            self.with.timeout.traffic().met(&limit, Duration::ZERO, true);
            WaitingFor { limit, until: self.now() + longest_wait(wait) }
        });
        let until = waiting_for.until.format("%Y-%m-%d %H:%M:%S UTC");
        let message = format!("a limit is reached ({}), until {until}", waiting_for.limit);
        let failure = Failure::new(FailureCode::RateLimited, message, SyncOutcome::Limited);
        Failure { wait: Some(wait), waiting_for: Some(waiting_for), ..failure }
    }

    /// Turns a failed call into a failure of the sync; `what` names what was being done.
    pub(super) fn describe(&self, failure: CallFailure, what: &str) -> Failure {
        match failure {
            CallFailure::Partner(error) => self.partner_failure(&error),
            CallFailure::Refused => Failure::from(&PartnerError::Transient(
                "it does not accept the access token, which was just renewed or cannot be".into(),
            )),
            CallFailure::Ours(failure) => failure,
            CallFailure::TookTooLong => {
                let limit = humantime::format_duration(self.with.page_timeout);
                let message = format!("{what} took longer than {limit}");
                Failure::new(FailureCode::Timeout, message, SyncOutcome::Failed)
            }
            CallFailure::Panicked => {
                let message = "the partner's code panicked; the log has the place";
                Failure::new(FailureCode::Panic, message, SyncOutcome::Failed)
            }
            CallFailure::Interrupted => interrupted(),
        }
    }
}
