//! A host app that follows by webhook: it takes changes as they arrive and knows each message by its
//! id. It is often slow, fails, or hangs up.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use crate::harness::HostApp;
use crate::webhooks::receiver::{Receiver, Reply};
use crate::webhooks::subscribe;

/// How it answers.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Well,
    /// Takes its time.
    Slow,
    /// Answers now and then with a failure, or hangs up before or after it took the message.
    Unsteady,
    /// Answers nothing.
    Down,
}

/// See the module.
pub(super) struct Host {
    seed: u64,
    chance: StdRng,
    receiver: Receiver,
    mood: Arc<Mutex<Mood>>,
}

impl Host {
    pub(super) async fn begin(app: &HostApp, seed: u64) -> Self {
        let receiver = Receiver::start().await;
        subscribe(app, &receiver.url, &["*"]).await;
        let mood = Arc::new(Mutex::new(Mood::Well));
        let (current, answers) = (Arc::clone(&mood), Mutex::new(StdRng::seed_from_u64(!seed)));
        receiver.replies(move |_| {
            let (mood, mut chance) = (*current.lock().unwrap(), answers.lock().unwrap());
            let well = Reply::status(204);
            match mood {
                Mood::Well => well,
                Mood::Slow => well.after(Duration::from_millis(chance.random_range(50..800))),
                Mood::Down => Reply::status(0).lost(),
                Mood::Unsteady => match chance.random_range(0..6) {
                    0 => Reply::status(500),
                    1 => Reply::status(503),
                    2 => Reply::status(0).lost(),
                    3 => well.lost(),
                    _ => well,
                },
            }
        });
        Self { seed, chance: StdRng::seed_from_u64(seed), receiver, mood }
    }

    pub(super) fn changes_its_mood(&mut self) {
        let moods = [Mood::Well, Mood::Slow, Mood::Unsteady, Mood::Unsteady, Mood::Down];
        *self.mood.lock().unwrap() = moods[self.chance.random_range(0..moods.len())];
    }

    pub(super) fn recovers(&self) {
        *self.mood.lock().unwrap() = Mood::Well;
    }

    /// The changes of a user that were taken, each once. A message that was refused together with other
    /// users' comes again in parts, under new ids.
    fn taken(&self, user: &str) -> Vec<Value> {
        let mut seen = HashSet::new();
        let changes = self.receiver.taken().into_iter().flat_map(|message| message.changes());
        let of_user =
            changes.filter(|change| user_of(change) == user && change["cursor"].is_string());
        of_user.filter(|change| seen.insert(cursor(change).to_owned())).collect()
    }

    /// What it got and took, in words.
    pub(super) fn figures(&self) -> String {
        let (got, taken) = (self.receiver.got().len(), self.receiver.taken().len());
        format!("webhooks sent {got} times, {taken} taken")
    }

    pub(super) fn has_all(&self, feed: &[Value]) -> bool {
        let users: HashSet<&str> = feed.iter().map(user_of).collect();
        let taken: usize = users.into_iter().map(|user| self.taken(user).len()).sum();
        taken >= feed.len()
    }

    /// What it took of a user is what the feed has, in the same order, and what it made of that is what
    /// the daemon has.
    pub(super) fn agrees(&self, user: &str, records: &[Value], feed: &[Value]) {
        let (seed, taken) = (self.seed, self.taken(user));
        let of_user = feed.iter().filter(|change| user_of(change) == user);
        let expected: Vec<&str> = of_user.clone().map(cursor).collect();
        let cursors: Vec<&str> = taken.iter().map(cursor).collect();
        assert_eq!(cursors, expected, "seed {seed}: the webhooks of {user}");
        let known = as_known(records.iter());
        assert_eq!(followed(taken.iter()), known, "seed {seed}: {user}, by webhook");
        assert_eq!(followed(of_user), known, "seed {seed}: {user}, by the feed");
    }
}

fn user_of(change: &Value) -> &str {
    let places = [change, &change["record"], &change["connection"]];
    places.into_iter().find_map(|place| place["user_id"].as_str()).unwrap()
}

fn cursor(change: &Value) -> &str {
    change["cursor"].as_str().unwrap()
}

/// What is compared of records, by their id.
fn as_known<'a>(records: impl Iterator<Item = &'a Value>) -> BTreeMap<String, [Value; 3]> {
    let facts =
        |record: &Value| ["start", "measurement", "updated_at"].map(|it| record[it].clone());
    records.map(|record| (record["id"].as_str().unwrap().to_owned(), facts(record))).collect()
}

/// The records that are there after these changes, in their order.
fn followed<'a>(changes: impl Iterator<Item = &'a Value>) -> BTreeMap<String, [Value; 3]> {
    let mut known = BTreeMap::new();
    for record in changes.map(|change| &change["record"]).filter(|record| record.is_object()) {
        let id = record["id"].as_str().unwrap();
        if record["deleted"] == true {
            known.remove(id);
        } else {
            known.extend(as_known(std::iter::once(record)));
        }
    }
    known
}
