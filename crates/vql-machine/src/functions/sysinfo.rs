//! The function `sysinfo`: the machine and its parts.

use std::sync::Arc;

use rows::{Dict, Name, Value};
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::Machine;

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(SysInfo(machine.clone()))
}

plugin_args! {
    /// A Linux machine and its parts: a dict with `node`, `os`, `kernel`, `product`, `board`,
    /// `chassis`, `bios`, `cpu`, `memory`, `storage` and `network`. What the machine does not tell is
    /// NULL; serial numbers are told to administrators only.
    pub struct SysInfoArgs for "sysinfo" {}
}

struct SysInfo(Arc<dyn Machine>);

impl Function for SysInfo {
    type Args = SysInfoArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn call(&self, _args: SysInfoArgs, _scope: &Scope) -> Result<Value, Failure> {
        let facts = self.0.facts()?;
        let told = Told(&*self.0);
        let node = Dict::new()
            .with("hostname", facts.hostname)
            .with("machineid", facts.host_id)
            .with("hypervisor", facts.virtualization)
            .with("timezone", facts.zone);
        let os = Dict::new()
            .with("name", facts.platform.as_str())
            .with("vendor", facts.platform_family)
            .with("version", facts.platform_version)
            .with("architecture", facts.architecture.as_str());
        let kernel = Dict::new()
            .with("release", facts.kernel_version)
            .with("version", told.line("/proc/version"))
            .with("architecture", facts.architecture);
        Ok(Value::Dict(
            Dict::new()
                .with("node", node)
                .with("os", os)
                .with("kernel", kernel)
                .with(
                    "product",
                    told.board("product", &["name", "vendor", "version", "serial", "uuid"]),
                )
                .with(
                    "board",
                    told.board("board", &["name", "vendor", "version", "serial", "asset_tag"]),
                )
                .with(
                    "chassis",
                    told.board("chassis", &["type", "vendor", "version", "serial", "asset_tag"]),
                )
                .with("bios", told.board("bios", &["vendor", "version", "date"]))
                .with("cpu", told.cpu())
                .with("memory", told.memory())
                .with("storage", told.storage())
                .with("network", told.network()),
        ))
    }
}

/// What the system tells about itself.
struct Told<'a>(&'a dyn Machine);

impl Told<'_> {
    fn text(&self, path: &str) -> String {
        let bytes = self.0.system_file(path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn line(&self, path: &str) -> Value {
        let text = self.text(path);
        let line = text.trim();
        if line.is_empty() { Value::Null } else { Value::text(line) }
    }

    fn number(&self, path: &str) -> Value {
        self.text(path).trim().parse().map_or(Value::Null, Value::Int)
    }

    /// What the firmware tells of a part. The maker of a product is the system's.
    fn board(&self, part: &str, fields: &[&str]) -> Dict {
        let field = |field: &&str| {
            let file = match (part, *field) {
                ("product", "vendor") => "sys_vendor".to_owned(),
                _ => format!("{part}_{field}"),
            };
            let name = field.replace('_', "");
            (Name::from(name), self.line(&format!("/sys/class/dmi/id/{file}")))
        };
        fields.iter().map(field).collect()
    }

    fn cpu(&self) -> Dict {
        let text = self.text("/proc/cpuinfo");
        let field = |name: &str| {
            let value = |line: &str| {
                let (key, value) = line.split_once(':')?;
                (key.trim() == name).then(|| value.trim().to_owned())
            };
            text.lines().find_map(value)
        };
        let distinct = |name: &str| {
            let mut values: Vec<&str> =
                text.lines().filter(|line| line.starts_with(name)).collect();
            values.sort_unstable();
            values.dedup();
            values.len()
        };
        let threads = text.lines().filter(|line| line.starts_with("processor")).count();
        let cores = field("cpu cores").and_then(|cores| cores.parse::<i64>().ok());
        let speed = field("cpu MHz").and_then(|speed| speed.parse::<f64>().ok());
        Dict::new()
            .with("vendor", field("vendor_id"))
            .with("model", field("model name"))
            .with("speed", speed.map(|speed| speed as i64))
            .with("cache", field("cache size"))
            .with("cpus", distinct("physical id").max(1))
            .with("cores", cores)
            .with("threads", threads)
    }

    fn memory(&self) -> Dict {
        let text = self.text("/proc/meminfo");
        let bytes = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            line.split_ascii_whitespace().nth(1)?.parse::<i64>().ok()?.checked_mul(1024)
        };
        Dict::new()
            .with("size", bytes("MemTotal:"))
            .with("available", bytes("MemAvailable:"))
            .with("swap", bytes("SwapTotal:"))
    }

    fn storage(&self) -> Value {
        const SECTOR_BYTES: i64 = 512;
        let names = self.0.system_folder("/sys/block").unwrap_or_default();
        let disk = |name: String| {
            let place = |file: &str| format!("/sys/block/{name}/{file}");
            let size = match self.number(&place("size")) {
                Value::Int(sectors) => sectors.checked_mul(SECTOR_BYTES),
                _ => None,
            };
            Dict::new()
                .with("name", name.as_str())
                .with("vendor", self.line(&place("device/vendor")))
                .with("model", self.line(&place("device/model")))
                .with("serial", self.line(&place("device/serial")))
                .with("size", size)
                .with("removable", self.number(&place("removable")))
        };
        Value::array(names.into_iter().map(disk).collect::<Vec<_>>())
    }

    fn network(&self) -> Value {
        let names = self.0.system_folder("/sys/class/net").unwrap_or_default();
        let interface = |name: String| {
            let place = |file: &str| format!("/sys/class/net/{name}/{file}");
            Dict::new()
                .with("name", name.as_str())
                .with("macaddress", self.line(&place("address")))
                .with("state", self.line(&place("operstate")))
                .with("speed", self.number(&place("speed")))
        };
        Value::array(names.into_iter().map(interface).collect::<Vec<_>>())
    }
}
