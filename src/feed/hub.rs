//! Who listens, and to whom what is handed.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::sync::Notify;

use super::{Batch, Event};
use crate::model::UserId;

/// The most batches in a listener's queue …
const MAX_BATCHES: usize = 16;

/// … and the most bytes. All queues share the same bytes.
const MAX_BYTES: usize = 1 << 20;

/// All listeners.
#[derive(Debug, Default)]
pub struct Hub {
    listeners: Mutex<Listeners>,
    /// Somebody came while nobody listened.
    first_came: Notify,
}

#[derive(Debug, Default)]
struct Listeners {
    /// Up to where changes were handed out; of no use while nobody listens.
    handed_to: i64,
    /// The number of the listener that came last.
    last: u64,
    everything: HashMap<u64, Arc<Mailbox>>,
    of_users: HashMap<UserId, Vec<(u64, Arc<Mailbox>)>>,
    is_closed: bool,
}

impl Listeners {
    fn is_empty(&self) -> bool {
        self.everything.is_empty() && self.of_users.is_empty()
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Mailbox>> {
        let of_users = self.of_users.values().flatten().map(|(_, mailbox)| mailbox);
        self.everything.values().chain(of_users)
    }
}

/// Where a listener's changes wait.
#[derive(Debug, Default)]
struct Mailbox {
    queue: Mutex<Queue>,
    /// Whether it counts among those of its user that are bounded.
    is_bounded: bool,
}

#[derive(Debug, Default)]
struct Queue {
    batches: VecDeque<Arc<Batch>>,
    bytes: usize,
    /// Whether something was not put here, and must be read from the database.
    is_behind: bool,
    is_closed: bool,
    waker: Option<Waker>,
}

impl Mailbox {
    /// Changes the queue and wakes the listener.
    fn change(&self, change: impl FnOnce(&mut Queue)) {
        let mut queue = locked(&self.queue);
        change(&mut queue);
        let waker = queue.waker.take();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn put(&self, batch: &Arc<Batch>) {
        self.change(|queue| {
            let is_full = queue.batches.len() >= MAX_BATCHES
                || queue.bytes.saturating_add(batch.size()) > MAX_BYTES;
            if queue.is_behind || (is_full && !queue.batches.is_empty()) {
                queue.fall_behind();
            } else {
                queue.bytes += batch.size();
                queue.batches.push_back(Arc::clone(batch));
            }
        });
    }
}

impl Queue {
    fn fall_behind(&mut self) {
        self.is_behind = true;
        self.bytes = 0;
        self.batches = VecDeque::new();
    }
}

/// Why nobody can listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotNow {
    /// The hub is closed.
    Closed,
    /// As many as may listen to that user.
    Full,
}

/// What the one reader starts a read with.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// The number after which to read.
    pub after: i64,
    /// Who came later may not have been thought of.
    last: u64,
}

impl Hub {
    /// Adds a listener to the changes of all users, or of one, that goes on after `position`. `end` was
    /// the end of the feed a moment ago. With `most`, no more than that many listen to the user at the
    /// same time who came with a bound.
    ///
    /// # Errors
    /// When the hub is closed, or that many listen already.
    pub fn listen(
        self: &Arc<Self>,
        user: Option<UserId>,
        position: i64,
        end: i64,
        most: Option<usize>,
    ) -> Result<Listener, NotNow> {
        let mut listeners = locked(&self.listeners);
        if listeners.is_closed {
            return Err(NotNow::Closed);
        }
        if let (Some(user), Some(most)) = (&user, most) {
            let of_user = listeners.of_users.get(user).into_iter().flatten();
            if of_user.filter(|(_, mailbox)| mailbox.is_bounded).count() >= most {
                return Err(NotNow::Full);
            }
        }
        if listeners.is_empty() {
            // Nobody has needed what came since.
            listeners.handed_to = end.max(listeners.handed_to);
            self.first_came.notify_one();
        }
        let is_behind = position < listeners.handed_to;
        let queue = Mutex::new(Queue { is_behind, ..Queue::default() });
        let mailbox = Arc::new(Mailbox { queue, is_bounded: most.is_some() });
        listeners.last += 1;
        let number = listeners.last;
        match &user {
            None => drop(listeners.everything.insert(number, Arc::clone(&mailbox))),
            Some(user) => {
                let of_user = listeners.of_users.entry(user.clone()).or_default();
                of_user.push((number, Arc::clone(&mailbox)));
            }
        }
        drop(listeners);
        Ok(Listener { hub: Arc::clone(self), number, user, mailbox, position })
    }

    /// Begins a read of new changes, as soon as somebody listens.
    pub async fn reading(&self) -> Reading {
        loop {
            let came = self.first_came.notified();
            match self.try_reading() {
                Some(reading) => return reading,
                None => came.await,
            }
        }
    }

    /// The same, if somebody listens now.
    pub fn try_reading(&self) -> Option<Reading> {
        let listeners = locked(&self.listeners);
        let reading = Reading { after: listeners.handed_to, last: listeners.last };
        (!listeners.is_empty()).then_some(reading)
    }

    /// Whether anybody gets changes of that user.
    pub fn wants(&self, user: &UserId) -> bool {
        let listeners = locked(&self.listeners);
        !listeners.everything.is_empty() || listeners.of_users.contains_key(user)
    }

    /// How many listen.
    pub fn count(&self) -> usize {
        locked(&self.listeners).all().count()
    }

    /// Hands out what was read up to the number `to`. Returns to how many; `None` if those for whom it was
    /// read have left: others listen from another place, and what they need is not read yet.
    pub fn hand_out(&self, reading: Reading, to: i64, events: &[Event]) -> Option<usize> {
        let mut of_users: HashMap<&UserId, Vec<&Event>> = HashMap::new();
        for event in events {
            of_users.entry(&event.user).or_default().push(event);
        }
        let mut listeners = locked(&self.listeners);
        if listeners.handed_to != reading.after {
            return None;
        }
        listeners.handed_to = to;
        let mut handed: Vec<(Option<Arc<Batch>>, Arc<Mailbox>)> = Vec::new();
        let mut hand = |number: u64, mailbox: &Arc<Mailbox>, batch: &Option<Arc<Batch>>| {
            // Who came after the read began may miss what nobody had wanted until then.
            let batch = if number > reading.last { None } else { batch.clone() };
            handed.push((batch, Arc::clone(mailbox)));
        };
        if !listeners.everything.is_empty() {
            let all: Vec<&Event> = events.iter().collect();
            let batch = Batch::of(&all).map(Arc::new);
            let wanted = listeners.everything.iter();
            let wanted = wanted.filter(|(number, _)| batch.is_some() || **number > reading.last);
            wanted.for_each(|(number, mailbox)| hand(*number, mailbox, &batch));
        }
        for (user, events) in of_users {
            let Some(mailboxes) = listeners.of_users.get(user) else { continue };
            let batch = Batch::of(&events).map(Arc::new);
            mailboxes.iter().for_each(|(number, mailbox)| hand(*number, mailbox, &batch));
        }
        // The changes of whoever came after the read began may not be among those events.
        for (_, mailboxes) in listeners.of_users.iter().filter(|_| listeners.last > reading.last) {
            let late = mailboxes.iter().filter(|(number, _)| *number > reading.last);
            late.for_each(|(number, mailbox)| hand(*number, mailbox, &None));
        }
        drop(listeners);
        for (batch, mailbox) in &handed {
            match batch {
                Some(batch) => mailbox.put(batch),
                None => mailbox.change(Queue::fall_behind),
            }
        }
        Some(handed.len())
    }

    /// Hands out nothing up to the number `to`: all who listen read it for themselves. What cannot be
    /// encoded then concerns only those whose it is.
    pub fn pass_over(&self, reading: Reading, to: i64) {
        let mut listeners = locked(&self.listeners);
        if listeners.handed_to != reading.after {
            return;
        }
        listeners.handed_to = to;
        let mailboxes: Vec<_> = listeners.all().cloned().collect();
        drop(listeners);
        mailboxes.iter().for_each(|mailbox| mailbox.change(Queue::fall_behind));
    }

    /// Ends all streams, and begins no other.
    pub fn close(&self) {
        let mut listeners = locked(&self.listeners);
        listeners.is_closed = true;
        let mailboxes: Vec<_> = listeners.all().cloned().collect();
        drop(listeners);
        mailboxes.iter().for_each(|mailbox| mailbox.change(|queue| queue.is_closed = true));
    }
}

/// One who listens. Leaves when dropped.
#[derive(Debug)]
pub struct Listener {
    hub: Arc<Hub>,
    number: u64,
    user: Option<UserId>,
    mailbox: Arc<Mailbox>,
    position: i64,
}

/// What comes next for a listener.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// To send this.
    Text(Bytes),
    /// To read from the database what comes after its position, and then to ask again.
    Read,
    /// Nothing more.
    End,
}

impl Listener {
    /// What comes next.
    pub fn poll_next(&mut self, context: &Context<'_>) -> Poll<Next> {
        let mut queue = locked(&self.mailbox.queue);
        if queue.is_closed {
            return Poll::Ready(Next::End);
        }
        if std::mem::take(&mut queue.is_behind) {
            return Poll::Ready(Next::Read);
        }
        while let Some(batch) = queue.batches.pop_front() {
            queue.bytes = queue.bytes.saturating_sub(batch.size());
            if let Some(text) = batch.after(self.position) {
                self.position = batch.last();
                return Poll::Ready(Next::Text(text));
            }
        }
        queue.batches.shrink_to_fit();
        queue.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// The number of the last change it got.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// Whose changes it gets, if not those of all.
    pub fn user(&self) -> Option<&UserId> {
        self.user.as_ref()
    }

    /// Notes that it has read up to there. With `more` it reads again before it gets anything else.
    pub fn has_read(&mut self, to: i64, more: bool) {
        self.position = self.position.max(to);
        if more {
            locked(&self.mailbox.queue).fall_behind();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut listeners = locked(&self.hub.listeners);
        let Some(user) = &self.user else {
            listeners.everything.remove(&self.number);
            return;
        };
        if let Some(of_user) = listeners.of_users.get_mut(user) {
            of_user.retain(|(number, _)| *number != self.number);
            if of_user.is_empty() {
                listeners.of_users.remove(user);
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
