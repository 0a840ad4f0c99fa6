//! A second factor: codes of six digits that an app makes from the time (TOTP, RFC 6238), and recovery codes for
//! when it is lost.

use chrono::{DateTime, Utc};
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use qrcodegen::{QrCode, QrCodeEcc};
use totp_rs::{Builder, Secret, Totp};

/// How many recovery codes somebody gets.
const RECOVERY_CODES: usize = 10;

/// Without those that look alike; 32 of them.
const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A new secret, as apps read it.
pub fn new_secret() -> SecretString {
    Secret::new_stack(rand::random()).to_base32().into()
}

/// Ten codes of sixteen letters and digits.
pub fn new_recovery_codes() -> Vec<SecretString> {
    let part = || -> String {
        let random: [u8; 4] = rand::random();
        let letter = |byte: &u8| LETTERS.get(usize::from(byte % 32)).copied().unwrap_or(b'a');
        random.iter().map(letter).map(char::from).collect()
    };
    let code = || SecretString::from([part(), part(), part(), part()].join("-"));
    (0..RECOVERY_CODES).map(|_| code()).collect()
}

/// A recovery code as it is compared: what people type differs in spaces, dashes and capitals.
pub fn as_recovery_code(typed: &str) -> String {
    typed.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
}

fn totp(name: &str, secret: &SecretString) -> Option<Totp> {
    let secret = Secret::try_from_base32(secret.expose_secret()).ok()?;
    let totp = Builder::new().with_secret(secret).with_account_name(name);
    totp.with_issuer(Some("Syncwell")).build().ok()
}

/// The address that apps take a secret from, `otpauth://…`.
pub fn address(name: &str, secret: &SecretString) -> Option<SecretString> {
    Some(totp(name, secret)?.to_url().ok()?.into())
}

/// The time step of a code, if it is one of now, or of half a minute before or after.
pub fn step_of(secret: &SecretString, typed: &str, now: DateTime<Utc>) -> Option<i64> {
    let code: String = typed.chars().filter(|it| !it.is_whitespace()).collect();
    let is_code = code.len() == 6 && code.bytes().all(|it| it.is_ascii_digit());
    let time = u64::try_from(now.timestamp()).ok()?;
    let step = is_code.then(|| totp("nobody", secret)?.check(&code, time)).flatten()?;
    i64::try_from(step).ok()
}

/// A QR code of block characters, two rows a line, dark on light.
pub fn qr_code(text: &SecretString) -> Option<String> {
    const QUIET: i32 = 2;
    let code = QrCode::encode_text(text.expose_secret(), QrCodeEcc::Low).ok()?;
    let (from, to) = (-QUIET, code.size() + QUIET);
    let mut drawn = String::new();
    let rows = (from..to).step_by(2);
    for y in rows {
        for x in from..to {
            // A terminal is dark: what is light in the code is drawn.
            let is_light = |y| !code.get_module(x, y);
            drawn.push(match (is_light(y), is_light(y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        drawn.push('\n');
    }
    Some(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_fits_its_half_minute_and_those_beside_it() {
        // RFC 6238, appendix B: the last six digits of 94287082 at 59 s.
        let secret = SecretString::from("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap_or_default();
        assert_eq!(step_of(&secret, "287082", at(59)), Some(1));
        assert_eq!(step_of(&secret, " 287 082 ", at(89)), Some(1));
        assert_eq!(step_of(&secret, "287082", at(95)), None);
        assert_eq!(step_of(&secret, "287083", at(59)), None);
        assert_eq!(step_of(&secret, "", at(59)), None);
    }

    #[test]
    fn a_secret_has_an_address_that_can_be_drawn() {
        let secret = new_secret();
        let address = address("ann", &secret);
        let text = address.as_ref().map(|it| it.expose_secret().to_owned()).unwrap_or_default();
        assert!(text.starts_with("otpauth://totp/Syncwell:ann?"), "{text}");
        assert!(text.contains(secret.expose_secret()), "{text}");
        assert!(address.as_ref().and_then(qr_code).is_some_and(|it| it.lines().count() > 12));
    }

    #[test]
    fn recovery_codes_differ_and_are_read_however_they_are_typed() {
        let codes = new_recovery_codes();
        let mut read: Vec<_> =
            codes.iter().map(|it| as_recovery_code(it.expose_secret())).collect();
        read.sort();
        read.dedup();
        assert_eq!((read.len(), read.iter().all(|it| it.len() == 16)), (10, true));
        assert_eq!(as_recovery_code(" ABCD-efgh ijkm-2345"), "abcdefghijkm2345");
    }
}
