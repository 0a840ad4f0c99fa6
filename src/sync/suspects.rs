//! Items that are missing from a list at once: the partner is asked for each, where it can be.

use std::sync::Arc;

use partner_sdk::{Kind, Page, PartnerError, PollRequest};

use super::polling::{SeenSoFar, check_page};
use super::ports::{Job, PageToSave};
use super::report::{Failure, FeedReport};
use super::run::{SyncRun, store_failure};

impl SyncRun<'_> {
    /// Asks for the items that are missing from a list at once, where the partner can be asked for
    /// one. What it says of an item is stored; what cannot be asked waits for a second look.
    pub(super) async fn ask_for_suspects(
        &mut self,
        job: &mut Job,
        request: &PollRequest,
        wanted: &[Kind],
        suspects: Vec<String>,
        report: &mut FeedReport,
    ) -> Result<(), Failure> {
        let mut answers = Page::default();
        let mut asked = 0;
        for suspect in &suspects {
            let partner = Arc::clone(&self.with.partner);
            let read = self.call(job, |session| {
                let (partner, request) = (Arc::clone(&partner), request.clone());
                let suspect = suspect.clone();
                async move {
                    let answer = partner.read_one(&session, &request, &suspect).await?;
                    answer.as_ref().map_or(Ok(()), Page::within_bounds).map(|()| answer)
                }
            });
            let answer = read.await.map_err(|failure| self.describe(failure, "asking for an item"));
            let Some(answer) = answer? else { return Ok(()) };
            if !is_about(&answer, suspect) {
                let error = "asked for one item, it answered with something else";
                return Err(Failure::from(&PartnerError::Malformed(error.into())));
            }
            answers.records.extend(answer.records);
            answers.deleted.extend(answer.deleted);
            asked += 1;
        }
        if asked == 0 {
            return Ok(());
        }
        let mut seen = SeenSoFar::default();
        let now = self.now();
        let parts = check_page(answers, job, wanted, &mut seen, report, self.with, now);
        report.suspected = report.suspected.saturating_sub(asked);
        for part in parts {
            let saved = self.with.ledger.save_page(PageToSave { is_certain: true, ..part }).await;
            report.add(saved.map_err(|error| store_failure(&error))?);
        }
        Ok(())
    }
}

/// Whether a page shows an item of this source id, or says that it is deleted.
fn is_about(page: &Page, source_id: &str) -> bool {
    let shown = page.records.iter().map(|record| match record {
        Ok(record) => Some(record.source_id.as_str()),
        Err(refused) => refused.source_id.as_deref(),
    });
    shown.flatten().chain(page.deleted.iter().map(String::as_str)).any(|id| id == source_id)
}
