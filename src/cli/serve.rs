//! `weighbridge serve`: runs the proxy.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use crate::app::{App, AppError};
use crate::config::{self, Strictness};
use crate::observe::{LogFormat, init_log};

/// What `serve` is called with.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The configuration.
    #[arg(long, default_value = "routes.toml")]
    config: PathBuf,
    /// Threads that serve requests [default: one a processor].
    #[arg(long)]
    threads: Option<std::num::NonZeroUsize>,
}

/// Runs the proxy until it is told to end.
pub fn run(args: &Args) -> ExitCode {
    let env = |name: &str| std::env::var(name).ok();
    let config = match config::load(&args.config, SystemTime::now(), &env, Strictness::Serve) {
        Ok(config) => config,
        Err(problems) => {
            init_log(LogFormat::Auto, "info");
            tracing::error!("{} cannot be served:\n{problems}", args.config.display());
            return super::FAILED.into();
        }
    };
    init_log(config.log.format, &config.log.level);
    config.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = args.threads {
        runtime.worker_threads(threads.get());
    }
    let ran = runtime
        .enable_all()
        .build()
        .map_err(AppError::Signals)
        .and_then(|runtime| runtime.block_on(async { App::start(&args.config, config).await?.run().await }));
    match ran {
        Ok(()) => super::OK.into(),
        Err(error) => {
            tracing::error!("{error}");
            super::FAILED.into()
        }
    }
}
