//! What every store of tools must do.

use model::tool::ToolFile;

use crate::stores::{Stores, at};

/// Runs all promises about tools.
pub async fn tool_suite(fresh: impl AsyncFn() -> Stores) {
    a_name_and_version_have_one_file(fresh().await).await;
}

fn tool(name: &str, version: &str, hash: u8) -> ToolFile {
    ToolFile {
        name: name.into(),
        version: version.into(),
        filename: format!("{name}.bin"),
        sha256: [hash; 32],
        size: 1 << 40,
        stored: at(i64::from(hash)),
    }
}

async fn a_name_and_version_have_one_file(stores: Stores) {
    assert_eq!(stores.tools.tools().await.unwrap(), []);
    for tool in [tool("B", "", 1), tool("A", "2", 2), tool("A", "1", 3), tool("A", "2", 4)] {
        stores.tools.keep_tool(&tool).await.unwrap();
    }
    let all = stores.tools.tools().await.unwrap();
    assert_eq!(all, [tool("A", "1", 3), tool("A", "2", 4), tool("B", "", 1)]);
}
