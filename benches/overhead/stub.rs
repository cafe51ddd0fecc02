//! The upstream: answers a chat completion at once, whole or as a stream, or begins a stream and says no more.

use std::cell::Cell;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;

/// How the upstream answers from now on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manner {
    /// About 600 bytes of JSON with usage.
    Whole,
    /// A stream of 20 events, all at once.
    Stream,
    /// A stream's first event, and then nothing until the far side hangs up.
    Idle,
}

/// The upstream, on a free port of the loopback interface, for as long as the runtime lives.
pub struct Stub {
    /// Where it listens.
    pub address: SocketAddr,
    manner: Rc<Cell<Manner>>,
}

impl Stub {
    /// Starts it.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let manner = Rc::new(Cell::new(Manner::Whole));
        let answers =
            Rc::new(Answers { whole: whole(), stream: stream(EVENTS), idle: stream_head() + &chunk(&event(0)) });
        let current = Rc::clone(&manner);
        spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answers, manner) = (Rc::clone(&answers), Rc::clone(&current));
                // A proxy that hangs up in the middle is no trouble of the upstream's; the load sees it, and counts it.
                spawn_local(async move { serve(stream, &answers, &manner).await.ok() });
            }
        });
        Ok(Self { address, manner })
    }

    /// Changes how it answers.
    pub fn answer(&self, manner: Manner) {
        self.manner.set(manner);
    }
}

/// The answers, ready to be sent.
struct Answers {
    whole: String,
    stream: String,
    idle: String,
}

/// Content events of a stream.
const EVENTS: usize = 20;

async fn serve(mut stream: TcpStream, answers: &Answers, manner: &Cell<Manner>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 16 * 1024];
    let mut filled = 0;
    loop {
        // The buffer holds the beginning of a request, or nothing.
        let head_end = loop {
            if let Some(end) = memmem::find(&buffer[..filled], b"\r\n\r\n") {
                break end + 4;
            }
            if filled == buffer.len() {
                return Err(io::ErrorKind::InvalidData.into());
            }
            match stream.read(&mut buffer[filled..]).await? {
                0 => return Ok(()),
                read => filled += read,
            }
        };
        let length = content_length(&buffer[..head_end]).ok_or(io::ErrorKind::InvalidData)?;
        let end = head_end + length;
        if buffer.len() < end {
            buffer.resize(end, 0);
        }
        while filled < end {
            match stream.read(&mut buffer[filled..]).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => filled += read,
            }
        }
        buffer.copy_within(end..filled, 0);
        filled -= end;
        match manner.get() {
            Manner::Whole => stream.write_all(answers.whole.as_bytes()).await?,
            Manner::Stream => stream.write_all(answers.stream.as_bytes()).await?,
            Manner::Idle => {
                buffer = vec![0; 16];
                stream.write_all(answers.idle.as_bytes()).await?;
                return stream.read(&mut buffer).await.map(|_| ());
            }
        }
    }
}

fn content_length(head: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(head).ok()?;
    let mut fields = text.split("\r\n").filter_map(|line| line.split_once(':'));
    fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?.1.trim().parse().ok()
}

fn whole() -> String {
    let text = "The handler validates the payload, writes the row in one transaction and answers with its id and location. \
                Two things are worth a second look: the retry loop has no upper bound, and the timeout of the inner call is \
                longer than that of the outer one, so a slow dependency is always reported as our own fault.";
    let body = format!(
        r#"{{"id":"chatcmpl-b1","object":"chat.completion","created":1795368805,"model":"stub","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null}},"logprobs":null,"finish_reason":"stop"}}],"usage":{USAGE}}}"#
    );
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

const USAGE: &str =
    r#"{"prompt_tokens":2011,"completion_tokens":64,"total_tokens":2075,"prompt_tokens_details":{"cached_tokens":0}}"#;

fn stream(events: usize) -> String {
    let mut text = stream_head();
    for index in 0..events {
        text += &chunk(&event(index));
    }
    text += &chunk(&last_event("[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]", "null"));
    text += &chunk(&last_event("[]", USAGE));
    text += &chunk("data: [DONE]\n\n");
    text + "0\r\n\r\n"
}

fn stream_head() -> String {
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".into()
}

fn chunk(data: &str) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write!(text, "{:x}\r\n{data}\r\n", data.len());
    text
}

fn event(index: usize) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-b1\",\"object\":\"chat.completion.chunk\",\"created\":1795368805,\"model\":\"stub\",\
         \"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" word{index}\"}},\"finish_reason\":null}}]}}\n\n"
    )
}

fn last_event(choices: &str, usage: &str) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-b1\",\"object\":\"chat.completion.chunk\",\"created\":1795368805,\"model\":\"stub\",\
         \"choices\":{choices},\"usage\":{usage}}}\n\n"
    )
}
