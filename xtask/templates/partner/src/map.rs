//! Maps items to records.

use partner_sdk::chrono::{DateTime, FixedOffset};
use partner_sdk::serde_json::Value;
use partner_sdk::{
    Body, Measurement, MeasurementType, Moment, Number, RejectedRecord, RemoteRecord,
};
use serde::Deserialize;

/// The id of a raw item, if it can be read.
pub(crate) fn id(item: &Value) -> Option<String> {
    item.get("id")?.as_str().map(Into::into)
}

/// One weight, in kilograms.
#[derive(Deserialize)]
pub(crate) struct Weight {
    id: String,
    time: DateTime<FixedOffset>,
    weight: Number,
}

pub(crate) fn weight(item: Weight) -> Vec<Result<RemoteRecord, RejectedRecord>> {
    vec![Ok(RemoteRecord {
        source_id: item.id,
        group: None,
        start: Moment::exact(item.time),
        end: None,
        modified: None,
        body: Body::Measurement(Measurement {
            r#type: MeasurementType::Weight,
            value: item.weight.into(),
        }),
    })]
}
