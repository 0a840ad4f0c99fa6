//! Control of notifications over HTTP.

use actix_web::HttpResponse;
use actix_web::web::{self, Bytes, Data, Path, ServiceConfig};
use serde::Deserialize;
use serde_json::json;

use super::Control;
use super::http::{Answer, done, read};
use crate::notifications::{Flood, NotificationFaults};

/// What these routes add to the list of operations.
pub(super) const OPERATIONS: &[(&str, &str, &str)] = &[
    ("GET", "/control/{partner}/callback", "the callback address set in the partner's console"),
    (
        "PUT",
        "/control/{partner}/callback",
        r#"{"url":"http://127.0.0.1:8080/…","verification_code":"…"}; null removes it; answers whether it passed the partner's check"#,
    ),
    ("GET", "/control/{partner}/subscriptions", "who is to be notified of what"),
    ("DELETE", "/control/{partner}/subscriptions", "the partner ends all subscriptions"),
    ("GET", "/control/{partner}/notifications", "what became of notifications"),
    ("POST", "/control/{partner}/notifications/reset", "these counts from zero again"),
    ("GET", "/control/{partner}/notification_faults", "what happens to notifications"),
    (
        "PUT",
        "/control/{partner}/notification_faults",
        r#"{"drop":{"next":1,"percent":0},"double":{"next":1},"bad_signature":{"next":1},"delay_ms":0,"reorder":0,"silent":false}; what is left out is off"#,
    ),
    ("PUT", "/control/{partner}/notification_signing", "true or false (Strava)"),
    (
        "POST",
        "/control/{partner}/notify",
        r#"{"account":"account-1","resource":"measure"}; "user" with "action":"unlink" is the end of a consent"#,
    ),
    (
        "POST",
        "/control/{partner}/flood",
        r#"{"count":10000,"concurrency":64,"forged":false,"forgery":"bad_signature|unknown_user|wrong_path"}"#,
    ),
];

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/{partner}/callback", web::get().to(callback))
        .route("/{partner}/callback", web::put().to(set_callback))
        .route("/{partner}/subscriptions", web::get().to(subscriptions))
        .route("/{partner}/subscriptions", web::delete().to(end_subscriptions))
        .route("/{partner}/notifications", web::get().to(deliveries))
        .route("/{partner}/notifications/reset", web::post().to(reset))
        .route("/{partner}/notification_faults", web::get().to(faults))
        .route("/{partner}/notification_faults", web::put().to(set_faults))
        .route("/{partner}/notification_signing", web::put().to(set_signing))
        .route("/{partner}/notify", web::post().to(notify))
        .route("/{partner}/flood", web::post().to(flood));
}

async fn callback(control: Data<Control>, partner: Path<String>) -> Answer {
    Ok(HttpResponse::Ok().json(json!({"url": control.callback(&partner)?})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Callback {
    url: Option<String>,
    #[serde(default)]
    verification_code: Option<String>,
}

async fn set_callback(control: Data<Control>, partner: Path<String>, body: Bytes) -> Answer {
    let Callback { url, verification_code } = read(&body)?;
    let partner = partner.into_inner();
    let check = control.done(|control| async move {
        control.check_callback(&partner, url, verification_code).await
    });
    Ok(HttpResponse::Ok().json(check.await?))
}

async fn subscriptions(control: Data<Control>, partner: Path<String>) -> Answer {
    Ok(HttpResponse::Ok().json(json!({"subscriptions": control.subscriptions(&partner)?})))
}

async fn end_subscriptions(control: Data<Control>, partner: Path<String>) -> Answer {
    Ok(HttpResponse::Ok().json(json!({"ended": control.end_subscriptions(&partner)?})))
}

async fn deliveries(control: Data<Control>, partner: Path<String>) -> Answer {
    Ok(HttpResponse::Ok().json(control.deliveries(&partner)?))
}

async fn reset(control: Data<Control>, partner: Path<String>) -> Answer {
    control.reset_deliveries(&partner)?;
    Ok(done())
}

async fn faults(control: Data<Control>, partner: Path<String>) -> Answer {
    Ok(HttpResponse::Ok().json(control.notification_faults(&partner)?))
}

async fn set_faults(control: Data<Control>, partner: Path<String>, body: Bytes) -> Answer {
    let faults: NotificationFaults = read(&body)?;
    control.set_notification_faults(&partner, faults)?;
    Ok(HttpResponse::Ok().json(control.notification_faults(&partner)?))
}

async fn set_signing(control: Data<Control>, partner: Path<String>, body: Bytes) -> Answer {
    control.set_notification_signing(&partner, read(&body)?)?;
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    account: String,
    resource: String,
    #[serde(default)]
    action: Option<String>,
}

async fn notify(control: Data<Control>, partner: Path<String>, body: Bytes) -> Answer {
    let Wanted { account, resource, action } = read(&body)?;
    let sent = control.notify(&partner, &account, &resource, action.as_deref())?;
    Ok(HttpResponse::Accepted().json(json!({"sent": sent})))
}

async fn flood(control: Data<Control>, partner: Path<String>, body: Bytes) -> Answer {
    let (partner, wanted) = (partner.into_inner(), read::<Flood>(&body)?);
    let report = control.done(|control| async move { control.send_flood(&partner, wanted).await });
    Ok(HttpResponse::Ok().json(report.await?))
}
