//! Feedback that an operator tells, and how experiments stand.

use bytes::Bytes;
use hyper::StatusCode;
use serde_json::json;

use super::reply::{Refusal, Reply, json};
use super::{AdminPort, Authorized};
use crate::domain::FailureKind;
use crate::feedback::draft::{Draft, MOST_BYTES};
use crate::proxy::Teller;
use crate::route::Halted;

/// The most ratings that are listed at once.
const MOST_LISTED: usize = 10_000;

impl AdminPort {
    /// Takes feedback on any request.
    pub(super) async fn tell_feedback(&self, who: &Authorized, body: &Bytes) -> Result<Reply, Refusal> {
        if body.len() > MOST_BYTES {
            return Err(Refusal::malformed(format!("feedback has at most {MOST_BYTES} bytes")));
        }
        let draft = Draft::read(body)?;
        let config = self.proxy.config.snapshot();
        let taken = self.proxy.take_feedback(&config, draft, Teller::Operator(&who.who)).await;
        let taken = taken.map_err(|failure| match failure.kind {
            FailureKind::NotHeld => Refusal::not_found(failure.message),
            FailureKind::Overloaded => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "store", failure.message),
            _ => failure.into(),
        })?;
        Ok(json(StatusCode::OK, &taken.json()))
    }

    /// What was said of requests of a time, the newest first.
    pub(super) async fn feedback(&self, query: Option<&str>) -> Result<Reply, Refusal> {
        let moment = |name| super::outcomes::moment(query.unwrap_or_default(), name);
        let (since, until) = (moment("since")?.unwrap_or(i64::MIN), moment("until")?.unwrap_or(i64::MAX));
        let told = self.proxy.desk.book.told(since, until).await?;
        let is_whole = told.len() <= MOST_LISTED;
        let newest: Vec<_> = told.into_iter().rev().take(MOST_LISTED).collect();
        Ok(json(StatusCode::OK, &json!({"feedback": newest, "is_whole": is_whole})))
    }

    /// How each experiment stands, as this replica sees it.
    pub(super) fn experiments(&self) -> Reply {
        let config = self.proxy.config.snapshot();
        let halted: Halted = (**self.proxy.halted.load()).clone();
        let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
        let moment = |millis: u64| jiff::Timestamp::from_millisecond(i64::try_from(millis).unwrap_or(i64::MAX)).ok();
        let all = config.rules.experiments().map(|(rule, experiment)| {
            let over = experiment.over(now, &halted);
            let arms = experiment
                .arms()
                .iter()
                .map(|arm| json!({"arm": arm.name, "to": arm.destination.name(), "weight": arm.weight}));
            json!({
                "name": experiment.name(),
                "rule": rule.name,
                "state": over.map_or("running", crate::domain::Over::as_str),
                "from": moment(experiment.from_millis).map(|at| at.to_string()),
                "until": moment(experiment.until_millis).map(|at| at.to_string()),
                "control": experiment.control().name,
                "arms": arms.collect::<Vec<_>>(),
                "max_extra_usd": experiment.max_extra,
            })
        });
        json(StatusCode::OK, &json!({"experiments": all.collect::<Vec<_>>()}))
    }
}
