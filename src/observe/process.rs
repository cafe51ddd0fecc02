//! The process's own figures, read from the kernel; on systems without `/proc` they are left out.

use std::fs;

/// Bytes a page has on every platform that this reads `/proc` on and is built for.
const PAGE_BYTES: u64 = 4096;

/// Kernel ticks a second, fixed at 100 in the kernel's interface to programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// What the kernel tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Process {
    /// Resident memory.
    pub(super) resident_bytes: u64,
    /// Processor time used, user and system.
    pub(super) cpu_seconds: f64,
    /// Open file descriptors.
    pub(super) open_fds: u64,
}

pub(super) fn read() -> Option<Process> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let open_fds = fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    let resident: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    // The name in parentheses may hold spaces; what follows it does not. User and system time are fields 14 and 15.
    let mut times = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: f64 = times.next()?.parse().ok()?;
    let system: f64 = times.next()?.parse().ok()?;
    let cpu_seconds = (user + system) / TICKS_PER_SECOND;
    Some(Process { resident_bytes: resident * PAGE_BYTES, cpu_seconds, open_fds })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn this_process_uses_memory_and_files() {
        let process = super::read().expect("Linux has /proc");
        assert!(process.resident_bytes > 100_000 && process.open_fds >= 3);
    }
}
