//! One connection: its requests one after the other (HTTP/1.1) or side by side (HTTP/2).

use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;
use tokio_util::task::TaskTracker;

use super::{Lifecycle, Phase, Settings};

/// Answers requests. It never fails: what goes wrong is an answer too.
pub trait Answering: Clone + Send + Sync + 'static {
    /// The body of its answers.
    type Body: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static;

    /// Answers one request.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// The largest head of a request: its line and all its headers.
const MAX_HEAD_BYTES: usize = 32 << 10;

/// The most headers of a request.
const MAX_HEADERS: usize = 128;

/// The most streams on one HTTP/2 connection.
const MAX_STREAMS: u32 = 250;

pub(super) async fn serve(
    stream: TcpStream,
    settings: &Settings,
    service: impl Answering,
    mut lifecycle: Lifecycle,
    tasks: TaskTracker,
) {
    let has_asked = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&has_asked);
    let service = service_fn(move |request| {
        asked.store(true, Ordering::Relaxed);
        let service = service.clone();
        // Boxed, so that a connection does not keep room for a request's whole state while its answer streams.
        Box::pin(async move { Ok::<_, Infallible>(service.answer(request).await) })
    });
    let mut builder = auto::Builder::new(Tracked(tasks));
    // Without a timer hyper's limits are silently none.
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.idle_timeout)
        .max_buf_size(MAX_HEAD_BYTES.max(64 << 10))
        .max_headers(MAX_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(settings.idle_timeout / 4)
        .keep_alive_timeout(settings.head_timeout)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD_BYTES as u32);
    // A peer that stops reading holds back its answer, whose own limits then do not run: this one does.
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(settings.idle_timeout));
    let mut connection = pin!(builder.serve_connection(TokioIo::new(Box::pin(stream)), service));
    let mut head_limit = pin!(tokio::time::sleep(settings.head_timeout));
    let mut stopping = lifecycle.clone();
    let mut stopped = pin!(stopping.reached(Phase::Stopping));
    let mut drained = pin!(lifecycle.reached(Phase::Draining));
    let (mut is_head_limited, mut is_draining) = (true, false);
    loop {
        tokio::select! {
            // An error here is the peer's: a reset, a timeout, no HTTP. There is nobody left to tell.
            _ = connection.as_mut() => return,
            () = head_limit.as_mut(), if is_head_limited => {
                if !has_asked.load(Ordering::Relaxed) {
                    return;
                }
                is_head_limited = false;
            }
            () = drained.as_mut(), if !is_draining => {
                is_draining = true;
                connection.as_mut().graceful_shutdown();
            }
            () = stopped.as_mut() => {
                // Bodies see the phase too and end with a word; this is for those that are not read any more.
                let grace = tokio::time::sleep(std::time::Duration::from_secs(2));
                tokio::select! { _ = connection.as_mut() => {}, () = grace => {} }
                return;
            }
        }
    }
}

/// Runs the requests of HTTP/2 connections as tasks that the door waits for, so that none outlives the ledger.
#[derive(Clone)]
struct Tracked(TaskTracker);

impl<F> Executor<F> for Tracked
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

/// Runs a future; `None` if it panics. What it held has been dropped by then.
pub async fn guarded<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    std::future::poll_fn(move |cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::as_mut(&mut future).poll(cx)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Some(value)),
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_outcome_and_not_the_end() {
        assert_eq!(guarded(async { 7 }).await, Some(7));
        let panicking = async {
            tokio::task::yield_now().await;
            assert!(std::hint::black_box(false), "on purpose");
        };
        assert_eq!(guarded(panicking).await, None);
    }
}
