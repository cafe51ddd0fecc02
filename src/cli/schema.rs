//! `weighbridge schema`: the JSON Schema of `routes.toml`, for editors.

use std::process::ExitCode;

use crate::config::schema;

/// What `schema` is called with.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Prints the schema.
pub fn run(_: &Args) -> ExitCode {
    match super::print_json(schema()) {
        Ok(()) => super::OK.into(),
        Err(_) => super::FAILED.into(),
    }
}
