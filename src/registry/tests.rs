use super::*;
use crate::store::Place;

fn name(text: &str) -> KeyName {
    KeyName::parse(text).expect("a name")
}

fn known() -> Known {
    Known {
        file_keys: vec![name("of-the-file")],
        file_tokens: vec![name("ops")],
        tiers: vec![TierName::parse("cheap").expect("a name")],
    }
}

async fn registry() -> (tempfile::TempDir, Registry) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(Place::File(folder.path().join("registry.db"))).await.expect("a store");
    (folder, Registry::new(store))
}

async fn made(registry: &Registry, key: &str) -> Secret {
    let made = registry.create_key("ana@cli", &known(), &name(key), &Grants::default()).await;
    made.unwrap_or_else(|error| panic!("{error}")).1
}

#[tokio::test]
async fn a_key_is_made_rotated_and_revoked_and_each_leaves_its_line() {
    let (folder, registry) = registry().await;
    let first = made(&registry, "ana").await;
    let grace = Duration::from_secs(60);
    let (rotated, second) = registry.rotate_key("bo@api", &known(), &name("ana"), grace).await.expect("rotated");
    assert_ne!(first.expose(), second.expose());
    assert_eq!(rotated.old_digest, Some(crate::domain::digest(first.expose())));
    assert_eq!(rotated.digest, crate::domain::digest(second.expose()));
    registry.revoke_key("cy@cli", &known(), &name("ana")).await.expect("revoked");
    let log = registry.audit_log(Moment::from_millis(0), None, 10).await.expect("a log");
    let told: Vec<_> = log.iter().map(|line| (line.who.as_str(), line.what.as_str(), line.subject.as_str())).collect();
    let expected = [("cy@cli", "key.revoke", "ana"), ("bo@api", "key.rotate", "ana"), ("ana@cli", "key.create", "ana")];
    assert_eq!(told, expected);
    assert_eq!((&log[2].before, &log[1].before), (&None, &log[2].after));
    assert_eq!(log[0].before, log[1].after);
    assert_eq!(log[0].after.as_ref().expect("told")["revoked"]["by"], "cy@cli");
    for secret in [first, second] {
        for file in std::fs::read_dir(folder.path()).expect("a folder") {
            let bytes = std::fs::read(file.expect("a file").path()).expect("bytes");
            // The name and four characters of the random part are told; nothing that is longer.
            let told = "wb-ana-".len() + 4;
            let more = &secret.expose().as_bytes()[..=told];
            assert!(memchr::memmem::find(&bytes, more).is_none(), "the store holds more of a secret than its prefix");
        }
    }
}

#[tokio::test]
async fn a_name_is_used_once() {
    let (_folder, registry) = registry().await;
    made(&registry, "ana").await;
    let refused = |key: &'static str| {
        let registry = registry.clone();
        async move {
            let made = registry.create_key("x", &known(), &name(key), &Grants::default()).await;
            made.expect_err("refused").to_string()
        }
    };
    assert!(refused("ana").await.contains("choose another name, or rotate"));
    assert!(refused("of-the-file").await.contains("routes.toml has a key"));
    registry.revoke_key("x", &known(), &name("ana")).await.expect("revoked");
    assert!(refused("ana").await.contains("was revoked"));
    let again = registry.revoke_key("x", &known(), &name("ana")).await.expect_err("revoked before").to_string();
    assert!(again.contains("was revoked by x"), "{again}");
    let nobody = registry.revoke_key("x", &known(), &name("nobody")).await.expect_err("unknown");
    assert!(matches!(nobody, RegistryError::Refused(Refused::Unknown(_))));
}

#[tokio::test]
async fn what_the_file_has_is_revoked_by_name() {
    let (_folder, registry) = registry().await;
    registry.revoke_key("x", &known(), &name("of-the-file")).await.expect("revoked");
    registry.revoke_token("x", &known(), &name("ops")).await.expect("revoked");
    let snapshot = registry.snapshot().expect("read");
    assert!(snapshot.revocation(Subject::Key, &name("of-the-file")).is_some());
    assert!(snapshot.revocation(Subject::Token, &name("ops")).is_some());
    assert!(snapshot.revocation(Subject::Token, &name("of-the-file")).is_none());
    let rotated = registry.rotate_key("x", &known(), &name("of-the-file"), Duration::ZERO).await;
    assert!(rotated.expect_err("refused").to_string().contains("change the file"));
}

#[tokio::test]
async fn grants_that_make_no_sense_are_refused() {
    let (_folder, registry) = registry().await;
    let check = async |grants: &str, words: &str| {
        let grants = serde_json::from_str(grants).expect("grants");
        let refused = registry.create_key("x", &known(), &name("ana"), &grants).await.expect_err("refused");
        assert!(refused.to_string().contains(words), "{refused}");
    };
    check(r#"{"tiers": ["dear"]}"#, "there is no tier `dear`: routes.toml has cheap").await;
    check(r#"{"models": []}"#, "leave `models` out").await;
    check(r#"{"expires": "2020-01-01"}"#, "has passed").await;
    assert!(registry.audit_log(Moment::from_millis(0), None, 10).await.expect("a log").is_empty());
}

#[tokio::test]
async fn many_changes_at_once_are_all_made_and_counted() {
    let (_folder, registry) = registry().await;
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let registry = registry.clone();
            tokio::spawn(async move { made(&registry, &format!("key-{number}")).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    let snapshot = registry.refresh().await.expect("read");
    assert_eq!((snapshot.version, snapshot.keys.len()), (8, 8));
    let ids: Vec<i64> = registry
        .audit_log(Moment::from_millis(0), Some(8), 3)
        .await
        .expect("a log")
        .iter()
        .map(|line| line.id)
        .collect();
    assert_eq!(ids, [7, 6, 5], "lines below the eighth, the newest first");
}

#[tokio::test]
async fn an_override_is_made_and_ended() {
    let (_folder, registry) = registry().await;
    let budget = BudgetName::parse("payments").expect("a name");
    let hour = 3_600_000;
    let new = NewOverride {
        budget: budget.clone(),
        limit: crate::domain::Pico::new(750_000_000_000_000),
        from: Moment::now(),
        until: Moment::from_millis(Moment::now().millis() + hour),
        why: "the launch".to_owned(),
        owner: "finance".to_owned(),
    };
    let made = registry.override_budget("ops@api", &new).await.expect("made");
    assert_eq!((made.id, made.limit), (1, new.limit));
    assert_eq!(registry.snapshot().expect("read").overrides, std::slice::from_ref(&made));
    let over = NewOverride { until: Moment::from_millis(5), ..new.clone() };
    assert!(registry.override_budget("x", &over).await.is_err());
    assert!(registry.end_override("x", &budget, 99).await.is_err());
    registry.end_override("x", &budget, made.id).await.expect("ended");
    assert!(registry.snapshot().expect("read").overrides.is_empty());
    let log = registry.audit_log(Moment::from_millis(0), None, 10).await.expect("a log");
    assert_eq!(log[0].before.as_ref().expect("told")["limit_pico"], "750000000000000");
}

#[tokio::test]
async fn rules_are_noted_once_a_change() {
    let (_folder, registry) = registry().await;
    for version in ["one", "one", "two", "two", "one"] {
        registry.rules_are(version).await.expect("noted");
    }
    let log = registry.audit_log(Moment::from_millis(0), None, 10).await.expect("a log");
    let after: Vec<_> = log.iter().map(|line| line.after.as_ref().expect("told")["version"].clone()).collect();
    assert_eq!(after, ["one", "two", "one"]);
    assert_eq!((log[2].before.as_ref(), log[1].before.as_ref()), (None, log[2].after.as_ref()));
}

#[tokio::test]
async fn who_follows_is_told_of_what_another_process_changes() {
    let (folder, registry) = registry().await;
    made(&registry, "ana").await;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let following = tokio::spawn(registry.clone().follow(move |snapshot: &Snapshot| {
        tell.send(snapshot.clone()).expect("somebody listens");
    }));
    assert_eq!(told.recv().await.expect("the first").keys.len(), 1);
    let other = Store::open(Place::File(folder.path().join("registry.db"))).await.expect("a store");
    Registry::new(other).revoke_key("x", &known(), &name("ana")).await.expect("revoked");
    let heard = tokio::time::timeout(Duration::from_secs(1), told.recv()).await.expect("within a second");
    assert!(heard.expect("a snapshot").keys[0].revoked.is_some());
    following.abort();
}
