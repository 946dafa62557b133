//! A file to which a line is added for each finding.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use log_rules::FindingFormat;
use loghunt::channel::{Channel, Message, NotSent};

use crate::form::render;

/// A file of JSON lines. A message that was sent twice is there twice, with the same ids.
pub(crate) struct File {
    pub(crate) path: Arc<PathBuf>,
    pub(crate) format: FindingFormat,
}

#[async_trait]
impl Channel for File {
    async fn send(&self, message: &Message) -> Result<(), NotSent> {
        let mut lines = String::new();
        for finding in &message.findings {
            lines.push_str(&render(finding, self.format).to_string());
            lines.push('\n');
        }
        let path = Arc::clone(&self.path);
        let written = tokio::task::spawn_blocking(move || {
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&*path)?;
            file.write_all(lines.as_bytes())?;
            file.sync_data()
        });
        let outcome = match written.await {
            Ok(outcome) => outcome,
            Err(broken) => Err(std::io::Error::other(broken)),
        };
        outcome.map_err(|error| NotSent::Later {
            message: format!("cannot add to {}: {error}", self.path.display()),
            wait: None,
        })
    }
}
