//! Texts: how they are encoded, what language they are in, how their lines end.

use super::FileType;

/// How the characters are encoded; `None` when the bytes are no text.
pub(super) fn encoding(head: &[u8]) -> Option<&'static str> {
    if head.is_empty() {
        return None;
    }
    if head.starts_with(b"\xff\xfe") && is_utf16(head, false) {
        return Some("utf-16le");
    }
    if head.starts_with(b"\xfe\xff") && is_utf16(head, true) {
        return Some("utf-16be");
    }
    // Characters that texts do not have, escape excepted: terminals' logs are texts.
    let odd = |byte: &u8| matches!(byte, 0..=6 | 14..=26 | 28..=31 | 127);
    if head.iter().any(odd) {
        return None;
    }
    if head.is_ascii() {
        return Some("us-ascii");
    }
    match std::str::from_utf8(head) {
        Ok(_) => Some("utf-8"),
        // A character that is cut off at the end of what was given.
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => Some("utf-8"),
        Err(_) if head.iter().any(|byte| matches!(byte, 0x80..=0x9f)) => Some("unknown-8bit"),
        Err(_) => Some("iso-8859-1"),
    }
}

fn is_utf16(head: &[u8], big: bool) -> bool {
    let mut units = head[2..].chunks_exact(2).map(|pair| match big {
        true => u16::from_be_bytes([pair[0], pair[1]]),
        false => u16::from_le_bytes([pair[0], pair[1]]),
    });
    units.all(|unit| unit >= 32 || matches!(unit, 9 | 10 | 12 | 13 | 27))
}

pub(super) fn identify(head: &[u8]) -> Option<FileType> {
    let encoding = encoding(head)?;
    let characters = match encoding {
        "us-ascii" => "ASCII text",
        "utf-8" if head.starts_with(b"\xef\xbb\xbf") => "Unicode text, UTF-8 (with BOM) text",
        "utf-8" => "Unicode text, UTF-8 text",
        "utf-16le" => "Unicode text, UTF-16, little-endian text",
        "utf-16be" => "Unicode text, UTF-16, big-endian text",
        "iso-8859-1" => "ISO-8859 text",
        _ => "Non-ISO extended-ASCII text",
    };
    let lines = lines(head);
    let body = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    Some(match language(body) {
        Some((name, mime, ending)) if name.ends_with("script") => {
            FileType::new(format!("{name}, {characters} executable{lines}"), mime, ending)
        }
        Some((name, mime, ending)) => {
            FileType::new(format!("{name}, {characters}{lines}"), mime, ending)
        }
        None => FileType::new(format!("{characters}{lines}"), "text/plain", "txt"),
    })
}

fn lines(head: &[u8]) -> String {
    let count = |wanted: u8| head.iter().filter(|byte| **byte == wanted).count();
    let pairs = head.windows(2).filter(|pair| *pair == b"\r\n").count();
    let (feeds, returns) = (count(b'\n') - pairs, count(b'\r') - pairs);
    let kinds: Vec<&str> = [(pairs, "CRLF"), (returns, "CR"), (feeds, "LF")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(_, name)| name)
        .collect();
    let longest = head.split(|byte| *byte == b'\n').map(<[u8]>::len).max().unwrap_or(0);
    let long =
        if longest > 300 { format!(", with very long lines ({longest})") } else { String::new() };
    match &kinds[..] {
        [] => format!("{long}, with no line terminators"),
        ["LF"] => long,
        kinds => format!("{long}, with {} line terminators", kinds.join(", ")),
    }
}

type Language = (&'static str, &'static str, &'static str);

fn language(head: &[u8]) -> Option<Language> {
    if let Some(line) = head.strip_prefix(b"#!") {
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or(line);
        return Some(script(&String::from_utf8_lossy(line)));
    }
    let start =
        String::from_utf8_lossy(&head[..head.len().min(1024)]).trim_start().to_ascii_lowercase();
    if start.starts_with("<?xml") {
        return Some(match () {
            () if start.contains("<plist") => {
                ("XML document, Apple property list", "application/x-plist", "plist")
            }
            () if start.contains("<svg") => {
                ("SVG Scalable Vector Graphics image", "image/svg+xml", "svg")
            }
            () => ("XML 1.0 document", "text/xml", "xml"),
        });
    }
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        return Some(("HTML document", "text/html", "html"));
    }
    if start.starts_with("<?php") {
        return Some(("PHP script", "text/x-php", "php"));
    }
    if start.starts_with("@echo off") {
        return Some(("DOS batch file", "text/x-msdos-batch", "bat"));
    }
    if start.starts_with("from ") && start.contains("subject:") {
        return Some(("mbox mail", "application/mbox", "mbox"));
    }
    let json = |open, close| start.starts_with(open) && head.trim_ascii_end().ends_with(close);
    if json('{', b"}") && start.contains("\":") || json('[', b"]") && start.len() > 2 {
        return Some(("JSON text data", "application/json", "json"));
    }
    None
}

/// What runs a script, from its first line.
fn script(line: &str) -> Language {
    let mut words = line.split_whitespace().map(|word| word.rsplit('/').next().unwrap_or(word));
    let mut runner = words.next().unwrap_or("");
    if runner == "env" {
        runner = words.find(|word| !word.starts_with('-') && !word.contains('=')).unwrap_or("env");
    }
    let name = runner.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    match name {
        "bash" => ("Bourne-Again shell script", "text/x-shellscript", "sh"),
        "sh" | "dash" | "ash" => ("POSIX shell script", "text/x-shellscript", "sh"),
        "zsh" => ("Paul Falstad's zsh script", "text/x-shellscript", "zsh"),
        "ksh" => ("Korn shell script", "text/x-shellscript", "ksh"),
        "csh" | "tcsh" => ("C shell script", "text/x-shellscript", "csh"),
        "python" | "pypy" => ("Python script", "text/x-script.python", "py"),
        "perl" => ("Perl script", "text/x-perl", "pl"),
        "ruby" => ("Ruby script", "text/x-ruby", "rb"),
        "php" => ("PHP script", "text/x-php", "php"),
        "node" | "nodejs" => ("Node.js script", "application/javascript", "js"),
        "awk" | "gawk" | "mawk" => ("awk script", "text/x-awk", "awk"),
        "lua" => ("Lua script", "text/x-lua", "lua"),
        "pwsh" | "powershell" => ("PowerShell script", "text/x-powershell", "ps1"),
        _ => ("a script", "text/plain", ""),
    }
}
