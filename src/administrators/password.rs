//! Passwords: which are good, and their Argon2id digests.

use std::sync::OnceLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::common::COMMON;

/// The shortest in characters.
const SHORTEST: usize = 12;

/// The longest in bytes.
const LONGEST: usize = 1_024;

/// What one digest costs: 19 MiB twice over, as OWASP advises.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// How many are computed at once: each needs its memory, whoever asks.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// Why there is no digest.
#[derive(Debug, thiserror::Error)]
#[error("the password cannot be digested: {0}")]
pub struct NoDigest(String);

/// Whether a password is good enough.
///
/// # Errors
/// What a good one is.
pub fn check(name: &str, password: &SecretString) -> Result<(), String> {
    let password = password.expose_secret();
    if password.chars().count() < SHORTEST {
        return Err(format!("a password has at least {SHORTEST} characters; four words are good"));
    }
    if password.len() > LONGEST {
        return Err(format!("a password has at most {LONGEST} bytes"));
    }
    let lower = password.to_lowercase();
    if lower.contains(name) {
        return Err("the password has the name in it; take one that nobody guesses".to_owned());
    }
    let is_more = |it: char| it.is_ascii_digit() || it.is_ascii_punctuation();
    let is_common = COMMON.contains(&lower.as_str())
        || COMMON.contains(&lower.trim_end_matches(is_more))
        || lower.chars().all(|it| lower.starts_with(it));
    if is_common {
        return Err("this password is one of those that are tried first; take another".to_owned());
    }
    Ok(())
}

fn argon2() -> Result<Argon2<'static>, NoDigest> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None);
    let params = params.map_err(|error| NoDigest(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The digest of a password. Blocks for a while.
///
/// # Errors
/// When the system gives no random numbers or no memory.
pub fn digest(password: &SecretString) -> Result<String, NoDigest> {
    let made = argon2()?.hash_password(password.expose_secret().as_bytes());
    made.map(|digest| digest.to_string()).map_err(|error| NoDigest(error.to_string()))
}

/// Whether a password has this digest. Without a digest it is compared with another one, so that a name that
/// does not exist takes as long as one that does. Only two are computed at once.
///
/// # Errors
/// When it cannot be computed.
pub async fn is_right(password: SecretString, of: Option<String>) -> Result<bool, NoDigest> {
    let failed = |error: &dyn std::fmt::Display| NoDigest(error.to_string());
    let turn = AT_ONCE.acquire().await.map_err(|error| failed(&error))?;
    let compared = tokio::task::spawn_blocking(move || {
        // Whoever asked may be gone; the memory is in use until here.
        let _turn = turn;
        compare(&password, of.as_deref())
    });
    compared.await.map_err(|error| failed(&error))?
}

fn compare(password: &SecretString, of: Option<&str>) -> Result<bool, NoDigest> {
    static NOBODY: OnceLock<String> = OnceLock::new();
    if NOBODY.get().is_none() {
        let made = digest(&SecretString::from(Uuid::new_v4().to_string()))?;
        NOBODY.get_or_init(|| made);
    }
    let stored = of.or(NOBODY.get().map(String::as_str)).unwrap_or_default();
    let stored = PasswordHash::new(stored).map_err(|error| NoDigest(error.to_string()))?;
    let given = password.expose_secret().as_bytes();
    let given = given.get(..LONGEST).unwrap_or(given);
    let fits = argon2()?.verify_password(given, &stored).is_ok();
    Ok(fits && of.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_that_are_guessed_are_refused() {
        for (password, is_good) in [
            ("short", false),
            ("elevenchars", false),
            ("Password1234!", false),
            ("ann-is-my-name", false),
            ("qwertyuiop123", false),
            ("zzzzzzzzzzzzzz", false),
            ("four lamps in a row", true),
            ("übergroße Äpfel", true),
        ] {
            let checked = check("ann", &SecretString::from(password));
            assert_eq!(checked.is_ok(), is_good, "{password}: {checked:?}");
        }
    }

    #[tokio::test]
    async fn only_the_right_password_has_the_digest() -> Result<(), NoDigest> {
        let right = SecretString::from("four lamps in a row");
        let stored = digest(&right)?;
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(is_right(right.clone(), Some(stored.clone())).await?);
        assert!(!is_right(SecretString::from("another"), Some(stored)).await?);
        assert!(!is_right(right, None).await?);
        Ok(())
    }
}
