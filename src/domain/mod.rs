//! The words everyone shares: ids, callers, prompts, assessments, facts, decisions, usage, money, failures.
//!
//! No I/O, no clock, no async: a moment in time is always an argument. Every room may use this one; it uses none.

mod assessment;
mod caller;
mod decision;
mod facts;
mod failure;
mod id;
mod money;
mod name;
mod price;
mod prompt;
mod secret;
mod usage;

pub use assessment::{Assessment, Content, ContentSet, Evidence, Kind, Risk, Signal, Tag, TagSet, TokenCount};
pub use caller::{App, Caller, Label};
pub use decision::{Candidate, Decision, Gate, GatedOut, Outcome, Reason};
pub use facts::{Conversation, Facts, HeaderFacts, TurnKind};
pub use failure::{Failure, FailureKind, Fault};
pub use id::{RequestId, RulesVersion};
pub use money::Pico;
pub use name::{EndpointName, KeyName, NameError, RuleName, TierName};
pub use price::{CataloguePrice, Price, Rates};
pub use prompt::{Dialect, Image, ImageDetail, ImageSource, OutputFormat, Piece, Prompt, Role, Span, Text, Turn};
pub use secret::Secret;
pub use usage::{Usage, UsageSource};
