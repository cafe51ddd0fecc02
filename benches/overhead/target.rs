//! Whom we measure, and how each is set up.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::Error;
use crate::options::Options;
use crate::process::{Process, find};

/// The key that the load shows; only Weighbridge looks at it.
pub const KEY: &str = "wb-overhead-bench-0123456789abcdef";

/// A kind of target.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// No proxy at all.
    #[value(skip)]
    Direct,
    /// HAProxy as a plain reverse proxy.
    Haproxy,
    /// nginx as a plain reverse proxy.
    Nginx,
    /// Weighbridge with everything on.
    Weighbridge,
}

impl Kind {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Direct => "direct",
            Kind::Haproxy => "HAProxy",
            Kind::Nginx => "nginx",
            Kind::Weighbridge => "Weighbridge",
        }
    }

    /// The program, or what to do to have it.
    pub fn program(self, options: &Options) -> Result<PathBuf, String> {
        let from_debian = |name: &str| find(name).ok_or(format!("not found; on Debian: apt install {name}"));
        match self {
            Kind::Direct => Ok(PathBuf::new()),
            Kind::Haproxy => from_debian("haproxy"),
            Kind::Nginx => from_debian("nginx"),
            Kind::Weighbridge if options.weighbridge.is_file() => Ok(options.weighbridge.clone()),
            Kind::Weighbridge => Err(format!("{} is not there", options.weighbridge.display())),
        }
    }
}

/// Somebody to send requests to.
pub struct Target {
    /// Who it is.
    pub kind: Kind,
    /// Where it listens.
    pub address: SocketAddr,
    /// The program; `None` for direct calls. Dropped before the folder that holds its files.
    pub process: Option<Process>,
    _folder: TempDir,
}

impl Target {
    /// Starts it in front of `upstream`, in a folder of its own.
    pub async fn start(kind: Kind, upstream: SocketAddr, options: &Options) -> Result<Self, Error> {
        let folder = TempDir::new()?;
        if kind == Kind::Direct {
            return Ok(Self { kind, address: upstream, process: None, _folder: folder });
        }
        let program = kind.program(options)?;
        let program = fs::canonicalize(program)?.into_os_string();
        let ports = Ports { own: free_port()?, admin: free_port()?, upstream };
        let settings = folder.path().join("settings");
        fs::create_dir(&settings)?;
        let file = settings.join(if kind == Kind::Weighbridge { "routes.toml" } else { "proxy.conf" });
        let text = match kind {
            Kind::Haproxy => haproxy(&ports),
            Kind::Nginx => nginx(&ports, folder.path()),
            _ => weighbridge(&ports),
        };
        fs::write(&file, text)?;
        let mut command = vec![program];
        match kind {
            Kind::Haproxy => command.extend(["-db".into(), "-f".into(), file.into()]),
            Kind::Nginx => command.extend([
                "-p".into(),
                folder.path().into(),
                "-e".into(),
                "stderr".into(),
                "-c".into(),
                file.into(),
            ]),
            _ => command.extend(["serve".into(), "--config".into(), file.into()]),
        }
        let log = folder.path().join("log");
        let process = Process::start(&command, options.proxy_core, log, ports.own).await;
        let process = process.map_err(|error| format!("{} could not be started: {error}", kind.name()))?;
        Ok(Self { kind, address: ports.own, process: Some(process), _folder: folder })
    }
}

struct Ports {
    own: SocketAddr,
    admin: SocketAddr,
    upstream: SocketAddr,
}

fn free_port() -> Result<SocketAddr, Error> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// One thread, upstream connections kept and shared. Without `http-no-delay` it holds a stream's events back to fill packets.
fn haproxy(Ports { own, upstream, .. }: &Ports) -> String {
    format!(
        "global\n    nbthread 1\n    maxconn 8192\n\
         defaults\n    mode http\n    option http-no-delay\n    timeout connect 5s\n    timeout client 600s\n    timeout server 600s\n\
         frontend load\n    bind {own}\n    default_backend upstream\n\
         backend upstream\n    http-reuse always\n    server stub {upstream}\n"
    )
}

/// One worker, upstream connections kept, nothing logged, and answers passed on as they come.
fn nginx(Ports { own, upstream, .. }: &Ports, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "daemon off;\nworker_processes 1;\nworker_rlimit_nofile 16384;\npid {folder}/pid;\nerror_log stderr;\n\
         events {{ worker_connections 8192; }}\n\
         http {{\n  access_log off;\n  tcp_nodelay on;\n  keepalive_requests 100000000;\n  client_body_buffer_size 1m;\n\
         \x20 client_body_temp_path {folder}/body;\n  proxy_temp_path {folder}/proxy;\n  fastcgi_temp_path {folder}/fastcgi;\n\
         \x20 uwsgi_temp_path {folder}/uwsgi;\n  scgi_temp_path {folder}/scgi;\n\
         \x20 upstream stub {{ server {upstream}; keepalive 1024; keepalive_requests 100000000; }}\n\
         \x20 server {{\n    listen {own};\n    location / {{\n      proxy_pass http://stub;\n      proxy_http_version 1.1;\n\
         \x20     proxy_set_header Connection \"\";\n      proxy_buffering off;\n      proxy_read_timeout 600s;\n    }}\n  }}\n}}\n"
    )
}

/// Everything on: a key, rules that ask for tags, risk and tokens, prices, the ledger, one log line a request. Ledger and
/// log are not beside the file, whose folder is watched for changes.
fn weighbridge(Ports { own, admin, upstream }: &Ports) -> String {
    let digest: String = Sha256::digest(KEY).iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        r#"
[server]
listen = "{own}"
admin = "{admin}"

[keys.bench]
sha256 = "{digest}"
engineer = "bench"
team = "measurements"
feature = "overhead"
requests_per_minute = 100000000

[ledger]
path = "../ledger.db"

[log]
level = "info"

[endpoints.small]
url = "http://{upstream}/v1"
model = "small"
context_window = 128000
price = {{ input = 0.1, output = 0.4 }}

[endpoints.big]
url = "http://{upstream}/v1"
model = "big"
context_window = 128000
price = {{ input = 2.5, output = 10.0 }}

[tiers.cheap]
endpoints = ["small"]
escalate = "large"

[tiers.large]
endpoints = ["big"]

[routing]
models = ["auto"]
baseline = "large"

[[rules]]
name = "judgement"
when = {{ tags.any = ["architecture", "reliability", "data-integrity", "security"], risk = ">= medium" }}
route = "large"
why = "A wrong answer costs more than the model."
owner = "bench"

[[rules]]
name = "long"
when = {{ tokens = ">= 50000" }}
route = "large"
why = "Long prompts want a long memory."
owner = "bench"

[[rules]]
name = "everything-else"
route = "cheap"
why = "Most work is routine."
owner = "bench"
"#
    )
}
