//! A partner on the page, with a chart of its calls.

use chrono::{DateTime, TimeDelta, Utc};

use super::board::{Scene, Side};
use super::view::clock;
use crate::cli::demo::figures::thousands;

/// The height of a chart, and of what is below its lines.
const CHART: (f64, f64) = (104.0, 84.0);

/// Where the line of the limit is drawn.
const LIMIT_AT: f64 = 24.0;

/// A partner, in words.
pub(super) struct SideView {
    pub(super) partner: String,
    pub(super) title: String,
    pub(super) is_down: bool,
    pub(super) state: String,
    pub(super) newest: String,
    pub(super) holds: String,
    pub(super) takes: String,
    pub(super) waiting: String,
    pub(super) calls: String,
    pub(super) chart: Chart,
}

/// The calls within the window of its limit, over the last minutes.
pub(super) struct Chart {
    pub(super) label: String,
    pub(super) top: String,
    pub(super) path: String,
    pub(super) from: String,
    pub(super) to: String,
}

impl SideView {
    pub(super) fn new(side: &Side, scene: &Scene, now: DateTime<Utc>) -> Self {
        let newest = scene.newest.get(&side.partner);
        let state = match &side.down_since {
            Some(since) => format!("Answers 503 since {}", clock(since)),
            None => "Answers".to_owned(),
        };
        let waiting = match (side.circuit.as_str(), &side.retry_at) {
            ("open", Some(at)) => {
                format!("held back; one call tries at {}", clock(at))
            }
            ("open" | "half_open", _) => "held back; one call tries it".to_owned(),
            _ => match side.waiting {
                0 => "nobody".to_owned(),
                1 => "1 connection".to_owned(),
                many => format!("{many} connections"),
            },
        };
        let current = side.window.last().copied().unwrap_or_default();
        let allowed = match side.allowed {
            Some(allowed) => format!("{allowed} allowed"),
            None => "no limit".to_owned(),
        };
        let failed = match side.failed {
            0 => String::new(),
            failed => format!("; {failed} answered 503"),
        };
        Self {
            partner: side.partner.clone(),
            title: side.title.clone(),
            is_down: side.down_since.is_some(),
            state,
            newest: newest.map_or_else(
                || "nothing yet".to_owned(),
                |it| format!("{}, {}, {}", it.person, it.what, clock(&it.at)),
            ),
            holds: format!("{} items of {} people", thousands(side.items), side.accounts),
            takes: if side.takes.is_empty() {
                "nothing from others".to_owned()
            } else {
                side.takes.join(", ")
            },
            waiting,
            calls: format!(
                "Calls in {} s: {current} now, {} at most, {allowed}; {} refused{failed}",
                side.window_s, side.most, side.over_limit
            ),
            chart: Chart::new(side, now),
        }
    }
}

impl Chart {
    fn new(side: &Side, now: DateTime<Utc>) -> Self {
        let top = u64::from(side.allowed.unwrap_or_default());
        let top = top.max(side.window.iter().copied().max().unwrap_or_default()).max(1);
        let (_, bottom) = CHART;
        let last = side.window.len().saturating_sub(1).max(1) as f64;
        let point = |(second, calls): (usize, &u64)| {
            let x = second as f64 / last * 1_000.0;
            let y = bottom - (bottom - LIMIT_AT) * *calls as f64 / top as f64;
            format!("{}{x:.0} {y:.1}", if second == 0 { 'M' } else { 'L' })
        };
        let path = side.window.iter().enumerate().map(point).collect();
        let seconds = i64::try_from(side.window.len()).unwrap_or_default();
        Self {
            label: format!(
                "Calls to {} in the last {} seconds, over the last minutes: at most {} of {top}.",
                side.title, side.window_s, side.most
            ),
            top: top.to_string(),
            path,
            from: (now - TimeDelta::seconds(seconds)).format("%H:%M").to_string(),
            to: now.format("%H:%M").to_string(),
        }
    }
}
