//! Programs under test: started on their own core, watched through /proc, and stopped however we end.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::Error;

/// How long a program may take until it answers, and until it has stopped.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running program and what it started itself.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program on one core, with its output in a file, and waits until it accepts connections.
    pub async fn start(command: &[OsString], core: u32, log: PathBuf, address: SocketAddr) -> Result<Self, Error> {
        let output = File::create(&log)?;
        let child = Command::new("taskset")
            .args(["--cpu-list", &core.to_string()])
            .args(command)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        let mut process = Self { child, log };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).await.is_err() {
            if let Some(status) = process.child.try_wait()? {
                return Err(format!("it ended ({status}): {}", process.last_words()).into());
            }
            if Instant::now() > deadline {
                return Err(format!("it does not answer: {}", process.last_words()).into());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(process)
    }

    /// User and system time of the program and its children, since each began.
    pub fn cpu(&self) -> Result<Duration, Error> {
        self.pids().into_iter().map(|pid| cpu_of(&pid.to_string())).sum()
    }

    /// Resident memory of the program and its children.
    pub fn resident_bytes(&self) -> Result<u64, Error> {
        let mut kibibytes = 0;
        for pid in self.pids() {
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
            kibibytes += line.trim().trim_end_matches(" kB").parse::<u64>()?;
        }
        Ok(kibibytes * 1024)
    }

    /// The program, which took taskset's place, and its children.
    fn pids(&self) -> Vec<u32> {
        let mut pids = vec![self.child.id()];
        let mut next = 0;
        while let Some(&pid) = pids.get(next) {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            pids.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
            next += 1;
        }
        pids
    }

    fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }
}

/// User and system time of one process, `self` being this one.
pub fn cpu_of(pid: &str) -> Result<Duration, Error> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the program's name in parentheses, and may hold spaces.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace());
    let times = fields.ok_or("no fields")?.skip(11).take(2).map(str::parse::<u64>);
    Ok(Duration::from_secs(times.sum::<Result<u64, _>>()?) / TICKS_PER_SECOND)
}

/// The time that all cores together spent on anything at all, since the machine started.
pub fn machine_busy() -> Result<Duration, Error> {
    let stat = fs::read_to_string("/proc/stat")?;
    let fields: Vec<u64> = stat.split_whitespace().skip(1).map_while(|field| field.parse().ok()).take(8).collect();
    let [user, nice, system, _idle, _waiting, irq, softirq, steal] = fields[..] else {
        return Err("no times of cores".into());
    };
    Ok(Duration::from_secs(user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND)
}

/// Linux tells processes' times in hundredths of a second, whatever its own clock (USER_HZ).
const TICKS_PER_SECOND: u32 = 100;

impl Drop for Process {
    /// Asks it to stop; what has not stopped in time is killed, children too.
    fn drop(&mut self) {
        let pids = self.pids();
        signal("-TERM", &pids[..1]);
        let deadline = Instant::now() + PATIENCE / 4;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            signal("-KILL", &pids);
        }
        self.child.wait().ok();
    }
}

fn signal(signal: &str, pids: &[u32]) {
    let pids = pids.iter().map(u32::to_string);
    Command::new("kill").arg(signal).args(pids).stderr(Stdio::null()).status().ok();
}

/// Keeps this process on one core, and lets it and its children open as many files as they are allowed to.
pub fn pin_self_to(core: u32) -> Result<(), Error> {
    let own = std::process::id().to_string();
    let run = |program: &str, arguments: &[&str]| {
        Command::new(program).args(arguments).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    if !run("taskset", &["--all-tasks", "--cpu-list", "--pid", &core.to_string(), &own]) {
        return Err(
            format!("cannot keep to core {core}: this needs Linux, two cores, and taskset from util-linux").into()
        );
    }
    let limits = fs::read_to_string("/proc/self/limits")?;
    let hard =
        limits.lines().find(|line| line.starts_with("Max open files")).and_then(|line| line.split_whitespace().nth(4));
    if let Some(hard) = hard {
        run("prlimit", &["--pid", &own, &format!("--nofile={hard}:{hard}")]);
    }
    Ok(())
}

/// Where a program is, looking where Debian puts servers, too.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.push("/usr/sbin".into());
    folders.into_iter().map(|folder| folder.join(program)).find(|file| Path::is_file(file))
}
