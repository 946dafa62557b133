//! Asking a web server on loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use expect_test::expect;

use super::question::Asker;

/// Answers every request with what it was sent: the request line, the greeting header, the body.
fn echo_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut said = String::new();
            reader.read_line(&mut said).unwrap();
            let mut length = 0;
            let mut chunked = false;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let line = line.trim().to_ascii_lowercase();
                if line.is_empty() {
                    break;
                }
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                chunked |= line == "transfer-encoding: chunked";
                if line.starts_with("greeting:") {
                    said.push_str(&line);
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            while chunked {
                let mut size = String::new();
                reader.read_line(&mut size).unwrap();
                let mut chunk = vec![0; usize::from_str_radix(size.trim(), 16).unwrap() + 2];
                reader.read_exact(&mut chunk).unwrap();
                chunked = chunk.len() > 2;
                body.extend_from_slice(&chunk[..chunk.len() - 2]);
            }
            let said =
                format!("{}|{}", said.trim().replace("\r\n", "|"), String::from_utf8_lossy(&body));
            let status = if said.contains("/missing") { "404 Not Found" } else { "200 OK" };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                said.len()
            );
            let mut stream = stream;
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(said.as_bytes()).unwrap();
        }
    });
    address
}

fn ask(address: &str, query: &str) -> String {
    Asker::new().ask(&query.replace("ADDRESS", address)).replace(address, "ADDRESS")
}

#[test]
fn requests_carry_what_they_were_given() {
    let address = echo_server();
    expect![[r#"{"Url":"ADDRESS/a?q=x+y&n=1&n=2","Response":200,"Content":"GET /a?q=x+y&n=1&n=2 HTTP/1.1|greeting: hi|"}"#]].assert_eq(&ask(
        &address,
        "SELECT Url, Response, Content FROM http_client(url='ADDRESS/a', params=dict(q='x y', n=(1, 2)), headers=dict(Greeting='hi'))",
    ));
    expect![[r#"{"Content":"POST /b HTTP/1.1|q=x+y"}"#]].assert_eq(&ask(
        &address,
        "SELECT Content FROM http_client(url='ADDRESS/b', method='POST', params=dict(q='x y'))",
    ));
    expect![[r#"{"Content":"PUT /c HTTP/1.1|body"}"#]].assert_eq(&ask(
        &address,
        "SELECT Content FROM http_client(url='ADDRESS/c', method='PUT', data='body')",
    ));
    expect![[r#"{"Response":404}"#]]
        .assert_eq(&ask(&address, "SELECT Response FROM http_client(url='ADDRESS/missing')"));
}

#[test]
fn files_are_sent_as_a_form() {
    let address = echo_server();
    let answer = ask(
        &address,
        "SELECT split(string=Content, sep='[\\r\\n]+')[1:7] AS Lines FROM http_client(url='ADDRESS/u', method='POST', \
         params=dict(a=1), files=[dict(file='content', accessor='data', key='doc', path='x.txt'), ])",
    );
    let lines: Vec<_> = answer.split(',').filter(|line| !line.contains("--")).collect();
    expect![[r#"
        {"Lines":["Content-Disposition: form-data; name=\"a\""
        "1"
        "Content-Disposition: form-data; name=\"doc\"; filename=\"x.txt\""
        "content""#]]
    .assert_eq(&lines.join("\n"));
    expect!["log: http_client: each of files must have `file`, the path of the file"].assert_eq(
        &ask(&address, "SELECT * FROM http_client(url='ADDRESS/u', files=dict(key='x'))"),
    );
}

#[test]
fn answers_come_in_chunks_or_in_a_file() {
    let address = echo_server();
    expect![[r#"
        {"Content":"GET /0123456"}
        {"Content":"789 HTTP/1.1"}
        {"Content":"|"}"#]]
    .assert_eq(&ask(
        &address,
        "SELECT Content FROM http_client(url='ADDRESS/0123456789', chunk_size=12)",
    ));
    expect![[r#"{"named":true,"c":"GET /f HTTP/1.1|"}"#]].assert_eq(&ask(
        &address,
        "SELECT Content =~ '[.]bin$' AS named, read_file(filename=Content) AS c \
         FROM http_client(url='ADDRESS/f', tempfile_extension='.bin')",
    ));
}

#[test]
fn failures_are_logged() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let answer = ask(&format!("http://{closed}"), "SELECT * FROM http_client(url='ADDRESS/')");
    assert!(answer.starts_with("log: http_client: error sending request"), "{answer}");
    expect!["log: http_client: builder error: relative URL without a base"]
        .assert_eq(&ask("ADDRESS", "SELECT * FROM http_client(url='no address')"));
    expect!["log: http_client: root_ca holds no certificate; it must be PEM text"]
        .assert_eq(&ask("ADDRESS", "SELECT * FROM http_client(url='http://x', root_ca='junk')"));
}
