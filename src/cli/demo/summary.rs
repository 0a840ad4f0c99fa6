//! What happened, at a glance; for whoever sits at a terminal.

use std::time::Duration;

use super::figures::thousands;
use super::progress::Progress;
use super::screen::{Screen, Style};
use super::{PARTNERS, PEOPLE, Stage};

/// Shows the sums, the figures in a column.
pub(super) async fn show(
    stage: &Stage<'_>,
    screen: &mut Screen,
    progress: &Progress<'_>,
    read_for: Duration,
) -> anyhow::Result<()> {
    if !screen.is_live() {
        return Ok(());
    }
    let (done, failed) = stage.host_app.syncs().await?;
    let (mut calls, mut over_limit) = (0, 0);
    for partner in PARTNERS {
        let counts = stage.sandbox.control().counts(partner)?;
        calls += counts.calls;
        over_limit += counts.rejected;
    }
    let is_good = failed == 0 && over_limit == 0;
    let (sign, style, title) = match is_good {
        true => ("✓", Style::Good, "All of it arrived, and no limit was exceeded"),
        false => ("!", Style::Bad, "Not all of it went well"),
    };
    screen.say("")?;
    let title = screen.paint(Style::Strong, title);
    screen.say(&format!("{} {title}", screen.paint(style, sign)))?;
    let number = |count: u64| thousands(usize::try_from(count).unwrap_or(usize::MAX));
    let seconds = read_for.as_secs_f32();
    let rows = [
        (number(PEOPLE.len() as u64), "people, each with two partners".to_owned()),
        (thousands(progress.records()), format!("records, most of them in {seconds:.1} s")),
        (number(calls), format!("calls to the partners, {} over a limit", number(over_limit))),
        (number(done + failed), format!("syncs, {} failed", number(failed))),
    ];
    for (figure, about) in rows {
        let figure = screen.paint(Style::Strong, &format!("{figure:>8}"));
        screen.say(&format!("  {figure} {about}"))?;
    }
    Ok(())
}
