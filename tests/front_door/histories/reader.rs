//! A reader of the stream of all changes that is cut off at random moments and goes on after the last
//! change it read.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::harness::HostApp;
use crate::streams::client::Stream;

/// See the module.
pub(super) struct Reader {
    seed: u64,
    read: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Reader {
    /// Reads from here on.
    pub(super) async fn begin(app: &HostApp, seed: u64) -> Self {
        let start = Stream::open(app, PATH, None).await.start;
        let read = Arc::default();
        let task = tokio::spawn(follow(app.clone(), start, seed, Arc::clone(&read)));
        Self { seed, read, task }
    }

    pub(super) fn has_all(&self, feed: &[Value]) -> bool {
        self.read.lock().unwrap().len() >= feed.len()
    }

    /// It read each change of the feed once, in their order.
    pub(super) fn agrees(&self, feed: &[Value]) {
        let expected: Vec<&str> =
            feed.iter().map(|change| change["cursor"].as_str().unwrap()).collect();
        assert_eq!(*self.read.lock().unwrap(), expected, "seed {}: the stream", self.seed);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

const PATH: &str = "/v1/changes/stream";

async fn follow(app: HostApp, mut last: String, seed: u64, read: Arc<Mutex<Vec<String>>>) {
    let mut chance = StdRng::seed_from_u64(seed.rotate_left(32));
    loop {
        let patience = Duration::from_millis(chance.random_range(20..3_000));
        let reading = async {
            let Some(mut stream) = Stream::try_open(&app, PATH, Some(&last)).await else { return };
            while let Some(event) = stream.next().await {
                last.clone_from(&event.id);
                read.lock().unwrap().push(event.id);
            }
        };
        drop(tokio::time::timeout(patience, reading).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
