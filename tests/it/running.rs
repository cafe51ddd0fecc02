//! A proxy that runs inside the test, on ports of its own, with a ledger in a folder that goes away.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use tempfile::TempDir;
use weighbridge::app::App;
use weighbridge::config::{self, Strictness};

/// A running proxy.
pub struct Running {
    /// Where tools send requests.
    pub data: SocketAddr,
    /// Where operators look.
    pub admin: SocketAddr,
    app: App,
    folder: TempDir,
}

impl Running {
    /// Starts it with these rules; doors and ledger are the test's own.
    pub async fn start(routes: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("routes.toml");
        let doors = "[server]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n[ledger]\npath = \"ledger.db\"\n";
        std::fs::write(&path, format!("{doors}{routes}")).unwrap();
        let env = |name: &str| std::env::var(name).ok();
        let config = config::load(&path, SystemTime::now(), &env, Strictness::Serve);
        let app = App::start(&path, config.unwrap_or_else(|problems| panic!("{problems}"))).await.unwrap();
        Self { data: app.data, admin: app.admin, app, folder }
    }

    /// The ledger's file.
    pub fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    /// Lets answers finish, and closes the ledger.
    pub async fn stop(self) {
        self.app.shut_down().await.unwrap();
    }
}
