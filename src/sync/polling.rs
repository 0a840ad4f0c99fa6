//! One page: partner code in a task of its own, with a time limit and a way to stop it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use partner_sdk::{Kind, Page, Partner, PartnerError, PollRequest, Session};
use tokio_util::sync::CancellationToken;

use super::check::refusal;
use super::pace::Pace;
use super::ports::{Job, PageToSave};
use super::report::{Failure, FeedReport};

/// How reading a page ended, if not well.
pub(super) enum PageFailure {
    Partner(PartnerError),
    Refresh(Failure),
    TookTooLong,
    Panicked,
    Interrupted,
}

/// Reads one page. A panic or a hang of partner code ends here.
pub(super) async fn read_page(
    partner: Arc<dyn Partner>,
    session: Session,
    request: PollRequest,
    pace: &Pace,
    limit: Duration,
    cancel: &CancellationToken,
) -> Result<Page, PageFailure> {
    let mut task = tokio::spawn(async move {
        fail::fail_point!(&format!("partner::poll::{}", partner.manifest().name));
        partner.poll(&session, &request).await
    });
    let ended = tokio::select! {
        ended = pace.within(limit, &mut task) => ended,
        () = cancel.cancelled() => {
            task.abort();
            return Err(PageFailure::Interrupted);
        }
    };
    match ended {
        Some(Ok(page)) => page.map_err(PageFailure::Partner),
        Some(Err(_)) => Err(PageFailure::Panicked),
        None => {
            task.abort();
            Err(PageFailure::TookTooLong)
        }
    }
}

/// Sorts a page into what is kept and what is refused.
pub(super) fn check_page(
    page: Page,
    job: &Job,
    wanted: &[Kind],
    seen_groups: &mut HashSet<String>,
    report: &mut FeedReport,
    partner: &'static str,
    now: DateTime<Utc>,
) -> PageToSave {
    let mut to_save = PageToSave {
        connection: job.connection.id,
        user_id: job.connection.user_id.clone(),
        partner,
        feed: report.feed,
        records: Vec::new(),
        present: Vec::new(),
        complete_groups: Vec::new(),
        deleted: page.deleted,
        cursor: page.cursor,
        now,
    };
    let mut positions = std::collections::HashMap::new();
    for record in page.records {
        let record = match record {
            Ok(record) => record,
            Err(refused) => {
                to_save.present.extend(refused.source_id.clone());
                report.refuse(refused.source_id, refused.reason.into_owned());
                continue;
            }
        };
        if let Some(group) = &record.group
            && seen_groups.insert(group.clone())
        {
            to_save.complete_groups.push(group.clone());
        }
        if !wanted.contains(&record.body.kind()) {
            to_save.present.push(record.source_id);
        } else if let Some(reason) = refusal(&record, now) {
            to_save.present.push(record.source_id.clone());
            report.refuse(Some(record.source_id), reason);
        } else {
            // Told twice in one page: the later one counts.
            match positions.insert(record.source_id.clone(), to_save.records.len()) {
                Some(position) => {
                    positions.insert(record.source_id.clone(), position);
                    if let Some(earlier) = to_save.records.get_mut(position) {
                        *earlier = record;
                    }
                }
                None => to_save.records.push(record),
            }
        }
    }
    // A refused part of a group, known only by the group's id, says nothing of its siblings.
    let refused: HashSet<&String> = to_save.present.iter().collect();
    to_save.complete_groups.retain(|group| !refused.contains(group));
    to_save
}
