//! Made-up measurements and workouts with the irregularities that real accounts show.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{MEASURE, WORKOUTS};
use crate::accounts::Account;
use crate::rng::Rng;

/// A device with its number, its name and the exponents it writes for weight and for pulse.
#[derive(Clone, Copy)]
struct Device {
    model: i64,
    name: &'static str,
    weight_unit: i32,
    pulse_unit: i32,
}

const OLD_SCALE: Device =
    Device { model: 1, name: "Smart Scale One", weight_unit: -3, pulse_unit: -2 };
const SCALE: Device = Device { model: 13, name: "Smart Scale Two", weight_unit: -3, pulse_unit: 0 };
const BODY_SCANNER: Device =
    Device { model: 14, name: "Segment Scale", weight_unit: -2, pulse_unit: 0 };
const CUFF: Device = Device { model: 45, name: "Arm Cuff", weight_unit: -3, pulse_unit: 0 };
const THERMOMETER: Device =
    Device { model: 70, name: "Forehead Reader", weight_unit: -3, pulse_unit: 0 };

/// The groups of one event: mostly one, several for a step on the segment scale.
pub(super) fn measurement(account: &mut Account, at: i64) -> Vec<Value> {
    let oddity = account.oddity;
    let rng = &mut account.rng;
    let grams = body_grams(rng, oddity, at);
    match rng.index(20) {
        0 => vec![manual(rng, grams, at)],
        1..=4 => vec![blood_pressure(rng, oddity, at)],
        5 => {
            vec![group(oddity, THERMOMETER, 0, at, vec![measure(rng.range(3_590, 3_800), 71, -2)])]
        }
        6 => vec![group(oddity, SCALE, 1, at, vec![measure(rng.range(18_000, 40_000), 1, -3)])],
        7 | 8 if oddity.is_multiple_of(2) => segments(rng, oddity, grams, at),
        9 => vec![old_step(rng, oddity, grams, at)],
        _ => vec![step(rng, oddity, grams, at)],
    }
}

/// Single records: the height typed in when the account was created, a goal, and one group that
/// appears twice.
pub(super) fn oddities(account: &mut Account, first: i64) -> Vec<Value> {
    let oddity = account.oddity;
    let height_mm = 1_550 + (oddity % 400) as i64;
    let duplicate_id = account.new_id();
    let rng = &mut account.rng;
    let grams = body_grams(rng, oddity, first);
    let height = json!({
        "attrib": 4, "date": first, "category": 1, "deviceid": null, "hash_deviceid": null, "comment": null,
        "measures": [measure(height_mm, 4, -3)],
    });
    let goal = json!({
        "attrib": 2, "date": first, "category": 2, "deviceid": null, "hash_deviceid": null, "comment": null,
        "measures": [measure(grams - 3_000, 1, -3)],
    });
    let mut duplicate = step(rng, oddity, grams, first + 30);
    if let Some(fields) = duplicate.as_object_mut() {
        fields.insert("grpid".to_owned(), json!(duplicate_id));
    }
    vec![height, goal, duplicate.clone(), duplicate]
}

/// A weight between 50 and 110 kg, drifting over the months and varying by the day.
fn body_grams(rng: &mut Rng, oddity: u64, at: i64) -> i64 {
    let base = 50_000 + (oddity % 60_000) as i64;
    let drift = (at / 86_400 + (oddity % 97) as i64) % 200 - 100;
    base + drift.abs() * 20 + rng.range(-600, 600)
}

fn measure(value: i64, kind: i64, unit: i32) -> Value {
    json!({"value": value, "type": kind, "unit": unit, "algo": 0, "fm": 3})
}

fn positioned(value: i64, kind: i64, unit: i32, position: i64) -> Value {
    json!({"value": value, "type": kind, "unit": unit, "algo": 0, "fm": 3, "position": position})
}

/// The same amount written with another exponent, rounded where the exponent is coarser.
fn rescaled(milli: i64, unit: i32) -> i64 {
    match unit {
        -4 => milli * 10,
        -2 => milli / 10,
        -1 => milli / 100,
        _ => milli,
    }
}

fn group(oddity: u64, device: Device, attrib: i64, at: i64, measures: Vec<Value>) -> Value {
    let id = Rng::new(oddity ^ device.model.unsigned_abs()).hex(40);
    json!({
        "attrib": attrib, "date": at, "category": 1, "deviceid": id, "hash_deviceid": id,
        "modelid": device.model, "model": device.name, "comment": null, "measures": measures,
    })
}

fn composition(rng: &mut Rng, grams: i64, device: Device) -> Vec<Value> {
    let fat_permyriad = rng.range(1_200, 3_200);
    let fat = grams * fat_permyriad / 10_000;
    let unit = device.weight_unit;
    let scaled = |milli: i64, kind: i64| measure(rescaled(milli, unit), kind, unit);
    let mut measures = vec![
        scaled(grams, 1),
        measure(fat_permyriad, 6, -2),
        scaled(fat, 8),
        scaled(grams - fat, 5),
        scaled((grams - fat) * 95 / 100, 76),
        scaled((grams - fat) * 72 / 100, 77),
        scaled((grams - fat) * 5 / 100, 88),
    ];
    if rng.chance(50) {
        measures.push(pulse(rng, device));
    }
    measures
}

fn pulse(rng: &mut Rng, device: Device) -> Value {
    let beats = rng.range(48, 96);
    if device.pulse_unit == -2 { measure(beats * 100, 11, -2) } else { measure(beats, 11, 0) }
}

fn step(rng: &mut Rng, oddity: u64, grams: i64, at: i64) -> Value {
    let attrib = if rng.chance(5) { 8 } else { 0 };
    let measures = composition(rng, grams, SCALE);
    group(oddity, SCALE, attrib, at, measures)
}

/// Old devices wrote a filler of type 18 that means nothing.
fn old_step(rng: &mut Rng, oddity: u64, grams: i64, at: i64) -> Value {
    let measures = vec![
        measure(grams, 1, OLD_SCALE.weight_unit),
        measure(-1_000, 18, -3),
        pulse(rng, OLD_SCALE),
    ];
    group(oddity, OLD_SCALE, 0, at, measures)
}

/// Typed in by the user: no device, and other exponents.
fn manual(rng: &mut Rng, grams: i64, at: i64) -> Value {
    let unit = rng.pick(-4, &[-2, -1]);
    json!({
        "attrib": 2, "date": at, "category": 1, "deviceid": null, "hash_deviceid": null, "comment": null,
        "measures": [measure(rescaled(grams, unit), 1, unit)],
    })
}

fn blood_pressure(rng: &mut Rng, oddity: u64, at: i64) -> Value {
    let systolic = rng.range(102, 148);
    let diastolic = systolic - rng.range(32, 52);
    let mut measures = vec![measure(diastolic, 9, 0), measure(systolic, 10, 0), pulse(rng, CUFF)];
    if rng.chance(25) {
        measures.push(measure(rng.range(94, 100), 54, 0));
    }
    let attrib = if rng.chance(20) { 5 } else { 0 };
    group(oddity, CUFF, attrib, at, measures)
}

/// One step, three groups at the same instant; parts of the body by position, some values twice.
fn segments(rng: &mut Rng, oddity: u64, grams: i64, at: i64) -> Vec<Value> {
    let mut measures = composition(rng, grams, BODY_SCANNER);
    let fat = grams / 4;
    measures.push(positioned(rescaled(grams - fat, -2), 5, -2, 7));
    measures.push(positioned(rescaled(grams - fat, -2), 5, -2, 7));
    measures.push(positioned(rescaled(fat, -2), 8, -2, 7));
    for position in [2, 3, 10, 11, 12] {
        measures.push(positioned(rescaled((grams - fat) / 6, -2), 173, -2, position));
        measures.push(positioned(rescaled(fat / 6, -2), 174, -2, position));
        measures.push(positioned(rescaled((grams - fat) / 7, -2), 175, -2, position));
    }
    let heart = vec![pulse(rng, BODY_SCANNER)];
    let skin = vec![measure(rng.range(40, 90), 196, 0)];
    [measures, heart, skin]
        .into_iter()
        .map(|part| group(oddity, BODY_SCANNER, 0, at, part))
        .collect()
}

/// One workout; `0` often means "not measured", and some have no data at all.
pub(super) fn workout(account: &mut Account, at: i64) -> Vec<Value> {
    let zone = account.zone;
    let rng = &mut account.rng;
    let category = rng.pick(2, &[1, 1, 2, 6, 7, 16, 28, 36, 187, 307, 498, 550]);
    let seconds = rng.range(900, 7_200);
    let on_foot = matches!(category, 1 | 2 | 307 | 498);
    let moving = on_foot || category == 6;
    let pulsed = rng.chance(70);
    let average = rng.range(95, 150);
    let data = json!({
        "calories": seconds * rng.range(6, 12) / 60,
        "intensity": rng.range(20, 80),
        "steps": if on_foot { seconds * rng.range(15, 28) / 10 } else { 0 },
        "distance": if moving { seconds * rng.range(12, 34) / 10 } else { 0 },
        "elevation": if moving { rng.range(0, 12) } else { 0 },
        "hr_average": if pulsed { average } else { 0 },
        "hr_min": if pulsed { average - 30 } else { 0 },
        "hr_max": if pulsed { average + 35 } else { 0 },
        "hr_zone_0": if pulsed { seconds / 4 } else { 0 },
        "hr_zone_1": if pulsed { seconds / 2 } else { 0 },
        "hr_zone_2": if pulsed { seconds / 4 } else { 0 },
        "hr_zone_3": 0,
        "pause_duration": if rng.chance(20) { seconds / 20 } else { 0 },
        "manual_distance": 0,
        "manual_calories": 0,
    });
    let local_day = DateTime::<Utc>::from_timestamp(at, 0)
        .unwrap_or_default()
        .with_timezone(&zone)
        .date_naive();
    vec![json!({
        "category": category, "timezone": zone.name(), "model": rng.pick(93, &[16]), "attrib": rng.pick(0, &[0, 7]),
        "startdate": at, "enddate": at + seconds, "date": local_day.to_string(), "deviceid": null,
        "data": if rng.chance(4) { json!([]) } else { data },
    })]
}

pub(super) fn retouch(resource: &str, value: &mut Value, rng: &mut Rng) {
    let place = match resource {
        MEASURE => value.pointer_mut("/measures/0/value"),
        WORKOUTS => value.pointer_mut("/data/calories"),
        _ => None,
    };
    if let Some(place) = place
        && let Some(number) = place.as_i64()
    {
        *place = json!(number + 1 + number.abs() * rng.range(1, 10) / 1_000);
    }
}
