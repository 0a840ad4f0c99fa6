//! How the demo shows itself: redrawn in a terminal, line by line in a pipe, as JSON for programs.

use std::io::{IsTerminal, Write};

use serde_json::Value;

use crate::cli::out::{self, say};

/// How many columns are used if the terminal does not say how many it has.
const USUAL_WIDTH: usize = 80;

/// How long a bar is, at most.
const BAR: usize = 20;

/// What turns while something is under way.
const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/// A part of a column, in eighths.
const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

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
    /// How often a line was redrawn.
    redrawn: usize,
}

/// How a word is shown, on a terminal with colours.
#[derive(Clone, Copy)]
pub(super) enum Style {
    Strong,
    Soft,
    Good,
    Bad,
    /// An address to open.
    Link,
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
        let has_colour = kind == Kind::Terminal && is_wanted && !is_dumb;
        Self { kind, has_colour, is_open: false, redrawn: 0 }
    }

    /// How many columns there are.
    pub(super) fn width(&self) -> usize {
        if self.kind == Kind::Terminal { width() } else { USUAL_WIDTH }
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
        self.redrawn = self.redrawn.wrapping_add(1);
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
        // A narrow terminal keeps the words.
        let length = if self.width() < 60 { BAR / 2 } else { BAR };
        let full = (done * length).checked_div(of).unwrap_or(length).min(length);
        let (filled, rest) = ("█".repeat(full), "░".repeat(length - full));
        let sign = if full == length { "✓".to_owned() } else { self.spinner().to_string() };
        let (sign, filled) = (self.paint(Style::Good, &sign), self.paint(Style::Good, &filled));
        format!("  {sign} {label:<8} {filled}{} {text}", self.paint(Style::Soft, &rest))
    }

    /// What turns with each line that is redrawn.
    pub(super) fn spinner(&self) -> char {
        SPINNER.get(self.redrawn % SPINNER.len()).copied().unwrap_or(' ')
    }

    /// A bar as long as a part of `most`, with that many columns for all of it; only on a terminal.
    pub(super) fn share(&self, part: usize, most: usize, columns: usize) -> String {
        if self.kind != Kind::Terminal {
            return String::new();
        }
        let eighths = (part * columns * 8).checked_div(most).unwrap_or(0).min(columns * 8);
        // What is little is not nothing.
        let eighths = if part > 0 { eighths.max(1) } else { 0 };
        let mut bar = "█".repeat(eighths / 8);
        if !eighths.is_multiple_of(8) {
            bar.extend(EIGHTHS.get(eighths % 8));
        }
        self.paint(Style::Good, &bar)
    }

    pub(super) fn paint(&self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Strong => "1",
            Style::Soft => "2",
            Style::Good => "32",
            Style::Bad => "31",
            Style::Link => "4",
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
        let screen = Screen { kind: Kind::Terminal, has_colour: false, is_open: false, redrawn: 0 };
        assert_eq!(screen.bar("read", 48, 48, "48").matches('█').count(), BAR);
        assert_eq!(screen.bar("read", 12, 48, "12").matches('█').count(), BAR / 4);
        assert_eq!(screen.bar("read", 0, 0, "").matches('█').count(), BAR);
        assert!(screen.bar("read", 48, 48, "48").contains('✓'));
        assert!(!screen.bar("read", 47, 48, "47").contains('✓'));
        assert_eq!(screen.share(1, 2, 8), "████");
        assert_eq!(screen.share(9, 16, 8), "████▌");
        assert_eq!(screen.share(1, 100_000, 8), "▏");
        assert_eq!((screen.share(0, 5, 8), screen.share(5, 0, 8)), ("".into(), "▏".into()));
        let lines = Screen { kind: Kind::Lines, ..screen };
        assert_eq!(lines.share(1, 1, 8), "");
        assert_eq!(lines.bar("read", 48, 48, "48 of 48"), "  read     48 of 48");
    }
}
