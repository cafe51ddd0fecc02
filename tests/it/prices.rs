//! Prices from the outside: the real binary on a real ledger, made by a running proxy. The catalogue is replaced under it,
//! what was spent is priced again, and compared with a bill.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::proxy::read;
use crate::support::upstream::within;
use crate::support::{Process, Proxy, Reply, Upstream, chat};

const BUNDLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/prices.json");

/// One endpoint that speaks to this address as if it were OpenAI's, priced by `prices.json`.
fn routes(url: &str, more: &str) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"

[endpoints.mini]
url = "{url}"
provider = "openai"
model = "gpt-4o-mini-2024-07-18"

[tiers.only]
endpoints = ["mini"]

[routing]
models = ["*"]

{more}

[[rules]]
name = "all"
route = "only"
why = "w"
owner = "o"
"#
    )
}

/// A chat's answer with 1,000 tokens of prompt, 200 of them cached, 100 of answer, and the cost that a gateway tells.
fn answer(cost: &str) -> Reply {
    let usage = json!({"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100,
        "prompt_tokens_details": {"cached_tokens": 200}});
    let body = json!({"id": "chatcmpl-1", "object": "chat.completion", "model": "far",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}],
        "usage": usage});
    Reply::json(200, &[], &body.to_string().replace("\"total_tokens\"", &format!("\"cost\":{cost},\"total_tokens\"")))
}

/// 800 × 0.15 + 200 × 0.075 + 100 × 0.60 USD a million, in pico-dollars.
const COST: i64 = 800 * 150_000 + 200 * 75_000 + 100 * 600_000;

struct Bench {
    folder: TempDir,
    _upstream: Upstream,
    process: Process,
}

impl Bench {
    async fn start() -> Self {
        let upstream = Upstream::start([answer("0.000200000001")]).await;
        let folder = tempfile::tempdir().expect("a folder");
        let routes =
            routes(&upstream.url(), "[prices]\ncatalogue = \"prices.json\"\n\n[ledger]\npath = \"ledger.db\"\n");
        std::fs::write(folder.path().join("routes.toml"), routes).expect("written");
        std::fs::copy(BUNDLED, folder.path().join("prices.json")).expect("copied");
        let process = Process::start(folder.path());
        Self { folder, _upstream: upstream, process }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the binary; its status, and all that it said.
    fn run(&self, arguments: &[&str]) -> (i32, String) {
        run(self.folder.path(), arguments)
    }

    async fn ask(&self) {
        let answer = self.process.client().chat(chat("hello")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    fn entries(&self, columns: &str) -> Vec<Vec<String>> {
        read(&self.path("ledger.db"), columns)
    }

    /// The catalogue with another price, in a file.
    fn catalogue(&self, name: &str, input: f64) -> String {
        let mut catalogue: Value = serde_json::from_slice(&std::fs::read(BUNDLED).unwrap()).unwrap();
        let openai = catalogue.as_array_mut().unwrap().iter_mut().find(|provider| provider["id"] == "openai");
        let models = openai.unwrap()["models"].as_array_mut().unwrap();
        models.retain(|model| model["id"] != "gpt-4-32k");
        let mini = models.iter_mut().find(|model| model["id"] == "gpt-4o-mini").unwrap();
        mini["prices"]["input_mtok"] = json!(input);
        std::fs::write(self.path(name), catalogue.to_string()).unwrap();
        self.path(name).display().to_string()
    }
}

fn run(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weighbridge"));
    command.args(arguments).args(["--config", "routes.toml"]).current_dir(folder).stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().expect("the binary runs");
    let said = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    (status.code().expect("an end"), said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalogue_is_replaced_and_the_past_is_priced_again() {
    let bench = Bench::start().await;
    bench.ask().await;
    bench.ask().await;
    let columns = "cost_pico, provider_cost_pico, first_cost_pico";
    assert_eq!(bench.entries(columns), vec![[COST.to_string(), "200000001".into(), "-".into()]; 2]);
    assert!(bench.entries("price_version")[0][0].starts_with("genai-prices sha256:"));
    let drift = bench.process.metric("weighbridge_cost_drift_usd_total{endpoint=\"mini\"}").await;
    assert!((drift - 2.0 * 0.000_005_000_001).abs() < 1e-15, "{drift}");

    let (code, said) = bench.run(&["reprice", "--since", "1d", "--yes"]);
    assert!(code == 0 && said.contains("Every entry costs what it says."), "{said}");

    let new = bench.catalogue("new.json", 0.3);
    let (code, said) = bench.run(&["prices", "update", "--from", &new]);
    assert!(code == 2 && said.contains("say --yes"), "{said}");
    let (code, said) = bench.run(&["prices", "update", "--from", &new, "--yes"]);
    assert_eq!(code, 0, "{said}");
    for told in [
        "mini (openai/gpt-4o-mini): input_mtok 0.15 → 0.3",
        "0 models added, 1 removed, 1 changed",
        "0.00039",
        "0.00063",
    ] {
        assert!(said.contains(told), "{told} in {said}");
    }
    assert_eq!(std::fs::read(bench.path("prices.json.bak")).unwrap(), std::fs::read(BUNDLED).unwrap());
    let (code, said) = bench.run(&["prices", "update", "--from", &new, "--yes"]);
    assert!(code == 0 && said.contains("what it was"), "{said}");

    // The running proxy notices.
    let dear = (800 * 300_000 + 200 * 75_000 + 100 * 600_000).to_string();
    within(async {
        while {
            bench.ask().await;
            bench.entries("cost_pico").last().unwrap()[0] != dear
        } {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    })
    .await;

    let before = bench.entries("cost_pico, price_version");
    let (code, said) = bench.run(&["reprice", "--since", "1d", "--dry-run"]);
    assert!(code == 1 && said.contains("Nothing was changed"), "{said}");
    assert_eq!(bench.run(&["reprice", "--since", "1d"]).0, 2, "nobody can be asked");
    assert_eq!(bench.entries("cost_pico, price_version"), before);
    let (code, said) = bench.run(&["reprice", "--since", "1d", "--yes"]);
    assert!(code == 0 && said.contains("entries restated"), "{said}");
    assert!(bench.entries("cost_pico").iter().all(|row| row[0] == dear));
    assert_eq!(bench.entries("first_cost_pico")[0][0], COST.to_string(), "what was recorded first stays");
    assert_eq!(bench.entries("first_price_version")[0][0], before[0][1]);
    let (code, said) = bench.run(&["reprice", "--since", "1d", "--yes"]);
    assert!(code == 0 && said.contains("Every entry costs what it says."), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalogue_that_cannot_be_right_is_refused() {
    let bench = Bench::start().await;
    let before = std::fs::read(bench.path("prices.json")).unwrap();
    let slipped = bench.catalogue("slipped.json", 150_000.0 / 1000.0);
    let (code, said) = bench.run(&["prices", "update", "--from", &slipped, "--yes"]);
    assert!(code == 1 && said.contains("thousandfold"), "{said}");
    let good = bench.catalogue("good.json", 0.2);
    let (code, said) = bench.run(&["prices", "update", "--from", &good, "--yes", "--sha256", "00"]);
    assert!(code == 1 && said.contains("SHA-256"), "{said}");
    std::fs::write(bench.path("short.json"), "[]").unwrap();
    std::fs::write(bench.path("no.json"), "{\"oops\": 1}").unwrap();
    for (file, expected) in [("short.json", 1), ("no.json", 1), ("absent.json", 2)] {
        assert_eq!(bench.run(&["prices", "update", "--from", file, "--yes"]).0, expected, "{file}");
    }
    assert_eq!(bench.run(&["prices", "update", "--from", "http://192.0.2.1/a.json", "--yes"]).0, 2);
    assert_eq!(std::fs::read(bench.path("prices.json")).unwrap(), before);

    // Over HTTP from this machine.
    let served = Upstream::start([Reply::json(200, &[], &std::fs::read_to_string(&good).unwrap())]).await;
    let url = served.url();
    let (code, said) = bench.run(&["prices", "update", "--from", &url, "--yes", "--json"]);
    assert_eq!(code, 0, "{said}");
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&told["replaced"], &told["difference"]["in_use"][0]["prices"]["input_mtok"]),
        (&json!(true), &json!(["0.15", "0.2"]))
    );
    assert_eq!(std::fs::read(bench.path("prices.json")).unwrap(), std::fs::read(&good).unwrap());
    let (code, said) = bench.run(&["prices", "show", "mini"]);
    assert!(code == 0 && said.contains("prices.json") && said.contains("input_mtok") && said.contains("0.2"), "{said}");
    let (code, said) = bench.run(&["prices", "show", "claude-haiku-4-5"]);
    assert!(code == 0 && said.contains("cache_write_1h_mtok") && said.contains("batch"), "{said}");
    assert_eq!(bench.run(&["prices", "show", "no-such-model"]).0, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ledger_is_compared_with_a_bill() {
    let bench = Bench::start().await;
    for _ in 0..3 {
        bench.ask().await;
    }
    let day = bench.entries("day")[0][0].clone();
    let reconcile = |bill: &str, more: &[&str]| {
        std::fs::write(bench.path("bill.csv"), bill).unwrap();
        bench.run(&[&["reconcile", "bill.csv"], more].concat())
    };
    // 3 × 0.000195 USD, in two lines and by the alias.
    let bill =
        format!("date,model,cost_usd\n{day},gpt-4o-mini,0.000385\n{day},\"gpt-4o-mini-2024-07-18, output\",0.0002\n");
    let (code, said) = reconcile(&bill, &["--tolerance", "0%", "--provider", "openai"]);
    assert!(code == 0 && said.contains("0.000585"), "{said}");
    let (code, said) = reconcile(&bill.replace("385", "405"), &["--json"]);
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (code, &told["lines"][0]["difference_usd"], &told["lines"][0]["within"]),
        (1, &json!("-0.00002"), &json!(false))
    );
    assert_eq!(reconcile(&bill.replace("385", "405"), &["--tolerance", "5%"]).0, 0);
    let (code, said) = reconcile(&format!("{bill}{day},o3,1\nsoon,o3,1\n"), &[]);
    assert!(
        code == 1 && said.contains("only on the bill") && said.contains("line 5 of the bill was left out"),
        "{said}"
    );
    let (code, said) = reconcile(&format!("date,model,cost_usd\n{day},o3,1\n"), &[]);
    assert!(code == 1 && said.contains("only in the ledger"), "{said}");
    assert_eq!(reconcile("day,cost\n", &[]).0, 2);
}

/// A gateway behind us that says what it charged, in a header, where we know no price.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateways_word_counts_where_no_price_is_known() {
    for (header, told, cost) in [
        ("x-litellm-response-cost", "1.25e-05", "12500000"),
        ("x-weighbridge-cost-usd", "0.000000000007", "7"),
        ("x-litellm-response-cost", "0.0", "-"),
    ] {
        let usage = json!({"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6});
        let body = json!({"object": "chat.completion", "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": "ok"}}], "usage": usage});
        let upstream = Upstream::start([Reply::json(200, &[(header, told)], &body.to_string())]).await;
        let routes = routes(&upstream.url(), "[ledger]\npath = \"ledger/weighbridge.db\"\n");
        let proxy = Proxy::start(&routes.replace("provider = \"openai\"\n", "")).await;
        let answer = proxy.client().chat(chat("hello")).await;
        assert_eq!(answer.status, 200);
        let kept = proxy.entries(1, "cost_pico, provider_cost_pico, price_version").await.remove(0);
        assert_eq!(kept[0], cost, "{header}");
        assert_eq!(kept[2] == "told by the provider", cost != "-");
        let unpriced = proxy.metric("weighbridge_unpriced_requests_total{endpoint=\"mini\"}").await;
        assert_eq!(unpriced, f64::from(u8::from(cost == "-")));
    }
}

/// What was agreed counts until it ends, and slips of the decimal point are found.
#[test]
fn agreed_prices_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let check = |prices: &str, expected: i32, told: &str| {
        let routes = routes("https://api.openai.com/v1", prices);
        std::fs::write(folder.path().join("routes.toml"), routes).unwrap();
        let (code, said) = run(folder.path(), &["check"]);
        assert!(code == expected && said.contains(told), "{prices}: {code} {said}");
    };
    let agreed = |what: &str, until: &str| {
        format!(
            "[[prices.overrides]]\nprovider = \"openai\"\nmodel = \"gpt-4o-*\"\n{what}\nreason = \"r\"\nowner = \"o\"\nvalid_until = {until}\n"
        )
    };
    check(&agreed("discount_percent = 12.5", "2099-01-01"), 0, "is good");
    let (_, said) = run(folder.path(), &["prices", "show"]);
    assert!(said.contains("less 12.5 % by [[prices.overrides]], until 2099-01-01"), "{said}");
    check(&agreed("discount_percent = 12.5", "2020-01-01"), 0, "the catalogue's price counts");
    check(&agreed("discount_percent = 120", "2099-01-01"), 1, "cannot be `120`");
    check(&agreed("price = { input = 0.14, output = 0.5 }", "2099-01-01"), 0, "is good");
    check(&agreed("price = { input = 0.14, output = 600 }", "2099-01-01"), 1, "but the catalogue says");
    check(&agreed("price = { input = 0.00000015, output = 0.5 }", "2099-01-01"), 1, "USD for a million tokens");
    check(&agreed("price = { input = 0.14, output = 0.5, cache_read = 75 }", "2099-01-01"), 1, "`price.cache_read`");
    check(&agreed("", "2099-01-01"), 1, "needs either `discount_percent` or `price`");
    check(&agreed("discount_percent = 5", "2099-01-01").replace("owner = \"o\"\n", ""), 1, "has no `owner`");
    check(&agreed("discount_percent = 5", "2099-01-01").replace("\"openai\"", "\"opanai\""), 1, "cannot be `opanai`");
    check("[prices]\ncatalogue = \"nowhere.json\"\n", 0, "the catalogue that is built in counts");
}
