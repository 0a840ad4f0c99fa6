//! A user's records of one kind over time: at most 400 points or bars, with their sources.

pub(in crate::web) mod newest;
mod series;

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::MeasurementType;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::newest::NewestRecord;
use crate::model::{RecordId, UserId};
use crate::store::{PointFilter, PointsOf};
use crate::web::auth::AdminKey;
use crate::web::{Problem, State};

/// How far back a chart goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ChartRange)]
pub(in crate::web) enum Range {
    /// The last 30 days.
    #[default]
    #[serde(rename = "30d")]
    Month,
    /// The last 365 days.
    #[serde(rename = "1y")]
    Year,
    /// All there is.
    #[serde(rename = "all")]
    All,
}

impl Range {
    /// All of them, the shortest first.
    pub(in crate::web) const ALL: [Self; 3] = [Self::Month, Self::Year, Self::All];

    /// As it stands in addresses.
    pub(in crate::web) fn name(self) -> &'static str {
        match self {
            Self::Month => "30d",
            Self::Year => "1y",
            Self::All => "all",
        }
    }

    fn days(self) -> Option<i64> {
        match self {
            Self::Month => Some(30),
            Self::Year => Some(365),
            Self::All => None,
        }
    }
}

/// A source of what a chart shows.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct SourceCount {
    /// The partner; null for the host app's own.
    pub(in crate::web) partner: Option<String>,
    /// How many of its records were read.
    pub(in crate::web) count: usize,
}

/// A measurement.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::web) struct ChartPoint {
    pub(in crate::web) at: DateTime<Utc>,
    pub(in crate::web) value: f64,
    /// The partner it came from; null for the host app.
    pub(in crate::web) partner: Option<String>,
    #[schema(value_type = String, format = "uuid")]
    pub(in crate::web) record_id: RecordId,
}

/// The mean of the days before a time.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(in crate::web) struct Mean {
    pub(in crate::web) at: DateTime<Utc>,
    /// Null if there was no measurement in those days.
    pub(in crate::web) value: Option<f64>,
}

/// What came from one source in the days of a bar.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::web) struct BarPart {
    /// The partner; null for the host app.
    pub(in crate::web) partner: Option<String>,
    pub(in crate::web) value: f64,
    pub(in crate::web) count: usize,
}

/// The sum of some days, by source.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::web) struct Bar {
    /// The first day, by the clocks of where the records were made.
    pub(in crate::web) day: chrono::NaiveDate,
    pub(in crate::web) parts: Vec<BarPart>,
}

/// A user's records of one kind over time.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct ChartView {
    /// `exercise`, `nutrition`, or the type of a measurement.
    pub(in crate::web) kind: String,
    pub(in crate::web) range: Range,
    /// The unit of the values: minutes of exercise, kilocalories of nutrition, or the measurement's.
    pub(in crate::web) unit: String,
    pub(in crate::web) from: DateTime<Utc>,
    pub(in crate::web) to: DateTime<Utc>,
    /// Whether there are more records than a chart reads (10,000): then measurements are an even choice,
    /// and of others the newest are shown.
    pub(in crate::web) is_part: bool,
    pub(in crate::web) sources: Vec<SourceCount>,
    /// Measurements, 400 at most: of each part of the time the least and the greatest of each source.
    pub(in crate::web) points: Vec<ChartPoint>,
    /// The mean of the `mean_days` before each time.
    pub(in crate::web) means: Vec<Mean>,
    pub(in crate::web) mean_days: i64,
    /// Of exercises and nutrition: the sum of each `bar_days`, the oldest first.
    pub(in crate::web) bars: Vec<Bar>,
    pub(in crate::web) bar_days: i64,
    /// The ten newest records of the kind, of any time.
    pub(in crate::web) newest: Vec<NewestRecord>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// `exercise`, `nutrition`, or the type of a measurement.
    #[param(min_length = 1, max_length = 64, pattern = r"^[a-z0-9_]*$", example = "weight")]
    kind: String,
    /// How far back. Default `30d`.
    #[param(inline)]
    range: Option<Range>,
}

/// Returns a user's records of one kind over time, as a chart shows them.
#[utoipa::path(operation_id = "get_user_chart", tag = "admin", security(("key" = [])),
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and .."), Asked),
    responses(
        (status = 200, description = "The chart; without points or bars if there are no such records", body = ChartView),
        (status = 403, description = "The key does not have scope `admin`", body = Problem),
        (status = 404, description = "There is no such kind", body = Problem),
    ))]
#[get("/admin/api/users/{user}/chart")]
pub(in crate::web) async fn get(
    _: AdminKey,
    user: web::Path<UserId>,
    asked: web::Query<Asked>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let asked = asked.into_inner();
    let of = kind(&asked.kind).ok_or_else(|| {
        let detail = format!(
            "there is no kind `{}`; there are exercise, nutrition and the measurement types of GET /v1/kinds",
            asked.kind
        );
        Problem::not_found("unknown-kind", detail)
    })?;
    let found = view(&state, user.into_inner(), of, asked.range.unwrap_or_default()).await?;
    Ok(HttpResponse::Ok().json(found))
}

/// What a name stands for.
pub(in crate::web) fn kind(name: &str) -> Option<PointsOf> {
    match name {
        "exercise" => Some(PointsOf::Kind("exercise")),
        "nutrition" => Some(PointsOf::Kind("nutrition")),
        name => {
            let known = MeasurementType::ALL.iter().find(|known| known.name() == name);
            known.map(|known| PointsOf::Measurement(known.name()))
        }
    }
}

/// The chart of one kind.
pub(in crate::web) async fn view(
    state: &State,
    user: UserId,
    of: PointsOf,
    range: Range,
) -> Result<ChartView, Problem> {
    let now = state.now();
    // What is planned or was entered with a clock ahead belongs to the chart, too.
    let to = now + TimeDelta::days(1);
    let from = range.days().map(|days| now - TimeDelta::days(days));
    let found = state.store().points(user.clone(), PointFilter { of, from, to }).await?;
    let (kind, unit, field) = match of {
        PointsOf::Measurement(name) => {
            let known = MeasurementType::ALL.iter().find(|known| known.name() == name);
            (name, known.map_or("", |known| known.unit()), "value")
        }
        PointsOf::Kind("exercise") => ("exercise", "min", "duration_s"),
        PointsOf::Kind(kind) => (kind, "kcal", "energy_kcal"),
    };
    let values = series::values(found.points, field);
    let first = values.first().map(|value| value.point.at);
    let from = from.or(first).unwrap_or(now - TimeDelta::days(30)).min(now - TimeDelta::days(1));
    let last = values.last().map_or(now, |value| value.point.at.max(now));
    let mut view = ChartView {
        kind: kind.to_owned(),
        range,
        unit: unit.to_owned(),
        from,
        to: last,
        is_part: found.is_part,
        sources: series::sources(&values),
        points: Vec::new(),
        means: Vec::new(),
        mean_days: 0,
        bars: Vec::new(),
        bar_days: 0,
        newest: newest::newest(state, &user, of).await?,
    };
    match of {
        PointsOf::Measurement(_) => {
            (view.means, view.mean_days) = series::means(&values, from, now);
            view.points = series::thinned(values, view.sources.len());
        }
        PointsOf::Kind(kind) => {
            let scale = if kind == "exercise" { 1.0 / 60.0 } else { 1.0 };
            (view.bars, view.bar_days) = series::bars(&values, from, last, scale);
        }
    }
    Ok(view)
}
