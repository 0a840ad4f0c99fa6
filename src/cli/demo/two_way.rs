//! A weight on its way to a partner and back: typed in, edited, changed there, refused, deleted.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use partner_sandbox::Sandbox;
use reqwest::Method;
use serde_json::{Value, json};

use super::PEOPLE;
use super::host_app::HostApp;
use super::screen::{Screen, Style};
use crate::clock::{Clock, SystemClock};

/// What was done must arrive within this time.
const TIMEOUT: Duration = Duration::from_secs(120);

/// How long until the next look.
const LOOKS_EVERY: Duration = Duration::from_millis(50);

/// Heavier than any person: the daemon refuses it.
const TOO_HEAVY: u32 = 912;

/// The user whose weight it is, the host app, and what RunKeeper really has.
pub(super) struct Story<'a> {
    person: &'a str,
    host_app: &'a HostApp,
    sandbox: &'a Sandbox,
    screen: &'a mut Screen,
}

impl<'a> Story<'a> {
    pub(super) fn new(
        host_app: &'a HostApp,
        sandbox: &'a Sandbox,
        screen: &'a mut Screen,
    ) -> anyhow::Result<Self> {
        let person = *PEOPLE.first().context("there are no people")?;
        Ok(Self { person, host_app, sandbox, screen })
    }

    /// Everything in order.
    pub(super) async fn run(&mut self) -> anyhow::Result<()> {
        let person = self.person;
        let records = format!("/v1/users/{person}/records");
        let connection = format!("/v1/users/{person}/connections/runkeeper");
        self.screen.say("")?;
        let title = format!("{person} wants weights at RunKeeper, too");
        self.screen.say(&self.screen.paint(Style::Strong, &title))?;
        self.host_app.send(Method::PATCH, &connection, &json!({"push": {"weight": true}})).await?;

        let start = SystemClock::new().now().to_rfc3339();
        let own = json!({
            "app_id": "demo-1",
            "start": start,
            "measurement": {"type": "weight", "value": 71.3, "unit": "kg"},
        });
        let began = Instant::now();
        let added = self.host_app.send(Method::POST, &records, &json!({"records": [own]})).await?;
        let id = added.pointer("/records/0/id").and_then(Value::as_str).context("no record")?;
        let record = format!("{records}/{id}");
        let (item, _) = self.at_runkeeper(71.3, began, "typed").await?;
        self.step("typed", "types 71.3 kg into the app", "at RunKeeper", began)?;

        let began = Instant::now();
        let changed = json!({"start": start, "measurement": {"type": "weight", "value": 70.8}});
        self.host_app.send(Method::PUT, &record, &changed).await?;
        let (_, before) = self.at_runkeeper(70.8, began, "corrected").await?;
        self.step("edited", "corrects it to 70.8 kg", "corrected at RunKeeper", began)?;

        let began = Instant::now();
        self.sync("runkeeper").await?;
        let here = self.weights_here(70.8).await?;
        let arrived = format!("still one: {here} here, {before} there");
        if (here, before) != (1, 1) {
            bail!("one weight became {here} here and {before} at RunKeeper");
        }
        self.step("read_back", "syncs RunKeeper, which has it too", &arrived, began)?;

        let began = Instant::now();
        self.sandbox.control().edit(
            "runkeeper",
            person,
            "weight",
            item,
            &json!({"weight": 70.2}),
        )?;
        self.sync("runkeeper").await?;
        self.here(&record, 70.2, began).await?;
        self.step("changed_there", "changes it to 70.2 kg at RunKeeper", "changed here", began)?;

        let began = Instant::now();
        let reason = self.refused().await?;
        self.step(
            "refused",
            &format!("steps on a scale that says {TOO_HEAVY} kg"),
            "refused",
            began,
        )?;
        self.screen.say(&self.screen.paint(Style::Soft, &format!("    “{reason}”")))?;
        self.screen.event(&json!({"event": "refusal", "person": person, "reason": reason}))?;

        let began = Instant::now();
        self.host_app.delete(&record).await?;
        self.gone_at_runkeeper(item, began).await?;
        self.step("deleted", "deletes it in the app", "gone at RunKeeper", began)
    }

    fn step(
        &mut self,
        step: &str,
        does: &str,
        arrives: &str,
        began: Instant,
    ) -> anyhow::Result<()> {
        let seconds = began.elapsed().as_secs_f32();
        let (good, person) = (self.screen.paint(Style::Good, "✓"), self.person);
        let does = format!("{person} {does}");
        self.screen.say(&format!("  {good} {does:<39} {arrives}, {seconds:.1} s"))?;
        self.screen.event(&json!({
            "event": "step",
            "step": step,
            "person": person,
            "what": does,
            "arrived": arrives,
            "seconds": (f64::from(seconds) * 1000.0).round() / 1000.0,
        }))
    }

    /// What RunKeeper has of the user's weights.
    fn items(&self) -> anyhow::Result<Vec<Value>> {
        Ok(self.sandbox.control().items("runkeeper", self.person, "weight")?)
    }

    /// Waits until RunKeeper has that weight; its id there, and how often it is there.
    async fn at_runkeeper(
        &self,
        kilograms: f64,
        began: Instant,
        what: &str,
    ) -> anyhow::Result<(i64, usize)> {
        loop {
            let items = self.items()?;
            let same: Vec<_> = items.iter().filter(|item| is_weight(item, kilograms)).collect();
            if let Some(id) = same.first().and_then(|item| id_of(item)) {
                return Ok((id, same.len()));
            }
            wait(began, &format!("the weight was not {what} at RunKeeper")).await?;
        }
    }

    async fn gone_at_runkeeper(&self, id: i64, began: Instant) -> anyhow::Result<()> {
        while self.items()?.iter().any(|item| id_of(item) == Some(id)) {
            wait(began, "the weight was not deleted at RunKeeper").await?;
        }
        Ok(())
    }

    /// Waits until the record has that value.
    async fn here(&self, record: &str, kilograms: f64, began: Instant) -> anyhow::Result<()> {
        let value = |detail: &Value| {
            let found = detail.pointer("/record/measurement/value");
            found.or_else(|| detail.pointer("/measurement/value")).and_then(Value::as_f64)
        };
        while value(&self.host_app.get(record).await?) != Some(kilograms) {
            wait(began, "the change at RunKeeper did not arrive").await?;
        }
        Ok(())
    }

    /// How many weights of that value the user has here.
    async fn weights_here(&self, kilograms: f64) -> anyhow::Result<usize> {
        let since = SystemClock::new().now() - chrono::TimeDelta::hours(1);
        let since = since.format("%Y-%m-%dT%H:%M:%SZ");
        let path = format!("/v1/users/{}/records?type=weight&limit=1000&from={since}", self.person);
        let page = self.host_app.get(&path).await?;
        let records = page.get("records").and_then(Value::as_array).cloned().unwrap_or_default();
        let same = |record: &&Value| {
            record.pointer("/measurement/value").and_then(Value::as_f64) == Some(kilograms)
        };
        Ok(records.iter().filter(same).count())
    }

    /// Has the scale say something impossible, and returns what the timeline says of it.
    async fn refused(&self) -> anyhow::Result<String> {
        let item = json!({
            "attrib": 0,
            "date": self.sandbox.control().now() - 60,
            "category": 1,
            "deviceid": "scale-1",
            "measures": [{"value": TOO_HEAVY * 1000, "type": 1, "unit": -3}],
        });
        self.sandbox.control().append("withings", self.person, "measure", vec![item])?;
        let began = Instant::now();
        loop {
            let answer = self.sync("withings").await?;
            // `measure: 1 refused (first refused: 17:weight, weight is out of any human range)`
            let summary = answer.pointer("/syncs/0/summary").and_then(Value::as_str);
            let first = summary.and_then(|summary| summary.split_once("first refused: "));
            if let Some((_, reason)) = first {
                let reason = reason.split(';').next().unwrap_or(reason);
                let reason = reason.strip_suffix(')').unwrap_or(reason);
                return Ok(reason.split_once(", ").map_or(reason, |(_, why)| why).to_owned());
            }
            wait(began, &format!("the scale's weight was not refused ({answer})")).await?;
        }
    }

    async fn sync(&self, partner: &str) -> anyhow::Result<Value> {
        let path = format!("/v1/users/{}/connections/{partner}/sync?wait=30s", self.person);
        self.host_app.send(Method::POST, &path, &Value::Null).await
    }
}

fn is_weight(item: &Value, kilograms: f64) -> bool {
    let found = item.get("weight").and_then(Value::as_f64);
    found.is_some_and(|weight| (weight - kilograms).abs() < 0.005)
}

/// The id at the end of an item's address (`/weight/17`).
fn id_of(item: &Value) -> Option<i64> {
    item.get("uri").and_then(Value::as_str)?.rsplit('/').next()?.parse().ok()
}

async fn wait(began: Instant, otherwise: &str) -> anyhow::Result<()> {
    if began.elapsed() > TIMEOUT {
        bail!("{otherwise} within {} s", TIMEOUT.as_secs());
    }
    tokio::time::sleep(LOOKS_EVERY).await;
    Ok(())
}
