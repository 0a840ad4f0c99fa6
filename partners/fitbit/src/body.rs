//! The logs of weight and of body fat, which differ only in their names.

use partner_sdk::chrono::{NaiveDate, NaiveTime};
use partner_sdk::serde_json::Value;
use partner_sdk::{
    Action, Body, Decimal, Measurement, MeasurementType, Moment, Number, Page, PartnerError,
    PollRequest, PushRequest, Pushed, RejectedRecord, RemoteRecord, Session, Tz,
};
use serde::Deserialize;

use crate::api;
use crate::walk::{Manner, Walk, group};

/// One of the two logs.
#[derive(Debug)]
pub(crate) struct Log {
    /// The name in paths, in answers and in source ids.
    name: &'static str,
    /// The field of an answer to a write that holds the entry.
    written: &'static str,
    r#type: MeasurementType,
}

pub(crate) const WEIGHT: Log =
    Log { name: "weight", written: "weightLog", r#type: MeasurementType::Weight };

/// A weight entry may also contain the fat; the fat log has it as well.
pub(crate) const FAT: Log =
    Log { name: "fat", written: "fatLog", r#type: MeasurementType::BodyFat };

/// "Get Weight Log by Date Range": at most 31 days.
pub(crate) const MANNER: Manner =
    Manner { days_a_call: 31, recent: 28, ahead: 1, calls: 24, calls_for_the_past: 1 };

/// The source of entries written by an application (seen in the field).
const WRITTEN_BY_AN_APPLICATION: &str = "API";

/// "Get Weight Log": kilograms unless a header sets the units; fat is in percent. The time is the
/// user's wall time.
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "logId")]
    log_id: i64,
    date: NaiveDate,
    time: NaiveTime,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    weight: Option<Number>,
    #[serde(default)]
    fat: Option<Number>,
}

impl Log {
    /// Reads the entries of an answer into `page`.
    ///
    /// `logId` is the wall time in milliseconds, and so not unique: entries of two sources in the
    /// same second share it (seen in the field). So the source id includes the source, which stays
    /// the same as long as the entry exists.
    fn read(&self, page: &mut Page, answer: &mut Value, zone: Tz) -> Result<(), PartnerError> {
        let entries = answer.get_mut(self.name).map(Value::take);
        let entries = entries.and_then(|entries| partner_sdk::list_or_nothing(entries).ok());
        let entries =
            entries.ok_or(PartnerError::Malformed("the answer has no list of entries".into()))?;
        let id = |raw: &Value| {
            Some(self.source_id(raw.get("logId")?.as_i64()?, raw.get("source")?.as_str()))
        };
        page.read_each(entries, id, |entry: Entry| vec![self.remote(&entry, zone)]);
        Ok(())
    }

    fn source_id(&self, log_id: i64, source: Option<&str>) -> String {
        format!("{}/{log_id}/{}", self.name, source.unwrap_or_default())
    }

    fn remote(&self, entry: &Entry, zone: Tz) -> Result<RemoteRecord, RejectedRecord> {
        let source_id = self.source_id(entry.log_id, entry.source.as_deref());
        let value = match self.r#type {
            MeasurementType::Weight => entry.weight,
            _ => entry.fat,
        };
        let start = Moment::local(entry.date.and_time(entry.time), zone);
        let (Some(value), Some(start)) = (value, start) else {
            return Err(RejectedRecord::new(source_id, "it has no value, or a time out of range"));
        };
        let measurement = Measurement { r#type: self.r#type, value: Decimal::from(value) };
        Ok(RemoteRecord {
            source_id,
            group: Some(group(self.name, entry.date)),
            start,
            end: None,
            modified: None,
            body: Body::Measurement(measurement),
        })
    }

    async fn fetch(
        &self,
        session: &Session,
        first: NaiveDate,
        last: NaiveDate,
        zone: Tz,
    ) -> Result<Page, PartnerError> {
        let path = format!("/1/user/-/body/log/{}/date/{first}/{last}.json", self.name);
        let mut answer: Value = session.get(&path).fetch().await?;
        let mut page = Page::default();
        self.read(&mut page, &mut answer, zone)?;
        Ok(page)
    }
}

pub(crate) async fn poll(
    log: &Log,
    session: &Session,
    request: &PollRequest,
) -> Result<Page, PartnerError> {
    let (walk, days) = Walk::of(request, &MANNER)?;
    let page = log.fetch(session, days.first, days.last, request.time_zone).await?;
    walk.go_on(page, request, log.name, days)
}

/// "Create Weight Log", "Create Body Fat Log": two decimal places.
pub(crate) async fn push(
    log: &Log,
    session: &Session,
    request: &PushRequest,
) -> Result<Pushed, PartnerError> {
    let path = format!("body/log/{}", log.name);
    match (&request.action, &request.record.body) {
        (Action::Delete(remote_ref), _) => api::delete(session, &path, &remote_ref.source_id).await,
        (Action::Create, Body::Measurement(measurement)) => {
            let wall = api::wall_start(request);
            let form = [
                (log.name, api::rounded(measurement.value, 2).to_string()),
                ("date", wall.format("%Y-%m-%d").to_string()),
                ("time", wall.format("%H:%M:%S").to_string()),
            ];
            let call = session.post(&format!("/1/user/-/{path}.json")).form(&form);
            let mut answer: Value = call.write().await?.json()?;
            let entry = answer.get_mut(log.written).map(Value::take).unwrap_or_default();
            let mut entry: Entry = Entry::deserialize(entry).map_err(|_| not_shown())?;
            entry.source.get_or_insert_with(|| WRITTEN_BY_AN_APPLICATION.to_owned());
            let written = log.remote(&entry, request.time_zone).map_err(|_| not_shown())?;
            Ok(Pushed::there(written))
        }
        _ => Err(api::not_taken()),
    }
}

fn not_shown() -> PartnerError {
    PartnerError::Malformed("the answer does not show the entry that was written".into())
}

pub(crate) async fn find_existing(
    log: &Log,
    session: &Session,
    request: &PushRequest,
) -> Result<Vec<RemoteRecord>, PartnerError> {
    let day = api::wall_start(request).date_naive();
    let (first, last) = (day.pred_opt().unwrap_or(day), day.succ_opt().unwrap_or(day));
    let page = log.fetch(session, first, last, request.time_zone).await?;
    Ok(page.records.into_iter().flatten().collect())
}
