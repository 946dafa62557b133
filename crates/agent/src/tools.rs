//! Files that artifacts need on this machine: fetched from the server, believed only when their hash is
//! right, kept in a bounded folder, and told to queries as `Tool_<name>_…`.
//!
//! # Invariants
//! - **A10** the path that a query is told leads to a file that had the wanted SHA-256 a moment before.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use wire::{TOOL_PATH, TOOL_PIECE_BYTES, Tool};

use crate::os::make_runnable;
use crate::transport::{HttpLink, Target};

/// Bytes that the folder may hold.
const FOLDER_BYTES_MAX: u64 = 2 << 30;

/// How long the server may take for one piece, beyond the usual patience.
const PIECE_TIME: Duration = Duration::from_secs(60);

/// Keeps tools in a folder.
pub(crate) struct ToolBox {
    /// `None`: this agent keeps no files.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) targets: Vec<Target>,
    /// One fetch at a time, so that two flows do not fetch the same.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

impl ToolBox {
    /// Makes tools ready; gives the variables that tell of them, or why one is not there.
    pub(crate) async fn ready(&self, tools: &[Tool]) -> Result<Vec<(String, String)>, String> {
        let mut variables = Vec::new();
        for tool in tools {
            let path = self.one(tool).await?;
            let mut set = |part: &str, value: String| {
                variables.push((format!("Tool_{}_{part}", tool.name), value));
            };
            set("HASH", hex(&tool.sha256));
            set("FILENAME", tool.filename.clone());
            set("VERSION", tool.version.clone());
            set("PATH", path.display().to_string());
            set("URL", format!("file://{}", path.display()));
        }
        Ok(variables)
    }

    async fn one(&self, tool: &Tool) -> Result<PathBuf, String> {
        let bad = |why: String| format!("tool `{}`: {why}", tool.name);
        let folder = self.folder.as_ref().ok_or_else(|| bad("this agent keeps no tools".into()))?;
        if tool.sha256.len() != 32 || tool.size > FOLDER_BYTES_MAX {
            return Err(bad(format!(
                "has {} bytes; at most {FOLDER_BYTES_MAX} are kept",
                tool.size
            )));
        }
        let home = folder.join(hex(&tool.sha256));
        let path = home.join(harmless(&tool.filename));
        let _one_at_a_time = self.turn.lock().await;
        let (known, wanted) = (path.clone(), tool.sha256.clone());
        let here = tokio::task::spawn_blocking(move || has_hash(&known, &wanted)).await;
        if here.unwrap_or(false) {
            return Ok(path);
        }
        let disk = |error: io::Error| bad(format!("cannot write to {}: {error}", folder.display()));
        make_room(folder, tool.size).map_err(disk)?;
        fs::create_dir_all(&home).map_err(disk)?;
        let fresh = home.join(".fetching");
        let mut reasons = Vec::new();
        for target in &self.targets {
            match fetch(target, tool, &fresh).await {
                Ok(()) => {
                    make_runnable(&fresh).map_err(disk)?;
                    fs::rename(&fresh, &path).map_err(disk)?;
                    return Ok(path);
                }
                Err(why) => reasons.push(why),
            }
        }
        // What came is of no use; when it cannot be removed the next fetch overwrites it.
        let _ = fs::remove_dir_all(&home);
        Err(bad(format!("could not be fetched: {}", reasons.join("; "))))
    }
}

async fn fetch(target: &Target, tool: &Tool, to: &Path) -> Result<(), String> {
    let chain = |error: &dyn std::error::Error| base::Chain(error).to_string();
    let mut link = HttpLink::open(target).await.map_err(|error| chain(&error))?;
    let mut file = File::create(to).map_err(|error| chain(&error))?;
    let (mut hash, mut offset) = (Sha256::new(), 0u64);
    while offset < tool.size {
        let path = format!("{TOOL_PATH}{}/{offset}", hex(&tool.sha256));
        let answer = link.post(&path, Vec::new(), (PIECE_TIME, TOOL_PIECE_BYTES)).await;
        let answer = answer.map_err(|error| chain(&error))?;
        if answer.status != 200 || answer.body.is_empty() {
            let text = String::from_utf8_lossy(&answer.body).chars().take(200).collect::<String>();
            return Err(format!("{} answered {}: {text}", target.address, answer.status));
        }
        hash.update(&answer.body);
        file.write_all(&answer.body).map_err(|error| chain(&error))?;
        offset += answer.body.len() as u64;
    }
    file.sync_all().map_err(|error| chain(&error))?;
    match hash.finalize().as_slice() == tool.sha256 {
        true => Ok(()),
        false => Err(format!("{} sent a file with another SHA-256", target.address)),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file name that stays in its folder, whatever the server says.
fn harmless(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or("");
    let kept = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    let name: String = last.chars().map(|c| if kept(c) { c } else { '_' }).take(120).collect();
    match name.trim_start_matches('.') {
        "" => "tool".to_owned(),
        name => name.to_owned(),
    }
}

fn has_hash(path: &Path, wanted: &[u8]) -> bool {
    let Ok(mut file) = File::open(path) else { return false };
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return hash.finalize().as_slice() == wanted,
            Ok(n) => hash.update(&buffer[..n]),
            Err(_) => return false,
        }
    }
}

/// Removes the oldest tools until `wanted` bytes more fit.
fn make_room(folder: &Path, wanted: u64) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut held: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let home = entry?.path();
        let mut newest = SystemTime::UNIX_EPOCH;
        let mut bytes = 0;
        for file in fs::read_dir(&home).into_iter().flatten().flatten() {
            let about = file.metadata()?;
            newest = newest.max(about.modified().unwrap_or(SystemTime::UNIX_EPOCH));
            bytes += about.len();
        }
        held.push((newest, bytes, home));
    }
    held.sort();
    let mut bytes: u64 = held.iter().map(|(_, bytes, _)| bytes).sum();
    for (_, size, home) in held {
        if bytes + wanted <= FOLDER_BYTES_MAX {
            break;
        }
        fs::remove_dir_all(home)?;
        bytes -= size;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_the_server_stays_in_its_folder() {
        let names = ["osqueryd", "../../etc/passwd", "a b;c", "..", "", "C:\\x\\y.exe", ".hidden"];
        let kept: Vec<String> = names.iter().map(|name| harmless(name)).collect();
        assert_eq!(kept, ["osqueryd", "passwd", "a_b_c", "tool", "tool", "y.exe", "hidden"]);
    }

    #[test]
    fn a_file_is_believed_by_its_hash_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, "tool").unwrap();
        assert!(has_hash(&path, &Sha256::digest("tool")));
        assert!(!has_hash(&path, &Sha256::digest("other")));
        assert!(!has_hash(&folder.path().join("y"), &Sha256::digest("")));
    }
}
