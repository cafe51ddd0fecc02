//! How a prompt is built: what can be counted of it without knowing its words.

use std::borrow::Cow;

use super::words::{LINKS, Sort, Tokens, Words, hash_of};

/// How many features there are.
pub const FEATURES: usize = 102;
/// Characters that are counted one by one.
const COUNTED: &[u8; 33] = b"?,.:;$\\{}()[]=_^<>\"'`|/*+-%&!#@~\t";
/// How much of the definitions of tools is looked at.
const TOOLS_AT_MOST: usize = 16 << 10;

/// A prompt as the model of difficulty sees it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'t> {
    /// What the human asks.
    pub text: &'t str,
    /// The definitions of tools, as JSON; empty if there are none.
    pub tools: &'t str,
}

/// How much of a long text is looked at: its beginning …
const HEAD: usize = 3 << 10;
/// … and its end, where a wish follows what was pasted.
const TAIL: usize = 1 << 10;

/// As much of a text as is looked at.
pub fn excerpt(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if text.len() <= HEAD + TAIL {
        return Cow::Borrowed(text);
    }
    let head = &text[..text.floor_char_boundary(HEAD)];
    let tail = &text[text.ceil_char_boundary(text.len() - TAIL)..];
    Cow::Owned(format!("{head}\n{tail}"))
}

/// What one pass over a prompt finds.
pub(super) struct Sight {
    pub(super) words: Words,
    pub(super) shape: [f32; FEATURES],
}

/// Looks at a prompt once.
pub(super) fn see(asked: Asked<'_>) -> Sight {
    let text = asked.text;
    let mut speech = Speech::default();
    let words = Words::of(text, |token| speech.hear(text, token));
    let mut out = Features { values: [0.0; FEATURES], next: 0 };
    of_bytes(text, &mut out);
    of_lines(text, &mut out);
    speech.tell(&words, &mut out);
    of_tools(asked.tools, &words, &mut out);
    debug_assert_eq!(out.next, FEATURES);
    Sight { words, shape: out.values }
}

struct Features {
    values: [f32; FEATURES],
    next: usize,
}

impl Features {
    fn put(&mut self, value: f32) {
        self.values[self.next] = value;
        self.next += 1;
    }

    /// A count, of which each further one matters less.
    fn count(&mut self, count: usize) {
        self.put((count as f32).ln_1p());
    }

    fn share(&mut self, part: usize, whole: usize) {
        self.put(part as f32 / (whole + 1) as f32);
    }
}

fn of_bytes(text: &str, out: &mut Features) {
    let mut seen = [0_u32; 256];
    text.bytes().for_each(|byte| seen[usize::from(byte)] += 1);
    let sum = |of: fn(&u8) -> bool| (0..=255_u8).filter(of).map(|byte| seen[usize::from(byte)] as usize).sum::<usize>();
    let length = text.len();
    out.count(length);
    out.share(sum(u8::is_ascii_digit), length);
    out.share(sum(u8::is_ascii_uppercase), length);
    out.share(sum(u8::is_ascii_punctuation), length);
    out.share(sum(|byte| !byte.is_ascii()), length);
    COUNTED.iter().for_each(|byte| out.count(seen[usize::from(*byte)] as usize));
}

/// Lines, indentation, and the options of a multiple choice.
fn of_lines(text: &str, out: &mut Features) {
    let (mut lines, mut indented, mut deepest, mut longest, mut code) = (0_usize, 0, 0, 0, 0);
    let (mut options, mut option_bytes, mut numeric, mut question) = (0_usize, 0, 0, None);
    let mut at = 0;
    for line in text.split('\n') {
        lines += 1;
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        indented += usize::from(indent > 0 && !trimmed.is_empty());
        deepest = deepest.max(if trimmed.is_empty() { 0 } else { indent });
        longest = longest.max(line.len());
        code += usize::from(trimmed.trim_end().ends_with([';', '{', '}', ':', ')']));
        if let [b'A'..=b'J', b'.' | b')', b' ', option @ ..] = line.as_bytes() {
            options += 1;
            option_bytes += option.len();
            numeric += usize::from(option.len() <= 24 && option.iter().any(u8::is_ascii_digit));
            question.get_or_insert(at);
        }
        at += line.len() + 1;
    }
    out.count(lines);
    out.share(indented, lines);
    out.count(deepest);
    out.count(longest);
    out.share(code, lines);
    out.count(options);
    out.put(if options == 0 { 0.0 } else { (option_bytes as f32 / options as f32).ln_1p() });
    out.share(numeric, options);
    out.count(question.unwrap_or(text.len()));
    out.put(f32::from(u8::from(text.contains("```"))));
}

/// What is heard of words as they come.
#[derive(Default)]
struct Speech {
    links: [u16; LINKS.len()],
    letters: usize,
    numbers: usize,
    longest_number: usize,
    names: usize,
    humps: usize,
    sentences: usize,
    /// Whether the next word begins a sentence.
    within: bool,
}

/// The hashes of [`LINKS`].
static LINK_HASHES: std::sync::LazyLock<Vec<(u32, usize)>> = std::sync::LazyLock::new(|| {
    let mut hashes: Vec<(u32, usize)> = LINKS.iter().enumerate().map(|(place, word)| (hash_of(word), place)).collect();
    hashes.sort_unstable();
    hashes
});

impl Speech {
    fn hear(&mut self, text: &str, token: super::words::Token) {
        let bytes = &text.as_bytes()[token.start..token.end];
        match token.sort {
            Sort::Symbol => {
                if matches!(bytes[0], b'.' | b'?' | b'!') {
                    self.sentences += usize::from(self.within);
                    self.within = false;
                }
                return;
            }
            Sort::Number => {
                self.numbers += 1;
                self.longest_number = self.longest_number.max(bytes.len());
            }
            Sort::Word => {
                self.letters += bytes.len();
                if bytes.len() <= 7
                    && let Ok(place) = LINK_HASHES.binary_search_by_key(&token.hash, |(hash, _)| *hash)
                {
                    let link = &mut self.links[LINK_HASHES[place].1];
                    *link = link.saturating_add(1);
                }
                self.names += usize::from(self.within && bytes[0].is_ascii_uppercase());
                self.humps += usize::from(bytes.contains(&b'_') || bytes[1..].iter().any(u8::is_ascii_uppercase));
            }
        }
        self.within = true;
    }

    fn tell(&self, words: &Words, out: &mut Features) {
        out.count(words.count);
        out.count(self.numbers);
        out.count(self.longest_number);
        out.count(self.names);
        out.count(self.humps);
        out.count(self.sentences);
        out.put(self.letters as f32 / (5 * words.count + 5) as f32);
        out.share(words.singles.len(), words.count);
        out.put(words.count as f32 / (30 * self.sentences + 30) as f32);
        self.links.iter().for_each(|count| out.count(usize::from(*count)));
    }
}

/// What the definitions of tools say: how many, how they are to be called, and whether what is asked is about them.
fn of_tools(tools: &str, words: &Words, out: &mut Features) {
    let tools = &tools[..tools.floor_char_boundary(TOOLS_AT_MOST.min(tools.len()))];
    let found = Tools::read(tools, words);
    let each = |count: usize| count as f32 / found.names.max(1) as f32;
    let (mut first, mut second, mut least) = (0.0_f32, 0.0_f32, f32::MAX);
    for about in &found.about {
        let share = about.shared as f32 / (about.words + 1) as f32;
        (first, second) = if share > first { (share, first) } else { (first, second.max(share)) };
        least = least.min(share);
    }
    let name = found.about.iter().map(|about| about.name_shared as f32 / (about.name_words + 1) as f32);
    out.put(f32::from(u8::from(found.names > 0)));
    out.put(f32::from(u8::from(found.names == 1)));
    out.count(found.names);
    out.put(each(found.required));
    out.put(each(found.described));
    out.put(each(found.typed));
    out.put(each(found.objects));
    out.count(found.arrays);
    out.count(found.enums);
    out.count(found.numbers);
    out.count(found.booleans);
    out.count(found.odd);
    out.count(found.defaults);
    out.put(each(tools.len() / 32).ln_1p());
    out.count(tools.len());
    out.put(first);
    out.put(if found.about.len() > 1 { first - second } else { 0.0 });
    out.put(if found.about.is_empty() { 0.0 } else { least });
    out.put(name.fold(0.0, f32::max));
    out.put(found.defaults_told as f32 / (found.described + 1) as f32);
    out.put(found.examples as f32 / (found.described + 1) as f32);
}

/// How far what is asked is about one tool.
#[derive(Default)]
struct About {
    words: usize,
    shared: usize,
    name_words: usize,
    name_shared: usize,
}

/// Counts of a list of tools.
#[derive(Default)]
struct Tools {
    names: usize,
    required: usize,
    described: usize,
    typed: usize,
    objects: usize,
    arrays: usize,
    enums: usize,
    numbers: usize,
    booleans: usize,
    odd: usize,
    defaults: usize,
    defaults_told: usize,
    examples: usize,
    about: Vec<About>,
}

impl Tools {
    /// Goes through the strings of the JSON text; a list that was cut is read as far as it goes.
    fn read(json: &str, words: &Words) -> Self {
        let mut tools = Self::default();
        let (mut key, mut in_required, mut rest) = ("", false, json);
        let mut is_new = false;
        while let Some(open) = memchr::memchr(b'"', rest.as_bytes()) {
            in_required &= !rest[..open].contains(']');
            let inner = &rest[open + 1..];
            let Some(close) = closing(inner) else { break };
            let (string, after) = (&inner[..close], &inner[close + 1..]);
            rest = after;
            if after.trim_start().starts_with(':') {
                tools.key(string);
                in_required = string == "required";
                key = string;
                continue;
            }
            match key {
                _ if in_required => {
                    tools.required += 1;
                    continue;
                }
                "name" => {
                    tools.names += 1;
                    tools.about.push(About::default());
                    is_new = true;
                    tools.about(string, words, true);
                }
                "type" => tools.typed(string),
                "description" => {
                    if is_new {
                        tools.about(string, words, false);
                    }
                    is_new = false;
                    tools.defaults_told += usize::from(string.contains("efault"));
                    tools.examples += usize::from(string.contains("e.g") || string.contains("xample"));
                }
                _ => {}
            }
            key = if key == "enum" { key } else { "" };
        }
        tools
    }

    fn key(&mut self, key: &str) {
        match key {
            "properties" => self.objects += 1,
            "description" => self.described += 1,
            "enum" => self.enums += 1,
            "default" => self.defaults += 1,
            _ => {}
        }
    }

    fn typed(&mut self, word: &str) {
        self.typed += 1;
        match word {
            "array" | "list" | "tuple" => self.arrays += 1,
            "integer" | "number" | "float" => self.numbers += 1,
            "boolean" => self.booleans += 1,
            "string" | "object" | "dict" | "function" => {}
            _ => self.odd += 1,
        }
    }

    fn about(&mut self, text: &str, words: &Words, is_name: bool) {
        let Some(about) = self.about.last_mut() else { return };
        for token in Tokens::of(text).filter(|token| token.sort == Sort::Word) {
            // The parts of `get_user.by_id` are words.
            for part in text[token.start..token.end].split('_').filter(|part| part.len() > 2) {
                let shared = usize::from(words.has(hash_of(part)));
                about.words += 1;
                about.shared += shared;
                about.name_words += usize::from(is_name);
                about.name_shared += shared * usize::from(is_name);
            }
        }
    }
}

/// Where the string ends that began before `text`.
fn closing(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', &text.as_bytes()[from..])?;
        if text.as_bytes()[at] == b'"' {
            return Some(at);
        }
        from = at + 2;
        if from >= text.len() {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_counted() {
        let json = r#"[{"type":"function","function":{"name":"get_weather","description":"The weather of a city, e.g. Rome",
            "parameters":{"type":"object","properties":{"city":{"type":"string","description":"a \"city\""},
            "days":{"type":"integer","default":1}},"required":["city","days"]}}},
            {"name":"send_mail","description":"Sends","input_schema":{"properties":{"to":{"type":"HashMap"}},"required":["to"]}}]"#;
        let words = Words::of("what will the weather be in Rome?", |_| {});
        let tools = Tools::read(json, &words);
        assert_eq!((tools.names, tools.required, tools.objects, tools.numbers, tools.odd), (2, 3, 2, 1, 1));
        assert!(tools.about[0].shared >= 2 && tools.about[1].shared == 0);
    }

    #[test]
    fn every_prompt_has_every_feature() {
        for (text, tools) in [("", ""), ("Which?\nA. 1\nB) two", "[{\"name\": \"x"), ("漢字\\", "\"\\")] {
            let sight = see(Asked { text, tools });
            assert!(sight.shape.iter().all(|value| value.is_finite()), "{text}");
        }
    }

    #[test]
    fn options_are_seen() {
        let plain = see(Asked { text: "How many\nlegs", tools: "" }).shape;
        let choice = see(Asked { text: "How many\nA. 4\nB. 8", tools: "" }).shape;
        assert_ne!(plain, choice);
    }
}
