//! Weighbridge: an LLM request routing proxy.
//!
//! Each request is assessed, routed by the rules of `routes.toml`, forwarded, metered and recorded. `ARCHITECTURE.md`
//! has the map; the story of one request is `proxy::answer`.

pub mod admin;
pub mod admit;
pub mod app;
pub mod assess;
pub mod budget;
pub mod cli;
pub mod config;
pub mod dialect;
pub mod domain;
pub mod experiments;
pub mod feedback;
pub mod forward;
pub mod listen;
pub mod meter;
pub mod observe;
pub mod proxy;
pub mod read;
pub mod recall;
pub mod record;
pub mod registry;
pub mod replay;
pub mod route;
pub mod sessions;
pub mod shared;
pub mod store;
pub mod value;
pub mod verify;
