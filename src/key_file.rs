//! Where the vault's key is stored, and opening the vault with it.

use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::settings::{self, Settings};
use crate::store::{StoreError, database_file, folder_of, sealed_with, with_stored_keys};
use crate::vault::Vault;

/// The path of the key: from the settings, the systemd credential, or beside the database.
fn key_path(settings: &Settings) -> anyhow::Result<PathBuf> {
    let set = settings.vault.key_file.clone().or_else(|| settings::credential("syncwell.key"));
    match set {
        Some(path) => Ok(path),
        None => {
            let database = database_file(&settings.database.url)?.unwrap_or_default();
            Ok(database.with_file_name("syncwell.key"))
        }
    }
}

/// The vault with the key of a file and the old keys that are there.
fn read(settings: &Settings, path: &Path) -> anyhow::Result<Vault> {
    let old = old_key_paths(settings, path);
    let old: Result<Vec<Vault>, _> = old.iter().map(|path| Vault::from_file(path)).collect();
    Ok(Vault::from_file(path)?.with_old(old?))
}

/// The old keys that are there beside the key of a file.
fn old_key_paths(settings: &Settings, path: &Path) -> Vec<PathBuf> {
    let mut old = settings.vault.old_key_files.clone();
    let credential = settings::credential("syncwell.key.old");
    let beside = path.with_file_name("syncwell.key.old");
    let is_default =
        settings.vault.key_file.is_none() && settings::credential("syncwell.key").is_none();
    old.extend(credential.or_else(|| (is_default && beside.exists()).then_some(beside)));
    old
}

/// The files of all keys, as far as they are known.
pub fn paths(settings: &Settings) -> Vec<PathBuf> {
    let Ok(path) = key_path(settings) else { return settings.vault.old_key_files.clone() };
    let old = old_key_paths(settings, &path);
    [path].into_iter().chain(old).collect()
}

/// Whether to create a key: none exists, none was configured, and nothing is sealed yet.
fn is_first_start(settings: &Settings, path: &Path) -> anyhow::Result<bool> {
    if path.exists() || settings.vault.key_file.is_some() {
        return Ok(false);
    }
    match sealed_with(&settings.database.url)? {
        None => Ok(true),
        Some(key) => bail!(
            "the database is sealed with the key {key}, but there is no key file {}; set vault.key_file \
             (SYNCWELL__VAULT__KEY_FILE) to where the key is",
            path.display()
        ),
    }
}

/// Whether there is a key already.
///
/// # Errors
/// When the address of the database is not valid.
pub fn exists(settings: &Settings) -> anyhow::Result<bool> {
    Ok(key_path(settings)?.exists())
}

/// Opens the vault, with what the database has of its keys, if there is a key already. Blocks.
///
/// # Errors
/// When the key cannot be used.
pub fn existing(settings: &Settings) -> anyhow::Result<Option<Vault>> {
    let path = key_path(settings)?;
    if !path.exists() {
        return Ok(None);
    }
    let vault = read(settings, &path)?;
    Ok(Some(with_stored_keys(&settings.database.url, vault)?))
}

/// Opens the vault with the key file, which is created at the first start. Blocks.
///
/// # Errors
/// When the key cannot be used, with how to fix it.
pub fn open(settings: &Settings) -> anyhow::Result<Vault> {
    let path = key_path(settings)?;
    if !is_first_start(settings, &path)? {
        return read(settings, &path);
    }
    tracing::info!(path = %path.display(), "made a new key; keep a copy apart from the database");
    Ok(Vault::create_file(&path)?)
}

/// Checks whether the key can be used, and describes it. Changes nothing. Blocks. Without a
/// database that can be read only the file is looked at.
///
/// # Errors
/// Why it cannot be used, and how to fix it.
pub fn check(settings: &Settings, has_database: bool) -> anyhow::Result<String> {
    if !has_database {
        let set =
            settings.vault.key_file.is_some() || settings::credential("syncwell.key").is_some();
        if !set {
            return Ok("not compared with the database, which cannot be read".to_owned());
        }
        let path = key_path(settings)?;
        let given = Vault::from_file(&path)?.key_id();
        return Ok(format!(
            "{} holds the key {given}, not compared with the database's",
            path.display()
        ));
    }
    let path = key_path(settings)?;
    if is_first_start(settings, &path)? {
        let folder = folder_of(&path);
        if !is_writable(folder) {
            bail!("a key is to be made in {}, where this user cannot write", folder.display());
        }
        return Ok(format!("{} is not there yet; it is made at the first start", path.display()));
    }
    let vault = read(settings, &path)?;
    let given = vault.key_id();
    match sealed_with(&settings.database.url)? {
        Some(stored) if vault.old_key_ids().contains(&stored) => Ok(format!(
            "{} holds the new key {given}; what the old key {stored} wraps is wrapped with it while the \
             daemon runs",
            path.display()
        )),
        Some(stored) if stored != given => Err(StoreError::OtherKey { stored, given }.into()),
        _ => Ok(format!("{} holds the key {given}", path.display())),
    }
}

/// Whether this user may write to a file, or make files in a folder.
pub fn is_writable(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}
