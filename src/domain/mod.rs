//! The words everyone shares: ids, callers, prompts, assessments, facts, decisions, usage, money, failures.
//!
//! No I/O, no clock, no async: a moment in time is always an argument. Every room may use this one; it uses none.

mod assessment;
mod caller;
mod catalogue;
mod ceiling;
mod decimal;
mod decision;
mod dialect;
mod difficulty;
mod facts;
mod failure;
mod id;
mod mark;
mod money;
mod name;
mod price;
mod prompt;
mod said;
mod scope;
mod secret;
mod standing;
mod steps;
mod tag_set;
mod text;
mod trial;
mod unit_price;
mod usage;
mod weighed;

pub use assessment::{Assessment, Confidence, Content, ContentSet, Evidence, Kind, Risk, Signal, Tag, TokenCount};
pub use caller::{App, Caller, Label};
pub use catalogue::{Catalogue, CatalogueError, CataloguePrice, Listed, Listing};
pub use ceiling::{Ceiling, Step};
pub use decision::{Candidate, Decision, Gate, GatedOut, Outcome, Reason};
pub use dialect::{Dialect, Door};
pub use difficulty::Difficulty;
pub use facts::{Conversation, Facts, HeaderFacts, TurnKind};
pub use failure::{BudgetRefusal, Failure, FailureKind, Fault};
pub use id::{RequestId, RulesVersion};
pub use mark::Mark;
pub use money::Pico;
pub use name::{
    ArmName, BudgetName, EndpointName, ExperimentName, IssuerName, KeyName, LimitName, NameError, OwnTag, RuleName,
    TierName,
};
pub use price::{Price, Rates, Temporary};
pub use prompt::{Call, Image, ImageDetail, ImageSource, OutputFormat, Piece, Prompt, Role, Signed, Span, Text, Turn};
pub use said::{Called, Check, Demand, Finish, ReadSchema, ReadTools, Said, Saying, Tool, Tools, Verdict};
pub use scope::{Dimension, Scope};
pub use secret::{Digest, Secret, digest, from_hex, hex};
pub use standing::{CacheLife, Session, Standing};
pub use steps::Repeated;
pub use tag_set::{AnyTag, TagSet};
pub use trial::{Guard, Metric, Over};
pub use unit_price::{Discount, UnitPrice};
pub use usage::{Usage, UsageSource, UsageUpdate};
pub use weighed::{Bill, Moving, Staying, Weighed};
