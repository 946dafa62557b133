//! Sending what waits in the outbox. At least once: a mark that is lost sends again, with the same
//! key.

use std::time::Duration;

use futures_util::future::join_all;
use loghunt::channel::{Message, NotSent, settle};
use loghunt::ports::Delivery;
use metrics::counter;
use model::store::StoreError;

use crate::shared::{Scheduler, Shared};

/// A delivery is somebody's for so long. Sending takes less.
const LEASE: Duration = Duration::from_secs(120);
/// So many are sent at once.
const BATCH: u64 = 32;

impl Scheduler {
    /// Sends what is due; how many messages there were. [`Scheduler::run`] does this by itself.
    pub async fn dispatch(&self) -> u64 {
        let mut sent = 0;
        loop {
            match self.shared.dispatch_some().await {
                Ok(0) => return sent,
                Ok(count) => sent += count,
                Err(error) => {
                    self.shared.store_failed(&error, self.shared.now());
                    return sent;
                }
            }
        }
    }
}

impl Shared {
    async fn dispatch_some(&self) -> Result<u64, StoreError> {
        let owner = &self.settings.owner;
        let deliveries = self.ports.outbox.take(owner, LEASE, BATCH).await?;
        let done = join_all(deliveries.iter().map(|delivery| self.deliver(delivery))).await;
        done.into_iter().collect::<Result<(), StoreError>>()?;
        Ok(deliveries.len() as u64)
    }

    async fn deliver(&self, delivery: &Delivery) -> Result<(), StoreError> {
        let outcome = self.send(delivery).await?;
        let word = match &outcome {
            Ok(()) => "sent",
            Err(NotSent::Later { .. }) => "later",
            Err(NotSent::Never { .. }) => "never",
        };
        let channel = delivery.channel.clone();
        counter!("lycaon_log_deliveries_total", "channel" => channel, "outcome" => word)
            .increment(1);
        // The attempts that a delivery shows count this one.
        let before = delivery.attempts.saturating_sub(1);
        let how = settle(&outcome, before, self.ports.ledger.now().await?);
        self.ports.outbox.settle(delivery.id, delivery.token, &how).await
    }

    async fn send(&self, delivery: &Delivery) -> Result<Result<(), NotSent>, StoreError> {
        let definitions = self.roster().definitions.clone();
        let Some(channel) = self.ports.channels.channel(&definitions, &delivery.channel) else {
            // It may come back with the next definitions.
            let message = format!("there is no channel `{}`; define it", delivery.channel);
            return Ok(Err(NotSent::Later { message, wait: None }));
        };
        let mut findings = Vec::with_capacity(delivery.findings.len());
        for id in &delivery.findings {
            // One that was forgotten meanwhile is told no more.
            findings.extend(self.ports.findings.finding(*id).await?);
        }
        if findings.is_empty() {
            let message = "its findings have been deleted".to_owned();
            return Ok(Err(NotSent::Never { message }));
        }
        let message = Message { key: delivery.key.clone(), at: delivery.at, findings };
        let sent = self.within_time(LEASE / 2, channel.send(&message)).await;
        Ok(sent.unwrap_or_else(|| {
            let message = format!("`{}` did not take it within a minute", delivery.channel);
            Err(NotSent::Later { message, wait: None })
        }))
    }
}
