//! Files that are known by their first bytes alone, and a few words more about some of them.

use super::{FileType, u16_at, u32_at};

/// Where, what, description, MIME type, ending.
type Signature = (usize, &'static [u8], &'static str, &'static str, &'static str);

const SIGNATURES: &[Signature] = &[
    (0, b"SQLite format 3\0", "SQLite 3.x database", "application/vnd.sqlite3", "sqlite"),
    (0, b"regf", "MS Windows registry file, NT/2000 or above", "application/x-ms-registry", "dat"),
    (0, b"ElfFile\0", "MS Windows Vista Event Log", "application/x-ms-evtx", "evtx"),
    (0, b"\x30\0\0\0LfLe", "MS Windows Event Log", "application/x-ms-evt", "evt"),
    (
        0,
        b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46",
        "MS Windows shortcut",
        "application/x-ms-shortcut",
        "lnk",
    ),
    (4, b"SCCA", "MS Windows prefetch file", "application/x-ms-prefetch", "pf"),
    (0, b"MAM\x04", "MS Windows prefetch file, compressed", "application/x-ms-prefetch", "pf"),
    (4, b"\xef\xcd\xab\x89", "Extensible storage engine DataBase", "application/x-ms-ese", "edb"),
    (
        0,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "Composite Document File V2 Document",
        "application/x-ole-storage",
        "",
    ),
    (0, b"!BDN", "Microsoft Outlook Personal Storage", "application/vnd.ms-outlook", "pst"),
    (0, b"bplist", "Apple binary property list", "application/x-bplist", "plist"),
    (0, b"{\\rtf", "Rich Text Format data", "text/rtf", "rtf"),
    (0, b"-----BEGIN CERTIFICATE-----", "PEM certificate", "application/x-pem-file", "pem"),
    (0, b"-----BEGIN RSA PRIVATE KEY-", "PEM RSA private key", "application/x-pem-file", "pem"),
    (0, b"-----BEGIN OPENSSH PRIVATE KEY-", "OpenSSH private key", "text/plain", ""),
    (0, b"-----BEGIN PRIVATE KEY-", "PEM private key", "application/x-pem-file", "pem"),
    (0, b"-----BEGIN PGP ", "PGP armored data", "application/pgp-encrypted", "asc"),
    (0, b"\xfd7zXZ\0", "XZ compressed data", "application/x-xz", "xz"),
    (0, b"\x28\xb5\x2f\xfd", "Zstandard compressed data", "application/zstd", "zst"),
    (0, b"\x04\x22\x4d\x18", "LZ4 compressed data (v1.4+)", "application/x-lz4", "lz4"),
    (0, b"LZIP", "lzip compressed data", "application/x-lzip", "lz"),
    (0, b"\x1f\x9d", "compress'd data", "application/x-compress", "Z"),
    (0, b"Rar!\x1a\x07\x01\0", "RAR archive data, v5", "application/x-rar", "rar"),
    (0, b"Rar!\x1a\x07\0", "RAR archive data", "application/x-rar", "rar"),
    (
        0,
        b"MSCF\0\0\0\0",
        "Microsoft Cabinet archive data",
        "application/vnd.ms-cab-compressed",
        "cab",
    ),
    (0, b"ITSF", "MS Windows HtmlHelp Data", "application/vnd.ms-htmlhelp", "chm"),
    (0, b"\xed\xab\xee\xdb", "RPM", "application/x-rpm", "rpm"),
    (32_769, b"CD001", "ISO 9660 CD-ROM filesystem data", "application/x-iso9660-image", "iso"),
    (1_080, b"\x53\xef", "Linux ext2/ext3/ext4 filesystem data", "application/x-ext-image", ""),
    (3, b"NTFS    ", "DOS/MBR boot sector, NTFS", "application/x-ntfs-image", ""),
    (0, b"KDMV", "VMware4 disk image", "application/x-vmdk", "vmdk"),
    (0, b"vhdxfile", "Microsoft Disk Image eXtended", "application/x-vhdx", "vhdx"),
    (0, b"QFI\xfb", "QEMU QCOW Image", "application/x-qemu-disk", "qcow2"),
    (
        0,
        b"EVF\x09\x0d\x0a\xff\0",
        "EWF/Expert Witness/EnCase image file format",
        "application/x-ewf",
        "E01",
    ),
    (0, b"LPKSHHRH", "Systemd journal", "application/x-journal", "journal"),
    (
        0,
        b"\xd4\xc3\xb2\xa1",
        "pcap capture file, microsecond ts (little-endian)",
        "application/vnd.tcpdump.pcap",
        "pcap",
    ),
    (
        0,
        b"\xa1\xb2\xc3\xd4",
        "pcap capture file, microsecond ts (big-endian)",
        "application/vnd.tcpdump.pcap",
        "pcap",
    ),
    (0, b"\x0a\x0d\x0d\x0a", "pcapng capture file", "application/x-pcapng", "pcapng"),
    (0, b"MDMP", "Mini DuMP crash report", "application/x-dmp", "dmp"),
    (0, b"PAGEDU64", "MS Windows 64bit crash dump", "application/x-dmp", "dmp"),
    (0, b"\xff\xd8\xff", "JPEG image data", "image/jpeg", "jpg"),
    (0, b"OggS", "Ogg data", "application/ogg", "ogg"),
    (0, b"fLaC", "FLAC audio bitstream data", "audio/flac", "flac"),
    (0, b"ID3", "Audio file with ID3", "audio/mpeg", "mp3"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska data", "video/x-matroska", "mkv"),
    (4, b"ftyp", "ISO Media", "video/mp4", "mp4"),
    (0, b"wOFF", "Web Open Font Format", "font/woff", "woff"),
    (0, b"wOF2", "Web Open Font Format (Version 2)", "font/woff2", "woff2"),
    (0, b"\x03\xf3\x0d\x0a", "python 2.7 byte-compiled", "application/x-bytecode.python", "pyc"),
    (0, b"hsqs", "Squashfs filesystem, little endian", "application/x-squashfs", "squashfs"),
    (0, b"070701", "ASCII cpio archive (SVR4 with no CRC)", "application/x-cpio", "cpio"),
    (0, b"\x80\x75\x54\x68\x67", "Microsoft Thumbnail cache", "application/octet-stream", "db"),
];

pub(super) fn identify(head: &[u8]) -> Option<FileType> {
    with_details(head).or_else(|| {
        let fits = |(at, bytes, ..): &&Signature| {
            head.get(*at..).is_some_and(|rest| rest.starts_with(bytes))
        };
        let (_, _, description, mime, ending) = SIGNATURES.iter().find(fits)?;
        Some(FileType::new(*description, mime, ending))
    })
}

fn with_details(head: &[u8]) -> Option<FileType> {
    if head.starts_with(b"%PDF-") {
        let version: String = head[5..].iter().take(3).map(|byte| char::from(*byte)).collect();
        let text = format!("PDF document, version {version}");
        return Some(FileType::new(text, "application/pdf", "pdf"));
    }
    if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        let (width, height) = (u32_at(head, 16, true), u32_at(head, 20, true));
        let size = width.zip(height).map(|(width, height)| format!(", {width} x {height}"));
        let text = format!("PNG image data{}", size.unwrap_or_default());
        return Some(FileType::new(text, "image/png", "png"));
    }
    if head.starts_with(b"GIF8") {
        let version: String = head[3..].iter().take(3).map(|byte| char::from(*byte)).collect();
        let (width, height) = (u16_at(head, 6, false)?, u16_at(head, 8, false)?);
        let text = format!("GIF image data, version {version}, {width} x {height}");
        return Some(FileType::new(text, "image/gif", "gif"));
    }
    if head.starts_with(b"BM") && u32_at(head, 6, false) == Some(0) {
        let (width, height) = (u32_at(head, 18, false)?, u32_at(head, 22, false)?);
        let text = format!("PC bitmap, Windows 3.x format, {width} x {height}");
        return Some(FileType::new(text, "image/bmp", "bmp"));
    }
    if head.starts_with(b"RIFF") {
        return Some(match head.get(8..12)? {
            b"WAVE" => FileType::new("RIFF (little-endian) data, WAVE audio", "audio/x-wav", "wav"),
            b"AVI " => FileType::new("RIFF (little-endian) data, AVI", "video/x-msvideo", "avi"),
            b"WEBP" => {
                FileType::new("RIFF (little-endian) data, Web/P image", "image/webp", "webp")
            }
            _ => FileType::new("RIFF (little-endian) data", "application/octet-stream", ""),
        });
    }
    None
}
