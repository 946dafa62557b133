//! Programs and libraries: ELF, PE, Mach-O, and code for virtual machines.

use super::{FileType, u16_at, u32_at, u64_at};

pub(super) fn identify(head: &[u8]) -> Option<FileType> {
    match head {
        [0x7f, b'E', b'L', b'F', ..] => Some(elf(head)),
        [b'M', b'Z', ..] => Some(dos(head)),
        [0xca, 0xfe, 0xba, 0xbe, ..] => fat_or_java(head),
        [b'\0', b'a', b's', b'm', ..] => {
            let version = u32_at(head, 4, false)?;
            let text = format!("WebAssembly (wasm) binary module version {version:#x} (MVP)");
            Some(FileType::new(text, "application/wasm", "wasm"))
        }
        [b'd', b'e', b'x', b'\n', ..] => {
            Some(FileType::new("Dalvik dex file", "application/vnd.android.dex", "dex"))
        }
        _ => mach(head),
    }
}

fn elf(head: &[u8]) -> FileType {
    let wide = head.get(4) == Some(&2);
    let big = head.get(5) == Some(&2);
    let bits = if wide { "64-bit" } else { "32-bit" };
    let order = if big { "MSB" } else { "LSB" };
    let interpreter = interpreter(head, wide, big);
    let (kind, mime) = match u16_at(head, 16, big) {
        Some(1) => ("relocatable", "application/x-object"),
        Some(2) => ("executable", "application/x-executable"),
        Some(3) if interpreter.is_some() => ("pie executable", "application/x-pie-executable"),
        Some(3) => ("shared object", "application/x-sharedlib"),
        Some(4) => ("core file", "application/x-coredump"),
        _ => ("file", "application/x-executable"),
    };
    let machine = match u16_at(head, 18, big) {
        Some(2) => "SPARC",
        Some(3) => "Intel 80386",
        Some(8) => "MIPS",
        Some(20) => "PowerPC or cisco 4500",
        Some(21) => "64-bit PowerPC or cisco 7500",
        Some(22) => "IBM S/390",
        Some(40) => "ARM",
        Some(62) => "x86-64",
        Some(183) => "ARM aarch64",
        Some(243) => "UCB RISC-V",
        Some(247) => "eBPF",
        Some(258) => "LoongArch",
        _ => "unknown architecture",
    };
    let system = match head.get(7) {
        Some(2) => "NetBSD",
        Some(3) => "GNU/Linux",
        Some(6) => "Solaris",
        Some(9) => "FreeBSD",
        Some(12) => "OpenBSD",
        _ => "SYSV",
    };
    let mut text = format!("ELF {bits} {order} {kind}, {machine}, version 1 ({system})");
    match interpreter {
        Some(path) => text += &format!(", dynamically linked, interpreter {path}"),
        None if kind == "executable" => text += ", statically linked",
        None if kind == "shared object" => text += ", dynamically linked",
        None => {}
    }
    FileType::new(text, mime, if kind == "shared object" { "so" } else { "" })
}

/// The program that loads it, from the program headers.
fn interpreter(head: &[u8], wide: bool, big: bool) -> Option<String> {
    let pick = |at_wide: usize, at: usize| if wide { at_wide } else { at };
    let table = match wide {
        true => usize::try_from(u64_at(head, 32, big)?).ok()?,
        false => usize::try_from(u32_at(head, 28, big)?).ok()?,
    };
    let size = usize::from(u16_at(head, pick(54, 42), big)?);
    let count = usize::from(u16_at(head, pick(56, 44), big)?).min(64);
    for number in 0..count {
        let at = table.checked_add(size.checked_mul(number)?)?;
        if u32_at(head, at, big)? != 3 {
            continue;
        }
        let field = |at_wide: usize, at_narrow: usize| match wide {
            true => usize::try_from(u64_at(head, at.checked_add(at_wide)?, big)?).ok(),
            false => usize::try_from(u32_at(head, at.checked_add(at_narrow)?, big)?).ok(),
        };
        let (start, length) = (field(8, 4)?, field(32, 16)?.min(256));
        let path = head.get(start..start.checked_add(length)?)?;
        let path = path.split(|byte| *byte == 0).next().unwrap_or(path);
        return Some(String::from_utf8_lossy(path).into_owned());
    }
    None
}

fn dos(head: &[u8]) -> FileType {
    const MIME: &str = "application/x-dosexec";
    let plain = || FileType::new("MS-DOS executable", MIME, "exe");
    let Some(at) = u32_at(head, 0x3c, false).and_then(|at| usize::try_from(at).ok()) else {
        return plain();
    };
    let Some(header) = head.get(at..) else { return plain() };
    match header {
        [b'P', b'E', 0, 0, ..] => portable(header),
        [b'N', b'E', ..] => FileType::new("MS-DOS executable, NE for MS Windows 3.x", MIME, "exe"),
        [b'L', b'E' | b'X', ..] => FileType::new("MS-DOS executable, LX/LE", MIME, "exe"),
        _ => plain(),
    }
}

fn portable(header: &[u8]) -> FileType {
    let machine = match u16_at(header, 4, false) {
        Some(0x14c) => "Intel 80386",
        Some(0x8664) => "x86-64",
        Some(0x1c0) => "ARM",
        Some(0x1c4) => "ARMv7 Thumb",
        Some(0xaa64) => "Aarch64",
        Some(0xebc) => "EFI byte code",
        Some(0x200) => "Intel Itanium",
        _ => "unknown processor",
    };
    let sections = u16_at(header, 6, false).unwrap_or(0);
    let library = u16_at(header, 22, false).is_some_and(|flags| flags & 0x2000 != 0);
    let format = match u16_at(header, 24, false) {
        Some(0x20b) => "PE32+",
        Some(0x107) => "ROM image",
        _ => "PE32",
    };
    let subsystem = match u16_at(header, 24 + 68, false) {
        Some(1) => "native",
        Some(2) => "GUI",
        Some(3) => "console",
        Some(7) => "POSIX",
        Some(9) => "Windows CE",
        Some(10) => "EFI application",
        Some(11) => "EFI boot service driver",
        Some(12) => "EFI runtime driver",
        _ => "unknown",
    };
    let library_text = if library { " (DLL)" } else { "" };
    // The fifteenth directory is the header of the common language runtime.
    let directories = if format == "PE32+" { 24 + 112 } else { 24 + 96 };
    let managed = u32_at(header, directories + 14 * 8, false).is_some_and(|place| place != 0);
    let managed = if managed { " Mono/.Net assembly," } else { "" };
    FileType::new(
        format!(
            "{format} executable{library_text} ({subsystem}) {machine},{managed} for MS Windows, \
             {sections} sections"
        ),
        "application/vnd.microsoft.portable-executable",
        if library { "dll" } else { "exe" },
    )
}

/// Universal binaries and Java classes begin alike; the former have few parts.
fn fat_or_java(head: &[u8]) -> Option<FileType> {
    let count = u32_at(head, 4, true)?;
    if count > 30 {
        let major = u16_at(head, 6, true)?;
        let text = format!("compiled Java class data, version {major}.{}", u16_at(head, 4, true)?);
        return Some(FileType::new(text, "application/x-java-applet", "class"));
    }
    let names: Vec<_> = (0..usize::try_from(count).ok()?)
        .map_while(|number| Some(processor(u32_at(head, 8 + 20 * number, true)?)))
        .collect();
    let text =
        format!("Mach-O universal binary with {count} architectures: [{}]", names.join("] ["));
    Some(FileType::new(text, "application/x-mach-binary", ""))
}

fn processor(number: u32) -> &'static str {
    match number {
        7 => "i386",
        0x0100_0007 => "x86_64",
        12 => "arm",
        0x0100_000c => "arm64",
        18 => "ppc",
        0x0100_0012 => "ppc64",
        _ => "unknown",
    }
}

fn mach(head: &[u8]) -> Option<FileType> {
    let (wide, big) = match head.get(..4)? {
        [0xce, 0xfa, 0xed, 0xfe] => (false, false),
        [0xcf, 0xfa, 0xed, 0xfe] => (true, false),
        [0xfe, 0xed, 0xfa, 0xce] => (false, true),
        [0xfe, 0xed, 0xfa, 0xcf] => (true, true),
        _ => return None,
    };
    let machine = processor(u32_at(head, 4, big)?);
    let kind = match u32_at(head, 12, big) {
        Some(1) => "object",
        Some(2) => "executable",
        Some(4) => "core",
        Some(6) => "dynamically linked shared library",
        Some(7) => "dynamic linker",
        Some(8) => "bundle",
        Some(10) => "dSYM companion file",
        Some(11) => "kext bundle",
        _ => "file",
    };
    let bits = if wide { " 64-bit" } else { "" };
    let text = format!("Mach-O{bits} {machine} {kind}");
    Some(FileType::new(
        text,
        "application/x-mach-binary",
        if kind.contains("library") { "dylib" } else { "" },
    ))
}
