//! `GET /events`: what changes, as server-sent events, at most four times a second and only what
//! changed. Whoever is too slow, or looks while too much changes, is told to fetch again.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use api::LiveEvent;
use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use model::results::AttemptId;
use tokio::sync::{broadcast, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use super::error::ApiError;
use super::sign_in::Principal;
use super::{People, hunts, view};
use crate::live::Touched;

/// What is gathered before it is told.
const GATHER: Duration = Duration::from_millis(250);
/// Flows and clients that are told one by one in one go.
const SINGLE_MAX: usize = 100;

type Told = Result<Event, Infallible>;

pub(crate) async fn events(
    State(people): State<Arc<People>>,
    Extension(who): Extension<Principal>,
) -> Sse<impl Stream<Item = Told>> {
    let (sender, receiver) = mpsc::channel(16);
    let listener = people.live.listen();
    tokio::spawn(tell(people, who, listener, sender));
    Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::default())
}

async fn tell(
    people: Arc<People>,
    who: Principal,
    mut listener: broadcast::Receiver<Touched>,
    sender: mpsc::Sender<Told>,
) {
    loop {
        let mut touched = BTreeSet::new();
        let mut missed = false;
        tokio::select! {
            first = listener.recv() => match first {
                Ok(first) => { touched.insert(first); }
                Err(broadcast::error::RecvError::Lagged(_)) => missed = true,
                Err(broadcast::error::RecvError::Closed) => return,
            },
            () = sender.closed() => return,
            () = people.stop.cancelled() => return,
        }
        tokio::time::sleep(GATHER).await;
        loop {
            match listener.try_recv() {
                Ok(more) => {
                    touched.insert(more);
                }
                Err(broadcast::error::TryRecvError::Lagged(_)) => missed = true,
                Err(
                    broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed,
                ) => break,
            }
        }
        missed |= touched.remove(&Touched::Much);
        let single = |touched: &&Touched| !matches!(touched, Touched::Hunt(_) | Touched::Log);
        if touched.iter().filter(single).count() > SINGLE_MAX {
            touched.retain(|touched| matches!(touched, Touched::Hunt(_) | Touched::Log));
            missed = true;
        }
        let mut told = Vec::with_capacity(touched.len() + 1);
        for touched in touched {
            match event_of(&people, &who, touched).await {
                Ok(event) => told.extend(event),
                Err(_) => missed = true,
            }
        }
        if missed {
            told.push(LiveEvent::Missed {});
        }
        for event in told {
            let Ok(event) = Event::default().event("change").json_data(&event) else { continue };
            if sender.send(Ok(event)).await.is_err() {
                return;
            }
        }
    }
}

/// The event of something that changed; `None` for what the caller may not see.
async fn event_of(
    people: &People,
    who: &Principal,
    touched: Touched,
) -> Result<Option<LiveEvent>, ApiError> {
    Ok(match touched {
        Touched::Log => Some(LiveEvent::Log {}),
        Touched::Much => Some(LiveEvent::Missed {}),
        Touched::Hunt(id) => {
            let found = people.ports.hunts.get(id).await?.filter(|found| found.hunt.org == who.org);
            match found {
                None => None,
                Some(found) => {
                    let numbers = hunts::numbers(people, &found.hunt).await?;
                    Some(LiveEvent::Hunt {
                        id: id.to_string(),
                        state: found.hunt.state.name().to_owned(),
                        revision: found.hunt.revision,
                        counts: view::counts(&found.counts, numbers.asked),
                        rows: numbers.rows,
                    })
                }
            }
        }
        Touched::Flow(id) => {
            let found = people.ports.flows.get(id).await?.filter(|flow| flow.org == who.org);
            match found {
                None => None,
                Some(flow) => {
                    let attempt = AttemptId { flow: id, attempt: flow.life.attempt };
                    Some(LiveEvent::Flow {
                        id: id.to_string(),
                        client: flow.client.to_string(),
                        state: flow.life.state.name().to_owned(),
                        rows: people.ports.results.received(attempt).await?.rows(),
                    })
                }
            }
        }
        Touched::Client(id) => {
            let found = people.ports.clients.get(id).await?.filter(|client| client.org == who.org);
            found.map(|_| LiveEvent::Client {
                id: id.to_string(),
                online: people.hall.presence(|presence| presence.is_online(id)),
            })
        }
    })
}
