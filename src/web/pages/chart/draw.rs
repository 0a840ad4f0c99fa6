//! Writes a chart layer by layer.

use std::fmt::Write as _;

use super::axis::Axis;
use super::svg::{self, escape, percent};
use super::{Chart, Look, MOST_POINTS, Outage, Point, thin};

/// The y of a chart's upper gridline.
const TOP: f64 = 16.0;
/// What is below the base line: the times.
const FOOT: f64 = 20.0;
/// Labels at the ends of lines are at least this far apart.
const LABEL_DISTANCE: f64 = 14.0;

/// A chart with its axis, while it is written.
pub(super) struct Draw<'a> {
    pub(super) chart: &'a Chart<'a>,
    pub(super) axis: &'a Axis,
}

impl Draw<'_> {
    fn base(&self) -> f64 {
        self.chart.height - FOOT
    }

    fn y(&self, value: f64) -> f64 {
        self.base() - self.axis.part(value) * (self.base() - TOP)
    }

    /// The place of a time, from 0 to 1.
    fn x(&self, time: i64) -> f64 {
        let (from, to) = (self.chart.from as f64, self.chart.to as f64);
        ((time as f64 - from) / (to - from)).clamp(0.0, 1.0)
    }

    pub(super) fn axis(&self, html: &mut String) {
        let ticks = self.axis.ticks();
        let longest = ticks.iter().map(|(_, text)| text.chars().count()).max().unwrap_or(1);
        let width = (10.0 + 6.2 * longest as f64).round();
        let (height, end) = (self.chart.height, width - 8.0);
        write!(
            html,
            "<svg class=\"axis\" width=\"{width}\" height=\"{height}\" aria-hidden=\"true\">"
        )
        .unwrap_or_default();
        for (value, text) in ticks {
            let (y, text) = (self.y(*value) + 4.0, escape(text));
            write!(html, "<text x=\"{end}\" y=\"{y:.1}\" text-anchor=\"end\">{text}</text>")
                .unwrap_or_default();
        }
        html.push_str("</svg>\n");
    }

    pub(super) fn nothing(&self, html: &mut String) {
        let base = self.base();
        svg::horizontal(html, "base", base);
        let middle = ((TOP + base) / 2.0).round();
        let words = escape(self.chart.empty);
        writeln!(html, "  <text x=\"50%\" y=\"{middle}\" text-anchor=\"middle\">{words}</text>")
            .unwrap_or_default();
    }

    pub(super) fn everything(&self, html: &mut String) {
        for outage in &self.chart.outages {
            self.outage_area(html, outage);
        }
        if !self.chart.usual.is_empty() {
            let band = svg::band(&self.chart.usual, |t| self.x(t), |v| self.y(v));
            svg::paths(html, self.base(), &format!("<path class=\"usual\" d=\"{band}\"/>"));
        }
        for (place, (value, _)) in self.axis.ticks().iter().enumerate() {
            svg::horizontal(html, if place == 0 { "base" } else { "grid" }, self.y(*value));
        }
        self.columns(html);
        let mut paths = String::new();
        for line in &self.chart.lines {
            let points = thin::line(line.points, MOST_POINTS);
            let path = svg::line(&points, |t| self.x(t), |v| self.y(v));
            if path.is_empty() {
                continue;
            }
            let (look, thin) = (line.look.line(), if line.thin { " thin" } else { "" });
            write!(paths, "<path class=\"ln {look}{thin}\" d=\"{path}\"/>").unwrap_or_default();
        }
        if !paths.is_empty() {
            svg::paths(html, self.base() + 1.0, &paths);
        }
        self.dots(html);
        if let Some(limit) = self.chart.limit {
            svg::horizontal(html, "limit", self.y(limit));
        }
        for outage in &self.chart.outages {
            self.outage_words(html, outage);
        }
    }

    fn outage_area(&self, html: &mut String, outage: &Outage<'_>) {
        let (from, to) = (self.x(outage.from), self.x(outage.to));
        let class = if outage.bad { "span bad" } else { "span" };
        let (x, width) = (percent(from), percent((to - from).max(0.002)));
        let height = self.base() - TOP;
        writeln!(
            html,
            "  <rect class=\"{class}\" x=\"{x}\" width=\"{width}\" y=\"{TOP}\" \
             height=\"{height}\"/>"
        )
        .unwrap_or_default();
    }

    /// The words are within the area if there is room at its right, and before it otherwise.
    fn outage_words(&self, html: &mut String, outage: &Outage<'_>) {
        if outage.words.is_empty() {
            return;
        }
        let class = if outage.bad { "halo t-bad" } else { "halo t-warn" };
        let from = self.x(outage.from);
        let (x, anchor) = if from <= 0.5 {
            (percent(from + 0.01), "start")
        } else {
            (percent((from - 0.008).max(0.0)), "end")
        };
        let (y, words) = (TOP + 12.0, escape(outage.words));
        writeln!(
            html,
            "  <text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{words}</text>"
        )
        .unwrap_or_default();
    }

    fn columns(&self, html: &mut String) {
        let columns = thin::columns(&self.chart.columns, MOST_POINTS);
        for column in columns {
            let (from, to) = (self.x(column.from), self.x(column.to));
            // A gap of a quarter at most, so that bars are not taken for an area.
            let gap = (to - from) * 0.13;
            let (x, width) = (percent(from + gap), percent((to - from - 2.0 * gap).max(0.001)));
            let mut below = 0.0;
            for (value, look) in column.parts.iter().filter(|(value, _)| *value > 0.0) {
                let (low, high) = (self.y(below), self.y(below + value));
                let (class, height) = (look.fill(), (low - high).max(0.5));
                write!(
                    html,
                    "<rect class=\"{class}\" x=\"{x}\" width=\"{width}\" y=\"{high:.1}\" \
                     height=\"{height:.1}\"/>"
                )
                .unwrap_or_default();
                below += value;
            }
        }
        if !self.chart.columns.is_empty() {
            html.push('\n');
        }
    }

    fn dots(&self, html: &mut String) {
        for dots in &self.chart.dots {
            let points: Vec<Point> = dots.points.iter().map(|(t, v)| (*t, Some(*v))).collect();
            for (time, value) in thin::line(&points, MOST_POINTS) {
                let Some(value) = value.filter(|value| value.is_finite()) else { continue };
                dots.mark.dot(html, &percent(self.x(time)), self.y(value));
            }
        }
        if !self.chart.dots.is_empty() {
            html.push('\n');
        }
    }

    pub(super) fn times(&self, html: &mut String) {
        let y = self.chart.height - 4.0;
        let last = self.chart.times.len().saturating_sub(1);
        for (place, text) in self.chart.times.iter().enumerate() {
            let anchor = match place {
                0 => "start",
                _ if place == last => "end",
                _ => "middle",
            };
            let x = percent(place as f64 / last.max(1) as f64);
            let text = escape(text);
            writeln!(html, "  <text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>")
                .unwrap_or_default();
        }
    }

    pub(super) fn ends(&self, html: &mut String) {
        let mut labels: Vec<(f64, Look, &str)> = Vec::new();
        for line in &self.chart.lines {
            let end = line.points.iter().rev().find_map(|(_, v)| v.filter(|v| v.is_finite()));
            if let (Some(text), Some(end)) = (line.label, end) {
                labels.push((self.y(end) + 4.0, line.look, text));
            }
        }
        let others = self.chart.labels.iter().filter(|(value, ..)| value.is_finite());
        labels.extend(others.map(|(value, look, text)| (self.y(*value) + 4.0, *look, &**text)));
        if labels.is_empty() {
            return;
        }
        svg::keep_apart(&mut labels, TOP, self.base() + 4.0, LABEL_DISTANCE);
        let longest = labels.iter().map(|(.., text)| text.chars().count()).max().unwrap_or(0);
        let width = (12.0 + 6.8 * longest as f64).round();
        let height = self.chart.height;
        write!(
            html,
            "<svg class=\"ends\" width=\"{width}\" height=\"{height}\" aria-hidden=\"true\">"
        )
        .unwrap_or_default();
        for (y, look, text) in labels {
            let (class, text) = (look.text(), escape(text));
            write!(html, "<text class=\"lab {class}\" x=\"8\" y=\"{y:.1}\">{text}</text>")
                .unwrap_or_default();
        }
        html.push_str("</svg>\n");
    }
}
