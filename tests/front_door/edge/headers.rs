//! Headers that every answer has.

use super::{MADE_UP, RECORDS};
use crate::harness::{Daemon, sandbox};

#[tokio::test]
async fn no_answer_may_be_kept_or_taken_for_another_type() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let (app, admin) = (&daemon.app, &daemon.admin);
    for (method, path, body, key, status) in [
        ("GET", "/healthz", "", "", 200),
        ("GET", "/readyz", "", "", 200),
        ("GET", "/openapi.json", "", "", 200),
        ("GET", "/v1/partners", "", &*app.key, 200),
        ("GET", "/v1/partners", "", "", 401),
        ("GET", "/v1/partners", "", MADE_UP, 401),
        ("GET", RECORDS, "", &app.key, 200),
        ("GET", "/v1/users/ann/records?limit=0", "", &app.key, 400),
        ("GET", "/v1/users/%00/records", "", &app.key, 400),
        ("POST", RECORDS, "{", &app.key, 400),
        ("POST", RECORDS, "{\"records\":[{}]}", &app.key, 422),
        ("DELETE", "/v1/users/ann/records/x", "", &app.key, 404),
        ("GET", "/v1/users/ann/syncs", "", &app.key, 200),
        ("GET", "/v1/users/ann/connections", "", &app.key, 200),
        ("GET", "/v1/users/ann/connections/withings", "", &app.key, 404),
        ("POST", "/v1/users/ann/connections/withings/authorize", "{}", &app.key, 201),
        ("GET", "/v1/changes", "", &app.key, 200),
        ("GET", "/v1/nothing", "", &app.key, 404),
        ("GET", "/admin/api/actors", "", &app.key, 403),
        ("GET", "/admin/api/actors", "", &admin.key, 200),
        ("GET", "/oauth/withings/callback?code=x&state=y", "", "", 400),
        ("HEAD", "/oauth/withings/callback", "", "", 200),
        ("GET", "/oauth/nobody/callback", "", "", 404),
    ] {
        let request = app.client.request(method.parse().unwrap(), format!("{}{path}", app.address));
        let request = if key.is_empty() { request } else { request.bearer_auth(key) };
        let answer = request.body(body).send().await.unwrap();
        assert_eq!(answer.status(), status, "{method} {path}");
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("x-content-type-options"), Some("nosniff"), "{method} {path}");
        assert_eq!(header("cache-control"), Some("no-store"), "{method} {path}");
        assert_eq!(header("access-control-allow-origin"), None, "{method} {path}");
    }
}
