//! `syncwell secret`

use crate::vault::generate_key;

/// Prints only a new key, so that it can be piped to a file.
pub(super) fn generate() -> anyhow::Result<()> {
    println!("{}", generate_key()?);
    Ok(())
}
