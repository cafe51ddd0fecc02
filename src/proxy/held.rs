//! What binds a request to the endpoint that answered before: a response that the provider keeps, and reasoning that only
//! the model which wrote it can read.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::{Caller, Dialect, Door, EndpointName, Failure, FailureKind, Mark, Prompt};
use crate::forward::Endpoint;
use crate::recall::{Holder, Recall};
use crate::shared::{Shared, Told};

/// Of how many marks other replicas are asked for one request: the newest reasoning matters.
const MOST_ASKED: usize = 64;

/// What a request may go on from: what it names, and reasoning in it.
pub(super) fn marks(prompt: &Prompt, caller: &Caller) -> Vec<Mark> {
    let all = prompt.pins.iter().copied().chain(prompt.signed.iter().rev().map(|signed| signed.mark));
    all.map(|mark| caller.own(mark)).collect()
}

/// Asks the other replicas for what is not known here. What they cannot be asked is not known.
pub(super) async fn ask_others(shared: Option<&Shared>, recall: &Recall, mut marks: Vec<Mark>) {
    marks.retain(|mark| recall.holder(*mark).is_none());
    let Some(shared) = shared.filter(|_| !marks.is_empty()) else { return };
    marks.truncate(MOST_ASKED);
    let Ok(found) = shared.recalled.ask(&marks).await else { return };
    for (mark, told) in marks.iter().zip(found) {
        if let Some(Told { endpoint, key, is_open }) = told {
            recall.learn(&[*mark], &Holder { endpoint, key, is_open });
        }
    }
}

type Endpoints = HashMap<EndpointName, Arc<Endpoint>>;

/// The endpoint that this request must go to, if there is one.
///
/// # Errors
/// `NotHeld` if what it goes on from is not known here, or was given to another caller.
pub(super) fn by(
    recall: &Recall,
    endpoints: &Endpoints,
    prompt: &Prompt,
    caller: &Caller,
) -> Result<Option<EndpointName>, Failure> {
    let mut held_by = None;
    for pin in &prompt.pins {
        let found = holder(recall, *pin, caller).or_else(|| only_one(recall, endpoints, *pin, caller));
        held_by = Some(found.ok_or_else(|| {
            let message = "the earlier response or conversation that this request goes on from is not known here: send \
                           the whole conversation instead";
            Failure::new(FailureKind::NotHeld, message).with_param("previous_response_id")
        })?);
    }
    if held_by.is_some() {
        return Ok(held_by);
    }
    let needed = prompt.signed.iter().rev().filter(|signed| signed.needed);
    Ok(needed.filter_map(|signed| holder(recall, signed.mark, caller)).find(|name| endpoints.contains_key(name)))
}

/// Who holds what was given to this caller under an id.
pub(super) fn of_id(recall: &Recall, id: &str, caller: &Caller) -> Result<Holder, Failure> {
    let known = recall.holder(caller.own(Mark::of(id))).filter(|holder| holder.key == caller.key);
    known.ok_or_else(|| {
        Failure::new(FailureKind::NotHeld, "no response of that id is known here, or it was given to another caller")
    })
}

/// The signed reasoning of the conversation that this endpoint's model cannot read. What nobody here remembers is taken
/// for its own.
pub(super) fn foreign(
    recall: &Recall,
    endpoints: &Endpoints,
    (prompt, caller): (&Prompt, &Caller),
    endpoint: &Endpoint,
) -> Vec<Mark> {
    let reads = |holder: &Holder| {
        let is_same_model = || endpoints.get(&holder.endpoint).is_some_and(|other| other.model == endpoint.model);
        // Anthropic's signatures hold for a model, OpenAI's encryption for an account.
        holder.endpoint == endpoint.name || endpoint.dialect == Dialect::AnthropicMessages && is_same_model()
    };
    let is_foreign = |mark: &Mark| recall.holder(caller.own(*mark)).is_some_and(|holder| !reads(&holder));
    prompt.signed.iter().map(|signed| signed.mark).filter(is_foreign).collect()
}

fn holder(recall: &Recall, mark: Mark, caller: &Caller) -> Option<EndpointName> {
    recall.holder(caller.own(mark)).filter(|holder| holder.key == caller.key).map(|holder| holder.endpoint)
}

/// The one endpoint that can hold what nobody remembers, of a conversation that began elsewhere or long ago; not where
/// callers have keys, for it may have been given to another.
fn only_one(recall: &Recall, endpoints: &Endpoints, mark: Mark, caller: &Caller) -> Option<EndpointName> {
    let holds = |endpoint: &&Arc<Endpoint>| {
        endpoint.dialect == Dialect::OpenaiResponses && endpoint.serves.contains(&Door::Responses)
    };
    let mut all = endpoints.values().filter(holds);
    let is_unknown = caller.key.is_none() && recall.holder(mark).is_none();
    let only = all.next().filter(|_| is_unknown && all.next().is_none());
    only.map(|endpoint| endpoint.name.clone())
}
