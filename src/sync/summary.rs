//! What a sync did, in words.

use super::report::{FeedReport, PushReport, Report};

impl Report {
    /// What happened, in words.
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        if self.refreshed {
            parts.push("got new tokens".to_owned());
        }
        for (number, feed) in self.feeds.iter().enumerate() {
            let same = self.with_the_same_error(feed);
            let is_shared = same.len() > 1;
            parts.extend(feed.summary(!is_shared));
            // What several feeds share is said once, with the first of them.
            if let Some(error) = &feed.error
                && is_shared
                && same.first() == Some(&number)
            {
                let names: Vec<_> =
                    same.iter().filter_map(|at| Some(self.feeds.get(*at)?.feed)).collect();
                let names = if names.len() == self.feeds.len() {
                    format!("all {} feeds", names.len())
                } else {
                    names.join(", ")
                };
                parts.push(format!("{names}: {}", error.message));
            }
        }
        parts.extend(self.push.as_ref().and_then(PushReport::summary));
        parts.extend(self.error.as_ref().map(|error| error.message.clone()));
        if parts.is_empty() {
            let nothing = if self.polled {
                "nothing to do: every kind is switched off"
            } else {
                "nothing to push"
            };
            return nothing.into();
        }
        parts.join("; ")
    }

    /// The positions of the feeds that failed like this one.
    fn with_the_same_error(&self, feed: &FeedReport) -> Vec<usize> {
        let Some(error) = &feed.error else { return Vec::new() };
        let same = |other: &FeedReport| {
            other.error.as_ref().is_some_and(|other| other.message == error.message)
        };
        (0..).zip(&self.feeds).filter(|(_, other)| same(other)).map(|(number, _)| number).collect()
    }
}

impl FeedReport {
    /// What happened, with its error or, if several feeds share it, without: then there may be
    /// nothing to say.
    fn summary(&self, with_error: bool) -> Option<String> {
        let counts = [
            (self.created, "new"),
            (self.updated, "changed"),
            (self.deleted, "deleted"),
            (self.refused, "refused"),
        ];
        let mut text = counted(&counts);
        match &self.error {
            Some(error) if with_error => {
                if !text.is_empty() {
                    text.push_str(", then ");
                }
                text.push_str(&error.message);
                if self.resume_point.is_some() {
                    text.push_str("; it goes on there");
                }
            }
            Some(_) if text.is_empty() => return None,
            Some(_) => {}
            None if text.is_empty() => text.push_str("nothing new"),
            None => {}
        }
        if self.suspected > 0 {
            let count = self.suspected;
            text.push_str(&format!(
                " ({count} missing at once: kept until a second look, a minute later or more, \
                 shows the same)"
            ));
        }
        if let Some(ahead) = self.clock_ahead {
            let (days, hours) = (ahead.num_days(), ahead.num_hours());
            let ahead = if days > 2 { format!("{days} days") } else { format!("{hours} h") };
            text.push_str(&format!(
                " (this machine's clock is {ahead} ahead of the partner's: the next sync starts where \
                 this one did)"
            ));
        }
        if !self.conflicts.is_empty() {
            let count = self.conflicts.len();
            text.push_str(&format!(" ({count} changed on both sides, the later change kept)"));
        }
        if let Some(first) = self.refusals.first() {
            let id = first.source_id.as_deref().unwrap_or("without an id");
            text.push_str(&format!(" (first refused: {id}, {})", first.reason));
        }
        Some(format!("{}: {text}", self.feed))
    }
}

impl PushReport {
    fn summary(&self) -> Option<String> {
        let counts = [
            (self.created, "new"),
            (self.updated, "changed"),
            (self.deleted, "deleted"),
            (self.refused, "refused"),
        ];
        let mut text = counted(&counts);
        if let Some(error) = &self.error {
            if !text.is_empty() {
                text.push_str(", then ");
            }
            text.push_str(&error.message);
        }
        if let Some(first) = self.refusals.first() {
            text.push_str(&format!(" (first refused: {}, {})", first.kind, first.reason));
        }
        (!text.is_empty()).then(|| format!("pushed: {text}"))
    }
}

/// The counts that are not zero, with their words.
fn counted(counts: &[(u32, &str)]) -> String {
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    counts.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FailureCode, SyncOutcome};
    use crate::sync::Failure;

    fn feed(name: &'static str, created: u32, error: Option<&str>) -> FeedReport {
        let failure = |text: &str| Failure::new(FailureCode::Transient, text, SyncOutcome::Failed);
        FeedReport { created, error: error.map(failure), ..FeedReport::new(name) }
    }

    #[test]
    fn what_several_feeds_failed_with_is_said_once() {
        for (feeds, summary, failures) in [
            (vec![feed("weight", 0, Some("it is down")); 3], "all 3 feeds: it is down", 1),
            (
                vec![
                    feed("weight", 2, Some("it is down")),
                    feed("food", 1, None),
                    feed("sport", 0, Some("it is down")),
                    feed("fat", 0, Some("it hangs")),
                ],
                "weight: 2 new; weight, sport: it is down; food: 1 new; fat: it hangs",
                2,
            ),
            (vec![feed("weight", 2, Some("it is down"))], "weight: 2 new, then it is down", 1),
            (vec![feed("weight", 0, None)], "weight: nothing new", 0),
        ] {
            let report = Report { feeds, ..Report::default() };
            assert_eq!(report.summary(), summary);
            assert_eq!(report.distinct_failures().len(), failures);
        }
    }
}
