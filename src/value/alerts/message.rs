//! Messages as Slack and others that take its JSON understand them. What a machine wants to know is in `metadata`, where
//! Slack keeps what is not for people.

use serde_json::json;

use super::Finding;
use crate::domain::Pico;

/// Which of its messages about an alert this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    /// It fires.
    Firing,
    /// It is over.
    Cleared,
}

impl Word {
    /// The word in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Word::Firing => "firing",
            Word::Cleared => "cleared",
        }
    }

    /// Its place among the messages of one episode.
    pub fn place(self) -> i64 {
        match self {
            Word::Firing => 0,
            Word::Cleared => 1,
        }
    }
}

/// The JSON of a message.
pub fn body(word: Word, finding: &Finding, why: Option<&str>, id: &str, at_millis: i64) -> String {
    let kind = finding.kind.as_str();
    let title = match word {
        Word::Firing => format!("Alert {} fires: {}", finding.name, finding.subject),
        Word::Cleared => format!("Alert {} is over: {}", finding.name, finding.subject),
    };
    let why = why.map_or_else(String::new, |why| format!(" ({why})"));
    let at = jiff::Timestamp::from_millisecond(at_millis).map(|at| at.to_string()).unwrap_or_default();
    let markdown = format!("*{}*{}\n{}", escaped(&title), escaped(&why), escaped(&finding.summary));
    json!({
        "text": escaped(&format!("{title}{why}. {}", finding.summary)),
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": markdown}}],
        "metadata": {
            "event_type": "weighbridge_alert",
            "event_payload": {
                "message": id, "alert": finding.id, "name": finding.name, "kind": kind, "subject": finding.subject,
                "state": word.as_str(), "at": at, "summary": finding.summary,
            },
        },
    })
    .to_string()
}

/// A text in which Slack finds nothing to act on. Features come from callers, and `<!channel>` would call everybody.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// An amount for people: with cents, or with as many decimals as it takes to say anything.
pub fn dollars(amount: Pico) -> String {
    match amount.usd().abs() {
        usd if usd >= 1.0 => format!("{:.2}", amount.usd()),
        usd if usd >= 0.001 => format!("{:.4}", amount.usd()),
        _ => amount.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::alerts::{Condition, Kind};

    #[test]
    fn slack_understands_it_and_is_told_to_do_nothing() {
        let finding = Finding {
            id: "cost_per_outcome/dearer/<!channel>".into(),
            name: "dearer".into(),
            kind: Kind::CostPerOutcome,
            subject: "feature <!channel>".into(),
            condition: Condition::Bad,
            summary: "Cost & more.".into(),
            until_millis: None,
        };
        let body = body(Word::Firing, &finding, None, "m-1", 1_795_356_000_000);
        let json: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(json["text"], "Alert dearer fires: feature &lt;!channel&gt;. Cost &amp; more.");
        let block = &json["blocks"][0]["text"];
        assert_eq!(block["text"], "*Alert dearer fires: feature &lt;!channel&gt;*\nCost &amp; more.");
        let payload = &json["metadata"]["event_payload"];
        assert_eq!((&payload["state"], &payload["at"]), (&json!("firing"), &json!("2026-11-22T14:00:00Z")));
        assert_eq!(payload["alert"], "cost_per_outcome/dearer/<!channel>", "machines get it as it is");
    }

    #[test]
    fn amounts_are_short_and_never_nothing() {
        let check = |pico, expected| assert_eq!(dollars(Pico::new(pico)), expected);
        check(12_345_678_900_000, "12.35");
        check(12_345_678_900, "0.0123");
        check(20, "0.00000000002");
        check(0, "0.00");
    }
}
