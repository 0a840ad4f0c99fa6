//! A record of the host app on its way to a partner.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use reqwest::Method;
use serde_json::{Value, json};

use super::PEOPLE;
use super::host_app::HostApp;
use crate::clock::{Clock, SystemClock};

/// What was typed in must arrive within this time.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A user types in a weight, and it arrives at RunKeeper.
pub(super) async fn show(host_app: &HostApp) -> anyhow::Result<()> {
    let person = PEOPLE.first().context("there are no people")?;
    let connection = format!("/v1/users/{person}/connections/runkeeper");
    host_app.send(Method::PATCH, &connection, &json!({"push": {"weight": true}})).await?;
    let record = json!({
        "app_id": "demo-1",
        "start": SystemClock::new().now().to_rfc3339(),
        "measurement": {"type": "weight", "value": 71.3, "unit": "kg"},
    });
    let began = Instant::now();
    let path = format!("/v1/users/{person}/records");
    let added = host_app.send(Method::POST, &path, &json!({"records": [record]})).await?;
    let id = added.pointer("/records/0/id").and_then(Value::as_str).context("no record")?;
    println!("\n{person} types a weight into the host app, and wants weights at RunKeeper, too:");
    loop {
        let detail = host_app.get(&format!("{path}/{id}")).await?;
        let links = detail.get("partners").and_then(Value::as_array).cloned().unwrap_or_default();
        let there = links.iter().find(|link| link.get("state") == Some(&json!("in_step")));
        if let Some(there) = there {
            let external_id = there.get("external_id").and_then(Value::as_str).unwrap_or_default();
            let seconds = began.elapsed().as_secs_f32();
            println!("  after {seconds:.1} s it is there as {external_id}");
            return Ok(());
        }
        if began.elapsed() > TIMEOUT {
            bail!("the weight did not reach RunKeeper within {} s: {links:?}", TIMEOUT.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
