//! `/demo/feed`: what the page shows, as server-sent events.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data};
use futures_util::stream;
use tokio::sync::watch;

use super::Page;

/// Changes that come together are sent together.
const AT_MOST_EVERY: Duration = Duration::from_millis(150);

/// A comment is sent when nothing else was: whoever has gone is noticed by it.
const SILENT_AT_MOST: Duration = Duration::from_secs(15);

struct Listener {
    page: Data<Page>,
    changes: watch::Receiver<u64>,
    is_first: bool,
}

/// An answer that goes on until the browser or the demo ends it.
pub(super) fn open(page: &Data<Page>) -> HttpResponse {
    let listener = Listener { page: page.clone(), changes: page.board.changes(), is_first: true };
    let events = stream::unfold(listener, |mut listener| async move {
        let text = listener.next().await?;
        Some((Ok::<_, actix_web::Error>(Bytes::from(text)), listener))
    });
    HttpResponse::Ok().content_type("text/event-stream").streaming(Box::pin(events))
}

impl Listener {
    /// The next event; nothing when the demo ends.
    async fn next(&mut self) -> Option<String> {
        if !std::mem::take(&mut self.is_first) {
            tokio::select! {
                () = self.page.stop.cancelled() => return None,
                () = tokio::time::sleep(SILENT_AT_MOST) => return Some(":\n\n".to_owned()),
                changed = self.changes.changed() => changed.ok()?,
            }
            tokio::time::sleep(AT_MOST_EVERY).await;
        }
        self.changes.mark_unchanged();
        let scene = serde_json::to_string(&self.page.board.scene()).ok()?;
        Some(format!("event: scene\ndata: {scene}\n\n"))
    }
}
