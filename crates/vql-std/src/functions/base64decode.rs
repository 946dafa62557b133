//! The function `base64decode`: reads base64, in the standard or the URL alphabet, with or without padding; blanks are

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Base64Decode)
}

plugin_args! {
    /// Reads base64, in the standard or the URL alphabet, with or without padding; blanks are
    /// skipped.
    pub struct Base64DecodeArgs for "base64decode" {
        /// The text.
        string: Text,
    }
}

struct Base64Decode;

/// What attackers write is often sloppy.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

impl Function for Base64Decode {
    type Args = Base64DecodeArgs;

    fn call(&self, args: Base64DecodeArgs, _scope: &Scope) -> Result<Value, Failure> {
        let text: Vec<u8> =
            args.string.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let url = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
        let alphabet = if url { alphabet::URL_SAFE } else { alphabet::STANDARD };
        let bytes = GeneralPurpose::new(&alphabet, LENIENT).decode(&text)?;
        Ok(Value::text(bytes))
    }
}
