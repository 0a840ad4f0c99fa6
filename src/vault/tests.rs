//! What is sealed opens with its key only.

use secrecy::ExposeSecret;

use super::*;

const DATA: AssociatedData<'_> = AssociatedData { column: "connections.access_token", row: "17" };

fn vault() -> Vault {
    Vault::from_hex(&generate_key().unwrap()).unwrap()
}

#[test]
fn what_is_sealed_opens_only_with_its_key_and_at_its_place() {
    let vault = vault();
    let sealed = vault.seal(DATA, "token-1").unwrap();
    assert_eq!(vault.open(DATA, &sealed).unwrap().expose_secret(), "token-1");
    assert!(vault.open(AssociatedData { row: "18", ..DATA }, &sealed).is_err());
    assert!(
        vault
            .open(AssociatedData { column: "connections.refresh_token", ..DATA }, &sealed)
            .is_err()
    );
    assert!(self::vault().open(DATA, &sealed).is_err());
}

#[test]
fn a_sealed_value_does_not_show_its_content_and_is_never_the_same() {
    let vault = vault();
    let (first, second) =
        (vault.seal(DATA, "token-1").unwrap(), vault.seal(DATA, "token-1").unwrap());
    assert_ne!(first, second);
    assert!(!first.windows(5).any(|window| window == b"token"));
}

#[test]
fn any_change_of_a_sealed_value_is_noticed() {
    let vault = vault();
    let sealed = vault.seal(DATA, "token-1").unwrap();
    for index in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[index] ^= 1;
        assert!(vault.open(DATA, &changed).is_err(), "byte {index}");
        assert!(vault.open(DATA, &sealed[..index]).is_err(), "cut at {index}");
    }
}

#[test]
fn what_is_derived_is_the_same_for_a_purpose_and_a_key_and_otherwise_differs() {
    let key = generate_key().unwrap();
    let derived = |key: &str, purpose: &str| {
        let derived = Vault::from_hex(key).unwrap().derive(purpose);
        derived.expose_secret().to_owned()
    };
    let one = derived(&key, "notifications/withings");
    assert_eq!(one, derived(&key, "notifications/withings"));
    assert_ne!(one, derived(&key, "notifications/fitbit"));
    assert_ne!(one, derived(&generate_key().unwrap(), "notifications/withings"));
    assert_eq!(one.len(), 43, "256 bits");
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    assert!(one.chars().all(fits));
}

#[test]
fn a_key_file_is_made_once_and_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("syncwell.key");
    let made = Vault::create_file(&path).unwrap();
    assert_eq!(Vault::from_file(&path).unwrap().key_id(), made.key_id());
    assert!(Vault::create_file(&path).is_err());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    std::fs::write(&path, "not a key").unwrap();
    assert!(matches!(Vault::from_file(&path), Err(VaultError::NotAKey(_))));
}

const PLACE: AssociatedData<'_> = AssociatedData { column: "user_keys.wrapped", row: "ann" };

#[test]
fn a_data_key_is_wrapped_for_its_place_and_its_master_key() {
    let (vault, other) = (vault(), vault());
    let key = DataKey::generate().unwrap();
    let wrapped = vault.wrap(PLACE, &key).unwrap();
    assert!(!wrapped.windows(8).any(|part| key.to_bytes().windows(8).any(|of_key| of_key == part)));
    let unwrapped = vault.unwrap_key(PLACE, &wrapped).unwrap();
    assert_eq!((unwrapped.name(), &*unwrapped.to_bytes()), (key.name(), &*key.to_bytes()));
    assert!(vault.unwrap_key(AssociatedData { row: "bob", ..PLACE }, &wrapped).is_err());
    assert!(other.unwrap_key(PLACE, &wrapped).is_err());
    let both = other.with_old([vault]);
    assert_eq!(both.unwrap_key(PLACE, &wrapped).unwrap().name(), key.name());
    for index in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[index] ^= 1;
        assert!(both.unwrap_key(PLACE, &changed).is_err(), "byte {index}");
        assert!(both.unwrap_key(PLACE, &wrapped[..index]).is_err(), "cut at {index}");
    }
    let again = both.wrap(PLACE, &key).unwrap();
    assert_ne!(again[..5], wrapped[..5], "with the new master key");
}

#[test]
fn a_vault_seals_with_its_newest_data_key_and_opens_with_the_others_until_it_forgets_them() {
    let master = vault();
    let of_master = master.seal(DATA, "zero").unwrap();
    let deriving = master.deriving_of(&master.key_id()).unwrap();
    let vault = master.with_data_keys(vec![DataKey::generate().unwrap()], &deriving);
    assert_eq!(vault.derive("a").expose_secret(), master.derive("a").expose_secret());
    let first = vault.seal(DATA, "one").unwrap();
    assert_eq!((of_master[0], first[0]), (1, 2));
    assert!(vault.is_current(&first) && !vault.is_current(&of_master) && !vault.is_current(b""));
    vault.renew(DataKey::generate().unwrap());
    let second = vault.seal(DATA, "two").unwrap();
    assert!(vault.is_current(&second) && !vault.is_current(&first));
    for (sealed, secret) in [(&of_master, "zero"), (&first, "one"), (&second, "two")] {
        assert_eq!(vault.open(DATA, sealed).unwrap().expose_secret(), secret);
    }
    vault.forget_old();
    assert!(vault.open(DATA, &first).is_err());
    assert_eq!(vault.open(DATA, &second).unwrap().expose_secret(), "two");
    for index in 0..second.len() {
        let mut changed = second.clone();
        changed[index] ^= 1;
        assert!(vault.open(DATA, &changed).is_err(), "byte {index}");
        assert!(vault.open(DATA, &second[..index]).is_err(), "cut at {index}");
    }
}

#[test]
fn a_users_value_opens_with_the_users_keys_only_and_says_when_they_are_missing() {
    let vault = vault();
    let old = vault.seal(DATA, "before").unwrap();
    let key = UserKey { current: DataKey::generate().unwrap(), previous: None };
    let sealed = key.current.seal(DATA, "token").unwrap();
    let open = |key: Option<&UserKey>, sealed: &[u8]| UserKey::open(key, &vault, DATA, sealed);
    assert_eq!(open(Some(&key), &sealed).unwrap().expose_secret(), "token");
    assert_eq!(open(None, &old).unwrap().expose_secret(), "before");
    assert!(matches!(open(None, &sealed), Err(VaultError::NoUserKey { .. })));
    let other = UserKey { current: DataKey::generate().unwrap(), previous: None };
    assert!(matches!(open(Some(&other), &sealed), Err(VaultError::NotOurs { .. })));
    let renewed = UserKey { current: other.current, previous: Some(key.current) };
    assert_eq!(open(Some(&renewed), &sealed).unwrap().expose_secret(), "token");
    assert!(vault.open(DATA, &sealed).is_err());
}

#[test]
fn only_64_hexadecimal_digits_are_a_key() {
    let right = "0f".repeat(32);
    assert!(Vault::from_hex(&format!(" {right}\n")).is_some());
    for wrong in
        ["", "0f", &"0".repeat(63), &format!("{right}0f"), &"0g".repeat(32), &"é".repeat(32)]
    {
        assert!(Vault::from_hex(wrong).is_none(), "{wrong}");
    }
}

#[test]
#[ignore = "a measurement: run it by name"]
fn how_long_a_value_takes() {
    let key = DataKey::generate().unwrap();
    let text = "x".repeat(300);
    let began = std::time::Instant::now();
    for _ in 0..10_000 {
        let sealed = key.seal(DATA, &text).unwrap();
        key.open(DATA, &sealed).unwrap();
    }
    println!("sealing and opening 300 bytes: {:?}", began.elapsed() / 10_000);
}
