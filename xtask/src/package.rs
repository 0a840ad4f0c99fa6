//! The Debian package: `cargo xtask package`. What is in it stands in Cargo.toml
//! (`package.metadata.deb`); cargo-deb makes it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap_complete::Shell;

use crate::man_pages;
use crate::process::{output, run};

/// What [`make`] makes, where it differs from a release.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// The program of this profile, as it was built last. Otherwise the release is built.
    pub(crate) built: Option<String>,
    /// The version to give it.
    pub(crate) version: Option<String>,
}

/// Reads `--built PROFILE` and `--version VERSION`.
pub(super) fn options(arguments: &[&str]) -> Result<Options, String> {
    let mut options = Options::default();
    let mut rest = arguments.iter();
    while let Some(option) = rest.next() {
        let value = rest.next().ok_or_else(|| format!("{option} needs a value"))?;
        let place = match *option {
            "--built" => &mut options.built,
            "--version" => &mut options.version,
            _ => return Err(format!("package has no option {option}")),
        };
        *place = Some((*value).to_owned());
    }
    Ok(options)
}

/// Makes the package of the checkout at `root`, and returns its path.
pub(crate) fn make(root: &Path, options: &Options) -> Result<PathBuf, String> {
    write_texts(root)?;
    let folder = root.join("target/debian");
    let mut command = Command::new("cargo");
    command.arg("deb").current_dir(root).args(["--manifest-path", "Cargo.toml", "--output"]);
    command.arg(format!("{}/", folder.display()));
    match &options.built {
        // Quickly rather than small: it is only tried.
        Some(profile) => command.args(["--no-build", "--fast", "--profile", profile]),
        None => command.args(["--locked"]).envs(reproducible(root)?),
    };
    if let Some(version) = &options.version {
        command.args(["--deb-version", version]);
    }
    let printed = output(&mut command).map_err(|error| {
        format!("{error}\nIf it is missing: cargo install cargo-deb --locked --version 3.8.0")
    })?;
    let path = printed.lines().last().map(str::trim).filter(|path| path.ends_with(".deb"));
    path.map(|path| root.join(path)).ok_or_else(|| format!("cargo deb printed no path: {printed}"))
}

/// The manual and the completions, which the package takes from `target/package`.
fn write_texts(root: &Path) -> Result<(), String> {
    let folder = root.join("target/package");
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    // A page of a command that is no more would stay.
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(failed)?;
    }
    fs::create_dir_all(folder.join("man")).map_err(failed)?;
    for (name, text) in man_pages::pages(&man_pages::packaged())? {
        fs::write(folder.join("man").join(name), text).map_err(failed)?;
    }
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut man_pages::packaged(), "syncwell", &mut script);
        fs::write(folder.join(format!("syncwell.{shell}")), script).map_err(failed)?;
    }
    Ok(())
}

/// What makes two builds of one commit the same: no path of the machine in the program, and the time of
/// the commit instead of the build's.
fn reproducible(root: &Path) -> Result<Vec<(&'static str, OsString)>, String> {
    let time = output(Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(root))?;
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
        .ok_or("there is neither CARGO_HOME nor a home folder")?;
    let places = [(root, "/syncwell"), (cargo_home.as_path(), "/cargo")];
    let rust = places.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    let c = places.map(|(from, to)| format!("-ffile-prefix-map={}={to}", from.display()));
    Ok(vec![
        ("SOURCE_DATE_EPOCH", time.trim().into()),
        ("CARGO_INCREMENTAL", "0".into()),
        ("CARGO_ENCODED_RUSTFLAGS", rust.join("\u{1f}").into()),
        ("CFLAGS", c.join(" ").into()),
    ])
}

/// `cargo xtask package`
pub(super) fn print(root: &Path, options: &Options) -> Result<(), String> {
    let package = make(root, options)?;
    run(Command::new("dpkg-deb").arg("--info").arg(&package))?;
    println!("{}", package.display());
    Ok(())
}
