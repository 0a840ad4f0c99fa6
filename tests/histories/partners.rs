//! Three partners that differ in every way.
//!
//! - Alpha reports changes and deletions with modification times, stores everything exactly and
//!   updates in place.
//! - Beta lists everything and reports no deletions. It stores wall times to the minute and values
//!   to one decimal, gives an item a new id when the user edits it, and applications replace items.
//! - Gamma is read-only and reports modification times.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use partner_sdk::rust_decimal::RoundingStrategy;
use partner_sdk::serde_json::Value;
use partner_sdk::{
    Action, Auth, Body, CallKind, ClientAuth, Cursor, Feed, Gate, Kind, Limit, LimitScope,
    Manifest, MeasurementType, Moment, OAuth2, Page, Partner, PartnerError, PollRequest,
    PushRequest, Pushed, RecordData, RemoteRecord, Session, TimeBasis, TimeRange, Update, Writable,
    async_trait,
};

use crate::world::{Fault, Item, World};

pub(crate) const KINDS: &[Kind] =
    &[Kind::Measurement(MeasurementType::Weight), Kind::Exercise, Kind::Nutrition];

/// Every partner's limit: this many calls per `PER`.
pub(crate) const CALLS: u32 = 30;
pub(crate) const PER: Duration = Duration::from_secs(60);

const LIMITS: &[Limit] = &[Limit::app(CALLS, PER)];

const fn manifest(name: &'static str, push: &'static [Writable]) -> Manifest {
    Manifest {
        name,
        title: name,
        auth: Auth::OAuth2(OAuth2 {
            authorize_url: "https://partner.test/authorize",
            token_url: "https://partner.test/token",
            revoke_url: None,
            scopes: &[],
            scope_separator: " ",
            client_auth: ClientAuth::Body,
            pkce: false,
            authorize_params: &[],
            token_params: &[],
        }),
        api_url: "https://partner.test",
        feeds: &[Feed {
            name: "all",
            kinds: KINDS,
            trailing: Duration::ZERO,
            wide: Duration::ZERO,
            scopes: &[],
        }],
        push,
        limits: LIMITS,
        retry_wait: Duration::from_secs(90),
        backfill: Duration::from_secs(365 * 24 * 60 * 60),
        read_error: |_| None,
        read_limits: |_| Vec::new(),
        ended: None,
    }
}

const fn all(update: Update, batch: usize) -> Writable {
    Writable { kinds: KINDS, update, delete: true, day_only: false, batch, scopes: &[] }
}

static ALPHA: Manifest = manifest("alpha", &[all(Update::InPlace, 3)]);
static BETA: Manifest = manifest("beta", &[all(Update::Replace, 1)]);
static GAMMA: Manifest = manifest("gamma", &[]);

/// The names of the partners.
pub(crate) const NAMES: [&str; 3] = ["alpha", "beta", "gamma"];

/// The code of a simulated partner.
pub(crate) struct Simulated {
    manifest: &'static Manifest,
    world: World,
    gate: Arc<dyn Gate>,
}

pub(crate) fn manifest_of(name: &str) -> &'static Manifest {
    match name {
        "alpha" => &ALPHA,
        "beta" => &BETA,
        _ => &GAMMA,
    }
}

impl Simulated {
    pub(crate) fn new(name: &str, world: World, gate: Arc<dyn Gate>) -> Self {
        Self { manifest: manifest_of(name), world, gate }
    }

    /// Makes one call: takes a permit, counts it, and applies its effect or a fault.
    async fn call<T>(&self, kind: CallKind, effect: impl FnOnce() -> T) -> Result<T, PartnerError> {
        let permit = self.gate.permit(kind).await?;
        let now = partner_now(&self.world);
        let fault = {
            let mut server = self.world.server();
            server.calls.push_back(now);
            let window = TimeDelta::from_std(PER).unwrap_or_default();
            while server.calls.front().is_some_and(|first| now - *first >= window) {
                server.calls.pop_front();
            }
            let calls = server.calls.len();
            assert!(calls <= CALLS as usize, "{}: {calls} calls in a window", self.manifest.name);
            if !server.issued.use_access_token() {
                return Err(PartnerError::Unauthorized("invalid_token".into()));
            }
            server.faults.pop_front().flatten()
        };
        let outcome = match fault {
            None => Ok(effect()),
            Some(fault @ (Fault::ListsNothing | Fault::ListsHalf)) => {
                self.world.server().list_fault = Some(fault);
                let outcome = effect();
                self.world.server().list_fault = None;
                Ok(outcome)
            }
            Some(Fault::TokenRefused) => Err(PartnerError::Unauthorized("HTTP 401".into())),
            Some(Fault::Away) => Err(PartnerError::Transient("HTTP 503".into())),
            Some(Fault::Limited) => {
                let wait = Some(Duration::from_secs(20));
                self.gate.limited(kind, LimitScope::App, wait);
                Err(PartnerError::RateLimited { scope: LimitScope::App, wait })
            }
            Some(Fault::AnswerLost) => {
                effect();
                Err(PartnerError::Transient("no complete answer".into()))
            }
            Some(Fault::Garbage) => {
                effect();
                Err(PartnerError::Malformed("nothing that can be read".into()))
            }
            Some(Fault::CrashBefore) => {
                self.world.die().await;
                Err(PartnerError::Transient("dead".into()))
            }
            Some(Fault::CrashAfter) => {
                effect();
                self.world.die().await;
                Err(PartnerError::Transient("dead".into()))
            }
        };
        drop(permit);
        outcome
    }

    fn is_exact(&self) -> bool {
        self.manifest.name != "beta"
    }

    fn remote(&self, id: &str, item: &Item) -> RemoteRecord {
        RemoteRecord {
            source_id: id.to_owned(),
            group: None,
            start: item.shown.start,
            end: item.shown.end,
            modified: self.is_exact().then_some(item.modified),
            body: item.shown.body.clone(),
        }
    }

    fn current(&self) -> String {
        self.world.server().current.clone()
    }
}

fn partner_now(world: &World) -> DateTime<Utc> {
    use syncwell::clock::Clock;
    world.clock.now()
}

/// A record as the partner stores it.
pub(crate) fn kept(name: &str, data: &RecordData) -> RecordData {
    if name != "beta" {
        return data.clone();
    }
    let wall = data.start.at.to_utc();
    let minute = wall.with_second(0).and_then(|wall| wall.with_nanosecond(0)).unwrap_or(wall);
    let start = Moment { at: minute.fixed_offset(), basis: TimeBasis::Local };
    let round = |value: partner_sdk::Decimal| {
        value.round_dp_with_strategy(1, RoundingStrategy::MidpointAwayFromZero).normalize()
    };
    let mut body = data.body.clone();
    match &mut body {
        Body::Measurement(measurement) => measurement.value = round(measurement.value),
        Body::Exercise(exercise) => {
            exercise.energy_kcal = exercise.energy_kcal.map(round);
            exercise.steps = None;
        }
        Body::Nutrition(nutrition) => nutrition.energy_kcal = nutrition.energy_kcal.map(round),
    }
    RecordData { start, end: None, body }
}

#[async_trait]
impl Partner for Simulated {
    fn manifest(&self) -> &'static Manifest {
        self.manifest
    }

    async fn poll(&self, _: &Session, request: &PollRequest) -> Result<Page, PartnerError> {
        let account = self.current();
        self.call(CallKind::Read, || {
            let list_fault = self.world.server().list_fault;
            self.world.account(&account, |account| {
                let since: u64 = match &request.cursor {
                    Some(cursor) => cursor.0.parse().unwrap_or_default(),
                    None => 0,
                };
                let mut page =
                    Page { cursor: Some(Cursor(account.version().to_string())), ..Page::default() };
                let tells_changes = self.is_exact();
                for (id, item) in &account.items {
                    if !tells_changes || item.version > since {
                        page.records.push(Ok(self.remote(id, item)));
                    }
                }
                if tells_changes {
                    let gone = account.deleted.iter().filter(|(_, version)| **version > since);
                    page.deleted = gone.map(|(id, _)| id.clone()).collect();
                } else {
                    let day = TimeDelta::days(400);
                    page.complete_range =
                        Some(TimeRange { from: request.now - day, to: request.now + day });
                    let left = match list_fault {
                        Some(Fault::ListsNothing) => 0,
                        Some(Fault::ListsHalf) => page.records.len() / 2,
                        _ => page.records.len(),
                    };
                    page.records.truncate(left);
                }
                page
            })
        })
        .await
    }

    async fn external_user_id(&self, _: &Session, _: &Value) -> Result<String, PartnerError> {
        Ok(self.current())
    }

    async fn push(&self, _: &Session, request: &PushRequest) -> Result<Pushed, PartnerError> {
        let outcomes = self.push_all(std::slice::from_ref(request)).await?;
        outcomes.into_iter().next().unwrap_or(Ok(Pushed::Gone))
    }

    async fn push_batch(
        &self,
        _: &Session,
        requests: &[PushRequest],
    ) -> Vec<Result<Pushed, PartnerError>> {
        match self.push_all(requests).await {
            Ok(outcomes) => outcomes,
            Err(error) => requests.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    async fn find_existing(
        &self,
        _: &Session,
        request: &PushRequest,
    ) -> Result<Vec<RemoteRecord>, PartnerError> {
        let account = self.current();
        let near = |shown: &RecordData| {
            let apart = shown.start.at - request.record.start.at;
            shown.body.kind() == request.kind() && apart.abs() < TimeDelta::hours(1)
        };
        self.call(CallKind::Read, || {
            self.world.account(&account, |account| {
                let items = account.items.iter().filter(|(_, item)| near(&item.shown));
                items.map(|(id, item)| self.remote(id, item)).collect()
            })
        })
        .await
    }
}

impl Simulated {
    async fn push_all(
        &self,
        requests: &[PushRequest],
    ) -> Result<Vec<Result<Pushed, PartnerError>>, PartnerError> {
        let account = self.current();
        let now = partner_now(&self.world);
        self.call(CallKind::Write, || {
            self.world.account(&account, |account| {
                let mut outcomes = Vec::new();
                for request in requests {
                    let shown = kept(self.manifest.name, &request.record);
                    let id = match &request.action {
                        Action::Delete(remote_ref) => {
                            account.remove(&remote_ref.source_id);
                            outcomes.push(Ok(Pushed::Gone));
                            continue;
                        }
                        Action::Update(remote_ref) => {
                            if !account.items.contains_key(&remote_ref.source_id) {
                                outcomes.push(Ok(Pushed::Gone));
                                continue;
                            }
                            Some(remote_ref.source_id.as_str())
                        }
                        Action::Create => None,
                    };
                    let id = account.put(id, shown, now);
                    let item = &account.items[&id];
                    outcomes.push(Ok(Pushed::there(self.remote(&id, item))));
                }
                outcomes
            })
        })
        .await
    }
}
