//! What is around a chart: its head, its key, and the values for the reading line.

use std::fmt::Write as _;

use super::svg::escape;
use super::{MOST_POINTS, Mark, Point, number, thin};

/// A chart with its head, as `<figure class="panel chart">`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figure<'a> {
    /// For what is replaced while the page is open.
    pub(crate) id: &'a str,
    /// The level of its heading, 2 or 3.
    pub(crate) heading: u8,
    pub(crate) title: &'a str,
    /// The latest value, and in small letters what it is: `("1,318", "a minute")`.
    pub(crate) now: (&'a str, &'a str),
    /// From [`values`]; empty without a reading line.
    pub(crate) values: &'a str,
    /// From [`key`]; empty without one.
    pub(crate) key: &'a str,
    /// From [`super::Chart::plot`].
    pub(crate) plot: &'a str,
    /// Markup below the chart, such as a table of the values.
    pub(crate) below: &'a str,
}

impl Figure<'_> {
    /// The markup.
    pub(crate) fn html(&self) -> String {
        let mut html = String::from("<figure class=\"panel chart\"");
        if !self.id.is_empty() {
            write!(html, " id=\"{}\" data-live", escape(self.id)).unwrap_or_default();
        }
        if !self.values.is_empty() {
            write!(html, " data-v=\"{}\"", escape(self.values)).unwrap_or_default();
        }
        let (level, title) = (self.heading.clamp(2, 4), escape(self.title));
        let (value, what) = (escape(self.now.0), escape(self.now.1));
        write!(html, ">\n<figcaption><h{level}>{title}</h{level}><span class=\"now\">{value}")
            .unwrap_or_default();
        if !what.is_empty() {
            write!(html, " <small>{what}</small>").unwrap_or_default();
        }
        let (key, plot, below) = (self.key, self.plot, self.below);
        write!(html, "</span></figcaption>\n{key}{plot}\n{below}</figure>").unwrap_or_default();
        html
    }
}

/// The key of dots with their shapes: `Withings, 41`.
pub(crate) fn key(items: &[(Mark, String)]) -> String {
    let mut html = String::from("<ul class=\"key\">");
    for (mark, text) in items {
        write!(html, "<li>{}{}</li>", mark.icon(), escape(text)).unwrap_or_default();
    }
    html.push_str("</ul>\n");
    html
}

/// The values for the reading line of a chart with one series: `13:02 1,292|13:03 1,325`. Points must
/// be evenly apart; a gap is "–". Within a time or a value, spaces do not break.
pub(crate) fn values(
    points: &[Point],
    time: impl Fn(i64) -> String,
    value: impl Fn(f64) -> String,
) -> String {
    let unbroken = |text: String| text.replace([' ', '|'], "\u{a0}");
    let runs = points.len().min(MOST_POINTS);
    let mut text = String::new();
    for run in thin::split(points, runs) {
        let greatest = run
            .iter()
            .max_by(|a, b| a.1.unwrap_or(f64::MIN).total_cmp(&b.1.unwrap_or(f64::MIN)))
            .copied();
        let Some((at, found)) = greatest else { continue };
        let found = found.map_or_else(|| "–".to_owned(), &value);
        if !text.is_empty() {
            text.push('|');
        }
        write!(text, "{} {}", unbroken(time(at)), unbroken(found)).unwrap_or_default();
    }
    text
}

/// "Syncs a minute over the last hour: between 1,090 and 1,360, now 1,318."
pub(crate) fn range_sentence(what: &str, during: &str, points: &[Point]) -> String {
    let known = || points.iter().filter_map(|(_, value)| *value).filter(|v| v.is_finite());
    let least = known().fold(f64::INFINITY, f64::min);
    let most = known().fold(f64::NEG_INFINITY, f64::max);
    let Some(now) = known().next_back() else {
        return format!("{what} over {during}: nothing yet.");
    };
    let text = |value: f64| number(value, 0);
    let missing = points.last().is_some_and(|(_, value)| value.is_none());
    let now = if missing { format!("last {}", text(now)) } else { format!("now {}", text(now)) };
    if text(least) == text(most) {
        return format!("{what} over {during}: always {}, {now}.", text(most));
    }
    format!("{what} over {during}: between {} and {}, {now}.", text(least), text(most))
}
