//! News between servers over `NOTIFY` and `LISTEN`.
//!
//! A listener has a connection of its own. Whenever that is made anew, what was announced meanwhile is
//! lost, and the listener is told so.
//!
//! # The form of a notification
//!
//! `NODE KIND IDS`: the node and every id are 32 hex digits, ids follow one another without a gap. The
//! database takes up to 8,000 bytes; longer lists become several notifications.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::{Chain, ClientId, FlowId, HuntId, NodeId, SessionId};
use fleet::Announcements;
use fleet::nodes::{Displaced, Heard, Listener, News, Touch};
use futures_util::StreamExt;
use model::store::StoreError;
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::RecordStore;
use crate::transaction::Question;
use crate::values::one;

const CHANNEL: &str = "lycaon_nodes";
/// Bytes of ids in one notification; the database takes 8,000 in all.
const IDS_BYTES_MAX: usize = 7_680;
/// A connection is tried again after this time.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// News that wait for a listener; beyond it the database is left waiting.
const WAITING_MAX: usize = 4_096;
const ID: usize = 32;

/// How a listener connects.
pub(crate) struct Dial {
    pub(crate) config: Config,
    pub(crate) tls: MakeRustlsConnect,
}

fn hex(bits: u128) -> String {
    format!("{bits:032x}")
}

/// The texts of one piece of news.
fn texts(from: NodeId, news: &News) -> Vec<String> {
    let clients =
        |clients: &[ClientId]| clients.iter().map(|client| hex(client.bits())).collect::<Vec<_>>();
    let (kind, ids) = match news {
        News::Hunts => ("hunts", vec![]),
        News::Manage => ("manage", vec![]),
        News::Monitoring => ("monitoring", vec![]),
        News::Tools => ("tools", vec![]),
        News::TouchedMuch => ("touched_much", vec![]),
        News::Waiting(ids) => ("waiting", clients(ids)),
        News::Changed(ids) => ("changed", clients(ids)),
        News::Revoked(ids) => ("revoked", clients(ids)),
        News::Came(ids) => ("came", clients(ids)),
        News::Left(ids) => ("left", clients(ids)),
        News::Cancelled(flows) => {
            let both = |(client, flow): &(ClientId, FlowId)| hex(client.bits()) + &hex(flow.bits());
            ("cancelled", flows.iter().map(both).collect())
        }
        News::Displaced(sessions) => {
            let all = |it: &Displaced| {
                hex(it.node.bits()) + &hex(it.client.bits()) + &hex(it.session.bits())
            };
            ("displaced", sessions.iter().map(all).collect())
        }
        News::Touched(records) => {
            let record = |touch: &Touch| match touch {
                Touch::Hunt(hunt) => hex(0) + &hex(hunt.bits()),
                Touch::Flow(flow) => hex(1) + &hex(flow.bits()),
                Touch::Client(client) => hex(2) + &hex(client.bits()),
                Touch::Log => hex(3) + &hex(0),
            };
            ("touched", records.iter().map(record).collect())
        }
    };
    let head = format!("{} {kind} ", hex(from.bits()));
    if ids.is_empty() {
        return vec![head];
    }
    let together = (IDS_BYTES_MAX / ids[0].len()).max(1);
    ids.chunks(together).map(|some| head.clone() + &some.concat()).collect()
}

/// What a notification says; nothing for one that this version does not know.
fn read(text: &str) -> Option<(NodeId, News)> {
    let (from, rest) = text.split_once(' ')?;
    let (kind, ids) = rest.split_once(' ')?;
    if !ids.is_ascii() || ids.len() % ID != 0 {
        return None;
    }
    let bits = |text: &str| u128::from_str_radix(text, 16).ok();
    let ids = (0..ids.len() / ID)
        .map(|number| bits(&ids[number * ID..][..ID]))
        .collect::<Option<Vec<u128>>>()?;
    let clients = || ids.iter().copied().map(ClientId::from_bits).collect::<Vec<_>>();
    let news = match kind {
        "hunts" => News::Hunts,
        "manage" => News::Manage,
        "monitoring" => News::Monitoring,
        "tools" => News::Tools,
        "touched_much" => News::TouchedMuch,
        "waiting" => News::Waiting(clients()),
        "changed" => News::Changed(clients()),
        "revoked" => News::Revoked(clients()),
        "came" => News::Came(clients()),
        "left" => News::Left(clients()),
        "cancelled" => {
            let both = |two: &[u128]| (ClientId::from_bits(two[0]), FlowId::from_bits(two[1]));
            News::Cancelled(ids.chunks_exact(2).map(both).collect())
        }
        "displaced" => {
            let all = |three: &[u128]| Displaced {
                node: NodeId::from_bits(three[0]),
                client: ClientId::from_bits(three[1]),
                session: SessionId::from_bits(three[2]),
            };
            News::Displaced(ids.chunks_exact(3).map(all).collect())
        }
        "touched" => {
            let record = |two: &[u128]| match two[0] {
                0 => Some(Touch::Hunt(HuntId::from_bits(two[1]))),
                1 => Some(Touch::Flow(FlowId::from_bits(two[1]))),
                2 => Some(Touch::Client(ClientId::from_bits(two[1]))),
                3 => Some(Touch::Log),
                _ => None,
            };
            News::Touched(ids.chunks_exact(2).filter_map(record).collect())
        }
        _ => return None,
    };
    Some((NodeId::from_bits(bits(from)?), news))
}

#[async_trait]
impl Announcements for RecordStore {
    async fn announce(&self, from: NodeId, news: &[News]) -> Result<(), StoreError> {
        let texts: Vec<String> = news.iter().flat_map(|news| texts(from, news)).collect();
        if texts.is_empty() {
            return Ok(());
        }
        let sql = "SELECT pg_notify($1, said) FROM
            (SELECT said FROM unnest($2::text[]) WITH ORDINALITY AS t(said, n) ORDER BY n) ordered";
        let notify = Question::new(sql, vec![one(CHANNEL), one(texts)]);
        self.read("announce news", |db| async move { notify.rows(&db).await.map(drop) }).await
    }

    fn listen(&self) -> Box<dyn Listener> {
        let (sender, heard) = mpsc::channel(WAITING_MAX);
        tokio::spawn(attend(Arc::clone(&self.dial), sender));
        Box::new(Ear { heard })
    }
}

struct Ear {
    heard: mpsc::Receiver<Heard>,
}

#[async_trait]
impl Listener for Ear {
    async fn next(&mut self) -> Heard {
        match self.heard.recv().await {
            Some(heard) => heard,
            // The task goes on for as long as this is there.
            None => std::future::pending().await,
        }
    }
}

/// Listens for as long as somebody hears.
async fn attend(dial: Arc<Dial>, sender: mpsc::Sender<Heard>) {
    loop {
        tokio::select! {
            () = sender.closed() => return,
            ended = attend_once(&dial, &sender) => if let Err(error) = ended {
                let error = Chain(&error).to_string();
                tracing::warn!(name: "announcements_lost", %error, "the connection for news was lost");
            },
        }
        tokio::select! {
            () = sender.closed() => return,
            () = tokio::time::sleep(AGAIN_AFTER) => {}
        }
    }
}

async fn attend_once(
    dial: &Dial,
    sender: &mpsc::Sender<Heard>,
) -> Result<(), tokio_postgres::Error> {
    let (client, mut connection) = dial.config.connect(dial.tls.clone()).await?;
    let mut messages =
        futures_util::stream::poll_fn(move |context| connection.poll_message(context));
    let statement = format!("LISTEN {CHANNEL}");
    let mut listening = std::pin::pin!(client.batch_execute(&statement));
    let mut listens = false;
    loop {
        let heard = tokio::select! {
            done = &mut listening, if !listens => {
                done?;
                listens = true;
                // Whatever was announced before this moment was not heard.
                Some(Heard::Missed)
            }
            message = messages.next() => match message {
                None => return Ok(()),
                Some(message) => match message? {
                    AsyncMessage::Notification(said) => {
                        read(said.payload()).map(|(from, news)| Heard::News(from, news))
                    }
                    _ => None,
                },
            },
        };
        if let Some(heard) = heard
            && sender.send(heard).await.is_err()
        {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_news_become_several_notifications_that_fit() {
        let clients: Vec<ClientId> = (0..1_000).map(ClientId::from_bits).collect();
        let from = NodeId::from_bits(7);
        let all = texts(from, &News::Waiting(clients.clone()));
        assert!(all.len() > 1 && all.iter().all(|text| text.len() < 8_000));
        let mut read_again = Vec::new();
        for text in &all {
            let Some((node, News::Waiting(some))) = read(text) else { panic!("{text}") };
            assert_eq!(node, from);
            read_again.extend(some);
        }
        assert_eq!(read_again, clients);
    }

    #[test]
    fn what_a_newer_version_says_is_passed_over() {
        let from = hex(7);
        for text in ["", "x", &format!("{from} dance "), &format!("{from} came 12"), "x hunts "] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&format!("{from} hunts ")), Some((NodeId::from_bits(7), News::Hunts)));
    }
}
