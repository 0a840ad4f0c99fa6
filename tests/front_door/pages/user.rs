//! A user as the administrator sees it: found, explained, synced, disconnected, exported, erased.

use std::time::Duration;

use diesel::connection::Connection as _;
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, RunQueryDsl as _, SqliteConnection};
use partner_sandbox::{Sandbox, TokenAction};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Daemon, Pages, eventually, sandbox, weight};
use crate::webhooks::{add, receiver::Receiver, subscribe};

const SETTINGS: &str = "[scheduler]\nmin_gap = \"10ms\"\n[events]\nallow_private_targets = true\n";

/// A daemon with two partners, both connected by this user, with a weight from Withings that is pushed
/// to RunKeeper.
async fn started(user: &str) -> (Sandbox, Daemon) {
    let sandbox = sandbox();
    let daemon = Daemon::start_of(&["runkeeper", "withings"], &sandbox, SETTINGS, &[]).await;
    let control = sandbox.control();
    for partner in ["runkeeper", "withings"] {
        daemon.app.connect(&sandbox, user, partner).await;
    }
    let path = format!("/v1/users/{user}/connections/runkeeper");
    let push = r#"{"push":{"weight":true}}"#;
    assert_eq!(daemon.app.call(Method::PATCH, &path, Some(push)).await.0, 200);
    control.append("withings", user, "measure", vec![weight(&control, 71_300, 60)]).unwrap();
    control.advance(Duration::from_secs(11));
    daemon.app.sync_ok(user, "withings").await;
    (sandbox, daemon)
}

async fn shown(daemon: &Daemon, user: &str) -> Value {
    daemon.admin.get(&format!("/admin/api/users/{user}")).await
}

#[tokio::test]
async fn an_administrator_finds_why_data_stopped_and_sees_it_turn_well() {
    let (sandbox, mut daemon) = started("u-1042").await;
    let pages = daemon.sign_in().await;
    for id in ["u-1043", "u-2", "ben"] {
        add(&daemon, id, 0..1).await;
    }
    let (status, _) = daemon.app.call(Method::GET, "/admin/api/users", None).await;
    assert_eq!(status, 403, "the host app's key is not enough");

    // Found by how the id begins, and by an id that was read wrongly.
    let found = daemon.admin.get("/admin/api/users?q=u-104").await;
    let ids: Vec<_> = found["users"].as_array().unwrap().iter().map(|it| &it["user_id"]).collect();
    assert_eq!(ids, ["u-1042", "u-1043"]);
    let html = pages.page("/admin/users?q=u-10").await;
    assert!(html.contains("Their ids begin with u-10"), "{html}");
    let html = pages.page("/admin/users?q=u-1O42").await;
    assert!(html.contains("No user u-1O42") && html.contains("href=\"/admin/users/u-1042\""));
    assert_eq!(pages.get("/admin/users?q=u-1042").await.0, StatusCode::SEE_OTHER);
    assert_eq!(pages.get("/admin/users/nobody").await.0, StatusCode::NOT_FOUND);

    let user = shown(&daemon, "u-1042").await;
    assert_eq!(user["headline"], "u-1042’s data comes from RunKeeper and Withings", "{user:#}");

    sandbox.control().tokens("withings", "u-1042", TokenAction::Revoke).unwrap();
    sandbox.control().advance(Duration::from_secs(11));
    assert_eq!(daemon.app.sync("u-1042", "withings").await["outcome"], "needs_reconnect");
    let user = shown(&daemon, "u-1042").await;
    assert_eq!(user["headline"], "u-1042 must reconnect Withings");
    let withings = &user["connections"][1];
    assert_eq!(
        (&withings["condition"], &withings["words"]),
        (&json!("must_reconnect"), &json!("Must reconnect"))
    );
    let html = pages.page("/admin/users/u-1042").await;
    assert!(html.contains("<title>u-1042 must reconnect Withings"), "{html}");
    let why = user["connections"][1]["explanation"]["causes"][0]["sentence"].as_str().unwrap();
    let escaped = why.replace('\'', "&#39;");
    assert!(html.contains(&escaped) && html.contains("Must reconnect"), "{why}\n{html}");
    assert!(html.contains("What mends it:"), "{html}");
    // What was pushed and recognised is one record.
    let is_pushed = eventually(async || {
        let chart = daemon.admin.get("/admin/api/users/u-1042/chart?kind=weight").await;
        chart["newest"][0]["whereabouts"] == "from Withings, also at RunKeeper"
    });
    assert!(is_pushed.await);
    let html = pages.page("/admin/users/u-1042?kind=weight&range=1y").await;
    assert!(html.contains("from Withings, also at RunKeeper"), "{html}");
    assert!(html.contains("role=\"img\" aria-label=\"Weight over the last year: from 71.3 kg"));
    let record = daemon.app.records("u-1042").await.remove(0);
    let path = format!("/admin/users/u-1042/records/{}", record["id"].as_str().unwrap());
    let html = pages.page(&path).await;
    for words in ["Comes from here", "Has it", "It came to be by a sync with Withings."] {
        assert!(html.contains(words), "{words}: {html}");
    }
    assert!(!html.split_once("</title>").unwrap().0.contains("71.3"), "a value in the title");

    // The same in a terminal.
    let key = daemon.admin.key.clone();
    daemon.set_environment(&[("SYNCWELL_KEY", &key)]);
    let printed = daemon.command(&["user", "show", "u-1042"]);
    let text = String::from_utf8(printed.stdout).unwrap();
    assert!(text.starts_with("u-1042 must reconnect Withings\n"), "{text}");
    assert!(
        text.contains(why) && text.contains("Timeline\n") && !text.contains('\u{1b}'),
        "{text}"
    );
    let printed = daemon.command(&["user", "show", "u-1042", "--json"]);
    let answer: Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(answer["headline"], "u-1042 must reconnect Withings");
    let printed = daemon.command(&["user", "show", "u-1O42"]);
    let said = String::from_utf8(printed.stderr).unwrap();
    assert!(!printed.status.success() && said.contains("near it: u-1042"), "{said}");

    daemon.app.connect_account("u-1042", "withings", "u-1042").await;
    daemon.app.first_sync("u-1042", "withings").await;
    let turns_well = eventually(async || {
        let html = pages.page("/admin/users/u-1042?explain=withings").await;
        html.contains("<title>u-1042’s data comes from RunKeeper and Withings")
            && html.contains("Up to date: Withings was last looked at")
    });
    assert!(turns_well.await);

    // Actions, with the form's token only.
    let path = "/admin/users/u-1042/sync";
    let before = daemon.app.timeline("u-1042").await.len();
    assert_eq!(pages.send_plainly(path, &[]).await.0, StatusCode::FORBIDDEN);
    sandbox.control().advance(Duration::from_secs(11));
    let (status, leads, _) = form(&pages, path, &[("partner", "withings")]).await;
    assert_eq!(
        (status, leads.as_str()),
        (StatusCode::SEE_OTHER, "/admin/users/u-1042?done=sync#timeline")
    );
    let ran = eventually(async || daemon.app.timeline("u-1042").await.len() > before);
    assert!(ran.await, "the sync that was asked for");
    let path = "/admin/users/u-1042/disconnect/runkeeper";
    assert!(pages.page(path).await.contains("Disconnect u-1042 from RunKeeper?"));
    let (status, leads, _) = form(&pages, path, &[]).await;
    assert_eq!(
        (status, leads.as_str()),
        (StatusCode::SEE_OTHER, "/admin/users/u-1042?done=revoked")
    );
    assert_eq!(daemon.app.connection("u-1042", "runkeeper").await["status"], "disconnected");
}

#[tokio::test]
async fn a_user_is_exported_as_a_whole_and_erased_without_a_trace() {
    const ANN: &str = "ann-of-the-test";
    let (sandbox, daemon) = started(ANN).await;
    let receiver = Receiver::start().await;
    subscribe(&daemon.app, &receiver.url, &["*"]).await;
    daemon.app.connect(&sandbox, "ben", "withings").await;
    let of_ben = daemon.app.records("ben").await.len();
    // What is left of a begun connect, of an error and of a deleted record is hers, too.
    daemon.app.authorize(ANN, "withings", "{}").await;
    add(&daemon, ANN, 0..3).await;
    let added = daemon.app.records(ANN).await.remove(0);
    let path = format!("/v1/users/{ANN}/records/{}", added["id"].as_str().unwrap());
    assert_eq!(daemon.app.call(Method::DELETE, &path, None).await.0, 204);
    let export = exported(&daemon, ANN).await;
    let lines: Vec<Value> = export.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let of = |wanted: &str| lines.iter().filter(|it| it["type"] == wanted).collect::<Vec<_>>();
    assert_eq!((of("user").len(), of("connection").len()), (1, 2), "{export}");
    let is_pushed = |record: &&&Value| record["source"]["partner"] == "withings";
    let record = of("record").iter().find(is_pushed).copied().unwrap();
    assert_eq!(record["measurement"]["value"], 71.3, "{record}");
    assert_eq!(record["partners"][0]["partner"], "runkeeper", "{record}");
    assert_eq!(of("record").iter().filter(|record| record["deleted"] == true).count(), 1);
    let end = lines.last().unwrap();
    assert_eq!(end["type"], "end");
    assert_eq!(end["records"], of("record").len());
    assert_eq!(end["syncs"], of("sync").len());
    assert_eq!(
        (&end["errors"], &end["audit"]),
        (&of("error").len().into(), &of("audit").len().into())
    );
    let did: Vec<_> = of("audit").iter().map(|it| it["action"].clone()).collect();
    assert!(
        did.contains(&"connection.connected".into()) && did.contains(&"connection.begun".into())
    );
    let request =
        daemon.app.client.get(format!("{}/v1/users/{ANN}/export?format=csv", daemon.address));
    let answer = request.bearer_auth(&daemon.app.key).send().await.unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/csv"));
    let rows = answer.text().await.unwrap();
    assert!(rows.starts_with("record,kind,start,end,source,source_id,deleted,field,value\r\n"));
    let weights = rows.lines().filter(|row| row.ends_with(",value,71.3")).count();
    let is_weight = |it: &&&Value| it["measurement"]["value"] == 71.3;
    assert_eq!(weights, of("record").iter().filter(is_weight).count(), "{rows}");
    assert!(weights > 0);
    assert!(of("sync").len() > 5, "{export}");
    assert!(!export.contains("access_token") && !export.contains("sealed"), "{export}");

    let pages = daemon.sign_in().await;
    let path = format!("/admin/users/{ANN}/erase");
    let (status, _, html) = form(&pages, &path, &[("confirm", "ann")]).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{html}");
    assert!(html.contains("is not the id of this user"), "{html}");
    // A link to her page names her, too.
    let link = format!("/v1/users/{ANN}/connect-link");
    assert_eq!(daemon.app.call(Method::POST, &link, Some("{}")).await.0, 201);
    let places = || daemon.database_file().map(|file| places_of(file.to_str().unwrap(), ANN));
    assert!(places().is_none_or(|places| places.len() > 3), "the search finds what is there");
    let revoked = sandbox.control().counts("withings").unwrap().revoked;
    let (status, _, html) = form(&pages, &path, &[("confirm", ANN)]).await;
    assert_eq!(status, StatusCode::OK, "{html}");
    assert!(html.contains("withdrawn at withings") && html.contains("were sent the end of each"));
    assert_eq!(sandbox.control().counts("withings").unwrap().revoked, revoked + 1);
    let changes: Vec<_> = receiver.taken().iter().flat_map(|it| it.changes()).collect();
    let ended = |it: &&Value| it["user_id"] == ANN && it["type"] == "connection.disconnected";
    assert_eq!(changes.iter().filter(ended).count(), 2, "{changes:#?}");

    let (status, problem) =
        daemon.app.call(Method::DELETE, &format!("/v1/users/{ANN}"), None).await;
    assert_eq!(status, 404, "{problem}");
    assert!(daemon.app.records(ANN).await.is_empty());
    assert_eq!(daemon.app.records("ben").await.len(), of_ben, "nobody else lost anything");
    assert!(places().unwrap_or_default().is_empty(), "{:?}", places());
    // Nor in what the files have left of deleted rows.
    let has_her = |bytes: &[u8]| bytes.windows(ANN.len()).any(|part| part == ANN.as_bytes());
    let with_her = daemon.files().into_iter().filter(|(_, bytes)| has_her(bytes));
    let with_her: Vec<_> = with_her.map(|(path, _)| path).collect();
    assert!(with_her.is_empty(), "{with_her:?}");
}

/// Sends a form with the token of this session.
async fn form(pages: &Pages, path: &str, fields: &[(&str, &str)]) -> (StatusCode, String, String) {
    let html = pages.page("/admin/users").await;
    let (_, rest) = html.split_once("name=\"form_token\" value=\"").unwrap();
    let token = rest.split_once('"').unwrap().0;
    let mut fields = fields.to_vec();
    fields.push(("form_token", token));
    pages.send_plainly(path, &fields).await
}

async fn exported(daemon: &Daemon, user: &str) -> String {
    let app = &daemon.app;
    let request = app.client.get(format!("{}/v1/users/{user}/export", app.address));
    let answer = request.bearer_auth(&app.key).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    answer.text().await.unwrap()
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// The columns of a SQLite database in which a text stands.
fn places_of(file: &str, text: &str) -> Vec<String> {
    let mut db = SqliteConnection::establish(file).unwrap();
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let tables: Vec<Named> = diesel::sql_query(tables).load(&mut db).unwrap();
    assert!(tables.len() > 15, "the tables were found");
    let mut places = Vec::new();
    for Named { name: table } in tables {
        let columns = format!("SELECT name FROM pragma_table_info('{table}')");
        let columns: Vec<Named> = diesel::sql_query(columns).load(&mut db).unwrap();
        for Named { name: column } in columns {
            let count = format!(
                "SELECT COUNT(*) AS count FROM {table} WHERE instr(CAST({column} AS TEXT), '{text}') > 0"
            );
            let counted: Counted = diesel::sql_query(count).get_result(&mut db).unwrap();
            if counted.count > 0 {
                places.push(format!("{table}.{column}"));
            }
        }
    }
    places
}
