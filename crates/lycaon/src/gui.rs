//! The web interface: the built files of `gui/`, embedded in the program.
//!
//! In a debug build they are read from disk at each request, so that the interface can be worked on without
//! building Rust. When they were not built, the first page says how to build them.
//!
//! # Not here
//!
//! Headers, caching and policies of the answers: `server`, which asks for the files through its port.

use std::collections::HashMap;
use std::io::Write;

use bytes::Bytes;
use parking_lot::Mutex;
use rust_embed::RustEmbed;
use server::{Asset, Assets};

#[derive(RustEmbed)]
#[folder = "../../gui/dist"]
#[allow_missing = true]
struct Files;

const FIRST_PAGE: &str = "index.html";

/// Shown when the interface was not built.
const NOT_BUILT: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Lycaon</title>
<h1>Lycaon</h1>
<p>The web interface was not built into this program. Build it with <code>make gui</code> (Node 20 or newer) and
build the program again. The API below <code>/api/v1</code> and the command line work without it.</p>
</html>
";

/// Below this a file is not worth compressing.
const COMPRESSED_FROM_BYTES: usize = 1_024;

/// Whether the interface was built into this program.
pub(crate) fn is_built() -> bool {
    Files::get(FIRST_PAGE).is_some()
}

/// The files of the web interface. Each is compressed at most once for each content.
#[derive(Default)]
pub(crate) struct Gui {
    packed: Mutex<HashMap<String, Bytes>>,
}

impl Assets for Gui {
    fn get(&self, path: &str, accepts: &str) -> Option<Asset> {
        let Some(file) = Files::get(path) else {
            return (path == FIRST_PAGE && !is_built()).then(not_built);
        };
        let media = media(path);
        let etag = hex::encode(&file.metadata.sha256_hash()[..12]);
        let wanted = accepts.split(',').any(|one| one.trim().split(';').next() == Some("gzip"));
        let pack = wanted && file.data.len() >= COMPRESSED_FROM_BYTES && shrinks(media);
        let (bytes, encoding) = if pack {
            (self.packed(&etag, &file.data), Some("gzip"))
        } else {
            (Bytes::from(file.data.into_owned()), None)
        };
        // The build puts a hash of the content into the names below this folder.
        let immutable = path.starts_with("assets/");
        Some(Asset { bytes, media: media.to_owned(), etag, encoding, immutable })
    }
}

impl Gui {
    fn packed(&self, etag: &str, bytes: &[u8]) -> Bytes {
        if let Some(done) = self.packed.lock().get(etag) {
            return done.clone();
        }
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        // Writing to memory cannot fail.
        let _ = encoder.write_all(bytes);
        let done = Bytes::from(encoder.finish().unwrap_or_default());
        self.packed.lock().insert(etag.to_owned(), done.clone());
        done
    }
}

fn not_built() -> Asset {
    Asset {
        bytes: Bytes::from_static(NOT_BUILT.as_bytes()),
        media: media(FIRST_PAGE).to_owned(),
        etag: "not-built".into(),
        encoding: None,
        immutable: false,
    }
}

fn media(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "wasm" => "application/wasm",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn shrinks(media: &str) -> bool {
    !matches!(media, "image/png" | "font/woff2" | "font/woff")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_page_is_there_whether_it_was_built_or_not() {
        let page = Gui::default().get("index.html", "").unwrap();
        assert!(page.bytes.starts_with(b"<!doctype html>") || page.bytes.starts_with(b"<!DOCTYPE"));
        assert!(!page.immutable && !page.etag.contains('"'));
    }

    #[test]
    fn what_is_no_file_of_the_interface_is_not_given() {
        for path in ["../Cargo.toml", "/etc/passwd", "assets/gone.js", "assets/../../package.json"]
        {
            assert!(Gui::default().get(path, "gzip").is_none(), "{path}");
        }
    }

    #[test]
    fn a_file_is_packed_when_that_is_wanted() {
        let gui = Gui::default();
        let packed = gui.packed("x", &[b'a'; 5_000]);
        assert!(packed.len() < 200 && packed.starts_with(&[0x1f, 0x8b]));
        assert_eq!(gui.packed("x", b"not looked at"), packed);
    }
}
