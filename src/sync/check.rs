//! Whether a record is plausible for a human being. Each record is judged on its own.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use partner_sdk::{Body, Decimal, Exercise, Measurement, Moment, Nutrition, RecordData, TimeBasis};

use super::bounds::{EXERCISE, Field, NUTRITION, human_range};
use crate::model::ExerciseEnergy;

/// Who says that a record is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// The host app, which can correct what it sends.
    Host,
    /// A partner, which cannot: nobody reads what it is answered.
    Partner,
}

/// What makes a record implausible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Implausible {
    /// The field, by its names from the record inwards; empty for the record itself.
    pub field: Vec<&'static str>,
    /// Why, without any value of the record.
    pub reason: String,
}

/// The longest time from a record's start to its end, and the longest `duration_s`.
pub(super) const LONGEST: TimeDelta = TimeDelta::days(14);

/// How far ahead of now a record of the host app may start: clocks differ by minutes, not by hours.
pub(super) const AHEAD: TimeDelta = TimeDelta::minutes(10);

/// How far ahead of now a partner's record may start, and any may end: a partner's wall time may be
/// read in a zone a day behind the user's.
pub(super) const FAR_AHEAD: TimeDelta = TimeDelta::days(2);

/// By how much `duration_s` may exceed the time from start to end, which some write in minutes.
pub(super) const ROUNDING: TimeDelta = TimeDelta::minutes(1);

/// Returns all that is implausible in a record.
pub fn implausible(
    record: &RecordData,
    now: DateTime<Utc>,
    exercise_energy: ExerciseEnergy,
    author: Author,
) -> Vec<Implausible> {
    let mut found = Found(Vec::new());
    of_start(&record.start, now, author, &mut found);
    if let Some(end) = record.end {
        of_end(record, end, now, &mut found);
    }
    match &record.body {
        Body::Measurement(measurement) => of_measurement(measurement, &mut found),
        Body::Exercise(exercise) => of_exercise(exercise, exercise_energy, &mut found),
        Body::Nutrition(nutrition) => of_nutrition(nutrition, &mut found),
    }
    found.0
}

/// Returns why a partner's record is rejected, if it is. The reason contains no value of the record.
pub(super) fn refusal(
    record: &RecordData,
    now: DateTime<Utc>,
    exercise_energy: ExerciseEnergy,
) -> Option<String> {
    let found = implausible(record, now, exercise_energy, Author::Partner);
    found.into_iter().next().map(|first| first.reason)
}

/// The end of a partner's record, unless the rest of the record shows that it is wrong. What was
/// measured stays true without it, and of an exercise the time that the partner counted is what is
/// shown and pushed: the record is worth more than its end.
pub(super) fn credible_end(start: Moment, end: Option<Moment>, body: &Body) -> Option<Moment> {
    end.filter(|end| match body {
        Body::Measurement(_) => end.at == start.at,
        Body::Exercise(exercise) => !exceeds(exercise, end.at - start.at),
        Body::Nutrition(_) => true,
    })
}

struct Found(Vec<Implausible>);

impl Found {
    fn add(&mut self, field: &[&'static str], reason: impl Into<String>) {
        self.0.push(Implausible { field: field.to_vec(), reason: reason.into() });
    }
}

fn of_start(start: &Moment, now: DateTime<Utc>, author: Author, found: &mut Found) {
    let ahead = match (author, start.basis) {
        (Author::Host, TimeBasis::Exact) => AHEAD,
        _ => FAR_AHEAD,
    };
    if start.at.to_utc() > now + ahead {
        found.add(&["start"], "it is dated in the future");
    }
    if start.at.to_utc() < DateTime::UNIX_EPOCH - TimeDelta::days(70 * 365) {
        found.add(&["start"], "it is dated before 1900");
    }
}

fn of_end(record: &RecordData, end: Moment, now: DateTime<Utc>, found: &mut Found) {
    let field = &["end"];
    let lasted = end.at - record.start.at;
    // RFC 3339, in which it is shown, has four digits for a year.
    if end.at.year() > 9999 {
        found.add(field, "it ends after the year 9999");
    } else if lasted < TimeDelta::zero() {
        found.add(field, "it ends before it begins");
    } else if matches!(record.body, Body::Measurement(_)) && !lasted.is_zero() {
        found.add(field, "a measurement is taken at one moment; leave its end out");
    } else if lasted > LONGEST {
        found.add(field, format!("it ends more than {} days after it begins", LONGEST.num_days()));
    } else if end.at.to_utc() > now + FAR_AHEAD {
        found.add(field, "it ends in the future");
    }
    if let Body::Exercise(exercise) = &record.body
        && lasted >= TimeDelta::zero()
        && exceeds(exercise, lasted)
    {
        let reason = "duration_s is longer than the time from start to end";
        found.add(&["exercise", "duration_s"], reason);
    }
}

/// Whether an exercise is said to have taken longer than there was time.
fn exceeds(exercise: &Exercise, lasted: TimeDelta) -> bool {
    let longest = Decimal::from((lasted + ROUNDING).num_seconds());
    exercise.duration_s.is_some_and(|duration| duration > longest)
}

fn of_measurement(measurement: &Measurement, found: &mut Found) {
    let range = human_range(measurement.r#type);
    if !range.contains(&measurement.value) {
        let (name, unit) = (measurement.r#type.name(), measurement.r#type.unit());
        found.add(&["measurement", "value"], out_of_range(name, &range, unit));
    }
}

fn out_of_range(name: &str, range: &RangeInclusive<Decimal>, unit: &str) -> String {
    let (low, high) = (range.start(), range.end());
    format!("{name} is out of any human range ({low} to {high} {unit})")
}

fn of_exercise(exercise: &Exercise, energy: ExerciseEnergy, found: &mut Found) {
    let could_be_estimated = exercise.duration_s.is_some() && exercise.avg_heart_rate.is_some();
    let lacks_energy = exercise.energy_kcal.is_none() && !could_be_estimated;
    if lacks_energy && energy == ExerciseEnergy::Required {
        found.add(
            &["exercise", "energy_kcal"],
            "an exercise needs its energy, or its duration and heart rate; the setting \
             records.exercise_energy = \"optional\" would keep it",
        );
    }
    let value_of = |field: &Field| match field.name {
        "duration_s" => exercise.duration_s,
        "energy_kcal" => exercise.energy_kcal,
        "distance_m" => exercise.distance_m,
        "steps" => exercise.steps.map(Decimal::from),
        "avg_heart_rate" => exercise.avg_heart_rate,
        _ => None,
    };
    of_fields("exercise", EXERCISE, value_of, found);
}

fn of_nutrition(nutrition: &Nutrition, found: &mut Found) {
    if nutrition.energy_kcal.is_none() {
        found.add(&["nutrition", "energy_kcal"], "a nutrition entry needs its energy");
    }
    let value_of = |field: &Field| match field.name {
        "energy_kcal" => nutrition.energy_kcal,
        "carbohydrate_g" => nutrition.carbohydrate_g,
        "fat_g" => nutrition.fat_g,
        "protein_g" => nutrition.protein_g,
        "fiber_g" => nutrition.fiber_g,
        "sodium_mg" => nutrition.sodium_mg,
        "water_ml" => nutrition.water_ml,
        _ => None,
    };
    of_fields("nutrition", NUTRITION, value_of, found);
}

fn of_fields(
    body: &'static str,
    fields: &'static [Field],
    value_of: impl Fn(&Field) -> Option<Decimal>,
    found: &mut Found,
) {
    for field in fields {
        let range = field.range();
        // Zero may have a sign.
        if value_of(field).is_some_and(|value| !range.contains(&value) && !value.is_zero()) {
            found.add(&[body, field.name], out_of_range(field.name, &range, field.unit));
        }
    }
}

#[cfg(test)]
mod tests {
    use partner_sdk::{Activity, MeasurementType};

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-03-04T12:00:00Z".parse().unwrap()
    }

    fn record(start: &str, body: Body) -> RecordData {
        let start = Moment::exact(start.parse().unwrap());
        RecordData { start, end: None, body }
    }

    fn weight() -> Body {
        Body::Measurement(Measurement { r#type: MeasurementType::Weight, value: 70.into() })
    }

    fn measurement(r#type: MeasurementType, value: &str) -> Option<String> {
        let body = Body::Measurement(Measurement { r#type, value: value.parse().unwrap() });
        refusal(&record("2026-03-04T06:00:00Z", body), now(), ExerciseEnergy::Optional)
    }

    #[test]
    fn measurements_of_people_are_kept_and_others_are_not() {
        use MeasurementType as Type;
        for (kind, value) in [
            (Type::Weight, "2.9"),
            (Type::Weight, "78.12"),
            (Type::Weight, "310"),
            (Type::Height, "178"),
            (Type::BodyFat, "21.4"),
            (Type::Bmi, "22.1"),
            (Type::Spo2, "100"),
            (Type::BodyTemperature, "36.6"),
            (Type::HeartRate, "61"),
            (Type::BoneMass, "3.1"),
            (Type::Systolic, "121"),
            (Type::Diastolic, "79"),
        ] {
            assert_eq!(measurement(kind, value), None, "{kind:?} {value}");
        }
        for (kind, value) in [
            (Type::Weight, "78120"),
            (Type::Weight, "0"),
            (Type::Weight, "-70"),
            (Type::Height, "1.78"),
            (Type::BodyFat, "0.18"),
            (Type::Spo2, "101"),
            (Type::BodyTemperature, "98.6"),
            (Type::HeartRate, "3"),
        ] {
            let reason = measurement(kind, value).unwrap();
            assert!(reason.contains("human range"), "{kind:?} {value}: {reason}");
        }
    }

    #[test]
    fn an_exercise_needs_energy_or_duration_and_rate_only_where_that_is_set() {
        let judge = |duration, energy, rate, rule| {
            let exercise = Exercise {
                activity: Activity::Running,
                duration_s: Option::map(duration, Decimal::from),
                energy_kcal: Option::map(energy, Decimal::from),
                avg_heart_rate: Option::map(rate, Decimal::from),
                ..Exercise::default()
            };
            refusal(&record("2026-03-04T06:00:00Z", Body::Exercise(exercise)), now(), rule)
        };
        let (optional, required) = (ExerciseEnergy::Optional, ExerciseEnergy::Required);
        for (duration, energy, rate) in
            [(None::<i64>, Some(300), None::<i64>), (Some(1800), None, Some(140))]
        {
            assert_eq!(judge(duration, energy, rate, optional), None);
            assert_eq!(judge(duration, energy, rate, required), None);
        }
        for (duration, rate) in [(None, None), (Some(1800), None), (None, Some(140))] {
            assert_eq!(judge(duration, None, rate, optional), None);
            let reason = judge(duration, None, rate, required).unwrap();
            assert!(reason.contains("records.exercise_energy"), "{reason}");
        }
        for (duration, energy) in [(-1, 300), (1800, 60_000)] {
            assert!(judge(Some(duration), Some(energy), None, optional).is_some());
        }
    }

    #[test]
    fn a_nutrition_entry_needs_energy_which_may_be_zero() {
        let judge = |energy: Option<i64>, fat: i64| {
            let nutrition = Nutrition {
                energy_kcal: energy.map(Decimal::from),
                fat_g: Some(fat.into()),
                ..Nutrition::default()
            };
            refusal(
                &record("2026-03-04T06:00:00Z", Body::Nutrition(nutrition)),
                now(),
                ExerciseEnergy::Optional,
            )
        };
        assert_eq!(judge(Some(0), 0), None);
        assert!(judge(None, 10).is_some());
        assert!(judge(Some(100), -1).is_some());
    }

    #[test]
    fn dates_outside_a_life_are_refused() {
        assert_eq!(
            refusal(&record("2026-03-05T12:00:00Z", weight()), now(), ExerciseEnergy::Optional),
            None
        );
        assert!(
            refusal(&record("2026-03-07T12:00:00Z", weight()), now(), ExerciseEnergy::Optional)
                .is_some()
        );
        assert!(
            refusal(&record("1890-01-01T00:00:00Z", weight()), now(), ExerciseEnergy::Optional)
                .is_some()
        );
        let mut backwards = record("2026-03-04T06:00:00Z", weight());
        backwards.end = Some(Moment::exact("2026-03-04T05:00:00Z".parse().unwrap()));
        assert!(refusal(&backwards, now(), ExerciseEnergy::Optional).is_some());
        let mut endless = record("2026-03-04T06:00:00Z", weight());
        endless.end = Some(Moment::exact("+10000-01-01T00:00:00Z".parse().unwrap()));
        assert!(refusal(&endless, now(), ExerciseEnergy::Optional).unwrap().contains("9999"));
    }

    fn exercise(start: &str, end: &str, seconds: Option<i64>) -> RecordData {
        let duration_s = seconds.map(Decimal::from);
        let body = Body::Exercise(Exercise { duration_s, ..Exercise::default() });
        let end = Some(Moment::exact(end.parse().unwrap()));
        RecordData { end, ..record(start, body) }
    }

    fn fields(record: &RecordData, author: Author) -> Vec<String> {
        let found = implausible(record, now(), ExerciseEnergy::Optional, author);
        found.into_iter().map(|one| one.field.join(".")).collect()
    }

    #[test]
    fn an_end_is_near_its_start_and_not_far_ahead() {
        for (start, end, seconds, wrong) in [
            ("2026-03-04T06:00:00Z", "2026-03-04T07:00:00Z", Some(3_600), &[][..]),
            ("2026-03-04T06:00:00Z", "2026-03-04T07:00:00Z", Some(3_660), &[]),
            ("2026-03-04T06:00:00Z", "2026-03-04T06:00:00Z", None, &[]),
            ("2026-02-04T06:00:00Z", "2026-02-18T06:00:00Z", None, &[]),
            ("2026-03-04T11:00:00Z", "2026-03-06T12:00:00Z", None, &[]),
            ("2026-03-04T06:00:00Z", "2026-03-04T07:00:00Z", Some(3_661), &["exercise.duration_s"]),
            ("2026-02-04T06:00:00Z", "2026-02-18T06:00:01Z", None, &["end"]),
            ("2026-03-04T11:00:00Z", "2026-03-06T12:00:01Z", None, &["end"]),
            ("2026-03-04T11:00:00Z", "2099-01-01T00:00:00Z", Some(3_600), &["end"]),
            ("2026-03-04T11:00:00Z", "2026-03-04T10:00:00Z", Some(3_600), &["end"]),
        ] {
            for author in [Author::Host, Author::Partner] {
                let found = fields(&exercise(start, end, seconds), author);
                assert_eq!(found, wrong, "{start} {end} {seconds:?} {author:?}");
            }
        }
    }

    #[test]
    fn what_a_host_app_measured_has_happened() {
        for (start, of_host, of_partner) in [
            ("2026-03-04T12:10:00Z", &[][..], &[][..]),
            ("2026-03-04T12:10:01Z", &["start"], &[]),
            ("2026-03-06T12:00:01Z", &["start"], &["start"]),
        ] {
            assert_eq!(fields(&record(start, weight()), Author::Host), of_host, "{start}");
            assert_eq!(fields(&record(start, weight()), Author::Partner), of_partner, "{start}");
        }
    }

    #[test]
    fn a_wrong_end_costs_a_partners_record_nothing_else() {
        let at = |text: &str| Moment::exact(text.parse().unwrap());
        let (start, end) = (at("2026-03-04T06:00:00Z"), at("2026-03-04T07:00:00Z"));
        assert_eq!(credible_end(start, Some(end), &weight()), None);
        assert_eq!(credible_end(start, Some(start), &weight()), Some(start));
        for (seconds, kept) in [(3_600, Some(end)), (7_200, None)] {
            let duration_s = Some(Decimal::from(seconds));
            let body = Body::Exercise(Exercise { duration_s, ..Exercise::default() });
            assert_eq!(credible_end(start, Some(end), &body), kept, "{seconds}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_found_at_once() {
        let nutrition = Nutrition {
            fat_g: Some((-1).into()),
            water_ml: Some(1_000_000.into()),
            ..Nutrition::default()
        };
        let mut meal = record("2026-04-04T06:00:00Z", Body::Nutrition(nutrition));
        meal.end = Some(Moment::exact("2026-04-04T05:00:00Z".parse().unwrap()));
        let wrong =
            ["start", "end", "nutrition.energy_kcal", "nutrition.fat_g", "nutrition.water_ml"];
        assert_eq!(fields(&meal, Author::Host), wrong);
    }
}
