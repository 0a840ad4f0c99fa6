//! What was done within the last hour or day, as charts.

use chrono::{DateTime, TimeDelta, Utc};

use crate::figures::{Minute, Step};
use crate::web::admin::overview::{Overview, Range};
use crate::web::pages::chart::{
    Chart, Column, Figure, Line, Look, Point, Scale, number, range_sentence, values,
};

const HEIGHT: u16 = 130;

/// The figures of the overview, in their order.
pub(super) fn all(view: &Overview) -> Vec<String> {
    let drawn = Drawn::new(view);
    vec![drawn.syncs(), drawn.records(), drawn.lateness(), drawn.failures(), drawn.deliveries()]
}

/// The steps of a time, with a place for those that are missing.
struct Drawn {
    steps: Vec<(i64, Option<Step>)>,
    from: i64,
    to: i64,
    step: TimeDelta,
    during: &'static str,
    times: Vec<String>,
    now: DateTime<Utc>,
}

impl Drawn {
    fn new(view: &Overview) -> Self {
        let step = TimeDelta::minutes(view.step_minutes);
        let mut known = view.steps.iter().peekable();
        let (mut steps, mut at) = (Vec::new(), view.from);
        while at < view.to {
            while known.next_if(|known| known.at < at).is_some() {}
            let found = known.next_if(|known| known.at == at);
            steps.push((at.timestamp(), found.copied()));
            at += step;
        }
        let last = steps.last().map_or(view.from.timestamp(), |(at, _)| *at);
        let middle = view.from + (view.to - view.from) / 2;
        let times = [view.from, middle, view.to].map(|at| time(at, view.at)).into();
        let during = if view.range == Range::Day { "the last day" } else { "the last hour" };
        let (from, now) = (view.from.timestamp(), view.at);
        Self { steps, from, to: last, step, during, times, now }
    }

    fn points(&self, value: impl Fn(&Step) -> Option<f64>) -> Vec<Point> {
        self.steps.iter().map(|(at, step)| (*at, step.as_ref().and_then(&value))).collect()
    }

    /// A sum as a rate.
    fn rate(&self, sum: impl Fn(&Minute) -> i64) -> Vec<Point> {
        self.points(|step| Some(step.a_minute(sum(&step.sums))))
    }

    fn chart(&self) -> Chart<'_> {
        Chart::new(self.from, self.to, HEIGHT)
            .times(self.times.clone())
            .empty("Nothing yet. The first whole minute draws here.")
    }

    /// The values for the reading line.
    fn values(&self, points: &[Point], text: impl Fn(f64) -> String) -> String {
        let clock = |at: i64| time(DateTime::from_timestamp(at, 0).unwrap_or_default(), self.now);
        values(points, clock, text)
    }

    fn syncs(&self) -> String {
        let syncs = self.rate(Minute::syncs);
        let says = range_sentence("Syncs a minute", self.during, &syncs);
        let line = Line { points: &syncs, look: Look::S1, thin: false, label: None };
        let plot = self.chart().says(says).line(line).plot();
        self.figure("syncs", "Syncs", &syncs, "a minute", &plot)
    }

    fn records(&self) -> String {
        let records = self.rate(|minute| minute.records);
        let pushed = self.rate(|minute| minute.pushed);
        let says = format!(
            "{} {}",
            range_sentence("Records from partners a minute", self.during, &records),
            range_sentence("Changes to partners a minute", self.during, &pushed)
        );
        let from = Line { points: &records, look: Look::S1, thin: false, label: Some("from") };
        let to = Line { points: &pushed, look: Look::S2, thin: false, label: Some("to") };
        let plot = self.chart().says(says).line(from).line(to).plot();
        self.figure("records", "Records from and to partners", &records, "a minute from", &plot)
    }

    fn lateness(&self) -> String {
        let seconds = |millis: Option<i64>| millis.map(|millis| millis as f64 / 1e3);
        let half = self.points(|step| seconds(step.sums.late_p50_ms));
        let most = self.points(|step| seconds(step.sums.late_p95_ms));
        let worst = self.points(|step| seconds(step.sums.late_worst_ms));
        let text = |value: f64| Scale::Seconds.text(value);
        let says = match (last(&half), last(&most), last(&worst)) {
            (Some(half), Some(most), Some(worst)) => format!(
                "Lateness over {}. At last half of all polls began within {} of their time, nineteen of twenty within {}, the last after {}.",
                self.during,
                text(half),
                text(most),
                text(worst)
            ),
            _ => format!("Lateness over {}: no poll was due yet.", self.during),
        };
        let line = |points, look, label| Line { points, look, thin: false, label: Some(label) };
        let plot = self
            .chart()
            .scale(Scale::Seconds)
            .says(says)
            .line(line(&half, Look::S1, "p50"))
            .line(line(&most, Look::Warn, "p95"))
            .empty("No poll was due yet.")
            .plot();
        let now = last(&most).map_or_else(|| "–".to_owned(), text);
        let values = self.values(&most, text);
        Figure {
            id: "lateness",
            heading: 3,
            title: "Lateness",
            now: (&now, "for nineteen of twenty"),
            values: &values,
            plot: &plot,
            ..Figure::default()
        }
        .html()
    }

    fn failures(&self) -> String {
        let failed = self.rate(|minute| minute.syncs_failed);
        let says = range_sentence("Failed syncs a minute", self.during, &failed);
        let length = self.step.num_seconds();
        let columns = failed.iter().filter_map(|(at, value)| {
            let look = if (*value)? > 0.0 { Look::Bad } else { Look::Off };
            Some(Column { from: *at, to: at + length, parts: vec![((*value)?, look)] })
        });
        let plot = Chart::new(self.from, self.to + length, HEIGHT)
            .times(self.times.clone())
            .empty("Nothing yet. The first whole minute draws here.")
            .says(says)
            .columns(columns.collect())
            .plot();
        self.figure("failures", "Failed syncs", &failed, "a minute", &plot)
    }

    fn deliveries(&self) -> String {
        let done = self.rate(|minute| minute.deliveries_done);
        let failed = self.rate(|minute| minute.deliveries_failed);
        let says = format!(
            "{} {}",
            range_sentence("Webhook messages delivered a minute", self.during, &done),
            range_sentence("Attempts that failed a minute", self.during, &failed)
        );
        let line = |points, look, label| Line { points, look, thin: false, label: Some(label) };
        let plot = self
            .chart()
            .says(says)
            .line(line(&done, Look::S1, "delivered"))
            .line(line(&failed, Look::Bad, "failed"))
            .plot();
        self.figure("deliveries", "Webhook messages", &done, "a minute", &plot)
    }

    /// A chart of a rate with the last of its values in its head.
    fn figure(&self, id: &str, title: &str, points: &[Point], unit: &str, plot: &str) -> String {
        let now = last(points).map_or_else(|| "–".to_owned(), rate);
        let values = self.values(points, rate);
        let figure = Figure { id, heading: 3, title, now: (&now, unit), ..Figure::default() };
        Figure { values: &values, plot, ..figure }.html()
    }
}

/// A rate: whole, but not 0 if it is more.
fn rate(value: f64) -> String {
    number(value, usize::from(value < 10.0 && value.fract() > 0.0))
}

fn last(points: &[Point]) -> Option<f64> {
    points.iter().rev().find_map(|(_, value)| *value)
}

/// A time below a chart: of other days with the day.
fn time(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let format = if at.date_naive() == now.date_naive() { "%H:%M" } else { "%a %H:%M" };
    at.format(format).to_string()
}
