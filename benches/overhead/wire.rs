//! Just enough HTTP/1.1 to load a proxy and to time its answers.
//!
//! Not a general client: the load shares one core with the upstream, and must cost less than what is measured.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The most that a response head may have.
const LARGEST_HEAD: usize = 16 * 1024;

/// A keep-alive connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What came back, and when.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// When the first byte of the body was here.
    pub first_byte: Instant,
    /// When the last one was.
    pub end: Instant,
    /// Whether the connection may be used again.
    pub reusable: bool,
}

impl Connection {
    /// Connects, without waiting to fill packets.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; LARGEST_HEAD] })
    }

    /// Sends a request and reads its whole answer.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.stream.write_all(request).await?;
        let (mut head, rest) = self.read_head().await?;
        let mut first_byte = None;
        let mut piece = rest;
        loop {
            if !piece.is_empty() {
                first_byte.get_or_insert_with(Instant::now);
                head.body.take(&self.buffer[piece.clone()])?;
            }
            if head.body.is_done() {
                break;
            }
            let read = self.stream.read(&mut self.buffer).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            piece = 0..read;
        }
        let end = Instant::now();
        Ok(Answer { status: head.status, first_byte: first_byte.unwrap_or(end), end, reusable: head.keep_alive })
    }

    /// Sends a request and waits for the first byte of its answer's body; the connection then stays as it is.
    pub async fn begin(&mut self, request: &[u8]) -> io::Result<u16> {
        self.stream.write_all(request).await?;
        let (head, rest) = self.read_head().await?;
        if rest.is_empty() && self.stream.read(&mut self.buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.buffer = Vec::new();
        Ok(head.status)
    }

    /// The head of an answer, and where in the buffer the bytes after it are.
    async fn read_head(&mut self) -> io::Result<(Head, std::ops::Range<usize>)> {
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            if let Some(end) = memmem::find(&self.buffer[..filled], b"\r\n\r\n") {
                return Ok((Head::parse(&self.buffer[..end])?, end + 4..filled));
            }
        }
    }
}

/// What matters of a response head.
struct Head {
    status: u16,
    keep_alive: bool,
    body: Body,
}

impl Head {
    fn parse(bytes: &[u8]) -> io::Result<Self> {
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("a head that is not text"))?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let mut head = Self { status: status.ok_or(wrong("no status"))?, keep_alive: true, body: Body::Whole(0) };
        for line in lines {
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                head.body = Body::Whole(value.parse().map_err(|_| wrong("a length that is no number"))?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked") {
                head.body = Body::Chunked(Chunk::Size(0));
            } else if name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close") {
                head.keep_alive = false;
            }
        }
        Ok(head)
    }
}

/// How much of a body is still to come.
enum Body {
    Whole(usize),
    Chunked(Chunk),
}

/// Where in a chunked body we are.
enum Chunk {
    /// In the digits, with the size so far.
    Size(usize),
    /// After the digits, with the size.
    SizeEnd(usize),
    /// In the data and the line end after it, with how much is left of both.
    Data(usize),
    /// In the last line end, with how much is left of it.
    Last(usize),
}

impl Body {
    fn is_done(&self) -> bool {
        matches!(self, Body::Whole(0) | Body::Chunked(Chunk::Last(0)))
    }

    fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        match self {
            Body::Whole(left) => {
                *left = left.checked_sub(piece.len()).ok_or(wrong("more body than was promised"))?;
            }
            Body::Chunked(state) => state.take(piece)?,
        }
        Ok(())
    }
}

impl Chunk {
    fn take(&mut self, mut piece: &[u8]) -> io::Result<()> {
        while let Some(&byte) = piece.first() {
            let mut used = 1;
            *self = match *self {
                Chunk::Size(size) => match (byte as char).to_digit(16) {
                    Some(digit) => Chunk::Size(size * 16 + digit as usize),
                    None => Chunk::SizeEnd(size),
                },
                Chunk::SizeEnd(0) if byte == b'\n' => Chunk::Last(2),
                Chunk::SizeEnd(size) if byte == b'\n' => Chunk::Data(size + 2),
                Chunk::SizeEnd(size) => Chunk::SizeEnd(size),
                Chunk::Data(left) => {
                    used = left.min(piece.len());
                    if left == used { Chunk::Size(0) } else { Chunk::Data(left - used) }
                }
                Chunk::Last(left) => Chunk::Last(left.checked_sub(1).ok_or(wrong("bytes after the last chunk"))?),
            };
            piece = &piece[used..];
        }
        Ok(())
    }
}

fn wrong(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
