//! What kind of file some bytes are the beginning of: a description in the words that `file` has
//! made usual, the MIME type and the usual ending.
//!
//! Rules of our own come first, because descriptions are looked at with patterns; what they do not
//! know is asked of the library `infer`. What neither knows is text, by its characters, or `data`.
//!
//! # Invariants
//!
//! - **MG-1** Only the given bytes are looked at, each rule at a bounded number of places.

mod archives;
mod programs;
mod rules;
mod signatures;
mod text;

pub use self::rules::{BadRule, Rules};

/// How many bytes from the beginning of a file are worth giving.
pub const HEAD_BYTES: usize = 256 << 10;

/// What kind of file it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileType {
    /// In words.
    pub description: String,
    /// The MIME type.
    pub mime: String,
    /// How such files usually end; empty when there is no usual ending.
    pub extension: String,
}

impl FileType {
    fn new(description: impl Into<String>, mime: &str, extension: &str) -> Self {
        Self {
            description: description.into(),
            mime: mime.to_owned(),
            extension: extension.to_owned(),
        }
    }
}

/// Says what the file is that begins with these bytes.
pub fn identify(head: &[u8]) -> FileType {
    if head.is_empty() {
        return FileType::new("empty", "inode/x-empty", "");
    }
    programs::identify(head)
        .or_else(|| archives::identify(head))
        .or_else(|| signatures::identify(head))
        .or_else(|| text::identify(head))
        .or_else(|| known_to_the_library(head))
        .unwrap_or_else(|| FileType::new("data", "application/octet-stream", ""))
}

/// How the characters of the file are encoded; `binary` when it is no text.
pub fn encoding(head: &[u8]) -> &'static str {
    text::encoding(head).unwrap_or("binary")
}

fn known_to_the_library(head: &[u8]) -> Option<FileType> {
    let found = infer::get(head)?;
    let what = match found.matcher_type() {
        infer::MatcherType::Image => "image data",
        infer::MatcherType::Audio => "audio data",
        infer::MatcherType::Video => "video data",
        infer::MatcherType::Font => "font data",
        infer::MatcherType::Archive => "archive data",
        _ => "data",
    };
    let name = found.extension().to_ascii_uppercase();
    Some(FileType::new(format!("{name} {what}"), found.mime_type(), found.extension()))
}

fn u16_at(bytes: &[u8], at: usize, big: bool) -> Option<u16> {
    let pair: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
    Some(if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
}

fn u32_at(bytes: &[u8], at: usize, big: bool) -> Option<u32> {
    let four: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(if big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
}

fn u64_at(bytes: &[u8], at: usize, big: bool) -> Option<u64> {
    let eight: [u8; 8] = bytes.get(at..at.checked_add(8)?)?.try_into().ok()?;
    Some(if big { u64::from_be_bytes(eight) } else { u64::from_le_bytes(eight) })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(files: &[&[u8]], wanted: Expect) {
        let lines: Vec<_> = files
            .iter()
            .map(|head| {
                let FileType { description, mime, extension } = identify(head);
                format!("{description} | {mime} | {extension} | {}", encoding(head))
            })
            .collect();
        wanted.assert_eq(&lines.join("\n"));
    }

    #[test]
    fn texts_are_told_by_their_characters() {
        check(
            &[
                b"",
                b"hello\nworld\n",
                b"hello\r\nworld\r\n",
                "h\u{e9}llo\n".as_bytes(),
                b"h\xe9llo\n",
                b"\xef\xbb\xbfhello\n",
                b"\xff\xfeh\0i\0",
                b"#!/bin/bash\necho hi\n",
                b"#!/usr/bin/env python3\nprint()\n",
                b"<?xml version=\"1.0\"?>\n<a/>",
                b"<!DOCTYPE html><html></html>",
                b"{\"a\": [1, 2]}\n",
                b"<?php echo 1;",
                b"\0\x01\x02\x03",
            ],
            expect![[r#"
                empty | inode/x-empty |  | binary
                ASCII text | text/plain | txt | us-ascii
                ASCII text, with CRLF line terminators | text/plain | txt | us-ascii
                Unicode text, UTF-8 text | text/plain | txt | utf-8
                ISO-8859 text | text/plain | txt | iso-8859-1
                Unicode text, UTF-8 (with BOM) text | text/plain | txt | utf-8
                Unicode text, UTF-16, little-endian text, with no line terminators | text/plain | txt | utf-16le
                Bourne-Again shell script, ASCII text executable | text/x-shellscript | sh | us-ascii
                Python script, ASCII text executable | text/x-script.python | py | us-ascii
                XML 1.0 document, ASCII text | text/xml | xml | us-ascii
                HTML document, ASCII text, with no line terminators | text/html | html | us-ascii
                JSON text data, ASCII text | application/json | json | us-ascii
                PHP script, ASCII text executable, with no line terminators | text/x-php | php | us-ascii
                data | application/octet-stream |  | binary"#]],
        );
    }

    #[test]
    fn documents_and_media_have_signatures() {
        check(
            &[
                b"%PDF-1.7\n",
                b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x10\0\0\0\x20\x08\x06\0\0\0",
                b"GIF89a\x01\0\x02\0",
                b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01",
                b"SQLite format 3\0",
                b"regf\0\0\0\0",
                b"ElfFile\0",
                b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46",
                b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
                b"bplist00",
                b"{\\rtf1\\ansi",
                b"-----BEGIN CERTIFICATE-----\n",
                b"OggS\0",
            ],
            expect![[r#"
                PDF document, version 1.7 | application/pdf | pdf | us-ascii
                PNG image data, 16 x 32 | image/png | png | binary
                GIF image data, version 89a, 1 x 2 | image/gif | gif | binary
                JPEG image data | image/jpeg | jpg | binary
                SQLite 3.x database | application/vnd.sqlite3 | sqlite | binary
                MS Windows registry file, NT/2000 or above | application/x-ms-registry | dat | binary
                MS Windows Vista Event Log | application/x-ms-evtx | evtx | binary
                MS Windows shortcut | application/x-ms-shortcut | lnk | binary
                Composite Document File V2 Document | application/x-ole-storage |  | binary
                Apple binary property list | application/x-bplist | plist | us-ascii
                Rich Text Format data | text/rtf | rtf | us-ascii
                PEM certificate | application/x-pem-file | pem | us-ascii
                Ogg data | application/ogg | ogg | binary"#]],
        );
    }

    #[test]
    fn archives_are_told_by_what_they_hold() {
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        let zip = |name: &str| {
            let mut bytes = b"PK\x03\x04\x14\0\0\0\x08\0".to_vec();
            bytes.resize(26, 0);
            bytes.extend((name.len() as u16).to_le_bytes());
            bytes.extend([0, 0]);
            bytes.extend(name.as_bytes());
            bytes
        };
        check(
            &[
                &zip("a.txt"),
                &[zip("[Content_Types].xml"), zip("word/document.xml")].concat(),
                &zip("META-INF/MANIFEST.MF"),
                b"\x1f\x8b\x08\0",
                b"BZh91AY&SY",
                b"\xfd7zXZ\0",
                b"7z\xbc\xaf\x27\x1c\0\x04",
                b"Rar!\x1a\x07\x01\0",
                b"\x28\xb5\x2f\xfd",
                b"MSCF\0\0\0\0",
                b"!<arch>\ndebian-binary   ",
                &tar,
            ],
            expect![[r#"
                Zip archive data, at least v2.0 to extract, compression method=deflate | application/zip | zip | binary
                Microsoft Word 2007+ | application/vnd.openxmlformats-officedocument.wordprocessingml.document | docx | binary
                Java archive data (JAR) | application/java-archive | jar | binary
                gzip compressed data | application/gzip | gz | binary
                bzip2 compressed data, block size = 900k | application/x-bzip2 | bz2 | us-ascii
                XZ compressed data | application/x-xz | xz | binary
                7-zip archive data, version 0.4 | application/x-7z-compressed | 7z | binary
                RAR archive data, v5 | application/x-rar | rar | binary
                Zstandard compressed data | application/zstd | zst | iso-8859-1
                Microsoft Cabinet archive data | application/vnd.ms-cab-compressed | cab | binary
                Debian binary package | application/vnd.debian.binary-package | deb | us-ascii
                POSIX tar archive | application/x-tar | tar | binary"#]],
        );
    }

    #[test]
    fn programs_say_what_they_run_on() {
        let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0".to_vec();
        elf.resize(64, 0);
        elf[32] = 64;
        elf[54] = 56;
        elf[56] = 1;
        elf.extend([3, 0, 0, 0, 4, 0, 0, 0]);
        elf.extend(120_u64.to_le_bytes());
        elf.resize(64 + 32, 0);
        elf.extend(28_u64.to_le_bytes());
        elf.resize(120, 0);
        elf.extend(b"/lib64/ld-linux-x86-64.so.2\0");
        let mut pe = b"MZ".to_vec();
        pe.resize(0x3c, 0);
        pe.extend([0x40, 0, 0, 0]);
        pe.extend(b"PE\0\0\x64\x86\x03\0");
        pe.resize(0x40 + 22, 0);
        pe.extend([0x22, 0x20, 0x0b, 0x02]);
        pe.resize(0x40 + 24 + 68, 0);
        pe.extend([3, 0]);
        let mut exe = pe.clone();
        exe[0x40 + 23] = 0;
        check(
            &[
                &elf,
                &elf[..30],
                &pe,
                &exe,
                b"MZ\x90\0",
                b"\xcf\xfa\xed\xfe\x07\0\0\x01\x03\0\0\0\x02\0\0\0",
                b"\xca\xfe\xba\xbe\0\0\0\x02\x01\0\0\x07\0\0\0\x03",
                b"\xca\xfe\xba\xbe\0\0\0\x37",
                b"\0asm\x01\0\0\0",
            ],
            expect![[r#"
                ELF 64-bit LSB pie executable, x86-64, version 1 (SYSV), dynamically linked, interpreter /lib64/ld-linux-x86-64.so.2 | application/x-pie-executable |  | binary
                ELF 64-bit LSB shared object, x86-64, version 1 (SYSV), dynamically linked | application/x-sharedlib | so | binary
                PE32+ executable (DLL) (console) x86-64, for MS Windows, 3 sections | application/vnd.microsoft.portable-executable | dll | binary
                PE32+ executable (console) x86-64, for MS Windows, 3 sections | application/vnd.microsoft.portable-executable | exe | binary
                MS-DOS executable | application/x-dosexec | exe | binary
                Mach-O 64-bit x86_64 executable | application/x-mach-binary |  | binary
                Mach-O universal binary with 2 architectures: [x86_64] | application/x-mach-binary |  | binary
                compiled Java class data, version 55.0 | application/x-java-applet | class | binary
                WebAssembly (wasm) binary module version 0x1 (MVP) | application/wasm | wasm | binary"#]],
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(
            start in proptest::sample::select(vec![
                &b""[..], b"MZ", b"\x7fELF\x02\x01", b"PK\x03\x04", b"\xca\xfe\xba\xbe", b"#!", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"MZ\0\0",
            ]),
            rest in proptest::collection::vec(proptest::num::u8::ANY, 0..300),
        ) {
            let bytes = [start, &rest].concat();
            identify(&bytes);
            encoding(&bytes);
        }
    }
}
