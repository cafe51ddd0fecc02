//! The rules in use, and how they change: read, check and try the file, then swap; a file that fails is refused whole.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use notify::{RecursiveMode, Watcher as _};

use super::{Config, Problem, Problems, Strictness, load};
use crate::domain::{Assessment, Prompt, RulesVersion};

/// How long a file must be left alone before it is read: editors write in several steps.
const SETTLED: Duration = Duration::from_millis(200);

/// The configuration in use. A request takes one snapshot and keeps it to its end.
#[derive(Debug)]
pub struct Live {
    current: ArcSwap<Config>,
    /// One reload at a time.
    reloading: Mutex<()>,
}

/// What became of a reload.
#[derive(Debug)]
pub enum ReloadEvent {
    /// The text is the one in use.
    Unchanged,
    /// The new configuration is in use.
    Accepted {
        /// Which.
        version: RulesVersion,
        /// What is doubtful about it.
        warnings: Vec<Problem>,
    },
    /// The file was refused whole; the configuration before it stays in use.
    Refused(Problems),
}

impl Live {
    /// Begins with this configuration.
    pub fn new(config: Config) -> Self {
        Self { current: ArcSwap::from_pointee(config), reloading: Mutex::new(()) }
    }

    /// The configuration in use now.
    pub fn snapshot(&self) -> Arc<Config> {
        self.current.load_full()
    }

    /// Reads the file again and, if it holds together, puts it in use.
    pub fn reload(
        &self,
        path: &Path,
        now: SystemTime,
        env: &dyn Fn(&str) -> Option<String>,
        _assess: &dyn Fn(&Prompt) -> Assessment,
    ) -> ReloadEvent {
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let config = match load(path, now, env, Strictness::Serve) {
            Ok(config) => config,
            Err(problems) => return ReloadEvent::Refused(problems),
        };
        if config.version == self.current.load().version {
            return ReloadEvent::Unchanged;
        }
        let event = ReloadEvent::Accepted { version: config.version.clone(), warnings: config.warnings.clone() };
        self.current.store(Arc::new(config));
        event
    }
}

/// Watches a file for as long as it lives.
pub struct Watcher {
    _watcher: notify::RecommendedWatcher,
}

/// Calls back when the file at `path` changes. The directory is watched, not the file: editors and Kubernetes replace
/// files instead of writing into them.
///
/// # Errors
/// If the system cannot watch the directory.
pub fn watch(path: &Path, changed: impl Fn() + Send + 'static) -> notify::Result<Watcher> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let (events, received) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading is no change; and the receiver lives as long as the watcher does.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            let _ = events.send(());
        }
    })?;
    watcher.watch(&directory, RecursiveMode::NonRecursive)?;
    std::thread::Builder::new().name("routes-watch".into()).spawn(move || {
        while received.recv().is_ok() {
            loop {
                match received.recv_timeout(SETTLED) {
                    Ok(()) => {}
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
            changed();
        }
    })?;
    Ok(Watcher { _watcher: watcher })
}
