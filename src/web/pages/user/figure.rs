//! A user's records over time, as a chart with its sources.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};

use super::looks;
use crate::web::State;
use crate::web::admin::users::chart::newest::in_words;
use crate::web::admin::users::chart::{ChartView, Range};
use crate::web::pages::chart::{
    Chart, Column, Dots, Figure, Line, Look, Mark, Outage, Point, Scale, key, number,
};
use crate::web::pages::words;

/// A row below the chart.
pub(super) struct Row {
    pub(super) machine: String,
    pub(super) when: String,
    pub(super) value: String,
    pub(super) source: String,
    /// The record's id, if the row is one record.
    pub(super) record: Option<String>,
}

/// The chart, its head and its key.
pub(super) fn figure(
    state: &State,
    view: &ChartView,
    silent: &[(String, DateTime<Utc>)],
) -> String {
    let during = match view.range {
        Range::Month => "the last 30 days".to_owned(),
        Range::Year => "the last year".to_owned(),
        Range::All => format!("the time since {}", view.from.format("%-d %b %Y")),
    };
    let title = in_words(&view.kind);
    let says = says(state, view, &title, &during);
    let is_measured = view.bars.is_empty();
    let empty = format!("No {} in {during}.", title.to_lowercase());
    let mut chart = Chart::new(view.from.timestamp(), view.to.timestamp(), 210)
        .scale(if is_measured { Scale::Range } else { Scale::Whole })
        .unit(&view.unit)
        .times(times(view))
        .says(says)
        .empty(&empty);
    let words: Vec<(i64, String)> = silent
        .iter()
        .filter(|(_, since)| *since < view.to)
        .map(|(who, since)| {
            (since.timestamp(), format!("{who} silent since {}", since.format("%-d %b")))
        })
        .collect();
    for (since, words) in &words {
        let from = (*since).max(view.from.timestamp());
        chart = chart.outage(Outage { from, to: view.to.timestamp(), bad: true, words });
    }
    let looks: Vec<(Option<String>, Mark)> = view
        .sources
        .iter()
        .map(|source| (source.partner.clone(), looks::source(state, source.partner.as_deref())))
        .collect();
    let dots: Vec<(Mark, Vec<(i64, f64)>)> = looks
        .iter()
        .map(|(partner, mark)| {
            let of_it = view.points.iter().filter(|point| point.partner == *partner);
            (*mark, of_it.map(|point| (point.at.timestamp(), point.value)).collect())
        })
        .collect();
    let means: Vec<Point> =
        view.means.iter().map(|mean| (mean.at.timestamp(), mean.value)).collect();
    if is_measured && !view.points.is_empty() {
        chart = chart.line(Line { points: &means, look: Look::Off, thin: true, label: None });
        for (mark, points) in &dots {
            chart = chart.dots(Dots { points, mark: *mark });
        }
    } else {
        chart = chart.columns(columns(state, view));
    }
    let mut items: Vec<(Mark, String)> = view
        .sources
        .iter()
        .zip(&looks)
        .map(|(source, (partner, mark))| {
            let title = looks::source_title(state, partner.as_deref());
            (*mark, format!("{title}, {}", words::number(source.count)))
        })
        .collect();
    items.sort_by(|one, other| one.1.cmp(&other.1));
    let mut below = String::new();
    if view.mean_days > 0 && !view.points.is_empty() {
        write!(
            below,
            "<p class=\"small dim\">The line is the mean of {} days.</p>",
            view.mean_days
        )
        .unwrap_or_default();
    }
    if view.is_part {
        let part =
            if is_measured { "An even choice of them is drawn." } else { "The newest are drawn." };
        write!(below, "<p class=\"small dim\">There are more than 10,000 in this time. {part}</p>")
            .unwrap_or_default();
    }
    let (now, when) = now(view);
    let key = if items.is_empty() { String::new() } else { key(&items) };
    let (plot, below) = (chart.plot(), below.as_str());
    Figure {
        id: "chart",
        heading: 3,
        title: &title,
        now: (&now, &when),
        values: "",
        key: &key,
        plot: &plot,
        below,
    }
    .html()
}

fn columns(state: &State, view: &ChartView) -> Vec<Column> {
    let column = |bar: &crate::web::admin::users::chart::Bar| {
        let begin = bar.day.and_time(chrono::NaiveTime::MIN).and_utc();
        let end = begin + TimeDelta::days(view.bar_days);
        let part = |part: &crate::web::admin::users::chart::BarPart| {
            (part.value, looks::source(state, part.partner.as_deref()).look())
        };
        let parts = bar.parts.iter().map(part).collect();
        Column { from: begin.timestamp(), to: end.timestamp(), parts }
    };
    view.bars.iter().map(column).collect()
}

/// The texts at the start, in the middle and at the end.
fn times(view: &ChartView) -> Vec<String> {
    let middle = view.from + (view.to - view.from) / 2;
    let format = if view.to - view.from > TimeDelta::days(300) { "%b %Y" } else { "%-d %b" };
    [view.from, middle, view.to].iter().map(|at| at.format(format).to_string()).collect()
}

/// The latest value and when it is from.
fn now(view: &ChartView) -> (String, String) {
    let latest = view.points.last().map(|point| {
        let value = format!("{} {}", number(point.value, 1), view.unit);
        (value, words::clock(&point.at, &view.to))
    });
    let latest = latest.or_else(|| {
        let bar = view.bars.last()?;
        let sum: f64 = bar.parts.iter().map(|part| part.value).sum();
        let value = format!("{} {}", number(sum, 0), view.unit);
        let days = if view.bar_days == 1 { "" } else { "from " };
        Some((value, format!("{days}{}", bar.day.format("%-d %b"))))
    });
    latest.unwrap_or_default()
}

/// What the chart shows, in a sentence.
fn says(state: &State, view: &ChartView, title: &str, during: &str) -> String {
    let unit = &view.unit;
    if let (Some(first), Some(last)) = (view.points.first(), view.points.last()) {
        let sources =
            view.sources.iter().map(|it| looks::source_title(state, it.partner.as_deref()));
        let sources: Vec<_> = sources.collect();
        return format!(
            "{title} over {during}: from {} {unit} on {} to {} {unit} on {}, from {}.",
            number(first.value, 1),
            first.at.format("%-d %B"),
            number(last.value, 1),
            last.at.format("%-d %B"),
            sources.join(" and "),
        );
    }
    let sums = view.bars.iter().map(|bar| bar.parts.iter().map(|part| part.value).sum::<f64>());
    let (least, most) =
        sums.fold((f64::INFINITY, 0.0_f64), |(least, most), sum| (least.min(sum), most.max(sum)));
    if view.bars.is_empty() {
        return format!("{title} over {during}: none.");
    }
    let each = match view.bar_days {
        1 => "a day".to_owned(),
        7 => "a week".to_owned(),
        days => format!("in {days} days"),
    };
    format!(
        "{title} over {during}: between {} and {} {unit} {each}, where there was any.",
        number(least, 0),
        number(most, 0)
    )
}

/// The table of what is drawn, the newest first.
pub(super) fn rows(state: &State, view: &ChartView, now: DateTime<Utc>) -> Vec<Row> {
    const SHOWN: usize = 100;
    let source = |partner: Option<&str>| looks::source_title(state, partner).to_owned();
    let of_point = |point: &crate::web::admin::users::chart::ChartPoint| Row {
        machine: words::machine(&point.at),
        when: words::clock(&point.at, &now),
        value: format!("{} {}", number(point.value, 2), view.unit),
        source: source(point.partner.as_deref()),
        record: Some(point.record_id.to_string()),
    };
    let of_bar = |bar: &crate::web::admin::users::chart::Bar| Row {
        machine: bar.day.to_string(),
        when: bar.day.format("%-d %b %Y").to_string(),
        value: format!("{} {}", number(bar.parts.iter().map(|it| it.value).sum(), 0), view.unit),
        source: bar
            .parts
            .iter()
            .map(|it| source(it.partner.as_deref()))
            .collect::<Vec<_>>()
            .join(", "),
        record: None,
    };
    let points = view.points.iter().rev().map(of_point);
    points.chain(view.bars.iter().rev().map(of_bar)).take(SHOWN).collect()
}
