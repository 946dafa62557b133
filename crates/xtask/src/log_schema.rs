//! The JSON Schema of log hunts' files, as a page among the references.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::sources;

/// Where the page is.
pub fn file() -> PathBuf {
    sources::root().join("docs/reference/log-rules.schema.json")
}

/// The page.
pub fn page() -> String {
    let schema = log_rules::json_schema();
    let text = serde_json::to_string_pretty(&schema);
    format!("{}\n", text.expect("a tree of texts and numbers can be written"))
}

/// Writes the page anew.
pub fn write() -> io::Result<()> {
    fs::write(file(), page())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_fresh() {
        let kept = fs::read_to_string(file()).unwrap_or_default();
        assert!(
            kept == page(),
            "docs/reference/log-rules.schema.json is stale; run `cargo run -p xtask -- docs`"
        );
    }
}
