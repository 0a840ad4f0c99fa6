//! Partners that must be asked for notifications: a daemon in this process, with a partner that is the
//! simulated Moves but wants a subscription for each user.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use partner_moves::Moves;
use partner_sandbox::Sandbox;
use partner_sdk::secrecy::ExposeSecret;
use partner_sdk::serde_json::Value;
use partner_sdk::{
    About, Callback, Hint, Manifest, NotificationRules, Notifier, Page, Partner, PartnerError,
    PollRequest, Received, Session, Subscribed, Subscribing, SubscriptionRequest, Topic,
};
use reqwest::{Method, StatusCode};
use syncwell::application::Application;
use syncwell::clock::{Clock, SystemClock};
use syncwell::settings::{self, Secret, Settings};
use syncwell::store::KeyScope;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::harness::{HostApp, eventually, sandbox};
use crate::notifications::{account, run};

static PER_CONNECTION: NotificationRules = NotificationRules {
    subscribing: Subscribing::PerConnection,
    answer_within: Duration::from_secs(5),
    taken: 204,
    longest_body: 1_000,
    topics: &[Topic { name: "storyline", feeds: &["activities"] }],
};

static PER_APPLICATION: NotificationRules =
    NotificationRules { subscribing: Subscribing::PerApplication, ..PER_CONNECTION };

/// What the partner knows.
#[derive(Default)]
struct Known {
    /// The subscriptions, by connection and address.
    subscriptions: BTreeSet<(Option<String>, String)>,
    /// Calls that subscribed.
    subscribed: u32,
    /// The state that came back with the last call.
    state: Option<String>,
    /// Whether subscribing fails.
    fails: bool,
    /// What polls got that had come with notifications.
    delivered: Vec<String>,
}

struct Subscribes {
    rules: &'static NotificationRules,
    known: Arc<Mutex<Known>>,
}

#[async_trait]
impl Partner for Subscribes {
    fn manifest(&self) -> &'static Manifest {
        Moves.manifest()
    }

    async fn poll(&self, session: &Session, request: &PollRequest) -> Result<Page, PartnerError> {
        let delivered = request.delivered.iter().map(|item| item.expose_secret().to_owned());
        self.known.lock().unwrap().delivered.extend(delivered);
        Moves.poll(session, request).await
    }

    async fn external_user_id(
        &self,
        session: &Session,
        token: &Value,
    ) -> Result<String, PartnerError> {
        Moves.external_user_id(session, token).await
    }

    fn notifier(&self) -> Option<&dyn Notifier> {
        Some(self)
    }
}

#[async_trait]
impl Notifier for Subscribes {
    fn rules(&self) -> &'static NotificationRules {
        self.rules
    }

    fn read(&self, callback: &Callback<'_>) -> Received {
        let signed = callback.header("x-secret").unwrap_or_default();
        let issued = callback.issued_secret.map_or("", |secret| secret.expose_secret());
        if self.rules.subscribing == Subscribing::PerApplication && signed != issued {
            return Received::Refused { status: 403, why: "its secret is wrong" };
        }
        let body = String::from_utf8_lossy(callback.body).into_owned();
        let (user, about) = match body.split_once(' ') {
            Some((user, data)) => {
                (user.to_owned(), About::Data { feed: "activities", payload: data.to_owned() })
            }
            None => (body, About::Changed(Vec::new())),
        };
        Received::Hints(vec![Hint { external_user_id: user, about }])
    }

    async fn subscribe(
        &self,
        session: &Session,
        request: &SubscriptionRequest,
    ) -> Result<Subscribed, PartnerError> {
        if request.connection.is_some() {
            // With the user's token, and through the limits.
            session.get("/user/profile").fetch::<Value>().await?;
        }
        let mut known = self.known.lock().unwrap();
        known.subscribed += 1;
        known.state.clone_from(&request.state);
        if known.fails {
            return Err(PartnerError::Rejected("it is not the time for it".into()));
        }
        known.subscriptions.insert((request.connection.clone(), request.url.clone()));
        Ok(Subscribed {
            expires_at: Some(request.now + TimeDelta::days(7)),
            state: Some("number 7".into()),
            issued_secret: request.state.is_none().then(|| "issued once".to_owned().into()),
        })
    }

    async fn unsubscribe(
        &self,
        _: &Session,
        request: &SubscriptionRequest,
    ) -> Result<(), PartnerError> {
        let mut known = self.known.lock().unwrap();
        known.state.clone_from(&request.state);
        known.subscriptions.retain(|(connection, _)| *connection != request.connection);
        Ok(())
    }
}

/// A daemon in this process.
struct Daemon {
    app: HostApp,
    stop: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Daemon {
    async fn start(
        folder: &TempDir,
        sandbox: &Sandbox,
        partner: Subscribes,
        change: impl FnOnce(&mut settings::Partner),
    ) -> Self {
        let urls = sandbox.urls("moves");
        let mut own = settings::Partner {
            client_id: Some(sandbox.client_id("moves").to_owned()),
            client_secret: Some(Secret::new(sandbox.client_secret("moves"))),
            authorize_url: Some(urls.authorize_url),
            token_url: Some(urls.token_url),
            api_url: Some(urls.api_url),
            ..settings::Partner::default()
        };
        change(&mut own);
        let installed_partners = vec!["moves".to_owned()];
        let mut settings = Settings { installed_partners, ..Settings::default() };
        settings.partners.insert("moves".to_owned(), own);
        settings.server.listen = "127.0.0.1:0".to_owned();
        settings.server.public_url = "http://127.0.0.1:0".to_owned();
        settings.database.url = format!("sqlite:{}", folder.path().join("test.db").display());
        let stop = CancellationToken::new();
        let (send, started) = tokio::sync::oneshot::channel();
        let stopping = stop.clone();
        let thread = std::thread::spawn(move || {
            let partner: Arc<dyn Partner> = Arc::new(partner);
            actix_rt::System::new().block_on(async {
                let application = Application::build(&settings, &[partner]).await.unwrap();
                let key = syncwell::keys::generate(KeyScope::Admin, String::new());
                let text = key.key.expose_secret().to_owned();
                application.store().add_key(key, SystemClock::new().now()).await.unwrap();
                send.send((application.address(), text)).unwrap();
                application.run_until(stopping).await.unwrap();
            });
        });
        let (address, key) = started.await.unwrap();
        let app = HostApp::new(format!("http://{address}"), key);
        let ready = eventually(async || {
            let tree = app.get("/admin/api/actors").await;
            tree["partners"][0]["state"] == "running"
        });
        assert!(ready.await);
        Self { app, stop, thread: Some(thread) }
    }

    async fn state(&self) -> Value {
        self.app.connection("ann", "moves").await["notifications"].clone()
    }

    async fn state_is(&self, state: &str) -> bool {
        eventually(async || self.state().await["state"] == state).await
    }

    async fn notify(&self, url: &str, account: &str, secret: &str) -> StatusCode {
        let request = self.app.client.post(url).header("x-secret", secret);
        request.body(account.to_owned()).send().await.unwrap().status()
    }

    async fn end(mut self) {
        self.stop.cancel();
        let thread = self.thread.take().unwrap();
        tokio::task::spawn_blocking(move || thread.join().unwrap()).await.unwrap();
    }
}

fn partner(rules: &'static NotificationRules) -> (Arc<Mutex<Known>>, impl Fn() -> Subscribes) {
    let known = Arc::new(Mutex::new(Known::default()));
    let shared = Arc::clone(&known);
    (known, move || Subscribes { rules, known: Arc::clone(&shared) })
}

#[tokio::test]
async fn a_connect_subscribes_and_a_disconnect_ends_it() {
    let (sandbox, folder) = (sandbox(), tempfile::tempdir().unwrap());
    let (known, partner) = partner(&PER_CONNECTION);
    let daemon = Daemon::start(&folder, &sandbox, partner(), |_| ()).await;
    account(&sandbox);
    daemon.app.connect(&sandbox, "ann", "moves").await;
    assert!(daemon.state_is("unproven").await, "{}", daemon.state().await);
    let subscription = known.lock().unwrap().subscriptions.first().cloned().unwrap();
    let (connection, url) = subscription;
    assert!(connection.unwrap().chars().all(|letter| letter.is_ascii_alphanumeric()));
    assert!(url.contains("/notifications/moves/"));
    let id = daemon.app.connection("ann", "moves").await["external_user_id"].clone();
    run(&sandbox.control(), "ann", 60);
    assert_eq!(daemon.notify(&url, id.as_str().unwrap(), "").await, 204);
    assert!(daemon.state_is("working").await);
    assert_eq!(daemon.app.records("ann").await.len(), 1);
    let path = "/v1/users/ann/connections/moves";
    let (status, _) = daemon.app.call(Method::DELETE, path, None).await;
    assert!(status.is_success());
    assert!(known.lock().unwrap().subscriptions.is_empty());
    assert_eq!(known.lock().unwrap().state.as_deref(), Some("number 7"));
    assert_eq!(daemon.state().await["state"], "not_subscribed");
    daemon.end().await;
}

#[tokio::test]
async fn what_fails_does_not_fail_the_connect_and_says_why() {
    let (sandbox, folder) = (sandbox(), tempfile::tempdir().unwrap());
    let (known, partner) = partner(&PER_CONNECTION);
    known.lock().unwrap().fails = true;
    let daemon = Daemon::start(&folder, &sandbox, partner(), |_| ()).await;
    account(&sandbox);
    daemon.app.connect(&sandbox, "ann", "moves").await;
    let explained = eventually(async || {
        let state = daemon.state().await;
        state["reason"].as_str().is_some_and(|why| why.contains("it is not the time for it"))
    });
    assert!(explained.await, "{}", daemon.state().await);
    assert_eq!(daemon.state().await["state"], "not_subscribed");
    assert_eq!(daemon.app.connection("ann", "moves").await["status"], "connected");
    daemon.end().await;
}

#[tokio::test]
async fn a_new_address_and_the_settings_are_followed_at_the_next_start() {
    let (sandbox, folder) = (sandbox(), tempfile::tempdir().unwrap());
    let (known, partner) = partner(&PER_CONNECTION);
    let daemon = Daemon::start(&folder, &sandbox, partner(), |_| ()).await;
    account(&sandbox);
    daemon.app.connect(&sandbox, "ann", "moves").await;
    assert!(daemon.state_is("unproven").await);
    daemon.end().await;
    // Port 0: the next one has another address.
    let daemon = Daemon::start(&folder, &sandbox, partner(), |_| ()).await;
    let renewed = eventually(async || known.lock().unwrap().subscriptions.len() == 2);
    assert!(renewed.await);
    assert!(daemon.state_is("unproven").await);
    assert_eq!(known.lock().unwrap().state.as_deref(), Some("number 7"));
    daemon.end().await;
    let off = |own: &mut settings::Partner| own.notifications = Some(false);
    let daemon = Daemon::start(&folder, &sandbox, partner(), off).await;
    let ended = eventually(async || known.lock().unwrap().subscriptions.is_empty());
    assert!(ended.await);
    assert_eq!(daemon.state().await["state"], "off");
    daemon.end().await;
}

#[tokio::test]
async fn a_subscription_of_the_application_is_made_at_the_start_and_its_secret_is_kept() {
    let (sandbox, folder) = (sandbox(), tempfile::tempdir().unwrap());
    let (known, partner) = partner(&PER_APPLICATION);
    let daemon = Daemon::start(&folder, &sandbox, partner(), |_| ()).await;
    let subscribed = eventually(async || known.lock().unwrap().subscribed == 1);
    assert!(subscribed.await);
    account(&sandbox);
    daemon.app.connect(&sandbox, "ann", "moves").await;
    assert!(daemon.state_is("unproven").await, "{}", daemon.state().await);
    daemon.end().await;
    let daemon = Daemon::start(&folder, &sandbox, partner(), |_| ()).await;
    let renewed = eventually(async || known.lock().unwrap().subscribed == 2);
    assert!(renewed.await);
    let url = {
        let known = known.lock().unwrap();
        let of_it = |(connection, url): &&(Option<String>, String)| {
            connection.is_none() && url.starts_with(&daemon.app.address)
        };
        known.subscriptions.iter().find(of_it).unwrap().1.clone()
    };
    let id = daemon.app.connection("ann", "moves").await["external_user_id"].clone();
    run(&sandbox.control(), "ann", 60);
    assert_eq!(daemon.notify(&url, id.as_str().unwrap(), "guessed").await, 403);
    assert_eq!(daemon.notify(&url, id.as_str().unwrap(), "issued once").await, 204);
    assert!(daemon.state_is("working").await);
    let off = |own: &mut settings::Partner| own.notifications = Some(false);
    daemon.end().await;
    let daemon = Daemon::start(&folder, &sandbox, partner(), off).await;
    let ended = eventually(async || known.lock().unwrap().subscriptions.is_empty());
    assert!(ended.await);
    daemon.end().await;
}

#[tokio::test]
async fn a_partner_that_cannot_reach_us_is_not_asked() {
    let (sandbox, folder) = (sandbox(), tempfile::tempdir().unwrap());
    let (known, partner) = partner(&PER_CONNECTION);
    let far =
        |own: &mut settings::Partner| own.api_url = Some("https://api.example.com".to_owned());
    let daemon = Daemon::start(&folder, &sandbox, partner(), far).await;
    let tree = daemon.app.get("/admin/api/actors").await["partners"][0]["notifications"].clone();
    let closed = tree["closed"].as_str().unwrap().to_owned();
    assert!(closed.starts_with("not reachable from outside: Moves cannot reach"), "{closed}");
    assert_eq!(known.lock().unwrap().subscribed, 0);
    daemon.end().await;
}

#[tokio::test]
async fn data_that_comes_with_a_notification_reaches_the_poll_once() {
    let (sandbox, folder) = (sandbox(), tempfile::tempdir().unwrap());
    let (known, partner) = partner(&PER_CONNECTION);
    let daemon = Daemon::start(&folder, &sandbox, partner(), |_| ()).await;
    account(&sandbox);
    daemon.app.connect(&sandbox, "ann", "moves").await;
    assert!(daemon.state_is("unproven").await);
    let url = known.lock().unwrap().subscriptions.first().unwrap().1.clone();
    let id = daemon.app.connection("ann", "moves").await["external_user_id"].clone();
    let body = format!("{} 71 kg", id.as_str().unwrap());
    assert_eq!(daemon.notify(&url, &body, "").await, 204);
    let delivered = eventually(async || known.lock().unwrap().delivered == ["71 kg"]);
    assert!(delivered.await);
    daemon.app.sync_ok("ann", "moves").await;
    daemon.app.sync_ok("ann", "moves").await;
    assert_eq!(known.lock().unwrap().delivered, ["71 kg"]);
    daemon.end().await;
    let stored = std::fs::read(folder.path().join("test.db")).unwrap();
    assert!(!stored.windows(5).any(|window| window == b"71 kg"), "it is sealed");
}
