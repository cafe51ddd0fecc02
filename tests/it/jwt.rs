//! Tokens of an issuer instead of keys: an issuer over loopback with real keys, and everything that is wrong with tokens.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::proxy::routes;
use crate::support::{Answer, Proxy, Reply, Upstream, chat};

/// A key with which an issuer signs.
struct Signer {
    id: &'static str,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Signer {
    fn rsa(id: &'static str) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("a key");
        // PKCS #8 wraps what the signer wants in 26 bytes that say that it is an RSA key.
        let key = EncodingKey::from_rsa_der(&pair.serialize_der()[26..]);
        Self { id, algorithm: Algorithm::RS256, key }
    }

    fn ec(id: &'static str) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
        Self { id, algorithm: Algorithm::ES256, key: EncodingKey::from_ec_der(&pair.serialize_der()) }
    }

    fn public(&self) -> Jwk {
        let mut public = Jwk::from_encoding_key(&self.key, self.algorithm).expect("a public key");
        public.common.key_id = Some(self.id.to_owned());
        public
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.id.to_owned()), ..Header::new(self.algorithm) };
        jsonwebtoken::encode(&header, claims, &self.key).expect("a token")
    }
}

/// An issuer: its keys, and who asked for them.
struct Issuer {
    server: Upstream,
    keys: Arc<Mutex<Vec<Jwk>>>,
    url: String,
}

impl Issuer {
    async fn start(signers: &[&Signer]) -> Self {
        let keys = Arc::new(Mutex::new(signers.iter().map(|signer| signer.public()).collect::<Vec<_>>()));
        let (shown, address) = (Arc::clone(&keys), Arc::new(Mutex::new(String::new())));
        let own = Arc::clone(&address);
        let server = Upstream::start_answering_each(move |seen| {
            let url = own.lock().expect("no panic").clone();
            let body = match seen.head.split(' ').nth(1) {
                Some("/.well-known/openid-configuration") => json!({"issuer": url, "jwks_uri": format!("{url}/keys")}),
                Some("/keys") => json!({ "keys": *shown.lock().expect("no panic") }),
                path => panic!("{path:?}"),
            };
            Reply::json(200, &[], &body.to_string())
        })
        .await;
        let url = format!("http://{}", server.address);
        address.lock().expect("no panic").clone_from(&url);
        Self { server, keys, url }
    }

    fn fetches(&self) -> usize {
        self.server.seen().iter().filter(|seen| seen.head.starts_with("GET /keys ")).count()
    }

    fn shows(&self, signers: &[&Signer]) {
        *self.keys.lock().expect("no panic") = signers.iter().map(|signer| signer.public()).collect();
    }

    fn claims(&self) -> Value {
        json!({
            "iss": self.url, "aud": ["other", "weighbridge"], "exp": seconds() + 300, "email": "ana@example.com",
            "groups": {"team": ["payments"]}, "department": "engineering",
        })
    }
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

async fn started(issuer: &Issuer, more: &str) -> (Upstream, Proxy) {
    let upstream = Upstream::start([Reply::chat("hello")]).await;
    let routes = routes(&upstream.url(), &upstream.url());
    let section = format!(
        "[issuers.company]\nissuer = \"{}\"\naudience = \"weighbridge\"\n\
         claims = {{ engineer = \"email\", team = \"groups.team\", feature = \"feature\" }}\n\
         require = {{ department = \"engineering\" }}\n{more}",
        issuer.url
    );
    let proxy = Proxy::start(&format!("{routes}\n{section}")).await;
    (upstream, proxy)
}

fn with(proxy: &Proxy, token: &str) -> Client {
    proxy.client().with("authorization", &format!("Bearer {token}"))
}

fn is_refused(answer: &Answer, words: &str) {
    assert_eq!(
        (answer.status.as_u16(), answer.header("x-weighbridge-error")),
        (401, "unauthenticated"),
        "{}",
        answer.text()
    );
    assert!(answer.text().contains(words), "{words}: {}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_says_who_asks() {
    let (rsa, ec) = (Signer::rsa("rsa-1"), Signer::ec("ec-1"));
    let issuer = Issuer::start(&[&rsa, &ec]).await;
    let (upstream, proxy) = started(&issuer, "").await;
    let mut claims = issuer.claims();
    claims["feature"] = "checkout".into();
    for signer in [&rsa, &ec] {
        let client = with(&proxy, &signer.sign(&claims)).with("x-weighbridge-engineer", "mallory");
        let answer = client.chat(chat("x")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let recorded = proxy.entries(2, "key, engineer, team, feature").await;
    assert_eq!(recorded[1], ["company", "ana@example.com", "payments", "checkout"]);
    assert!(upstream.seen().iter().all(|seen| seen.header("authorization").is_none()), "the token does not go on");
    let models = with(&proxy, &rsa.sign(&claims)).get("/v1/models").await;
    assert_eq!(models.status, 200, "{}", models.text());
    assert_eq!(issuer.fetches(), 1);
    assert_eq!(proxy.metric("weighbridge_issuer_fetches_total{issuer=\"company\",outcome=\"ok\"}").await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_nobody_is_let_in() {
    let signer = Signer::ec("ec-1");
    let issuer = Issuer::start(&[&signer]).await;
    let (upstream, proxy) = started(&issuer, "").await;
    is_refused(&proxy.client().chat(chat("x")).await, "no key was sent");
    is_refused(&with(&proxy, "wb-anything").chat(chat("x")).await, "not known");
    let token = signer.sign(&issuer.claims());
    let contradictory = with(&proxy, &token).with("x-api-key", "wb-other");
    is_refused(&contradictory.chat(chat("x")).await, "differ");
    let own = with(&proxy, &token).with("x-weighbridge-key", "wb-wrong");
    is_refused(&own.chat(chat("x")).await, "not known");
    assert_eq!(proxy.client().get("/v1/models").await.status, 401);
    assert!(upstream.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_token_says_must_hold() {
    let signer = Signer::rsa("rsa-1");
    let issuer = Issuer::start(&[&signer]).await;
    let (upstream, proxy) = started(&issuer, "").await;
    let check = async |name: &str, value: Value, words: &str| {
        let mut claims = issuer.claims();
        match value {
            Value::Null => drop(claims.as_object_mut().expect("an object").remove(name)),
            value => claims[name] = value,
        }
        let token = signer.sign(&claims);
        let answer = with(&proxy, &token).chat(chat("x")).await;
        is_refused(&answer, words);
        assert!(!answer.text().contains(&token), "the token is not repeated");
    };
    check("exp", (seconds() - 31).into(), "expired").await;
    check("exp", "soon".into(), "`exp`").await;
    check("exp", Value::Null, "`exp`").await;
    check("nbf", (seconds() + 60).into(), "not valid yet").await;
    check("aud", "someone-else".into(), "`aud`").await;
    check("aud", Value::Null, "`aud`").await;
    check("iss", "https://elsewhere.example.com".into(), "not by an issuer").await;
    check("iss", Value::Null, "not by an issuer").await;
    check("email", Value::Null, "no text in `email`").await;
    check("email", "ana lovelace".into(), "printable ASCII").await;
    check("groups", Value::Null, "no text in `groups.team`").await;
    check("department", "sales".into(), "`department`").await;
    assert!(upstream.seen().is_empty());
    // Clocks may differ by half a minute.
    let mut claims = issuer.claims();
    (claims["exp"], claims["nbf"]) = ((seconds() - 20).into(), (seconds() + 20).into());
    assert_eq!(with(&proxy, &signer.sign(&claims)).chat(chat("x")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_must_be_the_issuers_own() {
    let (signer, stranger) = (Signer::rsa("rsa-1"), Signer::rsa("rsa-1"));
    let issuer = Issuer::start(&[&signer]).await;
    let (upstream, proxy) = started(&issuer, "").await;
    let claims = issuer.claims();
    is_refused(&with(&proxy, &stranger.sign(&claims)).chat(chat("x")).await, "signature is wrong");
    // The payload of a good token, changed.
    let good = signer.sign(&claims);
    let parts: Vec<&str> = good.split('.').collect();
    let mut other = claims.clone();
    other["email"] = "root@example.com".into();
    let forged = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(other.to_string()), parts[2]);
    is_refused(&with(&proxy, &forged).chat(chat("x")).await, "signature is wrong");
    // No algorithm at all, and a shared secret that everybody knows: the public key.
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT","kid":"rsa-1"}"#);
    for unsigned in [format!("{none}.{}.", parts[1]), format!("{none}.{}.{}", parts[1], parts[2])] {
        is_refused(&with(&proxy, &unsigned).chat(chat("x")).await, "header");
    }
    let public = serde_json::to_vec(&signer.public()).expect("JSON");
    let header = Header { kid: Some("rsa-1".into()), ..Header::new(Algorithm::HS256) };
    let confused = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&public)).expect("a token");
    is_refused(&with(&proxy, &confused).chat(chat("x")).await, "HS256");
    // An algorithm that is not allowed here, though the key could have signed with it.
    let header = Header { kid: Some("rsa-1".into()), ..Header::new(Algorithm::RS512) };
    let other = jsonwebtoken::encode(&header, &claims, &signer.key).expect("a token");
    is_refused(&with(&proxy, &other).chat(chat("x")).await, "RS512");
    assert!(upstream.seen().is_empty());
    assert_eq!(with(&proxy, &good).chat(chat("x")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_and_a_flood_of_unknown_ones_causes_no_flood_of_fetches() {
    let (old, new) = (Signer::ec("old"), Signer::ec("new"));
    let issuer = Issuer::start(&[&old]).await;
    let (_upstream, proxy) = started(&issuer, "").await;
    let claims = issuer.claims();
    let (by_old, by_new) = (with(&proxy, &old.sign(&claims)), with(&proxy, &new.sign(&claims)));
    assert_eq!(by_old.chat(chat("x")).await.status, 200);
    let before = issuer.fetches();
    issuer.shows(&[&new]);
    let together = tokio::join!(by_new.chat(chat("x")), by_new.chat(chat("y")), by_new.chat(chat("z")));
    for answer in [&together.0, &together.1, &together.2] {
        assert_eq!(answer.status, 200, "an unknown key is fetched at once: {}", answer.text());
    }
    assert_eq!(issuer.fetches(), before + 1);
    is_refused(&by_old.chat(chat("x")).await, "not one of");
    let strangers: Vec<Signer> = ["s1", "s2", "s3", "s4", "s5"].map(Signer::ec).into();
    let started = std::time::Instant::now();
    for turn in 0..40 {
        let token = strangers[turn % 5].sign(&json!({"iss": issuer.url, "n": turn}));
        is_refused(&with(&proxy, &token).chat(chat("x")).await, "not one of");
    }
    assert!(started.elapsed() < Duration::from_secs(4), "nobody waits for nothing: {:?}", started.elapsed());
    assert_eq!(issuer.fetches(), before + 1, "one unknown key in half a minute");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_is_gone_keeps_nobody_out_who_was_known() {
    let signer = Signer::ec("ec-1");
    let issuer = Issuer::start(&[&signer]).await;
    let (_upstream, proxy) = started(&issuer, "refresh = \"10s\"\n").await;
    let claims = issuer.claims();
    assert_eq!(with(&proxy, &signer.sign(&claims)).chat(chat("x")).await.status, 200);
    // From now on it answers with what are no keys.
    issuer.keys.lock().expect("no panic").clear();
    let failed = "weighbridge_issuer_fetches_total{issuer=\"company\",outcome=\"failed\"}";
    for _ in 0..100 {
        if proxy.metric(failed).await > 0.0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    assert_eq!(proxy.metric(failed).await, 1.0, "it was asked again in the background");
    assert_eq!(proxy.metric("weighbridge_issuer_failing{issuer=\"company\"}").await, 1.0);
    let mut other = claims.clone();
    other["email"] = "ben@example.com".into();
    assert_eq!(with(&proxy, &signer.sign(&other)).chat(chat("x")).await.status, 200, "its last keys stay in use");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_was_never_there_is_told_as_such() {
    let signer = Signer::ec("ec-1");
    let issuer = Issuer::start(&[&signer]).await;
    let url = issuer.url.clone();
    let claims = issuer.claims();
    let (upstream, proxy) = started(&Issuer { url: "http://127.0.0.1:9".into(), ..issuer }, "").await;
    let mut lost = claims.clone();
    lost["iss"] = "http://127.0.0.1:9".into();
    let answer = with(&proxy, &signer.sign(&lost)).chat(chat("x")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("x-weighbridge-error")),
        (503, "overloaded"),
        "{}",
        answer.text()
    );
    assert!(answer.text().contains("could not be fetched") && !answer.text().contains(&url), "{}", answer.text());
    assert!(upstream.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_and_permissions_of_tokens_hold() {
    let signer = Signer::ec("ec-1");
    let issuer = Issuer::start(&[&signer]).await;
    let more = "may_choose = false\n[[limits]]\nname = \"each\"\nfor = { engineer = \"*\" }\nrequests_per_minute = 2\n\
                [[limits]]\nname = \"company\"\nfor = { key = \"company\" }\nrequests_per_minute = 3\n";
    let (_upstream, proxy) = started(&issuer, more).await;
    let named = |email: &str| {
        let mut claims = issuer.claims();
        claims["email"] = email.into();
        with(&proxy, &signer.sign(&claims))
    };
    let (ana, ben) = (named("ana"), named("ben"));
    assert_eq!(ana.chat(chat("x").replace("\"auto\"", "\"big\"")).await.status, 403);
    assert_eq!(ana.chat(chat("x")).await.status, 200);
    let refused = ana.chat(chat("x")).await;
    assert!(refused.status == 429 && refused.text().contains("engineer `ana`"), "{}", refused.text());
    assert_eq!(ben.chat(chat("x")).await.status, 200);
    let refused = ben.chat(chat("x")).await;
    assert!(refused.status == 429 && refused.text().contains("key `company`"), "{}", refused.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_asks_more_of_tokens_counts_at_once() {
    let signer = Signer::ec("ec-1");
    let issuer = Issuer::start(&[&signer]).await;
    let (_upstream, proxy) = started(&issuer, "").await;
    let client = with(&proxy, &signer.sign(&issuer.claims()));
    assert_eq!(client.chat(chat("x")).await.status, 200);
    let routes = std::fs::read_to_string(proxy.routes_path()).expect("a file");
    std::fs::write(proxy.routes_path(), routes.replace("department = \"eng", "department = \"prod-eng"))
        .expect("a file");
    proxy.app.reload();
    is_refused(&client.chat(chat("x")).await, "`department`");
    assert_eq!(issuer.fetches(), 1, "the keys are the same");
}

#[test]
fn what_is_no_issuer_is_refused_by_check() {
    let issuers = "[keys.bots]\nsha256 = \"00\"\n\
                   [issuers.a]\n\
                   [issuers.b]\nissuer = \"http://login.example.com\"\naudience = \"wb\"\n\
                   [issuers.c]\nissuer = \"https://login.example.com\"\naudience = \"wb\"\nalgorithms = [\"HS256\"]\n\
                   jwks_url = \"ftp://login.example.com/keys\"\nclaims = { team = \"\" }\ntiers = [\"chep\"]\n\
                   [issuers.d]\nissuer = \"https://login.example.com\"\naudience = \"wb\"\nalgorithms = []\n\
                   [issuers.bots]\nissuer = \"http://127.0.0.1:9\"\naudience = \"wb\"\n";
    let told =
        crate::support::proxy::told(&format!("{}\n{issuers}", routes("http://127.0.0.1:9", "http://127.0.0.1:9")));
    for words in [
        "issuer `a` has no `issuer`",
        "issuer `a` has no `audience`",
        "issuer `b`: `http://login.example.com/.well-known/openid-configuration` is not over https",
        "issuer `c` cannot sign with `HS256`",
        "never a shared secret",
        "`claims.team` of issuer `c` is empty",
        "issuer `c` allows tier `chep`",
        "issuer `d`: no algorithm is allowed",
        "an issuer and a key are both called `bots`",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_opens_no_door_to_the_world() {
    let issuers = "[issuers.a]\nissuer = \"http://127.0.0.1:9\"\naudience = \"wb\"\n";
    let open = routes("http://127.0.0.1:9", "http://127.0.0.1:9").replacen("127.0.0.1:0", "0.0.0.0:8787", 1);
    let told = crate::support::proxy::told(&open);
    assert!(told.contains("there are no keys"), "{told}");
    let told = crate::support::proxy::told(&format!("{open}\n{issuers}"));
    assert!(!told.contains("there are no keys"), "with an issuer everybody must show something: {told}");
}

/// All callers of an issuer have one key, and yet what is given to one is not given to another.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_a_provider_keeps_is_its_own_engineers() {
    let signer = Signer::ec("ec-1");
    let issuer = Issuer::start(&[&signer]).await;
    let kept = json!({"id": "resp_of_ana", "object": "response", "status": "completed", "output": [],
        "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}});
    let upstream = Upstream::start_answering_each(move |_| Reply::json(200, &[], &kept.to_string())).await;
    let routes = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
         [endpoints.one]\nurl = \"{}\"\nmodel = \"one-model\"\ndialect = \"openai-responses\"\n\
         price = {{ input = 1, output = 2 }}\n[tiers.only]\nendpoints = [\"one\"]\n\
         [[rules]]\nname = \"all\"\nroute = \"only\"\nwhy = \"x\"\nowner = \"x\"\n\
         [issuers.company]\nissuer = \"{}\"\naudience = \"weighbridge\"\nclaims = {{ engineer = \"email\" }}\n",
        upstream.url(),
        issuer.url
    );
    let proxy = Proxy::start(&routes).await;
    let as_engineer = |email: &str| {
        let mut claims = issuer.claims();
        claims["email"] = email.into();
        with(&proxy, &signer.sign(&claims))
    };
    let (ana, ben) = (as_engineer("ana@example.com"), as_engineer("ben@example.com"));
    let body = json!({"model": "auto", "input": "hello"}).to_string();
    assert_eq!(ana.send(hyper::Method::POST, "/v1/responses", body).await.status, 200);
    assert_eq!(ana.get("/v1/responses/resp_of_ana").await.status, 200);
    let goes_on = json!({"model": "auto", "input": "thanks", "previous_response_id": "resp_of_ana"}).to_string();
    assert_eq!(ana.send(hyper::Method::POST, "/v1/responses", goes_on.clone()).await.status, 200);
    for refused in [
        ben.get("/v1/responses/resp_of_ana").await,
        ben.send(hyper::Method::DELETE, "/v1/responses/resp_of_ana", "").await,
        ben.send(hyper::Method::POST, "/v1/responses", goes_on).await,
    ] {
        assert_eq!((refused.status.as_u16(), refused.header("x-weighbridge-error")), (404, "not_held"));
    }
}

/// Whoever has no key can fill neither the ledger nor the log.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_flood_without_a_key_little_is_put_on_the_record() {
    let signer = Signer::ec("ec-1");
    let issuer = Issuer::start(&[&signer]).await;
    let (_upstream, proxy) = started(&issuer, "").await;
    let began = std::time::Instant::now();
    for _ in 0..300 {
        is_refused(&proxy.client().chat(chat("x")).await, "no key was sent");
    }
    let recorded = proxy.metric("weighbridge_failures_total{kind=\"unauthenticated\",fault=\"caller\"}").await;
    let most = 51.0 + 5.0 * began.elapsed().as_secs_f64();
    assert!((50.0..=most).contains(&recorded), "{recorded} of 300");
    assert_eq!(proxy.metric("weighbridge_unrecorded_refusals_total").await, 300.0 - recorded, "each is counted");
    assert_eq!(proxy.metric("weighbridge_in_flight_requests").await, 0.0);
    assert_eq!(with(&proxy, &signer.sign(&issuer.claims())).chat(chat("x")).await.status, 200);
}
