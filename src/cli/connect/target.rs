//! What a tool is to be pointed at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use hyper::Uri;

/// The proxy, as a tool reaches it.
pub struct Target {
    /// Its address, without `/v1` and without a slash at the end.
    pub url: String,
    /// The key that lets the tool in.
    pub key: Key,
    /// The model that is asked for.
    pub model: String,
}

/// Where the key comes from.
pub enum Key {
    /// The environment variable of this name. Its value is never printed or written.
    Env(String),
    /// The command line.
    Given(String),
}

impl Key {
    /// Whether the key itself becomes part of the settings.
    pub fn is_given(&self) -> bool {
        matches!(self, Key::Given(_))
    }
}

impl Target {
    /// The address with which OpenAI's clients begin their paths.
    pub fn v1(&self) -> String {
        format!("{}/v1", self.url)
    }
}

/// The address out of what somebody typed: a trailing slash and `/v1` are not part of it.
///
/// # Errors
/// If it is not one.
pub fn base_url(text: &str) -> Result<String, String> {
    let mut rest = text.trim().trim_end_matches('/');
    while let Some(shorter) = rest.strip_suffix("/v1") {
        rest = shorter.trim_end_matches('/');
    }
    let is_address = rest.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.query().is_none()
    });
    if is_address {
        Ok(rest.to_owned())
    } else {
        Err(format!("`{text}` is not an address such as http://127.0.0.1:8787"))
    }
}

/// The address that a configuration listens on.
///
/// # Errors
/// If the file is not good, or leaves the port to the system.
pub fn listening(config: &Path) -> Result<String, String> {
    let config = super::super::check::load(config).map_err(|problems| {
        format!("{problems}\nThe address comes from {}: repair it, or name the address with --url.", config.display())
    })?;
    address(config.listen.data)
}

fn address(listen: SocketAddr) -> Result<String, String> {
    if listen.port() == 0 {
        return Err("the configuration leaves the port to the system: name the address with --url".to_owned());
    }
    // Who listens on every interface is reached on this machine's own.
    let host = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    Ok(format!("http://{}", SocketAddr::new(host, listen.port())))
}

/// The name of an environment variable. It stands in shell lines and settings, so it is held to what a shell takes.
///
/// # Errors
/// If it is not one.
pub fn variable(text: &str) -> Result<String, String> {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts_well && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(text.to_owned());
    }
    Err("the name of a variable is letters, digits and `_`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_with_and_without_v1() {
        for text in ["http://proxy:8787", "http://proxy:8787/", "http://proxy:8787/v1", "http://proxy:8787/v1/v1/"] {
            assert_eq!(base_url(text).as_deref(), Ok("http://proxy:8787"), "{text}");
        }
        assert_eq!(base_url("https://llm.example.com/proxy/v1").as_deref(), Ok("https://llm.example.com/proxy"));
        for text in ["", "proxy:8787", "ftp://proxy", "http://", "http://proxy/v1?x=1"] {
            assert!(base_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_of_every_interface_is_reached_on_loopback() {
        let check = |listen: &str, expected| {
            let listen = listen.parse().expect("an address");
            assert_eq!(address(listen).as_deref().ok(), expected, "{listen}");
        };
        check("127.0.0.1:8787", Some("http://127.0.0.1:8787"));
        check("0.0.0.0:8787", Some("http://127.0.0.1:8787"));
        check("[::]:8787", Some("http://[::1]:8787"));
        check("10.0.0.7:80", Some("http://10.0.0.7:80"));
        check("127.0.0.1:0", None);
    }

    #[test]
    fn a_variable_is_a_name_and_nothing_for_the_shell_to_run() {
        for text in ["", "1KEY", "KEY$(id)", "A B", "A;B"] {
            assert!(variable(text).is_err(), "{text}");
        }
        assert_eq!(variable("TEAM_KEY_2").as_deref(), Ok("TEAM_KEY_2"));
    }
}
