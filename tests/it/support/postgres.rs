//! A real PostgreSQL of a test's own: on a free port of loopback, in a temporary folder, stopped at the end.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls, Row};

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server.
pub struct Postgres {
    folder: TempDir,
    port: u16,
    server: Option<Child>,
}

impl Postgres {
    /// Makes a new server and starts it. Without `fsync`: tests kill processes, not the power.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        std::fs::create_dir(&data).expect("a folder");
        if is_root() {
            // The server refuses to run as root, and whoever it runs as has to get to its folder.
            run(Command::new("chmod").arg("755").arg(folder.path()));
            run(Command::new("chown").arg("postgres:").arg(&data));
        }
        let mut initdb = unprivileged("initdb");
        initdb.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "-D"]).arg(&data);
        run(&mut initdb);
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let mut server = Self { folder, port, server: None };
        server.start_again().await;
        server
    }

    /// Its address, for `[ledger] url`.
    pub fn address(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it after it was stopped.
    pub async fn start_again(&mut self) {
        let log = std::fs::File::options().append(true).create(true).open(self.folder.path().join("log"));
        let server = unprivileged("postgres")
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=50"])
            .stdout(Stdio::null())
            .stderr(log.expect("a log"))
            .spawn();
        self.server = Some(server.expect("PostgreSQL is installed: see scripts/services.sh"));
        let deadline = Instant::now() + PATIENCE;
        while self.try_client().await.is_none() {
            assert!(Instant::now() < deadline, "it does not start:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    async fn try_client(&self) -> Option<Client> {
        let (client, connection) = tokio_postgres::connect(&self.address(), NoTls).await.ok()?;
        tokio::spawn(connection);
        Some(client)
    }

    /// The rows that a question finds.
    pub async fn query(&self, sql: &str) -> Vec<Row> {
        let client = self.try_client().await.expect("a connection");
        client.query(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// The one whole number that a question finds.
    pub async fn number(&self, sql: &str) -> i64 {
        self.query(sql).await[0].get(0)
    }

    /// Does several statements.
    pub async fn execute(&self, sql: &str) {
        let client = self.try_client().await.expect("a connection");
        client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// Ends it as a crash would: no connection is told.
    pub fn stop_immediately(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        signal("-QUIT", &[server.id()]);
        server.wait().expect("it ends");
    }

    /// Stops every process of it in the middle of what it does; connections stay open and nothing answers.
    pub fn freeze(&self) {
        signal("-STOP", &self.processes());
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        signal("-CONT", &self.processes());
    }

    fn processes(&self) -> Vec<u32> {
        let postmaster = self.server.as_ref().expect("it runs").id();
        let children: PathBuf = format!("/proc/{postmaster}/task/{postmaster}/children").into();
        let children = std::fs::read_to_string(children).expect("its processes");
        std::iter::once(postmaster).chain(children.split_whitespace().filter_map(|pid| pid.parse().ok())).collect()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            // A frozen process takes no signal but this one.
            let thaw = |pid: u32| Command::new("kill").args(["-CONT", &pid.to_string()]).stderr(Stdio::null()).status();
            // Some have ended since.
            self.processes().into_iter().for_each(|pid| drop(thaw(pid)));
            let _ = Command::new("kill").args(["-QUIT", &server.id().to_string()]).status();
        }
        if let Some(mut server) = self.server.take() {
            let _ = server.wait();
        }
    }
}

fn is_root() -> bool {
    let user = Command::new("id").arg("-u").output().expect("id runs").stdout;
    user == b"0\n"
}

/// One of PostgreSQL's programs, run by a user that it accepts.
fn unprivileged(program: &str) -> Command {
    let path = installed(program);
    if !is_root() {
        return Command::new(path);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path).current_dir("/");
    command
}

/// Where Debian keeps the programs of each version, the newest first; elsewhere they are on the path.
fn installed(program: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions.map(|version| version.path().join("bin").join(program)).collect();
    found.retain(|path| path.exists());
    found.sort();
    found.pop().unwrap_or_else(|| program.into())
}

fn run(command: &mut Command) {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; see scripts/services.sh"));
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn signal(signal: &str, processes: &[u32]) {
    run(Command::new("kill").arg(signal).args(processes.iter().map(u32::to_string)));
}
