//! Links to the connect page, for the host app.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post, web};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use partner_sdk::secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::authorize::{check_confirm, check_return_url};
use crate::model::UserId;
use crate::store::NewConnectLink;
use crate::web::auth::AppKey;
use crate::web::body::Body;
use crate::web::connect::languages;
use crate::web::parameters::NoParameters;
use crate::web::texts::Text;
use crate::web::{Problem, State};

/// How long a link works unless the host app says otherwise, in seconds.
const LIFETIME: i64 = 30 * 60;

/// A link to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"language": "sv", "return_url": "http://127.0.0.1:3000/services", "partners": ["withings", "strava"], "expires_in": 1800}))]
struct NewLink {
    /// The language of the page. If missing, the browser's.
    #[schema(schema_with = language_schema)]
    language: Option<String>,
    /// Where "back to the app" leads: as in `POST …/authorize`. After a connect it has `status`,
    /// `partner` and, after an error, `reason` in its query.
    return_url: Option<String>,
    /// The installed partners to show. If missing, all.
    #[schema(min_items = 1)]
    partners: Option<Vec<String>>,
    /// Whether you confirm each connect, as with `POST …/authorize`. Needs a `return_url`.
    confirm: Option<bool>,
    #[schema(schema_with = account_schema)]
    account: Option<String>,
    /// For how many seconds the link and its page work, from a minute to a day. If missing, 1800.
    #[serde(default = "lifetime")]
    #[schema(minimum = 60, maximum = 86_400, default = 1_800)]
    expires_in: i64,
}

fn account_schema() -> Object {
    Text::Id.schema(
        "How you name the account to your user, e.g. an e-mail address: the page says for whom it connects, so \
         that nobody connects for another. If missing, your id of the user.",
    )
}

fn lifetime() -> i64 {
    LIFETIME
}

/// The languages that there are.
fn language_schema() -> Object {
    let words = languages::all().iter().map(|language| language.code());
    ObjectBuilder::new()
        .description(Some("The language of the page. If missing, the browser's."))
        .schema_type(Type::String)
        .enum_values(Some(words))
        .build()
}

/// The link. It is shown only here.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"url": "https://sync.example.com/connect/3f0c8a52d1b94f6e8a7c5b2e9d104f63", "expires_at": "2026-11-22T06:45:00Z"}))]
struct Link {
    /// Send the user's browser to this URL, or show it in a frame. It belongs to the first browser that
    /// opens it.
    url: String,
    /// When the link and its page end.
    expires_at: DateTime<Utc>,
}

/// Makes a link to the connect page of a user. There they see which services there are and what each would
/// share, connect, reconnect and disconnect them, and choose what is shared. Whoever opens the link first
/// acts for the user, so send it to nobody else: it works in the first browser that opens it and in no
/// other, and for half an hour. Make a new one each time.
#[utoipa::path(operation_id = "make_connect_link", tag = "connections", security(("key" = [])), request_body = NewLink,
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and ..")),
    responses(
        (status = 201, description = "The link", body = Link),
        (status = 400, description = "The return_url is not allowed", body = Problem),
        (status = 422, description = "A partner is not installed, or there is no such language", body = Problem),
    ))]
#[post("/v1/users/{user}/connect-link")]
pub(super) async fn make(
    key: AppKey,
    user: web::Path<UserId>,
    body: Body<NewLink>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let NewLink { language, return_url, partners, confirm, account, expires_in } =
        body.read(&key, &state).await?;
    let confirm = check_confirm(confirm, return_url.as_deref(), &state)?;
    if let Some(url) = &return_url {
        check_return_url(url, &state.settings.get().server)?;
    }
    for partner in partners.iter().flatten() {
        state.partner(partner).map_err(|problem| {
            let detail = format!("partners: {problem}");
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unknown-partner", detail)
        })?;
    }
    let expires_at = (state.now() + TimeDelta::seconds(expires_in)).trunc_subsecs(3);
    let user = user.into_inner();
    let link =
        NewConnectLink { user, language, return_url, partners, confirm, account, expires_at };
    let token = state.store().make_connect_link(link).await?;
    let public_url = state.server.public_url.trim_end_matches('/');
    let url = format!("{public_url}/connect/{}", token.expose_secret());
    Ok(HttpResponse::Created().json(Link { url, expires_at }))
}
