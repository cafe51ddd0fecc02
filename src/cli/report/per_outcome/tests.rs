use crate::record::archive::Archive;
use std::time::Duration;

use clap::Parser;

use super::super::*;
use super::{PerOutcomeError, Shelf};
use crate::domain::{Label, Pico, TierName};
use crate::record::entry::Entry;
use crate::record::{Ledger, Settings, sample};
use crate::store::Store;
use crate::value::book::Book;
use crate::value::draft::read_csv;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

const HOUR: u64 = 3_600_000;

/// An entry of a feature and a branch, so many hours before the sample's day.
fn entry(number: u64, hours: u64, feature: &str, branch: &str, pico: Option<i128>) -> Entry {
    Entry {
        at_millis: sample::MIDNIGHT - hours * HOUR,
        feature: Label::parse(feature),
        branch: Label::parse(branch),
        pull_request: None,
        cost: pico.map(Pico::new),
        tier: TierName::parse(if number == 3 { "large" } else { "cheap" }).ok(),
        ..sample::full(number)
    }
}

fn some() -> Vec<Entry> {
    vec![
        entry(1, 30, "checkout", "checkout/a", Some(910_000_001)),
        entry(2, 29, "checkout", "checkout/b", Some(2_000_000_000)),
        entry(3, 28, "checkout", "checkout/b", Some(90_000_000)),
        entry(4, 28, "search", "search/a", None),
        entry(5, 28, "search", "example/docs:search/a", Some(40_000_000)),
        entry(6, 60, "checkout", "checkout/old", Some(700_000_000)),
        entry(7, 20, "", "", Some(1)),
    ]
}

const OUTCOMES: &str = "pull_request,at,branch,feature,weight\n\
                        example/shop#1,2026-11-21T06:00:00Z,checkout/a,checkout,1\n\
                        example/shop#2,2026-11-21T12:00:00Z,checkout/b,checkout,2\n\
                        example/shop#3,2026-11-21T12:00:00Z,search/a,search,1\n\
                        example/docs#3,2026-11-21T12:00:00Z,search/a,search,1\n\
                        example/shop#0,2026-11-19T20:00:00Z,checkout/old,checkout,1\n";

/// What `weighbridge report` prints with these arguments.
fn said(arguments: &str) -> Result<String, ReportError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::open(&Settings::at(&path)).unwrap();
    some().into_iter().for_each(|entry| drop(ledger.append(entry)));
    ledger.close(Duration::from_secs(10)).unwrap();
    let (outcomes, bad) = read_csv(OUTCOMES.as_bytes()).unwrap();
    assert!(bad.is_empty(), "{bad:?}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let shelf = Shelf::of(None, Some(&path)).unwrap();
    let keep = async { Book::new(Store::open(shelf.place.clone()).await.unwrap()).keep(&outcomes, 0).await.unwrap() };
    assert_eq!(runtime.block_on(keep).new, 5);
    let args = Line::parse_from(["report"].into_iter().chain(arguments.split_whitespace())).args;
    let mut out = Vec::new();
    let now = "2026-11-22T00:00:00Z".parse().unwrap();
    super::print(&args, args.per.as_deref().unwrap(), &Archive::in_file(&path), &shelf, now, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn a_table_says_what_an_outcome_costs_and_what_is_missing() {
    insta::assert_snapshot!(said("--by feature --per outcome --since 36h --min-outcomes 1").unwrap());
}

#[test]
fn csv_is_exact() {
    insta::assert_snapshot!(said("--by pr --per merged-pr --csv").unwrap());
}

#[test]
fn json_is_exact_and_names_what_is_not_known_null() {
    insta::assert_snapshot!(said("--by feature --per outcome --feature checkout --since 36h --json").unwrap());
}

#[test]
fn what_cannot_be_asked_is_told() {
    let error = |arguments| said(arguments).unwrap_err();
    assert!(matches!(error("--per outcome --by tier"), ReportError::Outcomes(PerOutcomeError::By("tier"))));
    assert!(matches!(error("--per outcome --by team --by feature"), ReportError::Outcomes(PerOutcomeError::Several)));
    assert!(Line::try_parse_from(["report", "--min-outcomes", "5"]).is_err());
}
