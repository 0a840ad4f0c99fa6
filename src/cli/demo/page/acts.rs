//! What the buttons do at the simulated partners.

use std::time::{Duration, Instant};

use anyhow::Context;
use partner_sandbox::{Fault, FaultOn, FaultRule};
use serde_json::json;

use super::Page;
use super::board::Journey;
use super::watch::{is_same, weights_at_runkeeper, weights_at_withings};
use crate::clock::Clock;

/// How long a weight is waited for at the other partner.
const TIMEOUT: Duration = Duration::from_secs(600);

/// How long until the next look, at first and later.
const LOOKS_EVERY: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(200)];

/// Whoever has no weight yet begins with this one.
const FIRST_WEIGHT: f64 = 72.4;

/// What is heavier was a mistake of the scale.
const HEAVIEST: f64 = 300.0;

impl Page {
    /// Has a person step on the scale.
    pub(super) fn step_on(self: &std::sync::Arc<Self>, person: &str) -> anyhow::Result<()> {
        let account = self.account(person, "withings").context("this person has no scale")?;
        let there = self.account(person, "runkeeper");
        let weights = weights_at_withings(&self.control, &account);
        let possible = |kilograms: &f64| *kilograms < HEAVIEST;
        let newest = weights.into_iter().map(|weight| weight.kilograms).find(possible);
        // Up and down by turns, so that each step is another weight and nobody drifts away.
        let turn = self.turn();
        let change = f64::from(turn % 5 + 2) * if turn.is_multiple_of(2) { 1.0 } else { -1.0 };
        // In hundreds of grams, as scales show it.
        let shown = (newest.unwrap_or(FIRST_WEIGHT) * 10.0 + change).round();
        let kilograms = shown / 10.0;
        let item = json!({
            "attrib": 0,
            "date": self.control.now(),
            "category": 1,
            "deviceid": "scale-1",
            "measures": [{"value": shown as i64, "type": 1, "unit": -1}],
        });
        let before = match &there {
            Some(account) => self.same_at_runkeeper(account, kilograms),
            None => 0,
        };
        let (at, began) = (self.board.now(), Instant::now());
        self.board.change(|scene| {
            scene.journey = Some(Journey {
                person: person.to_owned(),
                kilograms,
                at,
                stored_ms: None,
                heard_ms: None,
                arrived_ms: None,
            });
        });
        self.control.append("withings", &account, "measure", vec![item])?;
        if let Some(there) = there {
            let page = self.clone();
            actix_rt::spawn(async move {
                page.follow(&there, kilograms, before, at, began).await;
            });
        }
        Ok(())
    }

    fn same_at_runkeeper(&self, account: &str, kilograms: f64) -> usize {
        let weights = weights_at_runkeeper(&self.control, account);
        weights.into_iter().filter(|weight| is_same(*weight, kilograms)).count()
    }

    /// Waits until RunKeeper has the weight, or another one is on its way.
    async fn follow(
        &self,
        account: &str,
        kilograms: f64,
        before: usize,
        at: chrono::DateTime<chrono::Utc>,
        began: Instant,
    ) {
        while began.elapsed() < TIMEOUT && !self.stop.is_cancelled() {
            let is_there = self.same_at_runkeeper(account, kilograms) > before;
            let after = u64::try_from(began.elapsed().as_millis()).unwrap_or_default();
            let is_mine = self.board.scene().journey.is_some_and(|journey| journey.at == at);
            if !is_mine {
                return;
            }
            if is_there {
                self.board.change(|scene| {
                    if let Some(journey) = &mut scene.journey {
                        journey.arrived_ms = Some(after);
                    }
                });
                return;
            }
            let [quick, slow] = LOOKS_EVERY;
            tokio::time::sleep(if after < 3_000 { quick } else { slow }).await;
        }
    }

    /// Has a partner answer every call with 503.
    pub(super) fn take_down(&self, partner: &str) -> anyhow::Result<()> {
        if self.down(partner)?.is_some() {
            return Ok(());
        }
        let body = "The service is temporarily unavailable.".to_owned();
        let fault = Fault::Status { status: 503, body, content_type: None, retry_after: None };
        let rule = FaultRule { on: FaultOn::default(), times: None, skip: 0, fault };
        let id = self.control.add_fault(partner, rule)?;
        self.downs().insert(partner.to_owned(), (id, self.clock.now()));
        Ok(())
    }

    /// Has it answer again.
    pub(super) fn bring_up(&self, partner: &str) -> anyhow::Result<()> {
        if self.down(partner)?.is_some()
            && let Some((id, _)) = self.downs().remove(partner)
        {
            self.control.remove_fault(partner, id)?;
        }
        Ok(())
    }
}
