//! Numbers as people read them.

use std::fmt::Display;

/// A whole number with separators: `1,204`.
pub fn with_separators(number: impl Display) -> String {
    let plain = number.to_string();
    let (sign, digits) = plain.strip_prefix('-').map_or(("", plain.as_str()), |rest| ("-", rest));
    let mut grouped = String::from(sign);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        let texts = [0, 999, -100, 1_204, -1_234_567, i64::MIN].map(with_separators);
        let expected = ["0", "999", "-100", "1,204", "-1,234,567", "-9,223,372,036,854,775,808"];
        assert_eq!(texts, expected);
    }
}
