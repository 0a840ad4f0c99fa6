//! Reads a body as JSON: no field twice, and no more values than a full request has.

use std::cell::RefCell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::place;

/// A thousand records with all their fields have 25,000 values. Each takes some dozen bytes of
/// memory, and only two of a body.
const MOST_VALUES: usize = 40_000;

/// A whole number up to here is the same as a float and as an integer.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// A body, and the pointers of fields that stand in it twice.
pub(super) struct Json {
    pub(super) value: Value,
    pub(super) repeated: Vec<String>,
}

/// Reads a body.
///
/// # Errors
/// What is no JSON, and where.
pub(super) fn read(bytes: &[u8]) -> Result<Json, String> {
    let seen = Seen { repeated: RefCell::default(), values: RefCell::default() };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let seed = At { seen: &seen, pointer: String::new() };
    let read = seed.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    match read {
        Ok(value) => Ok(Json { value, repeated: seen.repeated.into_inner() }),
        Err(error) => Err(error.to_string()),
    }
}

struct Seen {
    repeated: RefCell<Vec<String>>,
    values: RefCell<usize>,
}

/// The place of the value that is read next.
struct At<'a> {
    seen: &'a Seen,
    pointer: String,
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        *self.seen.values.borrow_mut() += 1;
        if *self.seen.values.borrow() > MOST_VALUES {
            return Err(de::Error::custom(format!("it has more than {MOST_VALUES} values")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        // 4200.0 is a whole number to JSON Schema, and to those who send it.
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and within 53 bits")]
        let whole = (value.fract() == 0.0 && value.abs() <= LARGEST_WHOLE).then_some(value as i64);
        Ok(whole.map_or_else(|| Number::from_f64(value).into(), Value::from))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let pointer = place::below(&self.pointer, &list.len().to_string());
            match entries.next_element_seed(At { seen: self.seen, pointer })? {
                Some(value) => list.push(value),
                None => return Ok(list.into()),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let pointer = place::below(&self.pointer, &name);
            let value =
                members.next_value_seed(At { seen: self.seen, pointer: pointer.clone() })?;
            if object.insert(name, value).is_some() {
                self.seen.repeated.borrow_mut().push(pointer);
            }
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_is_read_as_it_is() {
        let text = r#" {"a":[1,-2,70.5,4200.0,"x\ud83c\udf5e",null,true],"b/c":{}} "#;
        let read = read(text.as_bytes()).unwrap();
        let expected = json!({"a": [1, -2, 70.5, 4200, "x\u{1f35e}", null, true], "b/c": {}});
        assert_eq!((read.value, read.repeated.len()), (expected, 0));
    }

    #[test]
    fn a_field_that_stands_twice_is_found_at_its_place() {
        let text = r#"{"a":[{"b/c":1,"d":2,"b/c":1}],"a":[]}"#;
        assert_eq!(read(text.as_bytes()).unwrap().repeated, ["/a/0/b~1c", "/a"]);
    }

    #[test]
    fn what_is_no_json_or_too_much_of_it_is_refused() {
        let many = format!("[{}0]", "0,".repeat(MOST_VALUES));
        for text in ["", "{", "{} x", "[1e400]", "\u{feff}{}", &many, &"[".repeat(100_000)] {
            assert!(read(text.as_bytes()).is_err(), "{}", text.len());
        }
    }
}
