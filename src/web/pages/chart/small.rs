//! Small pictures within texts and tables.

use std::fmt::Write as _;

use super::svg::{escape, line, percent};
use super::{Look, MOST_POINTS, Point, thin};

/// A part of a bar, by its share of the whole width (0 to 1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) share: f64,
    pub(crate) look: Look,
}

/// A bar of parts side by side, with a sentence such as "61 percent used".
pub(crate) fn bar(parts: &[Part], says: &str) -> String {
    let mut html = format!(
        "<svg class=\"bar\" role=\"img\" aria-label=\"{}\"><rect class=\"bar-bg\" \
         width=\"100%\" height=\"100%\"/>",
        escape(says)
    );
    let mut from: f64 = 0.0;
    for part in parts {
        let share = if part.share.is_finite() { part.share.clamp(0.0, 1.0 - from) } else { 0.0 };
        if share <= 0.0 {
            continue;
        }
        // The least that can be seen: something is not nothing.
        let seen = share.max(0.004).min(1.0 - from);
        let (class, x, width) = (part.look.fill(), percent(from), percent(seen));
        write!(html, "<rect class=\"{class}\" x=\"{x}\" width=\"{width}\" height=\"100%\"/>")
            .unwrap_or_default();
        from = (from + seen).min(1.0);
    }
    html.push_str("</svg>");
    html
}

/// A line without axes, from 0, in the height of a text.
pub(crate) fn spark(points: &[Point], look: Look, says: &str) -> String {
    let values = points.iter().filter_map(|(_, value)| *value).filter(|value| value.is_finite());
    let most = values.fold(0.0, f64::max);
    let most = if most > 0.0 { most } else { 1.0 };
    let from = points.first().map_or(0, |(time, _)| *time) as f64;
    let to = points.last().map_or(1, |(time, _)| *time) as f64;
    let width = (to - from).max(1.0);
    let path = line(
        &thin::line(points, MOST_POINTS / 4),
        |time| (time as f64 - from) / width,
        |value| 23.0 - value / most * 22.0,
    );
    format!(
        "<svg class=\"spark\" viewBox=\"0 0 1000 24\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"{}\"><path class=\"ln {}\" d=\"{path}\"/></svg>",
        escape(says),
        look.line()
    )
}
