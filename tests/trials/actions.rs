//! What users and the host app do while the daemon lives.

use std::time::Instant;

use partner_sandbox::Control;
use reqwest::header::LOCATION;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::chance::Chance;
use crate::figures::Figures;
use crate::harness::HostApp;
use crate::people::{Entry, Person, record};

/// Calls a daemon that may be killed meanwhile.
pub(crate) async fn call(
    app: &HostApp,
    method: Method,
    path: &str,
    body: &Value,
) -> Option<(StatusCode, Value)> {
    let request = app.client.request(method, format!("{}{path}", app.address));
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = request.bearer_auth(&app.key).body(body).send().await.ok()?;
    let status = answer.status();
    let text = answer.bytes().await.ok()?;
    assert!(
        status.is_success() || status.is_server_error(),
        "{path}: {status} {}",
        String::from_utf8_lossy(&text)
    );
    Some((status, serde_json::from_slice(&text).unwrap_or(Value::Null)))
}

/// Whether a call did what it was to do.
fn is_done(answer: Option<&(StatusCode, Value)>) -> bool {
    answer.is_some_and(|(status, _)| status.is_success())
}

/// Connects a user at a partner; a later look shows whether it did.
pub(crate) async fn connect(app: &HostApp, user: &str, partner: &str) -> Option<()> {
    let path = format!("/v1/users/{user}/connections/{partner}/authorize");
    let (_, begun) = call(app, Method::POST, &path, &json!({})).await?;
    let url = begun["authorize_url"].as_str()?;
    let form = [("account", user), ("decision", "allow")];
    let back = app.client.post(url).form(&form).send().await.unwrap();
    let back = back.headers()[LOCATION].to_str().unwrap().to_owned();
    app.client.get(back).send().await.ok().map(drop)
}

/// Does things with pauses between them until that moment.
pub(crate) async fn act(
    app: &HostApp,
    control: &Control,
    people: &mut [Person],
    to_connect: &mut Vec<(String, &'static str)>,
    chance: &mut Chance,
    figures: &mut Figures,
    until: Instant,
) {
    while Instant::now() < until {
        if let Some((user, partner)) = to_connect.pop() {
            connect(app, &user, partner).await;
            continue;
        }
        let number = chance.below(people.len());
        let person = &mut people[number];
        let began = Instant::now();
        let is_write = 0..65;
        let action = chance.below(100);
        match action {
            0..40 => add(app, person, chance, figures).await,
            40..55 => replace(app, person, chance, figures).await,
            55..65 => delete(app, person, chance, figures).await,
            65..90 => {
                let partner = chance.pick(person.partners).copied().unwrap();
                person.types_in(control, partner);
                figures.typed_in += 1;
            }
            _ => {
                let path = format!("/v1/users/{}/sync", person.name);
                call(app, Method::POST, &path, &Value::Null).await;
            }
        }
        if is_write.contains(&action) {
            figures.slowest_write = figures.slowest_write.max(began.elapsed());
        }
        tokio::time::sleep(chance.milliseconds(10, 70)).await;
    }
}

fn counts(figures: &mut Figures, is_done: bool, changes: u64) {
    *(if is_done { &mut figures.acknowledged } else { &mut figures.cut }) += changes;
}

async fn add(app: &HostApp, person: &mut Person, chance: &mut Chance, figures: &mut Figures) {
    let new: Vec<(i64, i64)> = (0..=chance.below(3)).map(|_| person.next()).collect();
    let records: Vec<Value> = new
        .iter()
        .map(|(at, grams)| {
            let mut record = record(*at, *grams);
            record["app_id"] = json!(format!("w-{at}"));
            record
        })
        .collect();
    let path = format!("/v1/users/{}/records", person.name);
    let answer = call(app, Method::POST, &path, &json!({"records": records})).await;
    let is_done = is_done(answer.as_ref());
    counts(figures, is_done, new.len() as u64);
    for (number, (at, grams)) in new.into_iter().enumerate() {
        let entry = if is_done {
            let id = answer.as_ref().unwrap().1["records"][number]["id"].as_str().unwrap();
            Entry { may_be: vec![Some(grams)], id: Some(id.to_owned()) }
        } else {
            Entry { may_be: vec![None, Some(grams)], id: None }
        };
        person.entries.insert(at, entry);
    }
}

/// An own record of which is known what it is.
fn known(person: &Person, chance: &mut Chance) -> Option<(i64, i64, String)> {
    let known = person.entries.iter().filter_map(|(at, entry)| match entry.may_be[..] {
        [Some(grams)] => Some((*at, grams, entry.id.clone()?)),
        _ => None,
    });
    let known: Vec<_> = known.collect();
    chance.pick(&known).cloned()
}

async fn replace(app: &HostApp, person: &mut Person, chance: &mut Chance, figures: &mut Figures) {
    let Some((at, old, id)) = known(person, chance) else { return };
    let new = if old > 90_000 { old - 1_300 } else { old + 1_700 };
    let path = format!("/v1/users/{}/records/{id}", person.name);
    let answer = call(app, Method::PUT, &path, &record(at, new)).await;
    let is_done = is_done(answer.as_ref());
    counts(figures, is_done, 1);
    let may_be = if is_done { vec![Some(new)] } else { vec![Some(old), Some(new)] };
    person.entries.get_mut(&at).unwrap().may_be = may_be;
}

async fn delete(app: &HostApp, person: &mut Person, chance: &mut Chance, figures: &mut Figures) {
    let Some((at, old, id)) = known(person, chance) else { return };
    let path = format!("/v1/users/{}/records/{id}", person.name);
    let answer = call(app, Method::DELETE, &path, &Value::Null).await;
    let is_done = is_done(answer.as_ref());
    counts(figures, is_done, 1);
    let may_be = if is_done { vec![None] } else { vec![Some(old), None] };
    person.entries.get_mut(&at).unwrap().may_be = may_be;
}
