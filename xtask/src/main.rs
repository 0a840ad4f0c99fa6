//! Developer chores: `cargo xtask partners-table [--check]`.

mod code_lines;
mod partners_table;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask partners-table          rewrites the table of partners in partners/README.md
cargo xtask partners-table --check  fails when that would change it, and shows what";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["partners-table"] => partners_table::rewrite(),
        ["partners-table", "--check"] => partners_table::check(),
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
