//! A PostgreSQL address, and connecting with it.

use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::refusal::{self, Refusal};
use super::tls::{self, Roots, Verify};

/// The socket folder of a server that was installed and started as usual.
const SOCKETS: &str = "/var/run/postgresql";
/// Everything is looked up by an index. A plan made while a table was empty scans the whole table,
/// and the server keeps it (for foreign keys above all) long after the table has grown; and JIT
/// compilation of such small queries costs more than it saves.
/// Set by statements, because poolers refuse settings at the connection's start.
const PLANS: &str = "SET enable_seqscan = off; SET jit = off";

/// How long connecting may take, unless the address says otherwise.
const CONNECT: Duration = Duration::from_secs(10);
/// A server that is silent for this long is gone, unless the address says otherwise.
const SILENCE: Duration = Duration::from_secs(30);

/// A parsed address.
#[derive(Clone, Debug)]
pub(in crate::store) struct Options {
    config: Config,
    verify: Verify,
    roots: Roots,
}

impl Options {
    /// Parses `postgres://USER:PASSWORD@HOST:PORT/DATABASE?…` with libpq's parameters, including
    /// two that the client does not support: `sslmode=verify-ca|verify-full` and `sslrootcert`.
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
            // As in libpq: naming trusted certificates means verifying the server's.
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
        // Servers offer no TLS on local sockets.
        let is_local = config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
        let is_local = is_local && config.get_hostaddrs().is_empty();
        config.ssl_mode(if is_local { SslMode::Disable } else { ssl_mode });
        Ok(Self { config, verify, roots })
    }

    pub(in crate::store) async fn connect(&self) -> Result<AsyncPgConnection, Refusal> {
        let tls = tls::connector(self.verify, &self.roots).map_err(Refusal::lasting)?;
        let connecting = async {
            let connected = self.config.connect(tls).await;
            let (client, connection) = connected.map_err(|error| refusal::refusal(&error, self))?;
            refusal::check_version(connection.parameter("server_version"), self)?;
            let passing =
                |error: &dyn Display| Refusal::passing(format!("{}: {error}", self.place()));
            let ready = AsyncPgConnection::try_from_client_and_connection(client, connection);
            let mut ready = ready.await.map_err(|error| passing(&error))?;
            ready.batch_execute(PLANS).await.map_err(|error| passing(&error))?;
            Ok(ready)
        };
        let within = self.config.get_connect_timeout().copied().unwrap_or(CONNECT);
        let connected = tokio::time::timeout(within, connecting).await;
        connected.unwrap_or_else(|_| {
            Err(Refusal::passing(format!("{} does not answer within {within:?}", self.place())))
        })
    }

    pub(in crate::store) fn user(&self) -> &str {
        self.config.get_user().unwrap_or("of the process")
    }

    pub(in crate::store) fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_else(|| self.user())
    }

    fn hosts(&self) -> impl Iterator<Item = (&Host, u16)> {
        let ports = self.config.get_ports();
        let hosts = self.config.get_hosts().iter().enumerate();
        hosts.map(move |(index, host)| {
            (host, ports.get(index).or_else(|| ports.first()).copied().unwrap_or(5432))
        })
    }

    /// Where the server is, for messages.
    pub(in crate::store) fn place(&self) -> String {
        let place = |(host, port): (&Host, u16)| match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(path) => path.join(format!(".s.PGSQL.{port}")).display().to_string(),
        };
        let mut places: Vec<String> = self.hosts().map(place).collect();
        if places.is_empty() {
            places.extend(self.config.get_hostaddrs().iter().map(ToString::to_string));
        }
        places.join(" or ")
    }

    /// The command that creates the database.
    pub(in crate::store) fn createdb(&self) -> String {
        let (host, port) = match self.hosts().next() {
            Some((Host::Tcp(name), port)) => (name.clone(), port),
            Some((Host::Unix(path), port)) => (path.display().to_string(), port),
            None => ("HOST".to_owned(), 5432),
        };
        let owner = self.config.get_user().map(|user| format!(" -O {user}")).unwrap_or_default();
        format!("createdb -h {host} -p {port} -U postgres{owner} {}", self.database())
    }
}

impl Display for Options {
    /// The address as it was meant, without its password.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("postgres://")?;
        if let Some(user) = self.config.get_user() {
            write!(formatter, "{user}@")?;
        }
        let mut folder = None;
        for (index, (host, port)) in self.hosts().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match host {
                Host::Tcp(name) => write!(formatter, "{comma}{name}:{port}")?,
                Host::Unix(path) => folder = Some((path.display(), port)),
            }
        }
        write!(formatter, "/{}", self.config.get_dbname().unwrap_or_default())?;
        match folder {
            Some((folder, 5432)) => write!(formatter, "?host={folder}"),
            Some((folder, port)) => write!(formatter, "?host={folder}&port={port}"),
            None => Ok(()),
        }
    }
}
