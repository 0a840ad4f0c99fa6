//! The calls, their responses, and how one sync goes through the pages.

use partner_sdk::chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use partner_sdk::serde_json::Value;
use partner_sdk::{
    Cursor, Page, PartnerError, PollRequest, RejectedRecord, Reply, Session, TimeRange,
};
use serde::{Deserialize, Serialize};

/// "Error Handling": a 403 in Oura's own format means that a scope was not ticked or the membership
/// has ended. Connecting again would fix neither.
pub(crate) fn read_error(reply: &Reply) -> Option<PartnerError> {
    if reply.status != 403 {
        return None;
    }
    let title = reply.json::<Value>().ok()?.get("title")?.as_str()?.to_lowercase();
    if !["scope", "forbidden", "membership"].iter().any(|word| title.contains(word)) {
        return None;
    }
    let reason = "it was not ticked on Oura's page, or the Oura membership has ended";
    Some(PartnerError::MissingScope(reason.into()))
}

/// API reference: one page of a collection.
#[derive(Deserialize)]
pub(crate) struct List {
    pub(crate) data: Vec<Value>,
    pub(crate) next_token: Option<String>,
}

/// What the pages of one sync share.
#[derive(Serialize, Deserialize)]
pub(crate) struct Sync {
    from: NaiveDate,
    /// The day of the first page: where the next sync starts.
    today: NaiveDate,
    next_token: Option<String>,
    /// Whether every item so far could be read, or at least its id.
    complete: bool,
}

impl Sync {
    /// The sync that `request` begins or continues.
    pub(crate) fn of(request: &PollRequest) -> Result<Self, PartnerError> {
        if let Some(sync) = request.page_state()? {
            return Ok(sync);
        }
        let read_until: Option<NaiveDate> = request.cursor_state()?;
        let again = read_until.and_then(|until| until.checked_sub_signed(request.reads_back()));
        let from = again.unwrap_or(request.backfill_from.date_naive());
        Ok(Self { from, today: request.now.date_naive(), next_token: None, complete: true })
    }

    /// Fetches the current page.
    pub(crate) async fn fetch(&self, session: &Session, name: &str) -> Result<List, PartnerError> {
        // It may already be tomorrow where the user is, and some collections exclude `end_date`
        // itself (seen in the field).
        let end = self.today.checked_add_days(Days::new(2)).unwrap_or(self.today);
        let mut query = vec![("start_date", self.from.to_string()), ("end_date", end.to_string())];
        query.extend(self.next_token.clone().map(|token| ("next_token", token)));
        session.get(&format!("/v2/usercollection/{name}")).query(&query).fetch().await
    }

    /// Sets the next page or, on the last page, where the next sync starts.
    pub(crate) fn go_on(
        mut self,
        mut page: Page,
        next_token: Option<String>,
    ) -> Result<Page, PartnerError> {
        let nameless = |refused: &RejectedRecord| refused.source_id.is_none();
        self.complete &= !page.records.iter().any(|it| it.as_ref().is_err_and(nameless));
        if next_token.is_none() {
            page.cursor = Some(Cursor::encode(&self.today)?);
            page.complete_range = self.range().filter(|_| self.complete);
        } else if next_token == self.next_token {
            return Err(PartnerError::Malformed("a page names itself as the next".into()));
        } else {
            page.continue_with(&Self { next_token, ..self })?;
        }
        Ok(page)
    }

    /// The range that the lists contain completely. Oura's days are in the time zone where the user
    /// was, so the first and the last day may be cut.
    fn range(&self) -> Option<TimeRange> {
        let midnight = |day: NaiveDate| -> DateTime<Utc> { day.and_time(NaiveTime::MIN).and_utc() };
        Some(TimeRange { from: midnight(self.from.succ_opt()?), to: midnight(self.today) })
    }
}
