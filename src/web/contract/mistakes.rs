//! What is wrong in a request: all of it, each with its place.

use actix_web::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::place;
use crate::web::Problem;

/// How many mistakes an answer lists.
const LISTED: usize = 100;

/// One wrong value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::web) struct Mistake {
    /// Where it stands in the body: a JSON pointer (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = String, example = "/records/7/measurement/value")]
    pointer: Option<String>,
    /// Or the parameter of the address that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = String, example = "limit")]
    parameter: Option<String>,
    /// What is wrong with it, and what to send.
    #[schema(example = "weight is out of any human range (0.3 to 700 kg)")]
    detail: String,
}

/// All that is wrong in a body.
#[derive(Debug, Default)]
pub(in crate::web) struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Adds what is wrong with the value at a pointer.
    pub(in crate::web) fn add(&mut self, pointer: &str, detail: impl Into<String>) {
        let (pointer, detail) = (Some(pointer.to_owned()), detail.into());
        self.0.push(Mistake { pointer, parameter: None, detail });
    }

    /// Whether something is wrong with the value at a pointer, within it, or around it.
    pub(super) fn concern(&self, pointer: &str) -> bool {
        let mut places = self.0.iter().filter_map(|mistake| mistake.pointer.as_deref());
        places.any(|at| place::is_within(at, pointer) || place::is_within(pointer, at))
    }

    /// Nothing is wrong, or the problem that lists all mistakes.
    ///
    /// # Errors
    /// If there are any.
    pub(in crate::web) fn none(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(self.problem()) }
    }

    /// The problem of one mistake.
    pub(in crate::web) fn one(pointer: &str, detail: impl Into<String>) -> Problem {
        let mut mistakes = Self::default();
        mistakes.add(pointer, detail);
        mistakes.problem()
    }

    fn problem(self) -> Problem {
        let in_words =
            |mistake: &Mistake| place::in_words(mistake.pointer.as_deref().unwrap_or_default());
        let detail = summary(&self.0, in_words).unwrap_or_default();
        let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad-values", detail);
        problem.with_errors(self.0.into_iter().take(LISTED).collect())
    }
}

/// The problem of wrong parameters, as names and what is wrong with each.
pub(super) fn of_parameters(wrong: Vec<(String, String)>) -> Result<(), Problem> {
    let listed = wrong.into_iter().map(|(name, detail)| Mistake {
        pointer: None,
        parameter: Some(name),
        detail,
    });
    let listed: Vec<_> = listed.take(LISTED).collect();
    match summary(&listed, |mistake| mistake.parameter.clone().unwrap_or_default()) {
        None => Ok(()),
        Some(detail) => Err(Problem::bad_request("bad-query", detail).with_errors(listed)),
    }
}

/// The first mistake with its place, and how many there are besides.
fn summary(mistakes: &[Mistake], place: impl Fn(&Mistake) -> String) -> Option<String> {
    let first = mistakes.first()?;
    let at = place(first);
    let at = if at.is_empty() { "the body".to_owned() } else { at };
    let others = match mistakes.len() {
        1 => String::new(),
        2 => ". One more value is wrong; see errors".to_owned(),
        n if n <= LISTED => format!(". {} more values are wrong; see errors", n - 1),
        n => format!(". {} more values are wrong; errors lists the first {LISTED}", n - 1),
    };
    Some(format!("{at}: {}{others}", first.detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_mistake_is_in_the_detail_and_all_are_listed() {
        let mut mistakes = Mistakes::default();
        for number in 0..150 {
            mistakes.add(&format!("/records/{number}/start"), "it is dated in the future");
        }
        assert!(mistakes.concern("/records/7") && mistakes.concern("/records/7/start/x"));
        assert!(!mistakes.concern("/records/7/end") && !mistakes.concern("/records/150"));
        let problem = serde_json::to_value(mistakes.none().unwrap_err()).unwrap();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.starts_with("records[0].start: it is dated in the future. 149 more"));
        assert_eq!(problem["errors"].as_array().unwrap().len(), LISTED);
        assert!(Mistakes::default().none().is_ok());
    }
}
