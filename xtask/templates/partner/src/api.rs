//! The calls, their responses, and how one sync goes through the pages.

use partner_sdk::chrono::{DateTime, Utc};
use partner_sdk::serde_json::Value;
use partner_sdk::{Cursor, Page, PartnerError, PollRequest, Session};
use serde::{Deserialize, Serialize};

/// One page of a list.
#[derive(Deserialize)]
pub(crate) struct Listing {
    pub(crate) items: Vec<Value>,
    pub(crate) next_page: Option<String>,
}

/// What the pages of one sync share.
#[derive(Serialize, Deserialize)]
pub(crate) struct Sync {
    from: DateTime<Utc>,
    /// The time of the first page: where the next sync starts.
    began: DateTime<Utc>,
    page: Option<String>,
}

impl Sync {
    /// The sync that `request` begins or continues.
    pub(crate) fn of(request: &PollRequest) -> Result<Self, PartnerError> {
        if let Some(sync) = request.page_state()? {
            return Ok(sync);
        }
        let read_until: Option<DateTime<Utc>> = request.cursor_state()?;
        let again = read_until.and_then(|until| until.checked_sub_signed(request.reads_back()));
        let from = again.unwrap_or(request.backfill_from);
        Ok(Self { from, began: request.now, page: None })
    }

    /// Fetches the current page.
    pub(crate) async fn fetch(
        &self,
        session: &Session,
        path: &str,
    ) -> Result<Listing, PartnerError> {
        let mut query = vec![("from", self.from.to_rfc3339())];
        query.extend(self.page.clone().map(|page| ("page", page)));
        session.get(path).query(&query).fetch().await
    }

    /// Sets the next page or, on the last page, where the next sync starts.
    pub(crate) fn go_on(
        self,
        mut page: Page,
        next_page: Option<String>,
    ) -> Result<Page, PartnerError> {
        if next_page.is_none() {
            page.cursor = Some(Cursor::encode(&self.began)?);
        } else if next_page == self.page {
            return Err(PartnerError::Malformed("a page names itself as the next".into()));
        } else {
            page.continue_with(&Self { page: next_page, ..self })?;
        }
        Ok(page)
    }
}
