//! The link that signs a browser in: once, and within minutes.
//!
//! There is one, in the memory of the demo. `serve` has no such link: this module is a part of the demo.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::vault::secret_digest;

/// How long it can be used.
pub(in crate::cli::demo) const LASTS: TimeDelta = TimeDelta::minutes(15);

/// The only ticket: its digest, and when it ends.
#[derive(Default)]
pub(super) struct Ticket(Mutex<Option<(Vec<u8>, DateTime<Utc>)>>);

impl Ticket {
    /// Makes a ticket; the one before is not valid any more.
    pub(super) fn issue(&self, now: DateTime<Utc>) -> String {
        let ticket = Uuid::new_v4().simple().to_string();
        let kept = Some((secret_digest(&ticket), now + LASTS));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        ticket
    }

    /// Whether this is the ticket; then it is used up.
    pub(super) fn take(&self, ticket: &str, now: DateTime<Utc>) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = kept.as_ref().is_some_and(|(digest, ends)| {
            now < *ends && bool::from(digest.ct_eq(&secret_digest(ticket)))
        });
        if is_it {
            *kept = None;
        }
        is_it
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_once_and_for_minutes() {
        let (tickets, now) = (Ticket::default(), DateTime::UNIX_EPOCH);
        assert!(!tickets.take("", now), "before there is one");
        let ticket = tickets.issue(now);
        assert!(!tickets.take("another", now), "another one");
        assert!(tickets.take(&ticket, now + LASTS - TimeDelta::seconds(1)));
        assert!(!tickets.take(&ticket, now), "a second time");
        let (old, new) = (tickets.issue(now), tickets.issue(now));
        assert!(!tickets.take(&old, now), "one before");
        assert!(!tickets.take(&new, now + LASTS), "too late");
    }
}
