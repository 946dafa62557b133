//! The network between agents and nodes: frames take time, connections break, or swallow everything from
//! some moment on without a word. What an agent sends may be doubled and overtaken as well, which a
//! WebSocket never does and a lying agent might; it costs the session at most.
//!
//! An agent that lost its connection and has another one is still heard on the old one for a while.

use std::sync::Arc;
use std::time::Duration;

use base::SeededEntropy;
use parking_lot::Mutex;
use testkit::stores::pick;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::log::time::pass;
use crate::operator::SECRET;
use crate::watch::Watch;

/// An agent's end of a connection.
pub(crate) struct Line {
    pub(crate) to_server: UnboundedSender<Vec<u8>>,
    pub(crate) from_server: UnboundedReceiver<Vec<u8>>,
}

/// How bad it is, each in so many of a thousand frames.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    /// This and all that follow are lost.
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) overtaken: u64,
    pub(crate) broken: u64,
    /// Takes up to twenty seconds.
    pub(crate) slow: u64,
    /// Counts up whenever all connections break.
    pub(crate) storms: u64,
}

impl Weather {
    pub(crate) const USUAL: Self =
        Self { lost: 4, doubled: 8, overtaken: 8, broken: 15, slow: 30, storms: 0 };
}

/// Makes connections.
#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) weather: Arc<Mutex<Weather>>,
    pub(crate) entropy: Arc<Mutex<SeededEntropy>>,
    pub(crate) watch: Arc<Watch>,
}

impl Wire {
    fn some(&self, end: u64) -> u64 {
        pick(&mut *self.entropy.lock(), end)
    }

    /// What an agent says comes out here.
    pub(crate) fn up(&self, said: UnboundedReceiver<Vec<u8>>) -> UnboundedReceiver<Vec<u8>> {
        let (sender, heard) = unbounded_channel();
        tokio::spawn(self.clone().carry(said, sender, true));
        heard
    }

    /// What an agent is told goes in here. No agent is ever told the server's secrets (E5).
    pub(crate) fn down(&self, heard: UnboundedSender<Vec<u8>>) -> UnboundedSender<Vec<u8>> {
        let (sender, said) = unbounded_channel();
        tokio::spawn(self.clone().carry(said, heard, false));
        sender
    }

    async fn carry(
        self,
        mut said: UnboundedReceiver<Vec<u8>>,
        heard: UnboundedSender<Vec<u8>>,
        unordered: bool,
    ) {
        let mut swallows = false;
        let storms = self.weather.lock().storms;
        let mut held_back: Option<Vec<u8>> = None;
        loop {
            let next = tokio::select! {
                biased;
                () = heard.closed() => return,
                next = said.recv() => next,
                // What was held back comes at last, also when nothing overtakes it.
                () = pass(Duration::from_secs(5)), if held_back.is_some() => held_back.take(),
            };
            let Some(frame) = next else { return };
            let weather = *self.weather.lock();
            if weather.storms != storms {
                return;
            }
            if swallows {
                continue;
            }
            let secret = SECRET.as_bytes();
            if frame.windows(secret.len()).any(|part| part == secret) {
                self.watch.blame("E5: a frame to a client holds a secret of the server".into());
            }
            let millis = if self.some(1000) < weather.slow { 20_000 } else { 60 };
            pass(Duration::from_millis(1 + self.some(millis))).await;
            let fate = self.some(1000);
            let limits = [weather.lost, weather.doubled, weather.overtaken, weather.broken];
            let mut left = fate;
            let place = limits.iter().position(|share| match left.checked_sub(*share) {
                Some(rest) => {
                    left = rest;
                    false
                }
                None => true,
            });
            let copies = match place {
                Some(0) => {
                    swallows = true;
                    continue;
                }
                Some(1) if unordered => 2,
                Some(2) if unordered && held_back.is_none() => {
                    held_back = Some(frame);
                    continue;
                }
                Some(3) => return,
                _ => 1,
            };
            for _ in 0..copies {
                if heard.send(frame.clone()).is_err() {
                    return;
                }
            }
            if let Some(frame) = held_back.take()
                && heard.send(frame).is_err()
            {
                return;
            }
        }
    }
}
