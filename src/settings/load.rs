//! Reads the layers. Errors name the key, the variable and the nearest known key.

use std::fmt;
use std::path::{Path, PathBuf};

use config::{Config, File, FileFormat};
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde_json::Value;

use super::{Partner, Settings};

/// The built-in defaults, complete and commented; also the reference for users.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

/// The prefix of environment variables that are settings.
const PREFIX: &str = "SYNCWELL__";

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file cannot be read.
    #[error("cannot read the settings file {path}: {reason}")]
    File {
        /// The file, as given by the user.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A key does not exist.
    #[error("unknown setting `{key}`{}", nearest.as_ref().map_or_else(String::new, |key| format!("; did you mean `{key}`?")))]
    UnknownKey {
        /// The key, as written.
        key: String,
        /// The most similar known key.
        nearest: Option<String>,
    },
    /// A value is invalid.
    #[error("{0}")]
    Value(String),
}

impl Settings {
    /// Reads the built-in defaults, the files in order, and the environment.
    ///
    /// # Errors
    /// A file that cannot be read, an unknown key, a value of the wrong type.
    pub fn load(files: &[PathBuf]) -> Result<Self, SettingsError> {
        Self::from_layers(files, std::env::vars())
    }

    /// As [`Settings::load`], with the environment passed in.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn from_layers(
        files: &[PathBuf],
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let mut builder = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        for path in files {
            let text = std::fs::read_to_string(path).map_err(|error| file_error(path, &error))?;
            // Parsed here so that the error names the file and the line.
            text.parse::<toml::Table>()
                .map_err(|error| file_error(path, &in_words(&text, &error)))?;
            builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
        }
        for (name, value) in environment {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            let key = rest.to_ascii_lowercase().replace("__", ".");
            if value.trim_start().starts_with('[') {
                // A list of tables, which cannot be written otherwise on one line.
                let line = format!("{key} = {value}");
                line.parse::<toml::Table>().map_err(|error| {
                    SettingsError::Value(format!(
                        "the variable {name}: {}",
                        in_words(&line, &error)
                    ))
                })?;
                builder = builder.add_source(File::from_str(&line, FileFormat::Toml));
                continue;
            }
            builder = builder
                .set_override(&key, value)
                .map_err(|error| SettingsError::Value(format!("the variable {name}: {error}")))?;
        }
        let config = builder.build().map_err(|error| SettingsError::Value(error.to_string()))?;
        let mut unknown = None;
        let settings: Self = serde_ignored::deserialize(config, |path| {
            unknown.get_or_insert_with(|| path.to_string());
        })
        .map_err(|error: config::ConfigError| SettingsError::Value(error.to_string()))?;
        match unknown {
            Some(key) => {
                let nearest = nearest_key(&key);
                Err(SettingsError::UnknownKey { key, nearest })
            }
            None => Ok(settings),
        }
    }
}

/// Describes a TOML error and its line, without the text itself: the line may hold a secret.
fn in_words(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    format!("line {line}: {}", error.message())
}

fn file_error(path: &Path, error: &dyn fmt::Display) -> SettingsError {
    SettingsError::File { path: path.to_owned(), reason: error.to_string() }
}

/// The known key most similar to `key`, in the same section if there is one.
fn nearest_key(key: &str) -> Option<String> {
    let partner = key.split('.').nth(1).filter(|_| key.starts_with("partners.")).unwrap_or("NAME");
    let mut known = Vec::new();
    collect_keys("", &serde_json::to_value(Settings::default()).ok()?, &mut known);
    let partner_path = format!("partners.{partner}");
    collect_keys(&partner_path, &serde_json::to_value(Partner::default()).ok()?, &mut known);
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(key, &candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

fn collect_keys(path: &str, value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                collect_keys(&path, value, out);
            }
        }
        _ => out.push(path.to_owned()),
    }
}

/// A list of strings, or one string separated by commas, as in environment variables.
pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct ListVisitor;

    impl<'de> Visitor<'de> for ListVisitor {
        type Value = Vec<String>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a list of texts, or one text separated by commas")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Ok(parts.map(str::to_owned).collect())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut list = Vec::new();
            while let Some(item) = items.next_element()? {
                list.push(item);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_any(ListVisitor)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use partner_sdk::Limit;

    use super::*;

    fn load(toml: &str, environment: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), toml).unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Settings::from_layers(&[file.path().to_owned()], environment.collect::<Vec<_>>())
    }

    #[test]
    fn the_built_in_file_says_what_the_structs_say() {
        let from_file = Settings::from_layers(&[], []).unwrap();
        let from_code = Settings::default();
        assert_eq!(
            serde_json::to_value(from_file).unwrap(),
            serde_json::to_value(from_code).unwrap()
        );
    }

    #[test]
    fn every_key_stands_in_the_built_in_file() {
        let mut keys = Vec::new();
        collect_keys("", &serde_json::to_value(Settings::default()).unwrap(), &mut keys);
        collect_keys("", &serde_json::to_value(Partner::default()).unwrap(), &mut keys);
        for key in keys {
            let name = key.rsplit('.').next().unwrap();
            assert!(
                DEFAULTS.contains(&format!("{name} = ")) || name == "partners",
                "{key} is missing"
            );
        }
    }

    #[test]
    fn the_environment_wins_over_files_and_files_over_defaults() {
        let settings = load(
            "installed_partners = [\"withings\"]\n[scheduler]\ngroups = [\"1500ms\", \"20m\"]\n\
             [partners.withings]\nclient_id = \"0012\"\nlimits = [{calls = 7, per = \"90s\"}]",
            &[
                ("SYNCWELL__INSTALLED_PARTNERS", "withings, runkeeper"),
                ("SYNCWELL__SERVER__LISTEN", "127.0.0.1:0"),
                ("SYNCWELL__PARTNERS__RUNKEEPER__CLIENT_ID", "0034"),
                ("SYNCWELL__SCHEDULER__MAX_BUSY", "5"),
                ("SYNCWELL__PARTNERS__RUNKEEPER__LIMITS", "[{calls = 9, per = \"1h\"}]"),
                ("OTHER__KEY", "ignored"),
            ],
        )
        .unwrap();
        assert_eq!(settings.installed_partners, ["withings", "runkeeper"]);
        assert_eq!(settings.server.listen, "127.0.0.1:0");
        assert_eq!(settings.scheduler.groups[0], Duration::from_millis(1500));
        assert_eq!(settings.scheduler.max_busy, 5);
        let withings = settings.partner("withings");
        assert_eq!(withings.client_id.as_deref(), Some("0012"), "digits stay text");
        assert_eq!(withings.limits.unwrap()[0].per, Duration::from_secs(90));
        let runkeeper = settings.partner("runkeeper");
        assert_eq!(runkeeper.client_id.as_deref(), Some("0034"));
        assert_eq!(runkeeper.limits.unwrap()[0].calls, 9);
    }

    #[test]
    fn a_limit_says_whose_calls_count_and_where_its_windows_lie() {
        let limit = |words: &str| {
            let text = format!("[partners.x]\nlimits = [{{calls = 100, per = \"15m\"{words}}}]");
            load(&text, &[]).map(|settings| Limit::from(settings.partner("x").limits.unwrap()[0]))
        };
        let plain = Limit::app(100, Duration::from_secs(15 * 60));
        assert_eq!(limit("").unwrap(), plain);
        let reads = limit(", window = \"fixed\", counts = \"reads\"").unwrap();
        assert_eq!(reads, plain.fixed().of_reads());
        let each =
            limit(", scope = \"connection\", window = \"sliding\", counts = \"all\"").unwrap();
        assert_eq!(each, Limit::connection(100, Duration::from_secs(15 * 60)));
        let error = limit(", window = \"moving\"").unwrap_err().to_string();
        for word in ["moving", "sliding", "fixed", "partners.x.limits"] {
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one() {
        for (toml, key, nearest) in [
            ("[server]\nlissten = \"x\"", "server.lissten", "server.listen"),
            (
                "[partners.withings]\nclientid = \"x\"",
                "partners.withings.clientid",
                "partners.withings.client_id",
            ),
            ("instaled_partners = []", "instaled_partners", "installed_partners"),
        ] {
            let error = load(toml, &[]).unwrap_err().to_string();
            assert_eq!(error, format!("unknown setting `{key}`; did you mean `{nearest}`?"));
        }
        let error = load("", &[("SYNCWELL__DATABASE__URI", "x")]).unwrap_err().to_string();
        assert_eq!(error, "unknown setting `database.uri`; did you mean `database.url`?");
    }

    #[test]
    fn invalid_values_are_reported_with_their_key() {
        let error = load("[scheduler]\nmin_gap = \"soon\"", &[]).unwrap_err().to_string();
        assert!(error.contains("soon") && error.contains("min_gap"), "{error}");
        let text = "[partners.withings]\nclient_secret = \"hush-hush";
        let error = load(text, &[]).unwrap_err().to_string();
        assert!(error.contains("line 2") && !error.contains("hush"), "{error}");
    }

    #[test]
    fn secrets_are_not_printed() {
        let settings = load("[partners.withings]\nclient_secret = \"hush\"", &[]).unwrap();
        assert_eq!(settings.partner("withings").client_secret.as_ref().unwrap().expose(), "hush");
        assert!(!format!("{settings:?}").contains("hush"));
    }
}
