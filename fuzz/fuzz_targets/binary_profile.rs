//! Profiles of `parse_binary`, and the decoders behind them: the first line is the profile, the
//! rest are the bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parsers::profile::{Profile, decode};

fuzz_target!(|data: &[u8]| {
    let split = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (profile, bytes) = data.split_at(split);
    if let Ok(profile) = Profile::parse(&String::from_utf8_lossy(profile)) {
        profile.lambdas();
    }
    for utf16 in [false, true] {
        let (_, used) = decode::text(bytes, &bytes[..bytes.len().min(2)], utf16);
        assert!(used <= bytes.len());
    }
    for signed in [false, true] {
        decode::leb128(bytes, signed);
        decode::int(bytes, signed, true);
        decode::float(bytes, signed);
    }
    decode::guid(bytes);
    if let Some(number) = decode::int(&bytes[..bytes.len().min(8)], false, false) {
        decode::epoch(number, 1000);
        decode::file_time(number, 1);
        decode::fat_time(number as u32);
    }
});
