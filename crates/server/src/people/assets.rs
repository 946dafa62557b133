//! The web interface's files. Where they come from is the program's choice.

use bytes::Bytes;

/// One file.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Its bytes.
    pub bytes: Bytes,
    /// Its media type.
    pub media: String,
    /// Names this content.
    pub etag: String,
    /// `gzip` or `br` when the bytes are compressed so.
    pub encoding: Option<&'static str>,
    /// Its name changes with its content, so that it may be kept for ever.
    pub immutable: bool,
}

/// Gives the files of the web interface.
pub trait Assets: Send + Sync {
    /// The file with this path (without a leading slash), compressed when `accepts` (the header
    /// `Accept-Encoding`) allows it. `index.html` is asked for every path that no file has.
    fn get(&self, path: &str, accepts: &str) -> Option<Asset>;
}

/// No web interface.
pub struct NoAssets;

impl Assets for NoAssets {
    fn get(&self, _: &str, _: &str) -> Option<Asset> {
        None
    }
}
