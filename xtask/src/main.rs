//! Developer tasks: `cargo xtask new-partner <name>`, `cargo xtask partners-table [--check]`,
//! `cargo xtask records-page [--check]`, `cargo xtask man-pages`, `cargo xtask package`,
//! `cargo xtask release <version>`.

mod changelog;
mod code_lines;
mod man_pages;
mod new_partner;
mod package;
mod partners_table;
mod process;
mod records_page;
mod release;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use syncwell::clock::{Clock, SystemClock};

const USAGE: &str = "\
cargo xtask new-partner <name>      writes the crate of a new partner and registers it
cargo xtask partners-table          rewrites the table of partners in partners/README.md
cargo xtask partners-table --check  fails when that would change it, and shows what
cargo xtask records-page            rewrites docs/records.md
cargo xtask records-page --check    fails when that would change it
cargo xtask man-pages               writes the manual to target/man, a page for each command
cargo xtask package                 builds the Debian package; --built PROFILE takes what is built,
                                    --version VERSION names it otherwise
cargo xtask release <version>       writes the version and the changelog, commits, tags, builds the package
                                    twice, compares, and writes target/release-of/<version>
cargo xtask release --artifacts     only builds and compares, of the commit that is checked out";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["new-partner", name] => new_partner::create(&root(), name),
        ["new-partner", ..] => Err(format!("new-partner needs a name, and only that\n{USAGE}")),
        ["partners-table"] => partners_table::rewrite(),
        ["partners-table", "--check"] => partners_table::check(),
        ["records-page"] => records_page::rewrite(),
        ["records-page", "--check"] => records_page::check(),
        ["man-pages"] => man_pages::write(&root()),
        ["package", ref rest @ ..] => {
            package::options(rest).and_then(|options| package::print(&root(), &options))
        }
        ["release", "--artifacts"] => release::artifacts(&root()),
        ["release", version] => {
            let today = SystemClock::new().now().format("%Y-%m-%d").to_string();
            release::release(&root(), version, &today)
        }
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(format!("there is no such chore\n{USAGE}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("xtask: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the workspace. Cargo sets it when it runs this; a test sets its own workspace.
fn root() -> PathBuf {
    let here = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let here = here.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).to_owned());
    here.parent().map_or_else(|| here.clone(), Path::to_owned)
}
