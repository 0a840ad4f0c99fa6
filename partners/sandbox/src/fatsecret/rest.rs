//! The two styles of calls: an address for each method, or one address and the method's name.

use std::ops::RangeInclusive;

use serde_json::json;

use super::{days, diary, oauth, render, weight};
use crate::accounts::Account;
use crate::call::{Answer, Call};
use crate::partner::Desk;
use crate::tokens::TokenStanding;

const CLASSIC: &str = "/rest/server.api";
const ENTRIES: &str = "/rest/food-entries/v2";
const ENTRIES_MONTH: &str = "/rest/food-entries/month/v1";
const WEIGHT_MONTH: &str = "/rest/weight/month/v2";
const PROFILE: &str = "/rest/profile/v1";

#[derive(Clone, Copy)]
enum Method {
    Entries,
    EntriesMonth,
    WeightMonth,
    WeightUpdate,
    Profile,
}

pub(super) fn route(path: &str) -> &'static str {
    let known = [CLASSIC, ENTRIES, ENTRIES_MONTH, WEIGHT_MONTH, PROFILE];
    known.into_iter().find(|known| *known == path).unwrap_or("other")
}

fn method(call: &Call<'_>) -> Option<Method> {
    Some(match call.path {
        ENTRIES => Method::Entries,
        ENTRIES_MONTH => Method::EntriesMonth,
        WEIGHT_MONTH => Method::WeightMonth,
        PROFILE => Method::Profile,
        _ => match call.params.get("method")? {
            "food_entries.get.v2" => Method::Entries,
            "food_entries.get_month" | "food_entries.get_month.v2" => Method::EntriesMonth,
            "weights.get_month" | "weights.get_month.v2" => Method::WeightMonth,
            "weight.update" => Method::WeightUpdate,
            "profile.get" => Method::Profile,
            _ => return None,
        },
    })
}

pub(super) fn answer(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    if route(call.path) == "other" {
        return Answer::new(
            404,
            "text/html",
            "<!doctype html><title>404</title><h1>Not Found</h1>",
        );
    }
    let classic = call.path == CLASSIC;
    if !(call.method == "GET" || classic && call.method == "POST") {
        return Answer::bare(405);
    }
    let account = match authorized(desk, call) {
        Ok(account) => account,
        Err(refusal) => return refusal,
    };
    let Some(method) = method(call) else {
        let name = call.params.get("method").unwrap_or_default();
        return render::error(call, 10, &format!("Unknown method: '{name}'"));
    };
    let now = desk.now;
    let Some(account) = desk.state.accounts.get_mut(account) else {
        return render::error(call, 1, "An unknown error occurred: please try again later");
    };
    let day = match call.params.get("date").map(str::parse::<i64>) {
        None => days::of(now, account.zone),
        Some(Ok(day)) if day >= 0 => day,
        Some(_) => return render::error(call, 102, "Invalid integer value: 'date'"),
    };
    let Some(month) = days::month(day) else {
        return render::error(call, 107, "Value out of range: 'date'");
    };
    let body = match method {
        Method::Entries => diary::day(account, day),
        Method::EntriesMonth => diary::month(account, month),
        Method::WeightMonth => weight::month(account, month),
        Method::Profile => weight::profile(account),
        Method::WeightUpdate => match weight::update(account, call, day, now) {
            Ok(()) => json!({"success": {"value": "1"}}),
            Err((code, message)) => return render::error(call, code, &message),
        },
    };
    render::answer(call, &body)
}

/// Checks the signature before the token.
fn authorized(desk: &mut Desk<'_>, call: &Call<'_>) -> Result<usize, Answer> {
    let refuse = |refusal| {
        let (code, message) = oauth::describe(&refusal);
        render::error(call, code, &message)
    };
    let protocol = desk.state.signed.judge_access(desk.app, call).map_err(refuse)?;
    let token = crate::oauth1::get(&protocol, "oauth_token");
    match desk.state.tokens.use_access(token, desk.now) {
        TokenStanding::Good { account } => Ok(account),
        TokenStanding::Bad | TokenStanding::Revoked => {
            Err(render::error(call, 9, &format!("Invalid access token: '{token}'")))
        }
    }
}

/// The stored items of a resource on these days, the newest first.
pub(super) fn on_days<'a>(
    account: &'a Account,
    resource: &str,
    days: &RangeInclusive<i64>,
) -> Vec<&'a crate::collection::Item> {
    let times = days::start(*days.start())..=days::start(*days.end());
    let items = account.collection(resource);
    items.map(|items| items.newest(times).collect()).unwrap_or_default()
}
