//! What is uploaded or deleted long after it happened is found: by a sync that a person asks for, and
//! by scheduled ones within a day.

use std::time::Duration;

use chrono::TimeDelta;

use super::{PartnerFixture, item_of};
use crate::harness::eventually;
use crate::partners::{Known, Resource};

/// What is found within a day, although polls are an hour apart.
const ALMOST_A_DAY: Duration = Duration::from_secs(23 * 3_600);

/// How many days ago the items are, as far back as the README says of this partner: one that is
/// there from the start, and two that come late.
fn ages(known: &Known, resource: &Resource) -> (i64, [i64; 2]) {
    match (known.name, resource.name) {
        ("fitbit", "foods") => (13, [5, 9]),
        _ => (60, [45, 20]),
    }
}

impl PartnerFixture {
    /// Adds an item of yesterday and an old one to each list, and syncs them.
    async fn with_two_items(known: &'static Known) -> Self {
        let fixture = Self::new(known, "UTC", 0).await;
        for resource in known.resources {
            for age in [1, ages(known, resource).0] {
                fixture.append(resource, fixture.ago(TimeDelta::days(age)));
            }
        }
        fixture.connect().await;
        fixture.sync_ok().await;
        assert!(fixture.shows(&[]).await, "{:?}", fixture.records().await);
        fixture
    }

    /// Adds the late items; returns their simulator ids, by resource, and the prefixes of their
    /// record ids.
    fn append_late(&self) -> (Vec<(&'static str, i64)>, Vec<String>) {
        let (mut ids, mut sources) = (Vec::new(), Vec::new());
        for resource in self.known.resources {
            for age in ages(self.known, resource).1 {
                let (id, source) = self.append(resource, self.ago(TimeDelta::days(age)));
                ids.push((resource.name, id));
                sources.push(source);
            }
        }
        (ids, sources)
    }

    /// Waits until no sync is under way: time may pass only then.
    async fn is_idle(&self) {
        let is_idle = async || self.daemon.actor(self.known.name).await["sessions_busy"] == 0;
        assert!(eventually(is_idle).await, "{}", self.daemon.actor(self.known.name).await);
    }

    fn delete_all(&self, items: &[(&'static str, i64)]) {
        for (resource, id) in items {
            self.control.delete(self.known.name, "ann", resource, *id).unwrap();
        }
    }

    /// Whether the records are those of the first items and of `late` ones.
    async fn shows(&self, late: &[String]) -> bool {
        let mut found: Vec<String> = self.records().await.iter().map(item_of).collect();
        found.sort();
        found.dedup();
        let all_late = late.iter().all(|source| found.contains(source));
        all_late && found.len() == 2 * self.known.resources.len() + late.len()
    }
}

pub(super) async fn are_made_when_asked_for(known: &'static Known) {
    let mut fixture = PartnerFixture::with_two_items(known).await;
    let (ids, late) = fixture.append_late();
    fixture.sync_ok().await;
    assert!(fixture.shows(&late).await, "{late:?}: {:?}", fixture.records().await);

    fixture.delete_all(&ids);
    fixture.sync_ok().await;
    // If more is gone than is left, that is believed a minute later.
    let sandbox = &fixture.sandbox;
    fixture.daemon.let_pass(sandbox, Duration::from_secs(70));
    fixture.sync_ok().await;
    assert!(fixture.shows(&[]).await, "{:?}", fixture.records().await);
}

pub(super) async fn are_made_daily(known: &'static Known) {
    let mut fixture = PartnerFixture::with_two_items(known).await;
    let (ids, late) = fixture.append_late();
    fixture.is_idle().await;
    fixture.daemon.let_pass(&fixture.sandbox, ALMOST_A_DAY);
    let came = eventually(async || fixture.shows(&late).await);
    assert!(came.await, "{late:?}: {:?}", fixture.records().await);

    fixture.is_idle().await;
    fixture.delete_all(&ids);
    fixture.daemon.let_pass(&fixture.sandbox, ALMOST_A_DAY);
    // If more is gone than is left, that is believed with the next poll.
    let mut is_gone = false;
    for _ in 0..6 {
        is_gone = eventually_soon(&fixture).await;
        if is_gone {
            break;
        }
        fixture.is_idle().await;
        fixture.daemon.let_pass(&fixture.sandbox, Duration::from_secs(400));
    }
    assert!(is_gone, "{:?}", fixture.app().timeline("ann").await);
}

async fn eventually_soon(fixture: &PartnerFixture) -> bool {
    for _ in 0..10 {
        if fixture.shows(&[]).await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    false
}
