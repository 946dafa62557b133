//! Which questions are running in this process, to cancel them by tag.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// Questions by tag.
#[derive(Clone, Default)]
pub(crate) struct Running {
    by_tag: Arc<Mutex<HashMap<Arc<str>, Vec<CancellationToken>>>>,
}

/// One question; forgotten when dropped.
pub(crate) struct Entered {
    running: Running,
    tag: Arc<str>,
    pub(crate) token: CancellationToken,
}

impl Running {
    pub(crate) fn enter(&self, tag: &Arc<str>) -> Entered {
        let token = CancellationToken::new();
        self.by_tag.lock().entry(tag.clone()).or_default().push(token.clone());
        Entered { running: self.clone(), tag: tag.clone(), token }
    }

    /// Whether any question had this tag.
    pub(crate) fn cancel(&self, tag: &str) -> bool {
        let by_tag = self.by_tag.lock();
        let tokens = by_tag.get(tag).map_or(&[][..], |tokens| tokens.as_slice());
        tokens.iter().for_each(CancellationToken::cancel);
        !tokens.is_empty()
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // Marks this one, as tokens cannot be compared.
        self.token.cancel();
        let mut by_tag = self.running.by_tag.lock();
        if let Some(tokens) = by_tag.get_mut(&self.tag) {
            tokens.retain(|token| !token.is_cancelled());
            if tokens.is_empty() {
                by_tag.remove(&self.tag);
            }
        }
    }
}
