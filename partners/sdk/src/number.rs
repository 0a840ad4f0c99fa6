//! Numbers as partners write them: integers, floats or strings, read without loss.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

/// A decimal that is read from a JSON integer, float or numeric string, and written as the JSON
/// number that parses to exactly that decimal.
///
/// A float is read as its shortest decimal representation. For up to 15 digits, that is the text
/// the partner wrote: 70.7 stays 70.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(pub Decimal);

impl Number {
    /// The value as a whole number, rounded half away from zero; `None` beyond 64 bits.
    pub fn round(self) -> Option<i64> {
        use rust_decimal::prelude::{RoundingStrategy, ToPrimitive};
        self.0.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero).to_i64()
    }
}

impl From<Number> for Decimal {
    fn from(number: Number) -> Self {
        number.0.normalize()
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        to_json(self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number")
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Number, E> {
        Ok(Number(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Number, E> {
        Ok(Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Number, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
        let text = text.trim();
        // Decimals of Rust's source code, which no partner writes, may have them.
        if text.contains('_') {
            return Err(E::custom("not a number: it has an underscore"));
        }
        let parsed = Decimal::from_str(text).or_else(|_| Decimal::from_scientific(text));
        parsed.map(Number).map_err(|_| E::custom("not a number in range"))
    }
}

/// Writes a decimal as the JSON number that parses to exactly that decimal; whole numbers without
/// a fraction.
pub(crate) fn to_json(value: Decimal) -> serde_json::Number {
    use rust_decimal::prelude::ToPrimitive;
    let value = value.normalize();
    if value.scale() == 0
        && let Some(whole) = value.to_i64()
    {
        return whole.into();
    }
    // Going through the text gives the float nearest to the decimal, whose shortest form is the
    // decimal again; `Decimal::to_f64` computes and may be one bit off.
    let float = value.to_string().parse::<f64>().unwrap_or_default();
    serde_json::Number::from_f64(float).unwrap_or_else(|| 0.into())
}

/// `#[serde(with)]` for optional decimals.
pub(crate) mod optional {
    use rust_decimal::Decimal;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Number, to_json};

    #[expect(clippy::ref_option, reason = "the signature serde calls")]
    pub(crate) fn serialize<S: Serializer>(
        value: &Option<Decimal>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.map(to_json).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Decimal>, D::Error> {
        Ok(Option::<Number>::deserialize(deserializer)?.map(Decimal::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_number_is_read_exactly() {
        for (json, expected) in [
            ("70.7", "70.7"),
            ("\"82.000\"", "82"),
            ("5000", "5000"),
            ("0.1", "0.1"),
            ("1e2", "100"),
        ] {
            let number: Number = serde_json::from_str(json).unwrap();
            assert_eq!(Decimal::from(number).to_string(), expected, "{json}");
        }
    }

    #[test]
    fn decimals_are_written_as_they_are() {
        for text in ["78.12", "70", "-0.5", "0.1", "12345678.901", "97.7"] {
            let written = to_json(Decimal::from_str(text).unwrap()).to_string();
            assert_eq!(written, text);
        }
    }

    #[test]
    fn what_is_no_number_is_an_error_and_not_a_panic() {
        for json in ["\"many\"", "1e300", "true", "null", "[]", "\"\"", "\"7_0\"", "\"1_0e2\""] {
            assert!(serde_json::from_str::<Number>(json).is_err(), "{json}");
        }
    }
}
