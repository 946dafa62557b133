//! Tells the other nodes what the outbox gathered, and notes who came to this node and who left it.

use std::sync::Arc;
use std::time::Duration;

use base::NodeId;
use fleet::nodes::{Move, News};
use model::store::StoreError;
use tokio_util::sync::CancellationToken;

use super::outbox::TOUCHED_AFTER;
use crate::core::Core;
use crate::event::TaskFellBehind;

/// What comes within this time is told together: an admission makes thousands of flows wait.
const GATHER: Duration = Duration::from_millis(10);
/// Waits this long after a failure of the store.
const PAUSE: Duration = Duration::from_secs(1);
/// Moves that are noted in one call.
const MOVES_MAX: usize = 2_000;

/// Runs until `stop`.
pub(crate) async fn run(core: Arc<Core>, stop: CancellationToken) {
    let outbox = Arc::clone(&core.nodes.outbox);
    let mut touched_at = None;
    loop {
        let touched_due = async {
            match touched_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let done = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = outbox.urgent.notified() => {
                tokio::time::sleep(GATHER).await;
                tell(&core).await
            }
            () = outbox.touched.notified(), if touched_at.is_none() => {
                touched_at = Some(tokio::time::Instant::now() + TOUCHED_AFTER);
                Ok(())
            }
            () = touched_due => {
                touched_at = None;
                announce(&core, &outbox.take_touched()).await
            }
        };
        if let Err(error) = done {
            TaskFellBehind { task: "herald", error: &error }.emit();
            core.note_trouble(&error);
            outbox.urgent.notify_one();
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }
}

async fn announce(core: &Core, news: &[News]) -> Result<(), StoreError> {
    if news.is_empty() {
        return Ok(());
    }
    core.nodes.parts.announcements.announce(core.nodes.id, news).await
}

async fn tell(core: &Core) -> Result<(), StoreError> {
    let outbox = &core.nodes.outbox;
    // Where clients are comes first: another node that is told of a flow may then know.
    note_moves(core).await?;
    let news = outbox.urgent_news();
    announce(core, &news).await?;
    outbox.told(&news);
    Ok(())
}

/// Notes who came and went; those who were connected to another node are no longer.
async fn note_moves(core: &Core) -> Result<(), StoreError> {
    let (nodes, outbox) = (&core.nodes, &core.nodes.outbox);
    let moves = outbox.take_moves();
    for (done, some) in moves.chunks(MOVES_MAX).enumerate() {
        match nodes.parts.nodes.moved(nodes.id, some).await {
            Ok(displaced) => {
                let (own, others): (Vec<_>, Vec<_>) =
                    displaced.into_iter().partition(|displaced| displaced.node == nodes.id);
                for own in own {
                    core.hall.displaced(own.client, own.session);
                }
                outbox.displaced(others);
                announce(core, &told(some)).await?;
            }
            Err(error) => {
                outbox.put_moves_back(moves[done * MOVES_MAX..].to_vec());
                return Err(error);
            }
        }
    }
    Ok(())
}

fn told(moves: &[Move]) -> Vec<News> {
    let mut news: Vec<News> = Vec::new();
    for step in moves {
        match (*step, news.last_mut()) {
            (Move::Came(client, _) | Move::Stayed(client, _), Some(News::Came(clients)))
            | (Move::Left(client, _), Some(News::Left(clients))) => clients.push(client),
            (Move::Came(client, _) | Move::Stayed(client, _), _) => {
                news.push(News::Came(vec![client]));
            }
            (Move::Left(client, _), _) => news.push(News::Left(vec![client])),
        }
    }
    news
}

/// The last words of a node that stops in good order.
pub(crate) async fn farewell(core: &Core) -> Result<(), StoreError> {
    let nodes = &core.nodes;
    let node: NodeId = nodes.id;
    nodes.parts.nodes.leave(node).await?;
    nodes.duties.give_back().await
}
