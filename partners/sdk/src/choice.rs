//! Reading settings that allow one of two words, with an error that names both.

/// Reads an enum of two values from its words.
macro_rules! choice {
    ($name:ident, $first:ident = $one:literal, $second:ident = $other:literal) => {
        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                match text.as_str() {
                    $one => Ok(Self::$first),
                    $other => Ok(Self::$second),
                    _ => Err(format!("`{text}` is neither \"{}\" nor \"{}\"", $one, $other)),
                }
            }
        }
    };
}

pub(crate) use choice;
