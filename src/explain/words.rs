//! Times and lists in words.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// `2026-03-04 12:00 UTC`.
pub(super) fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// `every 5 minutes`, `every hour`.
pub(super) fn every(interval: Duration) -> String {
    match interval.as_secs() {
        3_600 => "every hour".to_owned(),
        60 => "every minute".to_owned(),
        1 => "every second".to_owned(),
        seconds if seconds > 0 && seconds.is_multiple_of(3_600) => {
            format!("every {} hours", seconds / 3_600)
        }
        seconds if seconds >= 60 => format!("every {} minutes", seconds / 60),
        seconds => format!("every {seconds} seconds"),
    }
}

/// The first letter as a capital.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// `a, b and c`.
pub(super) fn list(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_lists_read_like_text() {
        let every = |seconds| every(Duration::from_secs(seconds));
        assert_eq!(every(300), "every 5 minutes");
        assert_eq!(every(3_600), "every hour");
        assert_eq!((every(60), every(1)), ("every minute".into(), "every second".into()));
        assert_eq!(every(7_200), "every 2 hours");
        assert_eq!(every(5), "every 5 seconds");
        assert_eq!(list(&["weight", "height", "bmi"]), "weight, height and bmi");
        assert_eq!(list(&["weight"]), "weight");
        assert_eq!(capital("weight and bmi"), "Weight and bmi");
    }
}
