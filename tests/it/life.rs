//! The life of a process: rules change under load, answers finish while it drains, and kill -9 loses no record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::Method;

use crate::support::process::ask;
use crate::support::proxy::{read, routes};
use crate::support::upstream::{DONE, FINISH, ROLE, Step, chunk, content, within};
use crate::support::{Process, Proxy, Reply, Upstream, chat, streamed};

/// A stream that stops in the middle until the test lets it go on.
fn halting() -> Reply {
    let reply = Reply::events(&[ROLE, &content("half")]).then(Step::Wait);
    [FINISH, DONE].iter().fold(reply, |reply, event| reply.then(Step::Send(chunk(event))))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_lets_answers_finish_and_takes_no_more() {
    for http2 in [false, true] {
        drains(http2).await;
    }
}

async fn drains(http2: bool) {
    let mut upstream = Upstream::start([halting()]).await;
    // The halt must not be taken for a fault of the upstream's, however long this machine takes to get there.
    let routes = routes(&upstream.url(), &upstream.url())
        .replace("idle = \"1s\"", "idle = \"60s\"")
        .replace("total = \"5s\"", "total = \"60s\"");
    let proxy = Proxy::start(&routes.replace("drain_timeout = \"2s\"", "drain_timeout = \"15s\"")).await;
    let client = if http2 { proxy.http2() } else { proxy.client() };
    let answer = client.open(Method::POST, "/v1/chat/completions", streamed("hello")).await;
    upstream.arrived(1).await;
    let address = proxy.address().to_owned();
    let (ledger, _folder, app) = proxy.into_parts();
    let ending = tokio::spawn(app.shut_down());
    within(async {
        while tokio::net::TcpStream::connect(&address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    upstream.release();
    let body = within(answer.into_body().collect()).await.expect("a whole body").to_bytes();
    assert!(body.ends_with(DONE.as_bytes()), "{body:?}");
    within(ending).await.expect("no panic").expect("an orderly end");
    assert_eq!(read(&ledger, "ending"), [["complete"]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_has_an_end_and_tells_those_it_cuts_off() {
    let upstream = Upstream::start([halting()]).await;
    let routes =
        routes(&upstream.url(), &upstream.url()).replace("drain_timeout = \"2s\"", "drain_timeout = \"200ms\"");
    let proxy = Proxy::start(&routes.replace("idle = \"1s\"", "idle = \"60s\"")).await;
    let answer = proxy.client().open(Method::POST, "/v1/chat/completions", streamed("hello")).await;
    let (ledger, _folder, app) = proxy.into_parts();
    let ending = tokio::spawn(app.shut_down());
    let body = within(answer.into_body().collect()).await.expect("an orderly end").to_bytes();
    let text = String::from_utf8_lossy(&body);
    assert!(text.contains("shutting down") && !text.contains("[DONE]"), "{text}");
    within(ending).await.expect("no panic").expect("an orderly end");
    assert_eq!(read(&ledger, "ending, fault"), [["stopped", "us"]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_changes_under_load_fail_no_request_and_each_sees_one_version() {
    let upstream = Upstream::start([Reply::chat("ok")]).await;
    let original = routes(&upstream.url(), &upstream.url());
    let proxy = Arc::new(Proxy::start(&original).await);
    let (done, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (client, done, asked) = (proxy.client(), Arc::clone(&done), Arc::clone(&asked));
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    assert_eq!(client.chat(chat("hello")).await.status, 200);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for number in 0..100 {
        // Every third file is broken; the others name their last rule after themselves.
        let text = match number % 3 {
            2 => original.replace("route = \"cheap\"", "route = \"nowhere\""),
            _ => original.replace("\"everything-else\"", &format!("\"everything-{number}\"")),
        };
        std::fs::write(proxy.routes_path(), text).expect("a file");
        let before = asked.load(Ordering::Relaxed);
        let changing = Arc::clone(&proxy);
        tokio::task::spawn_blocking(move || changing.app.reload()).await.expect("no panic");
        within(async {
            while asked.load(Ordering::Relaxed) < before + 2 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
    done.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.expect("no request failed");
    }
    let asked = asked.load(Ordering::Relaxed);
    let mut rules: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in proxy.entries(asked, "rules_version, rule").await {
        rules.entry(entry[0].clone()).or_default().insert(entry[1].clone());
    }
    assert!(rules.len() > 50, "most of the versions saw traffic: {}", rules.len());
    assert!(rules.values().all(|rules| rules.len() == 1), "one version, one rule: {rules:?}");
    assert_eq!(proxy.metric("weighbridge_config_reloads_total{result=\"accepted\"}").await, 67.0);
    assert_eq!(proxy.metric("weighbridge_config_reloads_total{result=\"refused\"}").await, 33.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_nine_in_the_middle_of_a_thousand_requests_loses_no_whole_answer() {
    // Whole answers to whole questions, streams to the others: the scripted far side looks at the request.
    let upstream = Upstream::start_answering_each(|seen| {
        let stream = seen.json()["stream"] == true;
        if stream { Reply::stream(&["one", " two"]) } else { Reply::chat("one two") }
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let text = routes(&upstream.url(), &upstream.url());
    std::fs::write(folder.path().join("routes.toml"), text).expect("a file");
    let process = Process::start(folder.path());
    let client = process.client();
    let (next, whole) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let (client, next, whole) = (client.clone(), Arc::clone(&next), Arc::clone(&whole));
            tokio::spawn(async move {
                let mut ids = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= 1000 {
                        return ids;
                    }
                    // A failed request is one that the kill met: nobody answers any more.
                    let Some(id) = ask(client.clone(), number).await else { return ids };
                    whole.fetch_add(1, Ordering::Relaxed);
                    ids.push(id);
                }
            })
        })
        .collect();
    within(async {
        while whole.load(Ordering::Relaxed) < 400 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    process.signal("-KILL");
    let mut answered = Vec::new();
    for caller in callers {
        answered.extend(within(caller).await.expect("no panic"));
    }
    drop(process);
    assert!(answered.len() >= 400 && answered.len() < 1000, "killed in the middle: {}", answered.len());

    let again = Process::start(folder.path());
    let ledger = folder.path().join("ledger/weighbridge.db");
    let recorded: Vec<String> = read(&ledger, "lower(hex(id))").concat();
    let distinct: BTreeSet<&String> = recorded.iter().collect();
    assert_eq!(distinct.len(), recorded.len(), "nothing is recorded twice");
    for id in &answered {
        assert!(distinct.contains(&id.replace('-', "")), "the answer {id} came whole and is not in the ledger");
    }
    assert_eq!(again.client().chat(chat("hello")).await.status, 200, "it goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_file_is_noticed_a_bad_one_refused_and_the_process_ends_in_order() {
    let upstream = Upstream::start([Reply::chat("ok")]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("routes.toml");
    let original = routes(&upstream.url(), &upstream.url());
    std::fs::write(&path, &original).expect("a file");
    let mut process = Process::start(folder.path());
    let rule = |answer: crate::support::Answer| answer.header("x-weighbridge-rule").to_owned();
    assert_eq!(rule(process.client().chat(chat("hello")).await), "everything-else");

    // As editors do it: a new file takes the old one's name.
    let renamed = folder.path().join("routes.toml.new");
    std::fs::write(&renamed, original.replace("everything-else", "the-rest")).expect("a file");
    std::fs::rename(&renamed, &path).expect("renamed");
    within(async {
        while rule(process.client().chat(chat("hello")).await) != "the-rest" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    std::fs::write(&path, "[[rules]]\nnonsense").expect("a file");
    process.signal("-HUP");
    within(async {
        while process.metric("weighbridge_config_last_reload_successful").await != 0.0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(rule(process.client().chat(chat("hello")).await), "the-rest", "the last good file stays");
    process.signal("-TERM");
    let status = tokio::task::spawn_blocking(move || process.child.wait().expect("ended")).await.expect("no panic");
    assert!(status.success(), "{status}");
}
