//! How the demo shows itself: redrawn in a terminal, line by line in a pipe, as JSON for programs.

use std::io::{IsTerminal, Write};

use serde_json::Value;

use crate::cli::out::{self, say};

/// How many columns are used if the terminal does not say how many it has.
const USUAL_WIDTH: usize = 80;

/// How long a bar is.
const BAR: usize = 20;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Terminal,
    Lines,
    Json,
}

/// Where the demo is shown.
pub(super) struct Screen {
    kind: Kind,
    has_colour: bool,
    /// Whether the last line is to be redrawn.
    is_open: bool,
}

/// How a word is shown, on a terminal with colours.
#[derive(Clone, Copy)]
pub(super) enum Style {
    Strong,
    Soft,
    Good,
    Bad,
}

impl Screen {
    pub(super) fn new(json: bool) -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let kind = match (json, is_terminal) {
            (true, _) => Kind::Json,
            (false, true) => Kind::Terminal,
            (false, false) => Kind::Lines,
        };
        // https://no-color.org: set, whatever to.
        let is_wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { kind, has_colour: kind == Kind::Terminal && is_wanted && !is_dumb, is_open: false }
    }

    /// Whether lines can be redrawn.
    pub(super) fn is_live(&self) -> bool {
        self.kind == Kind::Terminal
    }

    /// Shows text to a person.
    pub(super) fn say(&mut self, text: &str) -> anyhow::Result<()> {
        match self.kind {
            Kind::Json => Ok(()),
            Kind::Lines => say!("{text}"),
            Kind::Terminal => {
                self.close()?;
                say!("{text}")
            }
        }
    }

    /// Reports what happened to a program.
    pub(super) fn event(&mut self, event: &Value) -> anyhow::Result<()> {
        if self.kind == Kind::Json { say!("{event}") } else { Ok(()) }
    }

    /// Shows a line that the next one replaces; only on a terminal.
    pub(super) fn redraw(&mut self, text: &str) -> anyhow::Result<()> {
        if self.kind != Kind::Terminal {
            return Ok(());
        }
        self.is_open = true;
        out::part(format_args!("\r\x1b[2K{}", cut(text, width())))
    }

    /// Ends a line that was being redrawn, and removes it.
    fn close(&mut self) -> anyhow::Result<()> {
        match std::mem::take(&mut self.is_open) {
            true => out::part(format_args!("\r\x1b[2K")),
            false => Ok(()),
        }
    }

    /// A bar that fills up, with what it counts.
    pub(super) fn bar(&self, label: &str, done: usize, of: usize, text: &str) -> String {
        if self.kind != Kind::Terminal {
            return format!("  {label:<8} {text}");
        }
        let full = (done * BAR).checked_div(of).unwrap_or(BAR).min(BAR);
        let (full, rest) = ("█".repeat(full), "░".repeat(BAR - full));
        format!("  {label:<8} {}{rest} {text}", self.paint(Style::Good, &full))
    }

    pub(super) fn paint(&self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Strong => "1",
            Style::Soft => "2",
            Style::Good => "32",
            Style::Bad => "31",
        };
        if self.has_colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// The last thing: leaves the cursor at the beginning of a line.
    pub(super) fn end(&mut self) {
        // Nobody may be there to see it any more.
        self.close().unwrap_or_default();
        std::io::stdout().flush().unwrap_or_default();
    }
}

fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout());
    size.map_or(USUAL_WIDTH, |size| usize::from(size.ws_col)).max(20)
}

/// The beginning of a text that fits into that many columns. What paints takes none.
fn cut(text: &str, width: usize) -> String {
    let (mut columns, mut in_escape) = (0, false);
    let mut fitting = String::new();
    for letter in text.chars() {
        match letter {
            '\x1b' => in_escape = true,
            'm' if in_escape => in_escape = false,
            _ if in_escape => {}
            _ if columns + 1 >= width => continue,
            _ => columns += 1,
        }
        fitting.push(letter);
    }
    fitting
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_redrawn_fits_into_the_terminal_with_its_colours_ended() {
        assert_eq!(cut("connected", 6), "conne");
        assert_eq!(cut("\x1b[32m█████\x1b[0m done", 8), "\x1b[32m█████\x1b[0m d");
        assert_eq!(cut("\x1b[32m█████\x1b[0m done", 4), "\x1b[32m███\x1b[0m");
    }

    #[test]
    fn a_bar_is_full_when_all_is_done() {
        let screen = Screen { kind: Kind::Terminal, has_colour: false, is_open: false };
        assert_eq!(screen.bar("read", 48, 48, "48").matches('█').count(), BAR);
        assert_eq!(screen.bar("read", 12, 48, "12").matches('█').count(), BAR / 4);
        assert_eq!(screen.bar("read", 0, 0, "").matches('█').count(), BAR);
        let lines = Screen { kind: Kind::Lines, ..screen };
        assert_eq!(lines.bar("read", 48, 48, "48 of 48"), "  read     48 of 48");
    }
}
