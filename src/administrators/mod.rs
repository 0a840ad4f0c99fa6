//! Administrators: people who use the pages, by name, password and, if they want, a second factor.

mod common;
pub mod password;
pub mod second_factor;

/// The longest name.
const LONGEST_NAME: usize = 64;

/// A name as it is stored and compared: without spaces around it, in small letters.
pub fn as_name(typed: &str) -> String {
    typed.trim().to_lowercase()
}

/// Whether somebody can have this name.
///
/// # Errors
/// What a name looks like.
pub fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || ".-_@".contains(it);
    if (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(is_plain) {
        return Ok(());
    }
    Err(format!("a name has 1 to {LONGEST_NAME} of the letters a to z, digits and . - _ @"))
}
