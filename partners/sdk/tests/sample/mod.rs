//! Pulsebox: weight and heart rate; weight is also written. Sources: its API reference, 2026-02.

use std::time::Duration;

use partner_sdk::chrono::{DateTime, FixedOffset, TimeDelta};
use partner_sdk::rust_decimal::Decimal;
use partner_sdk::serde_json::{Value, json};
use partner_sdk::{
    Action, Auth, Body, ClientAuth, Cursor, Feed, Kind, Limit, Manifest, Measurement,
    MeasurementType, Moment, Number, OAuth2, Page, Partner, PartnerError, PollRequest, PushRequest,
    Pushed, RejectedRecord, RemoteRecord, RemoteRef, Session, Update, Writable, async_trait,
};
use serde::Deserialize;

/// The partner Pulsebox.
pub struct Pulsebox;

static MANIFEST: Manifest = Manifest {
    name: "pulsebox",
    title: "Pulsebox",
    auth: Auth::OAuth2(OAuth2 {
        authorize_url: "https://account.pulsebox.example/oauth/authorize",
        token_url: "https://account.pulsebox.example/oauth/token",
        revoke_url: Some("https://account.pulsebox.example/oauth/revoke"),
        scopes: &["readings.read", "readings.write"],
        scope_separator: " ",
        client_auth: ClientAuth::Basic,
        pkce: true,
        authorize_params: &[],
        token_params: &[],
    }),
    api_url: "https://api.pulsebox.example",
    feeds: &[Feed {
        name: "readings",
        kinds: &[
            Kind::Measurement(MeasurementType::Weight),
            Kind::Measurement(MeasurementType::HeartRate),
        ],
        // "Listing readings": changed_since filters by the instant of modification.
        trailing: Duration::ZERO,
        wide: Duration::ZERO,
        scopes: &[],
    }],
    push: &[Writable {
        kinds: &[Kind::Measurement(MeasurementType::Weight)],
        update: Update::InPlace,
        delete: true,
        day_only: false,
        batch: 1,
        scopes: &[],
    }],
    // "Fair use": 1,000 calls an hour for one application.
    limits: &[Limit::app(1_000, Duration::from_secs(3_600))],
    retry_wait: Duration::from_secs(60),
    backfill: Duration::from_secs(365 * 24 * 60 * 60),
    // "Errors": plain HTTP statuses, which the general rules cover.
    read_error: |_| None,
    read_limits: |_| Vec::new(),
    ended: None,
};

/// "Listing readings": the response. `until` is where the next listing starts. The first page fixes
/// it, so that what changes between two pages is not lost.
#[derive(Deserialize)]
struct Listing {
    readings: Vec<Value>,
    next_page: Option<String>,
    until: String,
}

/// "Readings": what one device measured at one time, either value or both.
#[derive(Deserialize)]
struct Reading {
    id: String,
    taken_at: DateTime<FixedOffset>,
    weight_g: Option<Number>,
    pulse: Option<Number>,
}

#[async_trait]
impl Partner for Pulsebox {
    fn manifest(&self) -> &'static Manifest {
        &MANIFEST
    }

    async fn poll(&self, session: &Session, request: &PollRequest) -> Result<Page, PartnerError> {
        let parameter = match (&request.page, &request.cursor) {
            (Some(page), _) => ("page", page.clone()),
            (None, Some(cursor)) => ("changed_since", cursor.0.clone()),
            (None, None) => ("taken_since", request.backfill_from.to_rfc3339()),
        };
        let listing: Listing = session.get("/v1/readings").query(&[parameter]).fetch().await?;
        if listing.next_page.is_some() && listing.next_page == request.page {
            return Err(PartnerError::Malformed("a page names itself as the next".into()));
        }
        let mut page = Page { next_page: listing.next_page, ..Page::default() };
        if page.next_page.is_none() {
            page.cursor = Some(Cursor(listing.until));
        }
        page.read_each(listing.readings, |raw| raw.get("id")?.as_str().map(Into::into), records);
        Ok(page)
    }

    async fn push(&self, session: &Session, request: &PushRequest) -> Result<Pushed, PartnerError> {
        let reply = match &request.action {
            Action::Create => {
                Some(session.post("/v1/readings").json(&reading(request)?).write().await?)
            }
            Action::Update(there) => {
                session.patch(&path(there)).json(&reading(request)?).change().await?
            }
            // "Deleting": one value of a reading; one without values is gone.
            Action::Delete(there) => {
                session.delete(&format!("{}/weight_g", path(there))).change().await?;
                None
            }
        };
        let Some(reply) = reply else { return Ok(Pushed::Gone) };
        let written = of_kind(records(reply.json()?), request).next();
        written.map(Pushed::there).ok_or(PartnerError::Malformed("the answer has no weight".into()))
    }

    async fn find_existing(
        &self,
        session: &Session,
        request: &PushRequest,
    ) -> Result<Vec<RemoteRecord>, PartnerError> {
        let (from, to) = request.about(TimeDelta::minutes(2));
        let about = [("taken_since", from.to_rfc3339()), ("taken_until", to.to_rfc3339())];
        let listing: Listing = session.get("/v1/readings").query(&about).fetch().await?;
        let mut page = Page::default();
        page.read_each(listing.readings, |_| None, records);
        Ok(of_kind(page.records, request).collect())
    }

    async fn external_user_id(&self, _: &Session, token: &Value) -> Result<String, PartnerError> {
        let id = token.get("account").and_then(Value::as_str).map(ToOwned::to_owned);
        id.ok_or(PartnerError::Malformed("the token answer has no account".into()))
    }
}

fn records(reading: Reading) -> Vec<Result<RemoteRecord, RejectedRecord>> {
    let kilograms = reading.weight_g.map(|grams| grams.0 / Decimal::ONE_THOUSAND);
    let values = [
        (MeasurementType::Weight, kilograms),
        (MeasurementType::HeartRate, reading.pulse.map(Decimal::from)),
    ];
    let record = |(r#type, value): (MeasurementType, Option<Decimal>)| {
        Some(Ok(RemoteRecord {
            source_id: format!("{}:{}", reading.id, r#type.name()),
            group: Some(reading.id.clone()),
            start: Moment::exact(reading.taken_at),
            end: None,
            modified: None,
            body: Body::Measurement(Measurement { r#type, value: value?.normalize() }),
        }))
    };
    values.into_iter().filter_map(record).collect()
}

/// "Writing": the same form as a reading; weight in whole grams. A change keeps omitted values.
fn reading(request: &PushRequest) -> Result<Value, PartnerError> {
    let Body::Measurement(Measurement { value, .. }) = &request.record.body else {
        return Err(PartnerError::Rejected("it takes no records of this kind".into()));
    };
    let grams = value.checked_mul(Decimal::ONE_THOUSAND).map(|grams| Number(grams.round()));
    Ok(json!({"taken_at": request.record.start.at.to_rfc3339(), "weight_g": grams}))
}

fn path(there: &RemoteRef) -> String {
    format!("/v1/readings/{}", there.group.as_deref().unwrap_or(&there.source_id))
}

fn of_kind(
    records: Vec<Result<RemoteRecord, RejectedRecord>>,
    request: &PushRequest,
) -> impl Iterator<Item = RemoteRecord> {
    let kind = request.kind();
    records.into_iter().flatten().filter(move |record| record.body.kind() == kind)
}
