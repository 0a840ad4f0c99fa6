//! Pieces of SVG.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{Look, Point, Usual};

/// A text for markup and for attributes in double quotes.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(letter),
        }
    }
    Cow::Owned(escaped)
}

/// A part of the width, as `12.5%`.
pub(super) fn percent(part: f64) -> String {
    let text = format!("{:.2}", part.clamp(0.0, 1.0) * 100.0);
    let short = text.trim_end_matches('0').trim_end_matches('.');
    format!("{short}%")
}

/// A line over the whole width.
pub(super) fn horizontal(html: &mut String, class: &str, y: f64) {
    writeln!(html, "  <line class=\"{class}\" x1=\"0\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>")
        .unwrap_or_default();
}

/// The nested SVG that takes the width it gets. Its paths go from 0 to 1000.
pub(super) fn paths(html: &mut String, height: f64, paths: &str) {
    writeln!(
        html,
        "  <svg class=\"paths\" width=\"100%\" height=\"{height}\" viewBox=\"0 0 1000 {height}\" \
         preserveAspectRatio=\"none\">{paths}</svg>"
    )
    .unwrap_or_default();
}

/// The path of a line. A single value between gaps becomes a short dash, which can be seen.
pub(super) fn line(points: &[Point], x: impl Fn(i64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let known = |point: &Point| point.1.is_some_and(f64::is_finite);
    let mut path = String::new();
    for run in points.split(|point| !known(point)).filter(|run| !run.is_empty()) {
        for (place, (time, value)) in run.iter().enumerate() {
            let letter = if place == 0 { 'M' } else { 'L' };
            let (x, y) = (x(*time) * 1000.0, y(value.unwrap_or_default()));
            write!(path, "{letter}{x:.0} {y:.1}").unwrap_or_default();
        }
        if run.len() == 1 {
            path.push_str("h4");
        }
    }
    path
}

/// The outline of the band between the least and the most.
pub(super) fn band(usual: &[Usual], x: impl Fn(i64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let most = usual.iter().map(|(time, _, most)| (time, most));
    let least = usual.iter().rev().map(|(time, least, _)| (time, least));
    for (place, (time, value)) in most.chain(least).enumerate() {
        let letter = if place == 0 { 'M' } else { 'L' };
        write!(path, "{letter}{:.0} {:.1}", x(*time) * 1000.0, y(*value)).unwrap_or_default();
    }
    path.push('Z');
    path
}

/// Moves labels until they are a distance apart, within the chart if there is room, in their order.
pub(super) fn keep_apart(labels: &mut [(f64, Look, &str)], top: f64, base: f64, distance: f64) {
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut next = f64::NEG_INFINITY;
    for (y, ..) in labels.iter_mut() {
        *y = y.max(next).max(top);
        next = *y + distance;
    }
    let mut below = base;
    for (y, ..) in labels.iter_mut().rev() {
        *y = y.min(below);
        below = *y - distance;
    }
}
