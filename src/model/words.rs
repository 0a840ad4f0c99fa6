//! Closed lists of words.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

/// The schema of a closed list of words, in the OpenAPI document.
pub(crate) fn schema_of_words(
    about: &str,
    words: impl Iterator<Item = (&'static str, String)>,
) -> RefOr<Schema> {
    let (mut names, mut lines) = (Vec::new(), vec![about.trim().to_owned()]);
    for (name, about) in words {
        lines.push(format!("- `{name}`: {}", about.trim()));
        names.push(name);
    }
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(names))
        // A list in Markdown, in which the specification has descriptions.
        .description(Some(lines.join("\n")));
    schema.into()
}

/// Defines an enum with the names of its values.
macro_rules! named {
    ($(#[doc = $about:literal])* pub enum $name:ident { $($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)* } $(default $default:ident)?) => {
        $(#[doc = $about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[doc = $doc])+ #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word in the API and the database.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// What it means, in a sentence.
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii(),)* }
            }

            /// Reads what `name` gives.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)* _ => None }
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                let words = Self::ALL.iter().map(|word| (word.name(), word.about().to_owned()));
                $crate::model::schema_of_words(concat!($($about),*), words)
            }
        }

        impl utoipa::ToSchema for $name {}

        $(impl Default for $name {
            fn default() -> Self {
                Self::$default
            }
        })?
    };
}

pub(crate) use named;
