//! What is wrong with the server right now, as people are told.
//!
//! Whoever can see a problem registers how to look for it; nobody keeps a list of old problems.

use parking_lot::RwLock;

/// Looks for one kind of problem; `Some` is a whole sentence.
pub type Look = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// All ways to look for problems.
#[derive(Default)]
pub struct Health {
    looks: RwLock<Vec<Look>>,
}

impl Health {
    /// Nobody looks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks for this from now on.
    pub fn watch(&self, look: Look) {
        self.looks.write().push(look);
    }

    /// What is wrong now.
    pub fn problems(&self) -> Vec<String> {
        self.looks.read().iter().filter_map(|look| look()).collect()
    }
}
