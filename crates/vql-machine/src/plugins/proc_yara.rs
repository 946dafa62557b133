//! Searching the memory of processes for YARA rules.

use std::sync::Arc;

use parsers::linux::maps::Region;
use rows::{Dict, Text};
use vql_plugin::{
    Entry, Failure, Level, Permission, Plugin, RowStream, Scope, plugin_args, stream,
};
use yara::{Found, Limits, Piece, Rules};

use crate::machine::{Machine, ProcessMemory};
use crate::yara_rows::{self, RulesArgs};

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(ProcYara(machine.clone()))
}

plugin_args! {
    /// Searches the memory of a process for YARA rules: one row per string that is found, or per
    /// rule that matches without one.
    ///
    /// All stretches of memory that can be read are searched, and their strings count together.
    /// `Offset` of a string is its address, `Base` the start of the stretch. What asks for the size
    /// of a file is undefined.
    pub struct ProcYaraArgs for "proc_yara" {
        /// The rules.
        rules: Text = "",
        /// The process.
        pid: i64,
        /// How many bytes around a string go into the row.
        context: i64 = 0,
        /// What the compiled rules are remembered by; else by their text.
        key: Option<Text>,
        /// The namespace of the rules.
        namespace: String = "",
        /// Values that the rules may use by name.
        vars: Option<Dict>,
        /// How many rows at most.
        number: i64 = 1,
    }
}

struct ProcYara(Arc<dyn Machine>);

impl Plugin for ProcYara {
    type Args = ProcYaraArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn rows(&self, args: ProcYaraArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let compiled = yara_rows::compiled(
            &RulesArgs {
                rules: &args.rules,
                key: args.key.as_ref(),
                namespace: &args.namespace,
                vars: &args.vars.unwrap_or_default(),
            },
            scope,
        )?;
        let Some(rules) = compiled else { return Ok(stream::empty()) };
        let pieces = pieces(&self.0.memory_map(args.pid)?);
        let memory = self.0.memory(args.pid)?;
        let search = Search {
            pieces,
            rules,
            limits: yara_rows::limits(args.number),
            context: usize::try_from(args.context).unwrap_or(0).min(1 << 20),
            pid: args.pid,
        };
        let scope = scope.clone();
        // Nothing is read before the first row is asked for.
        Ok(Box::new(std::iter::once(memory).flat_map(move |memory| search.rows(memory, &scope))))
    }
}

struct Search {
    pieces: Vec<Piece>,
    rules: Rules,
    limits: Limits,
    context: usize,
    pid: i64,
}

impl Search {
    fn rows(&self, mut memory: Box<dyn ProcessMemory>, scope: &Scope) -> Vec<rows::Row> {
        let mut any_read = self.pieces.is_empty();
        let read = |piece: Piece, buffer: &mut Vec<u8>| {
            if scope.stopped() {
                return false;
            }
            buffer.resize(piece.length, 0);
            let count = memory.read_at(piece.start, buffer);
            // What a longer piece left behind is not there.
            buffer[count..].fill(0);
            any_read |= count > 0;
            count > 0
        };
        let scanned = self.rules.scan_pieces(&self.pieces, read, &self.limits);
        let what = format!("process {}", self.pid);
        if !any_read {
            scope.log(Level::Default, &format!("proc_yara: the memory of {what} cannot be read"));
        }
        yara_rows::report(&scanned, "proc_yara", &what, scope);
        let mut around = |found: &Found| {
            if self.context == 0 && found.data.len() == found.length {
                return found.data.clone();
            }
            let from = found.offset.saturating_sub(self.context as u64).max(found.base);
            let before = usize::try_from(found.offset - from).unwrap_or(0);
            let mut bytes = vec![0; before + found.length + self.context];
            let count = memory.read_at(from, &mut bytes);
            bytes.truncate(count);
            // A process goes on; what was found may be gone.
            if bytes.is_empty() { found.data.clone() } else { bytes }
        };
        let pid = self.pid;
        yara_rows::rows(&scanned, &mut around, &|row| row.with("Pid", pid))
    }
}

/// What can be read, in pieces that fit into memory. They overlap, so that a string across the
/// border of two is found.
fn pieces(regions: &[Region]) -> Vec<Piece> {
    const PIECE_BYTES: u64 = 16 << 20;
    const OVERLAP_BYTES: u64 = 4 << 10;
    /// What is larger is mostly reserved and not used.
    const REGION_BYTES_MAX: u64 = 8 << 30;
    let mut pieces = Vec::new();
    for region in regions.iter().filter(|region| region.is_readable() && is_its_own(region)) {
        let end = region.start.saturating_add(region.size().min(REGION_BYTES_MAX));
        let mut start = region.start;
        while start < end {
            let length = (PIECE_BYTES + OVERLAP_BYTES).min(end - start);
            let Ok(length) = usize::try_from(length) else { break };
            pieces.push(Piece { start, length });
            start += PIECE_BYTES;
        }
    }
    pieces
}

/// Not what the kernel gives to every process, nor devices, whose reading may do something.
fn is_its_own(region: &Region) -> bool {
    let name = region.name.as_str();
    let is_device = name.starts_with("/dev/") && !name.starts_with("/dev/shm/");
    !matches!(name, "[vvar]" | "[vvar_vclock]" | "[vsyscall]" | "[vdso]")
        && (!is_device || name == "/dev/zero")
}
