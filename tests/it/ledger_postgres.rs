//! The ledger in PostgreSQL: entries arrive there once, whatever is stopped, killed or frozen on the way.

use std::time::Duration;

use crate::support::proxy::routes;
use crate::support::upstream::within;
use crate::support::{Postgres, Proxy, Reply, Upstream, chat, streamed};

/// The routes of a proxy that ships to this server.
fn shipping(upstream: &Upstream, database: &Postgres) -> String {
    let url = upstream.url();
    format!("{}\n[ledger]\nurl = \"{}\"\nship_interval = \"20ms\"\n", routes(&url, &url), database.address())
}

async fn upstream() -> Upstream {
    Upstream::start_answering_each(|seen| {
        let stream = seen.json()["stream"] == true;
        if stream { Reply::stream(&["one", " two"]) } else { Reply::chat("one two") }
    })
    .await
}

/// Waits until a question finds this number.
async fn until(database: &Postgres, sql: &str, expected: i64) {
    within(async {
        while database.number(sql).await != expected {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_arrive_with_their_attempts_and_their_sums() {
    let (upstream, database) = (upstream().await, Postgres::start().await);
    let proxy = Proxy::start(&shipping(&upstream, &database)).await;
    for number in 0..20 {
        let body = if number % 2 == 0 { chat("hello") } else { streamed("hello") };
        assert_eq!(proxy.client().chat(body).await.status, 200);
    }
    proxy.entries(20, "id").await;
    until(&database, "SELECT count(*) FROM entries_default", 0).await;
    until(&database, "SELECT count(*) FROM entries", 20).await;
    assert_eq!(database.number("SELECT count(*) FROM attempts").await, 20);
    for table in ["rollup_hours", "rollup_days"] {
        let sums = format!("SELECT sum(requests)::bigint, sum(cost_pico)::bigint, sum(tokens_in)::bigint FROM {table}");
        let sums = database.query(&sums).await;
        let found: (i64, i64, i64) = (sums[0].get(0), sums[0].get(1), sums[0].get(2));
        assert_eq!(found, (20, 20 * (10 + 5 * 2) * 1_000_000, 200), "{table}");
    }
    assert_eq!(proxy.metric("weighbridge_ledger_unshipped ").await, 0.0);
    assert_eq!(proxy.metric("weighbridge_ledger_shipped_entries_total").await, 20.0);
}
