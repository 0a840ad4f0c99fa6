//! The manual, one page for each command, from the texts that `--help` shows.

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use syncwell::cli::Arguments;

/// Writes `syncwell.1`, `syncwell-serve.1` and so on to `target/man`.
pub(super) fn write(root: &Path) -> Result<(), String> {
    let folder = root.join("target/man");
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(failed)?;
    let pages = pages(&of_program())?;
    for (name, text) in &pages {
        fs::write(folder.join(name), text).map_err(failed)?;
    }
    println!("{} pages in {}; read one with `man -l FILE`", pages.len(), folder.display());
    Ok(())
}

/// Each page: the name of its file, and its text.
pub(crate) fn pages(program: &Command) -> Result<Vec<(String, String)>, String> {
    let mut pages = Vec::new();
    add(program, &mut pages).map_err(|error| error.to_string())?;
    Ok(pages)
}

/// The program without what a package leaves out: the simulated partners.
pub(crate) fn packaged() -> Command {
    let simulated = ["demo", "sandbox"];
    simulated.iter().fold(of_program(), |program, name| {
        program.mut_subcommand(name, |command| command.hide(true))
    })
}

/// The program as it is once all its parts know their full names.
fn of_program() -> Command {
    let mut program = Arguments::command().disable_help_subcommand(true);
    program.build();
    program
}

/// `syncwell key create` has the page `syncwell-key-create`.
fn page_name(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

fn add(command: &Command, pages: &mut Vec<(String, String)>) -> std::io::Result<()> {
    let name = page_name(command);
    let mut text = Vec::new();
    Man::new(command.clone())
        .source(format!("syncwell {}", env!("CARGO_PKG_VERSION")))
        .manual("Syncwell Manual")
        .render(&mut text)?;
    pages.push((format!("{name}.1"), String::from_utf8_lossy(&text).into_owned()));
    for part in command.get_subcommands().filter(|part| !part.is_hide_set()) {
        add(part, pages)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(command: &Command, pages: &[(String, String)]) -> usize {
        let file = format!("{}.1", page_name(command));
        let (_, text) =
            pages.iter().find(|(name, _)| *name == file).unwrap_or_else(|| panic!("no {file}"));
        // In roff, a hyphen that is not to be a soft one is written `\-`.
        let text = text.replace("\\-", "-");
        for heading in [".TH ", ".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION"] {
            assert!(text.contains(heading), "{file} has no {heading}");
        }
        for option in command.get_opts().chain(command.get_arguments()) {
            if let Some(long) = option.get_long() {
                assert!(text.contains(&format!("--{long}")), "{file} does not name --{long}");
            } else {
                let name = option.get_id().as_str();
                assert!(text.to_lowercase().contains(name), "{file} does not name {name}");
            }
            let help = option.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(!help.is_empty(), "{file}: {} says nothing", option.get_id());
        }
        assert!(command.get_about().is_some(), "{file} does not say what it is for");
        let parts = command.get_subcommands().filter(|part| !part.is_hide_set());
        1 + parts.map(|part| check(part, pages)).sum::<usize>()
    }

    #[test]
    fn every_command_has_a_page_that_names_every_option() {
        let pages = pages(&of_program()).unwrap_or_else(|error| panic!("{error}"));
        let checked = check(&of_program(), &pages);
        assert_eq!(checked, pages.len(), "{:?}", pages.iter().map(|(name, _)| name));
        let names = ["syncwell.1", "syncwell-serve.1", "syncwell-key-create.1"];
        assert!(names.iter().all(|name| pages.iter().any(|(page, _)| page == name)));
    }
}
