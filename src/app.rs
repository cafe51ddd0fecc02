//! Builds every room from a checked configuration, opens the doors, and closes them in order.

pub mod budgets;
mod dates;
pub mod experiments;
mod issued;
mod people;
mod revoked;
pub mod spend;
pub mod value;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

use crate::admin::AdminPort;
use crate::admit::{Issuers, Limits, Seldom};
use crate::budget::Budgets;
use crate::config::{Config, Live, ReloadEvent};
use crate::domain::Prompt;
use crate::experiments::book::ExperimentBook;
use crate::feedback::book::FeedbackBook;
use crate::forward::Pool;
use crate::listen::{Door, Lifecycle, Phase, Settings};
use crate::observe::{Metrics, ReloadResult};
use crate::proxy::{Books, DataPort, Desk, Proxy};
use crate::recall::{self, Holder, Recall};
use crate::record::archive::Archive;
use crate::record::query::{Held, Reader};
use crate::record::{Ledger, LedgerError};
use crate::sessions::Sessions;
use crate::shared::{Shared, SharedError};
use crate::store::StoreError;
use crate::store::postgres::AddressError;
use crate::value::book::Book;
use budgets::Sums;
use people::{People, Rules};

/// How long the ledger may take to write what waits when the process ends.
const LEDGER_PATIENCE: Duration = Duration::from_secs(20);

/// Why the process cannot run.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}; is another process using it? see [server] in routes.toml")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// Where the store is cannot be said.
    #[error("[ledger] url: {0}")]
    Address(#[from] AddressError),
    /// Two keys have one name.
    #[error("{0}")]
    Names(String),
    /// The store beside the ledger cannot be opened.
    #[error("what is beside the ledger: {0}")]
    Store(#[from] StoreError),
    /// The ledger cannot be opened, or could not be closed whole.
    #[error("the ledger: {0}")]
    Ledger(#[from] LedgerError),
    /// What replicas share cannot be shared.
    #[error("[shared]: {0}")]
    Shared(#[from] SharedError),
    /// Signals cannot be received.
    #[error("signals cannot be received: {0}")]
    Signals(#[source] io::Error),
}

/// The running proxy.
pub struct App {
    proxy: Arc<Proxy>,
    config_path: PathBuf,
    /// Where tools send requests; the port is the one that was given, also where the file says 0.
    pub data: SocketAddr,
    /// Where operators look.
    pub admin: SocketAddr,
    serving: JoinHandle<()>,
    people: People,
    watch: value::Watch,
    sums: Arc<Sums>,
    /// Watches over experiments, for as long as it lives.
    #[expect(dead_code, reason = "it is held, not read")]
    experiments: experiments::Watch,
    /// What goes on beside requests, for as long as these live.
    #[expect(dead_code, reason = "they are held, not read")]
    tasks: [AbortOnDropHandle<()>; 4],
    drain_timeout: Duration,
}

impl App {
    /// Opens the ledger and the doors, and serves.
    ///
    /// # Errors
    /// If an address is taken or the ledger cannot be opened.
    pub async fn start(config_path: &Path, config: Config) -> Result<Self, AppError> {
        let ledger = Ledger::open(&config.ledger)?;
        let recall = Arc::new(recalled(&config)?);
        let registry = people::registry(&config).await?;
        let book = Book::new(registry.store().clone());
        let archive = Archive::of(&config.ledger)?;
        let metrics = Arc::new(Metrics::default());
        metrics.started(true, unix_seconds());
        let shared =
            config.shared.as_ref().map(|settings| Shared::new(settings, metrics.shared.clone())).transpose()?;
        let purse = Budgets::new(shared.as_ref().map(|shared| shared.leases.clone()));
        let all: Vec<_> = config.budgets.iter().collect();
        let sums = Arc::new(Sums::default());
        let incomplete = budgets::restore(&purse, &config, &all, None, SystemTime::now(), &mut sums.alone())?;
        metrics.budgets.incomplete(incomplete);
        if let Some(shared) = &shared {
            shared.begin().await;
        }
        let lifecycle = Lifecycle::default();
        let settings = config.listen.clone();
        let halted = experiments::at_first(&config);
        let (data_listener, data) = listen(settings.data).await?;
        let (admin_listener, admin) = listen(settings.admin).await?;
        let proxy = Arc::new(Proxy {
            config: Arc::new(Live::new(config)),
            issued: Arc::default(),
            issuers: Arc::new(Issuers::new(Arc::clone(&metrics))),
            limits: Limits::default(),
            pool: Pool::default(),
            books: Books {
                ledger,
                metrics,
                budgets: purse,
                recall,
                sessions: Arc::new(Sessions::default()),
                unfinished: Arc::default(),
                shared,
                lifecycle: lifecycle.clone(),
            },
            halted,
            desk: Desk::new(FeedbackBook::new(registry.store().clone()), archive.clone()),
            lifecycle: lifecycle.clone(),
            strangers: Seldom::default(),
            sequence: AtomicU64::new(0),
        });
        let tasks = [
            AbortOnDropHandle::new(tokio::spawn(keep_issuers_fresh(Arc::clone(&proxy)))),
            AbortOnDropHandle::new(tokio::spawn(dates::watch(Arc::clone(&proxy)))),
            AbortOnDropHandle::new(tokio::spawn(settle_unfinished(Arc::clone(&proxy)))),
            AbortOnDropHandle::new(tokio::spawn(Arc::clone(&sums).complete(Arc::clone(&proxy)))),
        ];
        let drain_timeout = settings.drain_timeout;
        let data_door = Door::new(data_listener, settings.clone());
        let people = People::begin(&proxy, &registry);
        let experiments = ExperimentBook::new(registry.store().clone());
        let watch = value::Watch::begin(&proxy, &book, &experiments, &archive);
        let feedback = proxy.desk.book.clone();
        let experiments = experiments::Watch::begin(&proxy, experiments, feedback, &archive);
        let connections = data_door.open_connections();
        let admin_port = AdminPort { proxy: Arc::clone(&proxy), book, connections, registry, archive };
        let admin_door = Door::new(admin_listener, Settings { max_connections: 64, ..settings });
        let data_port = DataPort(Arc::clone(&proxy));
        let serving = tokio::spawn(async move {
            // The admin port outlives the data port, so that a drain can be watched.
            let admin = tokio::spawn(admin_door.serve(admin_port, Lifecycle::default()));
            data_door.serve(data_port, lifecycle).await;
            admin.abort();
        });
        tracing::info!(%data, %admin, config = %config_path.display(), "listening");
        Ok(Self {
            proxy,
            config_path: config_path.to_owned(),
            data,
            admin,
            serving,
            people,
            watch,
            sums,
            experiments,
            tasks,
            drain_timeout,
        })
    }

    /// Serves until the process is told to end; reloads `routes.toml` when it changes or on `SIGHUP`.
    ///
    /// # Errors
    /// If signals cannot be received, or the ledger could not be closed whole.
    pub async fn run(self) -> Result<(), AppError> {
        let catch = |kind| signal(kind).map_err(AppError::Signals);
        let mut end = catch(SignalKind::terminate())?;
        let mut interrupt = catch(SignalKind::interrupt())?;
        let mut hangup = catch(SignalKind::hangup())?;
        let watcher = self.watch();
        loop {
            tokio::select! {
                _ = hangup.recv() => {
                    // Beside this loop, which must hear that it is to end, however long it takes.
                    drop(tokio::task::spawn_blocking(self.reloading()));
                }
                _ = end.recv() => break,
                _ = interrupt.recv() => break,
            }
        }
        drop(watcher);
        let lifecycle = self.proxy.lifecycle.clone();
        let stopping = tokio::spawn(async move {
            tokio::select! { _ = end.recv() => {}, _ = interrupt.recv() => {} }
            tracing::warn!("told to end a second time: answers under way are ended now");
            lifecycle.advance(Phase::Stopping);
        });
        let closed = self.shut_down().await;
        stopping.abort();
        closed
    }

    /// Takes no more requests, lets answers under way finish for as long as the drain allows, and closes the ledger.
    ///
    /// # Errors
    /// If the ledger could not be closed whole.
    pub async fn shut_down(self) -> Result<(), AppError> {
        let lifecycle = &self.proxy.lifecycle;
        tracing::info!(limit_s = self.drain_timeout.as_secs(), "draining: answers under way may finish");
        lifecycle.advance(Phase::Draining);
        let watch = tokio::spawn(self.watch.end());
        let mut serving = self.serving;
        if tokio::time::timeout(self.drain_timeout, &mut serving).await.is_err() {
            tracing::warn!("the time to drain is over: answers under way are ended now");
            lifecycle.advance(Phase::Stopping);
            // It ends within the grace that connections have; an error would be a panic that was logged already.
            let _ = tokio::time::timeout(Duration::from_secs(5), &mut serving).await;
        }
        self.proxy.books.unfinished.clear();
        if let Some(shared) = &self.proxy.books.shared {
            shared.end().await;
        }
        let ledger = self.proxy.books.ledger.clone();
        let closed = tokio::task::spawn_blocking(move || ledger.close(LEDGER_PATIENCE)).await;
        // An error would be a panic, which was logged.
        let _ = watch.await;
        self.people.end();
        tracing::info!("ended");
        closed.unwrap_or(Err(LedgerError::WriterGone)).map_err(AppError::Ledger)
    }

    /// Reads `routes.toml` again. A file that does not hold together is refused whole and the old rules stay.
    pub fn reload(&self) {
        self.reloading()();
    }

    fn reloading(&self) -> impl Fn() + Send + Sync + 'static {
        let (proxy, path) = (Arc::clone(&self.proxy), self.config_path.clone());
        let (rules, sums) = (self.people.rules.clone(), Arc::clone(&self.sums));
        move || reload(&proxy, &rules, &path, &sums)
    }

    /// Reloads when the file changes, for as long as what it returns lives.
    fn watch(&self) -> Option<crate::config::Watcher> {
        let catalogue = self.proxy.config.snapshot().catalogue_path.clone();
        let files: Vec<&Path> = std::iter::once(&self.config_path).chain(&catalogue).map(PathBuf::as_path).collect();
        let watcher = crate::config::watch(&files, self.reloading());
        watcher
            .inspect_err(|error| {
                tracing::warn!(%error, "changes of routes.toml are not noticed: send SIGHUP to have it read again");
            })
            .ok()
    }
}

/// Keeps the public keys of those fresh who sign callers' tokens.
async fn keep_issuers_fresh(proxy: Arc<Proxy>) {
    let issuers = Arc::clone(&proxy.issuers);
    issuers.keep_fresh(|| Arc::clone(&proxy.config.snapshot().issuers)).await;
}

/// Sees to it that answers made in the background do not cost nothing because nobody fetches them.
async fn settle_unfinished(proxy: Arc<Proxy>) {
    proxy.settle_unfinished().await;
}

/// What the ledger remembers of who holds what.
fn recalled(config: &Config) -> Result<Recall, LedgerError> {
    let recall = Recall::default();
    for held in Reader::open(&config.ledger.path)?.held(recall::MOST)? {
        let Held { mark, endpoint, key, is_open } = held;
        recall.learn(&[mark], &Holder { endpoint, key, is_open });
    }
    Ok(recall)
}

fn reload(proxy: &Proxy, rules: &Rules, path: &Path, sums: &Sums) {
    // One at a time, from the first look at what is in use to the last sum.
    let mut alone = sums.alone();
    let env = |name: &str| std::env::var(name).ok();
    let before = proxy.config.snapshot();
    let objects = |config: &Config| rules.objections(config);
    let judged = |config: &Config, prompt: &Prompt| config.assessor.assess(prompt);
    let result = match proxy.config.reload(path, SystemTime::now(), &env, &judged, &objects) {
        ReloadEvent::Unchanged => return,
        ReloadEvent::Accepted { version, warnings } => {
            let config = proxy.config.snapshot();
            proxy.pool.retain(|name| config.endpoints.contains_key(name));
            let changed = budgets::changed(&before.budgets, &config.budgets);
            let Books { budgets: purse, ledger, .. } = &proxy.books;
            match budgets::restore(purse, &config, &changed, Some(ledger), SystemTime::now(), &mut alone) {
                Ok(incomplete) => proxy.books.metrics.budgets.incomplete(incomplete),
                Err(error) => tracing::error!(%error, "what was spent in new budgets before this moment is not known"),
            }
            proxy.limits.retain(|name| config.limits.has(name));
            warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
            tracing::info!(%version, "routes.toml was accepted and is live");
            rules.are(&version);
            ReloadResult::Accepted
        }
        ReloadEvent::Refused(problems) => {
            tracing::error!("routes.toml was refused, the rules before it stay live:\n{problems}");
            ReloadResult::Refused
        }
    };
    proxy.books.metrics.reloaded(result, unix_seconds());
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), AppError> {
    let failed = |source| AppError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
