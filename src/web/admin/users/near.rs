//! Ids that somebody may have meant who typed another one.

use std::collections::BTreeSet;

use crate::model::UserId;
use crate::store::StoreError;
use crate::web::State;

/// How many are suggested.
const SUGGESTED: usize = 5;

/// Longer ids are pasted and not typed.
const LONGEST: usize = 64;

/// Letters that look like others.
const ALIKE: [(char, char); 6] =
    [('O', '0'), ('o', '0'), ('l', '1'), ('I', '1'), ('–', '-'), ('_', '-')];

/// Users whose ids are almost this one, the most similar first.
pub(super) async fn near(state: &State, typed: &str) -> Result<Vec<UserId>, StoreError> {
    let candidates = candidates(typed).into_iter().filter_map(|id| UserId::parse(id).ok());
    let mut found = state.store().users_among(candidates.collect()).await?;
    found.extend(state.store().users_around(typed.to_owned(), 3).await?);
    let similarity = |id: &UserId| {
        let distance = strsim::damerau_levenshtein(&looks_like(id.as_str()), &looks_like(typed));
        (distance, id.clone())
    };
    // What differs in most of its letters was not meant.
    let most = typed.chars().count().div_ceil(2);
    found.retain(|id| similarity(id).0 <= most);
    found.sort_by_cached_key(similarity);
    found.dedup();
    found.truncate(SUGGESTED);
    Ok(found)
}

fn looks_like(id: &str) -> String {
    let lower = id.trim().to_lowercase();
    ALIKE.iter().fold(lower, |id, (one, other)| id.replace(*one, &other.to_string()))
}

/// What is one slip away.
fn candidates(typed: &str) -> BTreeSet<String> {
    let typed = typed.trim();
    let letters: Vec<char> = typed.chars().collect();
    let mut all: BTreeSet<String> =
        [typed.to_owned(), typed.to_lowercase(), typed.to_uppercase(), looks_like(typed)].into();
    for (one, other) in ALIKE {
        all.insert(typed.replace(one, &other.to_string()));
        all.insert(typed.replace(other, &one.to_string()));
    }
    if letters.len() > LONGEST {
        return all;
    }
    let with = |from: usize, to: usize, between: &[char]| -> String {
        letters.iter().take(from).chain(between).chain(letters.iter().skip(to)).collect()
    };
    for place in 0..letters.len() {
        all.insert(with(place, place + 1, &[]));
        if let Some([one, other]) = letters.get(place..place + 2) {
            all.insert(with(place, place + 2, &[*other, *one]));
        }
        for digit in '0'..='9' {
            all.insert(with(place, place + 1, &[digit]));
            all.insert(with(place, place, &[digit]));
        }
    }
    all.extend(('0'..='9').map(|digit| with(letters.len(), letters.len(), &[digit])));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_among_the_candidates() {
        for typed in [
            "u-1O42", "u-l042", "u-142", "u-10422", "u-0142", "U-1042", "u-1043", " u-1042",
            "u_1042",
        ] {
            assert!(candidates(typed).contains("u-1042"), "{typed}");
        }
        assert!(candidates(&"x".repeat(64)).len() < 1_500);
        assert!(candidates(&"x".repeat(250)).len() < 20);
    }
}
