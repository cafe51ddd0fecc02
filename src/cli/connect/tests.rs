use std::path::Path;

use clap::ValueEnum;

use super::settings::Content;
use super::*;

fn target(key: Key) -> Target {
    Target { url: "http://127.0.0.1:8787".to_owned(), key, model: "auto".to_owned() }
}

fn printed(tool: Tool, target: &Target) -> String {
    let mut out = Vec::new();
    let places = Places::new(Path::new("/home/ana"), |_| None);
    print(&tool.setup(target), &places, &mut out).expect("a Vec takes every write");
    String::from_utf8(out).expect("text")
}

fn all_printed(key: impl Fn() -> Key) -> String {
    let each = |tool: &Tool| {
        let name = tool.to_possible_value().expect("a name").get_name().to_owned();
        format!("=== {name}\n{}\n", printed(*tool, &target(key())))
    };
    Tool::value_variants().iter().map(each).collect()
}

#[test]
fn each_tool_is_told_where_the_proxy_is_and_which_variable_has_the_key() {
    insta::assert_snapshot!(all_printed(|| Key::Env("WEIGHBRIDGE_API_KEY".to_owned())));
}

#[test]
fn a_key_that_was_given_stands_in_the_settings_as_their_format_has_it() {
    insta::assert_snapshot!(all_printed(|| Key::Given("wb-'key\"".to_owned())));
}

#[test]
fn what_is_written_is_what_its_format_says() {
    for tool in Tool::value_variants() {
        let setup = tool.setup(&target(Key::Given("wb-'key\"".to_owned())));
        let Some(file) = &setup.file else { continue };
        let text = file.content.text();
        assert!(text.ends_with('\n'), "{text}");
        match &file.content {
            Content::Json(_) => assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}"),
            Content::Toml(table) => assert_eq!(text.parse::<toml::Table>().as_ref(), Ok(table), "{text}"),
            Content::Yaml { taken, .. } => {
                assert!(
                    taken.iter().all(|key| key.starts_with(char::is_alphabetic) || text.starts_with(key)),
                    "{text}"
                );
            }
        }
    }
}

#[test]
fn a_key_stands_in_a_file_only_if_it_was_given_and_then_nobody_else_reads_it() {
    for tool in Tool::value_variants() {
        for (key, is_given) in [(Key::Env("K".to_owned()), false), (Key::Given("wb-secret".to_owned()), true)] {
            let setup = tool.setup(&target(key));
            let Some(file) = setup.file else { continue };
            let holds = file.content.text().contains("wb-secret");
            assert_eq!(file.holds_key, holds, "{}", setup.name);
            assert!(is_given || !holds, "{}", setup.name);
        }
    }
}
