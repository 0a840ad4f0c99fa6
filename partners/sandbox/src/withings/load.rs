//! Load mode: any number of users without an account, whose every call finds new measurements.

use serde::Serialize;

use super::measure::Page;
use super::{MEASURE_PATH, WORKOUTS_PATH, envelope};
use crate::call::{Answer, Call};
use crate::partner::Desk;

/// The prefix of these users' tokens; a number follows.
const TOKEN: &str = "load-";

/// Ids do not overlap with those of accounts.
const FIRST_ID: i64 = 1 << 40;

/// Dates go back from midnight, one a second, and restart after this many.
const DATES_SECONDS: i64 = 30 * 86_400;

/// A step on a scale that measures only the weight.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    grpid: i64,
    attrib: u8,
    date: i64,
    created: i64,
    modified: i64,
    category: u8,
    deviceid: &'static str,
    hash_deviceid: &'static str,
    modelid: u8,
    model: &'static str,
    comment: Option<&'static str>,
    measures: [Measure; 1],
}

#[derive(Debug, Serialize)]
struct Measure {
    value: i64,
    r#type: u8,
    unit: i8,
    algo: u8,
    fm: u8,
}

#[derive(Serialize)]
struct NoWorkouts {
    series: [(); 0],
    more: bool,
    offset: u8,
}

/// The answer to a call with such a token, when load mode is on.
pub(super) fn answer(desk: &mut Desk<'_>, call: &Call<'_>) -> Option<Answer> {
    let fresh = desk.state.fresh?;
    call.bearer?.strip_prefix(TOKEN)?.parse::<u64>().ok()?;
    match (call.path, call.params.get("action")?) {
        (MEASURE_PATH, "getmeas") => {
            let measuregrps = (0..fresh).map(|_| group(desk)).collect();
            Some(envelope::ok(&Page {
                updatetime: desk.now,
                timezone: "UTC",
                measuregrps,
                more: None,
                offset: None,
            }))
        }
        (WORKOUTS_PATH, "getworkouts") => {
            Some(envelope::ok(&NoWorkouts { series: [], more: false, offset: 0 }))
        }
        _ => None,
    }
}

fn group(desk: &mut Desk<'_>) -> Group {
    let number = desk.state.made;
    desk.state.made += 1;
    Group {
        grpid: FIRST_ID + number,
        attrib: 0,
        date: desk.now - desk.now.rem_euclid(86_400) - number % DATES_SECONDS,
        created: desk.now,
        modified: desk.now,
        category: 1,
        deviceid: "9c2d5a1f0b7e4386a1c95d20e4b8f7163a5d0c9e",
        hash_deviceid: "9c2d5a1f0b7e4386a1c95d20e4b8f7163a5d0c9e",
        modelid: 13,
        model: "Smart Scale Two",
        comment: None,
        measures: [Measure {
            value: 60_000 + number % 30_000,
            r#type: 1,
            unit: -3,
            algo: 0,
            fm: 3,
        }],
    }
}
