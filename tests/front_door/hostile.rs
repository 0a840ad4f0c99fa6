//! Partners that answer what they like: whatever comes costs little memory, one bad item costs itself,
//! no token goes elsewhere, and the other partners notice nothing.

mod answers;
mod fake;
mod ids;
mod memory;

use partner_sandbox::Sandbox;

use self::fake::{Answer, Fake};
use crate::harness::{Daemon, MOVED_CLOCK, empty_account, sandbox};

/// A daemon whose partner is a fake that stands before the simulated one.
struct Hostile {
    daemon: Daemon,
    sandbox: Sandbox,
    fake: Fake,
    partner: &'static str,
}

impl Hostile {
    async fn start(partner: &'static str, others: &[&str], settings: &str) -> Self {
        let sandbox = sandbox();
        let fake = Fake::before(&sandbox, partner).await;
        let address = format!("SYNCWELL__PARTNERS__{}__API_URL", partner.to_uppercase());
        let environment = [(address.as_str(), fake.api_url.as_str()), MOVED_CLOCK];
        let partners = [&[partner], others].concat();
        let daemon = Daemon::start_of(&partners, &sandbox, settings, &environment).await;
        Self { daemon, sandbox, fake, partner }
    }

    /// Answers so to getmeas, and has no workouts.
    fn answers_getmeas(&self, answer: Answer) {
        self.fake.answers(move |request| {
            let none = || Answer::json(r#"{"status":0,"body":{"series":[],"more":false}}"#);
            let is_workouts = request.line.starts_with("POST /v2/measure");
            if request.is_getmeas() { Some(answer.clone()) } else { is_workouts.then(none) }
        });
    }

    async fn connect(&self, user: &str) {
        empty_account(&self.sandbox, self.partner, user);
        self.daemon.app.connect_account(user, self.partner, user).await;
    }
}
