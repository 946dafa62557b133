//! Limits that hold while somebody asks for too much, and others who do not notice.

use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use wire::{AgentSays, ForemanPoll};

use crate::agent::{Identity, rows};
use crate::hostile::with_flow;
use crate::hunting::connected;
use crate::world::World;

/// A bare connection from another address than everybody else's.
async fn attacker(world: &World) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.66:0".parse().unwrap()).unwrap();
    socket.connect(world.server.agents).await.unwrap()
}

/// Returns when the server has closed the connection.
async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // However it is closed, it is.
    let _ = stream.read_to_end(&mut rest).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_never_end_keep_nobody_else_out() {
    let world = World::with(|config| {
        config.agents.handshakes_max = 6;
        config.agents.handshakes_per_address_max = 4;
        config.agents.handshake_timeout_secs = 3_600;
    })
    .await;
    let admin = world.admin().await;
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(attacker(&world).await);
    }
    // All but those that its address may have are cut off at once, or when they have grown stale.
    let cut = silent.iter_mut().map(|stream| Box::pin(closed(stream)));
    let mut cut: futures_util::stream::FuturesUnordered<_> = cut.collect();
    for _ in 0..36 {
        futures_util::StreamExt::next(&mut cut).await;
    }
    connected(&world, &admin).await;
    crate::log::assert_logged("connection_turned_away", &["127.0.0.66", "unfinished handshakes"]);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_sends_only_garbage_is_not_listened_to() {
    let world = World::start().await;
    let admin = world.admin().await;
    let mut turned_away = false;
    for _ in 0..2_000 {
        let mut stream = attacker(&world).await;
        // It may be closed before a byte is written.
        let _ = stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await;
        let mut answer = Vec::new();
        let alerted = stream.read_to_end(&mut answer).await.is_ok() && !answer.is_empty();
        if !alerted {
            turned_away = true;
            break;
        }
    }
    assert!(turned_away, "after some garbage the address is cut off before a handshake");
    connected(&world, &admin).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_says_too_much_is_not_heard_for_a_while() {
    let world = World::with(|config| config.agents.messages_per_second_max = 1).await;
    let admin = world.admin().await;
    let (_, mut hasty) = connected(&world, &admin).await;
    let (_, mut honest) = connected(&world, &admin).await;
    let poll = |cursor| AgentSays::Poll(ForemanPoll { cursor, recheck: 0 });
    // A minute's worth and more at once.
    for _ in 0..200 {
        hasty.say(poll(hasty.cursor)).await;
    }
    let mut answered = 0;
    for _ in 0..3 {
        honest.poll(honest.cursor, 0).await;
        while hasty.hear().now_or_never().is_some() {
            answered += 1;
        }
    }
    assert!(answered < 200, "all {answered} polls were answered at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_messages_are_taken_in_by_turns_and_all_arrive() {
    let world = World::with(|config| config.agents.large_messages_max = 1).await;
    let admin = world.admin().await;
    let row = format!(r#"{{"a":"{}"}}"#, pseudo_random_text(100_000));
    let mut agents: Vec<(Identity, _, _)> = Vec::new();
    for _ in 0..4 {
        agents.push(with_flow(&world, &admin).await);
    }
    let sending = agents.iter_mut().map(async |(_, agent, attempt)| {
        for seq in 0..5 {
            agent.good_report(attempt, rows(seq, &[&row])).await;
        }
    });
    futures_util::future::join_all(sending).await;
}

/// Text that does not become small when it is packed.
fn pseudo_random_text(bytes: usize) -> String {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'a' + (state >> 59) as u8 % 26)
    };
    (0..bytes).map(|_| next()).collect()
}
