//! What live listeners are told, and how the server stops.

use futures_util::StreamExt;
use http_body_util::BodyExt;
use wire::ServerSays;

use crate::hunting::{MATCHES, connected, hunt, start};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_is_told_of_a_hunt_as_it_moves() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (_, mut agent) = connected(&world, &admin).await;
    let events = admin.open("/events").await;
    let mut events = events.into_data_stream();
    let hunt = start(&admin, hunt("")).await;
    let check = agent.check().await;
    agent.answer(&check, &[MATCHES]).await;
    agent.take_request().await;
    let mut text = String::new();
    let running = format!("\"kind\":\"hunt\",\"id\":\"{hunt}\",\"state\":\"running\"");
    while !(text.contains(&running) && text.contains("\"running\":1")) {
        let chunk = events.next().await.expect("the stream goes on").unwrap();
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(text.contains("event: change"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_says_goodbye_and_frees_the_ports() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (_, mut agent) = connected(&world, &admin).await;
    let _events = admin.open("/events").await;
    let address = world.server.people;
    let (_, words) = tokio::join!(
        world.server.stop(),
        agent.hear_until(|says| match says {
            ServerSays::Bye(bye) => Some(bye.reason),
            _ => None,
        })
    );
    assert_eq!(words, "the server is stopping");
    tokio::net::TcpListener::bind(address).await.expect("the port is free again");
}
