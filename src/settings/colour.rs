//! A colour, and whether white text on it can be read (WCAG 2.2, 1.4.3).

use std::fmt;

/// The least contrast between text and what it stands on.
const LEAST_CONTRAST: f64 = 4.5;

/// A colour in sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour([u8; 3]);

impl Colour {
    /// Reads `#rrggbb`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        if digits.len() != 6 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let number = u32::from_str_radix(digits, 16).ok()?;
        let [_, red, green, blue] = number.to_be_bytes();
        Some(Self([red, green, blue]))
    }

    /// Whether white text on it can be read.
    pub fn carries_white(self) -> bool {
        self.contrast_with_white() >= LEAST_CONTRAST
    }

    /// From 1 for white to 21 for black.
    fn contrast_with_white(self) -> f64 {
        let Self([red, green, blue]) = self;
        let linear = |channel: u8| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        let luminance = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
        1.05 / (luminance + 0.05)
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([red, green, blue]) = self;
        write!(formatter, "#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_on_which_white_can_be_read_carry_it() {
        // The grey #767676 is the lightest that does; #777777 has 4.48.
        for (text, carries) in [
            ("#000000", true),
            ("#2552C4", true),
            ("#0b7676", true),
            ("#767676", true),
            ("#777777", false),
            ("#f2a268", false),
            ("#ffff00", false),
            ("#ffffff", false),
        ] {
            let colour = Colour::parse(text).unwrap();
            assert_eq!(colour.carries_white(), carries, "{text}");
            assert_eq!(colour.to_string(), text.to_lowercase());
        }
        let black = Colour::parse("#000000").unwrap();
        assert!((black.contrast_with_white() - 21.0).abs() < 1e-9);
    }

    #[test]
    fn only_six_digits_are_a_colour() {
        for text in ["", "#", "#fff", "2552c4", "#2552c", "#2552c4ff", "#+552c4", "#ééé", "red"]
        {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
    }
}
