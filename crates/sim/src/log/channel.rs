//! Who is told: a receiver that is often away, and remembers what reached him.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use base::SeededEntropy;
use log_rules::Definitions;
use loghunt::channel::{Channel, Message, NotSent};
use model::log::FindingId;
use parking_lot::Mutex;
use scheduler::Channels;
use testkit::stores::pick;

use super::gate::Gate;

/// What reached the receiver: findings by the key of the message that told of them.
#[derive(Default)]
pub(crate) struct Receiver {
    told: Mutex<BTreeMap<Arc<str>, Vec<FindingId>>>,
    healed: Mutex<bool>,
}

impl Receiver {
    pub(crate) fn heal(&self) {
        *self.healed.lock() = true;
    }

    pub(crate) fn told(&self) -> BTreeMap<Arc<str>, Vec<FindingId>> {
        self.told.lock().clone()
    }
}

/// The way of one scheduler to the receiver.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) receiver: Arc<Receiver>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) entropy: Arc<Mutex<SeededEntropy>>,
}

impl Channels for Way {
    fn channel(&self, _definitions: &Definitions, name: &str) -> Option<Arc<dyn Channel>> {
        (name == "soc").then(|| Arc::new(self.clone()) as Arc<dyn Channel>)
    }
}

#[async_trait]
impl Channel for Way {
    async fn send(&self, message: &Message) -> Result<(), NotSent> {
        self.gate.pass().await;
        let fate =
            if *self.receiver.healed.lock() { 9 } else { pick(&mut *self.entropy.lock(), 10) };
        let later = || NotSent::Later { message: "nobody answers".into(), wait: None };
        if fate == 0 {
            return Err(later());
        }
        let findings = message.findings.iter().map(|finding| finding.id).collect();
        self.receiver.told.lock().insert(message.key.clone(), findings);
        self.gate.pass().await;
        // It was taken, and the answer was lost.
        if fate == 1 { Err(later()) } else { Ok(()) }
    }
}
