//! The artifacts that are part of the product: the files of `library/`.

/// File names and contents.
pub(crate) const LIBRARY: &[(&str, &str)] = &[];
