//! Who sees the page of a link, and what its answers carry.

use std::time::Duration;

use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

use crate::harness::{Daemon, MOVED_CLOCK, empty_account, sandbox};

/// A browser without scripts; its cookies are given by hand.
struct Plain {
    client: Client,
    address: String,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

impl Plain {
    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        form: &str,
    ) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.body(form.to_owned()).send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        Answer { status, headers, text: answer.text().await.unwrap() }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask(Method::GET, path, headers, "").await
    }

    /// Opens a link; returns the cookie and the address of its page.
    async fn open(&self, path: &str) -> (String, String) {
        let opened = self.get(path, &[]).await;
        assert_eq!(opened.status, StatusCode::SEE_OTHER, "{}", opened.text);
        let cookie = opened.header(SET_COOKIE.as_str());
        for part in ["HttpOnly", "SameSite=Lax", "Path=/connect", "Max-Age="] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert_eq!(opened.header("referrer-policy"), "no-referrer");
        assert_eq!(opened.header("cache-control"), "no-store");
        let cookie = cookie.split(';').next().unwrap().to_owned();
        (cookie, opened.header(LOCATION.as_str()).to_owned())
    }
}

/// A link to the page of a user: its path.
async fn link(daemon: &Daemon, user: &str, body: &str) -> String {
    let path = format!("/v1/users/{user}/connect-link");
    let (status, made) = daemon.app.call(Method::POST, &path, Some(body)).await;
    assert_eq!(status, 201, "{made}");
    made["url"].as_str().unwrap().strip_prefix(&daemon.address).unwrap().to_owned()
}

fn plain(daemon: &Daemon) -> Plain {
    let client = Client::builder().redirect(Policy::none()).build().unwrap();
    Plain { client, address: daemon.address.clone() }
}

/// The value after these words in a page.
fn after<'a>(page: &'a str, words: &str) -> &'a str {
    assert!(page.contains(words), "no {words} in {page}");
    let (_, rest) = page.split_once(words).unwrap();
    rest.split_once('"').unwrap().0
}

/// Where the first connect of a page starts.
fn start_of(page: &str) -> String {
    let mut links = page.split("href=\"").filter_map(|rest| rest.split('"').next());
    links.find(|it| it.contains("/start?")).unwrap().replace("&#38;", "&")
}

#[tokio::test]
async fn a_link_is_its_first_browsers_until_it_expires() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start_with(&sandbox, "", &[MOVED_CLOCK]).await;
    empty_account(&sandbox, "withings", "ann");
    let browser = plain(&daemon);
    let back = r#"{"return_url":"http://127.0.0.1:9/back?u=ann","partners":["withings"]}"#;
    let path = link(&daemon, "ann", back).await;

    // What looks ahead does not become its browser.
    let head = browser.ask(Method::HEAD, &path, &[], "").await;
    assert_eq!((head.status, head.headers.contains_key(SET_COOKIE)), (StatusCode::OK, false));
    let ahead = browser.get(&path, &[("sec-purpose", "prefetch")]).await;
    assert_eq!(ahead.status, StatusCode::SERVICE_UNAVAILABLE);
    let (cookie, page) = browser.open(&path).await;
    let (token, secret) = (path.rsplit('/').next().unwrap(), cookie.split_once('=').unwrap().1);
    let own = [(COOKIE.as_str(), cookie.as_str())];

    // Loading either again shows the same, and only there.
    let again = browser.get(&path, &own).await;
    assert_eq!((again.status, again.header("location")), (StatusCode::SEE_OTHER, page.as_str()));
    assert!(!again.headers.contains_key(SET_COOKIE));
    let shown = browser.get(&page, &own).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
    assert_eq!(shown.header("cache-control"), "no-store");
    assert_eq!(shown.header("referrer-policy"), "no-referrer");
    assert!(shown.header("content-security-policy").contains("frame-ancestors 'none'"));
    assert!(!shown.headers.contains_key("etag"), "it holds secrets, which are not packed");
    assert!(shown.text.contains("Withings") && !shown.text.contains("RunKeeper"), "{}", shown.text);
    assert!(!shown.text.contains(token) && !page.contains(token) && !shown.text.contains(secret));
    assert!(shown.text.contains("href=\"http://127.0.0.1:9/back?u=ann\""), "{}", shown.text);
    let other_path = link(&daemon, "ben", "{}").await;
    let (other_cookie, other_page) = browser.open(&other_path).await;
    for (path, cookie) in
        [(&path, ""), (&page, ""), (&page, other_cookie.as_str()), (&other_page, &cookie)]
    {
        let refused = browser.get(path, &[(COOKIE.as_str(), cookie)]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text);
        assert!(refused.text.contains("another browser"), "{}", refused.text);
        assert!(!refused.text.contains("u=ann"), "the way back is its own browser's");
    }
    for path in
        ["/connect/nope", "/connect/nope/services", "/connect/nope/services/withings/disconnect"]
    {
        let unknown = browser.get(path, &own).await;
        assert_eq!(unknown.status, StatusCode::NOT_FOUND, "{path}");
        assert!(unknown.text.contains("start again from there"), "{}", unknown.text);
    }

    // The start of a connect belongs to the link; forms need the token of the page.
    let start = start_of(&shown.text);
    let begun = browser.get(&start, &own).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.text);
    let to_partner = begun.header("location").to_owned();
    for wrong in [start.replace("withings", "runkeeper"), start.replace("token=", "token=A")] {
        assert_eq!(browser.get(&wrong, &own).await.status, StatusCode::GONE, "{wrong}");
    }
    let returned = daemon.app.decide(&to_partner, "ann", "allow").await;
    let ended = daemon.app.client.get(&returned).send().await.unwrap();
    assert_eq!(ended.status(), 200);
    let ended = ended.text().await.unwrap();
    assert!(ended.contains("The app now gets your weight and body composition"), "{ended}");
    assert!(ended.contains("back?u=ann&#38;status=connected&#38;partner=withings"), "{ended}");
    daemon.app.first_sync("ann", "withings").await;
    let choices = format!("{page}/withings/choices");
    let disconnect = format!("{page}/withings/disconnect");
    let stolen =
        after(&browser.get(&other_page, &[(COOKIE.as_str(), &other_cookie)]).await.text, "0")
            .to_owned();
    for (path, token) in [(&choices, ""), (&disconnect, ""), (&disconnect, stolen.as_str())] {
        let form = format!("form_token={token}&of=poll.weight");
        let refused = browser.ask(Method::POST, path, &own, &form).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}: {}", refused.text);
    }
    let connection = daemon.app.connection("ann", "withings").await;
    assert_eq!(
        (&connection["status"], &connection["poll"]["weight"]),
        (&"connected".into(), &true.into())
    );
    let shown = browser.get(&page, &own).await.text;
    let form_token = after(&shown, "name=\"form_token\" value=\"").to_owned();
    let form = format!("form_token={form_token}&of=poll.weight,height&of=poll.spo2&on=poll.spo2");
    let saved = browser.ask(Method::POST, &choices, &own, &form).await;
    assert_eq!(saved.header("location"), format!("{page}?saved=withings#withings"));
    let poll = daemon.app.connection("ann", "withings").await["poll"].clone();
    assert_eq!(
        (&poll["weight"], &poll["height"], &poll["spo2"], &poll["exercise"]),
        (&Value::Bool(false), &Value::Bool(false), &Value::Bool(true), &Value::Bool(true))
    );
    // Of a group that is shared in part each kind is shown.
    let shown = browser.get(&page, &own).await.text;
    assert!(shown.contains("value=\"poll.weight\"") && shown.contains("value=\"poll.fat_mass\""));

    for (file, bytes) in daemon.files().iter().filter(|(file, _)| !file.ends_with("syncwell.toml"))
    {
        for secret in [token, secret, &form_token] {
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "{} has a secret", file.display());
        }
    }
    assert!(!daemon.log().contains(token) && !daemon.log().contains(secret));

    daemon.let_pass(&sandbox, Duration::from_secs(31 * 60));
    for path in [&path, &page, &start] {
        let late = browser.get(path, &own).await;
        assert_eq!(late.status, StatusCode::GONE, "{}", late.text);
        assert!(late.text.contains("This link has run out"), "{}", late.text);
    }
    let late = browser.ask(Method::POST, &disconnect, &own, &form).await;
    assert_eq!(late.status, StatusCode::GONE);
}

#[tokio::test]
async fn a_tab_that_a_framed_page_opened_takes_what_is_to_be_confirmed_to_the_app() {
    let sandbox = sandbox();
    let settings = "[connect]\nallowed_origins = [\"https://lumo.example\"]\n";
    let daemon = Daemon::start(&sandbox, settings).await;
    empty_account(&sandbox, "withings", "ann");
    let browser = plain(&daemon);
    let in_frame = ("sec-fetch-dest", "iframe");
    for (confirm, status) in [(false, StatusCode::OK), (true, StatusCode::SEE_OTHER)] {
        let body = format!(
            r#"{{"return_url":"http://127.0.0.1:9/back","partners":["withings"],"confirm":{confirm}}}"#
        );
        let (cookie, page) = browser.open(&link(&daemon, "ann", &body).await).await;
        let own = (COOKIE.as_str(), cookie.as_str());
        let start = start_of(&browser.get(&page, &[own, in_frame]).await.text);
        let to_partner = browser.get(&start, &[own]).await.header("location").to_owned();
        let returned = daemon.app.decide(&to_partner, "ann", "allow").await;
        let ended = browser.get(returned.strip_prefix(&daemon.address).unwrap(), &[own]).await;
        assert_eq!(ended.status, status, "{}", ended.text);
        let goes_to = ended.header("location");
        assert_eq!(goes_to.contains("back?status=unconfirmed"), confirm, "{goes_to}");
        assert_eq!(goes_to.contains("&confirm="), confirm, "{goes_to}");
        if !confirm {
            let gone = daemon.app.call(Method::DELETE, "/v1/users/ann/connections/withings", None);
            assert_eq!(gone.await.0, 200);
        }
    }
}

#[tokio::test]
async fn the_page_has_the_apps_brand_language_and_embedders() {
    let sandbox = sandbox();
    let folder = tempfile::tempdir().unwrap();
    let logo = folder.path().join("logo.svg");
    std::fs::write(&logo, "<svg xmlns=\"http://www.w3.org/2000/svg\"/>").unwrap();
    let settings = format!(
        "[connect]\ncolour = \"#0b7676\"\nlogo = {:?}\nprivacy_url = \"https://lumo.example/privacy\"\n\
         allowed_origins = [\"https://lumo.example\"]\n",
        logo.display().to_string()
    );
    let name = [("SYNCWELL__SERVER__APP_NAME", "Lumo <3")];
    let daemon = Daemon::start_with(&sandbox, &settings, &name).await;
    let browser = plain(&daemon);
    let (cookie, page) = browser.open(&link(&daemon, "ann", "{}").await).await;
    let own = (COOKIE.as_str(), cookie.as_str());
    let shown = browser.get(&page, &[own, ("accept-language", "de, sv;q=0.8, en;q=0.5")]).await;
    assert!(
        shown.header("content-security-policy").contains("frame-ancestors https://lumo.example")
    );
    for words in [
        "<html lang=\"sv\">",
        "Dina tjänster – Lumo &#60;3",
        "href=\"/connect/brand/colour.css\"",
        "src=\"/connect/brand/logo\"",
        "href=\"https://lumo.example/privacy\"",
        "?lang=en\" lang=\"en\" hreflang=\"en\">English</a>",
    ] {
        assert!(shown.text.contains(words), "{words}: {}", shown.text);
    }
    assert!(!shown.text.contains("target=") && !shown.text.contains("Lumo <3"), "{}", shown.text);
    let framed =
        browser.get(&format!("{page}?lang=en"), &[own, ("sec-fetch-dest", "iframe")]).await;
    assert!(framed.text.contains("target=\"_blank\"") && framed.text.contains("framed.js"));
    assert!(framed.text.contains("<html lang=\"en\">"), "{}", framed.text);
    let colour = browser.get("/connect/brand/colour.css", &[]).await;
    assert!(colour.text.contains("--accent-fill: #0b7676"), "{}", colour.text);
    let logo = browser.get("/connect/brand/logo", &[]).await;
    assert_eq!(logo.header("content-type"), "image/svg+xml");
    assert_eq!(logo.header("x-content-type-options"), "nosniff");
    assert!(logo.header("content-security-policy").contains("sandbox"));

    let language = link(&daemon, "ann", r#"{"language":"sv"}"#).await;
    let (cookie, page) = browser.open(&language).await;
    let headers = [(COOKIE.as_str(), cookie.as_str()), ("accept-language", "en")];
    assert!(browser.get(&page, &headers).await.text.contains("<html lang=\"sv\">"));

    for (body, status, words) in [
        (r#"{"language":"xx"}"#, 422, "language"),
        (r#"{"partners":["nope"]}"#, 422, "partners: there is no partner `nope`"),
        (r#"{"partners":[]}"#, 422, "partners"),
        (r#"{"return_url":"https://evil.example/"}"#, 400, "return_url"),
        (r#"{"expires_in":59}"#, 422, "expires_in"),
        (r#"{"expires_in":86401}"#, 422, "expires_in"),
        (r#"{"user":"ben"}"#, 422, "user"),
    ] {
        let path = "/v1/users/ann/connect-link";
        let (got, problem) = daemon.app.call(Method::POST, path, Some(body)).await;
        assert_eq!(got, status, "{body}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{body}: {problem}");
    }
}
