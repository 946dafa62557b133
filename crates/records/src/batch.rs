//! Batches of rows: one JSON text a line, compressed when that is worth it.

/// Batches beyond this are compressed: most of what an `fsync` costs is bytes.
const PACK_FROM_BYTES: usize = 2_048;

/// Lines as they are kept, and whether they are compressed. A line must not have a line break in it.
pub fn pack<L: AsRef<str>>(lines: impl Iterator<Item = L>) -> (bool, Vec<u8>) {
    let mut plain = Vec::new();
    for line in lines {
        plain.extend_from_slice(line.as_ref().as_bytes());
        plain.push(b'\n');
    }
    if plain.len() < PACK_FROM_BYTES {
        return (false, plain);
    }
    match zstd::bulk::compress(&plain, 1) {
        Ok(packed) if packed.len() < plain.len() => (true, packed),
        _ => (false, plain),
    }
}

/// The lines that [`pack`] kept, as one text; nothing when they are damaged.
pub fn unpack(packed: bool, body: &[u8]) -> Option<String> {
    let bytes = if packed { zstd::stream::decode_all(body).ok()? } else { body.to_vec() };
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], packed: bool) {
        let (found, body) = pack(lines.iter());
        assert_eq!(found, packed);
        let text = unpack(found, &body).expect("it is whole");
        assert_eq!(text.lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn few_lines_stay_plain_and_many_are_compressed() {
        check(&[], false);
        check(&["{}", r#"{"a":1}"#], false);
        check(&vec![r#"{"name":"cron"}"#; 1_000], true);
    }

    #[test]
    fn damage_is_noticed() {
        assert_eq!(unpack(true, b"not compressed"), None);
        assert_eq!(unpack(false, &[0xff]), None);
    }
}
