//! The settings that exist, and which of them a wrong name may mean.

use serde_json::Value;

use super::layers::PREFIX;
use super::{Partner, Settings};

/// How alike two names must be for one to be suggested for the other, from 0 to 1.
const ALIKE: f64 = 0.8;

/// Every setting as `section.key`; those of a partner with `partner` as its name.
pub(super) fn keys(partner: &str) -> Vec<String> {
    let mut known = Vec::new();
    let plain = |value: serde_json::Result<Value>| value.unwrap_or_default();
    collect("", &plain(serde_json::to_value(Settings::default())), &mut known);
    let section = format!("partners.{partner}");
    collect(&section, &plain(serde_json::to_value(Partner::default())), &mut known);
    known
}

fn collect(path: &str, value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                collect(&path, value, out);
            }
        }
        _ => out.push(path.to_owned()),
    }
}

/// The partner's name in `partners.NAME.key`.
fn partner_of(key: &str) -> &str {
    key.strip_prefix("partners.").and_then(|rest| rest.split('.').next()).unwrap_or("NAME")
}

/// Says that a key does not exist, and which one may be meant. `is_section` if it has keys of its
/// own.
pub(super) fn unknown(key: &str, is_section: bool) -> String {
    let known = keys(partner_of(key));
    if is_section {
        let sections = known.iter().filter_map(|key| key.split('.').next());
        return match nearest(key, sections.filter(|section| known.iter().all(|key| key != section)))
        {
            Some(section) => format!("unknown section [{key}]; did you mean [{section}]?"),
            None => format!("unknown section [{key}]"),
        };
    }
    match nearest(key, known.iter().map(String::as_str)) {
        Some(near) => format!("unknown setting `{key}`; did you mean `{near}`?"),
        None => format!("unknown setting `{key}`; config/default.toml has all of them"),
    }
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// The variable that was meant by one that is almost a setting, such as `SYNCWELL_SERVER_LISTEN`.
pub(super) fn meant_variable(name: &str) -> Option<String> {
    let upper = name.to_ascii_uppercase();
    let rest = upper.strip_prefix("SYNCWELL")?.trim_start_matches('_');
    let letters = |text: &str| text.to_ascii_uppercase().replace(['_', '.'], "");
    let mut keys = keys("NAME");
    // Longest first: `request_token_url` ends like `token_url`.
    keys.sort_by_key(|key| std::cmp::Reverse(key.len()));
    let meant = keys.iter().find_map(|key| match key.strip_prefix("partners.NAME.") {
        None => (letters(rest) == letters(key)).then(|| key.clone()),
        Some(own) => {
            let partner = rest.strip_prefix("PARTNERS_")?.strip_suffix(&own.to_ascii_uppercase());
            let partner = partner?.strip_suffix('_')?.trim_matches('_');
            (!partner.is_empty()).then(|| format!("partners.{partner}.{own}"))
        }
    })?;
    let meant = format!("{PREFIX}{}", meant.replace('.', "__").to_ascii_uppercase());
    (name != meant).then_some(meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_is_almost_a_setting_is_recognised() {
        for (name, meant) in [
            ("SYNCWELL_SERVER_LISTEN", Some("SYNCWELL__SERVER__LISTEN")),
            ("SYNCWELL__SERVER_LISTEN", Some("SYNCWELL__SERVER__LISTEN")),
            ("SYNCWELL_SERVER__LISTEN", Some("SYNCWELL__SERVER__LISTEN")),
            ("syncwell__server__listen", Some("SYNCWELL__SERVER__LISTEN")),
            ("SYNCWELL_INSTALLED_PARTNERS", Some("SYNCWELL__INSTALLED_PARTNERS")),
            (
                "SYNCWELL_PARTNERS_WITHINGS_CLIENT_ID",
                Some("SYNCWELL__PARTNERS__WITHINGS__CLIENT_ID"),
            ),
            (
                "SYNCWELL_PARTNERS_GOOGLE_HEALTH_REQUEST_TOKEN_URL",
                Some("SYNCWELL__PARTNERS__GOOGLE_HEALTH__REQUEST_TOKEN_URL"),
            ),
            ("SYNCWELL__SERVER__LISTEN", None),
            ("SYNCWELL__INSTALLED_PARTNERS", None),
            ("SYNCWELL__PARTNERS__GOOGLE_HEALTH__CLIENT_SECRET_FILE", None),
            ("SYNCWELL_PORT", None),
            ("SYNCWELL_TEST_CLOCK", None),
            ("PATH", None),
        ] {
            assert_eq!(meant_variable(name).as_deref(), meant, "{name}");
        }
    }

    #[test]
    fn what_is_unknown_names_the_nearest_that_is_known_if_it_is_near() {
        for (key, is_section, text) in [
            (
                "server.lissten",
                false,
                "unknown setting `server.lissten`; did you mean `server.listen`?",
            ),
            ("sever", true, "unknown section [sever]; did you mean [server]?"),
            ("databse", true, "unknown section [databse]; did you mean [database]?"),
            ("zzz", true, "unknown section [zzz]"),
        ] {
            assert_eq!(unknown(key, is_section), text);
        }
        assert!(unknown("partners.strava.clientid", false).contains("`partners.strava.client_id`"));
        assert!(!unknown("zzz", false).contains("did you mean"));
    }
}
