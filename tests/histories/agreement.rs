//! What must hold once all sides have settled.

use std::collections::HashMap;

use partner_sdk::RecordData;
use syncwell::store::{Link, StoredRecord};
use syncwell::sync::items::is_echo;

use crate::history::{History, Side, data, minute, value};
use crate::partners::kept;

/// The partners that accept changes.
const WRITABLE: [&str; 2] = ["alpha", "beta"];

impl History<'_> {
    pub(crate) async fn check(&self) {
        let mut live: HashMap<i64, RecordData> = HashMap::new();
        for record in self.records().await {
            let data = data(&record);
            let minute = minute(data.start.at.to_utc());
            if live.insert(minute, data).is_some() {
                self.fail(&format!("the host has {minute} twice"));
            }
            self.check_links(&record, minute).await;
        }
        self.check_things(&live);
        for name in WRITABLE {
            self.check_partner(name, &live);
            let connection = self.tenant.connection(name).await;
            if let Some(at) = connection.and_then(|connection| connection.next_push_at) {
                self.fail(&format!("{name} has something to push at {at}"));
            }
        }
    }

    /// No push is pending, and no item of a partner is linked to two records.
    async fn check_links(&self, record: &StoredRecord, minute: i64) {
        let user = self.tenant.user.clone();
        let found = self.tenant.backend.store.record(user, record.id.clone()).await.unwrap();
        let links: Vec<Link> = found.map(|(_, links)| links).unwrap_or_default();
        for link in links.iter().filter(|link| WRITABLE.contains(&link.partner.as_str())) {
            if link.state != "in_step" {
                self.fail(&format!("{minute} is `{}` at {}", link.state, link.partner));
            }
        }
    }

    /// Acknowledged data exists, with the last value if only one side ever wrote it.
    fn check_things(&self, live: &HashMap<i64, RecordData>) {
        for (minute, thing) in &self.things {
            let is_known = |side: &Side| match side {
                Side::Host => true,
                Side::Partner(name, account) => {
                    self.links.get(name).is_some_and(|link| link.account == *account)
                }
            };
            let made_by = thing.values.first().map(|(side, _)| side);
            let record = live.get(minute);
            if thing.deletions.is_empty() && made_by.is_some_and(is_known) && record.is_none() {
                self.fail(&format!("{minute} is gone and nobody deleted it: {thing:?}"));
            }
            let Some(side) = thing.only_side().filter(|side| is_known(side)) else { continue };
            if !thing.deletions.is_empty() && record.is_some() {
                self.fail(&format!("{minute} was deleted by {side:?} and is there"));
            }
            let last = thing.values.last().map(|(_, value)| *value);
            if thing.deletions.is_empty() && record.map(|data| value(&data.body)) != last {
                self.fail(&format!("{minute} is {record:?} and should be {last:?}"));
            }
        }
    }

    /// The partner has exactly what the host has, without duplicates.
    fn check_partner(&self, name: &'static str, live: &HashMap<i64, RecordData>) {
        let Some(link) = self.links.get(name) else { return };
        let mut there: HashMap<i64, RecordData> = HashMap::new();
        let shown: Vec<RecordData> = self.tenant.world(name).account(&link.account, |account| {
            account.items.values().map(|item| item.shown.clone()).collect()
        });
        for shown in shown {
            let minute = minute(shown.start.at.to_utc());
            let Some(record) = live.get(&minute) else {
                self.fail(&format!("{name} has {minute}, and the host does not"));
            };
            if !is_echo(&kept(name, record), &shown, false) {
                self.fail(&format!("{name} has {shown:?}, the host {record:?}"));
            }
            if there.insert(minute, shown).is_some() {
                self.fail(&format!("{name} has {minute} twice"));
            }
        }
        for minute in live.keys() {
            let is_due = self.things.get(minute).is_some_and(|thing| link.since < thing.made_at);
            if is_due && !there.contains_key(minute) {
                self.fail(&format!("{name} lacks {minute}"));
            }
        }
    }
}
