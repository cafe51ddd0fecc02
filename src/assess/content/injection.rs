//! Text that tries to override the instructions, by the user or inside what the user quotes.

use super::{Found, before, window};

/// Verbs that set something aside.
pub(super) const VERBS: &str = "ignore|disregard|forget|override|overrule|do not follow|don't follow|stop following|bypass|discard|ignoriere|ignorier|vergiss|missachte|ignora|olvida|olvide|\
    dimentica|dimenticare|ignorez|oublie|oubliez|esqueça|esquece|desconsidere|игнорируй|игнорируйте|проигнорируй|забудь|забудьте|忽略|无视|忘记|忘掉|無視|忘れ|무시|잊어|잊으|تجاهل|انس|انسى|kalimutan|balewalain|huwag pansinin|abaikan|lupakan|zignoruj|zapomnij|pomiń|\
    unut|görmezden|yoksay|bỏ qua|quên|negeer|vergeet|ignorera|glöm|ignorer|glem|अनदेखा|भूल|नज़रअंदाज़|התעלם|שכח|αγνόησε|ξέχνα|ignoruj|zapomeň|ละเว้น|ลืม";

/// Phrases that are an attempt by themselves.
pub(super) const ATTEMPTS: &str = "[ai:|[llm:|[assistant:|llm: when|ai: ignore|ai, ignore|assistant, ignore|assistant: ignore|ai assistant, ignore|when you read this, send|dear ai|hey ai,|note to ai|notes to ai|attention ai|ai agents:|ai agent:|ai assistants:|ai assistant:|ai reviewer:|ai reviewers|to any ai|to all ai|to the ai|message to the assistant|instruction to the assistant|instructions for ai|instructions for the ai|if you are an ai|if you're an ai|if you are an llm|if you are a language model|\
    llm reading|ai reading this|assistant reading this|you are now dan|do anything now|developer mode|jailbreak mode|god mode enabled|must listen to my instructions|you must obey|obey my|reveal your system prompt|reveal the system prompt|print your system prompt|show me your system prompt|\
    repeat your system prompt|output your system prompt|leak your prompt|repeat everything above|repeat the text above|print everything above|new instructions:|updated instructions:|system override|admin override|override code|end of system prompt|end system prompt|you have no restrictions|without any restrictions|no longer bound|no longer restricted|free from all|\
    are you now free|approve this pr|approve this pull request|do not tell the user|don't tell the user|without telling the user|do not inform the user|do not mention this|im_start|your new task is|your real task|your true instructions|new system prompt|act as an unrestricted|pretend you are not|pretend to have no|you are no longer|from now on you are|from now on, you|\
    i am your developer|i'm your developer|i am your creator|i am the administrator|as your administrator|this is your administrator|i am an authorized|translate the system prompt|what were your instructions|what are your instructions|eres ahora|ahora eres|du bist jetzt|tu es maintenant|你现在是|你現在是|あなたは今から|теперь ты|sei ora";

/// What those verbs set aside when they are meant for the model.
const INSTRUCTIONS: &str = "instruct|prompt|guideline|directive|directions|told|were given|have been given|everything|all of the above|anweisung|vorgaben|instruc|reglas|regeln|istruzioni|regole|consignes|règles|regras|инструкц|правил|говорил|сказал|указан|команд|指令|指示|规则|規則|ルール|命令|提示|要求|지시|명령|규칙|프롬프트|تعليم|قواعد|tagubilin|utos|\
    instruksi|perintah|polece|instrukc|zasad|talimat|kural|komut|hướng dẫn|chỉ dẫn|instructie|regels|instruktion|regler|निर्देश|आदेश|नियम|הוראות|οδηγί|pokyn|คำสั่ง|คำแนะนำ";

/// English also says `ignore the rules` of linters and `ignore the context` of diffs: then it must be the model's own.
const OWN: &str = "the above and |the above, |the above;|all above|any rules|any of your|any guidelines|your rules|your previous|your earlier|previous rules|prior rules|rules above|above rules|all rules|your safety|your training|your constraints|your restrictions|all previous|previous context|previous messages|previous conversation|everything before|everything above|what i said|what was said|what you were|what they said|all that was|all prior|all the above";

/// What English sets aside when it speaks of tools and papers.
const OTHERS: &str = "lint|rules in |in this file|for this file|readme|out of date|outdated|warning|in the old|gitignore|in the docs|of the compiler|in the ticket";

/// Who talks of injections does not make one.
const TALK: &str = "defend|against|protect|prevent|mitigat|attempts|injection|detect|filter|block|regex|test that|such as|like \"|like '|phrase|e.g.|for example|attack|jailbreak|classif|guardrail|sanitiz|strings like|users type|users write|contains";

/// An order to set the instructions aside, its verb given.
pub(super) fn overrides(text: &str, start: usize, end: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    if bytes[start].is_ascii_alphabetic()
        && start > 0
        && (bytes[start - 1].is_ascii_alphanumeric() || matches!(bytes[start - 1], b'.' | b'_' | b'-' | b'@'))
    {
        return None;
    }
    let sentence = window(text, end, 90);
    let sentence = sentence.split(['\n', '.', ';', '。']).next().unwrap_or(sentence).to_lowercase();
    let reach = if text[start..end].is_ascii() { 60 } else { 90 };
    let reach = window(&sentence, 0, reach);
    let hits = |list: &str, within: &str| list.split('|').map(str::trim).any(|word| within.contains(word));
    // East Asian languages put the verb last.
    let lead = if bytes[start] >= 0xe3 { before(text, start, 60) } else { "" };
    let english = text[start..end].is_ascii() && bytes.get(end) == Some(&b' ');
    let meant = hits(INSTRUCTIONS, reach) || hits(INSTRUCTIONS, lead) || english && hits(OWN, reach);
    let qualified = !english || !hits(OTHERS, &sentence) && !reach.trim_start().starts_with("it ");
    (meant && qualified && !is_talk(text, start)).then_some(Found { start, end })
}

/// A phrase that is an attempt by itself, unless it is only talked about.
pub(super) fn attempt(text: &str, start: usize, end: usize) -> Option<Found> {
    (!is_talk(text, start)).then_some(Found { start, end })
}

fn is_talk(text: &str, start: usize) -> bool {
    let lead = before(text, start, 70);
    let lead = lead.rsplit('\n').next().unwrap_or(lead).to_lowercase();
    TALK.split('|').any(|word| lead.contains(word))
}
