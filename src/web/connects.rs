//! Connects that are being ended. Browsers repeat the callback, by a reload or after they gave up
//! waiting: all of them wait for the one exchange and get its answer.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tracing::Instrument;

use crate::model::ConnectEnd;
use crate::store::ConnectReturn;

/// How a callback is answered.
#[derive(Clone, Debug)]
pub(super) enum ConnectAnswer {
    /// The connect ended like this; where the browser ends.
    Ended(ConnectReturn, ConnectEnd),
    /// It was ended by another callback; where the browser would have ended.
    Otherwise(ConnectReturn),
    /// There is no such connect.
    Unknown,
    /// The database failed before anything was done.
    NotNow,
}

/// Identifies a callback: the partner, the digest of the state, the digest of what was brought.
pub(super) type CallbackKey = (&'static str, Vec<u8>, Vec<u8>);

type Answers = watch::Receiver<Option<ConnectAnswer>>;

/// The callbacks that are being worked on.
#[derive(Clone, Debug, Default)]
pub struct ConnectsUnderWay(Arc<Mutex<HashMap<CallbackKey, Answers>>>);

/// Removes an entry however its work ends.
struct Entry {
    key: CallbackKey,
    of: ConnectsUnderWay,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.of.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl ConnectsUnderWay {
    /// Does the work for the first of several equal callbacks and returns its answer to each. The
    /// work is done to its end even if no browser waits for it any more. `None` if it ended without
    /// an answer.
    pub(super) async fn join(
        &self,
        key: CallbackKey,
        work: impl Future<Output = ConnectAnswer> + 'static,
    ) -> Option<ConnectAnswer> {
        let mut answers = self.begin(key, work);
        let answer = answers.wait_for(Option::is_some).await.ok()?;
        answer.clone()
    }

    fn begin(
        &self,
        key: CallbackKey,
        work: impl Future<Output = ConnectAnswer> + 'static,
    ) -> Answers {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answers) = under_way.get(&key) {
            return answers.clone();
        }
        let (sender, answers) = watch::channel(None);
        under_way.insert(key.clone(), answers.clone());
        let entry = Entry { key, of: self.clone() };
        let done = async move {
            let answer = work.await;
            // First removed: who comes later finds the end in the store.
            drop(entry);
            drop(sender.send(Some(answer)));
        };
        actix_web::rt::spawn(done.in_current_span());
        answers
    }
}
