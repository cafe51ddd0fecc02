//! Endpoints, tiers and rules as deciding sees them. They hold each other directly, so nothing can be undefined, a tier
//! cannot escalate in a circle, and there always is a last rule that takes every request.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::condition::{Condition, Name, Range, When};
use super::pattern::Pattern;
use super::stay::Policy;
use crate::domain::{Ceiling, Dialect, Door, EndpointName, Price, Rates, RuleName, TierName};

/// What deciding needs to know of an endpoint.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name.
    pub name: EndpointName,
    /// The model it is asked for.
    pub model: Arc<str>,
    /// The wire format it speaks, which tells how its provider keeps prompts.
    pub dialect: Dialect,
    /// Tokens of prompt and answer that it holds; `None`: not known, so no gate.
    pub context_window: Option<u64>,
    /// The most tokens it answers with; `None`: not known.
    pub max_output: Option<u64>,
    /// What it can do.
    pub abilities: Abilities,
    /// What may be asked of it.
    pub serves: Arc<[Door]>,
    /// What its tokens cost.
    pub price: Price,
    /// The same as plain rates, if it depends on neither the length nor the time of a request: quicker to ask.
    pub flat_rates: Option<Rates>,
    /// What its tokens cost at most; `None`: nobody knows.
    pub ceilings: Option<Ceilings>,
}

/// What an endpoint's tokens cost at most. Where the endpoint is unpriced, the dearest model of its provider counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ceilings {
    /// For requests that name no dear service tier.
    pub usual: Ceiling,
    /// For those that do.
    pub any_tier: Ceiling,
}

/// What an endpoint can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Abilities {
    /// Look at images.
    pub images: bool,
    /// Listen to sound.
    pub audio: bool,
    /// Call tools.
    pub tools: bool,
    /// Answer to a JSON schema.
    pub json_schema: bool,
}

impl Default for Abilities {
    fn default() -> Self {
        Self { images: true, audio: false, tools: true, json_schema: true }
    }
}

/// Which of a tier's endpoints is tried first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Balance {
    /// The order of the file.
    #[default]
    First,
    /// Each in its turn.
    RoundRobin,
    /// By chance, in proportion to the weights.
    Weighted,
    /// The one that lately sent its first byte soonest; one without a measurement goes first, to get one.
    LeastLatency,
    /// The one on which this request likely costs least; unpriced ones last.
    LeastCost,
}

/// An endpoint as part of a tier.
#[derive(Clone, Debug)]
pub struct Member {
    /// The endpoint.
    pub target: Arc<Target>,
    /// Its share under [`Balance::Weighted`].
    pub weight: u32,
}

/// A named, ordered group of endpoints; it has at least one.
#[derive(Clone, Debug)]
pub struct Tier {
    name: TierName,
    members: Vec<Member>,
    balance: Balance,
    escalate: Option<Arc<Tier>>,
}

impl Tier {
    /// A tier, or `None` if it has no endpoints, or all of its weights are 0 where they count.
    pub fn new(name: TierName, members: Vec<Member>, balance: Balance, escalate: Option<Arc<Tier>>) -> Option<Self> {
        let weightless = balance == Balance::Weighted && members.iter().all(|member| member.weight == 0);
        (!members.is_empty() && !weightless).then_some(Self { name, members, balance, escalate })
    }

    /// Its name.
    pub fn name(&self) -> &TierName {
        &self.name
    }

    /// Its endpoints, in the order of the file.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Which is tried first.
    pub fn balance(&self) -> Balance {
        self.balance
    }

    /// The tier that takes what this one cannot.
    pub fn escalate(&self) -> Option<&Arc<Tier>> {
        self.escalate.as_ref()
    }
}

/// Where a rule sends requests.
#[derive(Clone, Debug)]
pub enum Destination {
    /// To a tier.
    Tier(Arc<Tier>),
    /// To one endpoint and no other.
    Endpoint(Arc<Target>),
}

impl Destination {
    /// The tier's or the endpoint's name.
    pub fn name(&self) -> &str {
        match self {
            Destination::Tier(tier) => tier.name().as_str(),
            Destination::Endpoint(target) => target.name.as_str(),
        }
    }
}

/// Shares of the traffic; they sum to more than 0.
#[derive(Clone, Debug)]
pub struct Split {
    arms: Vec<(Destination, u32)>,
    total: u64,
}

impl Split {
    /// These shares, or `None` if they sum to 0.
    pub fn new(arms: Vec<(Destination, u32)>) -> Option<Self> {
        let total: u64 = arms.iter().map(|(_, weight)| u64::from(*weight)).sum();
        (total > 0).then_some(Self { arms, total })
    }

    /// The arms and their weights.
    pub fn arms(&self) -> &[(Destination, u32)] {
        &self.arms
    }

    /// The arm that `draw`, a random number, falls into.
    pub(super) fn pick(&self, draw: u64) -> &Destination {
        let mut left = draw % self.total;
        for (destination, weight) in &self.arms {
            match left.checked_sub(u64::from(*weight)) {
                Some(rest) => left = rest,
                None => return destination,
            }
        }
        unreachable!("the draw is below the sum of the weights")
    }
}

/// What a rule does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Send the request there.
    Route(Destination),
    /// Send shares of the requests to different places.
    Split(Split),
    /// Refuse, with these words.
    Deny(Arc<str>),
}

/// From `at_millis` on (milliseconds since 1970 UTC), requests go to `fallback` instead.
#[derive(Clone, Debug)]
pub struct Expiry {
    /// From when.
    pub at_millis: u64,
    /// Where instead.
    pub fallback: Arc<Tier>,
}

/// What happens to the requests of a rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name.
    pub name: RuleName,
    /// What it does.
    pub action: Action,
    /// The reason, in its owner's words.
    pub why: Arc<str>,
    /// Who answers for it.
    pub owner: Arc<str>,
    /// When somebody is to have looked at it (milliseconds since 1970 UTC); `None`: never.
    pub review_by_millis: Option<u64>,
    /// When it gives way to its fallback; `None`: never.
    pub expires: Option<Expiry>,
    /// Whether a human is to look at the answer before it is used.
    pub human_review: bool,
}

/// A rule that takes only some requests.
#[derive(Clone, Debug)]
pub struct Conditional {
    /// Which requests.
    pub when: When,
    /// From this moment on (milliseconds since 1970 UTC) it takes none; `None`: it always counts.
    pub until_millis: Option<u64>,
    /// What happens to them.
    pub rule: Rule,
}

/// What a client may name as the model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Served {
    /// The rules decide.
    Routed,
    /// This tier.
    Tier,
    /// This endpoint.
    Endpoint,
}

/// Everything that decides where requests go.
#[derive(Clone, Debug)]
pub struct Rules {
    routed: Vec<Pattern>,
    endpoints: Vec<Arc<Target>>,
    tiers: Vec<Arc<Tier>>,
    conditional: Vec<Conditional>,
    last: Rule,
    headers: BTreeSet<Arc<str>>,
    thresholds: Vec<Threshold>,
    staying: Policy,
}

/// A bound that decides something: whether prompt tokens and the room for output reach `tokens`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Threshold {
    pub(super) tokens: u64,
    pub(super) room: Room,
}

/// Which output counts beside the prompt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Room {
    /// None.
    Nothing,
    /// That of one answer: each has the context window for itself.
    OneAnswer,
    /// That of all answers.
    AllAnswers,
}

impl Rules {
    /// Rules for requests that name one of the `routed` models: the first of `conditional` that holds decides, or else
    /// `last`. Endpoints and tiers are what clients may name instead.
    pub fn new(
        routed: Vec<Pattern>,
        endpoints: Vec<Arc<Target>>,
        tiers: Vec<Arc<Tier>>,
        conditional: Vec<Conditional>,
        last: Rule,
    ) -> Self {
        let mut asked = Asked::default();
        conditional.iter().for_each(|conditional| asked.by(&conditional.when));
        let windows = endpoints.iter().filter_map(|target| target.context_window);
        asked
            .thresholds
            .extend(windows.map(|window| Threshold { tokens: window.saturating_add(1), room: Room::OneAnswer }));
        asked.thresholds.sort_unstable();
        asked.thresholds.dedup();
        Self {
            routed,
            endpoints,
            tiers,
            conditional,
            last,
            headers: asked.headers,
            thresholds: asked.thresholds,
            staying: Policy::default(),
        }
    }

    /// The same, by which conversations keep their place as this says.
    #[must_use]
    pub fn with_policy(self, staying: Policy) -> Self {
        Self { staying, ..self }
    }

    /// How conversations keep their place.
    pub fn policy(&self) -> &Policy {
        &self.staying
    }

    /// The rules that have conditions, in the order in which they are asked.
    pub fn conditional(&self) -> &[Conditional] {
        &self.conditional
    }

    /// The rule for all other requests.
    pub fn last(&self) -> &Rule {
        &self.last
    }

    /// Rules whose day of review is over.
    pub fn overdue(&self, at_millis: u64) -> impl Iterator<Item = &Rule> {
        let all = self.conditional.iter().map(|one| &one.rule).chain([&self.last]);
        all.filter(move |rule| rule.review_by_millis.is_some_and(|by| by <= at_millis))
    }

    /// Rules that have expired: their fallback counts, or they are skipped.
    pub fn expired(&self, at_millis: u64) -> impl Iterator<Item = &Rule> {
        let all = self.conditional.iter().map(|one| (&one.rule, one.until_millis)).chain([(&self.last, None)]);
        let is_over = move |rule: &Rule, until: Option<u64>| {
            let fallback = rule.expires.as_ref().map(|expiry| expiry.at_millis);
            fallback.or(until).is_some_and(|at| at <= at_millis)
        };
        all.filter(move |(rule, until)| is_over(rule, *until)).map(|(rule, _)| rule)
    }

    /// The tiers, in the order of their names.
    pub fn tiers(&self) -> &[Arc<Tier>] {
        &self.tiers
    }

    /// The endpoints, in the order of their names.
    pub fn endpoints(&self) -> &[Arc<Target>] {
        &self.endpoints
    }

    /// The tier of this name.
    pub fn tier(&self, name: &str) -> Option<&Arc<Tier>> {
        self.tiers.iter().find(|tier| tier.name().as_str() == name)
    }

    /// The rule of this name.
    pub fn rule(&self, name: &RuleName) -> Option<&Rule> {
        let mut all = self.conditional.iter().map(|conditional| &conditional.rule).chain([&self.last]);
        all.find(|rule| rule.name == *name)
    }

    /// The endpoint of this name.
    pub fn endpoint(&self, name: &str) -> Option<&Arc<Target>> {
        self.endpoints.iter().find(|target| target.name.as_str() == name)
    }

    /// Whether requests for this model are routed by the rules.
    pub fn routes(&self, model: &str) -> bool {
        self.routed.iter().any(|pattern| pattern.matches(model))
    }

    /// What `model` means where the rules do not route it: a tier, an endpoint, or the first endpoint with that model.
    pub fn named(&self, model: &str) -> Option<Destination> {
        let tier = self.tier(model).map(|tier| Destination::Tier(tier.clone()));
        let endpoint = || self.endpoint(model).or_else(|| self.endpoints.iter().find(|target| *target.model == *model));
        tier.or_else(|| endpoint().map(|target| Destination::Endpoint(target.clone())))
    }

    /// What a client may name as the model, for its list of models. Names with a star are left out: they are no names.
    pub fn models(&self) -> Vec<(Arc<str>, Served)> {
        let routed = self.routed.iter().filter_map(Pattern::exact).map(|name| (name.into(), Served::Routed));
        let tiers = self.tiers.iter().map(|tier| (tier.name().as_str().into(), Served::Tier));
        let endpoints = self.endpoints.iter().map(|target| (target.name.as_str().into(), Served::Endpoint));
        let mut models: Vec<(Arc<str>, Served)> = Vec::new();
        for (name, what) in routed.chain(tiers).chain(endpoints) {
            if !models.iter().any(|(known, _)| *known == name) {
                models.push((name, what));
            }
        }
        models
    }

    /// The lower-case names of the headers that rules ask for.
    pub fn header_names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.headers.iter()
    }

    pub(super) fn thresholds(&self) -> &[Threshold] {
        &self.thresholds
    }
}

/// What the conditions ask for, gathered once.
#[derive(Default)]
struct Asked {
    headers: BTreeSet<Arc<str>>,
    thresholds: Vec<Threshold>,
}

impl Asked {
    fn by(&mut self, when: &When) {
        for condition in &when.0 {
            match condition {
                Condition::Tokens(range) => self.range(*range, Room::Nothing),
                Condition::Context(range) => self.range(*range, Room::AllAnswers),
                Condition::Named(Name::Header(name), _) | Condition::Present(Name::Header(name), _) => {
                    self.headers.insert(name.clone());
                }
                Condition::Any(whens) | Condition::All(whens) => whens.iter().for_each(|when| self.by(when)),
                Condition::Not(when) => self.by(when),
                _ => {}
            }
        }
    }

    fn range(&mut self, range: Range, room: Room) {
        let bounds = [(range.min > 0).then_some(range.min), range.max.checked_add(1)];
        self.thresholds.extend(bounds.into_iter().flatten().map(|tokens| Threshold { tokens, room }));
    }
}

/// The tiers that an endpoint is part of.
pub(super) fn tiers_of<'r>(rules: &'r Rules, endpoint: &'r EndpointName) -> impl Iterator<Item = &'r TierName> {
    let holds = move |tier: &&Arc<Tier>| tier.members().iter().any(|member| member.target.name == *endpoint);
    rules.tiers.iter().filter(holds).map(|tier| tier.name())
}
