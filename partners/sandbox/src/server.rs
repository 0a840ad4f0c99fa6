//! Routes and the HTTP server.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::web::{self, Data, PayloadConfig};
use actix_web::{App, HttpServer};

use crate::connection::Line;
use crate::control::Control;
use crate::control::http;
use crate::front::{self, Front};

/// Large enough for a big set of items sent to `/control`.
const LARGEST_BODY: usize = 64 * 1024 * 1024;

/// How long a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long an idle connection is kept. Under load as long as partners keep it: a connection that
/// closes just when it is used again would fail a poll.
const KEPT: Duration = Duration::from_secs(5);
const KEPT_UNDER_LOAD: Duration = Duration::from_secs(75);

pub(crate) fn start(
    listener: TcpListener,
    control: Control,
    workers: usize,
    load: bool,
) -> io::Result<Server> {
    let server = HttpServer::new(move || {
        let mut app = App::new().app_data(PayloadConfig::new(LARGEST_BODY)).service(
            web::scope("/control").app_data(Data::new(control.clone())).configure(http::routes),
        );
        for partner in control.partners() {
            let front = Front { partner: Arc::clone(partner), clock: Arc::clone(control.clock()) };
            app = app.service(
                web::scope(&format!("/{}", partner.wire.name()))
                    .app_data(Data::new(front))
                    .service(
                        web::resource(partner.wire.paths().authorize)
                            .get(front::show_consent)
                            .post(front::decide_consent),
                    )
                    .default_service(web::to(front::api)),
            );
        }
        app.app_data(Data::new(control.clone()))
            .route("/", web::get().to(http::overview))
            .default_service(web::to(http::nothing_here))
    })
    .on_connect(|connection, extensions| {
        if let Some(line) = Line::of(connection) {
            extensions.insert(line);
        }
    })
    .workers(workers.max(1))
    // Patient with tests on a busy machine, which five seconds are not.
    .client_request_timeout(PATIENCE)
    .keep_alive(if load { KEPT_UNDER_LOAD } else { KEPT })
    .disable_signals()
    .shutdown_timeout(1)
    .listen(listener)?;
    Ok(server.run())
}
