//! What an address of PostgreSQL says, and connecting by it.

use std::path::PathBuf;
use std::time::Duration;

use diesel::result::ConnectionError;
use diesel_async::AsyncPgConnection;
use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::tls::{self, Roots, Verify};

/// Where a server listens that was installed and started as usual.
const SOCKETS: &str = "/var/run/postgresql";
/// How long connecting may take, unless the address says otherwise.
const CONNECT: Duration = Duration::from_secs(10);
/// A server that is silent for so long has gone, unless the address says otherwise.
const SILENCE: Duration = Duration::from_secs(30);

/// An address, read.
#[derive(Clone, Debug)]
pub(in crate::store) struct Options {
    config: Config,
    verify: Verify,
    roots: Roots,
}

impl Options {
    /// Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE?…`, with what libpq's addresses have and
    /// these, which the client has not: `sslmode=verify-ca|verify-full` and `sslrootcert`.
    pub(in crate::store) fn parse(url: &str) -> Result<Self, String> {
        let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
        let (mut kept, mut mode, mut roots) = (Vec::new(), None, None);
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => {
                    let path = percent_decode_str(value).decode_utf8_lossy().into_owned();
                    roots = Some(path);
                }
                _ => kept.push(parameter),
            }
        }
        let (ssl_mode, verify) = match (mode.unwrap_or("prefer"), &roots) {
            ("disable", _) => (SslMode::Disable, Verify::Nothing),
            ("prefer", _) => (SslMode::Prefer, Verify::Nothing),
            // As libpq has it: who names whom to trust means it.
            ("require", None) => (SslMode::Require, Verify::Nothing),
            ("require", Some(_)) | ("verify-ca", _) => (SslMode::Require, Verify::Authority),
            ("verify-full", _) => (SslMode::Require, Verify::AuthorityAndName),
            (other, _) => {
                return Err(format!(
                    "there is no sslmode `{other}`; use disable, prefer, require, verify-ca or verify-full"
                ));
            }
        };
        let roots = match roots.as_deref() {
            None | Some("system") => Roots::System,
            Some(path) => Roots::File(PathBuf::from(path)),
        };
        let address = format!("{address}?{}", kept.join("&"));
        let mut config: Config = address.parse().map_err(|error| tls::chain(&error))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            config.host_path(SOCKETS);
        }
        if config.get_application_name().is_none() {
            config.application_name("syncwell");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        if !parameters.contains("keepalives_idle") {
            config.keepalives_idle(SILENCE);
        }
        // Servers offer no TLS on sockets of the machine.
        let is_local = config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
        let is_local = is_local && config.get_hostaddrs().is_empty();
        config.ssl_mode(if is_local { SslMode::Disable } else { ssl_mode });
        Ok(Self { config, verify, roots })
    }

    pub(super) async fn connect(&self) -> Result<AsyncPgConnection, ConnectionError> {
        let failed = |reason: String| ConnectionError::BadConnection(reason);
        let tls = tls::connector(self.verify, &self.roots).map_err(failed)?;
        let connecting = async {
            let (client, connection) =
                self.config.connect(tls).await.map_err(|error| failed(tls::chain(&error)))?;
            AsyncPgConnection::try_from_client_and_connection(client, connection).await
        };
        let within = self.config.get_connect_timeout().copied().unwrap_or(CONNECT);
        match tokio::time::timeout(within, connecting).await {
            Ok(connected) => connected,
            Err(_) => Err(failed(format!("it does not answer within {within:?}"))),
        }
    }
}

impl std::fmt::Display for Options {
    /// The address as it was meant, without a password.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let config = &self.config;
        write!(
            formatter,
            "postgres://{}",
            config.get_user().map(|user| format!("{user}@")).unwrap_or_default()
        )?;
        let ports = config.get_ports();
        let mut directory = None;
        for (index, host) in config.get_hosts().iter().enumerate() {
            let port = ports.get(index).or_else(|| ports.first()).copied().unwrap_or(5432);
            let comma = if index == 0 { "" } else { "," };
            match host {
                Host::Tcp(name) => write!(formatter, "{comma}{name}:{port}")?,
                Host::Unix(path) => directory = Some(path.display()),
            }
        }
        let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
        write!(formatter, "/{database}")?;
        directory.map_or(Ok(()), |directory| write!(formatter, "?host={directory}"))
    }
}
