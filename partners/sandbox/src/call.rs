//! A call as a partner receives it and the answer it gives, independent of any web framework.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Serialize;
use serde_json::Value;

/// Decoded parameters, in order of their names.
#[derive(Debug, Default, Clone, Hash)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads a query string and a form body together.
    pub(crate) fn read(query: &str, form: &[u8]) -> Self {
        let pairs =
            url::form_urlencoded::parse(query.as_bytes()).chain(url::form_urlencoded::parse(form));
        let mut list: Vec<(String, String)> =
            pairs.map(|(name, value)| (name.into(), value.into())).collect();
        list.sort_by(|first, second| first.0.cmp(&second.0));
        Self(list)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// One call.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'a str,
    /// The full address without its query, as a client signs it.
    pub(crate) url: String,
    /// Below the partner's API address, with a leading slash.
    pub(crate) path: &'a str,
    pub(crate) params: Params,
    /// The whole `Authorization` header.
    pub(crate) authorization: Option<&'a str>,
    /// The token of a `Bearer` header.
    pub(crate) bearer: Option<&'a str>,
    pub(crate) content_type: Option<&'a str>,
    /// The raw body; a form is in `params` as well.
    pub(crate) body: &'a [u8],
    pub(crate) accept: Option<&'a str>,
    pub(crate) if_modified_since: Option<&'a str>,
    /// `X-Fitbit-Subscriber-Id`.
    pub(crate) subscriber_id: Option<&'a str>,
}

impl Call<'_> {
    /// Equal for calls with the same path, token and arguments.
    pub(crate) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.path, self.bearer, &self.params).hash(&mut hasher);
        hasher.finish()
    }
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: Cow<'static, str>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(
        status: u16,
        content_type: impl Into<Cow<'static, str>>,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        Self { status, content_type: content_type.into(), headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn bare(status: u16) -> Self {
        Self::new(status, "", "")
    }

    pub(crate) fn json(status: u16, value: &impl Serialize) -> Self {
        let body =
            serde_json::to_vec(value).unwrap_or_else(|_| Value::Null.to_string().into_bytes());
        Self::new(status, "application/json", body)
    }

    #[must_use]
    pub(crate) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}
