//! Zips: what is in them, and what hostile names become.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use wire::{ReportSays, UploadPart};

use crate::agent::{Agent, finished, flow_id, rows};
use crate::hunting::{MATCHES, connected, hunt, start};
use crate::world::World;

fn unzip(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut files = BTreeMap::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        files.insert(file.name().unwrap().into_owned(), content);
    }
    files
}

/// The files of a zip, after its manifest was compared with them.
fn checked(bytes: &[u8]) -> (BTreeMap<String, Vec<u8>>, Value) {
    let mut files = unzip(bytes);
    let manifest: Value = serde_json::from_slice(&files.remove("manifest.json").unwrap()).unwrap();
    let listed = manifest["files"].as_array().unwrap();
    assert_eq!(listed.len(), files.len());
    for entry in listed {
        let content = &files[entry["path"].as_str().unwrap()];
        assert_eq!(entry["size"], json!(content.len()));
        assert_eq!(entry["sha256"], json!(hex::encode(Sha256::digest(content))));
    }
    (files, manifest)
}

fn upload(number: u64, path: &str, content: &[u8]) -> ReportSays {
    ReportSays::Upload(UploadPart {
        number,
        path: path.to_owned(),
        accessor: "file".into(),
        declared_size: content.len() as u64,
        offset: 0,
        data: content.to_vec(),
        last: true,
        sha256: Sha256::digest(content).to_vec(),
    })
}

async fn collect(agent: &mut Agent, paths: &[&str], said: &[&str]) -> wire::Attempt {
    let attempt = agent.take_request().await.attempt.unwrap();
    agent.good_report(&attempt, rows(0, said)).await;
    for (number, path) in paths.iter().enumerate() {
        agent.good_report(&attempt, upload(number as u64, path, b"content")).await;
    }
    let uploads = (paths.len() as u64, 7 * paths.len() as u64);
    agent.good_report(&attempt, finished(said.len() as u64, 1, uploads)).await;
    attempt
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hunts_zip_has_a_folder_for_each_client_and_harmless_names() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, mut agent) = connected(&world, &admin).await;
    let hunt = start(&admin, hunt("")).await;
    let check = agent.check().await;
    agent.answer(&check, &[MATCHES]).await;
    let paths =
        ["/etc/passwd", "../../evil", "C:\\Windows\\CON", "/etc/PASSWD", "/tmp/=cmd|' /C calc'!A0"];
    let said = [r#"{"Word":"=1+1","Size":-5}"#, r#"{"Word":"x","More":{"a":1}}"#];
    collect(&mut agent, &paths, &said).await;

    let reply = admin.get(&format!("/hunts/{hunt}/export.zip")).await;
    assert!(reply.header("content-disposition").contains("secret name_H."));
    let (files, manifest) = checked(&reply.body);
    let folder = format!("clients/box-1_{}", identity.client);
    let names: Vec<String> = files.keys().map(|name| name.replace(&folder, "~")).collect();
    expect_test::expect![[r#"
        [
            "~/Test.Rows.csv",
            "~/Test.Rows.ndjson",
            "~/uploads/C_/Windows/_CON",
            "~/uploads/etc/PASSWD (2)",
            "~/uploads/etc/passwd",
            "~/uploads/evil",
            "~/uploads/tmp/_=cmd_'_/C calc'!A0",
            "members.csv",
        ]
    "#]]
    .assert_debug_eq(&names);
    let text = |name: &str| String::from_utf8(files[&format!("{folder}/{name}")].clone()).unwrap();
    assert_eq!(text("Test.Rows.ndjson"), format!("{}\n{}\n", said[0], said[1]));
    assert_eq!(text("Test.Rows.csv"), "Word,Size,More\r\n'=1+1,-5,\r\nx,,\"{\"\"a\"\":1}\"\r\n");
    let counts = ["clients", "rows", "uploads", "upload_bytes"].map(|name| manifest[name].clone());
    assert_eq!(counts, [json!(1), json!(2), json!(5), json!(35)]);
    let members = String::from_utf8(files["members.csv"].clone()).unwrap();
    assert!(members.contains(",box-1,results,"), "{members}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hunt_without_rows_gives_a_good_zip() {
    let world = World::start().await;
    let admin = world.admin().await;
    let hunt = start(&admin, hunt("")).await;
    let (files, manifest) = checked(&admin.get(&format!("/hunts/{hunt}/export.zip")).await.body);
    assert_eq!(files.keys().collect::<Vec<_>>(), ["members.csv"]);
    assert_eq!(manifest["rows"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flows_zip_and_a_single_file_are_downloaded() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, mut agent) = connected(&world, &admin).await;
    let asked = json!({ "client": identity.client, "artifacts": [{ "name": "Test.Rows" }] });
    admin.post("/flows", asked).await.good();
    let attempt = collect(&mut agent, &["/a/b.txt"], &[r#"{"a":1}"#]).await;
    let path = format!("/flows/{}", flow_id(&attempt));
    let (files, _) = checked(&admin.get(&format!("{path}/export.zip")).await.body);
    assert_eq!(files.len(), 3);
    let uploads = admin.get(&format!("{path}/uploads")).await.good();
    let id = uploads["items"][0]["id"].as_str().unwrap();
    let reply = admin.get(&format!("/uploads/{id}/content")).await;
    assert_eq!(reply.body.as_ref(), b"content");
    assert_eq!(reply.header("content-disposition"), "attachment; filename=\"b.txt\"");
    assert_eq!(reply.header("content-type"), "application/octet-stream");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_go_through_whole() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, mut agent) = connected(&world, &admin).await;
    let asked = json!({ "client": identity.client, "artifacts": [{ "name": "Test.Rows" }] });
    admin.post("/flows", asked).await.good();
    let attempt = agent.take_request().await.attempt.unwrap();
    let row = format!(r#"{{"text":"{}"}}"#, "x".repeat(90));
    let batch = vec![row.as_str(); 4_000];
    for seq in 0..10 {
        agent.good_report(&attempt, rows(seq, &batch)).await;
    }
    agent.good_report(&attempt, finished(40_000, 10, (0, 0))).await;
    let path = format!("/flows/{}/export.zip", flow_id(&attempt));
    let (files, manifest) = checked(&admin.get(&path).await.body);
    assert_eq!(manifest["rows"], 40_000);
    let (_, ndjson) = files.iter().find(|(name, _)| name.ends_with(".ndjson")).unwrap();
    assert_eq!(ndjson.len(), (row.len() + 1) * 40_000);
}
