//! Alerts over their life: found, told, over; by one process and by several.

use std::cell::{Cell, RefCell};

use super::delivery::{Delivered, deliver};
use super::register::{Changes, Look, Register};
use super::*;
use crate::store::{Place, Store};
use crate::value::book::Book;

const MINUTE: i64 = 60_000;

async fn book_in(folder: &tempfile::TempDir) -> Book {
    Book::new(Store::open(Place::File(folder.path().join("registry.db"))).await.unwrap())
}

async fn book() -> (tempfile::TempDir, Book) {
    let folder = tempfile::tempdir().unwrap();
    let book = book_in(&folder).await;
    (folder, book)
}

fn finding(id: &str, condition: Condition) -> Finding {
    Finding {
        id: id.into(),
        name: "dearer".into(),
        kind: Kind::CostPerOutcome,
        subject: format!("feature {id}"),
        condition,
        summary: "Figures.".into(),
        until_millis: None,
    }
}

fn good() -> Condition {
    Condition::Good("it is better".into())
}

fn look(now_millis: i64) -> Look {
    Look { now_millis, stale_millis: 10 * MINUTE, posts: true }
}

async fn take_in(register: &Register, findings: &[Finding], now: i64) -> (usize, usize, usize) {
    let Changes { fired, cleared, firing } = register.take_in(findings, look(now)).await.unwrap();
    (fired.len(), cleared.len(), firing.len())
}

/// What a round of sending tells, with a receiver that takes nothing while `refuses`.
async fn round(book: &Book, now: i64, refuses: bool) -> (Vec<String>, Delivered) {
    let told = RefCell::new(Vec::new());
    let delivered = deliver(
        book.store().await.unwrap(),
        || now,
        |id, body: String| {
            assert!(body.contains("blocks"));
            told.borrow_mut().push(id);
            async move { if refuses { Err("the receiver answered 500".into()) } else { Ok(()) } }
        },
    );
    let delivered = delivered.await.unwrap();
    (told.into_inner(), delivered)
}

#[tokio::test]
async fn an_alert_fires_once_clears_once_and_may_fire_again() {
    let (_folder, book) = book().await;
    let register = Register::new(book.clone());
    let bad = [finding("a", Condition::Bad)];
    assert_eq!(take_in(&register, &[finding("a", good())], 1).await, (0, 0, 0), "nothing was wrong");
    assert_eq!(take_in(&register, &[finding("a", Condition::Between)], 2).await, (0, 0, 0));
    assert_eq!(take_in(&register, &bad, 3).await, (1, 0, 1));
    assert_eq!(take_in(&register, &bad, 4).await, (0, 0, 1));
    assert_eq!(take_in(&register, &[finding("a", Condition::Between)], 5).await, (0, 0, 1), "it stays as it is");
    assert_eq!(take_in(&register, &[finding("a", good())], 6).await, (0, 1, 0));
    assert_eq!(take_in(&register, &[finding("a", good())], 7).await, (0, 0, 0));
    assert_eq!(take_in(&register, &bad, 8).await, (1, 0, 1));
    let told = round(&book, 9, false).await.0;
    assert_eq!(told, ["a#1:firing", "a#1:cleared", "a#2:firing"], "in their order");
    assert!(round(&book, 10, false).await.0.is_empty(), "each once");
    let alert = &register.alerts().await.unwrap()[0];
    assert_eq!((alert.firing, alert.episode, alert.since_millis, alert.cleared_millis), (true, 2, 8, None));
}

#[tokio::test]
async fn of_several_replicas_one_tells_it() {
    let folder = tempfile::tempdir().unwrap();
    let books = [book_in(&folder).await, book_in(&folder).await, book_in(&folder).await];
    let bad = [finding("a", Condition::Bad), finding("b", Condition::Bad)];
    let (mut fired, mut cleared, mut sent) = (0, 0, 0);
    for step in 0..6_i64 {
        let over = [finding("a", good()), finding("b", good())];
        let findings = if step % 2 == 0 { &bad } else { &over };
        let looks = books.iter().map(|book| {
            let (register, findings) = (Register::new(book.clone()), findings.to_vec());
            tokio::spawn(async move { register.take_in(&findings, look(step)).await.unwrap() })
        });
        for changes in looks.collect::<Vec<_>>() {
            let changes = changes.await.unwrap();
            fired += changes.fired.len();
            cleared += changes.cleared.len();
        }
        let rounds = books.each_ref().map(|book| {
            let book = book.clone();
            tokio::spawn(async move {
                deliver(book.store().await.unwrap(), || step, |_, _| async { Ok(()) }).await.unwrap().sent
            })
        });
        for round in rounds {
            sent += round.await.unwrap();
        }
    }
    assert_eq!((fired, cleared, sent), (6, 6, 12), "two alerts fired and cleared three times each");
}

#[tokio::test]
async fn what_is_not_taken_is_tried_again_later_and_given_up_after_a_day() {
    let (_folder, book) = book().await;
    take_in(&Register::new(book.clone()), &[finding("a", Condition::Bad)], 0).await;
    let (mut now, mut pauses) = (0, Vec::new());
    let gave_up = loop {
        let (told, delivered) = round(&book, now, true).await;
        let Some(next) = delivered.next_millis else {
            assert!(told.is_empty(), "what is a day old is of no use");
            break delivered;
        };
        assert_eq!(told.len(), 1);
        assert!(round(&book, next - 1, true).await.0.is_empty(), "not before its time");
        pauses.push(next - now);
        now = next;
    };
    assert_eq!(pauses[..6], [1_000, 2_000, 4_000, 8_000, 16_000, 32_000]);
    assert_eq!(pauses.iter().max(), Some(&(15 * MINUTE)));
    assert!((24 * 60 * MINUTE..25 * 60 * MINUTE).contains(&now), "{now}");
    assert_eq!((gave_up.given_up, gave_up.failed), (1, 0));
    assert!(round(&book, now * 2, false).await.0.is_empty());
}

#[tokio::test]
async fn what_waited_for_a_receiver_for_a_day_is_not_sent_to_the_first_that_comes() {
    let (_folder, book) = book().await;
    take_in(&Register::new(book.clone()), &[finding("a", Condition::Bad)], 0).await;
    let bad = [finding("a", Condition::Bad), finding("b", Condition::Bad)];
    take_in(&Register::new(book.clone()), &bad, 20 * 60 * MINUTE).await;
    let (told, delivered) = round(&book, 24 * 60 * MINUTE, false).await;
    assert_eq!((told, delivered.given_up), (vec!["b#1:firing".to_owned()], 1));
    let left = book
        .store()
        .await
        .unwrap()
        .query("SELECT id FROM messages WHERE given_up_millis IS NULL AND sent_millis IS NULL", Vec::new());
    assert!(left.await.unwrap().is_empty(), "nothing waits any more");
}

#[tokio::test]
async fn that_it_is_over_is_not_told_before_that_it_began() {
    let (_folder, book) = book().await;
    let register = Register::new(book.clone());
    take_in(&register, &[finding("a", Condition::Bad)], 0).await;
    round(&book, 0, true).await;
    take_in(&register, &[finding("a", good())], 10).await;
    assert!(round(&book, 20, false).await.0.is_empty(), "the first waits, so the second does");
    assert_eq!(round(&book, 1_000, false).await.0, ["a#1:firing", "a#1:cleared"]);
}

#[tokio::test]
async fn a_sender_that_dies_leaves_its_message_to_others_once_its_claim_is_over() {
    let (_folder, book) = book().await;
    take_in(&Register::new(book.clone()), &[finding("a", Condition::Bad)], 0).await;
    let dies = deliver(book.store().await.unwrap(), || 0, |_, _| std::future::pending());
    assert!(tokio::time::timeout(Duration::from_millis(200), dies).await.is_err());
    let (told, delivered) = round(&book, 29_999, false).await;
    assert!(told.is_empty() && delivered.next_millis == Some(30_000), "{delivered:?}");
    assert_eq!(round(&book, 30_000, false).await.0, ["a#1:firing"]);
}

#[tokio::test]
async fn an_alert_ends_with_its_window_or_when_nobody_looks_any_more() {
    let (_folder, book) = book().await;
    let register = Register::new(book.clone());
    let window = Finding { until_millis: Some(100), ..finding("window", Condition::Bad) };
    assert_eq!(take_in(&register, &[window.clone(), finding("taken out", Condition::Bad)], 0).await, (2, 0, 2));
    assert_eq!(take_in(&register, std::slice::from_ref(&window), 99).await, (0, 0, 2));
    assert_eq!(take_in(&register, &[window], 100).await, (0, 1, 1), "and it does not fire again");
    assert_eq!(take_in(&register, &[], 10 * MINUTE).await, (0, 0, 1), "a replica may be late");
    assert_eq!(take_in(&register, &[], 10 * MINUTE + 1).await, (0, 1, 0));
    let bodies = RefCell::new(Vec::new());
    let sent = Cell::new(0);
    deliver(
        book.store().await.unwrap(),
        || 11 * MINUTE,
        |_, body| {
            bodies.borrow_mut().push(body);
            sent.set(sent.get() + 1);
            async { Ok(()) }
        },
    )
    .await
    .unwrap();
    let bodies = bodies.into_inner().join("\n");
    assert_eq!(sent.get(), 4);
    assert!(bodies.contains("(its window has ended)") && bodies.contains("(it is not watched any more)"), "{bodies}");
}

#[tokio::test]
async fn without_a_receiver_nothing_waits_to_be_sent() {
    let (_folder, book) = book().await;
    let register = Register::new(book.clone());
    let silent = |now_millis| Look { posts: false, ..look(now_millis) };
    register.take_in(&[finding("a", Condition::Bad)], silent(0)).await.unwrap();
    register.take_in(&[finding("a", good())], silent(1)).await.unwrap();
    assert_eq!(round(&book, 2, false).await, (Vec::new(), Delivered::default()));
}
