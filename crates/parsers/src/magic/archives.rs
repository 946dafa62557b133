//! Archives and what is packed; documents that are archives.

use super::{FileType, u16_at, u32_at};

pub(super) fn identify(head: &[u8]) -> Option<FileType> {
    match head {
        [b'P', b'K', 3, 4, ..] => return Some(zip(head)),
        [b'P', b'K', 5, 6, ..] => {
            return Some(FileType::new("Zip archive data (empty)", "application/zip", "zip"));
        }
        [b'B', b'Z', b'h', level @ b'1'..=b'9', ..] => {
            let level = char::from(*level);
            let text = format!("bzip2 compressed data, block size = {level}00k");
            return Some(FileType::new(text, "application/x-bzip2", "bz2"));
        }
        [0x1f, 0x8b, method, flags, ..] => {
            let method = if *method == 8 { "" } else { ", unknown method" };
            let name = (flags & 8 != 0 && flags & 4 == 0).then(|| {
                let name: Vec<u8> = head
                    .get(10..)
                    .unwrap_or(&[])
                    .iter()
                    .copied()
                    .take(255)
                    .take_while(|b| *b != 0)
                    .collect();
                format!(", was \"{}\"", String::from_utf8_lossy(&name))
            });
            let text = format!("gzip compressed data{method}{}", name.unwrap_or_default());
            return Some(FileType::new(text, "application/gzip", "gz"));
        }
        _ => {}
    }
    if head.get(257..262) == Some(b"ustar") {
        let gnu = head.get(262..265) == Some(b"  \0");
        let text = if gnu { "POSIX tar archive (GNU)" } else { "POSIX tar archive" };
        return Some(FileType::new(text, "application/x-tar", "tar"));
    }
    if head.starts_with(b"!<arch>\n") {
        let debian = head.get(8..21) == Some(b"debian-binary");
        return Some(match debian {
            true => FileType::new(
                "Debian binary package",
                "application/vnd.debian.binary-package",
                "deb",
            ),
            false => FileType::new("current ar archive", "application/x-archive", "a"),
        });
    }
    if head.starts_with(b"7z\xbc\xaf\x27\x1c") {
        let version = (head.get(6).unwrap_or(&0), head.get(7).unwrap_or(&0));
        let text = format!("7-zip archive data, version {}.{}", version.0, version.1);
        return Some(FileType::new(text, "application/x-7z-compressed", "7z"));
    }
    None
}

/// How many members of a zip are looked at.
const MEMBERS_MAX: usize = 32;

/// The names of the first members, as far as they can be found without the directory at the end.
fn members(head: &[u8]) -> Vec<(String, &[u8])> {
    let mut found = Vec::new();
    let mut at = 0;
    while found.len() < MEMBERS_MAX {
        let Some(start) = find(&head[at..], b"PK\x03\x04").map(|place| at + place) else { break };
        let member = || {
            let name = usize::from(u16_at(head, start + 26, false)?);
            let extra = usize::from(u16_at(head, start + 28, false)?);
            let size = usize::try_from(u32_at(head, start + 18, false)?).ok()?;
            let content = start + 30 + name + extra;
            let name = head.get(start + 30..start + 30 + name)?;
            let end = content.saturating_add(size.min(200)).min(head.len());
            Some((
                String::from_utf8_lossy(name).into_owned(),
                head.get(content..end).unwrap_or(&[]),
            ))
        };
        found.extend(member());
        at = start + 4;
    }
    found
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn zip(head: &[u8]) -> FileType {
    let members = members(head);
    let has = |start: &str| members.iter().any(|(name, _)| name.starts_with(start));
    const OFFICE: &str = "application/vnd.openxmlformats-officedocument.";
    if let Some((_, mime)) = members.first().filter(|(name, _)| name == "mimetype") {
        let mime = String::from_utf8_lossy(mime).trim().to_owned();
        let known = [
            ("application/vnd.oasis.opendocument.text", "OpenDocument Text", "odt"),
            ("application/vnd.oasis.opendocument.spreadsheet", "OpenDocument Spreadsheet", "ods"),
            ("application/vnd.oasis.opendocument.presentation", "OpenDocument Presentation", "odp"),
            ("application/epub+zip", "EPUB document", "epub"),
        ];
        if let Some((mime, text, ending)) =
            known.into_iter().find(|(start, ..)| mime.starts_with(start))
        {
            return FileType::new(text, mime, ending);
        }
    }
    if has("[Content_Types].xml") || has("_rels/") || has("docProps/") {
        let kinds = [
            ("word/", "Microsoft Word 2007+", "wordprocessingml.document", "docx"),
            ("xl/", "Microsoft Excel 2007+", "spreadsheetml.sheet", "xlsx"),
            ("ppt/", "Microsoft PowerPoint 2007+", "presentationml.presentation", "pptx"),
        ];
        if let Some((_, text, mime, ending)) = kinds.into_iter().find(|(start, ..)| has(start)) {
            return FileType::new(text, &format!("{OFFICE}{mime}"), ending);
        }
        return FileType::new("Microsoft OOXML", "application/octet-stream", "");
    }
    if has("AndroidManifest.xml") {
        return FileType::new(
            "Android package (APK)",
            "application/vnd.android.package-archive",
            "apk",
        );
    }
    if has("META-INF/MANIFEST.MF") {
        return FileType::new("Java archive data (JAR)", "application/java-archive", "jar");
    }
    let version = u16_at(head, 4, false).unwrap_or(0) & 0xff;
    let method = match u16_at(head, 8, false) {
        Some(0) => "store",
        Some(8) => "deflate",
        Some(9) => "deflate64",
        Some(12) => "bzip2",
        Some(14) => "lzma",
        Some(93) => "zstd",
        Some(99) => "AES Encrypted",
        _ => "unknown",
    };
    let text = format!(
        "Zip archive data, at least v{}.{} to extract, compression method={method}",
        version / 10,
        version % 10
    );
    FileType::new(text, "application/zip", "zip")
}
