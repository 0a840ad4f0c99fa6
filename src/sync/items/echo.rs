//! Whether what a poll shows is what was pushed, as the partner represents it.

use chrono::{NaiveDateTime, TimeDelta, Timelike};
use partner_sdk::rust_decimal::RoundingStrategy;
use partner_sdk::{Body, Decimal, Exercise, Moment, Nutrition, RecordData, TimeBasis};

/// Whether `seen` can be `pushed` as a partner stores it: values rounded to fewer digits or
/// converted to other units and back, times cut to the second or minute, shown in another zone or
/// as wall time, fields the partner does not have left out, fields it computes added. `day_only`:
/// the partner keeps the day and not the time.
pub fn is_echo(pushed: &RecordData, seen: &RecordData, day_only: bool) -> bool {
    same_moment(pushed.start, seen.start, day_only)
        && match (pushed.end, seen.end) {
            (Some(pushed), Some(seen)) => same_moment(pushed, seen, day_only),
            _ => true,
        }
        && same_body(&pushed.body, &seen.body)
}

/// Whether both are of one kind and moment: an edit may give a record another id.
pub fn is_of_same_moment(one: &RecordData, other: &RecordData) -> bool {
    one.body.kind() == other.body.kind() && same_moment(one.start, other.start, false)
}

/// Whether `seen` can be `sent` after an edit at the partner: of the same kind and moment, and of
/// the same activity or the same meal and name.
pub fn is_edit_of(sent: &RecordData, seen: &RecordData) -> bool {
    is_of_same_moment(sent, seen)
        && match (&sent.body, &seen.body) {
            (Body::Exercise(sent), Body::Exercise(seen)) => sent.activity == seen.activity,
            (Body::Nutrition(sent), Body::Nutrition(seen)) => {
                (sent.meal, &sent.name) == (seen.meal, &seen.name)
            }
            _ => true,
        }
}

pub(super) fn same_moment(pushed: Moment, seen: Moment, day_only: bool) -> bool {
    let wall = (pushed.at.naive_local(), seen.at.naive_local());
    if day_only {
        return wall.0.date() == wall.1.date();
    }
    let instants = (pushed.at.naive_utc(), seen.at.naive_utc());
    let is_wall_time = seen.basis == TimeBasis::Local || pushed.basis == TimeBasis::Local;
    is_cut(instants.0, instants.1) || (is_wall_time && is_cut(wall.0, wall.1))
}

/// Equal except for a fraction of a second, or cut to the minute.
fn is_cut(pushed: NaiveDateTime, seen: NaiveDateTime) -> bool {
    let cut = pushed - seen;
    let is_minute = seen.second() == 0 && seen.nanosecond() == 0;
    cut.abs() < TimeDelta::seconds(1)
        || (is_minute && cut > TimeDelta::zero() && cut < TimeDelta::minutes(1))
}

fn same_body(pushed: &Body, seen: &Body) -> bool {
    match (pushed, seen) {
        (Body::Measurement(pushed), Body::Measurement(seen)) => {
            pushed.r#type == seen.r#type && is_rounded(pushed.value, seen.value)
        }
        (Body::Exercise(pushed), Body::Exercise(seen)) => same_exercise(pushed, seen),
        (Body::Nutrition(pushed), Body::Nutrition(seen)) => same_nutrition(pushed, seen),
        _ => false,
    }
}

fn same_exercise(pushed: &Exercise, seen: &Exercise) -> bool {
    let steps = |exercise: &Exercise| exercise.steps.map(Decimal::from);
    pushed.activity == seen.activity
        && all_rounded(&[
            (pushed.duration_s, seen.duration_s),
            (pushed.energy_kcal, seen.energy_kcal),
            (pushed.distance_m, seen.distance_m),
            (steps(pushed), steps(seen)),
            (pushed.avg_heart_rate, seen.avg_heart_rate),
        ])
}

fn same_nutrition(pushed: &Nutrition, seen: &Nutrition) -> bool {
    pushed.meal == seen.meal
        && (seen.name.is_none() || pushed.name.is_none() || pushed.name == seen.name)
        && all_rounded(&[
            (pushed.energy_kcal, seen.energy_kcal),
            (pushed.carbohydrate_g, seen.carbohydrate_g),
            (pushed.fat_g, seen.fat_g),
            (pushed.protein_g, seen.protein_g),
            (pushed.fiber_g, seen.fiber_g),
            (pushed.sodium_mg, seen.sodium_mg),
            (pushed.water_ml, seen.water_ml),
        ])
}

fn all_rounded(fields: &[(Option<Decimal>, Option<Decimal>)]) -> bool {
    fields.iter().all(|field| match field {
        (Some(pushed), Some(seen)) => is_rounded(*pushed, *seen),
        // A field the partner does not keep, or one it adds.
        _ => true,
    })
}

/// Whether `seen` is `pushed` rounded or cut to the number of digits that `seen` has, or differs by
/// no more than a conversion to other units and back can cause: 1/2000.
fn is_rounded(pushed: Decimal, seen: Decimal) -> bool {
    let places = seen.normalize().scale();
    let as_seen = |strategy| pushed.round_dp_with_strategy(places, strategy) == seen;
    let apart = (pushed - seen).abs();
    as_seen(RoundingStrategy::MidpointAwayFromZero)
        || as_seen(RoundingStrategy::MidpointNearestEven)
        || as_seen(RoundingStrategy::ToZero)
        || apart.checked_mul(Decimal::from(2_000)).is_some_and(|share| share <= pushed.abs())
}

#[cfg(test)]
mod tests {
    use partner_sdk::{Activity, Measurement, MeasurementType};

    use super::*;

    fn weight(start: Moment, value: &str) -> RecordData {
        let value = value.parse().unwrap();
        let r#type = MeasurementType::Weight;
        RecordData { start, end: None, body: Body::Measurement(Measurement { r#type, value }) }
    }

    fn exact(text: &str) -> Moment {
        Moment::exact(text.parse().unwrap())
    }

    fn local(text: &str) -> Moment {
        Moment { basis: TimeBasis::Local, ..exact(text) }
    }

    fn seen(start: Moment, value: &str) -> bool {
        let pushed = weight(exact("2026-03-04T06:15:20.5+02:00"), "78.12");
        is_echo(&pushed, &weight(start, value), false)
    }

    #[test]
    fn rounding_conversion_and_other_zones_are_the_same_thing() {
        let start = exact("2026-03-04T06:15:20.5+02:00");
        for value in ["78.12", "78.1", "78", "78.120", "78.1179"] {
            assert!(seen(start, value), "{value}");
        }
        for start in [
            exact("2026-03-04T04:15:20Z"),
            exact("2026-03-04T04:15:00Z"),
            exact("2026-03-03T23:15:20.5-05:00"),
            local("2026-03-04T06:15:20Z"),
            local("2026-03-04T06:15:00+01:00"),
        ] {
            assert!(seen(start, "78.12"), "{start:?}");
        }
    }

    #[test]
    fn an_edit_is_an_edit_however_small_a_user_makes_it() {
        let start = exact("2026-03-04T06:15:20.5+02:00");
        for value in ["78.2", "79", "78.3", "78.18", "77.9"] {
            assert!(!seen(start, value), "{value}");
        }
        for start in [
            exact("2026-03-04T06:15:20Z"),
            exact("2026-03-04T04:16:20Z"),
            exact("2026-03-04T04:17:00Z"),
            local("2026-03-05T06:15:20+02:00"),
            local("2026-03-04T06:20:00+02:00"),
        ] {
            assert!(!seen(start, "78.12"), "{start:?}");
        }
    }

    #[test]
    fn a_partner_that_keeps_days_is_compared_by_the_day() {
        let pushed = weight(exact("2026-03-04T06:15:20+02:00"), "78.12");
        let is_seen_on = |day: &str| {
            is_echo(&pushed, &weight(local(&format!("{day}T12:00:00+02:00")), "78.1"), true)
        };
        assert!(is_seen_on("2026-03-04"));
        assert!(!is_seen_on("2026-03-05"));
    }

    #[test]
    fn fields_a_partner_lacks_or_works_out_do_not_matter_and_those_it_has_do() {
        let start = exact("2026-03-04T06:15:00Z");
        let run = |energy: Option<i64>, steps| RecordData {
            start,
            end: None,
            body: Body::Exercise(Exercise {
                activity: Activity::Running,
                duration_s: Some(1800.into()),
                energy_kcal: energy.map(Decimal::from),
                steps,
                ..Exercise::default()
            }),
        };
        assert!(is_echo(&run(Some(300), Some(4000)), &run(Some(300), None), false));
        assert!(is_echo(&run(None, None), &run(Some(310), Some(4100)), false));
        assert!(!is_echo(&run(Some(300), None), &run(Some(350), None), false));
        assert!(!is_echo(&run(Some(300), None), &weight(start, "300"), false));
    }
}
