//! The doors: addresses, limits on connections and bodies.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::Uri;
use hyper::header::HeaderValue;

use super::Checker;
use crate::config::located::Located;
use crate::config::raw::RawServer;
use crate::config::text;
use crate::{listen, read};

/// Below the half minute after which the strictest of what stands between ends a silent connection.
const PING_INTERVAL: Duration = Duration::from_secs(12);

/// Long enough for what models work on in the background; providers keep an answer for less long once it is there.
const BACKGROUND_HOLD: Duration = Duration::from_secs(3600);

/// The shortest limit that leaves an honest client a chance.
const LEAST: Duration = Duration::from_millis(100);

/// Whether the file says who may ask.
#[derive(Clone, Copy)]
pub(super) struct Logins {
    pub(super) keys: bool,
    pub(super) admin_tokens: bool,
}

impl Checker<'_, '_> {
    pub(super) fn server(&mut self, raw: &RawServer, has: Logins) -> (listen::Settings, read::Bounds) {
        let doors = listen::Settings::default();
        let data = self.address(raw.listen.as_ref(), "server.listen", doors.data);
        if let Some(written) = raw.listen.as_ref().filter(|_| !has.keys && !data.ip().is_loopback()) {
            let message = format!("`server.listen` is `{}` and there are no keys", written.value());
            let hint = "without keys in this file only an address on loopback may be opened, since those made at run time \
                        are not known here; `weighbridge keys new` makes a key and prints its lines";
            self.findings.error(written.span(), message).hint(hint);
        }
        let admin = self.address(raw.admin.as_ref(), "server.admin", doors.admin);
        if let Some(written) = raw.admin.as_ref().filter(|_| !admin.ip().is_loopback()) {
            let message = format!("`server.admin` is `{}`, which is not on loopback", written.value());
            if has.admin_tokens {
                let hint = "it speaks no TLS: let only a network that you trust reach it, or a reverse proxy that does";
                self.findings.warning(written.span(), message).hint(hint);
            } else {
                let hint = "without [admin.tokens] only an address on loopback may be opened, since tokens made at run \
                            time are not known here; `weighbridge keys new --admin` makes one and prints its lines";
                self.findings.error(written.span(), message).hint(hint);
            }
        }
        if let Some(written) = raw.listen.as_ref().or(raw.admin.as_ref()).filter(|_| data == admin && data.port() != 0)
        {
            self.findings.error(written.span(), format!("`server.listen` and `server.admin` are both `{data}`"));
        }
        let settings = listen::Settings {
            data,
            admin,
            max_connections: self.count(raw.max_connections.as_ref(), "server.max_connections", 8192) as usize,
            head_timeout: self.duration(raw.head_timeout.as_ref(), "head_timeout", LEAST, doors.head_timeout),
            idle_timeout: self.duration(raw.idle_timeout.as_ref(), "idle_timeout", LEAST, doors.idle_timeout),
            drain_timeout: self.duration(
                raw.drain_timeout.as_ref(),
                "drain_timeout",
                Duration::ZERO,
                doors.drain_timeout,
            ),
        };
        (settings, self.bounds(raw))
    }

    fn bounds(&mut self, raw: &RawServer) -> read::Bounds {
        let bounds = read::Bounds::default();
        read::Bounds {
            max_body_bytes: self.body_size(raw, bounds.max_body_bytes),
            max_upload_bytes: self.upload_size(raw, bounds.max_upload_bytes),
            max_ratio: self.count(raw.max_ratio.as_ref(), "server.max_ratio", bounds.max_ratio),
            max_depth: self.count(raw.max_depth.as_ref(), "server.max_depth", bounds.max_depth),
            stall_timeout: self.duration(raw.stall_timeout.as_ref(), "stall_timeout", LEAST, bounds.stall_timeout),
            total_timeout: self.duration(raw.body_timeout.as_ref(), "body_timeout", LEAST, bounds.total_timeout),
        }
    }

    /// The body's spans are counted in 32 bits, so a body has less than 4 GiB.
    fn body_size(&mut self, raw: &RawServer, default: usize) -> usize {
        let Some(written) = &raw.max_body else { return default };
        match text::size(&written.0).filter(|size| (1..=1 << 30).contains(size)) {
            Some(size) => size,
            None => {
                let message = format!("`server.max_body` cannot be `{}`, expected a size from 1B to 1GiB", written.0);
                self.findings.error(written.span(), message).hint("such as `512KiB` or `32MiB`");
                default
            }
        }
    }

    fn upload_size(&mut self, raw: &RawServer, default: u64) -> u64 {
        let Some(written) = &raw.max_upload else { return default };
        text::size(&written.0).filter(|size| *size > 0).map_or_else(
            || {
                let message = format!("`server.max_upload` cannot be `{}`, expected a size", written.0);
                self.findings.error(written.span(), message).hint("such as `512MiB` or `2GiB`");
                default
            },
            |size| size as u64,
        )
    }

    /// How often a caller is told that a silent upstream is waited for.
    pub(super) fn ping_interval(&mut self, raw: &RawServer) -> Duration {
        self.duration(raw.ping_interval.as_ref(), "ping_interval", LEAST, PING_INTERVAL)
    }

    /// For how long what is reserved for an answer made in the background waits for its usage.
    pub(super) fn background_hold(&mut self, raw: &RawServer) -> Duration {
        self.duration(raw.background_hold.as_ref(), "background_hold", LEAST, BACKGROUND_HOLD)
    }

    /// The origins whose pages may ask, as browsers name them.
    pub(super) fn cors(&mut self, raw: &RawServer) -> Vec<HeaderValue> {
        let mut origins = Vec::with_capacity(raw.cors.len());
        for written in &raw.cors {
            let uri = written.parse::<Uri>().ok().filter(|uri| uri.scheme().is_some() && uri.path() == "/");
            match uri.and_then(|_| HeaderValue::from_str(written.trim_end_matches('/')).ok()) {
                Some(origin) => origins.push(origin),
                None => {
                    let message = format!("`server.cors` holds `{}`, which is no origin", written.value());
                    self.findings
                        .error(written.span(), message)
                        .hint("scheme, host and port, such as `https://chat.example.com`; no path, and no `*`");
                }
            }
        }
        origins
    }

    pub(super) fn count(&mut self, written: Option<&Located<u32>>, key: &str, default: u32) -> u32 {
        match written {
            Some(zero) if **zero == 0 => {
                self.findings.error(zero.span(), format!("`{key}` cannot be `0`"));
                default
            }
            Some(count) => **count,
            None => default,
        }
    }

    fn address(&mut self, written: Option<&Located<String>>, key: &str, default: SocketAddr) -> SocketAddr {
        let Some(written) = written else { return default };
        written.parse().unwrap_or_else(|_| {
            let message = format!("`{key}` cannot be `{}`, expected an IP address and a port", written.value());
            self.findings.error(written.span(), message).hint(format!("such as `{default}`"));
            default
        })
    }
}
