//! Records as values over time, no more than a chart shows.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::{Bar, BarPart, ChartPoint, Mean, SourceCount};
use crate::store::Point;

/// The most points or bars of a chart.
const MOST: usize = 400;

/// For how many times a mean is computed, at most.
const MEANS: i64 = 100;

/// A value, and its day by the clock of where it was made.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) point: ChartPoint,
    pub(super) day: NaiveDate,
}

/// What records say in one field, in the order of their times; those without it are left out.
pub(super) fn values(points: Vec<Point>, field: &str) -> Vec<Value> {
    let value = |it: Point| {
        let value = it.content.get(field)?.as_f64()?;
        let day = (it.at + TimeDelta::seconds(it.offset.into())).date_naive();
        let point =
            ChartPoint { at: it.at, value, partner: it.source_partner, record_id: it.record };
        Some(Value { point, day })
    };
    points.into_iter().filter_map(value).collect()
}

/// Where they came from, the most first.
pub(super) fn sources(values: &[Value]) -> Vec<SourceCount> {
    let mut counts: BTreeMap<&Option<String>, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(&value.point.partner).or_default() += 1;
    }
    let count = |(partner, count): (&Option<String>, usize)| SourceCount {
        partner: partner.clone(),
        count,
    };
    let mut sources: Vec<_> = counts.into_iter().map(count).collect();
    sources.sort_by_key(|source| std::cmp::Reverse(source.count));
    sources
}

/// At most 400 points: of each part of the time, the least and the greatest of each source.
pub(super) fn thinned(values: Vec<Value>, sources: usize) -> Vec<ChartPoint> {
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return Vec::new() };
    if values.len() <= MOST {
        return values.into_iter().map(|value| value.point).collect();
    }
    let parts = (MOST / 2 / sources.max(1)).max(1);
    let (begin, span) = (first.point.at, last.point.at - first.point.at);
    let each = (span.num_milliseconds() / i64::try_from(parts).unwrap_or(1)).max(0) + 1;
    let mut kept: BTreeMap<(i64, Option<String>), (ChartPoint, ChartPoint)> = BTreeMap::new();
    for Value { point, .. } in values {
        let part = (point.at - begin).num_milliseconds() / each;
        kept.entry((part, point.partner.clone()))
            .and_modify(|(least, greatest)| {
                if point.value < least.value {
                    *least = point.clone();
                }
                if point.value > greatest.value {
                    *greatest = point.clone();
                }
            })
            .or_insert_with(|| (point.clone(), point.clone()));
    }
    let both = kept.into_values().flat_map(|(least, greatest)| {
        let other = (greatest.record_id != least.record_id).then_some(greatest);
        std::iter::once(least).chain(other)
    });
    let mut points: Vec<_> = both.collect();
    points.sort_by_key(|point| point.at);
    points
}

/// The mean of the days before each time, and of how many days.
pub(super) fn means(values: &[Value], from: DateTime<Utc>, to: DateTime<Utc>) -> (Vec<Mean>, i64) {
    let span = (to - from).num_days().max(1);
    let days = match span {
        ..=60 => 7,
        61..=400 => 30,
        longer => (longer / 12).max(30),
    };
    let steps = span.min(MEANS);
    let (mut start, mut end) = (0, 0);
    let mut means = Vec::new();
    for step in 0..=steps {
        let at = from
            + (to - from) / i32::try_from(steps).unwrap_or(1) * i32::try_from(step).unwrap_or(0);
        let begin = at - TimeDelta::days(days);
        while values.get(end).is_some_and(|value| value.point.at <= at) {
            end += 1;
        }
        while start < end && values.get(start).is_some_and(|value| value.point.at <= begin) {
            start += 1;
        }
        let within = values.get(start..end).unwrap_or_default();
        let sum: f64 = within.iter().map(|value| value.point.value).sum();
        let value = (!within.is_empty()).then(|| sum / within.len() as f64);
        means.push(Mean { at, value });
    }
    (means, days)
}

/// The sums of days, weeks or longer, so that there are no more than 400, and of how many days.
pub(super) fn bars(
    values: &[Value],
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    scale: f64,
) -> (Vec<Bar>, i64) {
    let span = (to - from).num_days().max(1);
    let days = match span {
        ..=60 => 1,
        61..=800 => 7,
        longer => (longer / i64::try_from(MOST).unwrap_or(1) + 1).max(28),
    };
    let first = from.date_naive();
    let mut bars: BTreeMap<NaiveDate, BTreeMap<Option<String>, (f64, usize)>> = BTreeMap::new();
    for Value { point, day } in values {
        let place = (*day - first).num_days().div_euclid(days);
        let begin = first + TimeDelta::days(place * days);
        let part = bars.entry(begin).or_default().entry(point.partner.clone()).or_default();
        *part = (part.0 + point.value * scale, part.1 + 1);
    }
    let bars = bars.into_iter().map(|(day, parts)| {
        let part = |(partner, (value, count))| BarPart { partner, value, count };
        Bar { day, parts: parts.into_iter().map(part).collect() }
    });
    (bars.collect(), days)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RecordId;

    fn value(hour: i64, value: f64, partner: &str) -> Value {
        let at = DateTime::UNIX_EPOCH + TimeDelta::hours(hour);
        let (partner, record_id) = (Some(partner.to_owned()), RecordId::generate());
        Value { point: ChartPoint { at, value, partner, record_id }, day: at.date_naive() }
    }

    fn at(day: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(day)
    }

    #[test]
    fn thinning_keeps_the_extremes_of_each_source() {
        let mut values: Vec<_> =
            (0..5_000).map(|hour| value(hour, 70.0 + (hour % 10) as f64, "withings")).collect();
        values.extend((0..5_000).map(|hour| value(hour, 50.0, "strava")));
        values.push(value(2_500, 99.0, "strava"));
        values.push(value(2_501, 12.0, "withings"));
        values.sort_by_key(|value| value.point.at);
        let points = thinned(values, 2);
        assert!(points.len() <= MOST && points.len() > 100, "{}", points.len());
        for extreme in [99.0, 12.0] {
            assert!(points.iter().any(|point| point.value == extreme), "{extreme}");
        }
        assert!(points.is_sorted_by_key(|point| point.at));
    }

    #[test]
    fn a_mean_has_a_gap_where_nothing_was_measured() {
        let values = [value(24, 70.0, "a"), value(48, 72.0, "a"), value(24 * 25, 80.0, "a")];
        let (means, days) = means(&values, at(0), at(30));
        assert_eq!((means.len(), days), (31, 7));
        let of = |day: usize| means[day].value;
        assert_eq!((of(0), of(1), of(2)), (None, Some(70.0), Some(71.0)));
        assert_eq!((of(9), of(24), of(25), of(30)), (None, None, Some(80.0), Some(80.0)));
    }

    #[test]
    fn bars_are_days_then_weeks_and_never_more_than_fit() {
        let values: Vec<_> = (0..3_000).map(|day| value(day * 24, 60.0, "a")).collect();
        for (span, wanted) in [(30, 1), (365, 7), (3_000, 28), (20_000, 51)] {
            let (bars, days) = bars(&values[..span.min(3_000)], at(0), at(span as i64), 1.0 / 60.0);
            assert_eq!(days, wanted);
            assert!(bars.len() <= MOST);
            assert_eq!(bars[1].parts[0].value, days as f64);
        }
    }
}
