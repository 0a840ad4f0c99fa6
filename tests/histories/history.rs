//! One history: random steps, then syncs until nothing changes, then the checks.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::{
    Activity, Body, Decimal, Exercise, Measurement, MeasurementType, Moment, Nutrition, RecordData,
    TimeBasis,
};
use syncwell::model::{Status, SyncOutcome};
use syncwell::store::{OwnRecord, RecordFilter, StoredRecord};

use crate::backend::{Backend, SyncEnd, Tenant};
use crate::chance::Chance;
use crate::partners::{NAMES, kept};
use crate::world::{Fault, TokenFault};

const STEPS: usize = 40;

/// A history that has not settled after this many rounds never will.
const ROUNDS: usize = 40;

/// Who changes a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Host,
    /// A partner's account.
    Partner(&'static str, String),
}

/// What a user did to one piece of data, which is identified by its minute.
#[derive(Debug)]
pub(crate) struct Thing {
    pub(crate) made_at: DateTime<Utc>,
    pub(crate) values: Vec<(Side, Decimal)>,
    pub(crate) deletions: Vec<Side>,
}

impl Thing {
    /// The only side that ever changed it, if there is only one.
    pub(crate) fn only_side(&self) -> Option<&Side> {
        let (first, _) = self.values.first()?;
        let sides = self.values.iter().map(|(side, _)| side).chain(&self.deletions);
        sides.clone().all(|side| side == first).then_some(first)
    }
}

/// A user's current connection to a partner.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) account: String,
    /// Since when it belongs to this account.
    pub(crate) since: DateTime<Utc>,
}

pub(crate) struct History<'a> {
    pub(crate) tenant: Tenant<'a>,
    seed: u64,
    chance: Chance,
    tells: bool,
    pub(crate) things: HashMap<i64, Thing>,
    pub(crate) links: HashMap<&'static str, Link>,
    made: i64,
    steps: Vec<String>,
}

/// The minute that identifies a thing.
pub(crate) fn minute(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(60)
}

/// The value that distinguishes two contents.
pub(crate) fn value(body: &Body) -> Decimal {
    match body {
        Body::Measurement(measurement) => measurement.value,
        Body::Exercise(exercise) => exercise.energy_kcal.unwrap_or_default(),
        Body::Nutrition(nutrition) => nutrition.energy_kcal.unwrap_or_default(),
    }
}

fn with_value(body: &Body, value: Decimal) -> Body {
    let mut body = body.clone();
    match &mut body {
        Body::Measurement(measurement) => measurement.value = value,
        Body::Exercise(exercise) => exercise.energy_kcal = Some(value),
        Body::Nutrition(nutrition) => nutrition.energy_kcal = Some(value),
    }
    body
}

pub(crate) fn data(record: &StoredRecord) -> RecordData {
    let basis = if record.time_basis == "local" { TimeBasis::Local } else { TimeBasis::Exact };
    let content = serde_json::from_str(record.content.get()).unwrap();
    RecordData {
        start: Moment { at: record.start, basis },
        end: record.end.map(|at| Moment { at, basis }),
        body: Body::from_json(&record.kind, &content).unwrap(),
    }
}

impl<'a> History<'a> {
    pub(crate) fn new(backend: &'a Backend, seed: u64, tells: bool) -> Self {
        Self {
            tenant: Tenant::new(backend, format!("user-{seed}")),
            seed,
            chance: Chance::new(seed),
            tells,
            things: HashMap::new(),
            links: HashMap::new(),
            made: 0,
            steps: Vec::new(),
        }
    }

    pub(crate) async fn run(mut self) {
        for name in NAMES {
            if self.chance.percent(85) {
                self.connect(name, "one".to_owned()).await;
            }
        }
        for _ in 0..STEPS {
            self.step().await;
        }
        self.come_to_rest().await;
        self.check().await;
    }

    pub(crate) fn tell(&mut self, what: String) {
        if self.tells {
            println!("{} {what}", self.tenant.now().format("%H:%M:%S"));
        }
        self.steps.push(what);
    }

    pub(crate) fn fail(&self, what: &str) -> ! {
        panic!("history {}: {what}\n(HISTORY={} tells it step by step)", self.seed, self.seed)
    }

    async fn step(&mut self) {
        let seconds = i64::try_from(1 + self.chance.below(900)).unwrap_or(1);
        self.tenant.clock.advance(TimeDelta::seconds(seconds));
        match self.chance.below(100) {
            0..12 => self.host_adds().await,
            12..22 => self.host_edits().await,
            22..26 => self.host_deletes().await,
            26..37 => self.partner_adds(),
            37..47 => self.partner_edits(),
            47..51 => self.partner_deletes(),
            51..56 => self.connects().await,
            56..59 => self.disconnects().await,
            59..69 => self.something_goes_wrong(),
            _ => self.syncs().await,
        }
    }

    /// A value that no other edit has.
    fn new_value(&mut self) -> Decimal {
        self.made += 1;
        Decimal::new(4_004 + 37 * self.made, 2)
    }

    fn new_data(&mut self) -> RecordData {
        let value = self.new_value();
        let body = match self.chance.below(3) {
            0 => Body::Measurement(Measurement { r#type: MeasurementType::Weight, value }),
            1 => Body::Exercise(Exercise {
                activity: Activity::Running,
                activity_original: "running".into(),
                energy_kcal: Some(value),
                steps: Some(4_000),
                ..Exercise::default()
            }),
            _ => Body::Nutrition(Nutrition { energy_kcal: Some(value), ..Nutrition::default() }),
        };
        let begin: DateTime<Utc> = "2026-03-01T06:00:20.5Z".parse().unwrap();
        let start = begin + TimeDelta::minutes(self.made);
        RecordData { start: Moment::exact(start.fixed_offset()), end: None, body }
    }

    fn made_thing(&mut self, side: Side, data: &RecordData) {
        let thing = Thing {
            made_at: self.tenant.now(),
            values: vec![(side, value(&data.body))],
            deletions: Vec::new(),
        };
        self.things.insert(minute(data.start.at.to_utc()), thing);
    }

    fn edited(&mut self, side: Side, data: &RecordData) {
        if let Some(thing) = self.things.get_mut(&minute(data.start.at.to_utc())) {
            thing.values.push((side, value(&data.body)));
        }
    }

    fn deleted(&mut self, side: Side, data: &RecordData) {
        if let Some(thing) = self.things.get_mut(&minute(data.start.at.to_utc())) {
            thing.deletions.push(side);
        }
    }

    pub(crate) async fn records(&self) -> Vec<StoredRecord> {
        let filter = RecordFilter::default();
        let user = self.tenant.user.clone();
        self.tenant.backend.store.records(user, filter, 1_000).await.unwrap().rows
    }

    async fn host_adds(&mut self) {
        let data = self.new_data();
        let (added, at) = (value(&data.body), minute(data.start.at.to_utc()));
        self.tell(format!("the host adds {added} at {at}"));
        self.made_thing(Side::Host, &data);
        let own = OwnRecord { app_id: format!("app-{}", self.made), data };
        let (user, now) = (self.tenant.user.clone(), self.tenant.now());
        self.tenant.backend.store.add_records(user, vec![own], now).await.unwrap().unwrap();
    }

    async fn host_edits(&mut self) {
        let records = self.records().await;
        let Some(record) = self.chance.pick(&records).cloned() else { return };
        let before = data(&record);
        let new = self.new_value();
        let data = RecordData { body: with_value(&before.body, new), ..before };
        self.tell(format!("the host edits {} to {new}", minute(data.start.at.to_utc())));
        self.edited(Side::Host, &data);
        let (user, now) = (self.tenant.user.clone(), self.tenant.now());
        let store = &self.tenant.backend.store;
        store.replace_record(user, record.id, data, now).await.unwrap().unwrap();
    }

    async fn host_deletes(&mut self) {
        let records = self.records().await;
        let Some(record) = self.chance.pick(&records).cloned() else { return };
        let data = data(&record);
        self.tell(format!("the host deletes {}", minute(data.start.at.to_utc())));
        self.deleted(Side::Host, &data);
        let (user, now) = (self.tenant.user.clone(), self.tenant.now());
        self.tenant.backend.store.delete_record(user, record.id, now).await.unwrap().unwrap();
    }

    /// A partner where the user has an account, and that account.
    fn some_account(&mut self) -> Option<(&'static str, String)> {
        let name = NAMES[self.chance.below(NAMES.len())];
        Some((name, self.links.get(name)?.account.clone()))
    }

    /// An item of the account, and its id.
    fn some_item(&mut self, name: &str, account: &str) -> Option<(String, RecordData)> {
        let world = self.tenant.world(name).clone();
        let items: Vec<_> = world.account(account, |account| {
            account.items.iter().map(|(id, item)| (id.clone(), item.shown.clone())).collect()
        });
        self.chance.pick(&items).cloned()
    }

    fn partner_adds(&mut self) {
        let Some((name, account)) = self.some_account() else { return };
        let data = kept(name, &self.new_data());
        self.tell(format!(
            "{name}/{account}: new {} at {}",
            value(&data.body),
            minute(data.start.at.to_utc())
        ));
        self.made_thing(Side::Partner(name, account.clone()), &data);
        let now = self.tenant.now();
        self.tenant.world(name).account(&account, |account| account.put(None, data, now));
    }

    fn partner_edits(&mut self) {
        let Some((name, account)) = self.some_account() else { return };
        let Some((id, before)) = self.some_item(name, &account) else { return };
        let new = self.new_value();
        let data = kept(name, &RecordData { body: with_value(&before.body, new), ..before });
        let renames = name == "beta" && self.chance.percent(30);
        self.tell(format!(
            "{name}/{account}: {} edited to {}{}",
            minute(data.start.at.to_utc()),
            value(&data.body),
            if renames { " under another id" } else { "" }
        ));
        self.edited(Side::Partner(name, account.clone()), &data);
        let now = self.tenant.now();
        self.tenant.world(name).account(&account, |account| {
            if renames {
                account.remove(&id);
            }
            account.put((!renames).then_some(id.as_str()), data, now);
        });
    }

    fn partner_deletes(&mut self) {
        let Some((name, account)) = self.some_account() else { return };
        let Some((id, data)) = self.some_item(name, &account) else { return };
        self.tell(format!("{name}/{account}: {} deleted", minute(data.start.at.to_utc())));
        self.deleted(Side::Partner(name, account.clone()), &data);
        self.tenant.world(name).account(&account, |account| account.remove(&id));
    }

    async fn connects(&mut self) {
        let name = NAMES[self.chance.below(NAMES.len())];
        // Usually the current account; sometimes another, or a previous one.
        let account = match self.links.get(name) {
            Some(link) if self.chance.percent(70) => link.account.clone(),
            _ => ["one", "two"][self.chance.below(2)].to_owned(),
        };
        self.connect(name, account).await;
    }

    async fn connect(&mut self, name: &'static str, account: String) {
        self.tell(format!("{name}: connect {account}"));
        let callbacks = 1 + usize::from(self.chance.percent(20));
        self.tenant.connect(name, &account, callbacks).await;
        if self.links.get(name).is_none_or(|link| link.account != account) {
            self.links.insert(name, Link { account, since: self.tenant.now() });
        }
    }

    async fn disconnects(&mut self) {
        let name = NAMES[self.chance.below(NAMES.len())];
        self.tell(format!("{name}: disconnect"));
        self.tenant.disconnect(name).await;
    }

    fn something_goes_wrong(&mut self) {
        let name = NAMES[self.chance.below(NAMES.len())];
        if self.chance.percent(20) {
            let fault = [TokenFault::Page, TokenFault::PageAfterwards][self.chance.below(2)];
            let times = 1 + self.chance.below(4);
            self.tell(format!("{name}: {fault:?} at the next {times} refreshes"));
            let mut server = self.tenant.world(name).server();
            return server.issued.faults.extend(std::iter::repeat_n(fault, times));
        }
        let fault = match self.chance.below(9) {
            0 => Fault::Away,
            1 => Fault::AnswerLost,
            2 => Fault::Garbage,
            3 => Fault::Limited,
            4 => Fault::CrashBefore,
            5 => Fault::ListsNothing,
            6 => Fault::ListsHalf,
            7 => Fault::TokenRefused,
            _ => Fault::CrashAfter,
        };
        // A new token that is refused is refused several times.
        let times = if fault == Fault::TokenRefused { 1 + self.chance.below(6) } else { 1 };
        let after = self.chance.below(3);
        self.tell(format!("{name}: {fault:?} {times} times after {after} calls"));
        let mut server = self.tenant.world(name).server();
        server.faults.extend(std::iter::repeat_n(None, after));
        server.faults.extend(std::iter::repeat_n(Some(fault), times));
    }

    async fn syncs(&mut self) {
        let name = NAMES[self.chance.below(NAMES.len())];
        let polls = self.chance.percent(70);
        self.sync(name, polls).await;
    }

    /// Syncs; returns whether anything happened or failed.
    async fn sync(&mut self, name: &'static str, polls: bool) -> bool {
        let end = self.tenant.sync(name, polls).await;
        let (summary, happened) = match end {
            SyncEnd::Done(report) => {
                let quiet = report.outcome() == SyncOutcome::Ok && !report.had_data();
                (report.summary(), !quiet)
            }
            SyncEnd::NotConnected => ("not connected".to_owned(), false),
            SyncEnd::Crashed => ("crash".to_owned(), true),
        };
        self.tell(format!("{name}: sync{}: {summary}", if polls { "" } else { " (push)" }));
        happened
    }

    /// Clears all faults, connects every partner, and syncs until nothing happens.
    async fn come_to_rest(&mut self) {
        self.tell("-- quiet".into());
        for name in NAMES {
            self.tenant.world(name).nothing_goes_wrong();
            let Some(link) = self.links.get(name) else { continue };
            let account = link.account.clone();
            let status = self.tenant.connection(name).await.map(|connection| connection.status);
            if status != Some(Status::Connected) {
                self.connect(name, account).await;
            }
        }
        let mut quiet = 0;
        for _ in 0..ROUNDS {
            self.tenant.clock.advance(TimeDelta::hours(2));
            let mut happened = false;
            for name in NAMES {
                happened |= self.sync(name, true).await;
            }
            quiet = if happened { 0 } else { quiet + 1 };
            if quiet == 3 {
                return;
            }
        }
        self.fail("it does not settle")
    }
}
