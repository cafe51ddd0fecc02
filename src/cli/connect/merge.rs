//! Puts settings into a file that has others, and changes none of those.

use serde_json::Value;

use super::settings::Content;

/// The file's text with the settings in it.
///
/// # Errors
/// Why that cannot be done without risk to what is there.
pub fn merged(existing: &str, content: &Content) -> Result<String, String> {
    if existing.trim().is_empty() {
        return Ok(content.text());
    }
    match content {
        Content::Json(ours) => json(existing, ours),
        Content::Toml(ours) => toml(existing, ours),
        Content::Yaml { block, taken } => yaml(existing, block, taken),
    }
}

fn json(existing: &str, ours: &Value) -> Result<String, String> {
    let mut value: Value = serde_json::from_str(existing).map_err(|error| format!("it is not plain JSON ({error})"))?;
    if !value.is_object() {
        return Err("it is no JSON object".to_owned());
    }
    let before = value.clone();
    put_json(&mut value, ours);
    Ok(if value == before { existing.to_owned() } else { format!("{value:#}\n") })
}

fn put_json(into: &mut Value, ours: &Value) {
    match (into, ours) {
        (Value::Object(into), Value::Object(ours)) => {
            for (name, value) in ours {
                put_json(into.entry(name.as_str()).or_insert(Value::Null), value);
            }
        }
        (into, ours) => *into = ours.clone(),
    }
}

/// TOML is edited line by line, so that comments and order stay; the result counts only if it says what it should.
fn toml(existing: &str, ours: &toml::Table) -> Result<String, String> {
    let before: toml::Table =
        existing.parse().map_err(|error: toml::de::Error| format!("it is not TOML ({})", error.message()))?;
    let mut wanted = before.clone();
    put_toml(&mut wanted, ours);
    if wanted == before {
        return Ok(existing.to_owned());
    }
    let mut lines = existing.lines().map(str::to_owned).collect();
    edit(&mut lines, "", ours);
    let text = lines.join("\n") + "\n";
    match text.parse::<toml::Table>() {
        Ok(found) if found == wanted => Ok(text),
        _ => Err("it is laid out in a way that this command does not edit".to_owned()),
    }
}

fn put_toml(into: &mut toml::Table, ours: &toml::Table) {
    for (name, value) in ours {
        match (into.get_mut(name), value) {
            (Some(toml::Value::Table(into)), toml::Value::Table(ours)) => put_toml(into, ours),
            _ => {
                into.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Sets the keys of one table, whose header is the path in brackets, and then those of the tables in it.
fn edit(lines: &mut Vec<String>, path: &str, ours: &toml::Table) {
    let is_header = |line: &String| line.trim_start().starts_with('[');
    let values: Vec<_> = ours.iter().filter(|(_, value)| !value.is_table()).collect();
    if !values.is_empty() {
        let start = if path.is_empty() { 0 } else { after_header(lines, path) };
        for (name, value) in values.into_iter().rev() {
            let end = lines[start..].iter().position(is_header).map_or(lines.len(), |found| start + found);
            let line = format!("{name} = {value}");
            match lines[start..end].iter().position(|line| names(line, name)) {
                Some(at) => lines[start + at] = line,
                None => lines.insert(start, line),
            }
        }
    }
    for (name, value) in ours {
        if let toml::Value::Table(inner) = value {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            edit(lines, &path, inner);
        }
    }
}

/// The place after a table's header, which is put at the end if there is none.
fn after_header(lines: &mut Vec<String>, path: &str) -> usize {
    let header = format!("[{path}]");
    if let Some(at) = lines.iter().position(|line| line.split('#').next().unwrap_or_default().trim() == header) {
        return at + 1;
    }
    if lines.last().is_some_and(|line| !line.trim().is_empty()) {
        lines.push(String::new());
    }
    lines.push(header);
    lines.len()
}

/// Whether a line sets this key.
fn names(line: &str, key: &str) -> bool {
    line.split_once('=').is_some_and(|(name, _)| name.trim() == key)
}

/// There is no YAML reader here, so nothing that is there is touched.
fn yaml(existing: &str, block: &str, taken: &[&str]) -> Result<String, String> {
    if existing.contains(block) {
        return Ok(existing.to_owned());
    }
    if let Some(key) = taken.iter().find(|key| existing.lines().any(|line| line.starts_with(**key))) {
        return Err(format!("it has a line that begins with `{key}`"));
    }
    let gap = if existing.ends_with('\n') { "" } else { "\n" };
    Ok(format!("{existing}{gap}{block}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table(text: &str) -> Content {
        Content::Toml(text.parse().expect("TOML"))
    }

    #[test]
    fn json_keeps_what_is_there_and_its_order() {
        let ours = Content::Json(json!({"env": {"URL": "new"}, "helper": "x"}));
        let existing = r#"{"theme": "dark", "env": {"Z": "1", "URL": "old", "A": "2"}, "hooks": [1]}"#;
        let text = merged(existing, &ours).expect("a merge");
        let expected = json!({
            "theme": "dark", "env": {"Z": "1", "URL": "new", "A": "2"}, "hooks": [1], "helper": "x"
        });
        assert_eq!(text, format!("{expected:#}\n"));
        assert_eq!(merged(&text, &ours).as_deref(), Ok(text.as_str()), "a second time changes nothing");
    }

    #[test]
    fn json_that_says_it_already_stays_as_it_is_written() {
        let ours = Content::Json(json!({"a": {"b": 1}}));
        let existing = "{ \"a\" : {\"b\":1},\n\n\"c\":2}";
        assert_eq!(merged(existing, &ours).as_deref(), Ok(existing));
    }

    #[test]
    fn what_is_no_plain_json_is_left_alone() {
        let ours = Content::Json(json!({"a": 1}));
        for existing in ["// a comment\n{}", "[]", "{\"a\": 1,}", "\"text\""] {
            assert!(merged(existing, &ours).is_err(), "{existing}");
        }
    }

    #[test]
    fn toml_keeps_comments_and_order() {
        let existing = "# mine\nmodel = \"old\"\n\n[tools]\nmodel = \"not ours\"\n\n[providers.ours] # here\n\
                        url = \"old\"\nextra = true\n\n[last]\nx = 1\n";
        let ours = table("model = \"new\"\nuses = \"ours\"\n[providers.ours]\nname = \"Ours\"\nurl = \"new\"\n");
        let expected = "uses = \"ours\"\n# mine\nmodel = \"new\"\n\n[tools]\nmodel = \"not ours\"\n\n\
                        [providers.ours] # here\nname = \"Ours\"\nurl = \"new\"\nextra = true\n\n[last]\nx = 1\n";
        assert_eq!(merged(existing, &ours).as_deref(), Ok(expected));
        assert_eq!(merged(expected, &ours).as_deref(), Ok(expected), "a second time changes nothing");
    }

    #[test]
    fn a_new_table_goes_to_the_end() {
        let ours = table("uses = \"ours\"\n[providers.ours]\nurl = \"new\"\n");
        let expected = "uses = \"ours\"\n[tools]\nx = 1\n\n[providers.ours]\nurl = \"new\"\n";
        assert_eq!(merged("[tools]\nx = 1", &ours).as_deref(), Ok(expected));
    }

    #[test]
    fn toml_that_lines_cannot_edit_is_left_alone() {
        let ours = table("[providers.ours]\nurl = \"new\"\n");
        for existing in [
            "providers = { ours = { url = \"old\" } }\n",
            "[providers]\nours.url = \"old\"\n",
            "[providers.ours]\nurl = \"\"\"\nold\n\"\"\"\n",
            "text = \"\"\"\n[providers.ours]\n\"\"\"\n",
            "no toml",
        ] {
            assert!(merged(existing, &ours).is_err(), "{existing}");
        }
    }

    #[test]
    fn yaml_is_only_ever_added_to() {
        let ours = Content::Yaml { block: "model: \"auto\"\nbase: \"x\"\n".to_owned(), taken: &["model:", "base:"] };
        assert_eq!(merged("", &ours).as_deref(), Ok("model: \"auto\"\nbase: \"x\"\n"));
        assert_eq!(merged("dark: true", &ours).as_deref(), Ok("dark: true\nmodel: \"auto\"\nbase: \"x\"\n"));
        let done = "dark: true\nmodel: \"auto\"\nbase: \"x\"\n";
        assert_eq!(merged(done, &ours).as_deref(), Ok(done));
        assert!(merged("model: other\n", &ours).is_err());
        assert!(merged("weak-model: other\n", &ours).is_ok(), "another key that ends alike");
    }
}
