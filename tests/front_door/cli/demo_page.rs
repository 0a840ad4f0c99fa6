//! The live page of the demo, and the link that signs a browser in.

use partner_sdk::http_client;
use reqwest::header::{CONTENT_SECURITY_POLICY, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;

use super::syncwell;
use crate::browser::keep_picture;
use crate::harness::{Daemon, eventually, sandbox};
use crate::process::Running;
use crate::webdriver::{Browser, Screen};

/// A browser without scripts.
struct Visitor {
    client: Client,
    address: String,
}

impl Visitor {
    async fn get(&self, path: &str) -> (StatusCode, String) {
        let answer = self.client.get(format!("{}{path}", self.address)).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// Presses a button. Returns where it leads.
    async fn press(&self, fields: &[(&str, &str)]) -> String {
        let request = self.client.post(format!("{}/demo", self.address)).form(fields);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{fields:?}");
        answer.headers()[LOCATION].to_str().unwrap().to_owned()
    }

    async fn feed(&self) -> Feed {
        let answer = self.client.get(format!("{}/demo/feed", self.address)).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Feed { answer, unread: String::new() }
    }
}

/// The feed of the page.
struct Feed {
    answer: Response,
    unread: String,
}

impl Feed {
    /// Reads on until what the page shows is as wanted.
    async fn until(&mut self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut scene = Value::Null;
        let came = eventually(async || {
            let chunk = self.answer.chunk().await.unwrap().unwrap();
            self.unread.push_str(std::str::from_utf8(&chunk).unwrap());
            while let Some((event, rest)) = self.unread.split_once("\n\n") {
                if let Some((_, data)) = event.split_once("data: ") {
                    scene = serde_json::from_str(data).unwrap();
                }
                self.unread = rest.to_owned();
            }
            is_so(&scene)
        });
        assert!(came.await, "{what}: {scene}");
        scene
    }
}

/// What people do with the page's buttons is done at the partners, and shown as the daemon counts it.
async fn buttons_work(visitor: &Visitor) {
    let mut feed = visitor.feed().await;
    let before = feed.until("the first event", |scene| scene["sides"][0]["items"] != 0).await;
    assert_eq!(visitor.press(&[("do", "scale"), ("person", "dora")]).await, "/demo");
    let arrived = feed
        .until("the weight arrives", |scene| {
            scene["journey"]["person"] == "dora" && scene["journey"]["arrived_ms"].is_u64()
        })
        .await;
    let (journey, kilograms) = (&arrived["journey"], arrived["journey"]["kilograms"].clone());
    assert!(journey["stored_ms"].as_u64() <= journey["heard_ms"].as_u64(), "{journey}");
    let line = format!("weight {kilograms} kg");
    let lines = arrived["arrived"].as_array().unwrap();
    assert!(lines.iter().any(|it| it["person"] == "dora" && it["what"] == *line), "{arrived}");
    let is_shared = |scene: &Value| scene["shared"].as_u64() > before["shared"].as_u64();
    let shared = feed.until("it is one record", is_shared).await;
    assert_eq!(shared["last_shared"]["at"].as_array().unwrap().len(), 2, "{shared}");
    let dora = |scene: &Value| {
        let people = scene["people"].as_array().unwrap().clone();
        people.into_iter().find(|person| person["name"] == "dora").unwrap()
    };
    let in_step = |scene: &Value| dora(scene)["state"] == "in_step";
    let scene = feed.until("she is in step", in_step).await;
    assert_eq!(dora(&scene)["weights"]["runkeeper"], kilograms);
    assert_eq!(scene["refused"][0]["person"], "ann", "her scale said 912 kg: {scene}");
    let (_, html) = visitor.get("/demo").await;
    assert!(html.contains(&format!("Dora: {:.1} kg, from the scale", kilograms.as_f64().unwrap())));
}

/// What is down is said at once, and so is its coming back.
async fn a_partner_goes_down_and_comes_back(visitor: &Visitor) {
    let mut feed = visitor.feed().await;
    visitor.press(&[("do", "down"), ("partner", "withings")]).await;
    let down = |scene: &Value| scene["sides"][0]["down_since"].is_string();
    feed.until("Withings is down", down).await;
    let (_, html) = visitor.get("/demo").await;
    assert!(html.contains("Withings is down, the rest goes on"), "{html}");
    assert!(html.contains("Withings comes back"), "{html}");
    visitor.press(&[("do", "up"), ("partner", "withings")]).await;
    feed.until("Withings is up", |scene| !down(scene)).await;
}

/// Other sites and other names of this machine get nothing.
async fn only_its_own_pages_may_ask(visitor: &Visitor) {
    let (status, html) = visitor.get("/demo").await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("Step on the scale") && !html.contains("sw_admin_"), "{html}");
    let address = format!("{}/demo", visitor.address);
    let answer = visitor.client.get(&address).send().await.unwrap();
    let policy = answer.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self'"));
    let press = || visitor.client.post(&address).form(&[("do", "down"), ("partner", "withings")]);
    for request in [
        press().header(ORIGIN, "https://other.example"),
        press().header(HOST, "other.example"),
        visitor.client.get(&address).header(HOST, "other.example"),
    ] {
        assert_eq!(request.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    }
    let wrong = visitor.client.post(&address).form(&[("do", "scale"), ("person", "nobody")]);
    assert_eq!(wrong.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    let path = format!("{address}/connect/withings");
    let answer = visitor.client.get(path).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let to = answer.headers()[LOCATION].to_str().unwrap();
    assert!(to.contains("/withings/oauth2_user/authorize2?"), "{to}");
}

/// A preview does not use the link up, a visit does.
async fn the_link_signs_in_once(visitor: &Visitor, link: &str) {
    let visit = || visitor.client.get(link);
    let preview = visit().header("Sec-Purpose", "prefetch;prerender").send().await.unwrap();
    assert_eq!(preview.status(), StatusCode::SERVICE_UNAVAILABLE);
    let answer = visit().send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer.headers()[LOCATION], "/admin/users/ann");
    let cookie = answer.headers()[SET_COOKIE].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let signed_in = visitor.client.get(format!("{}/admin/sign-in", visitor.address));
    let signed_in = signed_in.header(COOKIE, cookie.split(';').next().unwrap());
    assert_eq!(signed_in.send().await.unwrap().status(), StatusCode::SEE_OTHER, "not signed in");
    let again = visit().send().await.unwrap();
    assert_eq!((again.status(), again.headers().get(SET_COOKIE)), (StatusCode::GONE, None));
    assert!(again.text().await.unwrap().contains("This link does not work any more"));
}

/// In a real browser: it turns live, loads nothing from elsewhere, and the console stays empty.
async fn is_sound_in_a_browser(address: &str, screen: Screen, theme: &str, person: &str) {
    let browser = Browser::start(screen).await;
    browser.goto(&format!("{address}/demo?theme={theme}")).await;
    browser.page("Demo – Syncwell").await;
    let text = async |of: &str| {
        let script = format!("return document.querySelector('{of}').innerText");
        browser.script(&script).await.as_str().unwrap().to_owned()
    };
    let choose =
        format!("document.querySelector('#person').value = '{person}'; window.isSame = true");
    browser.script(&choose).await;
    browser.click("button[value=scale]").await;
    let came = eventually(async || {
        let title = text("#h-journey").await.to_lowercase();
        title.starts_with(&format!("{person}: ")) && title.contains("from the scale to runkeeper")
    });
    assert!(came.await, "{}", text("#journey").await);
    let measured = browser
        .script(
            "const root = document.documentElement, body = document.body;
             return {wide: Math.max(root.scrollWidth, body.scrollWidth), window: window.innerWidth,
                 loads: performance.getEntriesByType('resource').map(r => r.name),
                 headings: document.querySelectorAll('h1').length, same: window.isSame === true,
                 ids: [...document.querySelectorAll('[id]')].map(e => e.id)}",
        )
        .await;
    assert_eq!((&measured["headings"], &measured["same"]), (&1.into(), &true.into()));
    assert!(measured["wide"].as_f64() <= measured["window"].as_f64(), "too wide: {measured}");
    let loads = measured["loads"].as_array().unwrap();
    let is_ours = |name: &Value| name.as_str().unwrap().starts_with(&format!("{address}/"));
    assert!(loads.len() >= 3 && loads.iter().all(is_ours), "{loads:?}");
    let mut ids: Vec<_> =
        measured["ids"].as_array().unwrap().iter().map(Value::to_string).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "an id is there twice: {ids:?}");
    keep_picture(&browser, &format!("{screen:?} demo {theme}")).await;
    assert_eq!(browser.console().await, Vec::<String>::new(), "the console has messages");
}

#[tokio::test]
async fn the_demo_has_a_live_page_and_a_link_that_signs_in_once() {
    let (working, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut demo =
        Running::start(syncwell(working.path(), &["demo"]).env("TMPDIR", temporary.path()));
    let link = demo.line_with("/admin/sign-in/").await;
    let link = link.split_whitespace().next().unwrap().to_owned();
    let address = link.split_once("/admin/").unwrap().0.to_owned();
    assert!(demo.printed().contains(&format!("{address}/demo ")), "{}", demo.printed());
    let client = http_client().unwrap();
    let visitor = Visitor { client, address: address.clone() };
    only_its_own_pages_may_ask(&visitor).await;
    the_link_signs_in_once(&visitor, &link).await;
    buttons_work(&visitor).await;
    // The first ones: in the first minute the last ones are not subscribed to yet.
    is_sound_in_a_browser(&address, Screen::Desktop, "light", "cleo").await;
    is_sound_in_a_browser(&address, Screen::Phone, "dark", "emil").await;
    // Whoever looks around may do anything with the key that is shown.
    let printed = demo.printed();
    let (_, key) = printed.split_once("KEY=").unwrap();
    let erase = visitor.client.delete(format!("{address}/v1/users/ben"));
    let erased = erase.bearer_auth(key.lines().next().unwrap().trim()).send().await.unwrap();
    assert_eq!(erased.status(), StatusCode::OK);
    a_partner_goes_down_and_comes_back(&visitor).await;
    let _open = visitor.feed().await;
    demo.signal("INT");
    let status = demo.ended().await;
    assert!(status.success(), "{status}: {}", demo.printed());
}

#[tokio::test]
async fn a_daemon_that_is_no_demo_has_neither() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let client = http_client().unwrap();
    for path in ["/demo", "/demo/feed", "/demo/script.js", "/admin/sign-in/0123456789abcdef"] {
        let answer = client.get(format!("{}{path}", daemon.address)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
}
