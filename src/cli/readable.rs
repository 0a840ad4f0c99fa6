//! Files with secrets that everybody on the machine can read.

use std::path::{Path, PathBuf};

use crate::key_file;
use crate::settings::{Origin, Settings};
use crate::store::database_file;

/// What has secrets, and may be read by others: in words, with what mends it.
pub(super) fn by_others(settings: &Settings) -> Vec<String> {
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    let mut add = |path: PathBuf, what: &str| {
        if !files.iter().any(|(known, _)| *known == path) {
            files.push((path, what.to_owned()));
        }
    };
    for path in key_file::paths(settings) {
        add(path, "the key of the database");
    }
    if let Ok(Some(path)) = database_file(&settings.database.url) {
        add(path, "the database");
    }
    for (name, path) in settings.secret_files() {
        add(path, &format!("a secret of {name}"));
    }
    for (key, origin) in &settings.origins {
        let Origin::File { path, .. } = origin else { continue };
        let has_password = key == "database.url" && settings.database.url.contains('@');
        let is_secret = key.ends_with(".client_secret") || key.ends_with(".verify_code");
        if has_password || is_secret {
            add(path.clone(), key);
        }
    }
    let readable = files.into_iter().filter(|(path, _)| others_can_read(path));
    let hint = |(path, what): (PathBuf, String)| {
        let path = path.display();
        format!("{path} has {what}, and everybody on this machine can read it: chmod o-rwx {path}")
    };
    readable.map(hint).collect()
}

#[cfg(unix)]
fn others_can_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| std::fs::metadata(path).map(|it| it.permissions().mode());
    // In a folder that others may not enter they cannot be read either.
    let folder = crate::store::folder_of(path);
    let is_open = |path: &Path, bit: u32| mode(path).is_ok_and(|mode| mode & bit != 0);
    is_open(path, 0o004) && is_open(folder, 0o001)
}

#[cfg(not(unix))]
fn others_can_read(_: &Path) -> bool {
    false
}
