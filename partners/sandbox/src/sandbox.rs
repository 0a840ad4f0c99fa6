//! The sandbox: its partners, its address and its thread.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;

use crate::clock::Clock;
use crate::control::{Control, run_tasks};
use crate::fatsecret::FatSecret;
use crate::fitbit::Fitbit;
use crate::google_health::GoogleHealth;
use crate::limits::Limits;
use crate::moves::Moves;
use crate::notifications::deliver;
use crate::options::{Options, PartnerUrls};
use crate::partner::{App, Partner, Paths, Wire};
use crate::runkeeper::RunKeeper;
use crate::server;
use crate::strava::Strava;
use crate::withings::Withings;

/// Every simulated partner.
const WIRES: &[&dyn Wire] =
    &[&FatSecret, &Fitbit, &GoogleHealth, &Moves, &RunKeeper, &Strava, &Withings];

/// Running simulated partners. They stop when this is dropped.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    client_id: String,
    client_secret: String,
    control: Control,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    server: ServerHandle,
    thread: JoinHandle<io::Result<()>>,
}

impl Sandbox {
    /// Listens, creates the accounts and answers from its own thread; ready when this returns.
    ///
    /// # Errors
    /// When the address cannot be listened on, or no thread can be started.
    pub fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let clock = Arc::new(Clock::new(options.start));
        let app = App {
            client_id: options.client_id.clone(),
            client_secret: options.client_secret.clone(),
            redirect_uris: options.redirect_uris.clone(),
        };
        let partners: Vec<Arc<Partner>> = WIRES
            .iter()
            .map(|wire| {
                let wire = *wire;
                let given = options.limits.get(wire.name()).cloned();
                let documented = || if options.unlimited { Limits::none() } else { wire.limits() };
                let limits = given.unwrap_or_else(documented);
                let mut partner =
                    Partner::new(wire, app.clone(), limits, options.seed, options.history_days);
                partner.latency_ms = u64::try_from(options.latency.as_millis()).unwrap_or(u64::MAX);
                partner.lock().fresh = options.fresh;
                for number in 1..=options.accounts {
                    let mut state = partner.lock();
                    partner.account(&mut state, &format!("account-{number}"), clock.now());
                }
                Arc::new(partner)
            })
            .collect();
        let control = Control::new(partners, clock, options.seed);

        let (sender, receiver) = mpsc::channel();
        let (in_thread, workers, growth) = (control.clone(), options.workers, options.growth);
        let load = options.fresh.is_some();
        let thread = std::thread::Builder::new().name("sandbox".to_owned()).spawn(move || {
            actix_rt::System::new().block_on(async move {
                let control = in_thread;
                let server = server::start(listener, control.clone(), workers, load)?;
                if let Some(every) = growth {
                    actix_rt::spawn(crate::growth::grow(control.clone(), every));
                }
                for partner in control.partners() {
                    let (partner, clock) = (Arc::clone(partner), Arc::clone(control.clock()));
                    actix_rt::spawn(deliver(partner, clock));
                }
                actix_rt::spawn(run_tasks(&control));
                // The receiver is gone only when `start` has given up; then the server stops with
                // the thread.
                drop(sender.send(server.handle()));
                server.await
            })
        })?;
        let Ok(server) = receiver.recv() else {
            return Err(match thread.join() {
                Ok(Err(error)) => error,
                _ => io::Error::other("the sandbox ended before it had started"),
            });
        };
        Ok(Self {
            address,
            client_id: options.client_id,
            client_secret: options.client_secret,
            control,
            running: Some(Running { server, thread }),
        })
    }

    /// The base address, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The addresses of a partner (`withings`, `runkeeper`). Those of an unknown one answer 404.
    #[must_use]
    pub fn urls(&self, partner: &str) -> PartnerUrls {
        let api_url = format!("{}/{partner}", self.url());
        let nowhere =
            Paths { request_token: None, authorize: "/authorize", token: "/token", revoke: None };
        let paths = self.control.partner(partner).map_or(nowhere, |partner| partner.wire.paths());
        PartnerUrls {
            request_token_url: paths.request_token.map(|path| format!("{api_url}{path}")),
            authorize_url: format!("{api_url}{}", paths.authorize),
            token_url: format!("{api_url}{}", paths.token),
            revoke_url: paths.revoke.map(|path| format!("{api_url}{path}")),
            api_url,
        }
    }

    /// The registered application's id; the same at every partner for now.
    #[must_use]
    pub fn client_id(&self, _partner: &str) -> &str {
        &self.client_id
    }

    /// The registered application's secret; the same at every partner for now.
    #[must_use]
    pub fn client_secret(&self, _partner: &str) -> &str {
        &self.client_secret
    }

    /// A handle that does what the HTTP control API does.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Cuts all connections and waits for the thread to end. Stopping twice does nothing.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            // The call itself sends the command; the future only waits, and joining the thread does
            // that already.
            drop(running.server.stop(false));
            if !matches!(running.thread.join(), Ok(Ok(()))) {
                tracing::warn!("the sandbox did not end cleanly");
            }
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop();
    }
}
