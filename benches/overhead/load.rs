//! Load on a target: on a schedule whatever comes back (open loop), or as fast as it answers (closed loop).

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, yield_now};

use crate::Error;
use crate::wire::{Answer, Connection};

/// The most requests under way at once in an open loop; more wait, with their clocks running.
const MOST_UNDER_WAY: usize = 512;

/// The longest wait for what is under way when a load ends.
const GRACE: Duration = Duration::from_secs(20);

/// The bounds of what is recorded, in nanoseconds.
const SHORTEST: u64 = 1_000;
const LONGEST: u64 = 60_000_000_000;

/// A target's address, the requests to send it in turn, and connections to it that are free.
pub struct Client {
    address: SocketAddr,
    requests: Vec<Vec<u8>>,
    next: Cell<usize>,
    free: RefCell<Vec<Connection>>,
}

/// What a load saw. Times in nanoseconds.
#[derive(Clone)]
pub struct Seen {
    /// Requests answered 200.
    pub answered: u64,
    /// Requests that failed or were answered otherwise.
    pub failed: u64,
    /// What happened to the first of those.
    pub first_failure: Option<String>,
    /// How long it took altogether.
    pub wall: Duration,
    /// From the moment a request was to be sent to its last byte.
    pub whole: Histogram<u64>,
    /// From the moment a request was to be sent to the first byte of the body.
    pub first_byte: Histogram<u64>,
}

impl Client {
    /// A client for `address`.
    pub fn new(address: SocketAddr, requests: Vec<Vec<u8>>) -> Rc<Self> {
        Rc::new(Self { address, requests, next: Cell::new(0), free: RefCell::default() })
    }

    /// Sends `rate` requests a second for as long as `length`, each at its moment.
    pub async fn open_loop(self: &Rc<Self>, rate: u32, length: Duration) -> Result<Seen, Error> {
        let seen = Rc::new(RefCell::new(Seen::new()?));
        let gate = Rc::new(Semaphore::new(MOST_UNDER_WAY));
        let gap = Duration::from_secs(1) / rate;
        let count = (length.as_secs_f64() * f64::from(rate)) as u32;
        let mut under_way = JoinSet::new();
        let start = Instant::now() + gap;
        for index in 0..count {
            let moment = start + gap * index;
            // A timer would be up to a millisecond late, which is more than what is measured.
            while Instant::now() < moment {
                yield_now().await;
            }
            let (client, seen, gate) = (Rc::clone(self), Rc::clone(&seen), Rc::clone(&gate));
            under_way.spawn_local(async move {
                let _permit = gate.acquire().await;
                let answer = client.ask().await;
                seen.borrow_mut().note(moment, &answer);
            });
            while under_way.try_join_next().is_some() {}
        }
        finish(under_way).await;
        Ok(Seen::taken(&seen, start.elapsed(), u64::from(count)))
    }

    /// Asks again and again on so many connections for as long as `length`.
    pub async fn closed_loop(self: &Rc<Self>, connections: u32, length: Duration) -> Result<Seen, Error> {
        let seen = Rc::new(RefCell::new(Seen::new()?));
        let sent = Rc::new(Cell::new(0));
        let start = Instant::now();
        let mut under_way = JoinSet::new();
        for _ in 0..connections {
            let (client, seen, sent) = (Rc::clone(self), Rc::clone(&seen), Rc::clone(&sent));
            under_way.spawn_local(async move {
                while start.elapsed() < length {
                    sent.set(sent.get() + 1);
                    let moment = Instant::now();
                    let answer = client.ask().await;
                    seen.borrow_mut().note(moment, &answer);
                    if answer.is_err() {
                        // Whoever refuses connections would otherwise be asked in a tight loop.
                        yield_now().await;
                    }
                }
            });
        }
        finish(under_way).await;
        Ok(Seen::taken(&seen, start.elapsed(), sent.get()))
    }

    /// Opens streams until so many have begun, and returns the connections that hold them open.
    pub async fn open_streams(&self, count: u32) -> Result<Vec<Connection>, Error> {
        let mut streams = Vec::new();
        for _ in 0..count {
            let mut connection = Connection::open(self.address).await?;
            match tokio::time::timeout(GRACE, connection.begin(self.request())).await?? {
                200 => streams.push(connection),
                status => return Err(format!("a stream was answered {status}").into()),
            }
        }
        Ok(streams)
    }

    /// One request on a free connection, or on a new one.
    async fn ask(&self) -> io::Result<Answer> {
        let free = self.free.borrow_mut().pop();
        let mut connection = match free {
            Some(connection) => connection,
            None => Connection::open(self.address).await?,
        };
        let answer = connection.exchange(self.request()).await?;
        if answer.reusable {
            self.free.borrow_mut().push(connection);
        }
        Ok(answer)
    }

    fn request(&self) -> &[u8] {
        let index = self.next.get();
        self.next.set((index + 1) % self.requests.len());
        &self.requests[index]
    }
}

async fn finish(mut under_way: JoinSet<()>) {
    // What is still under way after the grace is dropped with the set, and counted as failed.
    tokio::time::timeout(GRACE, async { while under_way.join_next().await.is_some() {} }).await.ok();
}

impl Seen {
    fn new() -> Result<Self, Error> {
        let histogram = || Histogram::new_with_bounds(SHORTEST, LONGEST, 3);
        let (whole, first_byte) = (histogram()?, histogram()?);
        Ok(Self { answered: 0, failed: 0, first_failure: None, wall: Duration::ZERO, whole, first_byte })
    }

    fn note(&mut self, moment: Instant, answer: &io::Result<Answer>) {
        let answer = match answer {
            Ok(answer) if answer.status == 200 => answer,
            Ok(answer) => return self.fail(|| format!("answered {}", answer.status)),
            Err(error) => return self.fail(|| error.to_string()),
        };
        self.answered += 1;
        self.whole.saturating_record(nanos(answer.end - moment));
        self.first_byte.saturating_record(nanos(answer.first_byte - moment));
    }

    fn fail(&mut self, how: impl FnOnce() -> String) {
        self.failed += 1;
        self.first_failure.get_or_insert_with(how);
    }

    /// The record so far, of `sent` requests in `wall`.
    fn taken(seen: &RefCell<Self>, wall: Duration, sent: u64) -> Self {
        let mut seen = seen.borrow().clone();
        seen.wall = wall;
        // What was still under way at the end of the grace was not noted.
        seen.failed = sent - seen.answered;
        seen
    }

    /// Requests answered in a second.
    pub fn throughput(&self) -> f64 {
        self.answered as f64 / self.wall.as_secs_f64()
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
