//! Revokes at partners what host apps have not confirmed in time, until the partner has taken it or a day has
//! passed. What waits is in the database, so a restart changes nothing.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::oneshot;

use super::Directory;
use super::connect_messages::{Revocation, RevokeGrant};
use super::shared::Shared;
use crate::model::{Cause, LineOutcome};
use crate::store::{ExpiredGrant, HeldGrant, Note, StoreError};

/// How often it is looked for.
const EVERY: Duration = Duration::from_secs(5);

/// How many at a time.
const BATCH: i64 = 20;

/// A partner that does not take it is asked again after this long.
const AGAIN_AFTER: TimeDelta = TimeDelta::minutes(5);

/// Until when it is asked. The tokens are destroyed then all the same.
const GIVE_UP_AFTER: TimeDelta = TimeDelta::days(1);

/// Revokes until the task is dropped.
pub async fn revoke_unconfirmed(shared: Shared, directory: Directory) {
    loop {
        if let Err(error) = revoke_expired(&shared, &directory).await {
            tracing::debug!(%error, "what was not confirmed is looked for again");
        }
        actix_rt::time::sleep(EVERY).await;
    }
}

async fn revoke_expired(shared: &Shared, directory: &Directory) -> Result<(), StoreError> {
    for expired in shared.store.expired_grants(shared.now(), BATCH).await? {
        let ExpiredGrant {
            digest,
            connection,
            grant,
            partner,
            user_id,
            expired_at,
            is_account_in_use,
        } = expired;
        let done = match grant {
            _ if is_account_in_use => {
                Some("somebody else is connected to that account, so its access stays".to_owned())
            }
            Ok(grant) => revoke(directory, &partner, digest.clone(), grant).await,
            Err(error) => Some(format!("its tokens cannot be read: {error}")),
        };
        let now = shared.now();
        let is_over = now - expired_at >= GIVE_UP_AFTER;
        let Some(what) = done.or_else(|| is_over.then(|| "the partner could not be asked".into()))
        else {
            shared.store.put_off_grant(digest, now + AGAIN_AFTER).await?;
            continue;
        };
        shared.store.forget_grant(digest).await?;
        tracing::info!(
            partner.name = partner,
            connection.id = connection.0,
            "a connect was not confirmed in time; its tokens are destroyed"
        );
        let line = Note {
            connection,
            user: &user_id,
            partner: &partner,
            cause: Cause::Connect,
            outcome: LineOutcome::Disconnected,
            summary: format!("the app did not confirm the connect in time: {what}"),
        };
        shared.store.note(line.between(now, now)).await?;
    }
    Ok(())
}

/// What came of it, unless it is to be tried again.
async fn revoke(
    directory: &Directory,
    partner: &str,
    digest: Vec<u8>,
    grant: HeldGrant,
) -> Option<String> {
    // Without the partner installed nobody can ask it.
    directory.spec(partner)?;
    let (reply, revoked) = oneshot::channel();
    directory.actor(partner)?.do_send(RevokeGrant { digest, grant, reply });
    match revoked.await.ok()? {
        Revocation::Done => Some("it is revoked".to_owned()),
        Revocation::Refused(_) => Some("the partner cannot revoke it".to_owned()),
        Revocation::Failed(_) => None,
    }
}
