//! Databases are written here by hand, as the description of the format says.

use super::bytes::checksum;
use super::*;

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn counted(bytes: &[u8]) -> Vec<u8> {
    [varint(bytes.len()), bytes.to_vec()].concat()
}

/// A log of these records, each whole.
fn log(records: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for record in records {
        file.extend(checksum(&[&[1], record]).to_le_bytes());
        file.extend((record.len() as u16).to_le_bytes());
        file.push(1);
        file.extend(record);
    }
    file
}

fn batch(first: u64, writes: &[(&str, Option<&str>)]) -> Vec<u8> {
    let mut record = first.to_le_bytes().to_vec();
    record.extend((writes.len() as u32).to_le_bytes());
    for (key, value) in writes {
        record.push(u8::from(value.is_some()));
        record.extend(counted(key.as_bytes()));
        if let Some(value) = value {
            record.extend(counted(value.as_bytes()));
        }
    }
    record
}

fn stored(file: &mut Vec<u8>, content: &[u8], packed: bool) -> Vec<u8> {
    let content = if packed {
        snap::raw::Encoder::new().compress_vec(content).unwrap()
    } else {
        content.to_vec()
    };
    let handle = [varint(file.len()), varint(content.len())].concat();
    let kind = u8::from(packed);
    let sum = checksum(&[&content, &[kind]]);
    file.extend(content);
    file.push(kind);
    file.extend(sum.to_le_bytes());
    handle
}

/// A block whose keys share their beginnings.
fn block(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut last: &[u8] = b"";
    for (key, value) in entries {
        let shared = last.iter().zip(key).take_while(|(a, b)| a == b).count();
        bytes.extend(varint(shared));
        bytes.extend(varint(key.len() - shared));
        bytes.extend(varint(value.len()));
        bytes.extend(&key[shared..]);
        bytes.extend(value);
        last = key;
    }
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes
}

fn table(entries: &[(&str, u64, Option<&str>)], packed: bool) -> Vec<u8> {
    let entries: Vec<_> = entries
        .iter()
        .map(|(key, number, value)| {
            let tail = number << 8 | u64::from(value.is_some());
            let key = [key.as_bytes(), &tail.to_le_bytes()].concat();
            (key, value.unwrap_or("").as_bytes().to_vec())
        })
        .collect();
    let mut file = Vec::new();
    let place = stored(&mut file, &block(&entries), packed);
    let meta = stored(&mut file, &block(&[]), false);
    let index = stored(&mut file, &block(&[(b"z".to_vec(), place)]), false);
    let mut footer = [meta, index].concat();
    footer.resize(40, 0);
    file.extend(footer);
    file.extend(0xdb47_7524_8b80_fb57_u64.to_le_bytes());
    file
}

fn shown(database: Database) -> String {
    let mut lines = database.problems.clone();
    lines.extend(database.into_entries().map(|(key, value)| {
        format!("{}={}", String::from_utf8_lossy(&key), String::from_utf8_lossy(&value))
    }));
    lines.join("\n")
}

#[test]
fn the_newest_version_of_a_key_counts() {
    let mut database = Database::default();
    database
        .add_table(
            "5.ldb",
            &table(
                &[("apple", 1, Some("old")), ("apply", 2, Some("two")), ("gone", 3, Some("x"))],
                true,
            ),
        )
        .unwrap();
    database
        .add_log("6.log", &log(&[batch(10, &[("apple", Some("new")), ("gone", None)])]))
        .unwrap();
    database.add_table("4.ldb", &table(&[("apply", 1, Some("older"))], false)).unwrap();
    assert_eq!(shown(database), "apple=new\napply=two");
}

#[test]
fn a_manifest_says_which_files_count() {
    let added = |number| {
        [&[7, 0][..], &varint(number), &varint(100), &counted(b"a"), &counted(b"z")].concat()
    };
    let records = [
        [vec![1], counted(b"leveldb.BytewiseComparator")].concat(),
        [added(5), added(7), vec![2, 9]].concat(),
        [vec![6, 0, 5], vec![4, 33]].concat(),
    ];
    let (manifest, bad) = Manifest::parse(&log(&records));
    assert_eq!((manifest.tables.clone(), manifest.log, bad), (BTreeSet::from([7]), 9, 0));
    let held = ["000005.ldb", "000007.ldb", "000008.log", "000009.log", "LOG"]
        .map(|name| manifest.holds(FileKind::of(name)));
    assert_eq!(held, [false, true, false, true, false]);
}

#[test]
fn a_record_may_be_cut_into_fragments() {
    let record = batch(1, &[("key", Some(&"v".repeat(50_000)))]);
    let mut file = Vec::new();
    let pieces: Vec<&[u8]> = vec![&record[..32_761], &record[32_761..]];
    for (kind, piece) in [2, 4].into_iter().zip(pieces) {
        file.extend(checksum(&[&[kind], piece]).to_le_bytes());
        file.extend((piece.len() as u16).to_le_bytes());
        file.push(kind);
        file.extend(piece);
    }
    let mut database = Database::default();
    database.add_log("1.log", &file).unwrap();
    assert_eq!(shown(database).len(), "key=".len() + 50_000);
}

#[test]
fn damage_is_told_and_the_rest_is_read() {
    let mut file = log(&[batch(1, &[("a", Some("1"))]), batch(2, &[("b", Some("2"))])]);
    file[9] ^= 0xff;
    let mut database = Database::default();
    database.add_log("1.log", &file).unwrap();
    database.add_table("2.ldb", b"short").unwrap();
    let mut broken = table(&[("c", 1, Some("3"))], false);
    broken[2] ^= 0xff;
    database.add_table("3.ldb", &broken).unwrap();
    assert_eq!(
        shown(database),
        "1.log: 1 damaged records are left out\n2.ldb: too short for a table\n3.ldb: the block at 0 has a wrong checksum\nb=2"
    );
}

proptest::proptest! {
    #[test]
    fn damage_does_not_panic(at in 0..100_usize, byte: u8, cut in 0..200_usize) {
        for mut file in [
            table(&[("apple", 1, Some("old")), ("apply", 2, None)], true),
            log(&[batch(10, &[("apple", Some("new")), ("gone", None)])]),
        ] {
            file.truncate(file.len().saturating_sub(cut / 2));
            if let Some(place) = file.get_mut(at) {
                *place = byte;
            }
            let mut database = Database::default();
            database.add_table("t", &file).unwrap();
            database.add_log("l", &file).unwrap();
            Manifest::parse(&file);
        }
    }

    #[test]
    fn no_block_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..100)) {
        table::Entries::of(&bytes).for_each(drop);
        let mut database = Database::default();
        database.add_batch(&bytes).unwrap();
        Manifest::default().apply(&bytes);
    }
}
