//! Does a short answer begin in the words of a refusal?
//!
//! The list is short and its phrases are whole: "I can't" alone begins many good answers ("I can't see a bug here"). A
//! refusal that is missed costs what it costs without a verification; one that is imagined costs a second answer.

use std::sync::LazyLock;

/// An answer longer than this, in bytes, has something to say, however it begins.
pub const SHORT: usize = 480;

/// How refusals begin in English: one of each, in lower case.
const FIRST: &[&str] = &[
    "",
    "sorry, ",
    "sorry, but ",
    "i'm sorry, ",
    "i'm sorry, but ",
    "i am sorry, ",
    "i am sorry, but ",
    "i apologize, but ",
    "as an ai, ",
    "as an ai language model, ",
];
const THEN: &[&str] = &[
    "i can't ",
    "i cannot ",
    "i can not ",
    "i'm unable to ",
    "i am unable to ",
    "i'm not able to ",
    "i am not able to ",
    "i won't be able to ",
    "i will not ",
    "i won't ",
];
const WHAT: &[&str] = &[
    "help with that",
    "help with this",
    "help you with that",
    "help you with this",
    "assist with",
    "assist you with",
    "assist in",
    "comply with",
    "fulfill",
    "provide assistance",
    "provide help",
    "provide that",
    "engage in",
    "engage with",
    "discuss that",
    "discuss this",
    "do that",
    "answer that",
    "continue with this",
    "generate that",
    "create that kind",
];

/// The same in other languages: German, Spanish, French, Portuguese, Chinese, Japanese.
const ELSEWHERE: &[&str] = &[
    "ich kann dabei nicht helfen",
    "ich kann dir dabei nicht helfen",
    "ich kann ihnen dabei nicht helfen",
    "dabei kann ich nicht helfen",
    "dabei kann ich leider nicht",
    "es tut mir leid, aber ich kann dabei nicht",
    "es tut mir leid, aber ich kann dir dabei nicht",
    "es tut mir leid, aber ich kann ihnen dabei nicht",
    "es tut mir leid, aber dabei kann ich",
    "es tut mir leid, aber ich kann diese anfrage nicht",
    "tut mir leid, aber dabei kann ich",
    "lo siento, pero no puedo ayudar",
    "lo siento, no puedo ayudar",
    "lo siento, pero no puedo cumplir",
    "no puedo ayudarte con eso",
    "no puedo ayudarle con eso",
    "no puedo ayudar con eso",
    "je suis désolé, mais je ne peux pas vous aider",
    "je suis désolé, mais je ne peux pas t'aider",
    "je suis désolé, mais je ne peux pas répondre à cette demande",
    "désolé, mais je ne peux pas vous aider",
    "désolé, mais je ne peux pas t'aider",
    "je ne peux pas vous aider avec",
    "desculpe, mas não posso ajudar",
    "desculpe, não posso ajudar",
    "sinto muito, mas não posso ajudar",
    "não posso ajudar com isso",
    "抱歉，我无法协助",
    "抱歉，我无法提供帮助",
    "抱歉，我无法回答",
    "抱歉，我不能协助",
    "抱歉，我不能帮",
    "很抱歉，我无法协助",
    "很抱歉，我无法提供帮助",
    "很抱歉，我无法回答",
    "很抱歉，我不能帮",
    "对不起，我无法协助",
    "对不起，我无法回答",
    "对不起，我不能帮",
    "申し訳ありませんが、お答え",
    "申し訳ありませんが、お手伝い",
    "申し訳ありませんが、そのご要望",
    "申し訳ありませんが、そのリクエスト",
    "申し訳ございませんが、お答え",
    "申し訳ございませんが、お手伝い",
    "お手伝いできません",
];

/// All of them.
static OPENINGS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let english = FIRST.iter().flat_map(|first| THEN.iter().map(move |then| format!("{first}{then}")));
    let english = english.flat_map(|begin| WHAT.iter().map(move |what| format!("{begin}{what}")));
    english.chain(ELSEWHERE.iter().map(|opening| (*opening).to_owned())).collect()
});

/// How much of a text is looked at, in characters: more than the longest opening has.
const HEAD: usize = 80;

/// What can still become of a text's beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opening {
    /// It may yet become a refusal.
    Open,
    /// It is none.
    Other,
    /// It begins as one.
    Refusal,
}

/// Whether the whole text is a refusal.
pub fn is_refusal(text: &str) -> bool {
    is_short(text) && opening(text) == Opening::Refusal
}

/// Whether a text is short enough to be nothing but a refusal.
pub fn is_short(text: &str) -> bool {
    text.len() <= SHORT
}

/// How a text begins.
pub fn opening(text: &str) -> Opening {
    let mut head = String::new();
    let trimmed = text.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '*' | '>' | '“'));
    for letter in trimmed.chars().take(HEAD) {
        match letter {
            '’' | '‘' | '`' => head.push('\''),
            letter => head.extend(letter.to_lowercase()),
        }
    }
    if OPENINGS.iter().any(|opening| head.starts_with(opening.as_str())) {
        Opening::Refusal
    } else if OPENINGS.iter().any(|opening| opening.starts_with(&head)) {
        Opening::Open
    } else {
        Opening::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_from_answers_that_begin_alike() {
        for refusal in [
            "I’m sorry, but I can’t help with that.",
            "  I cannot assist with this request.",
            "\"I'M UNABLE TO ASSIST with that.\"",
            "Es tut mir leid, aber ich kann dabei nicht helfen.",
            "Lo siento, pero no puedo ayudarte.",
            "Je suis désolé, mais je ne peux pas répondre à cette demande.",
            "As an AI language model, I cannot engage in that.",
            "很抱歉，我无法回答这个问题。",
            "申し訳ありませんが、お答えできません。",
        ] {
            assert!(is_refusal(refusal), "{refusal}");
        }
        for answer in [
            "",
            "I can't see a bug here: the loop ends at n - 1.",
            "Sorry for the confusion. Here is the corrected function:",
            "I cannot reproduce it; which version is this?",
            "def refuse():\n    return \"I'm sorry, but I can't\"",
            "I'm sorry, but I can't see the file that you mention. Please paste it.",
            "I cannot find a bug in this function.",
            "Es tut mir leid, das war falsch: hier die richtige Zeile.",
            "Es tut mir leid, aber ich kann keinen Fehler finden.",
            "申し訳ありませんが、ファイルが見つかりません。",
            "The phrase is: I'm sorry, but I can't help with that.",
        ] {
            assert!(!is_refusal(answer), "{answer}");
        }
        let long = format!(
            "I'm sorry, but I can't assist with your own schema. {}",
            "Assuming it has an id: SELECT 1. ".repeat(20)
        );
        assert!(!is_refusal(&long));
    }

    #[test]
    fn an_opening_stays_open_letter_by_letter_until_it_is_one_or_is_none() {
        let text = "I’m sorry, but I can’t help with that, because";
        let refuses = "I’m sorry, but I can’t help with that".len();
        for end in text.char_indices().map(|(at, letter)| at + letter.len_utf8()) {
            let expected = if end >= refuses { Opening::Refusal } else { Opening::Open };
            assert_eq!(opening(&text[..end]), expected, "{}", &text[..end]);
        }
        assert_eq!(opening("Here"), Opening::Other);
        assert_eq!(opening("I'm sorry, that"), Opening::Other);
        assert!(OPENINGS.iter().all(|opening| opening.chars().count() < HEAD));
    }
}
