//! Reads the list page by page, and the details of what is new in it.
//!
//! Only the details of an activity contain its energy, at one call each, while the list of the last
//! days is read again every few minutes. So the cursor remembers which activities of those days
//! were read in detail, with a digest of the list fields that an edit would change. A remembered
//! activity that is no longer in the list was deleted, or hidden from us.

use partner_sdk::chrono::{DateTime, Duration, Utc};
use partner_sdk::serde_json::Value;
use partner_sdk::{Cursor, Page, PartnerError, PollRequest, RejectedRecord, Session, Tz};
use serde::{Deserialize, Serialize};

use crate::{api, map};

/// API reference, "List Athlete Activities": 30 by default. Each activity may need a further call,
/// and all of them must fit into the time allowed for a page.
const PAGE_SIZE: usize = 30;

/// After this many calls for details a sync ends, and the next one continues: what was read is then
/// kept, however much Strava's limits delay a first sync.
const MAX_DETAILS: usize = 60;

/// The most activities a cursor remembers. Nobody does more in two weeks; if it happens, the rest
/// costs calls.
const MAX_REMEMBERED: usize = 500;

/// The fields of a listed activity that are used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) id: u64,
    start: i64,
    marks: u64,
}

impl Listed {
    /// Returns `None` if it has no id or start.
    pub(crate) fn of(raw: &Value) -> Option<Self> {
        let start = raw.get("start_date")?.as_str()?.parse::<DateTime<Utc>>().ok()?;
        let id = raw.get("id")?.as_u64()?;
        Some(Self { id, start: start.timestamp(), marks: marks(raw) })
    }
}

/// A digest (FNV-1a) of all list fields that change when the record does. Names, pictures and kudos
/// are not part of a record.
fn marks(raw: &Value) -> u64 {
    const FIELDS: [&str; 12] = [
        "start_date",
        "utc_offset",
        "sport_type",
        "type",
        "elapsed_time",
        "moving_time",
        "distance",
        "average_heartrate",
        "max_heartrate",
        "average_watts",
        "kilojoules",
        "total_elevation_gain",
    ];
    let fields = FIELDS.map(|field| raw.get(field).unwrap_or(&Value::Null).to_string()).join("\n");
    fields.bytes().fold(0xcbf2_9ce4_8422_2325, |digest: u64, byte| {
        (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Where a sync ended.
#[derive(Serialize, Deserialize)]
struct Mark {
    /// The latest start up to which everything was read.
    newest: i64,
    remembered: Vec<Listed>,
}

/// The state of one sync.
#[derive(Serialize, Deserialize)]
pub(crate) struct SyncState {
    after: i64,
    page: u32,
    newest: i64,
    /// The start of the last activity seen.
    reached: i64,
    /// Whether they came oldest first so far. Seen in the field, if `after` is given; a sync ends
    /// early only if it holds.
    in_order: bool,
    details: usize,
    /// Remembered activities that have not come yet.
    awaited: Vec<Listed>,
    /// Activities that have come and need no further call.
    seen: Vec<Listed>,
}

impl SyncState {
    /// Returns the sync that `request` begins or continues.
    pub(crate) fn of(request: &PollRequest) -> Result<Self, PartnerError> {
        if let Some(sync) = request.page_state()? {
            return Ok(sync);
        }
        let (after, newest, awaited) = match request.cursor_state::<Mark>()? {
            // "after" is exclusive.
            Some(mark) => {
                (trailing(mark.newest, request).saturating_sub(1), mark.newest, mark.remembered)
            }
            None => {
                let from = request.backfill_from.timestamp();
                (from, from, Vec::new())
            }
        };
        let (reached, in_order) = (after, true);
        let seen = Vec::new();
        Ok(Self { after, page: 1, newest, reached, in_order, details: 0, awaited, seen })
    }

    /// Reads the current page of the sync.
    pub(crate) async fn read_page(
        mut self,
        session: &Session,
        request: &PollRequest,
    ) -> Result<Page, PartnerError> {
        let question = [
            ("after", self.after.to_string()),
            ("page", self.page.to_string()),
            ("per_page", PAGE_SIZE.to_string()),
        ];
        let list: Vec<Value> = session.get(api::LIST).query(&question).fetch().await?;
        let mut page = Page::default();
        // API reference, "Pagination": a page may be short before the end; an empty one is the end.
        let is_last = list.is_empty();
        let (length, seen_before) = (list.len(), self.seen.len() + page.records.len());
        for raw in list {
            self.read(session, &mut page, &raw, request.time_zone).await?;
        }
        if length >= PAGE_SIZE && self.seen.len() + page.records.len() == seen_before {
            return Err(PartnerError::Malformed("a further page tells nothing new".into()));
        }
        if is_last || (self.in_order && self.details >= MAX_DETAILS) {
            self.look_for_missing(session, &mut page, is_last, request.time_zone).await?;
            page.cursor = Some(self.mark(request)?);
        } else {
            self.page = self.page.saturating_add(1);
            page.continue_with(&self)?;
        }
        Ok(page)
    }

    async fn read(
        &mut self,
        session: &Session,
        page: &mut Page,
        raw: &Value,
        zone: Tz,
    ) -> Result<(), PartnerError> {
        let Some(listed) = Listed::of(raw) else {
            let source_id = map::source_id(raw);
            let reason = "its id or its start is not of the documented form".into();
            page.records.push(Err(RejectedRecord { source_id, reason }));
            return Ok(());
        };
        if self.seen.iter().any(|seen| seen.id == listed.id) {
            return Ok(());
        }
        self.in_order &= listed.start >= self.reached;
        self.reached = listed.start;
        let place = self.awaited.iter().position(|awaited| awaited.id == listed.id);
        let remembered = place.map(|place| self.awaited.swap_remove(place));
        self.newest = self.newest.max(listed.start);
        if remembered.as_ref() != Some(&listed) {
            self.details += 1;
            let Some(details) = api::details(session, listed.id).await? else {
                // Deleted since the list was made; or not ready yet, and so not remembered.
                page.deleted.extend(remembered.map(|gone| gone.id.to_string()));
                return Ok(());
            };
            map::add(page, details, zone);
        }
        self.seen.push(listed);
        Ok(())
    }

    /// Requests the remembered activities that did not come although the list went past them.
    /// Activities that vanish while pages are read shift the others, so a gap alone does not mean
    /// that one is gone.
    async fn look_for_missing(
        &mut self,
        session: &Session,
        page: &mut Page,
        is_complete: bool,
        zone: Tz,
    ) -> Result<(), PartnerError> {
        let mut asked = 0;
        for awaited in std::mem::take(&mut self.awaited) {
            let is_passed = is_complete || awaited.start < self.reached;
            if awaited.start <= self.after {
                // Outside the days that are read again.
            } else if !is_passed || asked == PAGE_SIZE {
                self.seen.push(awaited);
            } else {
                asked += 1;
                match api::details(session, awaited.id).await? {
                    Some(details) => map::add(page, details, zone),
                    None => page.deleted.push(awaited.id.to_string()),
                }
            }
        }
        Ok(())
    }

    /// Returns where the next sync starts. A start in the future does not move it there.
    fn mark(self, request: &PollRequest) -> Result<Cursor, PartnerError> {
        let newest = self.newest.min(request.now.timestamp());
        let kept_from = trailing(newest, request);
        let mut remembered = self.seen;
        remembered.retain(|listed| listed.start >= kept_from);
        remembered.sort_unstable_by_key(|listed| std::cmp::Reverse(listed.start));
        remembered.truncate(MAX_REMEMBERED);
        Cursor::encode(&Mark { newest, remembered })
    }
}

/// Returns from when on activities are read again.
fn trailing(newest: i64, request: &PollRequest) -> i64 {
    let trailing = Duration::from_std(request.feed.trailing).unwrap_or_default();
    newest.saturating_sub(trailing.num_seconds())
}
