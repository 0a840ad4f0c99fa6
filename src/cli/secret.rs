//! `syncwell secret`

use crate::vault::generate_key;

/// Prints a new key alone, so that it can be piped to a file.
pub(super) fn generate() -> anyhow::Result<()> {
    println!("{}", generate_key()?);
    Ok(())
}
