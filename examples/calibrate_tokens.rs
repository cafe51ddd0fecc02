//! Fits and measures the token estimator.
//!
//! ```text
//! cargo run --release --example calibrate_tokens -- fit TEXTS      writes src/assess/tokens/{pairs,characters}.bin
//! cargo run --release --example calibrate_tokens -- measure TEXTS  prints the errors, kind by kind
//! ```
//!
//! `TEXTS` is a folder with a folder of UTF-8 files for each kind of text (`prose/`, `rust/` …). Each kind weighs the
//! same, however much there is of it. To the texts come samples made here of what no prompt should hold and some do:
//! one character repeated, random letters, base64, rare ideographs, emoji. The count to compare with is o200k's.

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs, io};

use tiktoken_rs::{CoreBPE, o200k_base_singleton};
use weighbridge::assess::tokens::pairs::{
    BEYOND_ASCII, CLASSES, LINE_BREAK, as_previous, class_of, in_run, pair_index,
};
use weighbridge::assess::tokens::{Encoding, count_text, estimate_text};

const PAIRS: usize = CLASSES * CLASSES;
/// How much the made-up samples count beside real text where the most likely share is fitted.
const SAMPLES_WEIGHT: f64 = 0.001;
/// How likely a bound takes a made-up sample to be before it has seen a pair.
const SUSPICION: f64 = 0.17;
/// What a pair costs at least in the worst case: even a run of one character is cut now and then.
const LEAST_HIGH: f64 = 0.02;
/// How many sightings' worth of doubt each pair starts with.
const DOUBT: f64 = 2e-6;

type Texts = BTreeMap<String, Vec<String>>;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["fit", folder] => fit(&read(Path::new(folder))?),
        ["measure", folder] => measure(&read(Path::new(folder))?, &samples(2), &mut io::stdout().lock()),
        _ => Err(io::Error::other("usage: calibrate_tokens fit|measure TEXTS")),
    }
}

fn read(folder: &Path) -> io::Result<Texts> {
    let mut texts = Texts::new();
    for kind in fs::read_dir(folder)? {
        let kind = kind?;
        let of_kind = texts.entry(kind.file_name().to_string_lossy().into_owned()).or_default();
        for file in fs::read_dir(kind.path())? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "txt") {
                of_kind.push(fs::read_to_string(path)?);
            }
        }
    }
    Ok(texts)
}

/// How often each pair of neighbours occurs in a kind of text, and how often a token begins between them; per character.
#[derive(Clone)]
struct Shares {
    seen: Vec<f64>,
    cut: Vec<f64>,
}

impl Shares {
    fn none() -> Self {
        Self { seen: vec![0.0; PAIRS], cut: vec![0.0; PAIRS] }
    }

    fn count(vocabulary: &CoreBPE, texts: &[String]) -> Self {
        let mut shares = Self::none();
        for text in texts {
            shares.add(vocabulary, text);
        }
        let all = shares.seen.iter().sum::<f64>().max(1.0);
        shares.seen.iter_mut().chain(&mut shares.cut).for_each(|count| *count /= all);
        shares
    }

    fn add(&mut self, vocabulary: &CoreBPE, text: &str) {
        let mut begins = vec![false; text.len() + 1];
        let mut at = 0;
        for token in vocabulary.encode_ordinary(text) {
            begins[at] = true;
            at += vocabulary.decode_bytes(&[token]).map_or(0, |bytes| bytes.len());
        }
        let mut previous = LINE_BREAK;
        let mut held_back = 0.0;
        for (place, character) in text.char_indices() {
            let class = if character.is_ascii() { class_of(character as u8) } else { BEYOND_ASCII };
            if class != BEYOND_ASCII {
                let pair = pair_index(previous, class);
                self.seen[pair] += 1.0;
                let cut = f64::from(u8::from(begins[place]));
                if in_run(previous, class) {
                    held_back += cut;
                } else {
                    self.cut[pair] += cut + std::mem::take(&mut held_back);
                }
            }
            previous = as_previous(previous, class);
        }
    }

    fn add_weighted(&mut self, other: &Self, weight: f64) {
        for pair in 0..PAIRS {
            self.seen[pair] += weight * other.seen[pair];
            self.cut[pair] += weight * other.cut[pair];
        }
    }

    fn share(&self, pair: usize) -> f64 {
        (self.cut[pair] + 0.5 * DOUBT) / (self.seen[pair] + DOUBT)
    }
}

fn fit(texts: &Texts) -> io::Result<()> {
    let vocabulary = o200k_base_singleton();
    let mut real = Shares::none();
    for of_kind in texts.values() {
        real.add_weighted(&Shares::count(vocabulary, of_kind), 1.0 / texts.len() as f64);
    }
    let made: Vec<Shares> = samples(1).values().map(|texts| Shares::count(vocabulary, texts)).collect();
    let mut mixed = real.clone();
    made.iter().for_each(|shares| mixed.add_weighted(shares, SAMPLES_WEIGHT));

    let mut table = Vec::with_capacity(PAIRS * 3);
    for pair in 0..PAIRS {
        let expected = mixed.share(pair);
        // A bound believes in a made-up sample as far as the pair speaks for it and against real text.
        let bound = |worse: fn(f64, f64) -> f64| {
            made.iter().fold(expected, |bound, sample| {
                let suspected = SUSPICION * sample.seen[pair];
                let belief = suspected / (suspected + real.seen[pair] + DOUBT);
                worse(bound, belief * sample.share(pair) + (1.0 - belief) * expected)
            })
        };
        let high = bound(f64::max).max(LEAST_HIGH);
        table.extend([expected, bound(f64::min), high].map(|share| (share * 255.0).round() as u8));
    }
    fs::write("src/assess/tokens/pairs.bin", table)?;
    fs::write("src/assess/tokens/characters.bin", alone(vocabulary))
}

/// What each character costs alone, 1 to 4, two bits each.
fn alone(vocabulary: &CoreBPE) -> Vec<u8> {
    let mut table = vec![0_u8; 0x8000];
    for point in 0..0x20000_u32 {
        let tokens = char::from_u32(point).map_or(1, |character| vocabulary.count_ordinary(&character.to_string()));
        table[point as usize / 4] |= (tokens.clamp(1, 4) as u8 - 1) << (point % 4 * 2);
    }
    table
}

fn measure(texts: &Texts, samples: &Texts, out: &mut impl io::Write) -> io::Result<()> {
    writeln!(
        out,
        "{:<16}{:>6} {:>9} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}",
        "kind", "texts", "tokens", "bias%", "mape%", "p1", "p99", "below%", "above%", "width"
    )?;
    for (kind, of_kind) in texts.iter().chain(samples) {
        let mut ratios = Vec::new();
        let (mut tokens, mut expected, mut below, mut above, mut width) = (0, 0, 0, 0, 0.0);
        for text in of_kind.iter().filter(|text| !text.is_empty()) {
            let exact = count_text(text, Encoding::O200k);
            let json = serde_json::to_string(text).map_err(io::Error::other)?;
            let estimate = estimate_text(json.as_bytes().get(1..json.len() - 1).unwrap_or_default());
            tokens += exact;
            expected += estimate.expected;
            below += u32::from(exact < estimate.low);
            above += u32::from(exact > estimate.high);
            width += (estimate.high - estimate.low) as f64 / exact as f64;
            ratios.push(estimate.expected as f64 / exact as f64);
        }
        ratios.sort_by(f64::total_cmp);
        let count = ratios.len() as f64;
        let at = |share: f64| ratios.get((share * (count - 1.0)) as usize).copied().unwrap_or(f64::NAN);
        let mape = ratios.iter().map(|ratio| (ratio - 1.0).abs()).sum::<f64>() / count;
        writeln!(
            out,
            "{kind:<16}{:>6} {tokens:>9} {:>7.1} {:>7.1} {:>7.2} {:>7.2} {:>7.2} {:>7.2} {:>7.2}",
            ratios.len(),
            100.0 * (expected as f64 / tokens as f64 - 1.0),
            100.0 * mape,
            at(0.01),
            at(0.99),
            100.0 * f64::from(below) / count,
            100.0 * f64::from(above) / count,
            width / count,
        )?;
    }
    Ok(())
}

/// What no prompt should hold and some do: short, middling and long of each.
fn samples(seed: u64) -> Texts {
    let mut dice = Dice(seed);
    let mut texts = Texts::new();
    for length in [80, 800, 8000] {
        let mut add = |kind: &str, text: String| texts.entry(format!("~{kind}")).or_default().push(text);
        for character in " \n\t=-./#*_\"0aAx".chars() {
            add(&format!("repeat {character:?}"), character.to_string().repeat(length));
        }
        let random: [(&str, &str); 10] = [
            ("a-z", "abcdefghijklmnopqrstuvwxyz"),
            ("A-Z", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
            ("a-Z", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
            ("base64", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
            ("hex", "0123456789abcdef"),
            ("HEX", "0123456789ABCDEF"),
            ("digits", "0123456789"),
            ("punctuation", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
            ("spaces, breaks", " \n"),
            ("letters, spaces", "abcdefghijklmnopqrstuvwxyz       "),
        ];
        for (kind, alphabet) in random {
            let alphabet: Vec<char> = alphabet.chars().collect();
            add(kind, (0..length).map(|_| alphabet[dice.below(alphabet.len())]).collect());
        }
        let ranges: [(&str, u32, u32); 9] = [
            ("control", 1, 0x1f),
            ("accents", 0xc0, 0x24f),
            ("cyrillic", 0x410, 0x44f),
            ("thai", 0xe01, 0xe3a),
            ("ideographs", 0x4e00, 0x9fff),
            ("rare ideographs", 0x20000, 0x2a6df),
            ("syllables", 0xac00, 0xd7a3),
            ("emoji", 0x1f300, 0x1f64f),
            ("anything", 0x80, 0xd7ff),
        ];
        for (kind, first, last) in ranges {
            let count = (last - first + 1) as usize;
            add(kind, (0..length / 2).filter_map(|_| char::from_u32(first + dice.below(count) as u32)).collect());
        }
        add("floats", (0..length / 18).map(|_| format!("0.{:016}, ", dice.next() % 10_000_000_000_000_000)).collect());
        add(
            "uuids",
            (0..length / 36).map(|_| uuid::Uuid::from_u64_pair(dice.next(), dice.next()).to_string() + "\n").collect(),
        );
        add("family emoji", "👩‍👩‍👧‍👦".repeat(length / 20));
        add("lone letters", (0..length / 2).map(|_| format!("{} ", (b'a' + dice.below(26) as u8) as char)).collect());
    }
    texts
}

/// A small generator of numbers that look random, the same ones each time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }
}
