//! `weighbridge connect`: a tool's settings for this proxy, printed or written, and one request to see that traffic
//! arrives.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::Zoned;

mod file;
mod merge;
mod probe;
mod settings;
mod target;
mod tool;

use file::{Outcome, Places};
use settings::Setup;
use target::{Key, Target};
use tool::Tool;

/// What `connect` is called with.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The tool that is to use this proxy.
    #[arg(value_enum)]
    tool: Tool,
    /// The proxy's address, as the tool reaches it [default: what the configuration listens on].
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The configuration, which names the address.
    #[arg(long, value_name = "FILE", default_value = "routes.toml")]
    config: PathBuf,
    /// The environment variable that holds the key.
    #[arg(long, value_name = "NAME", default_value = "WEIGHBRIDGE_API_KEY", value_parser = target::variable)]
    key_env: String,
    /// The key itself; it is then part of the settings.
    #[arg(long, value_name = "KEY", conflicts_with = "key_env")]
    key: Option<String>,
    /// The model that the tool asks for; `auto` leaves the choice to the rules.
    #[arg(long, default_value = "auto")]
    model: String,
    /// Write the settings into the tool's own file, and keep a copy of what was there.
    #[arg(long)]
    write: bool,
    /// Send no request.
    #[arg(long)]
    no_verify: bool,
}

/// Prints or writes the settings, then asks the proxy once, as the tool would.
pub fn run(args: &Args) -> ExitCode {
    let target = match target(args) {
        Ok(target) => target,
        Err(reason) => return super::cannot_run(&reason),
    };
    let setup = args.tool.setup(&target);
    let Some(places) = Places::of_this_process() else {
        return super::cannot_run(&"this process has no home folder: HOME is not set");
    };
    if args.write && setup.file.is_none() {
        return super::cannot_run(&format!(
            "{} has no file to write; leave out --write to see what to enter",
            setup.name
        ));
    }
    let mut out = io::stdout().lock();
    let told = if args.write { write(&setup, &places, &mut out) } else { print(&setup, &places, &mut out) };
    let mut code = match told {
        Ok(code) => code,
        Err(error) => return super::cannot_run(&error),
    };
    if !args.no_verify {
        code = match verify(&setup, &target, &mut out) {
            Ok(verified) => code.max(verified),
            Err(error) => return super::cannot_run(&error),
        };
    }
    code.into()
}

fn target(args: &Args) -> Result<Target, String> {
    let url = match &args.url {
        Some(url) => target::base_url(url)?,
        None => target::listening(&args.config)?,
    };
    let key = match &args.key {
        Some(key) => Key::Given(key.clone()),
        None => Key::Env(args.key_env.clone()),
    };
    Ok(Target { url, key, model: args.model.clone() })
}

fn print(setup: &Setup, places: &Places, out: &mut impl Write) -> io::Result<u8> {
    if let Some(file) = &setup.file {
        writeln!(out, "In {}:\n\n{}", places.resolve(file).display(), indented(&file.content.text()))?;
    }
    rest(setup, out)?;
    Ok(super::OK)
}

/// Writes the file, and says what is left to do by hand.
fn write(setup: &Setup, places: &Places, out: &mut impl Write) -> io::Result<u8> {
    let Some(file) = &setup.file else { return Ok(super::OK) };
    let path = places.resolve(file);
    let shown = path.display();
    let code = match file::write(&path, file, &Zoned::now())? {
        Outcome::Unchanged => {
            writeln!(out, "{shown} has these settings already.")?;
            super::OK
        }
        Outcome::Written { backup: None } => {
            writeln!(out, "Wrote {shown}.")?;
            super::OK
        }
        Outcome::Written { backup: Some(backup) } => {
            writeln!(out, "Wrote {shown}; what was there is in {}.", backup.display())?;
            super::OK
        }
        Outcome::Refused(reason) => {
            writeln!(out, "{shown} is as it was: {reason}.\nPut this into it:\n\n{}", indented(&file.content.text()))?;
            super::FOUND
        }
    };
    for clash in file::clashes(&path, file)? {
        writeln!(out, "Take `{clash}` out of {shown}: it would send another key.")?;
    }
    rest(setup, out)?;
    Ok(code)
}

/// What no file holds: lines for the shell, and advice.
fn rest(setup: &Setup, out: &mut impl Write) -> io::Result<()> {
    if !setup.exports.is_empty() {
        let lines: String = setup.exports.iter().map(|(name, value)| format!("export {name}={value}\n")).collect();
        writeln!(out, "In the shell's profile:\n\n{}", indented(&lines))?;
    }
    if !setup.fields.is_empty() {
        let width = setup.fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let lines: String = setup.fields.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect();
        writeln!(out, "{}:\n\n{}", setup.window, indented(&lines))?;
    }
    setup.notes.iter().try_for_each(|note| writeln!(out, "{note}"))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") }).collect()
}

fn verify(setup: &Setup, target: &Target, out: &mut impl Write) -> io::Result<u8> {
    out.flush()?;
    let secret = match &target.key {
        Key::Given(key) => Some(key.clone()),
        Key::Env(name) => std::env::var(name).ok().filter(|key| !key.is_empty()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(probe::ask(target, setup.dialect, secret.as_deref())) {
        Ok(arrived) => {
            writeln!(out, "Verified: {arrived}")?;
            if let (Key::Env(name), None) = (&target.key, secret) {
                writeln!(out, "This proxy asks for no key, but the tool wants one: set {name} to anything.")?;
            }
            Ok(super::OK)
        }
        Err(reason) => {
            writeln!(out, "Not verified: {reason}")?;
            Ok(super::FOUND)
        }
    }
}

/// Whether a path is there; what cannot be looked at is told as an error, not taken for absent.
fn exists(path: &Path) -> io::Result<bool> {
    path.try_exists()
}

#[cfg(test)]
mod tests;
