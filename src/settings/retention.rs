//! `[retention]`

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How long what piles up is kept; what is older is deleted hourly, in small steps. Records and
/// connections are kept until they are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Retention {
    /// Entries of the timeline, from their end. Default 90 days.
    pub syncs: Keep,
    /// Changes in the feed. Of older ones the last of each record and connection is kept, so that a
    /// reader from the beginning still gets everything. Default 90 days.
    pub changes: Keep,
    /// Deliveries of webhooks that have ended. Default 30 days.
    pub deliveries: Keep,
    /// Entries of the error log that are closed. Default 90 days.
    pub errors: Keep,
}

impl Default for Retention {
    fn default() -> Self {
        let days = |days: u64| Keep(Some(Duration::from_secs(days * 24 * 60 * 60)));
        Self { syncs: days(90), changes: days(90), deliveries: days(30), errors: days(90) }
    }
}

/// How long something is kept; `None` for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep(pub Option<Duration>);

impl Keep {
    /// What is older than this is deleted; `None` if nothing is.
    pub fn before(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        now.checked_sub_signed(TimeDelta::from_std(self.0?).ok()?)
    }
}

impl Serialize for Keep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(duration) => serializer.collect_str(&humantime::format_duration(duration)),
            None => serializer.serialize_str("never"),
        }
    }
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl Visitor<'_> for Written {
            type Value = Keep;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a duration such as \"90d\", or \"never\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Keep, E> {
                if ["never", "0"].contains(&text) {
                    return Ok(Keep(None));
                }
                match humantime::parse_duration(text) {
                    Ok(duration) => Ok(Keep(Some(duration).filter(|it| !it.is_zero()))),
                    Err(_) => Err(E::custom(format!(
                        "`{text}` is not a duration; write e.g. \"90d\", or \"never\" to delete nothing"
                    ))),
                }
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Keep, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Keep, E> {
                self.visit_str(&number.to_string())
            }
        }
        deserializer.deserialize_any(Written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_for_ever_is_never_old() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        for (text, days) in [
            ("90d", Some(90)),
            ("24h", Some(1)),
            ("never", None),
            ("0", None),
            ("0s", None),
            ("9000000000000d", None),
        ] {
            let keep: Keep = serde_json::from_value(text.into()).unwrap();
            assert_eq!(keep.before(now), days.map(|days| now - TimeDelta::days(days)), "{text}");
        }
        assert_eq!(serde_json::from_value::<Keep>(0.into()).unwrap(), Keep(None));
        for text in ["soon", "", "-1d"] {
            let error = serde_json::from_value::<Keep>(text.into()).unwrap_err().to_string();
            assert!(error.contains("never"), "{text}: {error}");
        }
    }
}
