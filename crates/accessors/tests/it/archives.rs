//! Zip archives as other programs make them: every way to pack and to encrypt, large numbers,
//! archives in archives, names in another case; and files packed whole.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use rows::{Dict, OsPath, PathStyle, Value};
use vql_eval::Run;
use vql_plugin::Scope;

use super::{run_with, text_of};

const WORDS: &[u8] = b"the same words again and again, the same words again and again";

/// `WORDS` packed by Python's lzma.
const XZ: &str = "fd377a585a000004e6d6b4460200210116000000742fe5a3e0003d00235d003a1a08ce76d976d393\
        cee06c5c75e4060a0df611e987f65680f33f52b98f51aecaa0000000da5c332eac3285c200013f3e\
        bc8239b91fb6f37d010000000004595a";
/// The same without a container, behind the header that zip archives use.
const LZMA: &str = "100205005d00000100003a1a08ce76d976d393cee06c5c75e4060a0df611e987f65680f33f52b98f\
        521d3fc17fffd0e8b000";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// A member as it lies in an archive.
struct Packed {
    name: &'static str,
    method: u16,
    flags: u16,
    bytes: Vec<u8>,
}

/// An archive of members that all hold `WORDS`. With `large` the numbers are where those are that
/// need 64 bits.
fn archive(members: &[Packed], large: bool) -> Vec<u8> {
    let mut out = b"some program in front".to_vec();
    let front = out.len() as u64;
    let mut index = Vec::new();
    for member in members {
        let start = out.len() as u64 - front;
        let short = |number: u64| if large { u32::MAX } else { u32::try_from(number).unwrap() };
        let mut common = 20u16.to_le_bytes().to_vec();
        for number in [member.flags, member.method, 0, 0x5a21] {
            common.extend_from_slice(&number.to_le_bytes());
        }
        common.extend_from_slice(&[0; 4]);
        let sizes = [member.bytes.len() as u64, WORDS.len() as u64];
        common.extend(sizes.iter().flat_map(|size| short(*size).to_le_bytes()));
        common.extend_from_slice(&u16::try_from(member.name.len()).unwrap().to_le_bytes());
        let mut extra = Vec::new();
        if large {
            extra.extend_from_slice(&[1, 0, 24, 0]);
            let numbers = [sizes[1], sizes[0], start];
            extra.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        }
        common.extend_from_slice(&u16::try_from(extra.len()).unwrap().to_le_bytes());
        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&common);
        out.extend_from_slice(member.name.as_bytes());
        out.extend_from_slice(&extra);
        out.extend_from_slice(&member.bytes);
        index.extend_from_slice(b"PK\x01\x02\x14\x00");
        index.extend_from_slice(&common);
        index.extend_from_slice(&[0; 10]);
        index.extend_from_slice(&short(start).to_le_bytes());
        index.extend_from_slice(member.name.as_bytes());
        index.extend_from_slice(&extra);
    }
    let (count, start, length) =
        (members.len() as u64, out.len() as u64 - front, index.len() as u64);
    out.extend_from_slice(&index);
    if large {
        let end = out.len() as u64 - front;
        out.extend_from_slice(b"PK\x06\x06");
        out.extend_from_slice(&44u64.to_le_bytes());
        out.extend_from_slice(&[0; 12]);
        for number in [count, count, length, start] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(b"PK\x06\x07\0\0\0\0");
        out.extend_from_slice(&end.to_le_bytes());
        out.extend_from_slice(&1u32.to_le_bytes());
    }
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    let count = if large { u16::MAX } else { u16::try_from(count).unwrap() };
    out.extend_from_slice(&[count.to_le_bytes(), count.to_le_bytes()].concat());
    for number in [length, start] {
        let number = if large { u32::MAX } else { u32::try_from(number).unwrap() };
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&4u16.to_le_bytes());
    out.extend_from_slice(b"note");
    out
}

fn every_method() -> Vec<Packed> {
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    deflate.write_all(WORDS).unwrap();
    let deflate = deflate.finish().unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    bzip2.write_all(WORDS).unwrap();
    let packed = |name, method, bytes| Packed { name, method, flags: 0, bytes };
    vec![
        packed("stored", 0, WORDS.to_vec()),
        packed("Dir/Deflate", 8, deflate.clone()),
        // Without matches of 258 bytes the two are the same.
        packed("Dir/deflate64", 9, deflate),
        packed("bzip2", 12, bzip2.finish().unwrap()),
        Packed { name: "lzma", method: 14, flags: 2, bytes: bytes(LZMA) },
        packed("zstd", 93, zstd::encode_all(WORDS, 3).unwrap()),
        packed("xz", 95, bytes(XZ)),
    ]
}

fn member(archive: &Path, name: &str) -> OsPath {
    OsPath::parse(PathStyle::Relative, name.as_bytes()).inside("file", archive.to_str().unwrap())
}

/// A run with a file that holds these bytes.
fn with_file(content: &[u8], variables: Dict) -> (tempfile::TempDir, std::path::PathBuf, Run) {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("x");
    std::fs::write(&place, content).unwrap();
    (folder, place, run_with(variables))
}

fn names(scope: &Scope, path: &OsPath) -> Vec<String> {
    let entries = scope.accessor("zip").unwrap().list(path, scope).unwrap();
    entries.map(|entry| entry.unwrap().path.path_text().to_string()).collect()
}

#[test]
fn every_way_to_pack_is_read() {
    for large in [false, true] {
        let members = every_method();
        let (_folder, place, run) = with_file(&archive(&members, large), Dict::new());
        let scope = run.scope();
        for packed in &members {
            let path = member(&place, packed.name);
            let text = text_of("zip", &path, &scope);
            assert_eq!(text.as_deref().map(str::as_bytes), Ok(WORDS), "{} {large}", packed.name);
            let mut file = scope.accessor("zip").unwrap().open(&path, &scope).unwrap();
            file.seek(SeekFrom::Start(9)).unwrap();
            file.seek(SeekFrom::Start(4)).unwrap();
            let mut word = [0; 4];
            file.read_exact(&mut word).unwrap();
            assert_eq!(&word, b"same", "{}", packed.name);
        }
        let all = ["Dir", "bzip2", "lzma", "stored", "xz", "zstd"];
        assert_eq!(names(&scope, &member(&place, "")), all);
        assert_eq!(names(&scope, &member(&place, "Dir")), ["Dir/Deflate", "Dir/deflate64"]);
    }
}

#[test]
fn names_may_differ_in_case_when_that_is_asked_for() {
    let (_folder, place, run) = with_file(&archive(&every_method(), false), Dict::new());
    let scope = run.scope();
    let path = member(&place, "dir/DEFLATE");
    assert!(text_of("zip", &path, &scope).unwrap_err().ends_with("does not exist"));
    assert_eq!(text_of("zip_nocase", &path, &scope).unwrap().as_bytes(), WORDS);
    let listed = scope.accessor("zip_nocase").unwrap().list(&member(&place, "DIR"), &scope);
    let listed: Vec<_> = listed.unwrap().map(|one| one.unwrap().path.basename()).collect();
    assert_eq!(listed, ["Deflate", "deflate64"]);
}

#[test]
fn an_archive_within_an_archive_is_a_delegate() {
    let inner = archive(&every_method(), false);
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("in/inner.zip", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&inner).unwrap();
    let outer = zip.finish().unwrap().into_inner();
    let (_folder, place, run) = with_file(&outer, Dict::new());
    let container = member(&place, "in/inner.zip");
    let path = OsPath::parse(PathStyle::Relative, b"lzma").inside("zip", container.to_text());
    assert_eq!(text_of("zip", &path, &run.scope()).unwrap().as_bytes(), WORDS);
}

fn encrypted() -> Vec<u8> {
    use zip::AesMode;
    use zip::unstable::write::FileOptionsExt;
    let plain = zip::write::SimpleFileOptions::default();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, options) in [
        ("old", plain.with_deprecated_encryption(b"first").unwrap()),
        ("aes128", plain.with_aes_encryption(AesMode::Aes128, "second")),
        ("aes192", plain.with_aes_encryption(AesMode::Aes192, "second")),
        ("aes256", plain.with_aes_encryption(AesMode::Aes256, "a,b")),
    ] {
        zip.start_file(name, options).unwrap();
        zip.write_all(WORDS).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn encrypted_members_need_one_of_the_passwords() {
    let check = |passwords: Value, name: &str, answer: Result<&[u8], &str>| {
        let variables = Dict::new().with("ZIP_PASSWORDS", passwords);
        let (_folder, place, run) = with_file(&encrypted(), variables);
        let path = member(&place, name);
        let text = text_of("zip", &path, &run.scope());
        match answer {
            Ok(words) => assert_eq!(text.unwrap().as_bytes(), words),
            Err(reason) => {
                assert_eq!(text.unwrap_err(), format!("`{path}` may not be read: {reason}"));
            }
        }
    };
    let list = Value::array(["none", "first", "second", "a,b"].map(Value::text));
    for name in ["old", "aes128", "aes192", "aes256"] {
        check(list.clone(), name, Ok(WORDS));
    }
    check(Value::text("a,b"), "aes256", Ok(WORDS));
    check(Value::text("x,second"), "aes128", Ok(WORDS));
    check(Value::Null, "old", Err("is encrypted; set the variable ZIP_PASSWORDS"));
    let none = "is encrypted, and not with the password in ZIP_PASSWORDS";
    check(Value::text("wrong"), "aes256", Err(none));
}

#[test]
fn an_index_that_breaks_off_still_has_the_members_before() {
    let whole = archive(&every_method(), false);
    let at = whole.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
    let mut damaged = whole;
    damaged[at] = 0;
    let (_folder, place, run) = with_file(&damaged, Dict::new());
    assert_eq!(
        names(&run.scope(), &member(&place, "")),
        ["Dir", "bzip2", "lzma", "stored", "zstd"]
    );
}

#[test]
fn files_packed_whole_are_read_unpacked() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(WORDS).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    bzip2.write_all(WORDS).unwrap();
    for (accessor, content) in [
        ("gzip", gzip.finish().unwrap()),
        ("bzip2", bzip2.finish().unwrap()),
        ("zstd", zstd::encode_all(WORDS, 3).unwrap()),
        ("xz", bytes(XZ)),
    ] {
        let (_folder, place, run) = with_file(&content, Dict::new());
        let path = OsPath::parse(PathStyle::Unix, place.to_str().unwrap().as_bytes());
        let text = text_of(accessor, &path, &run.scope());
        assert_eq!(text.as_deref().map(str::as_bytes), Ok(WORDS), "{accessor}");
        // The same, with the file as the delegate.
        let whole =
            text_of(accessor, &OsPath::default().inside("file", path.to_text()), &run.scope());
        assert_eq!(whole.as_deref().map(str::as_bytes), Ok(WORDS), "{accessor}");
    }
}

#[test]
fn a_file_is_seen_through_its_stretches() {
    let (folder, place, run) = with_file(b"0123456789", Dict::new());
    let scope = run.scope();
    let list = br#"[{"Offset":2,"Length":3},{"Offset":7,"Length":1}]"#;
    let path = OsPath::parse(PathStyle::Opaque, list).inside("file", place.to_str().unwrap());
    assert_eq!(text_of("sparse", &path, &scope).unwrap(), "\0\x00234\0\x007");
    let again = scope.accessor("sparse").unwrap().parse(&path.to_text()).unwrap();
    assert_eq!(again, path);
    let index = r#"{"ranges":[{"original_offset":3,"file_offset":0,"file_length":2,"length":2}]}"#;
    std::fs::write(folder.path().join("x.idx"), index).unwrap();
    let path = OsPath::parse(PathStyle::Unix, place.to_str().unwrap().as_bytes());
    assert_eq!(text_of("ranged", &path, &scope).unwrap(), "\0\0\x0001");
}

#[cfg(unix)]
#[test]
fn links_are_seen_as_what_they_point_to_when_that_is_asked_for() {
    let (folder, place, run) = with_file(b"text", Dict::new());
    let scope = run.scope();
    std::os::unix::fs::symlink(&place, folder.path().join("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("dead")).unwrap();
    let kinds = |accessor: &str| -> Vec<String> {
        let path = OsPath::parse(PathStyle::Unix, folder.path().to_str().unwrap().as_bytes());
        let entries = scope.accessor(accessor).unwrap().list(&path, &scope).unwrap();
        entries.map(|entry| format!("{:?}", entry.unwrap().kind)).collect()
    };
    assert_eq!(kinds("file"), ["Symlink", "Symlink", "File"]);
    assert_eq!(kinds("file_links"), ["Symlink", "File", "File"]);
}
