//! Calls that have arrived and are not answered yet.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::call::Call;

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// Turns a code into tokens.
    Exchange,
    /// Gets new tokens.
    Refresh,
    /// Reads data. Withings is read by POST as well.
    Read,
    /// Another method than GET, at an address that does not serve tokens.
    Write,
}

impl CallKind {
    pub(crate) fn of(call: &Call<'_>, is_for_tokens: bool) -> Self {
        match call.params.get("grant_type") {
            Some("refresh_token") if is_for_tokens => Self::Refresh,
            _ if is_for_tokens => Self::Exchange,
            _ if call.method == "GET" => Self::Read,
            _ => Self::Write,
        }
    }
}

/// How many calls of a kind are under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallUnderWay {
    /// What they are for.
    pub kind: CallKind,
    /// How many.
    pub calls: u32,
}

/// Calls under way at a partner, by kind.
#[derive(Debug, Default)]
pub(crate) struct CallsUnderWay(Arc<Mutex<HashMap<CallKind, u32>>>);

impl CallsUnderWay {
    pub(crate) fn list(&self) -> Vec<CallUnderWay> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let some = counts.iter().filter(|(_, calls)| **calls > 0);
        let mut list: Vec<_> =
            some.map(|(kind, calls)| CallUnderWay { kind: *kind, calls: *calls }).collect();
        list.sort_by_key(|it| it.kind);
        list
    }
}

/// One call under way, until it is dropped, however it ends.
pub(crate) struct UnderWay {
    kind: CallKind,
    of_partner: Arc<Mutex<HashMap<CallKind, u32>>>,
    of_account: Option<Arc<AtomicU32>>,
}

impl UnderWay {
    /// `most` is the most calls of one account so far.
    pub(crate) fn begin(
        all: &CallsUnderWay,
        kind: CallKind,
        of_account: Option<Arc<AtomicU32>>,
        most: &AtomicU32,
    ) -> Self {
        if let Some(count) = &of_account {
            let now = count.fetch_add(1, Ordering::Relaxed) + 1;
            most.fetch_max(now, Ordering::Relaxed);
        }
        let of_partner = Arc::clone(&all.0);
        *of_partner.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += 1;
        Self { kind, of_partner, of_account }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(count) = &self.of_account {
            count.fetch_sub(1, Ordering::Relaxed);
        }
        let mut counts = self.of_partner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.kind) {
            *count -= 1;
        }
    }
}
