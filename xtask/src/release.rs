//! A release: `cargo xtask release VERSION` writes the version and the changelog, commits and tags them, and
//! makes what is published; `cargo xtask release --artifacts` only the last, of the commit that is checked
//! out. The program is built twice, in two places, and both packages must be the same to the byte.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::changelog;
use crate::package::{self, Options};
use crate::process::{output, run};

/// `cargo xtask release VERSION`. `today` is written into the changelog, as `2026-12-01`.
pub(super) fn release(root: &Path, version: &str, today: &str) -> Result<(), String> {
    let changed = output(git(root).args(["status", "--porcelain"]))?;
    if !changed.is_empty() {
        return Err(format!("commit or stash these first:\n{changed}"));
    }
    let old = written_version(root)?;
    if numbers(version)? < numbers(&old)? {
        return Err(format!("{version} is older than {old}, which stands in Cargo.toml"));
    }
    let tag = format!("v{version}");
    if !output(git(root).args(["tag", "--list", &tag]))?.trim().is_empty() {
        return Err(format!("there is a tag {tag} already; a release is never made again"));
    }
    edit(&root.join("CHANGELOG.md"), |text| changelog::released(text, version, today))?;
    edit(&root.join("Cargo.toml"), |text| {
        Ok(text.replacen(&format!("version = \"{old}\""), &format!("version = \"{version}\""), 1))
    })?;
    run(Command::new("cargo")
        .args(["update", "--workspace", "--offline", "--quiet"])
        .current_dir(root))?;
    run(git(root).args([
        "commit",
        "--quiet",
        "--all",
        "--message",
        &format!("Release {version}"),
    ]))?;
    run(git(root).args(["tag", "--annotate", &tag, "--message", &format!("Syncwell {version}")]))?;
    artifacts(root)?;
    println!("publish it with: git push origin HEAD {tag}");
    Ok(())
}

/// The packages, the bill of materials and the checksums of the commit that is checked out.
pub(super) fn artifacts(root: &Path) -> Result<(), String> {
    let version = written_version(root)?;
    let folder = root.join("target/release-of").join(&version);
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(failed)?;
    }
    fs::create_dir_all(&folder).map_err(failed)?;
    let first = checkout(root, &folder.join("a"))?;
    let package = package::make(&first, &Options::default())?;
    let second = checkout(root, &folder.join("in/another/place"))?;
    let again = package::make(&second, &Options::default())?;
    same(&package, &again)?;
    let bill = bill_of_materials(&first, &version)?;
    let mut names = Vec::new();
    for file in [&package, &bill] {
        let name = file.file_name().ok_or_else(|| format!("{} has no name", file.display()))?;
        fs::copy(file, folder.join(name)).map_err(failed)?;
        names.push(name.to_owned());
    }
    for place in ["a", "in"] {
        fs::remove_dir_all(folder.join(place)).map_err(failed)?;
    }
    let sums = output(Command::new("sha256sum").args(&names).current_dir(&folder))?;
    fs::write(folder.join("SHA256SUMS"), &sums).map_err(failed)?;
    println!(
        "two builds of {version} in two places are the same; in {}:\n{sums}",
        folder.display()
    );
    Ok(())
}

/// A clean checkout of what is committed.
fn checkout(root: &Path, place: &Path) -> Result<PathBuf, String> {
    let mut clone = Command::new("git");
    run(clone.args(["clone", "--quiet", "--no-hardlinks"]).arg(root).arg(place))?;
    Ok(place.to_owned())
}

fn same(one: &Path, other: &Path) -> Result<(), String> {
    let read = |path: &Path| fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    if read(one)? == read(other)? {
        return Ok(());
    }
    let (one, other) = (one.display(), other.display());
    Err(format!(
        "{one} and {other} differ: the build is not reproducible; `diffoscope` shows where"
    ))
}

/// What is compiled in, as CycloneDX.
fn bill_of_materials(checkout: &Path, version: &str) -> Result<PathBuf, String> {
    let name = format!("syncwell-{version}");
    let time = output(git(checkout).args(["log", "-1", "--format=%ct"]))?;
    let mut command = Command::new("cargo");
    command.current_dir(checkout).env("SOURCE_DATE_EPOCH", time.trim());
    command.args(["cyclonedx", "--format", "json", "--no-default-features", "--features", "otel"]);
    command.args(["--manifest-path", "Cargo.toml", "--override-filename", &name, "--quiet"]);
    run(&mut command).map_err(|error| {
        format!("{error}\nIf it is missing: cargo install cargo-cyclonedx --locked --version 0.5.9")
    })?;
    Ok(checkout.join(format!("{name}.json")))
}

fn git(folder: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(folder);
    git
}

/// The version in the workspace's Cargo.toml.
fn written_version(root: &Path) -> Result<String, String> {
    let path = root.join("Cargo.toml");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("version = \""));
    let version = line.and_then(|rest| rest.strip_suffix('"'));
    version.map(str::to_owned).ok_or_else(|| format!("{} names no version", path.display()))
}

/// `1.2.3` as numbers.
fn numbers(version: &str) -> Result<[u64; 3], String> {
    let parts: Option<Vec<u64>> = version.split('.').map(|part| part.parse().ok()).collect();
    let wrong = || format!("a version is three numbers such as 0.2.0, not {version}");
    parts.ok_or_else(wrong)?.try_into().map_err(|_| wrong())
}

fn edit(path: &Path, change: impl FnOnce(&str) -> Result<String, String>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(failed)?;
    fs::write(path, change(&text)?).map_err(failed)
}
