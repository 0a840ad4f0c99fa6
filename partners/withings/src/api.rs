//! The calls, their answers, and what a failure means.

use std::time::Duration;

use partner_sdk::serde_json::Value;
use partner_sdk::{LimitScope, PartnerError, Reply, Session};
use serde::{Deserialize, Deserializer};

use crate::sync::{SyncState, Window};

/// The measurement types that have a kind here, as `meastypes` expects them.
const MEASURE_TYPES: &str = "1,4,5,6,8,9,10,11,12,54,71,76,77,88";

/// API reference, getworkouts: members of `data` that are not requested are not sent.
const WORKOUT_FIELDS: &str =
    "calories,distance,steps,hr_average,pause_duration,manual_calories,manual_distance";

/// API reference, getmeas: 1 is a real measurement, 2 a goal.
const REAL_MEASUREMENTS: &str = "1";

/// Every answer: `status` 0 and a body, or another status and an error text (API reference,
/// "Response status").
#[derive(Deserialize)]
pub(crate) struct Envelope<T> {
    pub(crate) body: T,
}

/// One page of getmeas.
#[derive(Deserialize)]
pub(crate) struct Measures {
    /// The partner's clock when it answered, Unix seconds.
    #[serde(default, deserialize_with = "lenient_integer")]
    pub(crate) updatetime: Option<i64>,
    /// The user's time zone, by its IANA name.
    #[serde(default)]
    pub(crate) timezone: Value,
    /// The groups, each decoded separately later. Missing if the user shares none of them.
    #[serde(default)]
    pub(crate) measuregrps: Option<Vec<Value>>,
    #[serde(flatten)]
    pub(crate) paging: Paging,
}

/// One page of getworkouts.
#[derive(Deserialize)]
pub(crate) struct Workouts {
    /// The workouts, each decoded separately later. Missing if the user shares none of them.
    #[serde(default)]
    pub(crate) series: Option<Vec<Value>>,
    #[serde(flatten)]
    pub(crate) paging: Paging,
}

/// Whether a further page follows. Both fields are missing on many last pages (seen in the field).
#[derive(Deserialize)]
pub(crate) struct Paging {
    /// 0 or 1 in getmeas, a boolean in getworkouts (API reference).
    #[serde(default, deserialize_with = "lenient_flag")]
    pub(crate) more: bool,
    /// What to send as `offset` for the next page.
    #[serde(default, deserialize_with = "lenient_integer")]
    pub(crate) offset: Option<i64>,
}

/// API reference, `POST /measure` action getmeas.
pub(crate) async fn measures(
    session: &Session,
    sync: &SyncState,
) -> Result<Measures, PartnerError> {
    let mut form = vec![
        ("action", "getmeas".to_owned()),
        ("category", REAL_MEASUREMENTS.to_owned()),
        ("meastypes", MEASURE_TYPES.to_owned()),
    ];
    match sync.window {
        Window::ModifiedSince(time) => form.push(("lastupdate", time.to_string())),
        Window::Taken { from, until } => {
            form.extend([("startdate", from.to_string()), ("enddate", until.to_string())]);
        }
    }
    fetch(session, "/measure", form, sync).await
}

/// API reference, `POST /v2/measure` action getworkouts.
pub(crate) async fn workouts(
    session: &Session,
    sync: &SyncState,
) -> Result<Workouts, PartnerError> {
    let mut form =
        vec![("action", "getworkouts".to_owned()), ("data_fields", WORKOUT_FIELDS.to_owned())];
    match sync.window {
        Window::ModifiedSince(time) => form.push(("lastupdate", time.to_string())),
        Window::Taken { from, until } => {
            form.extend([("startdateymd", day(from)?), ("enddateymd", day(until)?)]);
        }
    }
    fetch(session, "/v2/measure", form, sync).await
}

async fn fetch<T: for<'de> Deserialize<'de>>(
    session: &Session,
    path: &str,
    mut form: Vec<(&str, String)>,
    sync: &SyncState,
) -> Result<T, PartnerError> {
    // API reference: a further page repeats all parameters and adds the offset.
    if sync.offset > 0 {
        form.push(("offset", sync.offset.to_string()));
    }
    let envelope: Envelope<T> = session.post(path).form(&form).fetch().await?;
    Ok(envelope.body)
}

fn day(seconds: i64) -> Result<String, PartnerError> {
    partner_sdk::chrono::DateTime::from_timestamp(seconds, 0)
        .map(|time| time.format("%Y-%m-%d").to_string())
        .ok_or(PartnerError::Malformed("the first sync reaches back beyond the calendar".into()))
}

/// Returns the latest `modified` among raw items. Items that cannot be mapped count too: they are
/// logged, and reading them again would not help.
pub(crate) fn newest_modified(items: &[Value]) -> Option<i64> {
    items.iter().filter_map(|item| item.get("modified")?.as_i64()).max()
}

/// What an answer of the data API means. Failures come as HTTP 200 with a `status` in the body (API
/// reference, "Response status"); other HTTP statuses are left to the general rules.
pub(crate) fn read_error(reply: &Reply) -> Option<PartnerError> {
    if !(200..300).contains(&reply.status) {
        return None;
    }
    let Some(answer) = read_status(reply) else {
        return Some(not_an_envelope(reply));
    };
    let status = answer.status;
    if status == 0 {
        return None;
    }
    let detail = || format!("Withings status {status}").into();
    Some(match family(status) {
        Family::Authentication => PartnerError::Unauthorized(detail()),
        Family::Scope if answer.names_a_missing_scope() => PartnerError::MissingScope(detail()),
        // Seen in the field: status 403 with this text.
        Family::Other if answer.error_text().contains("insufficient_scope") => {
            PartnerError::MissingScope(detail())
        }
        Family::Scope => PartnerError::Transient(detail()),
        Family::TooManyRequests => rate_limited(reply),
        Family::InvalidParameters => PartnerError::Malformed(detail()),
        Family::Other => PartnerError::Transient(detail()),
    })
}

/// The part of an answer that reports success or failure.
#[derive(Deserialize)]
pub(crate) struct Status {
    pub(crate) status: i64,
    #[serde(default)]
    error: Value,
}

impl Status {
    /// The partner's text about a failure, in lower case.
    pub(crate) fn error_text(&self) -> String {
        self.error.as_str().unwrap_or_default().to_lowercase()
    }

    /// Whether the text says that a right is missing. The numbers of that family came with other
    /// errors, too, in older lists and in outages (seen in the field): only the text tells.
    fn names_a_missing_scope(&self) -> bool {
        const WORDS: [&str; 6] =
            ["scope", "permission", "authoriz", "not allowed", "forbidden", "access denied"];
        let text = self.error_text();
        WORDS.iter().any(|word| text.contains(word))
    }
}

/// Returns the status in the body, if there is one.
pub(crate) fn read_status(reply: &Reply) -> Option<Status> {
    reply.json().ok()
}

/// What an answer without a status means: anything but JSON is an outage page (seen in the field),
/// other JSON does not match the documentation.
pub(crate) fn not_an_envelope(reply: &Reply) -> PartnerError {
    match reply.json::<Value>() {
        Ok(_) => PartnerError::Malformed("the answer has no status".into()),
        Err(_) => PartnerError::Transient("the answer is not JSON".into()),
    }
}

/// API reference: 601 is "too many requests". It also answers a call that repeats the arguments of
/// another one within 10 seconds (seen in the field); that concerns one user and not the
/// application.
pub(crate) fn rate_limited(reply: &Reply) -> PartnerError {
    let repeated = read_status(reply).is_some_and(|it| it.error_text().contains("same arguments"));
    let scope = if repeated { LimitScope::Connection } else { LimitScope::App };
    let answer: Option<Value> = reply.json().ok();
    let seconds = answer.as_ref().and_then(|answer| answer.pointer("/body/wait_seconds"));
    let wait = seconds.and_then(Value::as_u64).map(Duration::from_secs);
    PartnerError::RateLimited { scope, wait: wait.or_else(|| reply.retry_after()) }
}

/// The families of statuses.
pub(crate) enum Family {
    Authentication,
    Scope,
    TooManyRequests,
    InvalidParameters,
    Other,
}

/// API reference, "Response status". A status of no family there is "an error occurred", as are 522
/// (time-out) and 524 (bad state): they may pass.
pub(crate) fn family(status: i64) -> Family {
    match status {
        100..=102 | 200 | 401 => Family::Authentication,
        214 | 277 | 2553 | 2555 => Family::Scope,
        601 => Family::TooManyRequests,
        201..=213 | 216..=218 | 220 | 221 | 223 | 225 | 227..=230 | 234..=236 | 238 => {
            Family::InvalidParameters
        }
        240..=252 | 254 | 260..=267 | 271 | 272 | 275 | 276 | 283..=288 | 290 | 293..=295 => {
            Family::InvalidParameters
        }
        297 | 300..=304 | 321 | 323..=353 | 380..=382 | 400 | 501..=511 | 523 | 532 => {
            Family::InvalidParameters
        }
        // 2554 is an action that does not exist.
        2554 | 3017..=3019 => Family::InvalidParameters,
        _ => Family::Other,
    }
}

fn lenient_flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Bool(flag) => flag,
        Value::Number(number) => number.as_i64() != Some(0),
        Value::String(text) => !matches!(text.as_str(), "" | "0" | "false"),
        _ => false,
    })
}

pub(crate) fn lenient_integer<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<i64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_i64().or_else(|| value.as_str()?.parse().ok()))
}
