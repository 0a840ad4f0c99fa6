//! Charts as SVG, drawn by the server, without a script.
//!
//! A chart has no `viewBox`: x is in percent and y in pixels, so that its texts keep their size at
//! every width. Only paths, which cannot have percentages, are in a nested SVG that takes the
//! width it gets. Missing data is a gap, never a line to zero.
//!
//! Everything here is a pure function of its arguments and returns escaped markup:
//!
//! ```text
//! let plot = Chart::new(from, to, 130)
//!     .says("Syncs a minute over the last hour: between 1,090 and 1,360, now 1,318.")
//!     .times(["13:02".into(), "13:32".into(), "14:02".into()])
//!     .line(Line { points: &syncs, look: Look::S1, thin: false, label: None })
//!     .plot();
//! let figure = Figure { heading: 3, title: "Syncs", plot: &plot, ..Figure::default() }.html();
//! ```

mod axis;
mod draw;
mod figure;
mod look;
mod small;
mod svg;
#[cfg(test)]
mod tests;
mod thin;

pub(crate) use axis::{Scale, number};
pub(crate) use figure::{Figure, key, range_sentence, values};
pub(crate) use look::{Look, Mark};
pub(crate) use small::{Part, bar, spark};
use std::fmt::Write as _;

use svg::escape;

/// No series draws more points than this.
pub(crate) const MOST_POINTS: usize = 400;

/// A value at a time, or a gap. Times are in any unit, the same within a chart.
pub(crate) type Point = (i64, Option<f64>);

/// A line of values in the order of their times.
pub(crate) struct Line<'a> {
    pub(crate) points: &'a [Point],
    pub(crate) look: Look,
    /// For what accompanies the data, as a mean does.
    pub(crate) thin: bool,
    /// Is written at the end of the line.
    pub(crate) label: Option<&'a str>,
}

/// A bar from one time to another, of parts on top of each other.
pub(crate) struct Column {
    pub(crate) from: i64,
    pub(crate) to: i64,
    /// From the lowest up.
    pub(crate) parts: Vec<(f64, Look)>,
}

/// Single measurements of one source.
pub(crate) struct Dots<'a> {
    pub(crate) points: &'a [(i64, f64)],
    pub(crate) mark: Mark,
}

/// A time in which something was wrong, as a shaded area.
pub(crate) struct Outage<'a> {
    pub(crate) from: i64,
    pub(crate) to: i64,
    /// Whether data is missing, not only late.
    pub(crate) bad: bool,
    pub(crate) words: &'a str,
}

/// A value that was usual at a time: the least and the most.
pub(crate) type Usual = (i64, f64, f64);

/// A chart that is being put together. Later layers are drawn over earlier ones of their kind.
pub(crate) struct Chart<'a> {
    from: i64,
    to: i64,
    height: f64,
    says: String,
    scale: Scale,
    unit: &'a str,
    times: Vec<String>,
    usual: Vec<Usual>,
    outages: Vec<Outage<'a>>,
    lines: Vec<Line<'a>>,
    columns: Vec<Column>,
    dots: Vec<Dots<'a>>,
    labels: Vec<(f64, Look, String)>,
    limit: Option<f64>,
    empty: &'a str,
}

impl<'a> Chart<'a> {
    /// A chart of the times from `from` to `to`. Usual heights are 110 to 225 pixels.
    pub(crate) fn new(from: i64, to: i64, height: u16) -> Self {
        Self {
            from,
            to: to.max(from.saturating_add(1)),
            height: f64::from(height.max(60)),
            says: String::new(),
            scale: Scale::Whole,
            unit: "",
            times: Vec::new(),
            usual: Vec::new(),
            outages: Vec::new(),
            lines: Vec::new(),
            columns: Vec::new(),
            dots: Vec::new(),
            labels: Vec::new(),
            limit: None,
            empty: "Nothing yet.",
        }
    }

    /// The sentence that says what the chart shows, with the figures, for those who do not see it.
    pub(crate) fn says(self, sentence: impl Into<String>) -> Self {
        Self { says: sentence.into(), ..self }
    }

    /// How values are written, and where the axis begins. [`Scale::Whole`] unless set.
    pub(crate) fn scale(self, scale: Scale) -> Self {
        Self { scale, ..self }
    }

    /// The unit, which is written on the upper gridline.
    pub(crate) fn unit(self, unit: &'a str) -> Self {
        Self { unit, ..self }
    }

    /// The texts below the chart, evenly from its start to its end; usually three.
    pub(crate) fn times(self, times: impl Into<Vec<String>>) -> Self {
        Self { times: times.into(), ..self }
    }

    /// The grey band of what is usual.
    pub(crate) fn usual(self, usual: Vec<Usual>) -> Self {
        Self { usual, ..self }
    }

    /// A shaded time in which something was wrong, with words.
    pub(crate) fn outage(mut self, outage: Outage<'a>) -> Self {
        self.outages.push(outage);
        self
    }

    /// A line; it is interrupted where a value is missing.
    pub(crate) fn line(mut self, line: Line<'a>) -> Self {
        self.lines.push(line);
        self
    }

    /// Bars. They may consist of parts on top of each other.
    pub(crate) fn columns(mut self, columns: Vec<Column>) -> Self {
        self.columns.extend(columns);
        self
    }

    /// Measurements of a source, with its shape.
    pub(crate) fn dots(mut self, dots: Dots<'a>) -> Self {
        self.dots.push(dots);
        self
    }

    /// A text at the right of the chart, at the height of a value. Lines bring their own.
    pub(crate) fn label(mut self, value: f64, look: Look, text: impl Into<String>) -> Self {
        self.labels.push((value, look, text.into()));
        self
    }

    /// A dashed line at a value that is not exceeded.
    pub(crate) fn limit(self, value: f64) -> Self {
        Self { limit: Some(value), ..self }
    }

    /// What is said when there is nothing to draw: why, and what will change it.
    pub(crate) fn empty(self, words: &'a str) -> Self {
        Self { empty: words, ..self }
    }

    /// The markup: `<div class="plot">…</div>`.
    pub(crate) fn plot(&self) -> String {
        let values = self.all_values();
        let axis = axis::Axis::new(self.scale, self.unit, &values);
        let draw = draw::Draw { chart: self, axis: &axis };
        let mut html = String::from("<div class=\"plot\">\n");
        draw.axis(&mut html);
        let (height, says) = (self.height, escape(&self.says));
        writeln!(
            html,
            "<svg class=\"area\" height=\"{height}\" role=\"img\" aria-label=\"{says}\" \
             aria-roledescription=\"chart\">"
        )
        .unwrap_or_default();
        if values.is_empty() {
            draw.nothing(&mut html);
        } else {
            draw.everything(&mut html);
        }
        draw.times(&mut html);
        html.push_str("</svg>\n");
        draw.ends(&mut html);
        html.push_str("</div>");
        html
    }

    fn all_values(&self) -> Vec<f64> {
        let lines = self.lines.iter().flat_map(|line| line.points.iter().filter_map(|(_, v)| *v));
        let columns =
            self.columns.iter().map(|column| column.parts.iter().map(|(v, _)| v.max(0.0)).sum());
        let dots = self.dots.iter().flat_map(|dots| dots.points.iter().map(|(_, v)| *v));
        let mut values: Vec<f64> = lines.chain(columns).chain(dots).collect();
        // What is usual and a limit belong to the picture, but alone they are no data.
        if !values.is_empty() {
            values.extend(self.usual.iter().flat_map(|(_, least, most)| [*least, *most]));
            values.extend(self.limit);
        }
        values.retain(|value| value.is_finite());
        values
    }
}
