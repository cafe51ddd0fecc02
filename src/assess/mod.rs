//! What is known of a prompt before it is sent: its size, the risks it touches, the sort of work, what it carries.
//!
//! Everything is weighed by plain evidence, and the evidence is kept as places, never as text, so that an operator can
//! see why a prompt went where it went. The human's own words decide: agents wrap a one-line wish in thousands of tokens
//! of instructions and tool output that are full of alarming words. Nothing here knows models, rules or prices.

mod content;
pub mod difficulty;
mod finder;
mod kind;
mod language;
mod level;
mod lexicon;
mod own_words;
mod phrases;
mod prose;
mod risk;
mod settings;
pub mod tokens;

#[cfg(test)]
mod sample;

use std::borrow::Cow;
use std::ops::Range;

pub use self::level::{Features, names as feature_names};
pub use self::settings::{Dial, PhraseError, Settings, TagSettings};

use self::level::Model;
use self::lexicon::{Hit, Lexicon};
use self::own_words::own_words;
use self::prose::Prose;
use self::risk::{Heard, Scales};
use crate::domain::{Assessment, Confidence, Difficulty, Evidence, Kind, OwnTag, Prompt, Risk, Role, TagSet};

/// How much of a long human turn is searched for phrases, at each end.
const LOOK: usize = 2048;
/// How many pieces of evidence are kept.
const EVIDENCE_AT_MOST: usize = 32;
/// How much the human turns count, from the last one back; older ones are not looked at.
const SHARES: [f32; 3] = [1.0, 0.55, 0.25];

/// A last human turn shorter than this ("yes, go on") says nothing alone about how difficult the work is.
const TERSE: usize = 80;

/// Assesses prompts. Made once and shared.
pub struct Assessor {
    lexicon: Lexicon,
    model: Model,
    content: content::Detector,
    own_tags: Vec<OwnTag>,
    settings: Settings,
}

impl Default for Assessor {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

impl std::fmt::Debug for Assessor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Assessor").field(&self.settings).finish()
    }
}

/// What was weighed of a prompt, before the dial says what to call it.
struct Weighed<'a> {
    scales: Scales<'a>,
    kind: Kind,
    of_kind: Vec<Evidence>,
    /// Whether there was anything to judge by.
    judgeable: bool,
}

impl Assessor {
    /// Prepares the searches, which takes some milliseconds.
    pub fn new(settings: Settings) -> Self {
        let (lexicon, own_tags) = (Lexicon::new(&settings.phrases()), settings.own_tags());
        Self { lexicon, model: Model::embedded(), content: content::Detector::new(), own_tags, settings }
    }

    /// What the configuration says of it.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The position of the dial that the settings say.
    pub fn dial(&self) -> Dial {
        self.settings.dial
    }

    /// What is known of a prompt. Takes time linear in its length.
    pub fn assess(&self, prompt: &Prompt) -> Assessment {
        self.assess_at(prompt, self.settings.dial)
    }

    /// The same at another position of the dial.
    pub fn assess_at(&self, prompt: &Prompt, dial: Dial) -> Assessment {
        let texts = human_texts(prompt);
        let weighed = self.weigh(&texts);
        let tags = weighed.scales.tags(dial);
        let (risk, confidence) = self.level(&weighed, &tags, dial);
        let mut evidence = weighed.scales.evidence;
        evidence.extend(weighed.of_kind);
        let (content, found) = self.content.find(texts.iter().map(|(turn, text)| (*turn, text.as_ref())));
        evidence.extend(found);
        evidence.sort_by(|one, other| other.weight.abs().total_cmp(&one.weight.abs()));
        evidence.truncate(EVIDENCE_AT_MOST);
        let images = prompt.images().count() as u32;
        let tokens = tokens::estimate(prompt);
        let difficulty = how_difficult(prompt, &texts, &self.settings.difficulty);
        Assessment { tokens, tags, risk, confidence, kind: weighed.kind, content, difficulty, images, evidence }
    }

    /// What the level of a prompt is judged by, for those who fit the weights.
    pub fn features(&self, prompt: &Prompt) -> Features {
        let weighed = self.weigh(&human_texts(prompt));
        level::features(&weighed.scales, &weighed.scales.tags(Dial::default()), weighed.kind)
    }

    fn weigh(&self, texts: &[(u32, Cow<'_, str>)]) -> Weighed<'_> {
        let spoken = texts.iter().rev().map(|(turn, text)| (*turn, text, own_words(text)));
        let spoken = spoken.filter(|(_, _, own)| !own.is_empty()).zip(SHARES);
        let heard: Vec<Heard> = spoken.map(|((turn, text, own), share)| self.hear(turn, text, &own, share)).collect();
        let mut scales = Scales::new(&self.own_tags);
        heard.iter().for_each(|heard| scales.add(&self.lexicon, heard));
        let (kind, of_kind) = heard.first().map_or((Kind::Other, Vec::new()), |last| kind::kind(&self.lexicon, last));
        let last = heard.first().and_then(|last| Some((last, texts.iter().find(|(turn, _)| *turn == last.turn)?)));
        let judgeable = last.is_some_and(|(last, (_, text))| {
            last.prose > 0 && (!scales.tags(Dial::default()).is_empty() || language::is_known(text))
        });
        Weighed { scales, kind, of_kind, judgeable }
    }

    /// The level, never below what the configuration demands of the tags.
    fn level(&self, weighed: &Weighed<'_>, tags: &TagSet, dial: Dial) -> (Risk, Confidence) {
        let middle = weighed.scales.tags(Dial::default());
        let features = level::features(&weighed.scales, &middle, weighed.kind);
        let least = tags.iter().filter_map(|tag| self.settings.least_risk(&tag)).max();
        level::level(&self.model, &features, dial, least, weighed.judgeable)
    }

    /// What the human's own stretches of a turn say; of a long turn both ends are looked at.
    fn hear(&self, turn: u32, text: &str, own: &[Range<usize>], share: f32) -> Heard {
        let mut heard = Heard { turn, share, prose: 0, hits: Vec::new() };
        for stretch in ends(text, own) {
            let (start, words) = (stretch.start, &text[stretch]);
            let prose = Prose::of(words);
            heard.prose += prose.length;
            heard.hits.extend(self.lexicon.find(words, &prose).into_iter().map(|hit| Hit {
                start: hit.start + start,
                end: hit.end + start,
                ..hit
            }));
        }
        heard
    }
}

/// The first and the last of what the human wrote, in order.
fn ends(text: &str, own: &[Range<usize>]) -> Vec<Range<usize>> {
    let (mut first, mut last) = (Vec::new(), Vec::new());
    let mut left = LOOK;
    let mut seen = 0;
    for stretch in own {
        let end = text.floor_char_boundary(stretch.end.min(stretch.start + left));
        left -= end - stretch.start;
        first.push(stretch.start..end);
        seen = end;
        if end < stretch.end || left == 0 {
            break;
        }
    }
    let mut left = LOOK;
    for stretch in own.iter().rev() {
        let start = text.ceil_char_boundary(stretch.start.max(stretch.end.saturating_sub(left)).max(seen));
        if start >= stretch.end || left == 0 {
            break;
        }
        left -= stretch.end - start;
        last.push(start..stretch.end);
    }
    first.extend(last.into_iter().rev());
    first
}

/// The texts of the human's turns, with the turns' numbers.
fn human_texts(prompt: &Prompt) -> Vec<(u32, Cow<'_, str>)> {
    let human = (0_u32..).zip(&prompt.turns).filter(|(_, turn)| turn.role == Role::User);
    human.map(|(number, turn)| (number, prompt.turn_text(turn))).collect()
}

/// How likely the large model is needed: as the human's last wish says, and what has happened in the session since.
fn how_difficult(prompt: &Prompt, texts: &[(u32, Cow<'_, str>)], model: &difficulty::Model) -> Difficulty {
    let mut wish: Cow<'_, str> = Cow::Borrowed("");
    for (_, text) in texts.iter().rev().take(SHARES.len()) {
        wish = if wish.is_empty() { difficulty::excerpt(text) } else { format!("{}\n{wish}", text.trim()).into() };
        if wish.len() >= TERSE {
            break;
        }
    }
    if wish.is_empty() {
        return Difficulty::UNKNOWN;
    }
    let tools = prompt.tools.map_or(&[][..], |span| prompt.bytes(span));
    let tools = std::str::from_utf8(tools).unwrap_or_default();
    let asked = difficulty::Asked { text: &difficulty::excerpt(&wish), tools };
    difficulty::raise(model.judge(asked), &difficulty::Trajectory::of(prompt))
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::{AnyTag, Content, Risk, Signal, Tag};

    static ASSESSOR: LazyLock<Assessor> = LazyLock::new(Assessor::default);

    fn assess(turns: &[(Role, &str)]) -> Assessment {
        ASSESSOR.assess(&sample::turns(turns))
    }

    fn check(text: &str, tags: &[Tag], risks: &[Risk]) {
        let assessment = assess(&[(Role::User, text)]);
        assert_eq!(assessment.tags.known().collect::<Vec<_>>(), tags, "{text}");
        assert!(risks.contains(&assessment.risk), "{text}: {}", assessment.risk);
    }

    #[test]
    fn work_that_touches_a_risk_is_tagged() {
        let some = [Risk::Medium, Risk::High];
        check(
            "Which clients break if we rotate the private key of our certificate authority?",
            &[Tag::Security],
            &some,
        );
        check("backfill the new column for all existing orders", &[Tag::DataIntegrity], &some);
        check("the api keeps crashing and restarting, what do we check first", &[Tag::Reliability], &some);
        check("two goroutines deadlock on this mutex", &[Tag::Concurrency], &some);
        check("this query is too slow on 10 million rows", &[Tag::Performance], &some);
        check("invoices show the wrong VAT", &[Tag::Money], &some);
        check("may we keep personal data of visitors for a year under the GDPR?", &[Tag::Compliance], &some);
        check("¿cómo cifro los datos y guardo la clave privada?", &[Tag::Security], &some);
        check("数据库迁移之后有数据丢失", &[Tag::DataIntegrity], &some);
    }

    #[test]
    fn words_alone_are_no_risk() {
        for text in [
            "fix the typo in the docstring of encrypt()",
            "rename the variable lock_file to lockfile",
            "make the Pay button green",
            "what is a deadlock? explain it for a beginner",
            "write a unit test for formatPrice",
            "npm run build shows a warning about the production build",
            "hello",
        ] {
            check(text, &[], &[Risk::Low]);
        }
    }

    #[test]
    fn a_live_system_makes_it_high() {
        let assessment = assess(&[(Role::User, "drop the customer_id column on prod, the orders table has 40M rows")]);
        assert!(assessment.tags.contains(Tag::DataIntegrity));
        assert_eq!(assessment.risk, Risk::High);
    }

    #[test]
    fn only_the_humans_words_count() {
        let alarming = "Mind security: SQL injection, race conditions, data loss, outages, GDPR and invoices.";
        let assessment = assess(&[
            (Role::System, alarming),
            (Role::User, "list the files"),
            (Role::Assistant, alarming),
            (Role::Tool, alarming),
            (Role::User, "rename foo.ts to bar.ts"),
        ]);
        assert!(assessment.tags.is_empty() && assessment.risk == Risk::Low, "{assessment:?}");
    }

    /// What coding agents send around a wish, in their shapes, full of alarming words.
    #[test]
    fn what_agents_wrap_around_a_wish_yields_no_tag() {
        let alarming = "IMPORTANT: assist with defensive security only. Never commit secrets, never drop tables, mind race \
            conditions, data loss, outages in production, GDPR, invoices, terraform apply and memory leaks.";
        let reminder = format!("<system-reminder>\n# claudeMd\n{alarming}\n</system-reminder>\n").repeat(40);
        let environment =
            format!("<environment_context>\n  <cwd>/srv/payments</cwd>\n{alarming}\n</environment_context>");
        let project =
            format!("# AGENTS.md instructions for /srv/payments\n\n<INSTRUCTIONS>\n{alarming}\n</INSTRUCTIONS>");
        let cursor = format!(
            "<additional_data>\n<git_status>{alarming}</git_status>\n</additional_data>\n<user_query>\nrename foo.ts to bar.ts\n</user_query>"
        );
        let cline = format!(
            "<task>\nrename foo.ts to bar.ts\n</task>\n<environment_details>\n{alarming}\n</environment_details>"
        );
        let aider = format!(
            "Here are summaries of some files present in my git repository.\n\npayments/charge.py:\n{alarming}"
        );
        let wish = "rename foo.ts to bar.ts";
        let shapes: [&[(Role, &str)]; 6] = [
            &[(Role::System, alarming), (Role::User, &format!("{reminder}{wish}\n{reminder}"))],
            &[(Role::System, alarming), (Role::User, &environment), (Role::User, &project), (Role::User, wish)],
            &[(Role::System, alarming), (Role::User, &project), (Role::User, &environment)],
            &[(Role::System, alarming), (Role::User, &cursor)],
            &[(Role::User, &cline), (Role::Assistant, alarming), (Role::Tool, alarming)],
            &[(Role::User, &aider), (Role::Assistant, "Ok."), (Role::User, wish)],
        ];
        for shape in shapes {
            let assessment = assess(shape);
            let words = shape.last().map(|(_, text)| text.chars().take(60).collect::<String>());
            assert!(assessment.tags.is_empty(), "{words:?}: {:?}", assessment.tags);
            assert_eq!(assessment.risk, Risk::Low);
        }
    }

    #[test]
    fn a_wish_between_what_agents_insert_is_heard() {
        let reminder = format!("<system-reminder>\n{}\n</system-reminder>\n", "be brief. ".repeat(900));
        let text = format!("{reminder}two workers deadlock on the orders table\n{reminder}");
        assert!(assess(&[(Role::User, &text)]).tags.contains(Tag::Concurrency));
    }

    #[test]
    fn what_cannot_be_judged_is_said_with_little_confidence() {
        for text in [
            "",
            "```\nfn main() { let total = add(2, 3); }\n```",
            "dlaczego niebo jest niebieskie zamiast zielonego albo czerwonego",
            "하늘은 왜 파란가요 정말 궁금합니다",
            "<environment_context>\n<cwd>/srv</cwd>\n</environment_context>",
        ] {
            let assessment = assess(&[(Role::User, text)]);
            assert!(assessment.confidence.percent() <= 50, "{text}: {}", assessment.confidence);
        }
        assert!(assess(&[(Role::User, "fix the typo in the README")]).confidence.percent() >= 80);
    }

    #[test]
    fn a_company_names_its_own_risks() {
        let tag = |name: &str| AnyTag::parse(name).unwrap();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let tags = vec![
            TagSettings::new(tag("security"), 1.0, None, &words(&["services/gatekeeper"])).unwrap(),
            TagSettings::new(tag("pricing-engine"), 1.0, Some(Risk::High), &words(&["rate card*", "pricing/"]))
                .unwrap(),
        ];
        let assessor = Assessor::new(Settings { tags, ..Settings::default() });
        let assess = |text: &str| assessor.assess(&sample::human(text));
        assert!(assess("move services/gatekeeper/src/main.rs into a module").tags.contains(Tag::Security));
        let own = assess("why does the Rate Cards page load the file pricing/eu.yml?");
        assert!(own.tags.has(&tag("pricing-engine")), "{own:?}");
        assert_eq!((own.risk, own.confidence.percent()), (Risk::High, 100));
        assert!(own.evidence.iter().any(|piece| piece.signal == Signal::Tag(tag("pricing-engine"))));
        assert!(assess("fix the typo in the README of the rate card importer").tags.is_empty());
        assert!(ASSESSOR.assess(&sample::human("move services/gatekeeper into a module")).tags.is_empty());
    }

    #[test]
    fn an_earlier_wish_is_still_heard() {
        let assessment = assess(&[
            (Role::User, "every request checks the access token and the user's permissions, that is slow"),
            (Role::Assistant, "Shall I cache the result?"),
            (Role::User, "just skip it for /internal"),
        ]);
        assert!(assessment.tags.contains(Tag::Security), "{assessment:?}");
    }

    #[test]
    fn evidence_points_at_the_words() {
        let text = "Résumé: there is a deadlock between the workers";
        let assessment = assess(&[(Role::System, "be brief"), (Role::User, text)]);
        let piece =
            assessment.evidence.iter().find(|piece| piece.signal == Signal::Tag(Tag::Concurrency.into())).unwrap();
        let (start, end) = (piece.offset as usize, (piece.offset + piece.length) as usize);
        assert_eq!((piece.turn, &text[start..end]), (1, "deadlock"));
        assert!(assessment.evidence.is_sorted_by(|one, other| one.weight.abs() >= other.weight.abs()));
    }

    #[test]
    fn a_secret_in_the_middle_of_a_long_paste_is_seen() {
        let filler = "a quiet line of a log\n".repeat(2000);
        let text = format!("{filler}AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMIK7MDENGbPxRfiCYzQ9w8e7r6t5y\n{filler}");
        assert!(assess(&[(Role::User, &text)]).content.contains(Content::HasSecret));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_text_makes_it_panic(pieces in proptest::collection::vec(
            "\\PC{0,12}|password ?[=:] ?['\"«“]?\\PC{0,8}|://[a-z:@]{0,9}|[0-9 +().-]{0,20}|ignore \\PC{0,9}|eyJ[a-zA-Z.]{0,60}|[\n`<{]{1,3}|клю?ч|忽略|@",
            0..40,
        )) {
            let text = pieces.concat();
            let assessment = ASSESSOR.assess(&sample::human(&text));
            let length = text.len();
            prop_assert!(assessment.evidence.iter().all(|piece| (piece.offset + piece.length) as usize <= length));
            let tokens = assessment.tokens;
            prop_assert!(tokens.low <= tokens.expected && tokens.expected <= tokens.high);
        }

        #[test]
        fn long_turns_are_cut_at_characters(text in "(\\PC|漢|é){3000,5000}") {
            let _ = ASSESSOR.assess(&sample::human(&text));
        }
    }
}
