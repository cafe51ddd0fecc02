//! What the tests of this room decide on.

use std::sync::Arc;

use super::{
    Abilities, Action, Balance, Ceilings, Condition, Conditional, Destination, Member, Pattern, Rule, Rules, Target,
    Tier, When,
};
use crate::domain::{
    App, Ceiling, ContentSet, Conversation, Dialect, Difficulty, Door, EndpointName, Facts, HeaderFacts, Kind,
    OutputFormat, Price, Rates, Risk, RuleName, TagSet, TierName, TokenCount, TurnKind,
};

/// A plain request for `auto`.
pub fn facts() -> Facts {
    Facts {
        at_millis: 1_795_305_600_000,
        dialect: Dialect::OpenaiChat,
        door: Door::Chat,
        requested_model: "auto".to_owned(),
        requested_tier: None,
        key: None,
        engineer: None,
        team: None,
        feature: None,
        app: App::OTHER,
        tokens: TokenCount::exact(100),
        max_output: Some(50),
        answers: 1,
        dear_tier: false,
        tags: TagSet::EMPTY,
        risk: Risk::Low,
        confidence: Default::default(),
        kind: Kind::Other,
        content: ContentSet::EMPTY,
        difficulty: Difficulty::of(0.3),
        tools: 0,
        images: 0,
        audio: false,
        output: OutputFormat::Text,
        stream: false,
        turn: TurnKind::Human,
        conversation: Conversation::New,
        budget_used: None,
        headers: HeaderFacts::new(),
        ..Facts::default()
    }
}

/// An endpoint with a window of `window` tokens that costs `rate` pico-dollars a token, both ways.
pub fn target(name: &str, window: u64, rate: u64) -> Target {
    let rates = Rates { input: rate, cache_read: rate, cache_write: rate, output: rate };
    Target {
        name: EndpointName::parse(name).expect("a name"),
        model: format!("{name}-model").into(),
        dialect: Dialect::OpenaiChat,
        context_window: Some(window),
        max_output: Some(200),
        abilities: Abilities::default(),
        serves: [Door::Chat, Door::Responses, Door::Messages, Door::CountTokens].into(),
        price: Price::Fixed(rates),
        flat_rates: Some(rates),
        ceilings: Some(Ceilings { usual: Ceiling::flat(rate, rate), any_tier: Ceiling::flat(2 * rate, 2 * rate) }),
    }
}

/// A tier of these endpoints, with the weights 1, 2, 3 …
pub fn tier(name: &str, targets: &[&Arc<Target>], balance: Balance, escalate: Option<&Arc<Tier>>) -> Arc<Tier> {
    let members = targets.iter().zip(1..).map(|(target, weight)| Member { target: Arc::clone(target), weight });
    let name = TierName::parse(name).expect("a name");
    Arc::new(Tier::new(name, members.collect(), balance, escalate.cloned()).expect("a tier"))
}

/// A rule without dates.
pub fn rule(name: &str, action: Action) -> Rule {
    Rule {
        name: RuleName::parse(name).expect("a name"),
        action,
        why: format!("why {name}").into(),
        owner: "platform".into(),
        review_by_millis: None,
        expires: None,
        human_review: false,
    }
}

/// A rule that routes to a tier where a condition holds.
pub fn when(condition: Condition, name: &str, tier: &Arc<Tier>) -> Conditional {
    Conditional { when: When(vec![condition]), until_millis: None, rule: rule(name, to(tier)) }
}

/// Routes to a tier.
pub fn to(tier: &Arc<Tier>) -> Action {
    Action::Route(Destination::Tier(Arc::clone(tier)))
}

/// `cheap` (`small` of 1,000 tokens at 10 and `mid` of 2,000 at 20) escalates to `large` (`big` of 10,000 at 100).
pub struct House {
    /// The endpoints by name: small, mid, big.
    pub endpoints: Vec<Arc<Target>>,
    /// The cheap tier.
    pub cheap: Arc<Tier>,
    /// The large tier.
    pub large: Arc<Tier>,
}

impl House {
    /// With this balance in the cheap tier.
    pub fn new(balance: Balance) -> Self {
        let endpoints: Vec<Arc<Target>> =
            [target("small", 1000, 10), target("mid", 2000, 20), target("big", 10_000, 100)].map(Arc::new).into();
        let large = tier("large", &[&endpoints[2]], Balance::First, None);
        let cheap = tier("cheap", &[&endpoints[0], &endpoints[1]], balance, Some(&large));
        Self { endpoints, cheap, large }
    }

    /// These rules, and a last one named `last`.
    pub fn rules(&self, conditional: Vec<Conditional>, last: Action) -> Rules {
        let routed = ["auto", "gpt-*"].into_iter().filter_map(Pattern::parse).collect();
        let tiers = vec![self.cheap.clone(), self.large.clone()];
        Rules::new(routed, self.endpoints.clone(), tiers, conditional, rule("last", last))
    }
}
