//! What an answer may become in memory: its values are counted before any of them is made.
//!
//! Two bytes of text (`[]`) become 32 bytes as a value and hundreds as a refused record, so a bound
//! on the text alone does not bound the memory.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error::PartnerError;

/// The most items of one list. The longest page that a partner of ours documents has 10,000.
pub(crate) const MAX_ITEMS: u32 = 50_000;

/// The most values of an answer, where an object counts as [`OBJECT`] and each of its fields as two.
/// Counted so, a value takes about 64 bytes, and all of them some 64 MiB. A page with 17,000
/// weighings of Withings comes to this, or one with 5,000 that hold eight measures each.
pub(crate) const MAX_VALUES: u32 = 1_000_000;

/// The smallest map takes more than 600 bytes, whether it holds one field or eleven.
const OBJECT: u32 = 10;

/// A shorter answer cannot come to much, and most are shorter: they are not read twice.
const SHORT: usize = 64 * 1024;

/// Checks that `body` has no more values than are kept. JSON that does not parse is no matter of
/// this check; what stands before the damage is counted.
///
/// Depth has its bound where values are made: `serde_json` refuses more than 128 levels.
pub(crate) fn check(body: &[u8]) -> Result<(), PartnerError> {
    if body.len() <= SHORT {
        return Ok(());
    }
    let count = Count { values: &Cell::new(0), passed: &Cell::new(None) };
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    drop(count.deserialize(&mut deserializer));
    match count.passed.get() {
        None => Ok(()),
        Some(what) => Err(PartnerError::Malformed(what.into())),
    }
}

/// Counts values without making any.
#[derive(Clone, Copy)]
struct Count<'count> {
    values: &'count Cell<u32>,
    /// The bound that was passed, as a sentence.
    passed: &'count Cell<Option<&'static str>>,
}

impl Count<'_> {
    fn add<E: Error>(&self, values: u32) -> Result<(), E> {
        let sum = self.values.get().saturating_add(values);
        self.values.set(sum);
        if sum > MAX_VALUES { Err(self.stop(TOO_MANY_VALUES)) } else { Ok(()) }
    }

    fn stop<E: Error>(&self, what: &'static str) -> E {
        self.passed.set(Some(what));
        E::custom(what)
    }
}

const TOO_MANY_VALUES: &str = "the answer has more than 1,000,000 values";
const TOO_MANY_ITEMS: &str = "a list in the answer has more than 50,000 items";

impl<'de> DeserializeSeed<'de> for Count<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Count<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.add(1)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.add(1)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.add(1)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.add(1)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.add(1)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.add(1)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.add(1)?;
        let mut items = 0;
        while list.next_element_seed(self)?.is_some() {
            items += 1;
            if items > MAX_ITEMS {
                return Err(self.stop(TOO_MANY_ITEMS));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        self.add(OBJECT)?;
        while fields.next_key::<IgnoredAny>()?.is_some() {
            self.add(1)?;
            fields.next_value_seed(self)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(body: &str) -> Option<String> {
        check(body.as_bytes()).err().map(|error| error.to_string())
    }

    /// A list of that many items inside an envelope.
    fn list(item: &str, count: u32) -> String {
        let items = vec![item; count as usize].join(",");
        format!(r#"{{"status":0,"body":{{"list":[{items}]}}}}"#)
    }

    #[test]
    fn a_list_of_as_many_items_as_allowed_passes_and_one_more_does_not() {
        for item in ["[]", "{}", "0", "null", "\"\""] {
            assert_eq!(says(&list(item, MAX_ITEMS)), None, "{item}");
            let refused = says(&list(item, MAX_ITEMS + 1)).unwrap();
            assert!(refused.contains("more than 50,000 items"), "{item}: {refused}");
        }
    }

    #[test]
    fn values_in_many_lists_and_objects_are_counted_together() {
        for (item, most) in [("[[],[],[],[]]", 200_000), (r#"{"a":0}"#, 83_000)] {
            let lists = |count: u32| {
                let list = format!("[{}]", vec![item; 1_000].join(","));
                format!("[{}]", vec![list; (count / 1_000) as usize].join(","))
            };
            assert_eq!(says(&lists(most - 2_000)), None, "{item}");
            let refused = says(&lists(most + 2_000)).unwrap();
            assert!(refused.contains("more than 1,000,000 values"), "{item}: {refused}");
        }
    }

    #[test]
    fn a_page_of_thousands_of_weighings_passes() {
        let measure = r#"{"value":78120,"type":1,"unit":-3,"algo":0,"fm":131}"#;
        let group = |measures: usize| {
            let measures = vec![measure; measures].join(",");
            format!(
                r#"{{"grpid":5010203040,"attrib":0,"date":1772600000,"created":1772600001,
                "modified":1772600001,"category":1,"deviceid":"x","hash_deviceid":"x",
                "measures":[{measures}],"modelid":5,"model":"Body+","comment":null,"timezone":"x"}}"#
            )
        };
        assert_eq!(says(&list(&group(1), 17_000)), None);
        assert_eq!(says(&list(&group(8), 5_000)), None);
    }

    #[test]
    fn what_stands_before_damage_is_counted_and_damage_itself_is_left_to_the_reader() {
        let cut = list("0", MAX_ITEMS).replace("]}}", ",");
        assert_eq!(says(&cut), None);
        assert!(says(&list("0", MAX_ITEMS + 9).replace("]}}", ",")).is_some());
        assert_eq!(says(&"[".repeat(100_000)), None, "too deep: the reader refuses it");
        assert!(serde_json::from_str::<serde_json::Value>(&"[".repeat(100_000)).is_err());
    }
}
