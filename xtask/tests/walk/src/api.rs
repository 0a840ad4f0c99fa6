//! The calls, what they answer, and how one sync walks through the pages.

use partner_sdk::chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use partner_sdk::serde_json::Value;
use partner_sdk::{Cursor, Page, PartnerError, PollRequest, RejectedRecord, Reply, Session, TimeRange};
use serde::{Deserialize, Serialize};

/// "Error Handling": a 403 of Oura's own is a scope that was not ticked, or a membership that has
/// ended. To connect again would mend neither.
pub(crate) fn read_error(reply: &Reply) -> Option<PartnerError> {
    if reply.status != 403 {
        return None;
    }
    let _title = reply.json::<Value>().ok()?.get("title")?.as_str()?;
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
    /// Whether every item so far could be read, or named at least.
    whole: bool,
}

impl Sync {
    /// The sync that `request` begins or continues.
    pub(crate) fn of(request: &PollRequest) -> Result<Self, PartnerError> {
        if let Some(sync) = request.page_state()? {
            return Ok(sync);
        }
        let read_until: Option<NaiveDate> = request.cursor_state()?;
        let trailing = Days::new(request.feed.trailing.as_secs() / crate::DAY.as_secs());
        let again = read_until.and_then(|until| until.checked_sub_days(trailing));
        let from = again.unwrap_or(request.backfill_from.date_naive());
        Ok(Self { from, today: request.now.date_naive(), next_token: None, whole: true })
    }

    /// Fetches the page it stands at.
    pub(crate) async fn fetch(&self, session: &Session, name: &str) -> Result<List, PartnerError> {
        // It may be tomorrow already where the user is, and some collections leave out `end_date`
        // itself (seen in the field).
        let end = self.today.checked_add_days(Days::new(2)).unwrap_or(self.today);
        let mut query = vec![("start_date", self.from.to_string()), ("end_date", end.to_string())];
        query.extend(self.next_token.clone().map(|token| ("next_token", token)));
        session.get(&format!("/v2/usercollection/{name}")).query(&query).fetch().await
    }

    /// Names the next page or, on the last one, where the next sync starts.
    pub(crate) fn go_on(
        mut self,
        mut page: Page,
        next_token: Option<String>,
    ) -> Result<Page, PartnerError> {
        let nameless = |refused: &RejectedRecord| refused.source_id.is_none();
        self.complete_range &= !page.records.iter().any(|it| it.as_ref().is_err_and(nameless));
        if next_token.is_none() {
            page.cursor = Some(Cursor::encode(&self.today)?);
            page.complete_range = self.stretch().filter(|_| self.complete_range);
        } else if next_token == self.next_token {
            return Err(PartnerError::Malformed("a page names itself as the next".into()));
        } else {
            page.continue_with(&Self { next_token, ..self })?;
        }
        Ok(page)
    }

    /// What the lists hold completely: Oura's days are those of wherever the user was, so the first
    /// and the last may be cut.
    fn stretch(&self) -> Option<TimeRange> {
        let midnight = |day: NaiveDate| -> DateTime<Utc> { day.and_time(NaiveTime::MIN).and_utc() };
        Some(TimeRange { from: midnight(self.from.succ_opt()?), to: midnight(self.today) })
    }
}
