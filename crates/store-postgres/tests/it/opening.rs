//! What is said when the database cannot be used.

use store_postgres::{PostgresLog, Settings};
use testkit::postgres::Cluster;

async fn check_refused(url: &str, settings: Settings, text: &str) {
    let error = PostgresLog::connect(url, settings).await.err().expect("it is refused");
    let said = base::Chain(&error).to_string();
    assert!(said.contains(text), "`{said}` does not say `{text}`");
    assert!(!said.contains("hunter2"), "`{said}` has the password in it");
}

#[tokio::test]
async fn a_url_that_makes_no_sense_is_refused() {
    let url = "postgresql://user:hunter2@host:port/db";
    check_refused(url, Settings::default(), "cannot be read; write it as `postgresql://USER").await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let Some(cluster) = Cluster::or_say() else { return };
    // Nobody listens on a port that was just given back.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgresql://ada:hunter2@127.0.0.1:{free}/hunts");
    let named = format!("database `hunts` at 127.0.0.1:{free} cannot be used");
    check_refused(&url, Settings::default(), &named).await;
    let missing = cluster.url("no_such_database");
    let said = "database \"no_such_database\" does not exist";
    check_refused(&missing, Settings::default(), said).await;
}

#[tokio::test]
async fn encryption_that_was_asked_for_is_not_left_out() {
    let Some(cluster) = Cluster::or_say() else { return };
    let url = format!("{}?sslmode=require", cluster.fresh_database());
    check_refused(&url, Settings::default(), "cannot be used").await;
}

#[tokio::test]
async fn an_encrypted_server_is_believed_by_its_authority_alone() {
    if Cluster::or_say().is_none() {
        return;
    }
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let files = [("server.crt", certificate.as_bytes()), ("server.key", key.as_bytes())];
    let cluster = Cluster::start_with(&["ssl=on"], &files).unwrap();
    let url = format!("{}?sslmode=require", cluster.fresh_database());
    check_refused(&url, Settings::default(), "invalid peer certificate").await;
    let other = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let with = |pem: String| Settings { ca_pem: Some(pem.into_bytes()), ..Settings::default() };
    check_refused(&url, with(other.cert.pem()), "invalid peer certificate").await;
    let store = PostgresLog::connect(&url, with(certificate)).await.unwrap();
    assert!(loghunt::ports::LedgerStore::now(&store).await.is_ok());
}

#[tokio::test]
async fn certificates_that_cannot_be_read_are_refused() {
    let ca_pem = Some(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".to_vec());
    let settings = Settings { ca_pem, ..Settings::default() };
    check_refused("postgresql://127.0.0.1/x", settings, "certificates of the database's").await;
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let Some(cluster) = Cluster::or_say() else { return };
    let url = cluster.fresh_database();
    PostgresLog::connect(&url, Settings::default()).await.unwrap();
    let database = url.rsplit('/').next().unwrap();
    cluster.sql(database, "UPDATE log_schema SET version = 999");
    let said = "has schema 999, but this program knows only up to";
    check_refused(&url, Settings::default(), said).await;
}

#[tokio::test]
async fn many_may_bring_the_schema_up_to_date_at_once() {
    let Some(cluster) = Cluster::or_say() else { return };
    let url = cluster.fresh_database();
    let connect = || PostgresLog::connect(&url, Settings::default());
    let (a, b, c) = tokio::join!(connect(), connect(), connect());
    for opened in [a, b, c] {
        opened.unwrap();
    }
}
