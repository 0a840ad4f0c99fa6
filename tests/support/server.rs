//! A separate PostgreSQL server for one test, which may stop and start it.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::{database, ports};

/// `pg_hba.conf`: any user over the socket without a password, over TCP with a password.
const ACCESS: &str = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";

/// A server on loopback; stopped and removed when dropped.
pub(crate) struct Server {
    folder: TempDir,
    programs: PathBuf,
    pub(crate) port: u16,
    is_up: bool,
}

impl Server {
    /// Creates and starts a server. With `tls` it offers TLS for `localhost`; its folder then holds
    /// the certificate of the authority, `authority.pem`.
    pub(crate) fn start(tls: bool) -> Self {
        let port = ports::free();
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self { folder, programs: programs(), port, is_up: false };
        if is_root() {
            done(Command::new("chown").arg("postgres").arg(server.folder.path()));
        }
        let data = server.data();
        done(
            server
                .program("initdb")
                .args(["-U", "postgres", "--auth=trust", "--no-sync", "-D"])
                .arg(&data),
        );
        std::fs::write(data.join("pg_hba.conf"), ACCESS).unwrap();
        if tls {
            server.make_certificates();
        }
        server.begin();
        server
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The URL for the administrator.
    pub(crate) fn own_address(&self) -> String {
        format!("postgres://postgres@/postgres?host={}&port={}", self.folder().display(), self.port)
    }

    /// Runs a statement as the administrator.
    pub(crate) fn run(&self, statement: &str) {
        database::run(&self.own_address(), statement);
    }

    pub(crate) fn begin(&mut self) {
        let tls = if self.folder().join("server.pem").exists() {
            let folder = self.folder().display();
            format!(
                " -c ssl=on -c ssl_cert_file={folder}/server.pem -c ssl_key_file={folder}/server.key"
            )
        } else {
            String::new()
        };
        let options = format!(
            "-c fsync=off -c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={}{tls}",
            self.port,
            self.folder().display()
        );
        let log = self.folder().join("log");
        let mut begin = self.program("pg_ctl");
        begin.args(["start", "-w", "-o", &options, "-l"]).arg(log).arg("-D").arg(self.data());
        done(&mut begin);
        self.is_up = true;
    }

    /// Stops it with this mode of `pg_ctl`: `fast` like a restart, `immediate` like a crash.
    pub(crate) fn stop(&mut self, mode: &str) {
        done(self.program("pg_ctl").args(["stop", "-w", "-m", mode, "-D"]).arg(self.data()));
        self.is_up = false;
    }

    /// Creates an authority, a certificate it signs for `localhost`, and an unrelated authority.
    fn make_certificates(&self) {
        let openssl = |name: &str, more: &[&str]| {
            let mut make = self.as_owner("openssl");
            make.current_dir(self.folder()).args(["req", "-x509", "-days", "2", "-nodes"]);
            make.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
            make.args(["-out", &format!("{name}.pem"), "-keyout", &format!("{name}.key")]);
            done(make.args(more));
        };
        openssl("authority", &["-subj", "/CN=authority"]);
        openssl("stranger", &["-subj", "/CN=stranger"]);
        let by = ["-CA", "authority.pem", "-CAkey", "authority.key", "-subj", "/CN=localhost"];
        let of =
            ["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=CA:FALSE"];
        openssl("server", &[by.as_slice(), of.as_slice()].concat());
    }

    fn program(&self, name: &str) -> Command {
        self.as_owner(self.programs.join(name).to_str().unwrap())
    }

    /// A command run as the owner of the server; PostgreSQL does not run as root.
    fn as_owner(&self, program: &str) -> Command {
        let mut command = Command::new(if is_root() { "runuser" } else { program });
        if is_root() {
            command.args(["-u", "postgres", "--", program]);
        }
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.is_up {
            self.stop("immediate");
        }
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.starts_with(b"0\n")
}

/// The folder with the programs of the newest installed version.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").unwrap();
    let versions = versions.map(|version| version.unwrap().path());
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    versions.max_by_key(number).unwrap().join("bin")
}

/// Runs a command, which must succeed. It inherits no pipe: a server it starts would keep it open.
fn done(command: &mut Command) {
    let output = tempfile::tempfile().unwrap();
    let (out, err) = (output.try_clone().unwrap(), output.try_clone().unwrap());
    let status = command.stdout(out).stderr(err).status().unwrap();
    assert!(status.success(), "{command:?}: {}", read(output));
}

fn read(mut file: std::fs::File) -> String {
    use std::io::{Read, Seek};
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}
