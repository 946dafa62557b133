//! Sees to it that the folder of the built web interface exists, and rebuilds this crate when its
//! content changed, because it is embedded here. Never runs npm: `make gui` does.
//!
//! A debug build reads the folder when it runs and needs no rebuild, but only if it was there when
//! the crate was compiled: an empty folder tells the embedding that files may come.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let built = Path::new("../../gui/dist");
    if let Err(error) = std::fs::create_dir_all(built) {
        // Sources that cannot be written to: then the programs are built without an interface.
        println!("cargo:warning=cannot make {}: {error}", built.display());
    }
    if std::env::var("PROFILE").as_deref() == Ok("release") {
        println!("cargo:rerun-if-changed=../../gui/dist");
    }
}
