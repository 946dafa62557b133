//! Tools: files that an administrator keeps on the server because artifacts need them on clients.

use base::Timestamp;

use crate::artifact::Tool;

/// One file, under the name that artifacts know it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolFile {
    /// The tool's name.
    pub name: String,
    /// Which version it is; may be empty.
    pub version: String,
    /// What the file is called on clients.
    pub filename: String,
    /// Of its content.
    pub sha256: [u8; 32],
    /// Its bytes.
    pub size: u64,
    /// When it was kept.
    pub stored: Timestamp,
}

/// Why a kept file does not fit an artifact's declaration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToolMissing {
    /// There is no file of this name, or of this version.
    #[error(
        "tool `{name}`{} is not on the server; upload it with `lycaon tool upload {name} FILE{}`{}",
        .version.as_ref().map(|v| format!(" of version {v}")).unwrap_or_default(),
        .version.as_ref().map(|v| format!(" --version {v}")).unwrap_or_default(),
        .url.as_ref().map(|url| format!(" (it comes from {url})")).unwrap_or_default()
    )]
    NotHere {
        /// The tool.
        name: String,
        /// The version that is wanted.
        version: Option<String>,
        /// Where the declaration says that it comes from.
        url: Option<String>,
    },
    /// The file has another content than the declaration says.
    #[error(
        "tool `{name}` on the server has the SHA-256 {found}, but {wanted} is expected; upload the \
         right file with `lycaon tool upload {name} FILE`"
    )]
    OtherHash {
        /// The tool.
        name: String,
        /// What it has.
        found: String,
        /// What it should have.
        wanted: String,
    },
}

/// A hash as text.
pub fn hash_text(sha256: &[u8; 32]) -> String {
    sha256.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Chooses the file that an artifact's declaration means: of its version if it names one, of its hash
/// if it names one, else the one that was kept last.
pub fn choose<'t>(declared: &Tool, kept: &'t [ToolFile]) -> Result<&'t ToolFile, ToolMissing> {
    let version = declared.version.clone().filter(|version| !version.is_empty());
    let named = kept.iter().filter(|file| {
        file.name == declared.name && version.as_ref().is_none_or(|wanted| *wanted == file.version)
    });
    let wanted = declared.expected_hash.as_ref().map(|hash| hash.trim().to_ascii_lowercase());
    let wanted = wanted.filter(|hash| !hash.is_empty());
    let fits =
        |file: &&ToolFile| wanted.as_ref().is_none_or(|wanted| *wanted == hash_text(&file.sha256));
    let mut newest: Vec<&ToolFile> = named.collect();
    newest.sort_by_key(|file| std::cmp::Reverse(file.stored));
    let name = declared.name.clone();
    match (newest.iter().copied().find(fits), newest.first()) {
        (Some(file), _) => Ok(file),
        (None, Some(other)) => Err(ToolMissing::OtherHash {
            name,
            found: hash_text(&other.sha256),
            wanted: wanted.unwrap_or_default(),
        }),
        (None, None) => Err(ToolMissing::NotHere { name, version, url: declared.url.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: &str, hash: u8, secs: i64) -> ToolFile {
        ToolFile {
            name: "Osquery".into(),
            version: version.into(),
            filename: "osqueryd".into(),
            sha256: [hash; 32],
            size: 7,
            stored: Timestamp::from_secs(secs),
        }
    }

    #[test]
    fn a_declaration_chooses_by_version_and_hash() {
        let kept = [file("1", 1, 10), file("2", 2, 5), file("", 3, 1)];
        let check = |version: Option<&str>, hash: Option<String>, answer: Result<u8, &str>| {
            let declared = Tool {
                name: "Osquery".into(),
                version: version.map(str::to_owned),
                expected_hash: hash,
                url: Some("https://example.org/osqueryd".into()),
                ..Tool::default()
            };
            let found = choose(&declared, &kept).map(|file| file.sha256[0]);
            match (found, answer) {
                (Ok(found), Ok(wanted)) => assert_eq!(found, wanted),
                (Err(missing), Err(part)) => {
                    let text = missing.to_string();
                    assert!(text.contains(part), "{text}");
                }
                (found, wanted) => panic!("{found:?} instead of {wanted:?}"),
            }
        };
        check(None, None, Ok(1));
        check(Some("2"), None, Ok(2));
        check(None, Some("03".repeat(32)), Ok(3));
        check(Some("1"), Some("01".repeat(32).to_uppercase()), Ok(1));
        check(Some("9"), None, Err("upload it with `lycaon tool upload Osquery FILE --version 9`"));
        check(None, Some("ff".repeat(32)), Err("ffff"));
    }
}
