//! Bytes in disguise: base64, hex, UTF-16, rot13, xor.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use rows::{Text, Value};
use vql_plugin::{Catalog, Failure, Function, Scope, plugin_args};

pub(crate) fn catalog() -> Catalog {
    Catalog::new()
        .function(Base64Encode)
        .function(Base64Decode)
        .function(Unhex)
        .function(Utf16)
        .function(Utf16Encode)
        .function(Rot13)
        .function(Xor)
        .function(Entropy)
}

plugin_args! {
    /// Writes bytes as base64.
    pub struct Base64EncodeArgs for "base64encode" {
        /// The bytes.
        string: Text,
    }
}

struct Base64Encode;

impl Function for Base64Encode {
    type Args = Base64EncodeArgs;

    fn call(&self, args: Base64EncodeArgs, _scope: &Scope) -> Result<Value, Failure> {
        Ok(Value::text(STANDARD.encode(args.string.as_bytes())))
    }
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

plugin_args! {
    /// Reads bytes from hex digits.
    pub struct UnhexArgs for "unhex" {
        /// The digits.
        string: Text = "",
    }
}

struct Unhex;

impl Function for Unhex {
    type Args = UnhexArgs;

    fn call(&self, args: UnhexArgs, _scope: &Scope) -> Result<Value, Failure> {
        let digits = args.string.trim_ascii();
        let digits = digits.strip_prefix(b"0x").unwrap_or(digits);
        Ok(Value::text(hex::decode(digits)?))
    }
}

plugin_args! {
    /// Reads UTF-16 (little endian): bytes to text.
    pub struct Utf16Args for "utf16" {
        /// The bytes.
        string: Text,
    }
}

struct Utf16;

impl Function for Utf16 {
    type Args = Utf16Args;

    fn call(&self, args: Utf16Args, _scope: &Scope) -> Result<Value, Failure> {
        let units = args.string.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        let text: String =
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        Ok(Value::text(text))
    }
}

plugin_args! {
    /// Writes text as UTF-16 (little endian).
    pub struct Utf16EncodeArgs for "utf16_encode" {
        /// The text.
        string: String,
    }
}

struct Utf16Encode;

impl Function for Utf16Encode {
    type Args = Utf16EncodeArgs;

    fn call(&self, args: Utf16EncodeArgs, _scope: &Scope) -> Result<Value, Failure> {
        let bytes: Vec<u8> = args.string.encode_utf16().flat_map(u16::to_le_bytes).collect();
        Ok(Value::text(bytes))
    }
}

plugin_args! {
    /// Shifts letters by thirteen places.
    pub struct Rot13Args for "rot13" {
        /// The text.
        string: Text = "",
    }
}

struct Rot13;

impl Function for Rot13 {
    type Args = Rot13Args;

    fn call(&self, args: Rot13Args, _scope: &Scope) -> Result<Value, Failure> {
        let shift = |byte: u8, first: u8| first + (byte - first + 13) % 26;
        let shifted: Vec<u8> = args
            .string
            .iter()
            .map(|byte| match byte {
                b'a'..=b'z' => shift(*byte, b'a'),
                b'A'..=b'Z' => shift(*byte, b'A'),
                other => *other,
            })
            .collect();
        Ok(Value::text(shifted))
    }
}

plugin_args! {
    /// Combines bytes with a key that repeats, by exclusive or.
    pub struct XorArgs for "xor" {
        /// The bytes.
        string: Text,
        /// The key.
        key: Text,
    }
}

struct Xor;

impl Function for Xor {
    type Args = XorArgs;

    fn call(&self, args: XorArgs, _scope: &Scope) -> Result<Value, Failure> {
        if args.key.is_empty() {
            return Err(Failure::new("key must not be empty"));
        }
        let bytes: Vec<u8> =
            args.string.iter().zip(args.key.iter().cycle()).map(|(a, b)| a ^ b).collect();
        Ok(Value::text(bytes))
    }
}

plugin_args! {
    /// The Shannon entropy of the bytes of a text, in bits per byte.
    pub struct EntropyArgs for "entropy" {
        /// The text.
        string: Text,
    }
}

struct Entropy;

impl Function for Entropy {
    type Args = EntropyArgs;

    fn call(&self, args: EntropyArgs, _scope: &Scope) -> Result<Value, Failure> {
        let mut counts = [0usize; 256];
        for byte in args.string.iter() {
            counts[usize::from(*byte)] += 1;
        }
        let total = args.string.len() as f64;
        let part = |count: usize| {
            let share = count as f64 / total;
            -share * share.log2()
        };
        Ok(Value::Float(counts.into_iter().filter(|count| *count > 0).map(part).sum()))
    }
}
