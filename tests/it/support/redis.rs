//! A real Redis server of a test's own: on a free port, in a folder of its own, ended with the test.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A running server.
pub struct Redis {
    child: Option<Child>,
    folder: TempDir,
    port: u16,
}

impl Redis {
    /// Starts one and waits until it answers.
    pub fn start() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let mut redis = Self { child: None, folder: tempfile::tempdir().expect("a folder"), port };
        redis.start_again();
        redis
    }

    /// Starts it on the same port, empty.
    pub fn start_again(&mut self) {
        let child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--enable-debug-command", "local", "--dir"])
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is installed: see scripts/services.sh");
        self.child = Some(child);
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "the server listens within 20 s");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// A connection of the test's own.
    pub fn connection(&self) -> redis::Connection {
        let client = redis::Client::open(self.url()).expect("an address");
        client.get_connection_with_timeout(Duration::from_secs(20)).expect("it answers")
    }

    /// Runs a command.
    pub fn run(&self, words: &[&str]) {
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        command.exec(&mut self.connection()).expect("it is done");
    }

    /// Stops the process where it is (`-STOP`), lets it go on (`-CONT`) …
    pub fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("kill runs").success());
    }

    /// Ends it, with all that it knew.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// The figures of every window, in one moment.
    pub fn windows(&self) -> BTreeMap<String, BTreeMap<String, i64>> {
        windows(&mut self.connection())
    }
}

/// The figures of every window, in one moment.
pub fn windows(connection: &mut redis::Connection) -> BTreeMap<String, BTreeMap<String, i64>> {
    let script = "local all = {}
        for _, key in ipairs(redis.call('KEYS', '*:1:w:*')) do
            all[#all + 1] = {key, redis.call('HGETALL', key)}
        end
        return all";
    let all: Vec<(String, BTreeMap<String, i64>)> =
        redis::cmd("EVAL").arg(script).arg(0).query(connection).expect("it answers");
    all.into_iter().map(|(key, fields)| (key.split_once(":1:w:").expect("a window").1.to_owned(), fields)).collect()
}

/// Says what is wrong with a window's figures: the sums are those of the parts, and no more is given out than there is.
pub fn faults(fields: &BTreeMap<String, i64>) -> Vec<String> {
    let sum = |start: &str| fields.iter().filter(|(name, _)| name.starts_with(start)).map(|(_, figure)| figure).sum();
    let field = |name: &str| fields.get(name).copied().unwrap_or(0);
    let (spent, leased, idle): (i64, i64, i64) = (sum("s:"), sum("l:"), sum("d:"));
    let mut faults = Vec::new();
    for (name, figure) in [("spent", spent), ("leased", leased), ("idle", idle)] {
        if field(name) != figure {
            faults.push(format!("`{name}` is {} and the sum of its parts {figure}", field(name)));
        }
    }
    if spent + leased > field("limit") {
        faults.push(format!("{spent} spent and {leased} held of {}", field("limit")));
    }
    faults
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
