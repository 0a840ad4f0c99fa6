//! Durations as text (`"5m"`, `"1500ms"`, `"21d"`).

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de};

fn parse<E: de::Error>(text: &str) -> Result<Duration, E> {
    humantime::parse_duration(text).map_err(|_| {
        E::custom(format!(
            "`{text}` is not a duration; write e.g. \"5m\", \"30s\", \"500ms\" or \"21d\""
        ))
    })
}

pub(super) fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_duration(*value))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    parse(&String::deserialize(deserializer)?)
}

pub(super) mod optional {
    use super::{Deserialize, Deserializer, Duration, Serializer, parse};

    #[expect(clippy::ref_option, reason = "the signature serde calls")]
    pub(in crate::settings) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => super::serialize(value, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::settings) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Option::<String>::deserialize(deserializer)?.map(|text| parse(&text)).transpose()
    }
}

pub(super) mod list {
    use serde::Serialize;

    use super::{Deserializer, Duration, Serializer, parse};

    pub(in crate::settings) fn serialize<S: Serializer>(
        values: &[Duration],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let texts: Vec<String> =
            values.iter().map(|value| humantime::format_duration(*value).to_string()).collect();
        texts.serialize(serializer)
    }

    pub(in crate::settings) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Duration>, D::Error> {
        let texts = crate::settings::list::deserialize(deserializer)?;
        texts.iter().map(|text| parse(text)).collect()
    }
}
