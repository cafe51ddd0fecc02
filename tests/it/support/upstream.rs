//! An upstream that does what a test tells it to, byte by byte: it answers, stalls, lies, resets.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

/// What is done, in order, once a request has been read whole.
#[derive(Clone, Debug)]
pub enum Step {
    /// These bytes are sent.
    Send(Vec<u8>),
    /// Nothing happens until the test calls [`Upstream::release`].
    Wait,
    /// Nothing happens for so long.
    Pause(Duration),
    /// The connection is reset.
    Reset,
    /// The connection is closed in order.
    Close,
}

/// One answer, as steps.
#[derive(Clone, Debug)]
pub struct Reply(pub Vec<Step>);

impl Reply {
    /// A whole answer with a status, a JSON body and more headers.
    pub fn json(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let mut head =
            format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        Reply(vec![Step::Send(format!("{head}\r\n{body}").into_bytes())])
    }

    /// A chat's whole answer that used 10 tokens of prompt and 5 of answer.
    pub fn chat(text: &str) -> Self {
        let body = serde_json::json!({
            "id": "chatcmpl-1", "object": "chat.completion", "model": "far-model",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        });
        Reply::json(200, &[("x-request-id", "req_far")], &body.to_string())
    }

    /// An error in OpenAI's shape.
    pub fn error(status: u16, headers: &[(&str, &str)], message: &str) -> Self {
        let body = serde_json::json!({"error": {"message": message, "type": "far", "code": "far", "param": null}});
        Reply::json(status, headers, &body.to_string())
    }

    /// The head of a stream, and then these events, each in a chunk of its own.
    pub fn events(events: &[&str]) -> Self {
        let mut steps = vec![Step::Send(stream_head())];
        steps.extend(events.iter().map(|event| Step::Send(chunk(event))));
        Reply(steps)
    }

    /// A chat's streamed answer, word by word, with usage (10 and 5) as OpenAI sends it, and its orderly end.
    pub fn stream(words: &[&str]) -> Self {
        let mut reply = Reply::events(&[ROLE]);
        for word in words {
            reply = reply.then(Step::Send(chunk(&content(word))));
        }
        for event in [FINISH, USAGE, DONE] {
            reply = reply.then(Step::Send(chunk(event)));
        }
        reply.then(Step::Send(b"0\r\n\r\n".to_vec()))
    }

    /// One step more.
    pub fn then(mut self, step: Step) -> Self {
        self.0.push(step);
        self
    }
}

/// The first event of a chat's stream.
pub const ROLE: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
/// The event with which the model says that it is done.
pub const FINISH: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
/// The event that has the usage.
pub const USAGE: &str =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15}}\n\n";
/// The last event.
pub const DONE: &str = "data: [DONE]\n\n";

/// An event with a word.
pub fn content(word: &str) -> String {
    format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{word}\"}}}}]}}\n\n")
}

/// The head of a streamed answer.
pub fn stream_head() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_vec()
}

/// One chunk of a chunked body.
pub fn chunk(text: &str) -> Vec<u8> {
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The request line and the headers.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Seen {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

/// What a test sees of the far side.
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    arrivals: watch::Receiver<usize>,
    hangups: mpsc::UnboundedReceiver<()>,
    release: watch::Sender<usize>,
}

impl Upstream {
    /// Answers the first request with the first reply, and so on; the last reply answers all that follow.
    pub async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        let script: Mutex<VecDeque<Reply>> = Mutex::new(script.into_iter().collect());
        Self::start_answering_each(move |_| {
            let mut script = script.lock().expect("no panic while locked");
            let reply = if script.len() > 1 { script.pop_front() } else { script.front().cloned() };
            reply.unwrap_or(Reply(vec![Step::Close]))
        })
        .await
    }

    /// Answers each request as `answer` says.
    pub async fn start_answering_each(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (arrived, arrivals) = watch::channel(0);
        let (hung_up, hangups) = mpsc::unbounded_channel();
        let (release, released) = watch::channel(0);
        let far = Far { answer: Arc::new(answer), seen: seen.clone(), arrived, hung_up, released };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(far.clone().serve(stream));
            }
        });
        Self { address, seen, arrivals, hangups, release }
    }

    /// The base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic while locked").clone()
    }

    /// Waits until so many requests have arrived.
    pub async fn arrived(&mut self, count: usize) {
        within(self.arrivals.wait_for(|arrived| *arrived >= count)).await.expect("the upstream runs");
    }

    /// Waits until the proxy has hung up on a request before its answer was over.
    pub async fn hung_up(&mut self) {
        within(self.hangups.recv()).await.expect("the upstream runs");
    }

    /// Lets one [`Step::Wait`] of every connection go on.
    pub fn release(&self) {
        self.release.send_modify(|released| *released += 1);
    }
}

/// A wait that fails the test instead of hanging it.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("what the test waits for happens within 20 s")
}

#[derive(Clone)]
struct Far {
    answer: Arc<dyn Fn(&Seen) -> Reply + Send + Sync>,
    seen: Arc<Mutex<Vec<Seen>>>,
    arrived: watch::Sender<usize>,
    hung_up: mpsc::UnboundedSender<()>,
    released: watch::Receiver<usize>,
}

impl Far {
    async fn serve(mut self, mut stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let mut buffer = Vec::new();
        while let Some(seen) = read_request(&mut stream, &mut buffer).await {
            let reply = (self.answer)(&seen);
            self.seen.lock().expect("no panic while locked").push(seen);
            self.arrived.send_modify(|arrived| *arrived += 1);
            for step in reply.0 {
                match step {
                    Step::Send(bytes) => {
                        if stream.write_all(&bytes).await.is_err() {
                            let _ = self.hung_up.send(());
                            return;
                        }
                    }
                    Step::Wait => {
                        let mut byte = [0];
                        let before = *self.released.borrow();
                        tokio::select! {
                            _ = self.released.wait_for(|released| *released > before) => {}
                            read = stream.read(&mut byte) => {
                                assert!(matches!(read, Ok(0) | Err(_)), "no second request before the first is answered");
                                let _ = self.hung_up.send(());
                                return;
                            }
                        }
                    }
                    Step::Pause(time) => tokio::time::sleep(time).await,
                    Step::Reset => {
                        stream.set_zero_linger().expect("a socket");
                        return;
                    }
                    Step::Close => return,
                }
            }
        }
    }
}

async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Seen> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let length = Seen { head: head.clone(), body: Vec::new() }
        .header("content-length")
        .map_or(0, |length| length.parse().expect("a length"));
    while buffer.len() < end + length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body = buffer[end..end + length].to_vec();
    buffer.drain(..end + length);
    Some(Seen { head, body })
}
