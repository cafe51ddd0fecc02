//! The connection to the shared server: one for everything, made again with patience, never waited for beyond the
//! timeout.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, IntoConnectionInfo, Pipeline, ProtocolVersion};
use redis::{PushInfo, PushKind, RedisError, RedisResult, ScriptInvocation, Value};
use tokio::sync::{Notify, broadcast};

use super::SharedError;
use super::settings::{Settings, Stance};
use crate::observe::SharedMetrics;

/// The server did not answer in time, or said that it cannot. What was asked may have been done all the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the shared server does not answer")]
pub struct Gone;

/// After so many answers in a row that did not come the connection is given up.
const PATIENCE: u32 = 2;

/// The pause between two tries to connect grows from here …
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// … to here.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A connection that lasted so long was a good one.
const STEADY: Duration = Duration::from_secs(5);

pub(super) struct Link {
    client: Client,
    config: AsyncConnectionConfig,
    connection: ArcSwapOption<MultiplexedConnection>,
    pulse: Arc<Pulse>,
    news: broadcast::Sender<String>,
    channel: String,
    stance: Stance,
    metrics: SharedMetrics,
}

/// How the connection is.
#[derive(Debug, Default)]
struct Pulse {
    lost: Notify,
    /// Answers in a row that did not come in time.
    misses: AtomicU32,
    /// Which connection it is.
    number: AtomicU64,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Nothing of the client: its address may hold a password.
        f.debug_struct("Link").field("is_up", &self.is_up()).finish_non_exhaustive()
    }
}

/// The client of an address; or what is wrong with the address, without a word of it.
pub(super) fn client(url: &str) -> Result<Client, String> {
    let words = |error: RedisError| error.category().to_owned();
    let info = url.into_connection_info().map_err(words)?;
    // The third version of the protocol carries news and answers in one connection.
    let redis = info
        .redis_settings()
        .clone()
        .set_protocol(ProtocolVersion::RESP3)
        .set_lib_name("weighbridge", env!("CARGO_PKG_VERSION"));
    Client::open(info.set_redis_settings(redis)).map_err(words)
}

impl Link {
    pub(super) fn new(settings: &Settings, metrics: SharedMetrics) -> Result<Self, SharedError> {
        let client = client(settings.url.expose()).map_err(SharedError::Address)?;
        let (news, _) = broadcast::channel(256);
        // A connection needs several answers, and the name of a server that has moved is looked up again.
        let patience = (settings.timeout * 4).max(Duration::from_secs(1));
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(patience))
            .set_response_timeout(Some(settings.timeout));
        metrics.up.set(0);
        Ok(Self {
            client,
            config,
            connection: ArcSwapOption::empty(),
            pulse: Arc::default(),
            news,
            channel: settings.name("news"),
            stance: settings.stance,
            metrics,
        })
    }

    /// Whether the server answers.
    pub(super) fn is_up(&self) -> bool {
        self.pulse.misses.load(Ordering::Relaxed) < PATIENCE && self.connection.load().is_some()
    }

    /// Whether there is a connection, even if it was silent of late.
    pub(super) fn is_connected(&self) -> bool {
        self.connection.load().is_some()
    }

    /// What other replicas say between the beats.
    pub(super) fn news(&self) -> broadcast::Receiver<String> {
        self.news.subscribe()
    }

    pub(super) fn channel(&self) -> &str {
        &self.channel
    }

    pub(super) fn metrics(&self) -> &SharedMetrics {
        &self.metrics
    }

    /// Runs a script.
    pub(super) async fn invoke<T: FromRedisValue>(
        &self,
        what: &'static str,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, Gone> {
        let Some(connection) = self.connection.load_full() else { return Err(Gone) };
        let (begun, mut to) = (Instant::now(), MultiplexedConnection::clone(&connection));
        let answer = script.invoke_async(&mut to).await;
        self.judged(what, begun, &connection, answer)
    }

    /// Runs several commands in one round trip.
    pub(super) async fn query<T: FromRedisValue>(&self, what: &'static str, commands: &Pipeline) -> Result<T, Gone> {
        let Some(connection) = self.connection.load_full() else { return Err(Gone) };
        let (begun, mut to) = (Instant::now(), MultiplexedConnection::clone(&connection));
        let answer = commands.query_async(&mut to).await;
        self.judged(what, begun, &connection, answer)
    }

    fn judged<T>(
        &self,
        what: &'static str,
        begun: Instant,
        connection: &Arc<MultiplexedConnection>,
        answer: RedisResult<T>,
    ) -> Result<T, Gone> {
        self.metrics.called(what, begun.elapsed(), answer.is_ok());
        let error = match answer {
            Ok(answer) => {
                self.pulse.misses.store(0, Ordering::Relaxed);
                return Ok(answer);
            }
            Err(error) => error,
        };
        let misses = self.pulse.misses.fetch_add(1, Ordering::Relaxed) + 1;
        if !error.is_timeout() || misses >= PATIENCE {
            self.give_up(connection, &error);
        }
        Err(Gone)
    }

    /// Lets go of a connection that does not answer, or whose server cannot do what is asked: it may be a replica since
    /// a failover, or still loading, and its name may lead elsewhere by now.
    fn give_up(&self, connection: &Arc<MultiplexedConnection>, error: &RedisError) {
        let current = self.connection.compare_and_swap(connection, None);
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, connection)) {
            self.metrics.up.set(0);
            let stance = match self.stance {
                Stance::Local => "replicas go on with the share that they hold",
                Stance::Closed => "requests under a limit or a budget are refused",
            };
            tracing::warn!(%error, "the shared server is gone: {stance}");
            self.pulse.lost.notify_one();
        }
    }

    fn established(&self, connection: MultiplexedConnection) {
        self.pulse.misses.store(0, Ordering::Relaxed);
        self.connection.store(Some(Arc::new(connection)));
        self.metrics.up.set(1);
        tracing::info!("the shared server answers");
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let config = self.config.clone().set_push_sender(self.listener());
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        connection.subscribe(&self.channel).await?;
        Ok(connection)
    }

    /// Hands on the news that come with a new connection, and tells when it ends.
    fn listener(&self) -> impl Fn(PushInfo) -> Result<(), Infallible> + Send + Sync + 'static {
        let number = self.pulse.number.fetch_add(1, Ordering::Relaxed) + 1;
        let (news, pulse, up) = (self.news.clone(), Arc::clone(&self.pulse), self.metrics.up.clone());
        move |message| {
            match (message.kind, message.data.get(1)) {
                (PushKind::Message, Some(Value::BulkString(text))) => {
                    // Nobody listening is no fault.
                    let _ = std::str::from_utf8(text).map(|text| news.send(text.to_owned()));
                }
                // That of a connection which we gave up ourselves is no news.
                (PushKind::Disconnection, _) if pulse.number.load(Ordering::Relaxed) == number => {
                    up.set(0);
                    pulse.misses.store(PATIENCE, Ordering::Relaxed);
                    pulse.lost.notify_one();
                }
                _ => {}
            }
            Ok(())
        }
    }
}

/// Connects, and connects again whenever the connection is lost, for as long as somebody needs it.
pub(super) fn keep_connected(link: Arc<Link>) {
    tokio::spawn(async move {
        let (mut pause, mut was_told) = (SHORTEST_PAUSE, false);
        while Arc::strong_count(&link) > 1 {
            match link.connect().await {
                Ok(connection) => {
                    let begun = Instant::now();
                    link.established(connection);
                    was_told = false;
                    link.pulse.lost.notified().await;
                    link.metrics.up.set(0);
                    if begun.elapsed() > STEADY {
                        pause = SHORTEST_PAUSE;
                    }
                }
                Err(error) => {
                    if !was_told {
                        tracing::warn!(%error, "the shared server cannot be reached; it is tried again and again");
                        was_told = true;
                    }
                    link.metrics.called("connect", Duration::ZERO, false);
                }
            }
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    });
}

/// Between half of it and half as much again, so that replicas that lost the server together do not return together.
pub(super) fn jittered(time: Duration) -> Duration {
    let mut random = [0u8; 2];
    // Without randomness all replicas keep the same pace, which is no fault.
    let _ = getrandom::fill(&mut random);
    time.mul_f64(0.5 + f64::from(u16::from_le_bytes(random)) / f64::from(u16::MAX))
}
