//! Items in the form of the partners, and the values of the records made from them.

use partner_sandbox::Control;
use serde_json::Value;

/// A weight in the Withings format, measured `minutes` ago.
pub(crate) fn weight(control: &Control, grams: i64, minutes: i64) -> Value {
    serde_json::json!({
        "attrib": 0, "date": control.now() - 60 * minutes, "category": 1, "deviceid": "scale-1",
        "measures": [{"value": grams, "type": 1, "unit": -3}],
    })
}

/// The same item, stored at the partner some seconds ago. A cursor that wrongly moved to the
/// present misses it; an item stored just now would still be found by the overlap.
pub(crate) fn stored_before(mut item: Value, control: &Control, seconds_ago: i64) -> Value {
    item["created"] = (control.now() - seconds_ago).into();
    item["modified"] = (control.now() - seconds_ago).into();
    item
}

/// The values of all measurements of a type, in ascending order.
pub(crate) fn values(records: &[Value], measurement_type: &str) -> Vec<f64> {
    let of_type = records.iter().filter(|record| record["measurement"]["type"] == measurement_type);
    let mut values: Vec<f64> =
        of_type.map(|record| record["measurement"]["value"].as_f64().unwrap()).collect();
    values.sort_by(f64::total_cmp);
    values
}
