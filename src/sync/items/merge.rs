//! Three-way merge of a partner's edit of a record that was pushed to it, so that what the partner
//! does not keep is not lost.

use partner_sdk::{Body, Exercise, Measurement, Moment, Nutrition, RecordData};

use super::echo::same_moment;

/// Returns the record after a partner's edit: what the partner shows now where it differs from what
/// it showed before (`shown`), and the record's own values everywhere else. A field that vanished
/// at the partner is kept: not every partner shows all its fields every time.
pub fn merge(record: &RecordData, shown: &RecordData, seen: &RecordData) -> RecordData {
    // Seconds that the partner cuts, or a zone it does not keep, are not an edit.
    let is_kept = |was: Moment, is: Moment| was.at == is.at || same_moment(was, is, false);
    let moment = |own: Moment, was: Moment, is: Moment| if is_kept(was, is) { own } else { is };
    RecordData {
        start: moment(record.start, shown.start, seen.start),
        end: match (record.end, shown.end, seen.end) {
            (Some(own), Some(was), Some(is)) => Some(moment(own, was, is)),
            (_, was, Some(is)) if was.is_none_or(|was| was.at != is.at) => Some(is),
            (own, _, _) => own,
        },
        body: match (&record.body, &shown.body, &seen.body) {
            (Body::Measurement(own), Body::Measurement(was), Body::Measurement(is)) => {
                let value = pick(own.value, was.value, is.value);
                Body::Measurement(Measurement { r#type: is.r#type, value })
            }
            (Body::Exercise(own), Body::Exercise(was), Body::Exercise(is)) => {
                Body::Exercise(exercise(own, was, is))
            }
            (Body::Nutrition(own), Body::Nutrition(was), Body::Nutrition(is)) => {
                Body::Nutrition(nutrition(own, was, is))
            }
            (_, _, seen) => seen.clone(),
        },
    }
}

fn pick<T: PartialEq>(own: T, was: T, is: T) -> T {
    if was == is { own } else { is }
}

fn pick_some<T: PartialEq>(own: Option<T>, was: Option<T>, is: Option<T>) -> Option<T> {
    if is.is_none() || was == is { own.or(is) } else { is }
}

fn exercise(own: &Exercise, was: &Exercise, is: &Exercise) -> Exercise {
    let renamed = was.activity != is.activity;
    let named = if renamed { is } else { own };
    Exercise {
        activity: named.activity,
        activity_original: named.activity_original.clone(),
        duration_s: pick_some(own.duration_s, was.duration_s, is.duration_s),
        energy_kcal: pick_some(own.energy_kcal, was.energy_kcal, is.energy_kcal),
        distance_m: pick_some(own.distance_m, was.distance_m, is.distance_m),
        steps: pick_some(own.steps, was.steps, is.steps),
        avg_heart_rate: pick_some(own.avg_heart_rate, was.avg_heart_rate, is.avg_heart_rate),
    }
}

fn nutrition(own: &Nutrition, was: &Nutrition, is: &Nutrition) -> Nutrition {
    Nutrition {
        meal: pick(own.meal, was.meal, is.meal),
        name: pick_some(own.name.clone(), was.name.clone(), is.name.clone()),
        energy_kcal: pick_some(own.energy_kcal, was.energy_kcal, is.energy_kcal),
        carbohydrate_g: pick_some(own.carbohydrate_g, was.carbohydrate_g, is.carbohydrate_g),
        fat_g: pick_some(own.fat_g, was.fat_g, is.fat_g),
        protein_g: pick_some(own.protein_g, was.protein_g, is.protein_g),
        fiber_g: pick_some(own.fiber_g, was.fiber_g, is.fiber_g),
        sodium_mg: pick_some(own.sodium_mg, was.sodium_mg, is.sodium_mg),
        water_ml: pick_some(own.water_ml, was.water_ml, is.water_ml),
    }
}

#[cfg(test)]
mod tests {
    use partner_sdk::{Activity, Decimal, TimeBasis};

    use super::*;

    fn run(start: &str, basis: TimeBasis, energy: &str, steps: Option<i64>) -> RecordData {
        let exercise = Exercise {
            activity: Activity::TrailRunning,
            energy_kcal: Some(energy.parse().unwrap()),
            steps,
            ..Exercise::default()
        };
        let start = Moment { at: start.parse().unwrap(), basis };
        RecordData { start, end: None, body: Body::Exercise(exercise) }
    }

    #[test]
    fn only_what_changed_at_the_partner_changes_here() {
        let own = run("2026-03-04T06:15:30+01:00", TimeBasis::Exact, "350.4", Some(4000));
        let shown = run("2026-03-04T06:15:00+00:00", TimeBasis::Local, "350", None);
        let edited = run("2026-03-04T06:15:00+00:00", TimeBasis::Local, "360", None);
        let merged = merge(&own, &shown, &edited);
        let Body::Exercise(exercise) = &merged.body else { panic!() };
        assert_eq!(exercise.energy_kcal, Some(Decimal::from(360)));
        assert_eq!((exercise.steps, exercise.activity), (Some(4000), Activity::TrailRunning));
        assert_eq!(merged.start, own.start);
        let moved = run("2026-03-04T07:15:00+00:00", TimeBasis::Local, "350", None);
        let merged = merge(&own, &shown, &moved);
        assert_eq!(merged.start, moved.start);
        assert_eq!(merge(&own, &shown, &shown), own);
    }
}
