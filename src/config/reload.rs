//! The configuration in use, and how another takes its place: prepare (may fail), then swap (cannot fail).
//!
//! A request keeps the configuration that it began with. A file that has an error, or whose own tests fail, is refused
//! whole, and the one before it stays.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{Event, RecommendedWatcher, RecursiveMode};

use super::{Config, Problem, Problems, Severity, Strictness, load, rule_tests};
use crate::domain::{Assessment, Prompt, RulesVersion};

/// Judges a prompt as a configuration has it judged.
pub type AssessBy<'a> = dyn Fn(&Config, &Prompt) -> Assessment + 'a;

/// The configuration in use.
#[derive(Debug)]
pub struct Live {
    current: ArcSwap<Config>,
    /// Held by whoever reloads: a signal and a changed file may come at once.
    reloading: Mutex<LastTime>,
}

/// How the last reload went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LastTime {
    Accepted,
    Refused,
}

/// What came of a reload.
#[derive(Debug)]
pub enum ReloadEvent {
    /// The file and the secrets that it names are what they were.
    Unchanged,
    /// The new configuration is in use.
    Accepted {
        /// Which it is.
        version: RulesVersion,
        /// What is doubtful about it, and what cannot change before a restart.
        warnings: Vec<Problem>,
    },
    /// The file was refused whole, and the one before it stays in use.
    Refused(Problems),
}

impl Live {
    /// Begins with this configuration.
    pub fn new(config: Config) -> Self {
        Self { current: ArcSwap::from_pointee(config), reloading: Mutex::new(LastTime::Accepted) }
    }

    /// The configuration in use at this moment, for one whole request.
    pub fn snapshot(&self) -> Arc<Config> {
        self.current.load_full()
    }

    /// Reads the file again. It takes the place of the one in use if it is without errors, its own tests pass, and
    /// `objections`, which knows what was made at run time, has none.
    pub fn reload(
        &self,
        path: &Path,
        now: SystemTime,
        env: &dyn Fn(&str) -> Option<String>,
        assess: &AssessBy<'_>,
        objections: &dyn Fn(&Config) -> Vec<String>,
    ) -> ReloadEvent {
        let mut last_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.snapshot();
        let file = path.display().to_string();
        let prepared = prepare(path, now, env, assess).and_then(|config| {
            let found: Vec<Problem> =
                objections(&config).into_iter().map(|message| of_all(&file, Severity::Error, message)).collect();
            if found.is_empty() { Ok(config) } else { Err(Problems(found)) }
        });
        let config = match prepared {
            Ok(config) => config,
            Err(problems) => {
                *last_time = LastTime::Refused;
                return ReloadEvent::Refused(problems);
            }
        };
        // Going back to the text in use after a file that was refused is news: the alarm ends.
        let same = config.version == before.version
            && config.price_version == before.price_version
            && config.assessor.settings() == before.assessor.settings()
            && same_secrets(&config, &before);
        if same && *last_time == LastTime::Accepted {
            return ReloadEvent::Unchanged;
        }
        *last_time = LastTime::Accepted;
        let (config, kept) = keep_fixed(config, &before, &file);
        let warnings = config.warnings.iter().cloned().chain(kept).collect();
        let version = config.version.clone();
        self.current.store(Arc::new(config));
        ReloadEvent::Accepted { version, warnings }
    }
}

/// The file as a configuration whose own tests pass.
fn prepare(
    path: &Path,
    now: SystemTime,
    env: &dyn Fn(&str) -> Option<String>,
    assess: &AssessBy<'_>,
) -> Result<Config, Problems> {
    let config = load(path, now, env, Strictness::Serve)?;
    let results = rule_tests::run(&config, &|prompt| assess(&config, prompt), millis(now));
    let failed = rule_tests::problems(&path.display().to_string(), &results);
    if failed.is_empty() { Ok(config) } else { Err(Problems(failed)) }
}

fn same_secrets(config: &Config, before: &Config) -> bool {
    config.endpoints.iter().all(|(name, endpoint)| {
        let known = before.endpoints.get(name);
        known.is_some_and(|known| known.auth == endpoint.auth && known.authorities == endpoint.authorities)
    })
}

/// Doors, ledger and log are set up once. What the file now says of them counts after a restart, and a warning says so.
fn keep_fixed(config: Config, before: &Config, file: &str) -> (Config, Vec<Problem>) {
    let changed = [
        ("server", config.listen != before.listen),
        ("ledger", config.ledger != before.ledger),
        ("shared", config.shared != before.shared),
        ("log", config.log != before.log),
    ];
    let warnings = changed.into_iter().filter(|(_, changed)| *changed).map(|(section, _)| {
        of_all(file, Severity::Warning, format!("what changed in [{section}] counts after a restart"))
    });
    let warnings = warnings.collect();
    let config = Config {
        listen: before.listen.clone(),
        ledger: before.ledger.clone(),
        shared: before.shared.clone(),
        log: before.log.clone(),
        ..config
    };
    (config, warnings)
}

/// A problem that no one line has.
fn of_all(file: &str, severity: Severity, message: String) -> Problem {
    Problem { severity, file: file.into(), line: None, column: None, message, hint: None }
}

fn millis(now: SystemTime) -> u64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// For how long nothing must happen to the file before it is read: editors and copies write in pieces.
const QUIET: Duration = Duration::from_millis(200);

/// For how long changes may go on before the file is read all the same.
const PATIENCE: Duration = Duration::from_secs(2);

/// Watches for as long as it lives.
#[derive(Debug)]
pub struct Watcher {
    _watcher: RecommendedWatcher,
}

/// Calls `changed`, from a thread of its own, whenever one of the files may have changed.
///
/// The folder is watched, not the file: editors write a new file and rename it, Kubernetes swaps a symbolic link.
///
/// # Errors
/// If the system cannot watch the folder.
pub fn watch(paths: &[&Path], changed: impl Fn() + Send + 'static) -> notify::Result<Watcher> {
    let (tell, told) = channel();
    let names = Names::of(paths);
    let folders = names.folders.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| notice(event, &names, &tell))?;
    for folder in &folders {
        notify::Watcher::watch(&mut watcher, folder, RecursiveMode::NonRecursive)?;
    }
    let thread = thread::Builder::new().name("watch-config".to_owned());
    thread.spawn(move || settle(&told, &changed)).map_err(notify::Error::io)?;
    Ok(Watcher { _watcher: watcher })
}

/// What to look at: the files, and where each leads to if it is a symbolic link.
struct Names {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Names {
    fn of(paths: &[&Path]) -> Self {
        let folder = |path: &Path| match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let mut names = Self { files: Vec::new(), folders: Vec::new() };
        let led_to = |path: &&Path| [Some(path.to_path_buf()), path.canonicalize().ok()];
        for path in paths.iter().flat_map(led_to).flatten() {
            let folder = folder(&path);
            names.files.extend(path.file_name().map(|name| folder.join(name)));
            // Kubernetes leads each file of a volume through the link `..data`, and renames a new link over it.
            names.files.push(folder.join("..data"));
            if !names.folders.contains(&folder) {
                names.folders.push(folder);
            }
        }
        names
    }
}

fn notice(event: notify::Result<Event>, names: &Names, tell: &Sender<()>) {
    let matters = match event {
        // Reading the file is an event too, and must not lead to reading it again.
        Ok(event) => match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => is_ours(&event, names),
            EventKind::Access(_) => false,
            _ => is_ours(&event, names),
        },
        // Events were lost; one of them may have been ours.
        Err(_) => true,
    };
    if matters {
        // The thread that listens ends only with the watcher.
        let _ = tell.send(());
    }
}

fn is_ours(event: &Event, names: &Names) -> bool {
    event.need_rescan() || event.paths.iter().any(|path| names.files.contains(path))
}

/// Waits for changes to end, then tells of them once.
fn settle(told: &Receiver<()>, changed: &impl Fn()) {
    while told.recv().is_ok() {
        let mut waited = Duration::ZERO;
        while waited < PATIENCE {
            match told.recv_timeout(QUIET) {
                Ok(()) => waited += QUIET,
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        changed();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc::channel;

    use super::*;
    use crate::domain::{Confidence, ContentSet, Difficulty, Kind, Risk, TagSet, TokenCount};

    const RULES: &str = r#"
        [endpoints.one]
        url = "http://127.0.0.1:9/v1"
        model = "m"
        price = { input = 0.02, output = 0.04 }

        [tiers.cheap]
        endpoints = ["one"]

        [[rules]]
        name = "all"
        route = "cheap"
        why = "w"
        owner = "o"

        [[tests]]
        prompt = "hello"
        expect = { rule = "all", kind = "chat" }
    "#;

    /// A folder with a file in it, and the configuration in use.
    struct Bench {
        folder: tempfile::TempDir,
        live: Live,
        kind: Kind,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("routes.toml");
            fs::write(&path, RULES).expect("written");
            let config = load(&path, SystemTime::now(), &|_| None, Strictness::Serve).expect("accepted");
            Self { folder, live: Live::new(config), kind: Kind::Chat }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("routes.toml")
        }

        fn reload(&self, text: &str) -> ReloadEvent {
            fs::write(self.path(), text).expect("written");
            let assess = |_: &Config, _: &Prompt| Assessment {
                tokens: TokenCount::exact(3),
                tags: TagSet::EMPTY,
                risk: Risk::Low,
                confidence: Confidence::of_percent(90),
                kind: self.kind,
                content: ContentSet::EMPTY,
                difficulty: Difficulty::UNKNOWN,
                images: 0,
                evidence: vec![],
            };
            self.live.reload(&self.path(), SystemTime::now(), &|_| None, &assess, &|_| Vec::new())
        }

        fn stays(&self, text: &str, told: &str) {
            let before = self.live.snapshot();
            match self.reload(text) {
                ReloadEvent::Refused(problems) => assert!(problems.to_string().contains(told), "{problems}"),
                other => panic!("{other:?}"),
            }
            assert!(Arc::ptr_eq(&before, &self.live.snapshot()), "the old one stays");
        }
    }

    #[test]
    fn a_good_file_takes_the_place_of_the_one_in_use() {
        let bench = Bench::new();
        let under_way = bench.live.snapshot();
        assert!(matches!(bench.reload(RULES), ReloadEvent::Unchanged));
        let changed = RULES.replace("\"all\"", "\"everything\"");
        assert!(matches!(bench.reload(&changed), ReloadEvent::Accepted { .. }));
        assert_eq!(bench.live.snapshot().rules.last().name.as_str(), "everything");
        assert_eq!(under_way.rules.last().name.as_str(), "all", "a request under way keeps its rules");
    }

    #[test]
    fn a_bad_file_is_refused_whole() {
        let bench = Bench::new();
        bench.stays("", "no rules");
        assert!(matches!(bench.reload(RULES), ReloadEvent::Accepted { .. }), "going back ends the alarm");
        assert!(matches!(bench.reload(RULES), ReloadEvent::Unchanged));
        bench.stays("[[rules", "routes.toml:1:");
        bench.stays(&RULES.replace("\"cheap\"\n        why", "\"chep\"\n        why"), "did you mean `cheap`?");
    }

    #[test]
    fn a_file_whose_own_tests_fail_is_refused() {
        let bench = Bench { kind: Kind::Design, ..Bench::new() };
        let changed = RULES.replace("\"w\"", "\"another\"");
        bench.stays(&changed, "routes.toml:16:9: the test `hello` fails: expected kind `chat`, found `design`");
    }

    #[test]
    fn what_cannot_change_before_a_restart_is_kept_and_told() {
        let bench = Bench::new();
        let changed = format!("{RULES}\n[server]\nlisten = \"127.0.0.1:1\"\n");
        match bench.reload(&changed) {
            ReloadEvent::Accepted { warnings, .. } => {
                assert_eq!(Problems(warnings).to_string().lines().count(), 1);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(bench.live.snapshot().listen.data.port(), 8787);
    }

    #[test]
    fn a_change_is_noticed_however_the_file_is_replaced() {
        let bench = Bench::new();
        let (tell, told) = channel();
        let _watcher = watch(&[&bench.path()], move || tell.send(()).expect("the test waits")).expect("watched");
        let noticed = |how: &str| {
            told.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| panic!("{how} was not noticed"));
        };
        fs::write(bench.path(), "a").expect("written");
        noticed("writing");
        let other = bench.folder.path().join("new");
        fs::write(&other, "b").expect("written");
        fs::rename(&other, bench.path()).expect("renamed");
        noticed("renaming");
    }

    #[test]
    fn a_swapped_link_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for version in ["one", "two"] {
            fs::create_dir(at(version)).expect("a folder");
            fs::write(at(version).join("routes.toml"), version).expect("written");
        }
        std::os::unix::fs::symlink("one", at("..data")).expect("a link");
        std::os::unix::fs::symlink("..data/routes.toml", at("routes.toml")).expect("a link");
        let (tell, told) = channel();
        let _watcher = watch(&[&at("routes.toml")], move || tell.send(()).expect("the test waits")).expect("watched");
        std::os::unix::fs::symlink("two", at("..data_tmp")).expect("a link");
        fs::rename(at("..data_tmp"), at("..data")).expect("renamed");
        told.recv_timeout(Duration::from_secs(20)).expect("noticed");
    }

    #[test]
    fn reading_the_file_or_writing_another_is_no_change() {
        let bench = Bench::new();
        let (tell, told) = channel();
        let _watcher = watch(&[&bench.path()], move || tell.send(()).expect("the test waits")).expect("watched");
        fs::read(bench.path()).expect("read");
        fs::write(bench.folder.path().join("other"), "x").expect("written");
        assert!(told.recv_timeout(QUIET * 3).is_err());
    }
}
