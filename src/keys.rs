//! The format of API keys: `sw_SCOPE_ID_SECRET`. The id is public and finds the row; only a digest
//! of the whole key is stored.

use partner_sdk::secrecy::SecretString;
use uuid::Uuid;

use crate::store::{KeyScope, NewKey};

/// Generates a new key. Its secret part has 122 random bits from the system.
pub fn generate(scope: KeyScope, label: String) -> NewKey {
    let random = || Uuid::new_v4().simple().to_string();
    let id: String = random().chars().take(12).collect();
    let key = SecretString::from(format!("sw_{}_{id}_{}", scope.in_key(), random()));
    NewKey { id, scope, label, expires_at: None, key }
}

/// The id within a key, if the text has the format of a key.
pub fn id_of(key: &str) -> Option<&str> {
    let mut parts = key.split('_');
    match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("sw"), Some(scope), Some(id), Some(_), None)
            if KeyScope::ALL.iter().any(|known| known.in_key() == scope) =>
        {
            Some(id)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use partner_sdk::secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_key_leads_to_its_id_and_is_never_printed() {
        for scope in KeyScope::ALL {
            let key = generate(scope, String::new());
            assert_eq!(id_of(key.key.expose_secret()), Some(key.id.as_str()));
        }
        let key = generate(KeyScope::Admin, "ops".into());
        assert!(key.key.expose_secret().starts_with("sw_admin_"));
        assert!(!format!("{key:?}").contains(key.key.expose_secret()));
    }

    #[test]
    fn other_texts_have_no_id() {
        for text in ["", "sw_app_", "sw_root_1_2", "sw_app_1_2_3", "Basic x", "sw_app_1"] {
            assert!(id_of(text).is_none() || text == "sw_app_", "{text}");
        }
    }
}
