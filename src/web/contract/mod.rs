//! Checks requests by the OpenAPI document: what it says is what the daemon does.
//!
//! A body or a query is checked as a whole, so that all its mistakes are found at once, each with
//! its place. What no schema can say (whether an end comes after its start) is left to handlers,
//! which add to the same list.

mod dates;
mod json;
mod mistakes;
mod place;
mod schema;
mod wording;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use actix_web::http::Method;
use actix_web::{HttpRequest, web};
use jsonschema::{Keyword, ValidationError, Validator};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

pub(super) use self::mistakes::{Mistake, Mistakes};
use self::schema::Schema;
use self::wording::Sent;
use super::Problem;

/// The keyword for the most bytes of a text in UTF-8; `maxLength` counts letters.
pub(super) const MAX_BYTES: &str = "x-max-bytes";

/// What all operations that need a key take.
pub(super) struct Contract {
    document: Value,
    operations: HashMap<(String, String), Operation>,
}

/// What one operation takes.
struct Operation {
    body: Option<Shape>,
    query: Shape,
}

/// A schema and, once it is needed, what was compiled of it.
struct Shape {
    schema: Value,
    validator: OnceLock<Validator>,
}

impl fmt::Debug for Contract {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Contract")
    }
}

impl Contract {
    /// The contract of an OpenAPI document.
    fn of(document: &Value) -> Self {
        let mut operations = HashMap::new();
        let shape = |schema| Shape { schema, validator: OnceLock::new() };
        for (path, methods) in document["paths"].as_object().into_iter().flatten() {
            for (method, said) in methods.as_object().into_iter().flatten() {
                // Partners add parameters to a callback as they please, and monitors to a check.
                if said["security"].is_null() {
                    continue;
                }
                let body = &said["requestBody"]["content"]["application/json"]["schema"];
                let body = body.is_object().then(|| shape(body.clone()));
                let query = shape(of_query(&said["parameters"]));
                let operation = Operation { body, query };
                operations.insert((method.to_uppercase(), path.clone()), operation);
            }
        }
        Self { document: document.clone(), operations }
    }

    fn operation(&self, request: &HttpRequest) -> Option<&Operation> {
        let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
        self.operations.get(&(method.as_str().to_owned(), request.match_pattern()?))
    }
}

/// The contract of the document, made once for all workers: each makes the same document.
pub(super) fn shared(document: &Value) -> Arc<Contract> {
    static CONTRACT: OnceLock<Arc<Contract>> = OnceLock::new();
    Arc::clone(CONTRACT.get_or_init(|| Arc::new(Contract::of(document))))
}

/// The parameters of a query as the members of an object.
fn of_query(parameters: &Value) -> Value {
    let parameters = parameters.as_array().into_iter().flatten();
    let (mut members, mut required) = (Map::new(), Vec::new());
    for parameter in parameters.filter(|parameter| parameter["in"] == "query") {
        let name = parameter["name"].as_str().unwrap_or_default();
        let mut schema = parameter["schema"].clone();
        if let Some(about) = parameter["description"].as_str() {
            schema["description"] = about.into();
        }
        members.insert(name.to_owned(), schema);
        if parameter["required"] == true {
            required.push(name);
        }
    }
    json!({"type": "object", "properties": members, "required": required, "additionalProperties": false})
}

impl Shape {
    /// Compiles the schema.
    ///
    /// # Errors
    /// If it is no schema.
    fn compile(&self, document: &Value) -> Result<Validator, String> {
        let mut schema = self.schema.clone();
        let mut needed = Map::new();
        add_needed(&schema, document, &mut needed);
        schema["components"] = json!({"schemas": needed});
        jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(true)
            .with_format("date-time", dates::is_right)
            .with_keyword(MAX_BYTES, |_, most, _| {
                let most = most.as_u64().and_then(|most| usize::try_from(most).ok());
                Ok(Box::new(MaxBytes(most.unwrap_or(usize::MAX))))
            })
            .build(&schema)
            .map_err(|error| error.to_string())
    }

    /// What was compiled, at the first use: a start is not to wait for what may never be asked.
    #[expect(
        clippy::expect_used,
        reason = "the document is made by the code alone, and a test compiles all of it"
    )]
    fn validator(&self, document: &Value) -> &Validator {
        let compile = || self.compile(document).expect("the document has schemas");
        self.validator.get_or_init(compile)
    }

    /// Pointers to wrong values, and what is wrong with each.
    fn mistakes(&self, document: &Value, value: &Value, sent: Sent) -> Vec<(String, String)> {
        let schema = Schema { document, value: &self.schema };
        let errors = self.validator(document).iter_errors(value);
        errors.flat_map(|error| wording::mistakes(schema, &error, sent)).collect()
    }
}

/// Adds the components that a schema refers to, and those that they refer to.
fn add_needed(schema: &Value, document: &Value, needed: &mut Map<String, Value>) {
    match schema {
        Value::Object(members) => {
            let name = members.get("$ref").and_then(Value::as_str).unwrap_or_default();
            if let Some(name) = name.strip_prefix("#/components/schemas/")
                && !needed.contains_key(name)
            {
                let component = &document["components"]["schemas"][name];
                needed.insert(name.to_owned(), component.clone());
                add_needed(component, document, needed);
            }
            members.values().for_each(|member| add_needed(member, document, needed));
        }
        Value::Array(entries) => {
            entries.iter().for_each(|entry| add_needed(entry, document, needed));
        }
        _ => {}
    }
}

struct MaxBytes(usize);

impl<'i> Keyword<'i> for MaxBytes {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        let bytes = instance.as_str().map_or(0, str::len);
        if bytes <= self.0 {
            return Ok(());
        }
        let message = format!("it has {bytes} bytes; send at most {}", self.0);
        Err(ValidationError::custom(message))
    }

    fn is_valid(&self, instance: &Value) -> bool {
        instance.as_str().map_or(0, str::len) <= self.0
    }
}

/// A request's body, and what is wrong with it.
#[derive(Debug)]
pub(super) struct Input {
    value: Value,
    /// What is wrong with it. A handler adds what the document cannot say.
    pub(super) mistakes: Mistakes,
}

impl Input {
    /// Reads a body and checks it by the document.
    ///
    /// # Errors
    /// 400, if it is no JSON.
    pub(super) fn read(request: &HttpRequest, bytes: &[u8]) -> Result<Self, Problem> {
        let json = json::read(bytes).map_err(|error| {
            let detail = format!("the body is not JSON: {error}");
            Problem::bad_request("bad-body", detail)
        })?;
        let mut mistakes = Mistakes::default();
        for pointer in json.repeated {
            mistakes.add(&pointer, "it stands there twice; send it once");
        }
        if let Some(contract) = request.app_data::<web::Data<Arc<Contract>>>()
            && let Some(shape) = contract.operation(request).and_then(|known| known.body.as_ref())
        {
            for (pointer, detail) in shape.mistakes(&contract.document, &json.value, Sent::InBody) {
                mistakes.add(&pointer, detail);
            }
        }
        Ok(Self { value: json.value, mistakes })
    }

    /// How many entries the list at a pointer has.
    pub(super) fn entries(&self, pointer: &str) -> usize {
        self.value.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len)
    }

    /// The value at a pointer, if nothing is wrong with it.
    pub(super) fn part<T: DeserializeOwned>(&mut self, pointer: &str) -> Option<T> {
        if self.mistakes.concern(pointer) {
            return None;
        }
        let part = T::deserialize(self.value.pointer(pointer)?);
        // The document allows more than the code can read: say so rather than nothing.
        part.map_err(|error| self.mistakes.add(pointer, format!("it cannot be read: {error}"))).ok()
    }

    /// The whole body.
    ///
    /// # Errors
    /// 422 with all mistakes.
    pub(super) fn whole<T: DeserializeOwned>(mut self) -> Result<T, Problem> {
        let whole = self.part("");
        self.mistakes.none()?;
        whole.ok_or_else(|| Problem::bad_request("bad-body", "the body cannot be read"))
    }
}

/// Checks the query of a request by the document.
///
/// # Errors
/// 400 with all mistakes.
pub(super) fn check_query(request: &HttpRequest) -> Result<(), Problem> {
    let Some(contract) = request.app_data::<web::Data<Arc<Contract>>>() else { return Ok(()) };
    let Some(operation) = contract.operation(request) else { return Ok(()) };
    let schema = Schema { document: &contract.document, value: &operation.query.schema };
    let (mut members, mut wrong) = (Map::new(), Vec::new());
    for (name, text) in url::form_urlencoded::parse(request.query_string().as_bytes()) {
        let at = schema.at(&place::below("", &name));
        let value = at.map_or_else(|| text.as_ref().into(), |at| as_typed(at, &text));
        match members.get_mut(&*name) {
            None => drop(members.insert(name.into_owned(), value)),
            Some(Value::Array(known)) => {
                known.extend(value.as_array().cloned().unwrap_or_default())
            }
            Some(_) => {
                wrong.push((name.into_owned(), "it stands there twice; send it once".into()))
            }
        }
    }
    let found =
        operation.query.mistakes(&contract.document, &Value::Object(members), Sent::InAddress);
    wrong.extend(found.into_iter().map(|(pointer, detail)| (place::in_words(&pointer), detail)));
    mistakes::of_parameters(wrong)
}

/// The value that a text of a query stands for. What cannot be read stays a text.
fn as_typed(schema: Schema<'_>, text: &str) -> Value {
    match schema.type_of() {
        Some("integer") => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
        Some("boolean") => text.parse::<bool>().map_or_else(|_| text.into(), Value::from),
        Some("array") => text.split(',').map(|entry| as_typed(schema.entries(), entry)).collect(),
        _ => text.into(),
    }
}

/// Reads a body as each call would, and a text as a date and a query.
#[cfg(feature = "fuzzing")]
pub(super) fn read_anything(contract: &Contract, bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && !dates::is_right(text)
    {
        drop([dates::wrong(text, true), dates::wrong(text, false)]);
    }
    let Ok(json) = json::read(bytes) else { return };
    for operation in contract.operations.values() {
        for (shape, sent) in operation.body.iter().map(|body| (body, Sent::InBody)) {
            drop(shape.mistakes(&contract.document, &json.value, sent));
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Compiles all that a document has.
    pub(in crate::web) fn compile(document: &Value) -> Result<usize, String> {
        let contract = Contract::of(document);
        for ((method, path), operation) in &contract.operations {
            for shape in operation.body.iter().chain([&operation.query]) {
                let compiled = shape.compile(document);
                compiled.map_err(|error| format!("{method} {path}: {error}"))?;
            }
        }
        Ok(contract.operations.len())
    }

    /// What is wrong with an example of what a schema describes.
    pub(in crate::web) fn mistakes(
        document: &Value,
        schema: &Value,
        example: &Value,
    ) -> Result<Vec<String>, String> {
        let shape = Shape { schema: schema.clone(), validator: OnceLock::new() };
        let compiled = shape.compile(document)?;
        let errors = compiled.iter_errors(example);
        Ok(errors.map(|error| format!("{}: {error}", error.instance_path())).collect())
    }
}
