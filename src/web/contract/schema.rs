//! Finds its way in a JSON Schema.

use serde_json::Value;

use super::place;

/// A schema, and the document that its references lead into.
#[derive(Clone, Copy)]
pub(super) struct Schema<'a> {
    pub(super) document: &'a Value,
    pub(super) value: &'a Value,
}

impl<'a> Schema<'a> {
    fn of(self, value: &'a Value) -> Self {
        Self { value, ..self }.resolved()
    }

    /// The schema that a reference leads to; of one that allows null, the other one.
    pub(super) fn resolved(self) -> Self {
        let mut value = self.value;
        // References of our document are no circles, and shallow.
        for _ in 0..16 {
            if let Some(pointer) = value["$ref"].as_str().and_then(|to| to.strip_prefix('#')) {
                value = self.document.pointer(pointer).unwrap_or(&Value::Null);
                continue;
            }
            let branches = value["oneOf"].as_array().or(value["anyOf"].as_array());
            let Some(branches) = branches else { break };
            let meant = branches.iter().find(|branch| branch["type"] != "null");
            value = meant.unwrap_or(&Value::Null);
        }
        Self { value, ..self }
    }

    /// The schema of the value at a pointer.
    pub(super) fn at(self, pointer: &str) -> Option<Self> {
        let mut schema = self.resolved();
        for part in place::parts(pointer) {
            let object = |name: &str| schema.value.get(name).filter(|inner| inner.is_object());
            let member = schema.value["properties"].get(&part);
            let inner = member.or(object("items")).or(object("additionalProperties"));
            schema = schema.of(inner?);
        }
        Some(schema)
    }

    /// The schema of the entries of a list.
    pub(super) fn entries(self) -> Self {
        self.of(&self.value["items"])
    }

    /// The names of the fields of an object, without those that only answers have.
    pub(super) fn fields(self) -> Vec<&'a str> {
        let fields = self.resolved().value["properties"].as_object();
        let sent = fields.into_iter().flatten().filter(|(_, field)| field["readOnly"] != true);
        sent.map(|(name, _)| name.as_str()).collect()
    }

    /// The words of a closed list.
    pub(super) fn words(self) -> Option<Vec<&'a str>> {
        let words = self.resolved().value["enum"].as_array()?;
        Some(words.iter().filter_map(Value::as_str).collect())
    }

    /// The type of a value that is not null.
    pub(super) fn type_of(self) -> Option<&'a str> {
        match &self.value["type"] {
            Value::String(name) => Some(name),
            Value::Array(names) => {
                names.iter().filter_map(Value::as_str).find(|name| *name != "null")
            }
            _ => None,
        }
    }
}
