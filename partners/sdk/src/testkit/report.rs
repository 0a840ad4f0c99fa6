//! Which cases ran and which failed.

use std::fmt;

/// A case that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The feed, `token` or `manifest`.
    pub subject: String,
    /// Which case.
    pub case: String,
    /// The expected and the actual result.
    pub message: String,
}

/// The outcome of a run of the suite.
#[derive(Clone, Debug)]
pub struct Report {
    /// The partner's name.
    pub partner: &'static str,
    /// The number of cases that were run.
    pub cases: usize,
    /// The failed cases.
    pub failures: Vec<Failure>,
}

impl Report {
    pub(super) fn new(partner: &'static str) -> Self {
        Self { partner, cases: 0, failures: Vec::new() }
    }

    pub(super) fn case(&mut self, subject: &str, case: &str, outcome: Result<(), String>) {
        self.cases += 1;
        if let Err(message) = outcome {
            let (subject, case) = (subject.to_owned(), case.to_owned());
            self.failures.push(Failure { subject, case, message });
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partner, cases, failures } = self;
        if failures.is_empty() {
            return write!(formatter, "{partner} conforms: all {cases} cases passed");
        }
        write!(
            formatter,
            "{partner} does not conform: {} of {cases} cases failed",
            failures.len()
        )?;
        for failure in failures {
            write!(
                formatter,
                "\n  [{}] {}\n      {}",
                failure.subject, failure.case, failure.message
            )?;
        }
        Ok(())
    }
}
