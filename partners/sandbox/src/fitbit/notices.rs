//! Notifications: lists of updates, signed, to the subscriber's address of the console.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::{ACTIVITIES, FAT, FOODS, Fitbit, WEIGHT, encoded_id, wall};
use crate::accounts::Account;
use crate::notifications::{
    Change, Check, EndedBy, Notice, Notifies, Request, Signing, Subject, sign,
};

/// The most updates in one list.
const MOST: usize = 100;

/// How long the subscriber may take to answer.
const TIME_LIMIT: Duration = Duration::from_secs(5);

impl Notifies for Fitbit {
    fn time_limit(&self) -> Duration {
        TIME_LIMIT
    }

    fn accepts(&self, status: u16) -> bool {
        status == 204
    }

    /// None are documented.
    fn retry_after(&self, _attempt: u32) -> Option<i64> {
        None
    }

    /// The subscriber is disabled then. After how many is not documented.
    fn failures_allowed(&self) -> Option<u32> {
        Some(100)
    }

    /// The right code must be answered 204, and a wrong one 404.
    fn console_checks(&self, url: &str, code: &str) -> Option<Vec<Check>> {
        let check = |code: &str, expected| {
            let mut url = url::Url::parse(url).ok()?;
            url.query_pairs_mut().append_pair("verify", code);
            let request = Request {
                method: "GET",
                url: url.into(),
                headers: Vec::new(),
                body: String::new(),
                time_limit: TIME_LIMIT,
            };
            Some(Check { request, expected })
        };
        Some(vec![check(code, 204)?, check(&format!("not-{code}"), 404)?])
    }

    fn changed(&self, of: &Subject<'_>, resource: &str, changes: &[Change]) -> Vec<Notice> {
        let collection = match resource {
            WEIGHT | FAT => "body",
            ACTIVITIES => "activities",
            FOODS => "foods",
            _ => return Vec::new(),
        };
        // The times of all logs are seconds of the user's wall clock.
        let versions = changes.iter().flat_map(Change::versions);
        let days: BTreeSet<i64> = versions.map(|it| it.time.div_euclid(86_400)).collect();
        let dates: Vec<String> = days.into_iter().map(|day| wall::date(day * 86_400)).collect();
        let subscriptions = of.state.notices.of_account(of.number).iter();
        let wanted: Vec<_> =
            subscriptions.filter(|it| it.is_about(collection) || it.is_about("")).collect();
        let updates = dates.iter().flat_map(|date| {
            wanted.iter().map(move |it| update(of, collection, Some(date), &it.id))
        });
        notices(of, &updates.collect::<Vec<_>>())
    }

    fn ended(&self, of: &Subject<'_>, _by: EndedBy, _action: Option<&str>) -> Vec<Notice> {
        let collection = "userRevokedAccess";
        let subscriptions = of.state.notices.of_account(of.number).iter();
        let wanted = subscriptions.filter(|it| it.is_about(collection) || it.is_about(""));
        let updates: Vec<_> = wanted.map(|it| update(of, collection, None, &it.id)).collect();
        notices(of, &updates)
    }

    fn headers(&self, signing: &Signing<'_>, notice: &Notice) -> Vec<(&'static str, String)> {
        // The key of OAuth 1.0a without a token: the secret and an ampersand.
        let key = format!("{}&", signing.secret);
        vec![("X-Fitbit-Signature", sign::sha1_base64(&key, &[&notice.body]))]
    }

    fn user(&self, account: &Account) -> String {
        encoded_id(account.user_id)
    }
}

fn update(of: &Subject<'_>, collection: &str, date: Option<&String>, id: &str) -> Value {
    let mut update = json!({
        "collectionType": collection, "ownerId": encoded_id(of.account.user_id),
        "ownerType": "user", "subscriptionId": id,
    });
    if let (Some(date), Some(fields)) = (date, update.as_object_mut()) {
        fields.insert("date".to_owned(), json!(date));
    }
    update
}

fn notices(of: &Subject<'_>, updates: &[Value]) -> Vec<Notice> {
    let Some(url) = &of.state.notices.console else { return Vec::new() };
    updates.chunks(MOST).map(|updates| Notice::json(of.number, url, &updates)).collect()
}
