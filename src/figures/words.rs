//! Numbers as people read them.

/// A whole number with separators: `1,204`.
pub fn with_separators(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        let texts = [0, 999, 1_204, -1_234_567, i64::MIN].map(with_separators);
        assert_eq!(texts, ["0", "999", "1,204", "-1,234,567", "-9,223,372,036,854,775,808"]);
    }
}
