//! The labels that queries see as `config.Client_labels`: the server's, and the agent's own.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

/// The labels of this client. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Labels(Arc<RwLock<Sets>>);

#[derive(Debug, Default)]
struct Sets {
    own: BTreeSet<String>,
    server: BTreeSet<String>,
}

impl Labels {
    /// Starts with the labels from the agent's own configuration.
    pub fn new(own: impl IntoIterator<Item = String>) -> Self {
        let own = own.into_iter().collect();
        Self(Arc::new(RwLock::new(Sets { own, server: BTreeSet::new() })))
    }

    /// All labels, in order, without repetition.
    pub fn all(&self) -> Vec<String> {
        let sets = self.0.read().unwrap_or_else(PoisonError::into_inner);
        sets.own.union(&sets.server).cloned().collect()
    }

    /// What the server says now.
    pub fn set_server(&self, labels: Vec<String>) {
        let mut sets = self.0.write().unwrap_or_else(PoisonError::into_inner);
        sets.server = labels.into_iter().collect();
    }
}
