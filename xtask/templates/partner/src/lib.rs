//! New Partner: weight.
//!
//! It starts as a minimal partner: one feed of one kind, from a service that lists by the time of
//! events. URLs, names and numbers are placeholders. Replace them with the service's own, each with
//! its source next to it: the name of the vendor's page, or "seen in the field".

mod api;
mod map;

use std::time::Duration;

use partner_sdk::serde_json::Value;
use partner_sdk::{
    Auth, ClientAuth, Feed, Kind, Limit, Manifest, MeasurementType, OAuth2, Page, Partner,
    PartnerError, PollRequest, Session, async_trait,
};

/// The partner New Partner.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewPartner;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The data that describes New Partner.
pub static MANIFEST: Manifest = Manifest {
    name: "new_partner",
    title: "New Partner",
    auth: Auth::OAuth2(OAuth2 {
        authorize_url: "https://api.example.com/oauth/authorize",
        token_url: "https://api.example.com/oauth/token",
        revoke_url: None,
        scopes: &[],
        scope_separator: " ",
        client_auth: ClientAuth::Body,
        pkce: false,
        authorize_params: &[],
        token_params: &[],
    }),
    api_url: "https://api.example.com",
    feeds: &[Feed {
        name: "weight",
        kinds: &[Kind::Measurement(MeasurementType::Weight)],
        // The list goes by the time of events: late and edited records are found in this period.
        trailing: Duration::from_secs(7 * DAY.as_secs()),
        // One call more a day finds what came later.
        wide: Duration::from_secs(90 * DAY.as_secs()),
        scopes: &[],
    }],
    push: &[],
    limits: &[Limit::app(60, Duration::from_secs(60))],
    retry_wait: Duration::from_secs(60),
    backfill: Duration::from_secs(365 * DAY.as_secs()),
    read_error: |_| None,
    read_limits: |_| Vec::new(),
    ended: None,
};

#[async_trait]
impl Partner for NewPartner {
    fn manifest(&self) -> &'static Manifest {
        &MANIFEST
    }

    async fn poll(&self, session: &Session, request: &PollRequest) -> Result<Page, PartnerError> {
        let sync = api::Sync::of(request)?;
        let listing = sync.fetch(session, "/weights").await?;
        let mut page = Page::default();
        page.read_each(listing.items, map::id, map::weight);
        sync.go_on(page, listing.next_page)
    }

    async fn external_user_id(&self, _: &Session, token: &Value) -> Result<String, PartnerError> {
        let id = token.get("user_id").and_then(Value::as_str).map(ToOwned::to_owned);
        id.ok_or(PartnerError::Malformed("the token answer has no user_id".into()))
    }
}
