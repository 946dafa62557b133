//! Rebuilds this crate when the built web interface changed, because it is embedded here.
//!
//! A debug build reads it from disk and needs no rebuild. Never runs npm: `make gui` does.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("PROFILE").as_deref() == Ok("release") {
        println!("cargo:rerun-if-changed=../../gui/dist");
    }
}
