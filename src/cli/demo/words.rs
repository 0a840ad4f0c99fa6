//! What a change of the feed is about, in words.

use serde_json::Value;

use super::title;

/// The text at a place.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// The partner whose record a change is about; empty for the host app's own.
pub(super) fn partner(change: &Value) -> &str {
    text(change, "/record/source/partner").unwrap_or_default()
}

/// The type of a measurement, or the kind of what is none.
pub(super) fn kind(change: &Value) -> &str {
    text(change, "/record/measurement/type")
        .or_else(|| text(change, "/record/kind"))
        .unwrap_or("record")
}

/// Where a record came from.
pub(super) fn source(change: &Value) -> String {
    match partner(change) {
        "" => "the host app".to_owned(),
        partner => title(partner),
    }
}

/// The weight, if a change is about one.
pub(super) fn weight(change: &Value) -> Option<f64> {
    let is_weight = kind(change) == "weight";
    change.pointer("/record/measurement/value").and_then(Value::as_f64).filter(|_| is_weight)
}

/// `weight 71.3 kg`, `running 5.2 km in 31 min`, `lunch, 612 kcal`.
pub(super) fn what(change: &Value) -> String {
    let number = |pointer: &str| change.pointer(pointer).and_then(Value::as_f64);
    if let Some(value) = number("/record/measurement/value") {
        let unit = text(change, "/record/measurement/unit").unwrap_or_default();
        let unit = match unit {
            "Cel" => "°C",
            "mm[Hg]" => "mmHg",
            "/min" => "a minute",
            other => other,
        };
        return format!("{} {} {unit}", kind(change).replace('_', " "), rounded(value));
    }
    if let Some(activity) = text(change, "/record/exercise/activity") {
        let mut words = match activity {
            "other" => "exercise".to_owned(),
            activity => activity.replace('_', " "),
        };
        if let Some(metres) = number("/record/exercise/distance_m") {
            words.push_str(&format!(" {:.1} km", metres / 1_000.0));
        }
        if let Some(seconds) = number("/record/exercise/duration_s") {
            words.push_str(&format!(" in {:.0} min", seconds / 60.0));
        }
        return words;
    }
    let meal = text(change, "/record/nutrition/meal").unwrap_or("record").replace('_', " ");
    match number("/record/nutrition/energy_kcal") {
        Some(energy) => format!("{meal}, {energy:.0} kcal"),
        None => meal,
    }
}

/// At most three places after the point, none of them a zero at the end.
pub(super) fn rounded(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_is_named_by_what_people_know_of_it() {
        let of = |record: Value| what(&json!({ "record": record }));
        let weight = json!({"measurement": {"type": "weight", "value": 71.30, "unit": "kg"}});
        assert_eq!(of(weight), "weight 71.3 kg");
        let run = json!({"kind": "exercise", "exercise":
            {"activity": "running", "distance_m": 5_210, "duration_s": 1_860.0}});
        assert_eq!(of(run), "running 5.2 km in 31 min");
        let yoga = json!({"kind": "exercise", "exercise":
            {"activity": "yoga", "distance_m": null, "duration_s": 1_800}});
        assert_eq!(of(yoga), "yoga in 30 min");
        let lunch =
            json!({"kind": "nutrition", "nutrition": {"meal": "lunch", "energy_kcal": 612}});
        assert_eq!(of(lunch), "lunch, 612 kcal");
        assert_eq!((rounded(100.0), rounded(0.1 + 0.2)), ("100".into(), "0.3".into()));
    }
}
