//! What an idle agent costs.

use wire::{CursorAck, ServerSays};

use crate::hunting::{MATCHES, connected, hunt, start};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_poll_touches_no_store() {
    let world = World::with(|config| config.hunts.admission_ceiling = "1/min".into()).await;
    let admin = world.admin().await;
    let (_, mut agent) = connected(&world, &admin).await;
    start(&admin, hunt("")).await;
    let check = agent.check().await;
    agent.answer(&check, &[MATCHES]).await;
    agent.take_request().await;
    // The receipt is dealt with before the first poll is answered.
    agent.poll(agent.cursor, 5).await;
    // The manager's and the janitor's own rounds are not the polls'; count until none falls between.
    let mut quiet = false;
    for _ in 0..50 {
        let before = world.counted.calls();
        for _ in 0..100 {
            let answer = agent.poll(agent.cursor, 5).await;
            assert_eq!(
                answer,
                ServerSays::CursorAck(CursorAck { cursor: agent.cursor, recheck: 5 })
            );
        }
        if world.counted.calls() == before {
            quiet = true;
            break;
        }
    }
    assert!(quiet, "a hundred polls always touched a store");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_from_the_future_is_not_believed() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (_, mut agent) = connected(&world, &admin).await;
    start(&admin, hunt("")).await;
    let answer = agent.poll(u64::MAX, 0).await;
    assert!(matches!(answer, ServerSays::Check(_)), "{answer:?}");
}
