//! Programs of Windows: headers, sections, imports, exports, versions.
//!
//! The parsing is the library `goblin`'s. It has panicked on hostile files before, so it runs where
//! a panic is caught and becomes an error.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use goblin::options::ParseMode;
use goblin::pe::export::Reexport;
use goblin::pe::header::machine_to_str;
use goblin::pe::options::ParseOptions;
use goblin::pe::{PE, section_table::SectionTable};
use md5::{Digest, Md5};
use rows::{Dict, Time, Value};

use crate::profile::decode;

/// The bytes are no program of Windows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a PE file: {0}")]
pub struct NotPe(String);

/// How many imports and exports are given.
const NAMES_MAX: usize = 100_000;

/// Reads a program. `in_memory` is for one that lies in memory as it was loaded.
pub fn parse(bytes: &[u8], in_memory: bool) -> Result<Dict, NotPe> {
    let mut options = ParseOptions::default().with_parse_mode(ParseMode::Permissive);
    options.resolve_rva = !in_memory;
    options.parse_attribute_certificates = false;
    options.parse_tls_data = false;
    let read = || PE::parse_with_opts(bytes, &options).map(|pe| describe(&pe));
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(described)) => Ok(described),
        Ok(Err(error)) => Err(NotPe(error.to_string())),
        Err(_) => Err(NotPe("it is damaged in a way that cannot be read".to_owned())),
    }
}

fn describe(pe: &PE<'_>) -> Dict {
    let coff = &pe.header.coff_header;
    let header = Dict::new()
        .with("Machine", machine_to_str(coff.machine))
        .with("TimeDateStamp", Time::from_unix(i64::from(coff.time_date_stamp), 0))
        .with("TimeDateStampRaw", i64::from(coff.time_date_stamp))
        .with("Characteristics", i64::from(coff.characteristics))
        .with("ImageBase", pe.image_base.cast_signed());
    let debug = pe.debug_data.as_ref().and_then(|data| data.codeview_pdb70_debug_info.as_ref());
    let guid_age = debug.and_then(|info| {
        Some(format!("{}{:X}", decode::guid(&info.signature)?.replace('-', ""), info.age))
    });
    let pdb = debug.map(|info| {
        let end = info.filename.iter().position(|byte| *byte == 0).unwrap_or(info.filename.len());
        String::from_utf8_lossy(&info.filename[..end]).into_owned()
    });
    let (exports, forwards) = exports(pe);
    Dict::new()
        .with("FileHeader", header)
        .with("GUIDAge", guid_age)
        .with("PDB", pdb)
        .with("Directories", directories(pe))
        .with("Sections", Value::array(pe.sections.iter().map(section)))
        .with("VersionInformation", versions(pe))
        .with("Imports", imports(pe))
        .with("Exports", exports)
        .with("Forwards", forwards)
        .with("ImpHash", imp_hash(pe))
}

fn directories(pe: &PE<'_>) -> Dict {
    let Some(optional) = &pe.header.optional_header else { return Dict::new() };
    let found: BTreeMap<String, (u32, u32)> = optional
        .data_directories
        .dirs()
        .filter(|(_, directory)| directory.size > 0)
        .map(|(kind, directory)| (format!("{kind:?}"), (directory.virtual_address, directory.size)))
        .collect();
    let mut dict = Dict::new();
    for (name, (address, size)) in found {
        let place = Dict::new().with("RVA", i64::from(address)).with("Size", i64::from(size));
        dict.set(name, place);
    }
    dict
}

fn section(section: &SectionTable) -> Dict {
    let bit =
        |mask: u32, letter: char| if section.characteristics & mask != 0 { letter } else { '-' };
    let permissions: String =
        [bit(0x2000_0000, 'x'), bit(0x4000_0000, 'r'), bit(0x8000_0000, 'w')].iter().collect();
    Dict::new()
        .with("Perm", permissions)
        .with("Name", section.name().unwrap_or("").to_owned())
        .with("FileOffset", i64::from(section.pointer_to_raw_data))
        .with("RVA", i64::from(section.virtual_address))
        .with("VirtualSize", i64::from(section.virtual_size))
        .with("Size", i64::from(section.size_of_raw_data))
}

fn versions(pe: &PE<'_>) -> Dict {
    let mut dict = Dict::new();
    let Some(info) = pe.resource_data.as_ref().and_then(|data| data.version_info.as_ref()) else {
        return dict;
    };
    let texts = &info.string_info;
    let known = [
        ("Comments", texts.comments()),
        ("CompanyName", texts.company_name()),
        ("FileDescription", texts.file_description()),
        ("FileVersion", texts.file_version()),
        ("InternalName", texts.internal_name()),
        ("LegalCopyright", texts.legal_copyright()),
        ("LegalTrademarks", texts.legal_trademarks()),
        ("OriginalFilename", texts.original_filename()),
        ("PrivateBuild", texts.private_build()),
        ("ProductName", texts.product_name()),
        ("ProductVersion", texts.product_version()),
        ("SpecialBuild", texts.special_build()),
    ];
    for (name, text) in known {
        if let Some(text) = text {
            dict.set(name, text.trim_end_matches('\0').to_owned());
        }
    }
    dict
}

fn imports(pe: &PE<'_>) -> Value {
    let named = pe.imports.iter().take(NAMES_MAX);
    Value::array(named.map(|import| format!("{}!{}", import.dll, import.name)))
}

/// Exported names, and those that lead to another library.
fn exports(pe: &PE<'_>) -> (Value, Value) {
    let (mut own, mut forwards) = (Vec::new(), Vec::new());
    for export in pe.exports.iter().take(NAMES_MAX) {
        let name = match export.name {
            Some(name) => name.to_owned(),
            None => format!("RVA {:#x}", export.rva),
        };
        match &export.reexport {
            None => own.push(name),
            Some(Reexport::DLLName { export, lib }) => {
                forwards.push(format!("{name} -> {lib}.{export}"));
            }
            Some(Reexport::DLLOrdinal { ordinal, lib }) => {
                forwards.push(format!("{name} -> {lib}.#{ordinal}"));
            }
        }
    }
    (Value::array(own), Value::array(forwards))
}

/// The hash of the imports that programs are compared by. Numbers of a few libraries stand for names
/// in it that are not known here; then there is none, because a wrong one would be worse.
fn imp_hash(pe: &PE<'_>) -> Option<String> {
    if pe.imports.is_empty() {
        return None;
    }
    let mut parts = Vec::new();
    for import in &pe.imports {
        let dll = import.dll.to_ascii_lowercase();
        let stem = [".dll", ".ocx", ".sys"]
            .iter()
            .find_map(|ending| dll.strip_suffix(ending))
            .unwrap_or(&dll);
        let name = match import.name.strip_prefix("ORDINAL ") {
            Some(_) if matches!(stem, "ws2_32" | "wsock32" | "oleaut32") => return None,
            Some(number) => format!("ord{number}"),
            None => import.name.to_ascii_lowercase(),
        };
        parts.push(format!("{stem}.{name}"));
    }
    let digest = Md5::digest(parts.join(",").as_bytes());
    Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    /// A program of one section that imports `ExitProcess` and the seventh of `other.dll`.
    fn program() -> Vec<u8> {
        let mut bytes = vec![0; 0x600];
        let mut put =
            |at: usize, content: &[u8]| bytes[at..at + content.len()].copy_from_slice(content);
        put(0, b"MZ");
        put(0x3c, &0x40_u32.to_le_bytes());
        put(0x40, b"PE\0\0\x64\x86\x01\0");
        put(0x48, &1_700_000_000_u32.to_le_bytes());
        put(0x54, &[0xf0, 0, 0x22, 0]);
        put(0x58, &[0x0b, 2]);
        put(0x70, &0x1_4000_0000_u64.to_le_bytes());
        put(0x78, &0x1000_u32.to_le_bytes());
        put(0x7c, &0x200_u32.to_le_bytes());
        put(0x90, &0x2000_u32.to_le_bytes());
        put(0x94, &0x200_u32.to_le_bytes());
        put(0x9c, &[3, 0]);
        put(0xc4, &16_u32.to_le_bytes());
        put(0xd0, &0x1000_u32.to_le_bytes());
        put(0xd4, &60_u32.to_le_bytes());
        put(0x148, b".text\0\0\0");
        put(0x150, &0x400_u32.to_le_bytes());
        put(0x154, &0x1000_u32.to_le_bytes());
        put(0x158, &0x400_u32.to_le_bytes());
        put(0x15c, &0x200_u32.to_le_bytes());
        put(0x16c, &0x6000_0020_u32.to_le_bytes());
        // Two import descriptors, their tables and names.
        put(0x200, &0x1080_u32.to_le_bytes());
        put(0x20c, &0x1100_u32.to_le_bytes());
        put(0x210, &0x1080_u32.to_le_bytes());
        put(0x214, &0x10a0_u32.to_le_bytes());
        put(0x220, &0x1110_u32.to_le_bytes());
        put(0x224, &0x10a0_u32.to_le_bytes());
        put(0x280, &0x1120_u64.to_le_bytes());
        put(0x2a0, &(1_u64 << 63 | 7).to_le_bytes());
        put(0x300, b"KERNEL32.dll\0");
        put(0x310, b"other.dll\0");
        put(0x320, b"\0\0ExitProcess\0");
        bytes
    }

    #[test]
    fn a_program_is_described() {
        let read = parse(&program(), false).unwrap();
        let lines = ["FileHeader", "Sections", "Directories", "Imports", "ImpHash"]
            .map(|name| read.get(name).unwrap().to_string());
        expect![[r#"
            {"Machine":"X86_64","TimeDateStamp":"2023-11-14T22:13:20Z","TimeDateStampRaw":1700000000,"Characteristics":34,"ImageBase":5368709120}
            [{"Perm":"xr-","Name":".text","FileOffset":512,"RVA":4096,"VirtualSize":1024,"Size":1024}]
            {"ImportTable":{"RVA":4096,"Size":60}}
            [KERNEL32.dll!ExitProcess other.dll!ORDINAL 7]
            9b04083775b2483d587775705def6390"#]].assert_eq(&lines.join("\n"));
    }

    #[test]
    fn other_bytes_are_refused() {
        expect!["not a PE file: type is too big (2) for 0"]
            .assert_eq(&parse(b"MZ", false).unwrap_err().to_string());
    }

    proptest::proptest! {
        #[test]
        fn damage_is_an_error(at in 0..0x400_usize, byte: u8, other in 0..0x400_usize) {
            let mut bytes = program();
            bytes[at] = byte;
            bytes[other] ^= 0xff;
            let _ = parse(&bytes, false);
            let _ = parse(&bytes, true);
        }
    }
}
