//! What was read from each partner, beside what the partner itself counted.

use std::collections::BTreeMap;

use partner_sandbox::Sandbox;
use serde_json::json;

use super::screen::{Screen, Style};
use super::{PARTNERS, title};
pub(super) use crate::figures::with_separators as thousands;

/// How many types have a row of their own.
const SHOWN: usize = 8;

/// How many records of each kind came from each partner.
pub(super) type Counted = BTreeMap<(String, String), usize>;

/// Shows the figures as a table, the partners side by side.
pub(super) fn show(
    screen: &mut Screen,
    counted: &Counted,
    sandbox: &Sandbox,
) -> anyhow::Result<()> {
    let of = |partner: &str, kind: &str| {
        counted.get(&(partner.to_owned(), kind.to_owned())).copied().unwrap_or_default()
    };
    let mut kinds: Vec<&String> = counted.keys().map(|(_, kind)| kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let total = |kind: &str| PARTNERS.iter().map(|partner| of(partner, kind)).sum::<usize>();
    kinds.sort_by_key(|kind| std::cmp::Reverse(total(kind)));

    // The words and two figures need 58 columns; a bar is drawn where there is room for it.
    let (names, figures) = if screen.width() < 72 { (26, 10) } else { (26, 14) };
    let bars = screen.width().saturating_sub(2 + names + 3 * figures + 3).min(24);
    let row = |name: &str, cells: Vec<String>| {
        let cells: String = cells.iter().map(|cell| format!("{cell:>figures$}")).collect();
        format!("  {name:<names$}{cells}")
    };
    let longest = kinds.iter().map(|kind| total(kind)).max().unwrap_or_default();
    let mut header: Vec<String> = PARTNERS.iter().map(|partner| title(partner)).collect();
    header.push("together".to_owned());
    screen.say("")?;
    screen.say(&screen.paint(Style::Strong, &row("records", header)))?;
    let (most, others) = kinds.split_at(kinds.len().min(SHOWN));
    let mut rows: Vec<(String, &[&String])> = Vec::new();
    for kind in most.chunks(1) {
        rows.extend(kind.first().map(|name| (name.replace('_', " "), kind)));
    }
    if !others.is_empty() {
        rows.push((format!("{} other types", others.len()), others));
    }
    for (name, kinds) in rows {
        let sum = |partner: &str| kinds.iter().map(|kind| of(partner, kind)).sum::<usize>();
        let mut cells: Vec<_> = PARTNERS.iter().map(|partner| shown(sum(partner))).collect();
        let all: usize = kinds.iter().map(|kind| total(kind)).sum();
        cells.push(thousands(all));
        // One bar for several kinds would say something else than its neighbours.
        let has_bar = bars >= 6 && kinds.len() == 1;
        let bar = if has_bar { screen.share(all, longest, bars) } else { String::new() };
        screen.say(format!("{}  {bar}", row(&name, cells)).trim_end())?;
    }
    let of_partner = |partner: &str| {
        let own = counted.iter().filter(|((name, _), _)| name == partner);
        own.map(|(_, count)| count).sum::<usize>()
    };
    let mut sums: Vec<_> = PARTNERS.iter().map(|partner| thousands(of_partner(partner))).collect();
    sums.push(thousands(counted.values().sum::<usize>()));
    screen.say(&screen.paint(Style::Strong, &row("total", sums)))?;

    let (mut calls, mut busiest, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for partner in PARTNERS {
        let (counts, limits) =
            (sandbox.control().counts(partner)?, sandbox.control().limits(partner)?);
        let window = counts.busiest_window;
        let allowed = limits.app.map(|limit| limit.calls);
        calls.push(counts.calls.to_string());
        busiest.push(match allowed {
            Some(allowed) => format!("{} of {allowed}", window.calls),
            None => window.calls.to_string(),
        });
        refused.push(counts.rejected.to_string());
        let records: BTreeMap<&String, usize> = counted
            .iter()
            .filter(|((name, _), _)| name == partner)
            .map(|((_, kind), count)| (kind, *count))
            .collect();
        screen.event(&json!({
            "event": "partner",
            "partner": partner,
            "records": records,
            "total": of_partner(partner),
            "calls": counts.calls,
            "busiest_window": window,
            "limit": limits.app,
            "rejected": counts.rejected,
        }))?;
    }
    screen.say(&row("calls, as they counted", calls))?;
    screen.say(&row("in their busiest minute", busiest))?;
    screen.say(&row("refused for too many calls", refused))
}

fn shown(count: usize) -> String {
    if count == 0 { "–".to_owned() } else { thousands(count) }
}
