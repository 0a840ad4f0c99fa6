//! How many calls an API key may make: `server.requests_per_minute_per_key`. And the headers by which
//! answers tell how much of a limit is left (draft-ietf-httpapi-ratelimit-headers), for this limit and
//! for the one of unknown keys.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest};
use chrono::{DateTime, TimeDelta, Utc};

/// What limits count in.
const WINDOW: TimeDelta = TimeDelta::minutes(1);

/// Keys that have not called for a window are forgotten when there are more than these.
const MANY_KEYS: usize = 1_000;

/// What is left of a limit after a call. Kept with the request, for the headers of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// Which limit.
    pub(super) policy: &'static str,
    /// Its calls in a minute.
    pub(super) quota: u32,
    /// The calls that are left now.
    pub(super) calls: u32,
    /// After which time it is full again.
    pub(super) full_after: Duration,
}

impl Left {
    /// Lets the answer to this request tell.
    pub(super) fn show(self, request: &HttpRequest) {
        request.extensions_mut().insert(self);
    }
}

/// The calls of each key.
///
/// A key may make its calls of a minute at once; then each next one becomes free as time passes (the
/// generic cell rate algorithm). So nobody has to wait for a window's end, and nothing is stored of a key
/// but one time.
#[derive(Clone, Debug)]
pub struct CallRates {
    /// Calls in a minute; 0 is no limit.
    quota: Arc<AtomicU32>,
    /// When each key has all of its calls again.
    full_at: Arc<Mutex<HashMap<String, DateTime<Utc>>>>,
}

impl CallRates {
    /// Limits to this number of calls in a minute; 0 is no limit.
    pub fn new(calls_per_minute: u32) -> Self {
        Self { quota: Arc::new(calls_per_minute.into()), full_at: Arc::default() }
    }

    /// Changes the limit.
    pub(super) fn set(&self, calls_per_minute: u32) {
        self.quota.store(calls_per_minute, Ordering::Relaxed);
    }

    /// Counts a call of a key; `None` without a limit.
    ///
    /// # Errors
    /// The time to wait, if the key has no call left. The call is not counted then.
    pub(super) fn count(
        &self,
        key: &str,
        now: DateTime<Utc>,
    ) -> Option<(Left, Result<(), Duration>)> {
        let quota = Some(self.quota()).filter(|quota| *quota > 0)?;
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if full_at.len() > MANY_KEYS {
            full_at.retain(|_, at| *at > now);
        }
        let known = full_at.get(key).copied();
        // Later than that it is only after a clock was set back, which must lock nobody out.
        let known = known.filter(|at| (now..=now + WINDOW).contains(at)).unwrap_or(now);
        let after = known + one_of(quota);
        let wait = after - (now + WINDOW);
        let (full, answer) = if wait > TimeDelta::zero() {
            (known, Err(wait.to_std().unwrap_or_default()))
        } else {
            full_at.insert(key.to_owned(), after);
            (after, Ok(()))
        };
        drop(full_at);
        let full_after = full - now;
        let calls = (WINDOW - full_after).num_microseconds().unwrap_or_default()
            / one_of(quota).num_microseconds().unwrap_or(1).max(1);
        let left = Left {
            policy: "key",
            quota,
            calls: u32::try_from(calls).unwrap_or_default(),
            full_after: full_after.to_std().unwrap_or_default(),
        };
        Some((left, answer))
    }

    /// How many calls a key may make in a minute; 0 without a limit.
    pub(super) fn quota(&self) -> u32 {
        self.quota.load(Ordering::Relaxed)
    }
}

/// The time in which one call becomes free again.
fn one_of(quota: u32) -> TimeDelta {
    let whole = WINDOW.num_microseconds().unwrap_or_default();
    TimeDelta::microseconds((whole / i64::from(quota.max(1))).max(1))
}

/// The middleware: answers of calls that count for a limit say so.
pub(super) async fn tell(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let mut answer = next.call(request).await?.map_into_boxed_body();
    let left = answer.request().extensions().get::<Left>().copied();
    if let Some(left) = left {
        for (name, value) in fields(left) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                answer.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
    }
    Ok(answer)
}

fn fields(left: Left) -> [(&'static str, String); 2] {
    let Left { policy, quota, calls, full_after } = left;
    let seconds = full_after.as_secs() + u64::from(full_after.subsec_nanos() > 0);
    [
        ("ratelimit-policy", format!("\"{policy}\";q={quota};w={}", WINDOW.num_seconds())),
        ("ratelimit", format!("\"{policy}\";r={calls};t={seconds}")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_000_000_000 + milliseconds).unwrap()
    }

    #[test]
    fn a_key_has_its_calls_at_once_and_then_one_after_the_other() {
        let rates = CallRates::new(60);
        for number in 0..60 {
            let (left, answer) = rates.count("one", at(0)).unwrap();
            assert_eq!((left.calls, answer), (59 - number, Ok(())));
        }
        let (left, answer) = rates.count("one", at(250)).unwrap();
        assert_eq!((left.calls, answer), (0, Err(Duration::from_millis(750))));
        assert_eq!(fields(left)[0].1, "\"key\";q=60;w=60");
        assert_eq!(fields(left)[1].1, "\"key\";r=0;t=60");
        assert_eq!(rates.count("two", at(250)).unwrap().0.calls, 59, "each key has its own");
        assert_eq!(
            rates.count("one", at(1_000)).unwrap().1,
            Ok(()),
            "what was refused cost nothing"
        );
        assert_eq!(rates.count("one", at(62_000)).unwrap().0.calls, 59);
        assert_eq!(rates.count("one", at(-600_000)).unwrap().0.calls, 59, "the clock was set back");
    }

    #[test]
    fn over_an_hour_no_key_makes_more_calls_than_the_limit_and_a_minute_of_it() {
        for quota in [1, 7, 600, 100_000] {
            let rates = CallRates::new(quota);
            let tries = 0..36_000_i64;
            let made = tries.filter(|number| rates.count("k", at(number * 100)).unwrap().1.is_ok());
            let most = usize::try_from(quota).unwrap() * 61 + 1;
            assert!(made.count() <= most, "{quota}");
        }
    }

    #[test]
    fn without_a_limit_nothing_is_counted_and_idle_keys_are_forgotten() {
        assert!(CallRates::new(0).count("one", at(0)).is_none());
        let rates = CallRates::new(10);
        for number in 0..=MANY_KEYS {
            rates.count(&number.to_string(), at(0));
        }
        rates.count("new", at(60_001));
        assert_eq!(rates.full_at.lock().unwrap().len(), 1);
    }
}
