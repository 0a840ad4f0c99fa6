//! How many users a partner's limits are enough for, in words.

use serde::Serialize;
use utoipa::ToSchema;

use crate::actors::PartnerDetails;
use crate::incidents::{Assessment, Outlook, outlook};
use crate::scheduler::Policy;
use crate::store::ConnectionCounts;
use crate::web::pages::words;

/// How many users the limits are enough for, if they are polled as those are that there are.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"sentence": "This quota is enough for 17,100 users; there are 1,555 too many.", "users": 18655, "calls_per_poll": 1.6, "is_measured": true, "calls_needed_a_day": 55600.0, "calls_allowed_a_day": 51000.0, "cases": [{"if": "nothing changes", "supports": 17100, "room": -1555}]}))]
pub(in crate::web) struct OutlookView {
    /// What it comes to.
    pub(in crate::web) sentence: String,
    /// How many users are connected.
    pub(in crate::web) users: u64,
    /// How many calls a poll makes.
    pub(in crate::web) calls_per_poll: f64,
    /// Whether that was measured; otherwise it is a guess: one for each feed.
    pub(in crate::web) is_measured: bool,
    /// The calls a day that polls need.
    pub(in crate::web) calls_needed_a_day: f64,
    /// The calls a day that polls may make; the rest is kept for people who wait.
    pub(in crate::web) calls_allowed_a_day: f64,
    /// As things are, and what would change it.
    pub(in crate::web) cases: Vec<OutlookCase>,
}

/// How many users the limits are enough for in one case.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::web) struct OutlookCase {
    /// In which case.
    #[serde(rename = "if")]
    pub(in crate::web) case: String,
    /// How many users they are enough for.
    pub(in crate::web) supports: u64,
    /// How many more users there is room for; below zero, how many there are too many.
    pub(in crate::web) room: i64,
}

impl OutlookCase {
    fn new(case: String, found: &Assessment) -> Self {
        Self { case, supports: found.supports, room: found.room() }
    }
}

impl OutlookView {
    /// `None` if nothing limits the calls.
    pub(super) fn new(
        title: &str,
        counts: &ConnectionCounts,
        details: &PartnerDetails,
        policy: &Policy,
    ) -> Option<Self> {
        let users = counts.polled_at(policy.intervals());
        let found = outlook(&users, details.calls_per_poll, &details.quota)?;
        let Outlook { now, if_polled_rarely, if_doubled } = &found;
        let mut cases = vec![OutlookCase::new("nothing changes".to_owned(), now)];
        if let Some(rarely) = if_polled_rarely {
            let every = words::every(policy.longest());
            cases.push(OutlookCase::new(format!("everybody is polled {every}"), rarely));
        }
        cases.push(OutlookCase::new(format!("{title} doubles the limit"), if_doubled));
        Some(Self {
            sentence: sentence(now),
            users: now.users,
            calls_per_poll: rounded(details.calls_per_poll),
            is_measured: details.is_measured,
            calls_needed_a_day: rounded(now.needed),
            calls_allowed_a_day: rounded(now.allowed),
            cases,
        })
    }
}

fn rounded(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

fn sentence(now: &Assessment) -> String {
    let users =
        |count: u64| words::count(i64::try_from(count).unwrap_or(i64::MAX), "user", "users");
    match now.room() {
        0 => {
            format!("This quota is enough for the {} there are, and for no more.", users(now.users))
        }
        room if room > 0 => {
            let (count, noun) = (words::number(room), if room == 1 { "user" } else { "users" });
            format!("This quota supports about {count} more {noun}.")
        }
        room => format!(
            "This quota is enough for about {}; there are {} too many.",
            users(now.supports),
            words::number(room.unsigned_abs())
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_how_many_more_or_how_many_too_many() {
        for (users, supports, expected) in [
            (10, 1_210, "This quota supports about 1,200 more users."),
            (10, 11, "This quota supports about 1 more user."),
            (
                18_655,
                17_100,
                "This quota is enough for about 17,100 users; there are 1,555 too many.",
            ),
            (1, 1, "This quota is enough for the 1 user there are, and for no more."),
        ] {
            let found = Assessment { users, supports, needed: 0.0, allowed: 0.0 };
            assert_eq!(sentence(&found), expected);
        }
    }
}
