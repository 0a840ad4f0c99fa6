//! A simulated FatSecret Platform API, after <https://platform.fatsecret.com/docs/guides>.

mod days;
mod diary;
mod generate;
mod oauth;
mod render;
mod rest;
mod weight;

use serde_json::{Value, json};

use crate::accounts::Account;
use crate::call::{Answer, Call, Params};
use crate::collection::Item;
use crate::limits::{Limit, LimitedBy, Limits};
use crate::oauth1;
use crate::partner::{App, Consent, Desk, Paths, State, Wire};
use crate::rng::Rng;
use crate::tokens::Lifetimes;

/// Entries of the food diary.
const ENTRIES: &str = "food_entries";
/// Weights, one a day.
const WEIGHTS: &str = "weights";

const REQUEST_TOKEN: &str = "/oauth/request_token";
const ACCESS_TOKEN: &str = "/oauth/access_token";

/// The partner.
#[derive(Debug)]
pub(crate) struct FatSecret;

impl Wire for FatSecret {
    fn name(&self) -> &'static str {
        "fatsecret"
    }

    fn title(&self) -> &'static str {
        "FatSecret"
    }

    fn paths(&self) -> Paths {
        // There is no call that ends a consent.
        Paths {
            request_token: Some(REQUEST_TOKEN),
            authorize: "/oauth/authorize",
            token: ACCESS_TOKEN,
            revoke: None,
        }
    }

    fn lifetimes(&self) -> Lifetimes {
        // No expiry, no refresh.
        Lifetimes { access: None, refresh: None, replaced_refresh: Some(0) }
    }

    fn limits(&self) -> Limits {
        // The basic edition.
        Limits { app: Some(Limit { calls: 5_000, seconds: 86_400 }), ..Limits::none() }
    }

    fn scopes(&self) -> &'static [&'static str] {
        &[]
    }

    fn consent(&self, _: &App, _: &Params) -> Result<Consent, String> {
        Err("The request token is not known.".to_owned())
    }

    fn consent_in(&self, state: &State, _: &App, query: &Params) -> Result<Consent, String> {
        oauth::consent(state, query)
    }

    fn decided(
        &self,
        state: &mut State,
        _now: i64,
        query: &Params,
        consent: &Consent,
        account: Option<usize>,
    ) -> Answer {
        oauth::decided(state, query, consent, account)
    }

    fn route(&self, path: &str) -> &'static str {
        match path {
            REQUEST_TOKEN => REQUEST_TOKEN,
            ACCESS_TOKEN => ACCESS_TOKEN,
            _ => rest::route(path),
        }
    }

    fn caller(&self, call: &Call<'_>, state: &State) -> Option<usize> {
        let token = oauth1::shown_token(call)?;
        state.tokens.owner(&token).or_else(|| state.signed.owner(&token))
    }

    fn answer(&self, desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
        match call.path {
            REQUEST_TOKEN => oauth::request_token(desk, call),
            ACCESS_TOKEN => oauth::access_token(desk, call),
            _ => rest::answer(desk, call),
        }
    }

    fn limited(&self, by: LimitedBy, _wait_us: u64) -> Answer {
        // Errors of limits have no status, no header and no wait.
        let (code, message) = match by {
            LimitedBy::App => (11, "Application request limit reached"),
            LimitedBy::Account => (12, "User is performing too many actions"),
        };
        Answer::json(200, &json!({"error": {"code": code, "message": message}}))
    }

    fn error(&self, status: Option<u16>, body: &Value) -> Answer {
        Answer::json(status.unwrap_or(200), body)
    }

    fn resources(&self) -> &'static [&'static str] {
        &[ENTRIES, WEIGHTS]
    }

    fn percent_per_day(&self, resource: &str) -> u64 {
        if resource == ENTRIES { 280 } else { 45 }
    }

    fn make(&self, resource: &str, account: &mut Account, at: i64) -> Vec<Value> {
        if resource == ENTRIES {
            vec![generate::entry(account, at)]
        } else {
            vec![generate::weight(account, at)]
        }
    }

    fn oddities(
        &self,
        account: &mut Account,
        first: i64,
        now: i64,
    ) -> Vec<(&'static str, i64, Value)> {
        let made = generate::oddities(account, first, now);
        made.into_iter().map(|value| (ENTRIES, first + 60, value)).collect()
    }

    fn file(
        &self,
        resource: &str,
        account: &mut Account,
        mut value: Value,
        stored_at: i64,
    ) -> Item {
        let today = days::of(stored_at, account.zone);
        let day = days::number(&value, "date_int").unwrap_or(today);
        let id = if resource == WEIGHTS {
            // One weight per day: the later one replaces the earlier one.
            account.collection_mut(WEIGHTS).remove(day, stored_at);
            day
        } else {
            days::number(&value, "food_entry_id").unwrap_or_else(|| account.new_id())
        };
        if let Some(fields) = value.as_object_mut() {
            fields.entry("date_int").or_insert_with(|| json!(day.to_string()));
            if resource == ENTRIES {
                fields.entry("food_entry_id").or_insert_with(|| json!(id.to_string()));
            }
        }
        Item { id, time: days::start(day), modified: stored_at, value }
    }

    fn refile(&self, resource: &str, item: &mut Item, now: i64) {
        if let Some(fields) = item.value.as_object_mut() {
            let id = if resource == ENTRIES { "food_entry_id" } else { "date_int" };
            fields.insert(id.to_owned(), json!(item.id.to_string()));
        }
        item.time = days::number(&item.value, "date_int").map_or(item.time, days::start);
        item.modified = now;
    }

    fn retouch(&self, resource: &str, value: &mut Value, rng: &mut Rng) {
        generate::retouch(resource, value, rng);
    }
}
