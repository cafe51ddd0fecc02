//! A proxy in a process of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use http_body_util::BodyExt;

use super::client::Client;
use super::upstream::DONE;
use super::{chat, streamed};

/// A proxy in a process of its own, which can be killed.
pub struct Process {
    /// The process.
    pub child: Child,
    data: String,
    admin: String,
}

impl Process {
    /// Runs the `routes.toml` of this folder.
    pub fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_weighbridge"))
            .args(["serve", "--config"])
            .arg(folder.join("routes.toml"))
            .env("RUST_LOG", "info")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let listening = lines.by_ref().map(|line| line.expect("text")).find(|line| line.contains("listening"));
        let listening: serde_json::Value =
            serde_json::from_str(&listening.expect("it listens")).expect("JSON, as this is no terminal");
        // What it says from now on is read, so that it never waits for a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let address = |name: &str| format!("http://{}", listening[name].as_str().expect("an address"));
        Self { data: address("data"), admin: address("admin"), child }
    }

    /// A client of the data port.
    pub fn client(&self) -> Client {
        Client::new(self.data.clone(), false)
    }

    /// A client of the admin port.
    pub fn admin(&self) -> Client {
        Client::new(self.admin.clone(), false)
    }

    /// The value of a metric: the line that begins like this.
    pub async fn metric(&self, line: &str) -> f64 {
        let answer = Client::new(self.admin.clone(), false).get("/metrics").await;
        let found = answer.text().lines().find(|candidate| candidate.starts_with(line)).map(str::to_owned);
        found.and_then(|found| found.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("kill runs").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks once; the id of an answer that came whole.
pub async fn ask(client: Client, number: usize) -> Option<String> {
    let body = if number.is_multiple_of(2) { chat("hello") } else { streamed("hello") };
    let response = client.try_open("/v1/chat/completions", body).await?;
    if response.status() != hyper::StatusCode::OK {
        return None;
    }
    let id = response.headers().get("x-weighbridge-request-id")?.to_str().ok()?.to_owned();
    let body = response.into_body().collect().await.ok()?.to_bytes();
    let is_whole = body.ends_with(DONE.as_bytes()) || serde_json::from_slice::<serde_json::Value>(&body).is_ok();
    is_whole.then_some(id)
}
