//! Reads the list page by page, and the details of what is new in it.
//!
//! Only the details of an activity contain its energy, at one call each, while the list of the last
//! days is read again every few minutes, and that of the last months once a day. So the cursor
//! remembers which activities of those months were read in detail, with a digest of the list fields
//! that an edit would change. A remembered activity that is no longer in the list was deleted, or
//! hidden from us.

use partner_sdk::chrono::{DateTime, Duration, Utc};
use partner_sdk::serde_json::Value;
use partner_sdk::{Cursor, Page, PartnerError, PollRequest, RejectedRecord, Session, Tz, in_words};
use serde::{Deserialize, Serialize};

use crate::{api, map};

/// API reference, "List Athlete Activities": 30 by default, 200 at most.
const PAGE_SIZE: usize = 200;

/// After this many calls for details a page ends, and the next one lists the same activities again:
/// all calls of a page must fit into the time allowed for it, and what was read is kept, however
/// much Strava's limits delay the rest.
const DETAILS_OF_A_PAGE: usize = 30;

/// The most activities a cursor remembers. Hardly anybody does more in half a year; if it happens,
/// the rest costs calls.
const MAX_REMEMBERED: usize = 1_000;

/// The fields of a listed activity that are used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) id: u64,
    start: i64,
    #[serde(rename = "marks")]
    fingerprint: u64,
}

impl Listed {
    /// Returns `None` if it has no id or start.
    pub(crate) fn of(raw: &Value) -> Option<Self> {
        let start = raw.get("start_date")?.as_str()?.parse::<DateTime<Utc>>().ok()?;
        let id = raw.get("id")?.as_u64()?;
        Some(Self { id, start: start.timestamp(), fingerprint: fingerprint(raw) })
    }
}

/// A digest (FNV-1a) of all list fields that change when the record does. Names, pictures and kudos
/// are not part of a record.
fn fingerprint(raw: &Value) -> u64 {
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
                let back = request.reads_back().num_seconds();
                (mark.newest.saturating_sub(back + 1), mark.newest, mark.remembered)
            }
            None => {
                let from = request.backfill_from.timestamp();
                (from, from, Vec::new())
            }
        };
        let (reached, in_order) = (after, true);
        let seen = Vec::new();
        Ok(Self { after, page: 1, newest, reached, in_order, awaited, seen })
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
        let (length, known) = (list.len(), self.seen.len());
        let (mut details, mut refused, mut is_whole) = (0, Vec::new(), true);
        for raw in list {
            if details == DETAILS_OF_A_PAGE {
                is_whole = false;
                break;
            }
            let Some(listed) = Listed::of(&raw) else {
                let source_id = map::source_id(&raw);
                let reason = "its id or its start is not of the documented form".into();
                refused.push(Err(RejectedRecord { source_id, reason }));
                continue;
            };
            match self.read(session, &mut page, listed, request.time_zone).await {
                Ok(calls) => details += calls,
                // What was read before the limit was reached is kept.
                Err(PartnerError::RateLimited { .. }) if details > 0 => {
                    is_whole = false;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        if length >= PAGE_SIZE && details == 0 && self.seen.len() == known && refused.is_empty() {
            return Err(PartnerError::Malformed("a further page tells nothing new".into()));
        }
        if is_whole {
            page.records.append(&mut refused);
        }
        if is_last {
            self.look_for_missing(session, &mut page, request.time_zone).await?;
            page.cursor = Some(self.mark(request)?);
        } else {
            if self.in_order && !is_whole {
                page.cursor = Some(self.mark(request)?);
            }
            self.page = self.page.saturating_add(u32::from(is_whole));
            page.continue_with(&self)?;
        }
        Ok(page)
    }

    /// Reads a listed activity, its details if it is new or changed. Returns how many calls that
    /// took.
    async fn read(
        &mut self,
        session: &Session,
        page: &mut Page,
        listed: Listed,
        zone: Tz,
    ) -> Result<usize, PartnerError> {
        if self.seen.iter().any(|seen| seen.id == listed.id) {
            return Ok(0);
        }
        let place = self.awaited.iter().position(|awaited| awaited.id == listed.id);
        let is_known = place.and_then(|place| self.awaited.get(place)) == Some(&listed);
        let details = if is_known { None } else { Some(api::details(session, listed.id).await?) };
        // Only now: a call that failed leaves everything as it was.
        let remembered = place.map(|place| self.awaited.swap_remove(place));
        self.in_order &= listed.start >= self.reached;
        self.reached = listed.start;
        self.newest = self.newest.max(listed.start);
        match details {
            // Deleted since the list was made; or not ready yet, and so not remembered.
            Some(None) => {
                page.deleted.extend(remembered.map(|gone| gone.id.to_string()));
                return Ok(1);
            }
            Some(Some(details)) => map::add(page, details, zone),
            None => {}
        }
        self.seen.push(listed);
        Ok(usize::from(!is_known))
    }

    /// Requests the remembered activities that did not come although the list went past them.
    /// Activities that vanish while pages are read shift the others, so a gap alone does not mean
    /// that one is gone.
    async fn look_for_missing(
        &mut self,
        session: &Session,
        page: &mut Page,
        zone: Tz,
    ) -> Result<(), PartnerError> {
        let mut asked = 0;
        for awaited in std::mem::take(&mut self.awaited) {
            if awaited.start <= self.after || asked == DETAILS_OF_A_PAGE {
                self.seen.push(awaited);
                continue;
            }
            asked += 1;
            match api::details(session, awaited.id).await? {
                Some(details) => map::add(page, details, zone),
                None => page.deleted.push(awaited.id.to_string()),
            }
        }
        Ok(())
    }

    /// Returns where the next sync starts. A start in the future does not move it there.
    fn mark(&self, request: &PollRequest) -> Result<Cursor, PartnerError> {
        let newest = self.newest.min(request.now.timestamp());
        let wide = Duration::from_std(request.feed.wide).unwrap_or_default();
        let kept_from = newest.saturating_sub(wide.num_seconds());
        let mut remembered: Vec<Listed> = self.seen.iter().chain(&self.awaited).cloned().collect();
        remembered.retain(|listed| listed.start >= kept_from);
        remembered.sort_unstable_by_key(|listed| std::cmp::Reverse(listed.start));
        remembered.truncate(MAX_REMEMBERED);
        Cursor::encode(&Mark { newest, remembered })
    }
}

/// Where a cursor stands, in words.
pub(crate) fn stands(cursor: &Cursor) -> Option<String> {
    let Mark { newest, .. } = cursor.decode().ok()?;
    Some(format!("started until {}", in_words(DateTime::from_timestamp(newest, 0)?)))
}
