//! The main job on real models: the shipped `routes.toml`, SmolLM2 and Gemma behind it, whole and streamed.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Answer, Proxy};

const BOILERPLATE: &str = "Scaffold a CRUD endpoint for to-do items";
const DESIGN_REVIEW: &str = "Review the design of our failover: both regions accept writes to the payments database \
                             during a partition. Which data can we lose?";

/// The two models, served on free ports by the program that `make run` uses too, until this is dropped.
struct LocalModels {
    child: Child,
    smollm2: String,
    gemma: String,
}

impl LocalModels {
    fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = std::env::var_os("WEIGHBRIDGE_MODELS").map_or_else(|| root.join(".run/models"), PathBuf::from);
        let child = Command::new("python3")
            .arg(root.join("deploy/local-models/up.py"))
            .arg(folder)
            .args(["--port", "smollm2-135m=0", "--port", "gemma-3-270m=0", "--until-stdin-ends"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut models = Self { child: child.expect("python3 is there"), smollm2: String::new(), gemma: String::new() };
        let mut output = BufReader::new(models.child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut url_of = |alias: &str| output.find_map(|line| Some(line.strip_prefix(alias)?.trim().to_owned()));
        let (Some(smollm2), Some(gemma)) = (url_of("smollm2-135m "), url_of("gemma-3-270m ")) else {
            let mut errors = String::new();
            models.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
            panic!("the local models do not start:\n{errors}");
        };
        (models.smollm2, models.gemma) = (smollm2, gemma);
        models
    }
}

impl Drop for LocalModels {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().expect("it ends with its standard input");
    }
}

/// The shipped file, with doors and upstreams on this test's ports.
fn shipped_routes(models: &LocalModels) -> String {
    let mut text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("routes.toml")).expect("the shipped file");
    let moves = [
        ("127.0.0.1:8787", "127.0.0.1:0"),
        ("127.0.0.1:8788", "127.0.0.1:0"),
        ("http://127.0.0.1:7301", models.smollm2.as_str()),
        ("http://127.0.0.1:7302", models.gemma.as_str()),
    ];
    for (from, to) in moves {
        assert!(text.contains(from), "the shipped routes.toml has {from}");
        text = text.replace(from, to);
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn boilerplate_goes_to_smollm2_and_a_design_review_to_gemma() {
    let models = tokio::task::spawn_blocking(LocalModels::start).await.unwrap();
    let routes = shipped_routes(&models);
    let proxy = Proxy::start(&routes).await;
    let client = proxy.client();
    let ask = |prompt: &str, stream: bool| {
        let body = json!({"model": "auto", "max_tokens": 24, "stream": stream, "messages": [{"role": "user", "content": prompt}]});
        client.chat(body.to_string())
    };

    for (prompt, model, tier) in [(BOILERPLATE, "smollm2-135m", "cheap"), (DESIGN_REVIEW, "gemma-3-270m", "large")] {
        let answer = ask(prompt, false).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-weighbridge-tier")), (200, tier), "{}", answer.text());
        let body = answer.json();
        assert_eq!(body["model"], model);
        assert!(!body["choices"][0]["message"]["content"].as_str().unwrap().is_empty());

        let streamed = ask(prompt, true).await;
        assert_eq!((streamed.status.as_u16(), streamed.header("x-weighbridge-tier")), (200, tier));
        assert!(!words_of_stream(&streamed, model).is_empty());
    }

    let columns = "model, tier, streamed, usage_source, coalesce(input, 0) + coalesce(cache_read, 0), output, cost_pico, baseline_pico";
    let entries = proxy.entries(4, columns).await;
    let prices = prices(&routes);
    for (entry, (model, tier, streamed)) in entries.iter().zip([
        ("smollm2-135m", "cheap", "0"),
        ("smollm2-135m", "cheap", "1"),
        ("gemma-3-270m", "large", "0"),
        ("gemma-3-270m", "large", "1"),
    ]) {
        assert_eq!(entry[..4], [model, tier, streamed, "provider"], "{entries:?}");
        let [input, output, cost, baseline] = [4, 5, 6, 7].map(|place| entry[place].parse::<u64>().unwrap());
        assert!(input > 8 && (1..=24).contains(&output), "{entry:?}");
        let at_price_of = |model: &str| {
            let (_, per_input, per_output) = prices.iter().find(|(name, ..)| name == model).unwrap();
            input * per_input + output * per_output
        };
        assert_eq!((cost, baseline), (at_price_of(model), at_price_of("gemma-3-270m")), "{entry:?}");
        assert_eq!(baseline > cost, tier == "cheap", "only the cheap model saves: {entry:?}");
    }
}

/// One endpoint of a dialect, priced, and nothing to decide.
fn single(dialect: &str, url: &str, model: &str) -> String {
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n[endpoints.far]\ndialect = \"{dialect}\"\nurl = \"{url}\"\n\
         model = \"{model}\"\nprice = {{ input = 1, output = 2 }}\n[tiers.only]\nendpoints = [\"far\"]\n\
         [[rules]]\nname = \"all\"\nroute = \"only\"\nwhy = \"There is one.\"\nowner = \"tests\"\n"
    )
}

/// A client of Messages in front of llama.cpp, and a client of Chat Completions in front of that: each proxy translates,
/// and a real model answers.
#[tokio::test(flavor = "multi_thread")]
async fn a_local_model_answers_messages_and_chat_by_way_of_messages_in_streams_with_usage() {
    let models = tokio::task::spawn_blocking(LocalModels::start).await.unwrap();
    let near = Proxy::start(&single("openai-chat", &format!("{}/v1", models.gemma), "gemma-3-270m")).await;
    let far = Proxy::start(&single("anthropic-messages", &format!("http://{}", near.address()), "auto")).await;

    let body = json!({"model": "auto", "max_tokens": 24, "stream": true, "system": "Be brief.",
        "messages": [{"role": "user", "content": BOILERPLATE}]});
    let answer = near.client().send(hyper::Method::POST, "/v1/messages", body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let data = |answer: &Answer| -> Vec<Value> {
        let lines = answer.text().lines().filter_map(|line| line.strip_prefix("data: "));
        lines.filter_map(|data| serde_json::from_str(data).ok()).collect()
    };
    let events = data(&answer);
    let words: String = events.iter().filter_map(|event| event["delta"]["text"].as_str()).collect();
    let usage = events.iter().rev().find_map(|event| event.get("usage")).expect("usage").clone();
    assert!(!words.is_empty() && events.last().unwrap()["type"] == "message_stop", "{}", answer.text());
    let told = [usage["input_tokens"].as_u64().unwrap(), usage["output_tokens"].as_u64().unwrap()];

    let body = json!({"model": "auto", "max_tokens": 24, "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": BOILERPLATE}]});
    let answer = far.client().chat(body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let chunks = data(&answer);
    let words: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    let usage = &chunks.last().unwrap()["usage"];
    assert!(!words.is_empty() && answer.text().trim_end().ends_with("data: [DONE]"), "{}", answer.text());
    assert_eq!(
        usage["total_tokens"].as_u64(),
        Some(usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap())
    );

    let columns = "coalesce(input, 0) + coalesce(cache_read, 0), output, usage_source, dialect, ending";
    let near = near.entries(2, columns).await;
    let far = far.entries(1, columns).await;
    assert_eq!(near[0][2..], ["provider", "anthropic-messages", "complete"], "{near:?}");
    assert!(near[0][0].parse::<u64>().unwrap() >= told[0] && near[0][1] == told[1].to_string(), "{near:?} {told:?}");
    assert_eq!((&far[0][..2], far[0][3].as_str()), (&near[1][..2], "openai-chat"), "both proxies count alike");
    assert!(near[0][0].parse::<u64>().unwrap() > 8);
}

/// The words of a stream that began and ended as it should, and told no usage that nobody asked for.
fn words_of_stream(answer: &Answer, model: &str) -> String {
    let events: Vec<&str> = answer.text().split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
    let (last, chunks) = events.split_last().expect("events");
    assert_eq!(*last, "[DONE]");
    let chunks: Vec<Value> = chunks.iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect();
    assert!(chunks.iter().all(|chunk| chunk["model"] == model && chunk["usage"].is_null()), "{chunks:?}");
    chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect()
}

/// The prices set in a file, in pico-dollars a token: model, input, output.
fn prices(routes: &str) -> Vec<(String, u64, u64)> {
    let file: Value = toml::from_str(routes).unwrap();
    let endpoints = file["endpoints"].as_object().unwrap().values();
    let pico = |price: &Value| (price.as_f64().expect("a price") * 1e6).round() as u64;
    let price = |endpoint: &Value| {
        let price = &endpoint["price"];
        (endpoint["model"].as_str().unwrap().to_owned(), pico(&price["input"]), pico(&price["output"]))
    };
    endpoints.map(price).collect()
}
