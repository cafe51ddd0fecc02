use serde_json::json;

use super::super::settings::{Content, Folder};
use super::*;

fn settings(content: Content, holds_key: bool) -> SettingsFile {
    let folder = Folder { variable: None, is_xdg: false, path: ".tool" };
    SettingsFile { folder, name: "settings.json", content, clashes: &["/env/OTHER", "/helper"], holds_key }
}

fn ours() -> SettingsFile {
    settings(Content::Json(json!({"url": "new"})), false)
}

fn moment() -> Zoned {
    "2026-11-22T21:45:07[UTC]".parse().expect("a moment")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

#[test]
fn a_new_file_comes_with_its_folder_and_no_copy() {
    let home = tempfile::tempdir().expect("a folder");
    let path = home.path().join(".tool/settings.json");
    assert_eq!(write(&path, &ours(), &moment()).expect("written"), Outcome::Written { backup: None });
    assert_eq!(fs::read_to_string(&path).expect("a file"), "{\n  \"url\": \"new\"\n}\n");
    assert_eq!(names(path.parent().expect("a folder")), ["settings.json"]);
    assert_eq!(write(&path, &ours(), &moment()).expect("read"), Outcome::Unchanged);
    assert_eq!(names(path.parent().expect("a folder")), ["settings.json"], "nothing is kept of what did not change");
}

#[test]
fn what_was_there_is_kept_under_a_name_of_its_own() {
    let home = tempfile::tempdir().expect("a folder");
    let path = home.path().join("settings.json");
    for (before, name) in [
        ("{\"url\": \"old\", \"a\": 1}", "settings.json.backup-20261122-214507"),
        ("{\"url\": \"older\"}", "settings.json.backup-20261122-214507-2"),
    ] {
        fs::write(&path, before).expect("a file");
        let backup = home.path().join(name);
        let outcome = write(&path, &ours(), &moment()).expect("written");
        assert_eq!(outcome, Outcome::Written { backup: Some(backup.clone()) });
        assert_eq!(fs::read_to_string(&backup).expect("a copy"), before);
    }
    assert_eq!(names(home.path()).len(), 3);
}

#[test]
fn what_cannot_be_merged_is_left_alone() {
    let home = tempfile::tempdir().expect("a folder");
    let path = home.path().join("settings.json");
    fs::write(&path, "// mine\n{}").expect("a file");
    assert!(matches!(write(&path, &ours(), &moment()).expect("read"), Outcome::Refused(_)));
    assert_eq!(fs::read_to_string(&path).expect("a file"), "// mine\n{}");
    assert_eq!(names(home.path()), ["settings.json"]);
}

#[test]
fn a_link_stays_a_link() {
    let home = tempfile::tempdir().expect("a folder");
    let (real, link) = (home.path().join("real.json"), home.path().join("settings.json"));
    fs::write(&real, "{}").expect("a file");
    std::os::unix::fs::symlink(&real, &link).expect("a link");
    assert!(matches!(write(&link, &ours(), &moment()).expect("written"), Outcome::Written { backup: Some(_) }));
    assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
    assert!(fs::read_to_string(&real).expect("a file").contains("new"));
}

#[test]
fn a_file_with_a_key_in_it_is_for_its_owner_alone() {
    let home = tempfile::tempdir().expect("a folder");
    let path = home.path().join("settings.json");
    let with_key = settings(Content::Json(json!({"key": "secret"})), true);
    write(&path, &with_key, &moment()).expect("written");
    assert_eq!(mode(&path), 0o600);
    fs::write(&path, "{}").expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("a mode");
    write(&path, &with_key, &moment()).expect("written");
    assert_eq!(mode(&path), 0o600, "it was readable before the key came");
    fs::write(&path, "{}").expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a mode");
    write(&path, &ours(), &moment()).expect("written");
    assert_eq!(mode(&path), 0o640, "without a key it stays as it is");
}

#[test]
fn settings_that_send_another_key_are_found() {
    let home = tempfile::tempdir().expect("a folder");
    let path = home.path().join("settings.json");
    assert!(clashes(&path, &ours()).expect("no file").is_empty());
    fs::write(&path, r#"{"env": {"OTHER": "x", "FINE": "y"}}"#).expect("a file");
    assert_eq!(clashes(&path, &ours()).expect("a file"), ["env.OTHER"]);
}

#[test]
fn a_tool_that_was_moved_is_found() {
    let home = Path::new("/home/ana");
    let resolve = |variable, is_xdg, variables| {
        let mut file = ours();
        file.folder = Folder { variable, is_xdg, path: "tool" };
        Places::new(home, variables).resolve(&file).display().to_string()
    };
    let none: fn(&str) -> Option<String> = |_| None;
    let all: fn(&str) -> Option<String> = |name| Some(format!("/moved/{name}"));
    assert_eq!(resolve(Some("TOOL_HOME"), false, none), "/home/ana/tool/settings.json");
    assert_eq!(resolve(Some("TOOL_HOME"), false, all), "/moved/TOOL_HOME/settings.json");
    assert_eq!(resolve(None, true, none), "/home/ana/.config/tool/settings.json");
    assert_eq!(resolve(None, true, all), "/moved/XDG_CONFIG_HOME/tool/settings.json");
    assert_eq!(resolve(None, false, all), "/home/ana/tool/settings.json");
}
