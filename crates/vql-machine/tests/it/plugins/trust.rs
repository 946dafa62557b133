//! Whom an HTTP request trusts, asked of a server with a certificate of its own making.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use expect_test::expect;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::question::Asker;

/// Says hello over TLS. Gives its address and its certificate in PEM.
fn server() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let pem = made.cert.pem();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut tls = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
            let mut request = [0; 1024];
            // A client that does not trust hangs up here.
            if tls.read(&mut request).is_ok() {
                let answer =
                    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
                let _ = tls.write_all(answer.as_bytes());
                tls.conn.send_close_notify();
                let _ = tls.flush();
            }
        }
    });
    (format!("https://localhost:{port}/"), pem)
}

fn ask(url: &str, pem: &str, more: &str) -> String {
    let asker = Asker::new().with("url", url).with("pem", pem);
    let query = format!("SELECT Response, Content FROM http_client(url=url{more})");
    let answer = asker.ask(&query);
    // What the library says behind the reason differs between versions.
    match answer.split_once("invalid peer certificate") {
        Some(_) => "not trusted".to_owned(),
        None => answer,
    }
}

#[test]
fn a_server_is_trusted_only_when_the_query_says_why() {
    let (url, pem) = server();
    expect!["not trusted"].assert_eq(&ask(&url, &pem, ""));
    expect![[r#"{"Response":200,"Content":"hello"}"#]].assert_eq(&ask(&url, &pem, ", root_ca=pem"));
    expect![[r#"{"Response":200,"Content":"hello"}"#]].assert_eq(&ask(
        &url,
        &pem,
        ", skip_verify=TRUE",
    ));
    let (_, other) = server();
    expect!["not trusted"].assert_eq(&ask(&url, &other, ", root_ca=pem"));
}
