//! The servers that are measured: how each is built, started, emptied and stopped.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http::Uri;
use serde_json::{Value, json};
use stockade_model::{Clock, Secret, SystemClock};
use stockade_wire::sigv4::{self, Credentials};
use stockade_wire::{client as wire, table};

use super::{BenchError, client};

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(60);
/// In how many parts of a second Linux counts processor time.
const TICKS: u64 = 100;
const KEY: &str = "AKIABENCHMARK0000001";
const SECRET: &str = "a-secret-for-the-benchmark-alone-000001";

/// A kind of server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The range, with this binary, everything switched on.
    Stockade(PathBuf),
    /// The moto server, from the virtual environment of this folder. It checks nothing and records nothing.
    Moto(PathBuf),
}

impl Kind {
    fn command(&self, port: u16) -> Command {
        let mut command = match self {
            Self::Stockade(binary) => {
                let mut command = Command::new(binary);
                command.args(["range", "--admin-key", &format!("{KEY}:{SECRET}")]);
                command.args(["--listen", &format!("127.0.0.1:{port}")]);
                command
            }
            Self::Moto(folder) => {
                let mut command = Command::new(folder.join("bin/moto_server"));
                command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
                command
            }
        };
        command
            .env_remove("STOCKADE_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

/// A running server. It ends when it is dropped.
#[derive(Debug)]
pub struct Peer {
    kind: Kind,
    /// What the table calls it.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// How long its first good answer took from its start.
    pub first_answer: Duration,
    process: Child,
}

impl Peer {
    /// Starts a server and waits for its first good answer.
    pub fn start(kind: Kind, name: &str) -> Result<Self, BenchError> {
        let address = free()?;
        let mut command = kind.command(address.port());
        let request = request(address, "sts", "GetCallerIdentity", &json!({}))?;
        let begun = Instant::now();
        let process = command.spawn().map_err(|source| BenchError::Run {
            program: name.to_owned(),
            source,
        })?;
        let mut peer = Self {
            kind,
            name: name.to_owned(),
            address,
            first_answer: Duration::ZERO,
            process,
        };
        while client::ask(address, "GetCallerIdentity", &request).is_err() {
            if begun.elapsed() > PATIENCE || peer.process.try_wait()?.is_some() {
                return Err(BenchError::Silent(name.to_owned()));
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        peer.first_answer = begun.elapsed();
        Ok(peer)
    }

    /// A signed request to it, as it goes over the wire.
    pub fn request(
        &self,
        service: &str,
        operation: &str,
        input: &Value,
    ) -> Result<Vec<u8>, BenchError> {
        request(self.address, service, operation, input)
    }

    /// Forgets everything.
    pub fn reset(&self) -> Result<(), BenchError> {
        let path = match self.kind {
            Kind::Stockade(_) => "/_stockade/reset",
            Kind::Moto(_) => "/moto-api/reset",
        };
        let address = self.address;
        let text = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 0\r\n\r\n");
        client::ask(address, path, text.as_bytes()).map(drop)
    }

    /// How many users it has when it is new: the range has its administrator.
    pub fn users_at_first(&self) -> usize {
        match self.kind {
            Kind::Stockade(_) => 1,
            Kind::Moto(_) => 0,
        }
    }

    /// The processor time that it has used. Unlike its speed this is nearly the same however busy the machine is.
    pub fn processor_time(&self) -> Option<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).ok()?;
        // The name, in brackets, may have spaces.
        let (_, after) = stat.rsplit_once(") ")?;
        let mut fields = after.split(' ').skip(11);
        let (user, system): (u64, u64) =
            (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Duration::from_millis((user + system) * 1_000 / TICKS))
    }

    /// The memory that it holds, in bytes.
    pub fn memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended on its own.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port that nobody listens on.
fn free() -> Result<SocketAddr, BenchError> {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(taken.local_addr()?)
}

fn request(
    address: SocketAddr,
    service: &str,
    operation: &str,
    input: &Value,
) -> Result<Vec<u8>, BenchError> {
    let failed = || BenchError::Request(format!("{service}:{operation}"));
    let table = table::service(service).ok_or_else(failed)?;
    let row = table.operations.get(operation).ok_or_else(failed)?;
    let endpoint: Uri = format!("http://{address}").parse().map_err(|_| failed())?;
    let input = input.as_object().cloned().unwrap_or_default();
    let made = wire::encode(table, row, &input, None, &endpoint);
    let mut made = made.map_err(|_| failed())?;
    let who = Credentials {
        access_key: KEY.to_owned(),
        secret: Secret::new(SECRET),
        session_token: None,
    };
    let now = SystemClock.now();
    sigv4::sign(&mut made, &who, "us-east-1", &table.signing_name, now).map_err(|_| failed())?;
    let (parts, body) = made.into_parts();
    let path = parts
        .uri
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    let mut text = format!("{} {path} HTTP/1.1\r\n", parts.method).into_bytes();
    let mut head = |name: &str, value: &[u8]| {
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value);
        text.extend_from_slice(b"\r\n");
    };
    if !parts.headers.contains_key("host") {
        head("host", address.to_string().as_bytes());
    }
    if !parts.headers.contains_key("content-length") {
        head("content-length", body.len().to_string().as_bytes());
    }
    for (name, value) in &parts.headers {
        head(name.as_str(), value.as_bytes());
    }
    text.extend_from_slice(b"\r\n");
    text.extend_from_slice(&body);
    Ok(text)
}

/// The release build of the program.
pub fn build_stockade() -> Result<PathBuf, BenchError> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "--locked", "--package", "stockade"]);
    succeed(build.current_dir(crate::root()))?;
    Ok(target().join("release/stockade"))
}

/// The moto server in the version of the tests' lock file, in a virtual environment of its own.
pub fn install_moto() -> Result<(PathBuf, String), BenchError> {
    let lock = fs::read_to_string(crate::root().join("tests/requirements.lock"))?;
    let version = lock
        .lines()
        .find_map(|line| line.strip_prefix("moto=="))
        .and_then(|rest| rest.split([' ', ';']).next())
        .ok_or_else(|| {
            BenchError::Failed("reading moto's version from tests/requirements.lock".to_owned())
        })?;
    let folder = target().join("bench").join(format!("moto-{version}"));
    if !folder.join("installed").exists() {
        let python = folder.join("bin/python");
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let mut install = Command::new(python);
        install.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]);
        // The same versions of what it stands on, too.
        install
            .arg("--constraint")
            .arg(crate::root().join("tests/requirements.lock"));
        succeed(install.arg(format!("moto[server]=={version}")))?;
        fs::write(folder.join("installed"), "")?;
    }
    Ok((folder, version.to_owned()))
}

fn target() -> PathBuf {
    let told = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    told.unwrap_or_else(|| crate::root().join(Path::new("target")))
}

fn succeed(command: &mut Command) -> Result<(), BenchError> {
    let program = format!("{:?}", command.get_program());
    let status = command.status().map_err(|source| BenchError::Run {
        program: program.clone(),
        source,
    })?;
    if status.success() {
        Ok(())
    } else {
        Err(BenchError::Failed(program))
    }
}
