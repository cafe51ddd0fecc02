//! The floors of the house: a room uses only rooms on lower floors. In one crate the compiler does not keep this.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every room and its floor, as in ARCHITECTURE.md.
const FLOORS: &[(&str, u8)] = &[
    ("domain", 0),
    ("dialect", 1),
    ("assess", 1),
    ("route", 1),
    ("observe", 1),
    ("verify", 1),
    ("store", 2),
    ("shared", 2),
    ("listen", 3),
    ("admit", 3),
    ("read", 3),
    ("recall", 3),
    ("sessions", 3),
    ("forward", 3),
    ("meter", 3),
    ("record", 3),
    ("budget", 3),
    ("registry", 3),
    ("value", 3),
    ("feedback", 3),
    ("experiments", 3),
    ("config", 4),
    ("proxy", 5),
    ("replay", 5),
    ("admin", 5),
    ("app", 6),
    ("cli", 6),
    ("lib", 6),
    ("main", 6),
];

/// Uses that break the rule, each with its reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("admin", "proxy", "the operators' door looks into the running proxy"),
    ("cli", "app", "`serve` runs the app"),
    ("main", "cli", "the command line is all that main has"),
];

fn floor(room: &str) -> u8 {
    let found = FLOORS.iter().find(|(name, _)| *name == room);
    found.unwrap_or_else(|| panic!("`{room}` has no floor: give it one here and in ARCHITECTURE.md")).1
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The rooms that a file names in `crate::…` paths, `use crate::{a, b::c}` included.
fn used(text: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut rooms = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            rooms.push(word(rest));
            continue;
        };
        let mut depth = 1;
        let end = group.find(|c: char| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0
        });
        let (mut depth, mut expecting) = (0, true);
        for (place, c) in group[..end.expect("a closed group")].char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => expecting = true,
                c if expecting && c.is_alphanumeric() => {
                    rooms.push(word(&group[place..]));
                    expecting = false;
                }
                _ => {}
            }
        }
    }
    rooms.retain(|room| !room.is_empty() && room.chars().next().is_some_and(char::is_lowercase));
    rooms
}

#[test]
fn a_group_of_uses_is_read_whole() {
    assert_eq!(used("use crate::{admit::{self, X}, forward, read};"), ["admit", "forward", "read"]);
    assert_eq!(used("use crate::domain::Pico; fn f() -> crate::config::Watcher"), ["domain", "config"]);
}

#[test]
fn no_room_uses_one_on_its_own_floor_or_above() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 50, "the sources are where this test looks for them");
    let mut broken: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files {
        let inside = file.strip_prefix(&root).expect("below the root").to_owned();
        let first = inside.iter().next().expect("a name").to_string_lossy();
        let room = first.trim_end_matches(".rs").to_owned();
        let text = fs::read_to_string(&file).expect("text");
        // What follows `#[cfg(test)]` may use what it likes.
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for other in used(code) {
            let is_excepted = EXCEPTIONS.iter().any(|(from, to, _)| *from == room && *to == other);
            if other != room && floor(&other) >= floor(&room) && !is_excepted {
                broken.entry(inside.display().to_string()).or_default().push(other);
            }
        }
    }
    assert!(broken.is_empty(), "rooms used from below or beside: {broken:#?}");
}

#[test]
fn the_lower_floors_have_no_async_no_sockets_and_no_clock() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let banned = ["async fn", ".await", "tokio::", "std::net", "Instant::now", "SystemTime::now", "std::fs"];
    // Telling what happened reads the kernel's figures; its values come from above.
    let excepted = ["observe/process.rs"];
    let mut broken = Vec::new();
    for (room, _) in FLOORS.iter().filter(|(_, floor)| *floor < 2) {
        let mut files = Vec::new();
        sources(&root.join(room), &mut files);
        for file in files {
            let text = fs::read_to_string(&file).expect("text");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let inside = file.strip_prefix(&root).expect("below the root").display().to_string();
            let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in lines.filter(|line| banned.iter().any(|word| line.contains(word))) {
                if !excepted.contains(&inside.as_str()) {
                    broken.push(format!("{inside}: {line}"));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
