//! Batches of rows: packed by the agent, unpacked by the server within fixed limits.
//!
//! # Invariants
//! - **W1** unpacking never allocates more than [`BATCH_BYTES_MAX`], whatever the batch claims.
//! - **W2** every row of an unpacked batch is one JSON object on one line, nested at most
//!   [`ROW_DEPTH_MAX`] deep.

use std::io::Read;

use model::results::{AttemptId, RowBatch};
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::{BATCH_BYTES_MAX, BATCH_ROWS_MAX, BadFrame, ROW_DEPTH_MAX, Rows, SOURCE_BYTES_MAX};

/// Batches below this are sent as they are.
const WORTH_PACKING_BYTES: usize = 512;

/// Packs rows, one JSON object each, as batch `seq` of `source`. The rows together, with a line
/// end each, must fit [`BATCH_BYTES_MAX`]; the agent cuts its batches so.
pub fn pack_rows(source: &str, seq: u64, rows: &[String]) -> Rows {
    let mut jsonl = Vec::with_capacity(rows.iter().map(|row| row.len() + 1).sum());
    for row in rows {
        jsonl.extend_from_slice(row.as_bytes());
        jsonl.push(b'\n');
    }
    let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let plain = Rows { source: source.to_owned(), seq, count, jsonl, zstd: false };
    if plain.jsonl.len() < WORTH_PACKING_BYTES {
        return plain;
    }
    match zstd::bulk::compress(&plain.jsonl, 3) {
        Ok(packed) if packed.len() < plain.jsonl.len() => {
            Rows { jsonl: packed, zstd: true, ..plain }
        }
        Ok(_) | Err(_) => plain,
    }
}

/// Unpacks and checks a batch.
pub fn unpack_rows(attempt: AttemptId, said: &Rows) -> Result<RowBatch, BadFrame> {
    if said.source.is_empty() || said.source.len() > SOURCE_BYTES_MAX {
        let why = format!("must have 1 to {SOURCE_BYTES_MAX} bytes");
        return Err(BadFrame::field("rows.source", why));
    }
    if said.count as usize > BATCH_ROWS_MAX {
        let why = format!("is {}; a batch has at most {BATCH_ROWS_MAX} rows", said.count);
        return Err(BadFrame::field("rows.count", why));
    }
    let unpacked;
    let jsonl = if said.zstd {
        unpacked = unpack(&said.jsonl)?;
        &unpacked
    } else {
        &said.jsonl
    };
    if jsonl.len() > BATCH_BYTES_MAX {
        return Err(too_many_bytes());
    }
    let rows = lines(jsonl)?;
    if rows.len() != said.count as usize {
        let why = format!("is {} but {} rows are there", said.count, rows.len());
        return Err(BadFrame::field("rows.count", why));
    }
    for row in &rows {
        check_row(row)?;
    }
    Ok(RowBatch { attempt, source: said.source.clone(), seq: said.seq, rows })
}

fn too_many_bytes() -> BadFrame {
    BadFrame::field("rows.jsonl", format!("has more than {BATCH_BYTES_MAX} bytes when unpacked"))
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, BadFrame> {
    let bad =
        |error: std::io::Error| BadFrame::field("rows.jsonl", format!("is not zstd: {error}"));
    let mut decoder = zstd::stream::read::Decoder::with_buffer(packed).map_err(bad)?;
    // A frame may ask for a window of gigabytes; a batch never needs more than 1 MiB.
    decoder.window_log_max(20).map_err(bad)?;
    let mut plain = Vec::new();
    decoder.take(BATCH_BYTES_MAX as u64 + 1).read_to_end(&mut plain).map_err(bad)?;
    if plain.len() > BATCH_BYTES_MAX { Err(too_many_bytes()) } else { Ok(plain) }
}

fn lines(jsonl: &[u8]) -> Result<Vec<String>, BadFrame> {
    let text = std::str::from_utf8(jsonl)
        .map_err(|error| BadFrame::field("rows.jsonl", format!("is not UTF-8: {error}")))?;
    Ok(text.split('\n').filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// Checks that a text is one JSON object on one line, and not nested too deeply.
pub fn check_row(row: &str) -> Result<(), BadFrame> {
    let bad = |why: String| BadFrame::field("row", why);
    if row.contains(['\n', '\r']) {
        return Err(bad("spans several lines; a row is one line of JSON".to_owned()));
    }
    if depth(row) > ROW_DEPTH_MAX {
        return Err(bad(format!("is nested deeper than {ROW_DEPTH_MAX} levels")));
    }
    let mut reader = serde_json::Deserializer::from_str(row);
    reader
        .deserialize_map(AnyObject)
        .and_then(|()| reader.end())
        .map_err(|error| bad(format!("is not a JSON object: {error}")))
}

/// Accepts any object and keeps nothing of it.
struct AnyObject;

impl<'de> Visitor<'de> for AnyObject {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// How deep brackets nest, outside of texts. Right for valid JSON, harmless for anything else.
fn depth(json: &str) -> usize {
    let (mut now, mut most) = (0usize, 0usize);
    let (mut in_text, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                now += 1;
                most = most.max(now);
            }
            b'}' | b']' if !in_text => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use base::FlowId;

    use super::*;

    const ATTEMPT: AttemptId = AttemptId { flow: FlowId::from_bits(7), attempt: 1 };

    fn rows(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    fn refused(said: &Rows) -> String {
        unpack_rows(ATTEMPT, said).unwrap_err().to_string()
    }

    #[test]
    fn a_batch_comes_out_as_it_went_in() {
        let many: Vec<String> = (0..2_000).map(|n| format!("{{\"n\":{n}}}")).collect();
        for sent in [rows(&[r#"{"a":1}"#]), rows(&[]), many] {
            let packed = pack_rows("A/B", 3, &sent);
            let batch = unpack_rows(ATTEMPT, &packed).unwrap();
            assert_eq!((batch.seq, batch.source.as_str(), batch.rows), (3, "A/B", sent));
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_unfolds() {
        let refused_bomb = |bytes: usize| {
            let jsonl = zstd::bulk::compress(&vec![b' '; bytes], 3).unwrap();
            assert!(jsonl.len() < 10_000, "the bomb is small: {}", jsonl.len());
            refused(&Rows { source: "A".into(), seq: 0, count: 1, jsonl, zstd: true })
        };
        let wanted = "`rows.jsonl` has more than 524288 bytes when unpacked";
        assert_eq!(refused_bomb(BATCH_BYTES_MAX + 1), wanted);
        assert!(refused_bomb(64 << 20).contains("too much memory"), "its window is refused first");
    }

    #[test]
    fn what_is_not_rows_is_refused_with_a_reason() {
        let batch = |count, jsonl: &str| Rows {
            source: "A".into(),
            seq: 0,
            count,
            jsonl: jsonl.into(),
            zstd: false,
        };
        assert_eq!(refused(&batch(2, "{}\n")), "`rows.count` is 2 but 1 rows are there");
        assert!(refused(&batch(1, "[1]\n")).starts_with("`row` is not a JSON object"));
        assert!(refused(&batch(1, "{}{}\n")).starts_with("`row` is not a JSON object"));
        let deep = format!("{{\"a\":{}{}}}\n", "[".repeat(100), "]".repeat(100));
        assert_eq!(refused(&batch(1, &deep)), "`row` is nested deeper than 100 levels");
        assert!(refused(&Rows { source: String::new(), ..batch(0, "") }).contains("1 to 1024"));
        assert!(refused(&Rows { zstd: true, ..batch(1, "no") }).contains("is not zstd"));
    }
}
