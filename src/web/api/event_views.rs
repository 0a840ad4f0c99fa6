//! Changes as webhook endpoints get them: what changed looks as it does in every other answer.

use async_trait::async_trait;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::changes::{cursor, view};
use crate::events::{Shown, Views};
use crate::store::Change;
use crate::web::State;

/// Shows changes as the API does.
#[derive(Debug)]
pub struct EventViews(pub State);

#[async_trait(?Send)]
impl Views for EventViews {
    async fn shown(&self, changes: Vec<Change>) -> Result<Vec<Shown>, String> {
        let cursors: Vec<String> = changes.iter().map(|change| cursor(&change.place)).collect();
        let views = view(&self.0, changes).await.map_err(|problem| problem.to_string())?;
        let shown = cursors.into_iter().zip(views).map(|(cursor, view)| {
            let (record, connection) = view.into_parts();
            Ok(Shown { cursor, record: raw(record)?, connection: raw(connection)? })
        });
        shown.collect::<serde_json::Result<_>>().map_err(|error| error.to_string())
    }
}

fn raw<T: Serialize>(value: Option<T>) -> serde_json::Result<Option<Box<RawValue>>> {
    value.as_ref().map(to_raw_value).transpose()
}
