//! The control API over HTTP. There is no access control: keep it on the machine it runs on.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data, Path, ServiceConfig};
use actix_web::{HttpResponse, ResponseError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{AccountChange, Control, ControlError, TokenAction, notifications_http};
use crate::faults::FaultRule;
use crate::front;
use crate::limits::Limits;
use crate::overview;

pub(super) type Answer = Result<HttpResponse, ControlError>;

/// What these routes do.
const OPERATIONS: &[(&str, &str, &str)] = &[
    ("GET", "/control", "this list"),
    ("GET", "/control/people", "accounts of all partners"),
    ("GET", "/control/clock", "virtual time in Unix seconds"),
    ("POST", "/control/clock", r#"{"advance_seconds":3600}"#),
    ("GET", "/control/{partner}/accounts", "accounts of one partner"),
    (
        "PUT",
        "/control/{partner}/accounts/{account}",
        r#"{"time_zone":"Asia/Kolkata","history_days":30,"empty":false}"#,
    ),
    ("PUT", "/control/{partner}/accounts/{account}/read_only", "true or false"),
    (
        "POST",
        "/control/{partner}/accounts/{account}/data",
        r#"{"resource":"measure","items":[{}]}"#,
    ),
    ("GET", "/control/{partner}/accounts/{account}/{resource}", "items in the partner's form"),
    (
        "PATCH",
        "/control/{partner}/accounts/{account}/data/{resource}/{id}",
        "members to merge into the item",
    ),
    (
        "DELETE",
        "/control/{partner}/accounts/{account}/data/{resource}/{id}",
        "deletes the item at the partner",
    ),
    (
        "POST",
        "/control/{partner}/accounts/{account}/generate",
        r#"{"resource":"measure","count":2500,"from_days_ago":365}"#,
    ),
    (
        "POST",
        "/control/{partner}/accounts/{account}/tokens",
        r#"{"do":"expire_access|kill_refresh|revoke|issue"}"#,
    ),
    ("GET", "/control/{partner}/faults", "faults in place, with their hits"),
    (
        "POST",
        "/control/{partner}/faults",
        r#"{"on":{"path":"/measure","action":"getmeas","account":"account-1"},"times":1,"skip":0,"fault":{"kind":"status","status":500}}"#,
    ),
    ("DELETE", "/control/{partner}/faults", "removes all faults"),
    ("DELETE", "/control/{partner}/faults/{id}", "removes one fault"),
    ("GET", "/control/{partner}/limits", "limits in force"),
    (
        "PUT",
        "/control/{partner}/limits",
        r#"{"app":{"calls":120,"seconds":60},"account":null,"same_call_seconds":10}; what is left out stays"#,
    ),
    (
        "PUT",
        "/control/{partner}/token_rules",
        r#"{"access_seconds":90,"rotates_strictly":true}; what is left out is as documented"#,
    ),
    ("GET", "/control/{partner}/counts", "what the partner has seen"),
    ("POST", "/control/{partner}/counts/reset", "counts from zero again"),
];

/// All operations: method, path, and what fits or is done.
pub(crate) fn operations()
-> impl Iterator<Item = &'static (&'static str, &'static str, &'static str)> {
    let last = &("GET", "/{partner}/…", "the simulated partner itself");
    OPERATIONS.iter().chain(notifications_http::OPERATIONS).chain([last])
}

/// What there is, for a person who opens the address.
pub(crate) async fn overview(control: Data<Control>) -> HttpResponse {
    front::respond(overview::page(&control))
}

pub(crate) async fn nothing_here() -> HttpResponse {
    let text = "nothing is here; GET / shows what runs, GET /control how to change it";
    ControlError::NotFound(text.to_owned()).error_response()
}

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .route("", web::get().to(list_operations))
        .route("/people", web::get().to(people))
        .route("/clock", web::get().to(clock))
        .route("/clock", web::post().to(advance))
        .route("/{partner}/accounts", web::get().to(accounts))
        .route("/{partner}/accounts/{account}", web::put().to(put_account))
        .route("/{partner}/accounts/{account}/read_only", web::put().to(set_read_only))
        .route("/{partner}/accounts/{account}/data", web::post().to(append))
        .route("/{partner}/accounts/{account}/{resource}", web::get().to(items))
        .route("/{partner}/accounts/{account}/data/{resource}/{id}", web::patch().to(edit))
        .route("/{partner}/accounts/{account}/data/{resource}/{id}", web::delete().to(delete))
        .route("/{partner}/accounts/{account}/generate", web::post().to(generate))
        .route("/{partner}/accounts/{account}/tokens", web::post().to(tokens))
        .route("/{partner}/faults", web::get().to(faults))
        .route("/{partner}/faults", web::post().to(add_fault))
        .route("/{partner}/faults", web::delete().to(clear_faults))
        .route("/{partner}/faults/{id}", web::delete().to(remove_fault))
        .route("/{partner}/limits", web::get().to(limits))
        .route("/{partner}/limits", web::put().to(set_limits))
        .route("/{partner}/token_rules", web::put().to(set_token_rules))
        .route("/{partner}/counts", web::get().to(counts))
        .route("/{partner}/counts/reset", web::post().to(reset_counts))
        .configure(notifications_http::routes);
}

impl ResponseError for ControlError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let (kind, title) = match self {
            Self::NotFound(_) => ("not-found", "Not Found"),
            Self::Invalid(_) => ("invalid", "Bad Request"),
        };
        let problem = json!({
            "type": format!("urn:syncwell-sandbox:problem:{kind}"),
            "title": title,
            "status": status.as_u16(),
            "detail": self.to_string(),
        });
        HttpResponse::build(status)
            .content_type("application/problem+json")
            .body(problem.to_string())
    }
}

/// Ignores the content type, so that `curl -d` needs no header.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ControlError> {
    serde_json::from_slice(body).map_err(|error| {
        let text = format!("the body is not understood: {error}; GET /control shows what fits");
        ControlError::Invalid(text)
    })
}

pub(super) fn done() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

async fn list_operations() -> HttpResponse {
    let list: Vec<Value> = operations()
        .map(|(method, path, about)| json!({"method": method, "path": path, "about": about}))
        .collect();
    HttpResponse::Ok().json(json!({"operations": list}))
}

async fn people(control: Data<Control>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"accounts": control.people()}))
}

async fn clock(control: Data<Control>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"now": control.now()}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_seconds: u32,
}

async fn advance(control: Data<Control>, body: Bytes) -> Answer {
    let wanted: Advance = read(&body)?;
    control.advance(Duration::from_secs(wanted.advance_seconds.into()));
    Ok(HttpResponse::Ok().json(json!({"now": control.now()})))
}

async fn accounts(control: Data<Control>, partner: Path<String>) -> Answer {
    Ok(HttpResponse::Ok().json(json!({"accounts": control.accounts(&partner)?})))
}

async fn put_account(control: Data<Control>, path: Path<(String, String)>, body: Bytes) -> Answer {
    let (partner, account) = path.into_inner();
    let change: AccountChange =
        if body.is_empty() { AccountChange::default() } else { read(&body)? };
    Ok(HttpResponse::Ok().json(control.put_account(&partner, &account, &change)?))
}

async fn set_read_only(
    control: Data<Control>,
    path: Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let (partner, account) = path.into_inner();
    control.set_read_only(&partner, &account, read(&body)?)?;
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Append {
    resource: String,
    items: Vec<Value>,
}

async fn append(control: Data<Control>, path: Path<(String, String)>, body: Bytes) -> Answer {
    let (partner, account) = path.into_inner();
    let Append { resource, items } = read(&body)?;
    let ids = control.append(&partner, &account, &resource, items)?;
    Ok(HttpResponse::Created().json(json!({"ids": ids})))
}

async fn items(control: Data<Control>, path: Path<(String, String, String)>) -> Answer {
    let (partner, account, resource) = path.into_inner();
    let items = control.items(&partner, &account, &resource)?;
    Ok(HttpResponse::Ok().json(json!({"items": items})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Generate {
    resource: String,
    count: usize,
    #[serde(default = "thirty")]
    from_days_ago: u32,
}

fn thirty() -> u32 {
    30
}

async fn generate(control: Data<Control>, path: Path<(String, String)>, body: Bytes) -> Answer {
    let (partner, account) = path.into_inner();
    let wanted: Generate = read(&body)?;
    let ids = control.generate(
        &partner,
        &account,
        &wanted.resource,
        wanted.count,
        wanted.from_days_ago,
    )?;
    Ok(HttpResponse::Created().json(json!({"ids": ids})))
}

async fn edit(
    control: Data<Control>,
    path: Path<(String, String, String, i64)>,
    body: Bytes,
) -> Answer {
    let (partner, account, resource, id) = path.into_inner();
    control.edit(&partner, &account, &resource, id, &read(&body)?)?;
    Ok(done())
}

async fn delete(control: Data<Control>, path: Path<(String, String, String, i64)>) -> Answer {
    let (partner, account, resource, id) = path.into_inner();
    control.delete(&partner, &account, &resource, id)?;
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tokens {
    r#do: TokenWish,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum TokenWish {
    ExpireAccess,
    KillRefresh,
    Revoke,
    Issue,
}

async fn tokens(control: Data<Control>, path: Path<(String, String)>, body: Bytes) -> Answer {
    let (partner, account) = path.into_inner();
    let wish: Tokens = read(&body)?;
    let action = match wish.r#do {
        TokenWish::ExpireAccess => TokenAction::ExpireAccess,
        TokenWish::KillRefresh => TokenAction::KillRefresh,
        TokenWish::Revoke => TokenAction::Revoke,
        TokenWish::Issue => {
            return Ok(HttpResponse::Created().json(control.issue_tokens(&partner, &account)?));
        }
    };
    control.tokens(&partner, &account, action)?;
    Ok(done())
}

async fn faults(control: Data<Control>, partner: Path<String>) -> Answer {
    Ok(HttpResponse::Ok().json(json!({"faults": control.faults(&partner)?})))
}

async fn add_fault(control: Data<Control>, partner: Path<String>, body: Bytes) -> Answer {
    let rule: FaultRule = read(&body)?;
    Ok(HttpResponse::Created().json(json!({"id": control.add_fault(&partner, rule)?})))
}

async fn clear_faults(control: Data<Control>, partner: Path<String>) -> Answer {
    control.clear_faults(&partner)?;
    Ok(done())
}

async fn remove_fault(control: Data<Control>, path: Path<(String, u64)>) -> Answer {
    let (partner, id) = path.into_inner();
    control.remove_fault(&partner, id)?;
    Ok(done())
}

async fn set_token_rules(control: Data<Control>, partner: Path<String>, body: Bytes) -> Answer {
    control.set_token_rules(&partner, read(&body)?)?;
    Ok(done())
}

async fn limits(control: Data<Control>, partner: Path<String>) -> Answer {
    Ok(HttpResponse::Ok().json(control.limits(&partner)?))
}

async fn set_limits(control: Data<Control>, partner: Path<String>, body: Bytes) -> Answer {
    let changes: serde_json::Map<String, Value> = read(&body)?;
    let mut limits = json!(control.limits(&partner)?);
    if let Some(fields) = limits.as_object_mut() {
        fields.extend(changes);
    }
    let limits: Limits = read(limits.to_string().as_bytes())?;
    control.set_limits(&partner, limits)?;
    Ok(HttpResponse::Ok().json(control.limits(&partner)?))
}

async fn counts(control: Data<Control>, partner: Path<String>) -> Answer {
    Ok(HttpResponse::Ok().json(control.counts(&partner)?))
}

async fn reset_counts(control: Data<Control>, partner: Path<String>) -> Answer {
    control.reset_counts(&partner)?;
    Ok(done())
}
