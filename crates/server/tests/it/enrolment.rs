//! Who may become a client, and who may speak as one.

use serde_json::json;
use wire::ServerSays;

use crate::agent::Identity;
use crate::hunting::connected;
use crate::log::assert_logged;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_lets_in_as_many_as_it_says_and_the_same_key_again() {
    let world = World::start().await;
    let admin = world.admin().await;
    let token = admin.enrolment_token(1).await;
    let mut first = Identity::enrolled(&world, &token).await;
    let (status, again) = first.enrol(&world, &token).await;
    assert_eq!((status, &again.client), (200, &first.client), "a lost answer is asked for again");
    let (status, reply) = Identity::new().enrol(&world, &token).await;
    assert_eq!(status, 403);
    assert!(reply.refused.contains("as often as it may"), "{}", reply.refused);
    let client = admin.get(&format!("/clients/{}", first.client)).await.good();
    assert_eq!((&client["labels"], &client["hostname"]), (&json!(["new"]), &json!("box-1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tokens_and_requests_are_refused_with_a_logged_reason() {
    let world = World::start().await;
    let admin = world.admin().await;
    let good = admin.enrolment_token(5).await;
    let id = good.split('.').next().unwrap().to_owned();
    let check = async |token: &str, status: u16, reason: &str| {
        let (said, reply) = Identity::new().enrol(&world, token).await;
        assert_eq!(said, status, "{token}: {}", reply.refused);
        assert!(reply.refused.contains(reason), "{token}: {}", reply.refused);
        assert_logged("enrolment_refused", &[reason]);
    };
    check("nonsense", 400, "does not have the form").await;
    check("0000.secret", 403, "unknown or its secret is wrong").await;
    check(&format!("{id}.wrong"), 403, "unknown or its secret is wrong").await;
    let asked = json!({ "expires_after": "1ms", "uses_max": 1 });
    let short = admin.post("/tokens", asked).await.good()["token"].as_str().unwrap().to_owned();
    check(&short, 403, "expired").await;
    admin.act(&format!("/tokens/{id}/revoke")).await.good();
    check(&good, 403, "withdrawn").await;

    let stranger = Identity::new();
    let (status, _) = stranger.post(&world, wire::ENROL_PATH, vec![0xff; 100]).await;
    assert_eq!(status, 400);
    let (status, _) = stranger.post(&world, wire::ENROL_PATH, vec![0; 20_000]).await;
    assert_eq!(status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_speaks_without_the_certificate_of_a_known_client() {
    let world = World::start().await;
    let admin = world.admin().await;
    assert_eq!(Identity::new().try_link(&world).await.err(), Some(401));
    assert_logged("agent_refused", &["no client certificate"]);

    // A certificate of the right authority for a client that this server does not know.
    let elsewhere = world.twin().await;
    let token = elsewhere.admin().await.enrolment_token(1).await;
    let unknown = Identity::enrolled(&elsewhere, &token).await;
    assert_eq!(unknown.try_link(&world).await.err(), Some(403));
    assert_logged("agent_refused", &[&unknown.client, "not known"]);

    // A certificate of another authority does not get through the handshake.
    let foreign = World::start().await;
    let token = foreign.admin().await.enrolment_token(1).await;
    let forged = Identity::enrolled(&foreign, &token).await;
    assert!(!forged.try_handshake(&world).await);

    let (revoked, mut agent) = connected(&world, &admin).await;
    admin.act(&format!("/clients/{}/revoke", revoked.client)).await.good();
    let bye = agent
        .hear_until(|says| match says {
            ServerSays::Bye(bye) => Some(bye),
            _ => None,
        })
        .await;
    assert!(bye.for_ever && bye.reason.contains("revoked"));
    assert_eq!(agent.hear().await, None, "the open session ends");
    assert_eq!(revoked.try_link(&world).await.err(), Some(403));
    assert_logged("agent_refused", &[&revoked.client, "revoked"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_session_of_a_client_ends_the_first() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, mut first) = connected(&world, &admin).await;
    let _second = identity.connect(&world).await;
    assert_eq!(first.hear().await, None);
    let client = admin.get(&format!("/clients/{}", identity.client)).await.good();
    assert_eq!(client["online"], true);
}
