//! A mutator for JSON texts that stand one a line behind a few bytes of choices.
//!
//! Bytes changed at random are hardly ever JSON, and all that is not ends in the parser. So most changes here are made to
//! the values: taken out, doubled, exchanged with others of the same input, replaced by words of the dialects.

use libfuzzer_sys::fuzzer_mutate;
use serde_json::Value;

/// The words of the dialects, in the format of libFuzzer's dictionaries.
const DICTIONARY: &str = include_str!("../words.dict");

/// What readers are most likely to take for something else, or not to expect.
const ODD: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1",
    "2",
    "1.5",
    "1e308",
    "4294967296",
    "18446744073709551615",
    "\"\"",
    "\"x\"",
    "\"{\"",
    "\"{\\\"a\\\":1}\"",
    "\"\\u0000\"",
    "\"\\ud83d\\ude00\"",
    "\"\\r\\n\"",
    "\"data:image/png;base64,AAAA\"",
    "\"data:,\"",
    "[]",
    "{}",
    "[[]]",
    "[{}]",
    "[null]",
    "{\"type\":null}",
];

/// Changes `data`, of which `size` bytes are in use, and says how many are then. The first `head` bytes are choices.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32, head: usize) -> usize {
    let mut dice = Dice(u64::from(seed) | 1 << 32);
    if size <= head || dice.below(5) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    if dice.below(16) == 0 {
        data[dice.below(head)] = dice.below(256) as u8;
        return size;
    }
    let Ok(text) = std::str::from_utf8(&data[head..size]) else { return fuzzer_mutate(data, size, max_size) };
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    for _ in 0..=dice.below(3) {
        let line = dice.below(lines.len());
        match dice.below(8) {
            0 if lines.len() > 1 => drop(lines.remove(line)),
            1 if lines.len() > 1 => {
                let other = dice.below(lines.len());
                lines.swap(line, other);
            }
            2 => {
                let to = dice.below(lines.len() + 1);
                lines.insert(to, lines[line].clone());
            }
            _ => {
                let Ok(mut value) = serde_json::from_str(&lines[line]) else { continue };
                let from: Value = serde_json::from_str(&lines[dice.below(lines.len())]).unwrap_or_default();
                change(&mut value, &from, &mut dice);
                lines[line] = value.to_string();
            }
        }
    }
    let text = lines.join("\n");
    if text.as_bytes() == &data[head..size] || head + text.len() > max_size.min(data.len()) {
        return fuzzer_mutate(data, size, max_size);
    }
    data[head..head + text.len()].copy_from_slice(text.as_bytes());
    head + text.len()
}

/// Changes one of the values inside `value`, perhaps into one of those inside `from`.
fn change(value: &mut Value, from: &Value, dice: &mut Dice) {
    let mut place = dice.below(count(value));
    let Some(node) = nth(value, &mut place) else { return };
    match node {
        Value::Object(fields) if !fields.is_empty() && dice.below(3) > 0 => {
            let name = fields.keys().nth(dice.below(fields.len())).cloned().unwrap_or_default();
            match dice.below(4) {
                0 => drop(fields.remove(&name)),
                1 => drop(fields.insert(word(dice), other(from, dice))),
                2 => drop(fields.insert(name, other(from, dice))),
                _ => {
                    let moved = fields.remove(&name).unwrap_or_default();
                    fields.insert(word(dice), moved);
                }
            }
        }
        Value::Array(items) if !items.is_empty() && dice.below(3) > 0 => {
            let at = dice.below(items.len());
            match dice.below(4) {
                0 => drop(items.remove(at)),
                1 => items.insert(at, other(from, dice)),
                2 => items.push(items[at].clone()),
                _ => {
                    let with = dice.below(items.len());
                    items.swap(at, with);
                }
            }
        }
        Value::String(text) if dice.below(3) > 0 => match dice.below(3) {
            0 => *text = word(dice),
            1 => text.push_str(&word(dice)),
            _ => drop(text.pop()),
        },
        node => *node = other(from, dice),
    }
}

/// A value to put somewhere: an odd one, a word, or one from inside `from`.
fn other(from: &Value, dice: &mut Dice) -> Value {
    match dice.below(4) {
        0 => serde_json::from_str(ODD[dice.below(ODD.len())]).expect("the list holds JSON"),
        1 => Value::String(word(dice)),
        _ => {
            let mut place = dice.below(count(from));
            nth(&mut from.clone(), &mut place).map(|found| found.take()).unwrap_or_default()
        }
    }
}

fn word(dice: &mut Dice) -> String {
    let words = DICTIONARY.lines().filter_map(|line| line.strip_prefix("\"\\\"")?.strip_suffix("\\\"\""));
    let words: Vec<&str> = words.collect();
    words[dice.below(words.len())].to_owned()
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

fn nth<'a>(value: &'a mut Value, place: &mut usize) -> Option<&'a mut Value> {
    if *place == 0 {
        return Some(value);
    }
    *place -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, place)),
        Value::Object(fields) => fields.values_mut().find_map(|item| nth(item, place)),
        _ => None,
    }
}

/// The same throws for the same seed, so that what is found can be found again.
struct Dice(u64);

impl Dice {
    /// A number below `sides`.
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides.max(1) as u64) as usize
    }
}
