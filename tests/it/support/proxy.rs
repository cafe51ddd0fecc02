//! A proxy in this process, on free ports, with a folder of its own.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use weighbridge::app::App;
use weighbridge::config::{self, Strictness};

use super::client::Client;
use super::upstream::within;

/// A running proxy.
pub struct Proxy {
    /// The proxy itself.
    pub app: App,
    folder: TempDir,
    data: String,
    admin: String,
}

/// `[server]` and `[ledger]` on free ports and in the proxy's own folder, two endpoints at `cheap` and `large`, two
/// tiers and two rules.
pub fn routes(cheap: &str, large: &str) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
drain_timeout = "2s"

[endpoints.small]
dialect = "openai-chat"
url = "{cheap}"
model = "small-model"
context_window = 1000
price = {{ input = 1, output = 2 }}
timeouts = {{ connect = "1s", first_byte = "1s", idle = "1s", total = "5s" }}
retries = {{ max = 1, base = "10ms", cap = "2s" }}

[endpoints.big]
dialect = "openai-chat"
url = "{large}"
model = "big-model"
context_window = 100000
price = {{ input = 10, output = 20 }}
timeouts = {{ connect = "1s", first_byte = "1s", idle = "1s", total = "5s" }}
retries = {{ max = 1, base = "10ms", cap = "2s" }}

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
why = "A wrong answer here costs an outage."
owner = "platform"

[[rules]]
name = "everything-else"
route = "cheap"
why = "Most traffic is simple."
owner = "platform"
"#
    )
}

impl Proxy {
    /// Runs on this configuration.
    pub async fn start(routes: &str) -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder"), routes).await
    }

    /// Runs on this configuration in a folder that may hold a ledger.
    pub async fn start_in(folder: TempDir, routes: &str) -> Self {
        let path = folder.path().join("routes.toml");
        std::fs::write(&path, routes).expect("a file");
        let config = config::load(&path, SystemTime::now(), &|_| None, Strictness::Serve);
        let config = config.unwrap_or_else(|problems| panic!("{problems}"));
        let app = App::start(&path, config).await.expect("the proxy starts");
        Self::running(app, folder)
    }

    /// One that runs already, with its folder.
    pub fn running(app: App, folder: TempDir) -> Self {
        let (data, admin) = (format!("http://{}", app.data), format!("http://{}", app.admin));
        Self { app, folder, data, admin }
    }

    /// The ledger's file, its folder, and the proxy itself, to be shut down.
    pub fn into_parts(self) -> (PathBuf, TempDir, App) {
        (self.ledger_path(), self.folder, self.app)
    }

    /// A client of the data port.
    pub fn client(&self) -> Client {
        Client::new(self.data.clone(), false)
    }

    /// A client of the data port that speaks HTTP/2.
    pub fn http2(&self) -> Client {
        Client::new(self.data.clone(), true)
    }

    /// The data port, as host and port.
    pub fn address(&self) -> &str {
        self.data.trim_start_matches("http://")
    }

    /// A client of the admin port.
    pub fn admin(&self) -> Client {
        Client::new(self.admin.clone(), false)
    }

    /// `routes.toml`.
    pub fn routes_path(&self) -> PathBuf {
        self.folder.path().join("routes.toml")
    }

    /// The value of a metric: the line that begins like this.
    pub async fn metric(&self, line: &str) -> f64 {
        let answer = self.admin().get("/metrics").await;
        let found = answer.text().lines().find(|candidate| candidate.starts_with(line));
        found.and_then(|found| found.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
    }

    /// The ledger's file.
    pub fn ledger_path(&self) -> PathBuf {
        self.folder.path().join("ledger/weighbridge.db")
    }

    /// Waits until the ledger has so many entries, and reads columns of them, in the order of their arrival.
    pub async fn entries(&self, count: usize, columns: &str) -> Vec<Vec<String>> {
        within(async {
            loop {
                let rows = read(&self.ledger_path(), columns);
                if rows.len() >= count {
                    assert_eq!(rows.len(), count, "no more entries than requests");
                    return rows;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        })
        .await
    }
}

/// Columns of every entry, as text; NULL is `-`.
pub fn read(ledger: &Path, columns: &str) -> Vec<Vec<String>> {
    let ledger = Connection::open_with_flags(ledger, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a ledger");
    let mut query = ledger.prepare(&format!("SELECT {columns} FROM entries ORDER BY rowid")).expect("columns");
    let width = query.column_count();
    let rows = query.query_map([], |row| {
        (0..width)
            .map(|place| {
                Ok(match row.get_ref(place)? {
                    rusqlite::types::ValueRef::Null => "-".to_owned(),
                    rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                    rusqlite::types::ValueRef::Real(number) => number.to_string(),
                    rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                    rusqlite::types::ValueRef::Blob(bytes) => format!("{} bytes", bytes.len()),
                })
            })
            .collect()
    });
    rows.expect("rows").collect::<Result<_, _>>().expect("values")
}
