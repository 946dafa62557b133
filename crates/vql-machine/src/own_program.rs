//! What this program is doing: its threads and its memory, as the system sees them.

use parsers::linux::process;
use rows::Row;

use crate::machine::{Machine, Unanswered};

/// The threads: one row each.
pub(crate) fn threads(machine: &dyn Machine) -> Result<Vec<Row>, Unanswered> {
    const TICKS_PER_SECOND: f64 = 100.0;
    const FOLDER: &str = "/proc/self/task";
    let ids = machine.system_folder(FOLDER)?;
    let rows = ids.into_iter().filter_map(|id| {
        // A thread that ends meanwhile is left out.
        let text = machine.system_file(&format!("{FOLDER}/{id}/stat")).ok()?;
        let stat = process::stat(&String::from_utf8_lossy(&text))?;
        Some(
            Row::new()
                .with("Id", stat.pid)
                .with("Name", stat.name)
                .with("State", stat.state.to_string())
                .with("User", stat.user_ticks as f64 / TICKS_PER_SECOND)
                .with("System", stat.system_ticks as f64 / TICKS_PER_SECOND),
        )
    });
    Ok(rows.collect())
}

/// The memory: one row for each figure, in bytes.
pub(crate) fn memory(machine: &dyn Machine) -> Result<Vec<Row>, Unanswered> {
    let whole = machine.system_file("/proc/self/status")?;
    // Some kernels do not have this one.
    let parts = machine.system_file("/proc/self/smaps_rollup").unwrap_or_default();
    let text = [whole, parts].concat();
    let figure = |line: &str| {
        let (name, rest) = line.split_once(':')?;
        let mut words = rest.split_ascii_whitespace();
        let kilobytes: i64 = words.next()?.parse().ok()?;
        (words.next()? == "kB")
            .then(|| Row::new().with("Name", name).with("Bytes", kilobytes.saturating_mul(1024)))
    };
    Ok(String::from_utf8_lossy(&text).lines().filter_map(figure).collect())
}
