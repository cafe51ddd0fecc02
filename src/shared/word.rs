//! What a replica says to the server and what it hears back: the scripts, their arguments and their answers.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use redis::Script;

use super::account::{Grant, Hint, Told};
use super::link::{Gone, Link};
use super::{BEAT, GAP, GRACE};

static EXCHANGE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/exchange.lua")));
static REMEMBER: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/remember.lua")));

/// The names of what is on the server.
#[derive(Clone, Debug)]
pub(super) struct Names {
    start: String,
}

impl Names {
    pub(super) fn new(start: String) -> Self {
        Self { start }
    }

    fn of(&self, what: &str, rest: &str) -> String {
        format!("{}{what}{rest}", self.start)
    }

    /// What concerns the server as a whole: since when it remembers, when it last heard of anybody.
    pub(super) fn life(&self) -> String {
        self.of("life", "")
    }

    /// Which replicas live.
    fn live(&self) -> String {
        self.of("live", "")
    }

    /// The windows in which a replica holds something.
    fn mine(&self, replica: &str) -> String {
        self.of("mine:", replica)
    }

    /// The figures of a window.
    fn window(&self, id: &str) -> String {
        self.of("w:", id)
    }

    /// Until when each replica's share of a window is its own.
    fn expiries(&self, id: &str) -> String {
        self.of("x:", id)
    }
}

/// Who speaks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Speaker<'a> {
    pub names: &'a Names,
    pub replica: &'a str,
    pub incarnation: u64,
    pub lease: Duration,
}

/// One window of a word.
#[derive(Debug)]
pub(super) struct Line {
    pub id: Arc<str>,
    pub told: Told,
    /// What waiting requests need, each with the number of the request.
    pub holds: Vec<(u64, i64)>,
}

/// What the server says to a word.
#[derive(Debug)]
pub(super) struct Heard {
    pub status: i64,
    /// Since when the server remembers.
    pub epoch: String,
    /// For how long nothing is granted yet.
    pub calm: Duration,
    pub replicas: u64,
    pub revoked: u64,
    /// For each line what was granted, and of its holds which.
    pub lines: Vec<(Grant, Vec<bool>)>,
}

type Answer = (i64, String, u64, u64, u64, Vec<Vec<i64>>);

/// Tells what this replica spent and holds, and asks for more.
pub(super) async fn exchange(link: &Link, by: Speaker<'_>, number: u64, lines: &[Line]) -> Result<Heard, Gone> {
    let mut call = EXCHANGE.prepare_invoke();
    call.key(by.names.life()).key(by.names.live()).key(by.names.mine(by.replica));
    call.arg(by.replica).arg(by.incarnation).arg(number).arg(link.channel());
    // Three beats may be missed by somebody who lives.
    call.arg(millis(BEAT * 4)).arg(millis(by.lease)).arg(millis(GRACE)).arg(millis(GAP)).arg(lines.len());
    for line in lines {
        call.key(by.names.window(&line.id)).key(by.names.expiries(&line.id));
        let told = &line.told;
        // Below 0: nothing was perhaps spent before.
        let since = if told.is_floor { told.since } else { -1 };
        call.arg(&*line.id).arg(told.limit).arg(millis(told.keep)).arg(told.spent).arg(since);
        call.arg(told.held).arg(told.idle).arg(told.want).arg(told.unit).arg(line.holds.len());
        for (_, hold) in &line.holds {
            call.arg(*hold);
        }
    }
    let answer: Answer = link.invoke("exchange", &call).await?;
    let (status, epoch, calm, replicas, revoked, windows) = answer;
    if windows.iter().any(|window| window.len() < FIELDS) || (status == 1 && windows.len() != lines.len()) {
        tracing::error!("the shared server gives answers of another shape than its script does");
        return Err(Gone);
    }
    let lines = windows.iter().map(|window| grant(window)).collect();
    Ok(Heard { status, epoch, calm: Duration::from_millis(calm), replicas, revoked, lines })
}

/// Figures that come before the bits of a window's holds.
const FIELDS: usize = 8;

fn grant(window: &[i64]) -> (Grant, Vec<bool>) {
    let hint = match window[5] {
        1 => Hint::AskAgain,
        2 => Hint::Calm,
        _ => Hint::None,
    };
    let grant = Grant {
        granted: window[0],
        ahead: window[1],
        free: window[2],
        total: window[3],
        leased: window[4],
        hint,
        is_low: window[6] == 1,
        own: window[7],
    };
    (grant, window[FIELDS..].iter().map(|bit| *bit == 1).collect())
}

/// What is known of other replicas in one window.
#[derive(Debug)]
pub(super) struct Memory {
    pub id: Arc<str>,
    pub keep: Duration,
    /// Name, spent, held.
    pub others: Vec<(String, i64, i64)>,
}

/// Tells a server that lost its memory what the others had spent and held.
pub(super) async fn remember(link: &Link, by: Speaker<'_>, windows: &[Memory]) -> Result<(), Gone> {
    for some in windows.chunks(32) {
        remember_some(link, by, some).await?;
    }
    Ok(())
}

async fn remember_some(link: &Link, by: Speaker<'_>, windows: &[Memory]) -> Result<(), Gone> {
    let mut call = REMEMBER.prepare_invoke();
    call.key(by.names.life()).arg(millis(by.lease)).arg(windows.len());
    for window in windows {
        call.key(by.names.window(&window.id)).key(by.names.expiries(&window.id));
        call.arg(millis(window.keep)).arg(window.others.len());
        for (replica, spent, held) in &window.others {
            call.arg(replica).arg(*spent).arg(*held);
        }
    }
    link.invoke::<i64>("remember", &call).await.map(|_| ())
}

/// In which windows this replica holds something, as the server knows: its predecessor did.
pub(super) async fn predecessors(link: &Link, by: Speaker<'_>) -> Result<Vec<String>, Gone> {
    let mut commands = redis::pipe();
    commands.cmd("SMEMBERS").arg(by.names.mine(by.replica));
    let (windows,): (Vec<String>,) = link.query("read", &commands).await?;
    Ok(windows)
}

/// The figures of windows as the server has them.
pub(super) async fn read(
    link: &Link,
    by: Speaker<'_>,
    windows: &[Arc<str>],
) -> Result<Vec<HashMap<String, i64>>, Gone> {
    let mut commands = redis::pipe();
    for id in windows {
        commands.cmd("HGETALL").arg(by.names.window(id));
    }
    link.query("read", &commands).await
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
