//! Tools: kept by people, declared by artifacts, fetched by agents, and nothing else is.

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::agent::{Identity, facts};
use crate::browser::Browser;
use crate::hunting::connected;
use crate::world::World;

const TOOL: &[u8] = b"#!/bin/sh\necho tool\n";

async fn keep(admin: &Browser, query: &str, bytes: &[u8]) -> (u16, serde_json::Value) {
    admin.put_bytes(&format!("/tools/{query}"), bytes).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_is_refused_until_it_is_there_and_then_sent() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, mut agent) = connected(&world, &admin).await;
    let flow = json!({ "client": identity.client, "artifacts": [{ "name": "Test.Tool" }] });
    let refused = admin.post("/flows", flow.clone()).await;
    let why = refused.problems().join("\n");
    assert!(why.contains("lycaon tool upload Shell FILE --version 2"), "{why}");
    assert!(why.contains("https://example.org/shell.sh"), "{why}");
    let listed = admin.get("/tools").await.good();
    assert_eq!((&listed[0]["name"], &listed[0]["sha256"]), (&json!("Shell"), &json!(null)));

    let (status, wrong) = keep(&admin, "Shell?version=2&size=5", b"other").await;
    assert_eq!(status, 422, "{wrong}: the artifact says which hash it expects");
    let (status, _) = keep(&admin, "Shell?version=2&size=99", TOOL).await;
    assert_eq!(status, 400, "another size than was said");
    for query in ["..%2Fx?size=5", "Shell?size=0", "Shell?size=5&filename=a%2Fb"] {
        assert_eq!(keep(&admin, query, b"other").await.0, 422, "{query}");
    }
    let query = format!("Shell?version=2&filename=shell.sh&size={}", TOOL.len());
    let (status, kept) = keep(&admin, &query, TOOL).await;
    assert_eq!(status, 200, "{kept}");
    let hash = hex::encode(Sha256::digest(TOOL));
    assert_eq!((&kept["sha256"], &kept["artifacts"]), (&json!(hash), &json!(["Test.Tool"])));

    admin.post("/flows", flow).await.good();
    let request = agent.take_request().await;
    let tool = &request.collections[0].tools[0];
    assert_eq!((tool.name.as_str(), tool.filename.as_str()), ("Shell", "shell.sh"));
    assert_eq!(hex::encode(&tool.sha256), hash);
    let path = |offset: usize| format!("{}{hash}/{offset}", wire::TOOL_PATH);
    let (status, bytes) = identity.post(&world, &path(2), vec![]).await;
    assert_eq!((status, &bytes[..]), (200, &TOOL[2..]));
    assert_eq!(facts().os, "linux");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_fetches_what_is_no_tool() {
    let world = World::start().await;
    let admin = world.admin().await;
    let token = admin.enrolment_token(1).await;
    let identity = Identity::enrolled(&world, &token).await;
    let other = hex::encode(Sha256::digest("a file of another client"));
    for (asked, status) in
        [(format!("{other}/0"), 404), ("x/0".to_owned(), 400), (other.clone(), 400)]
    {
        let path = format!("{}{asked}", wire::TOOL_PATH);
        assert_eq!(identity.post(&world, &path, vec![]).await.0, status, "{asked}");
    }
    let stranger = Identity::new();
    let path = format!("{}{other}/0", wire::TOOL_PATH);
    assert_eq!(stranger.post(&world, &path, vec![]).await.0, 401);
}
