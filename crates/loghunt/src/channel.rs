//! How people and their programs are told of findings: the port that `notify` fills.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::Timestamp;
use model::log::Finding;

use crate::ports::Settled;

/// A way to tell somebody. Sending is at least once: a receiver that wants each message once
/// remembers [`Message::key`].
#[async_trait]
pub trait Channel: Send + Sync {
    /// Sends a message. `Ok` means that the receiver has it.
    async fn send(&self, message: &Message) -> Result<(), NotSent>;
}

/// What is to be told.
#[derive(Clone, Debug)]
pub struct Message {
    /// The same each time it is sent.
    pub key: Arc<str>,
    /// When it was written.
    pub at: Timestamp,
    /// One finding, or all of a digest.
    pub findings: Vec<Finding>,
}

/// Why a message did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// It may pass by itself.
    #[error("{message}")]
    Later {
        /// A whole sentence, without secrets.
        message: String,
        /// How long the receiver wants to be left alone.
        wait: Option<Duration>,
    },
    /// It will not pass before somebody changes something.
    #[error("{message}")]
    Never {
        /// A whole sentence, without secrets.
        message: String,
    },
}

/// So often a message is tried before it is given up: with the waits below, for about a day.
pub const ATTEMPTS_MAX: u32 = 40;
const WAIT_FIRST: Duration = Duration::from_secs(2);
const WAIT_MAX: Duration = Duration::from_secs(3_600);

/// What becomes of a delivery. `attempts` counts those before this one.
pub fn settle(outcome: &Result<(), NotSent>, attempts: u32, now: Timestamp) -> Settled {
    match outcome {
        Ok(()) => Settled::Sent,
        Err(NotSent::Never { message }) => Settled::GiveUp { error: message.clone() },
        Err(NotSent::Later { message, .. }) if attempts + 1 >= ATTEMPTS_MAX => {
            Settled::GiveUp { error: format!("{message} (tried {ATTEMPTS_MAX} times)") }
        }
        Err(NotSent::Later { message, wait }) => {
            let doubled = WAIT_FIRST.saturating_mul(1 << attempts.min(20)).min(WAIT_MAX);
            let not_before = now.plus(wait.unwrap_or_default().max(doubled));
            Settled::Later { not_before, error: message.clone() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_asked_again_after_longer_and_longer_waits() {
        let later = |wait| Err(NotSent::Later { message: "503".into(), wait });
        let at = |outcome, attempts| settle(&outcome, attempts, Timestamp::EPOCH);
        let wait =
            |secs| Settled::Later { not_before: Timestamp::from_secs(secs), error: "503".into() };
        assert_eq!(at(later(None), 0), wait(2));
        assert_eq!(at(later(None), 4), wait(32));
        assert_eq!(at(later(None), 30), wait(3_600));
        assert_eq!(at(later(Some(Duration::from_secs(90))), 0), wait(90));
        assert_eq!(
            at(later(None), ATTEMPTS_MAX - 1),
            Settled::GiveUp { error: "503 (tried 40 times)".into() }
        );
        assert_eq!(at(Ok(()), 3), Settled::Sent);
    }
}
