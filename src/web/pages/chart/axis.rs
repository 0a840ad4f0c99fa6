//! Axes: round values, and how they are written.

/// How values are written, and where the axis begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Counts, from 0.
    Whole,
    /// Any values, from 0.
    Decimal,
    /// Durations in seconds, from 0; written as "0.4 s", "20 min", "3 h".
    Seconds,
    /// Measurements of a body, which are never near 0: only the range they are in.
    Range,
}

impl Scale {
    /// A value as it is written at this axis, without its unit.
    pub(crate) fn text(self, value: f64) -> String {
        match self {
            Self::Whole => number(value, 0),
            Self::Decimal | Self::Range => number(value, decimals(value)),
            Self::Seconds => duration(value),
        }
    }
}

/// Round tops of axes, whose half is round, too.
const ROUND: [f64; 9] = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];

/// The same for durations: up to minutes as numbers, then in minutes, hours and days.
const ROUND_SECONDS: [f64; 24] = [
    60.0,
    120.0,
    240.0,
    360.0,
    600.0,
    1_200.0,
    2_400.0,
    3_600.0,
    7_200.0,
    14_400.0,
    21_600.0,
    43_200.0,
    86_400.0,
    172_800.0,
    345_600.0,
    691_200.0,
    1_728_000.0,
    3_456_000.0,
    8_640_000.0,
    17_280_000.0,
    34_560_000.0,
    86_400_000.0,
    172_800_000.0,
    864_000_000.0,
];

/// From where to where an axis goes, and its gridlines from the base line up.
pub(super) struct Axis {
    low: f64,
    high: f64,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    pub(super) fn new(scale: Scale, unit: &str, values: &[f64]) -> Self {
        let most = values.iter().copied().fold(0.0, f64::max);
        if values.is_empty() {
            return Self { low: 0.0, high: 1.0, ticks: vec![(0.0, "0".to_owned())] };
        }
        let ticks = match scale {
            Scale::Range => range(values),
            Scale::Seconds => zero_to(top_of_seconds(most)),
            Scale::Whole => zero_to(whole_top(most)),
            Scale::Decimal => zero_to(top(most)),
        };
        let (low, high) =
            (ticks.first().copied().unwrap_or(0.0), ticks.last().copied().unwrap_or(1.0));
        let places = ticks.iter().map(|tick| decimals(*tick)).max().unwrap_or(0);
        let text = |tick: f64| match scale {
            Scale::Seconds if tick == 0.0 => "0".to_owned(),
            Scale::Seconds => duration(tick),
            _ if tick == high && !unit.is_empty() => format!("{} {unit}", number(tick, places)),
            _ if tick == 0.0 => "0".to_owned(),
            _ => number(tick, places),
        };
        let ticks = ticks.iter().map(|tick| (*tick, text(*tick))).collect();
        Self { low, high, ticks }
    }

    /// The place of a value, 0 at the base line and 1 at the upper gridline.
    pub(super) fn part(&self, value: f64) -> f64 {
        let part = (value - self.low) / (self.high - self.low);
        if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 }
    }

    pub(super) fn ticks(&self) -> &[(f64, String)] {
        &self.ticks
    }
}

fn zero_to(top: f64) -> Vec<f64> {
    vec![0.0, top / 2.0, top]
}

fn top(most: f64) -> f64 {
    if !(most > 0.0 && most.is_finite()) {
        return 1.0;
    }
    let power = 10_f64.powf(most.log10().floor());
    let fits = |round: &&f64| **round * power >= most * (1.0 - 1e-9);
    ROUND.iter().find(fits).map_or(10.0 * power, |round| round * power)
}

/// Half of it is a whole number as well.
fn whole_top(most: f64) -> f64 {
    let mut found = top(most.max(2.0).ceil());
    while (found / 2.0).fract() != 0.0 {
        found = top(found + 1.0);
    }
    found
}

fn top_of_seconds(most: f64) -> f64 {
    if most <= 30.0 {
        return top(most.max(0.001));
    }
    ROUND_SECONDS.iter().copied().find(|round| *round >= most).unwrap_or_else(|| top(most))
}

/// At most four gridlines around the values, a round step apart.
fn range(values: &[f64]) -> Vec<f64> {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let spread = if most > least { most - least } else { (most.abs() / 50.0).max(0.2) };
    let mut power = 10_f64.powf((spread / 3.0).log10().floor());
    loop {
        for round in [1.0, 2.0, 5.0] {
            let step = round * power;
            let (first, last) = ((least / step).floor(), (most / step).ceil());
            let last = if last > first { last } else { first + 1.0 };
            if last - first <= 3.0 {
                let steps = (last - first) as u8;
                return (0..=steps).map(|n| tidy((first + f64::from(n)) * step)).collect();
            }
        }
        power *= 10.0;
    }
}

/// Without what floating point adds.
fn tidy(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

/// As many decimals as a round value needs, three at most.
fn decimals(value: f64) -> usize {
    let close = |places: i32| {
        let scaled = value * 10_f64.powi(places);
        (scaled - scaled.round()).abs() < 1e-6
    };
    (0..3).find(|places| close(*places)).map_or(3, |places| places.unsigned_abs() as usize)
}

/// A number with separators: `1,318` or `71.3`.
pub(crate) fn number(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let text = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let zero = text.chars().all(|digit| matches!(digit, '0' | '.'));
    let sign = if value < 0.0 && !zero { "−" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{grouped}{point}{fraction}")
}

/// A duration in one unit: `12 ms`, `0.4 s`, `38 min`, `3 h`, `2 days`.
fn duration(seconds: f64) -> String {
    let one = |value: f64| number(value, usize::from(value < 10.0 && decimals(value) > 0));
    match seconds {
        s if s <= 0.0 => "0 s".to_owned(),
        s if s < 0.0995 => format!("{} ms", number((s * 1000.0).max(1.0), 0)),
        s if s < 59.5 => format!("{} s", one(s)),
        s if s < 3_570.0 => format!("{} min", one(s / 60.0)),
        s if s < 86_400.0 => format!("{} h", one(s / 3_600.0)),
        s if s < 86_401.0 => "1 day".to_owned(),
        s => format!("{} days", one(s / 86_400.0)),
    }
}
