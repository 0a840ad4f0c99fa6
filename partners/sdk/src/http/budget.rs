//! How much of a partner's answers is held at once: bodies that are read, and pages that are made
//! of them until they are stored.
//!
//! The first part of a body is read as it comes. A longer one first gets room from what all calls to
//! the partner share, and waits, in the order of asking, while there is none. It gets room for the
//! longest body of its size and never asks for more while it holds what another one waits for:
//! medium before large, and who has large room waits for nothing. So no two bodies wait for each
//! other, and one that hangs gives its room back when its call has lasted too long.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The longest body that is read. A longer one is an error. Partners document pages of a few hundred
/// kilobytes; a partner that legitimately sends more needs more here.
pub(super) const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// What is read of a body without asking for room: most are not longer.
pub(super) const FREE: usize = 64 * 1024;

const MEDIUM: usize = 1024 * 1024;

/// How many bodies longer than [`FREE`] are held at once, and how many longer than [`MEDIUM`]:
/// together 40 MiB. A body is on its way in other
/// buffers as well: 60 that hang take some 100 MB in all.
const MEDIUM_BODIES: usize = 24;
const LARGE_BODIES: usize = 2;

/// The room for the bodies of one partner, shared by all its sessions.
#[derive(Clone, Debug)]
pub struct BodyBudget {
    medium: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl Default for BodyBudget {
    fn default() -> Self {
        let semaphore = |bodies| Arc::new(Semaphore::new(bodies));
        Self { medium: semaphore(MEDIUM_BODIES), large: semaphore(LARGE_BODIES) }
    }
}

/// The room that a session has for a body; given back when dropped.
#[derive(Debug, Default)]
pub(super) struct Room {
    medium: Option<OwnedSemaphorePermit>,
    large: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// How long a body may become without further room.
    pub(super) fn size(&self) -> usize {
        match (&self.medium, &self.large) {
            (_, Some(_)) => MAX_BODY_BYTES,
            (Some(_), None) => MEDIUM,
            (None, None) => FREE,
        }
    }

    /// Waits for room for a body of `bytes`.
    pub(super) async fn grow(&mut self, bytes: usize, budget: &BodyBudget) {
        if bytes > FREE && self.medium.is_none() {
            self.medium = take(&budget.medium).await;
        }
        if bytes > MEDIUM && self.large.is_none() {
            self.large = take(&budget.large).await;
        }
    }
}

async fn take(semaphore: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    // Fails only when it is closed, which nobody does.
    Arc::clone(semaphore).acquire_owned().await.ok()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn bodies_of_any_size_never_wait_for_each_other_and_are_bounded_together() {
        let (budget, held) = (BodyBudget::default(), Arc::new(AtomicUsize::new(0)));
        let bodies = (0..400).map(|body| {
            let (budget, held) = (budget.clone(), Arc::clone(&held));
            tokio::spawn(async move {
                let (mut room, mut length) = (Room::default(), 0);
                while length < MAX_BODY_BYTES {
                    length += FREE + body * 1_000;
                    let before = room.size();
                    if length.min(MAX_BODY_BYTES) > before {
                        room.grow(length, &budget).await;
                        let more = room.size() - if before == FREE { 0 } else { before };
                        let all = held.fetch_add(more, Ordering::Relaxed) + more;
                        assert!(all <= 40 * 1024 * 1024, "{all} bytes are held");
                    }
                    tokio::task::yield_now().await;
                }
                held.fetch_sub(room.size(), Ordering::Relaxed);
            })
        });
        for body in bodies.collect::<Vec<_>>() {
            let done = tokio::time::timeout(std::time::Duration::from_secs(20), body).await;
            done.expect("it waits for ever").unwrap();
        }
    }
}
