//! Journals as a real machine wrote them, and journals as nobody should.

mod writer;

use std::io::Cursor;

use expect_test::{Expect, expect};

use self::writer::{Data, Writer};
use super::*;

fn entries(bytes: &[u8]) -> Vec<Result<Entry, JournalError>> {
    let mut journal = match Journal::open(Cursor::new(bytes)) {
        Ok(journal) => journal,
        Err(wrong) => return vec![Err(wrong)],
    };
    let mut place = Place::default();
    std::iter::from_fn(|| journal.next(&mut place, |_| true)).collect()
}

fn shown(entry: Result<Entry, JournalError>) -> String {
    match entry {
        Ok(entry) => {
            let field = |field: &Arc<Field>| {
                let value = String::from_utf8_lossy(&field.value);
                format!("{}={}", field.name, value.chars().take(20).collect::<String>())
            };
            let mut parts: Vec<_> = entry.fields.iter().map(field).collect();
            parts.extend(entry.notes.iter().map(|note| format!("({note})")));
            format!("{} {}", entry.stamp.realtime, parts.join(" "))
        }
        Err(wrong) => wrong.to_string(),
    }
}

fn check(bytes: &[u8], wanted: Expect) {
    let lines: Vec<_> = entries(bytes).into_iter().map(shown).collect();
    wanted.assert_eq(&lines.join("\n"));
}

fn three(compact: bool) -> Writer {
    let mut writer = Writer::new(compact);
    for number in 1..=3 {
        let text = format!("MESSAGE=number {number}");
        writer.entry(number * 1000, &[Data(0, b"_PID=7"), Data(0, text.as_bytes())]);
    }
    writer
}

#[test]
fn both_layouts_are_read() {
    for compact in [false, true] {
        check(
            &three(compact).finish(2, 5),
            expect![[r#"
                1000 _PID=7 MESSAGE=number 1
                2000 _PID=7 MESSAGE=number 2
                3000 _PID=7 MESSAGE=number 3"#]],
        );
    }
}

#[test]
fn fields_may_be_compressed_or_damaged() {
    let packed = zstd::encode_all(&b"MESSAGE=packed well"[..], 3).unwrap();
    let lz4 = [&11_u64.to_le_bytes()[..], b"\xb0MESSAGE=lz4"].concat();
    let mut writer = Writer::new(true);
    writer
        .entry(1, &[Data(4, &packed), Data(2, &lz4), Data(1, b"?"), Data(4, b"?"), Data(0, b"?")]);
    check(
        &writer.finish(1, 0),
        expect![
            "1 MESSAGE=packed well MESSAGE=lz4 (a field that is compressed with XZ is left out) (a field that is compressed with Zstandard is damaged: Unknown frame descriptor) (a field cannot be read: at offset 0x278: a field without a name)"
        ],
    );
}

#[test]
fn what_is_not_wanted_is_passed_over() {
    let bytes = three(false).finish(2, 5);
    let mut journal = Journal::open(Cursor::new(&bytes)).unwrap();
    let mut place = Place::default();
    let found = journal.next(&mut place, |stamp| stamp.realtime > 2500).unwrap().unwrap();
    assert_eq!(found.stamp.number, 3);
    assert!(journal.next(&mut place, |_| true).is_none());
}

#[test]
fn a_journal_that_grows_goes_on_where_reading_stopped() {
    for (per_array, free) in [(2, 5), (3, 0), (1, 0)] {
        let short = three(true).finish(per_array, free);
        let mut journal = Journal::open(Cursor::new(&short)).unwrap();
        let mut place = journal.end().unwrap();
        assert!(journal.next(&mut place, |_| true).is_none());
        let grown = grow(short.clone(), place);
        let mut journal = Journal::open(Cursor::new(&grown)).unwrap();
        journal.refresh().unwrap();
        let found = journal.next(&mut place, |_| true).unwrap().unwrap();
        assert_eq!(shown(Ok(found)), "9 MESSAGE=new");
        assert!(journal.next(&mut place, |_| true).is_none());
    }
}

/// Adds an entry in an array of its own, as a journal does whose last array is full.
fn grow(mut bytes: Vec<u8>, place: Place) -> Vec<u8> {
    let align = |bytes: &mut Vec<u8>| bytes.resize(bytes.len().next_multiple_of(8), 0);
    let mut object = |kind: u8, body: &[u8]| {
        align(&mut bytes);
        let offset = bytes.len() as u64;
        bytes.extend([kind, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend((body.len() as u64 + 16).to_le_bytes());
        bytes.extend(body);
        offset
    };
    let data = object(1, &[&[0; 56][..], b"MESSAGE=new"].concat());
    let item = u32::try_from(data).unwrap().to_le_bytes();
    let entry =
        object(3, &[&9_u64.to_le_bytes()[..], &9_u64.to_le_bytes(), &[0; 32], &item].concat());
    let array = object(6, &[&[0; 8][..], &u32::try_from(entry).unwrap().to_le_bytes()].concat());
    let next = usize::try_from(place.array).unwrap() + 16;
    bytes[next..next + 8].copy_from_slice(&array.to_le_bytes());
    bytes
}

#[test]
fn a_broken_entry_does_not_hide_the_others() {
    let mut bytes = three(false).finish(8, 1);
    let array = usize::try_from(u64::from_le_bytes(part(&bytes, 176))).unwrap();
    bytes[array + 32..array + 40].copy_from_slice(&300_u64.to_le_bytes());
    check(
        &bytes,
        expect![[r#"
        1000 _PID=7 MESSAGE=number 1
        at offset 0x12c: no object can be here
        3000 _PID=7 MESSAGE=number 3"#]],
    );
}

#[test]
fn a_ring_of_arrays_ends() {
    let mut bytes = three(false).finish(1, 0);
    let first = u64::from_le_bytes(part::<8>(&bytes, 176));
    let second = usize::try_from(u64::from_le_bytes(part::<8>(
        &bytes,
        usize::try_from(first).unwrap() + 16,
    )))
    .unwrap();
    bytes[second + 16..second + 24].copy_from_slice(&first.to_le_bytes());
    check(
        &bytes,
        expect![[r#"
        1000 _PID=7 MESSAGE=number 1
        2000 _PID=7 MESSAGE=number 2
        at offset 0x418: the next array of entries does not lie behind this one"#]],
    );
}

#[test]
fn other_files_are_refused() {
    check(b"", expect!["this is no journal file: it does not begin with LPKSHHRH"]);
    check(&[0; 500], expect!["this is no journal file: it does not begin with LPKSHHRH"]);
    let mut bytes = three(false).finish(1, 0);
    bytes[13] = 1;
    check(
        &bytes,
        expect![
            "this journal uses features that are not known here (flags 0x100); read it with the journalctl of its machine"
        ],
    );
    check(&three(false).finish(1, 0)[..300], expect!["at offset 0x3f8: the file ends before"]);
}

#[test]
fn journals_of_a_real_machine_are_read() {
    let samples: [&[u8]; 2] = [
        include_bytes!("samples/plain.journal.zst"),
        include_bytes!("samples/compact.journal.zst"),
    ];
    for sample in samples {
        let bytes = zstd::decode_all(sample).unwrap();
        let found: Vec<Entry> = entries(&bytes).into_iter().map(Result::unwrap).collect();
        assert_eq!(found.len(), 26);
        assert_eq!(Journal::open(Cursor::new(&bytes)).unwrap().header().entries, 26);
        assert!(found.iter().all(|entry| entry.notes.is_empty()));
        let messages: Vec<String> = found
            .iter()
            .flat_map(|entry| &entry.fields)
            .filter(|field| field.name == "MESSAGE")
            .map(|field| String::from_utf8_lossy(&field.value).chars().take(16).collect())
            .collect();
        assert_eq!(
            messages[2..6],
            ["hello journal", "two words twice", "long abc abc abc", "number 1"]
        );
        let twice = row(&found[3]);
        let Some(rows::Value::Dict(event)) = twice.get("EventData") else { panic!("{twice:?}") };
        let said = event.get("TWICE").unwrap().to_text();
        assert_eq!(said.as_str(), Some("[a b]"));
        let Some(rows::Value::Dict(system)) = twice.get("System") else { panic!("{twice:?}") };
        assert_eq!(system.get("_HOSTNAME").unwrap().to_text().as_str(), Some("web1"));
    }
}

proptest::proptest! {
    #[test]
    fn no_damage_panics_or_hangs(
        compact in proptest::bool::ANY,
        damage in proptest::collection::vec((0_usize..1200, proptest::num::u8::ANY), 0..12),
        cut in 0_usize..1200,
    ) {
        let mut bytes = three(compact).finish(2, 1);
        for (at, byte) in damage {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        bytes.truncate(cut.max(200));
        let found = entries(&bytes);
        proptest::prop_assert!(found.len() <= bytes.len());
        if let Ok(mut journal) = Journal::open(Cursor::new(&bytes)) {
            let _ = journal.end();
        }
    }
}
