//! Upstreams behind TLS and in HTTP/2: a real rustls server and a real hyper server on the far side.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::proxy::routes;
use crate::support::{Proxy, chat};

/// A server behind TLS for `localhost` that offers these protocols, and the certificate that proves it.
async fn tls_server(protocols: &[&[u8]]) -> (u16, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("they fit");
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A handshake that fails is what one of the tests wants to see.
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(TokioIo::new(stream)).await;
                }
            });
        }
    });
    (port, cert.pem())
}

/// Answers with the HTTP version that it was asked in.
async fn serve(io: impl hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static) {
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| async move {
        let version = if request.version() == Version::HTTP_2 { "2" } else { "1.1" };
        let body = serde_json::json!({
            "choices": [{"index": 0, "message": {"role": "assistant", "content": version}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1},
        });
        let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
        response.headers_mut().insert("content-type", "application/json".parse().expect("a value"));
        Ok::<_, Infallible>(response)
    });
    let _ = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new()).serve_connection(io, service).await;
}

fn content(answer: &crate::support::Answer) -> String {
    answer.json()["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
}

/// The large tier's endpoint alone, at this URL and with these settings.
fn only_large(url: &str, settings: &str) -> String {
    routes("http://127.0.0.1:1", url)
        .replace("route = \"cheap\"", "route = \"large\"")
        .replace("model = \"big-model\"", &format!("model = \"big-model\"\n{settings}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_named_authority_is_trusted_and_no_other_is() {
    let (port, certificate) = tls_server(&[b"http/1.1"]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, certificate).expect("a file");
    let url = format!("https://localhost:{port}");
    let proxy = Proxy::start(&only_large(&url, &format!("ca_file = \"{}\"", file.display()))).await;
    let answer = proxy.client().chat(chat("hello")).await;
    assert_eq!((answer.status.as_u16(), content(&answer)), (200, "1.1".to_owned()), "{}", answer.text());

    let proxy = Proxy::start(&only_large(&url, "")).await;
    let answer = proxy.client().chat(chat("hello")).await;
    assert_eq!(answer.status, 502, "the platform does not know this authority");
    assert!(answer.text().contains("certificate"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_is_spoken_to_an_upstream_over_tls_and_with_prior_knowledge() {
    let (port, certificate) = tls_server(&[b"h2"]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, certificate).expect("a file");
    let settings = format!("http = \"2\"\nca_file = \"{}\"", file.display());
    let proxy = Proxy::start(&only_large(&format!("https://localhost:{port}"), &settings)).await;
    assert_eq!(content(&proxy.client().chat(chat("hello")).await), "2");

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(TokioIo::new(stream)));
        }
    });
    let proxy = Proxy::start(&only_large(&url, "http = \"2\"")).await;
    assert_eq!(content(&proxy.client().chat(chat("hello")).await), "2");
    let proxy = Proxy::start(&only_large(&url, "")).await;
    assert_eq!(content(&proxy.client().chat(chat("hello")).await), "1.1");
}
