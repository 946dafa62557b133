//! Templates, mail and sealed files.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use expect_test::expect;

use super::question::{Asker, Tree};

#[test]
fn templates_are_filled_in() {
    expect![[r#"
        {"Plain":"<a><<b>>","Html":"&lt;b&gt;","Bad":null}
        log: template: template, line 1, column 1: the action has no end: `}}` is missing"#]].assert_eq(&Asker::new().ask(
        "SELECT template(template='{{range .Rows}}<{{.Name}}>{{end}}', expansion=dict(
             Rows={ SELECT * FROM foreach(row=['a', '<b>'], query={ SELECT _value AS Name FROM scope() }) })) AS Plain,
             template(template='{{.Name}}', expansion=dict(Name='<b>'), html=TRUE) AS Html,
             template(template='{{.Name', expansion=dict()) AS Bad FROM scope()",
    ));
}

/// A server of SMTP that takes one mail and gives what it was told.
fn server() -> (u16, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = move || {
        let (mut out, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(out.try_clone().unwrap()).lines();
        let mut heard = Vec::new();
        out.write_all(b"220 ready\r\n").unwrap();
        let mut in_data = false;
        while let Some(Ok(line)) = lines.next() {
            let answer: &[u8] = match line.split(' ').next().unwrap() {
                "." if in_data => {
                    in_data = false;
                    b"250 taken\r\n"
                }
                _ if in_data => {
                    heard.push(line);
                    continue;
                }
                "DATA" => {
                    in_data = true;
                    b"354 go on\r\n"
                }
                "QUIT" => b"221 bye\r\n",
                _ => b"250 fine\r\n",
            };
            if !line.starts_with("EHLO") {
                heard.push(line.clone());
            }
            out.write_all(answer).unwrap();
            if line == "QUIT" {
                break;
            }
        }
        heard.join("\n")
    };
    (port, std::thread::spawn(serve))
}

#[test]
fn a_mail_reaches_its_server() {
    let (port, heard) = server();
    let query = format!(
        "SELECT * FROM chain(
            a={{ SELECT * FROM mail(to='Ann <ann@example.org>', `from`='lycaon@example.org', cc=['bob@example.org'],
                subject='Alert', body='Look at this.', headers=dict(`X-Case`='7'), server='127.0.0.1', server_port={port}) }},
            b={{ SELECT mail(to='ann@example.org', `from`='l@example.org', body='again', server='127.0.0.1', server_port={port}) AS Second FROM scope() }})"
    );
    expect![[r#"
        {"To":["Ann <ann@example.org>"],"CC":["bob@example.org"],"Subject":"Alert","Body":"Look at this.","Period":60,"ErrorStatus":"OK"}
        {"Second":null}
        log: mail: the last mail was sent less than 60 seconds (`period`) ago, so this one was not"#]].assert_eq(&Asker::new().ask(&query));
    expect![[r#"
        MAIL FROM:<lycaon@example.org>
        RCPT TO:<ann@example.org>
        RCPT TO:<bob@example.org>
        DATA
        From: lycaon@example.org
        Subject: Alert
        Date: Wed, 15 Nov 2023 00:00:00 +0000
        To: Ann <ann@example.org>
        Cc: bob@example.org
        X-Case: 7
        Content-Transfer-Encoding: 7bit

        Look at this.
        .
        QUIT"#]]
    .assert_eq(&heard.join().unwrap());
}

#[test]
fn a_mail_that_cannot_be_sent_says_why() {
    let ask = |args: &str| Asker::new().ask(&format!("SELECT * FROM mail({args})"));
    expect![[r#"
        log: mail: no server is given: which one shall carry the mail?
        log: mail: no `from` is given: who sends the mail?
        log: mail: `to`: `nobody` is no address of mail: Invalid input
        log: mail: no secrets are kept here; give server, server_port, auth_username and auth_password instead
        log: mail: `a b` cannot be the name of a header
        log: mail: root_ca holds no certificate; it must be PEM text"#]].assert_eq(
        &[
            "to='a@b.c', body='x'",
            "to='a@b.c', body='x', server='localhost'",
            "to='nobody', `from`='a@b.c', body='x', server='localhost'",
            "to='a@b.c', `from`='a@b.c', body='x', server='s', secret='kept'",
            "to='a@b.c', `from`='a@b.c', body='x', server='s', headers=dict(`a b`=1)",
            "to='a@b.c', `from`='a@b.c', body='x', server='s', root_ca='nonsense'",
        ]
        .map(ask)
        .join("\n"),
    );
}

#[test]
fn sealed_rows_are_read_by_whoever_has_the_key() {
    let tree = Tree::new(&[]);
    let private = "07".repeat(32);
    let public = vql_machine::sealing::SealOpener([7; 32]).public();
    let public: String = public.0.iter().map(|byte| format!("{byte:02x}")).collect();
    let write = format!(
        "SELECT * FROM write_crypto_file(filename='{{}}/sealed', public_key='{public}', max_rows=2,
            query={{ SELECT _value AS N, 'secret' AS T FROM range(end=5) }})"
    );
    assert_eq!(tree.ask(&write), "");
    assert_eq!(tree.ask(&write), "");
    let file = std::fs::read(tree.path().join("sealed")).unwrap();
    assert!(!file.windows(6).any(|window| window == b"secret"));
    expect![[r#"
        {"N":3,"T":"secret"}
        {"N":4,"T":"secret"}
        {"N":3,"T":"secret"}
        {"N":4,"T":"secret"}"#]].assert_eq(&tree.ask(&format!(
        "SELECT N, T FROM read_crypto_file(filename='{{}}/sealed', private_key='{private}') WHERE N > 2"
    )));
    expect!["log: read_crypto_file: block 2 does not open: it was sealed for another key, or it was changed"].assert_eq(&tree.ask(&format!(
        "SELECT * FROM read_crypto_file(filename='{{}}/sealed', private_key='{}')",
        "08".repeat(32)
    )));
}

#[test]
fn without_a_key_nothing_is_sealed() {
    let tree = Tree::new(&[]);
    expect!["log: write_crypto_file: this program knows no key of the server to write for; give one with public_key"].assert_eq(&tree.ask(
        "SELECT * FROM write_crypto_file(filename='{}/sealed', query={ SELECT 1 FROM scope() })",
    ));
    expect!["log: write_crypto_file: public_key is a key of X25519 as 64 hexadecimal digits"].assert_eq(&tree.ask(
        "SELECT * FROM write_crypto_file(filename='{}/sealed', public_key='abc', query={ SELECT 1 FROM scope() })",
    ));
    assert!(!tree.path().join("sealed").exists());
}
