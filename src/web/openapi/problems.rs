//! An example of each problem that a call may be answered with.

use serde_json::{Map, Value, json};

/// The kinds of problems: the status, and what such an answer says.
const PROBLEMS: &[(&str, u16, &str, &str)] = &[
    (
        "bad-query",
        400,
        "Bad Request",
        "limit: 5000 is out of range; send a whole number from 1 to 1000",
    ),
    ("bad-address", 400, "Bad Request", "a user id is text in UTF-8 without control characters"),
    (
        "bad-cursor",
        400,
        "Bad Request",
        "the cursor is not one this list gave; start without a cursor",
    ),
    (
        "bad-body",
        400,
        "Bad Request",
        "the body is not JSON: EOF while parsing an object at line 1 column 14",
    ),
    (
        "return-url",
        400,
        "Bad Request",
        "return_url: it is not allowed here; add it to server.return_urls (SYNCWELL__SERVER__RETURN_URLS)",
    ),
    (
        "no-key",
        401,
        "Unauthorized",
        "the key is not known or was revoked; make one with `syncwell key create --scope app`",
    ),
    (
        "bad-stream-token",
        401,
        "Unauthorized",
        "the token is not one for the stream of this user; ask for one with `POST /v1/users/{user}/stream-tokens`",
    ),
    (
        "stream-token-expired",
        401,
        "Unauthorized",
        "the token has expired; ask the host app for a new one",
    ),
    (
        "not-admin",
        403,
        "Forbidden",
        "this needs a key of scope admin, and this one has app: `syncwell key create --scope admin`",
    ),
    (
        "read-only-key",
        403,
        "Forbidden",
        "this changes something and needs a key of scope app; this one has app:read, which only reads: `syncwell key create --scope app`",
    ),
    (
        "expired-key",
        401,
        "Unauthorized",
        "the key 5f0c2a9d81b3 expired on 2026-11-30 06:15 UTC; make a new one with `syncwell key create --scope app`",
    ),
    (
        "unknown-user",
        404,
        "Not Found",
        "there is nothing of `ann` here: no connection and no record",
    ),
    ("unknown-kind", 404, "Not Found", "there is no kind `weigth`; GET /v1/kinds lists them"),
    ("no-such-key", 404, "Not Found", "there is no key `5f0c2a9d3b1e` in force"),
    (
        "last-admin-key",
        409,
        "Conflict",
        "it is the last key of scope admin; send confirm=5f0c2a9d3b1e to revoke it all the same",
    ),
    (
        "nothing-to-confirm",
        404,
        "Not Found",
        "there is nothing to confirm with this token for this user: it was used, is older than ten minutes, or was made for somebody else; start a new connect",
    ),
    (
        "bad-confirm",
        422,
        "Unprocessable Entity",
        "confirm: it needs a return_url, which is given the token with which you confirm; send one",
    ),
    (
        "not-confirmed",
        503,
        "Service Unavailable",
        "the grant could not be stored: the database cannot be reached",
    ),
    (
        "no-connection",
        404,
        "Not Found",
        "`ann` is not connected to `withings`; POST /v1/users/ann/connections/withings/authorize begins a connect",
    ),
    (
        "no-record",
        404,
        "Not Found",
        "`ann` has no record `01a200e2-532c-73fe-83a7-fce8c8c624ea`; GET /v1/users/ann/records lists them",
    ),
    (
        "record-deleted",
        404,
        "Not Found",
        "record `01a200e2-532c-73fe-83a7-fce8c8c624ea` is deleted; PUT …/records/by-app-id/{app_id} lets your own live again",
    ),
    (
        "unknown-partner",
        404,
        "Not Found",
        "there is no partner `withing` here; installed are: withings, strava. See installed_partners in the settings.",
    ),
    (
        "unknown-connection",
        404,
        "Not Found",
        "there is no such connection; lines of the log have its id as connection.id",
    ),
    (
        "no-webhook-endpoint",
        404,
        "Not Found",
        "there is no webhook endpoint of this id; GET /v1/webhook-endpoints lists them",
    ),
    (
        "no-such-address",
        404,
        "Not Found",
        "there is no POST /notifications/withings/guessed; /openapi.json lists what there is",
    ),
    (
        "slow-body",
        408,
        "Request Timeout",
        "the body had not arrived after 30s; send it faster, or raise server.body_timeout (SYNCWELL__SERVER__BODY_TIMEOUT)",
    ),
    (
        "app-id-taken",
        409,
        "Conflict",
        "records[0].app_id: the record `w-1` says something else; PUT /v1/users/ann/records/by-app-id/w-1 gives it this content",
    ),
    (
        "not-connected",
        409,
        "Conflict",
        "the connection is `needs_reconnect`; POST /v1/users/ann/connections/withings/authorize lets the user connect again",
    ),
    (
        "partner-ended",
        409,
        "Conflict",
        "`moves` has ended its service: Moves ended on 31 July 2018",
    ),
    (
        "too-many-webhook-endpoints",
        409,
        "Conflict",
        "there are 100 endpoints already; delete one first",
    ),
    (
        "cursor-ahead",
        410,
        "Gone",
        "cursor: this feed is empty, before it, as after the restore of a backup; read the feed from its beginning, without a cursor",
    ),
    (
        "cursor-of-another-feed",
        410,
        "Gone",
        "cursor: it was given by another database, as after the restore of a backup; read the feed from its beginning, without a cursor",
    ),
    (
        "too-large",
        413,
        "Payload Too Large",
        "the body has more than 2097152 bytes (2 MiB); send fewer records at once",
    ),
    (
        "packed-body",
        415,
        "Unsupported Media Type",
        "bodies are read as they are; send it without Content-Encoding",
    ),
    (
        "bad-values",
        422,
        "Unprocessable Entity",
        "records[7].measurement.value: weight is out of any human range (0.3 to 700 kg)",
    ),
    (
        "too-many-keys",
        429,
        "Too Many Requests",
        "the key is not known or was revoked; make one with `syncwell key create --scope app`. Too many such keys came from this address; wait",
    ),
    (
        "too-many-calls",
        429,
        "Too Many Requests",
        "this key has made more than 6000 calls in a minute; wait for 2s, or raise server.requests_per_minute_per_key (SYNCWELL__SERVER__REQUESTS_PER_MINUTE_PER_KEY)",
    ),
    (
        "too-many-streams-of-user",
        429,
        "Too Many Requests",
        "64 streams of this user are open; close one",
    ),
    (
        "partner-refused",
        502,
        "Bad Gateway",
        "FatSecret did not begin a connect: it does not know the client id",
    ),
    (
        "store",
        503,
        "Service Unavailable",
        "the database cannot be reached just now; nothing was done, ask again",
    ),
    (
        "partner-restarting",
        503,
        "Service Unavailable",
        "the actor of `withings` is being restarted; try again in some seconds",
    ),
    (
        "partner-unavailable",
        503,
        "Service Unavailable",
        "FatSecret cannot begin a connect now: it does not answer; try again later",
    ),
    ("stopping", 503, "Service Unavailable", "the daemon stops; open the stream again in a moment"),
    (
        "too-many-streams",
        503,
        "Service Unavailable",
        "too many streams are being opened; open it again in a moment",
    ),
];

/// The examples, as components of the document.
pub(super) fn components() -> Map<String, Value> {
    let of = |(kind, status, title, detail): &(&str, u16, &str, &str)| {
        let mut value = json!({
            "type": format!("urn:syncwell:problem:{kind}"), "title": title, "status": status,
            "detail": detail, "request_id": "01a200e2-5a31-7c04-9d1e-2b7f0c8e4a63",
        });
        if *kind == "bad-values" {
            let wrong = "weight is out of any human range (0.3 to 700 kg)";
            value["errors"] = json!([{"pointer": "/records/7/measurement/value", "detail": wrong}]);
        }
        if *kind == "bad-query" {
            let wrong = detail.trim_start_matches("limit: ");
            value["errors"] = json!([{"parameter": "limit", "detail": wrong}]);
        }
        if *kind == "app-id-taken" {
            value["record_id"] = "01a200e2-532c-73fe-83a7-fce8c8c624ea".into();
            value["index"] = 0.into();
        }
        ((*kind).to_owned(), json!({"value": value}))
    };
    PROBLEMS.iter().map(of).collect()
}

/// The kinds of problems with which a call is answered with this status.
pub(super) fn of(path: &str, operation: &Value, status: &str) -> Vec<&'static str> {
    let is = |id: &str| operation["operationId"] == id;
    let takes = |name: &str| {
        let mut all = operation["parameters"].as_array().into_iter().flatten();
        all.any(|parameter| parameter["name"] == name)
    };
    let has_body = !operation["requestBody"].is_null();
    let is_stream = path.ends_with("/stream");
    let scope = operation["security"][0]["key"][0].as_str().unwrap_or_default();
    let needs = |begin: &str| scope.starts_with(begin);
    let needs_change = !scope.is_empty() && !scope.ends_with(":read");
    let (is_of_partner, is_of_user) = (takes("partner"), path.starts_with("/v1/users/"));
    let chosen: &[(&'static str, bool)] = match status {
        "400" => &[
            ("bad-query", true),
            ("bad-cursor", takes("cursor")),
            ("bad-address", is_of_user),
            ("bad-body", has_body),
            ("return-url", is("authorize_connection")),
        ],
        "401" => &[
            ("no-key", true),
            ("expired-key", !is_stream),
            ("bad-stream-token", is("stream_user")),
            ("stream-token-expired", is("stream_user")),
        ],
        "403" => &[("not-admin", needs("admin")), ("read-only-key", needs_change)],
        "404" => &[
            (
                "no-connection",
                path.contains("/connections/{partner}") && !is("authorize_connection"),
            ),
            ("no-record", path.contains("/records/{") || path.contains("/by-app-id/")),
            ("record-deleted", is("replace_record")),
            (
                "no-webhook-endpoint",
                path.contains("/webhook-endpoints/") || path.contains("/webhooks/"),
            ),
            ("unknown-connection", path == "/admin/api/connections/{id}"),
            ("unknown-user", is("get_user") || is("erase_user") || is("export_user")),
            ("unknown-kind", path.ends_with("/chart")),
            ("no-such-key", is("revoke_key")),
            ("no-such-address", path.starts_with("/notifications/")),
            ("unknown-partner", is_of_partner && !path.starts_with("/notifications/")),
        ],
        "408" => &[("slow-body", has_body)],
        "409" => &[
            ("app-id-taken", is("add_records")),
            ("last-admin-key", is("revoke_key")),
            ("not-connected", is("sync_connection")),
            ("partner-ended", is("authorize_connection")),
            ("too-many-webhook-endpoints", is("add_webhook_endpoint")),
        ],
        "410" => &[("cursor-ahead", true), ("cursor-of-another-feed", true)],
        "413" => &[("too-large", has_body)],
        "415" => &[("packed-body", true)],
        "422" => &[("bad-values", has_body)],
        "429" => &[
            ("too-many-keys", true),
            ("too-many-calls", true),
            ("too-many-streams-of-user", is("stream_user")),
        ],
        "502" => &[("partner-refused", is("authorize_connection"))],
        "503" => &[
            ("store", true),
            ("partner-restarting", is_of_partner || (is_of_user && path.ends_with("/sync"))),
            ("partner-unavailable", is("authorize_connection")),
            ("stopping", is_stream),
            ("too-many-streams", is_stream),
        ],
        _ => &[],
    };
    chosen.iter().filter(|(_, is_meant)| *is_meant).map(|(kind, _)| *kind).collect()
}
