//! Ways to tell somebody, made when they are first needed.

use std::collections::HashMap;
use std::sync::Arc;

use log_rules::Definitions;
use loghunt::channel::{Channel, Message, NotSent};
use parking_lot::Mutex;

use crate::machine::SystemClock;

/// A channel, and the revision of the definitions that it was made from.
type OpenedUnder = (Arc<str>, Arc<dyn Channel>);

/// The channels of the definitions.
#[derive(Default)]
pub(super) struct OpenChannels {
    /// By name.
    open: Mutex<HashMap<String, OpenedUnder>>,
}

impl scheduler::Channels for OpenChannels {
    fn channel(&self, definitions: &Definitions, name: &str) -> Option<Arc<dyn Channel>> {
        let mut open = self.open.lock();
        if let Some((revision, channel)) = open.get(name)
            && *revision == definitions.revision
        {
            return Some(channel.clone());
        }
        let defined = definitions.channels.iter().find(|channel| channel.name == name)?;
        let clock = Arc::new(SystemClock);
        match notify::open(defined, clock, &super::secrets::resolve) {
            Ok(channel) => {
                open.insert(name.to_owned(), (definitions.revision.clone(), channel.clone()));
                Some(channel)
            }
            // Secrets may be mended while we run: the next message tries again.
            Err(error) => Some(Arc::new(Unusable(error.to_string()))),
        }
    }
}

/// A channel that cannot be used now.
struct Unusable(String);

#[async_trait::async_trait]
impl Channel for Unusable {
    async fn send(&self, _message: &Message) -> Result<(), NotSent> {
        Err(NotSent::Later { message: self.0.clone(), wait: None })
    }
}
