//! The system as a whole: `/etc/os-release`, `/proc/stat`, `/proc/uptime`, `/proc/cpuinfo`.

/// What `/etc/os-release` says about the distribution.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OsRelease {
    /// `ID`: `debian`, `ubuntu`, `rhel`, ...
    pub id: String,
    /// `ID_LIKE`: what it descends from, nearest first.
    pub id_like: Vec<String>,
    /// `VERSION_ID`.
    pub version: String,
    /// `PRETTY_NAME`.
    pub pretty_name: String,
}

impl OsRelease {
    /// The family of distributions: `debian`, `rhel`, `suse`, `arch`, ... or the id itself.
    pub fn family(&self) -> String {
        const FAMILIES: &[(&str, &[&str])] = &[
            ("debian", &["debian", "ubuntu", "linuxmint", "raspbian", "kali"]),
            ("rhel", &["rhel", "fedora", "centos", "rocky", "almalinux", "ol", "amzn", "oracle"]),
            ("suse", &["suse", "opensuse", "sles", "opensuse-leap", "opensuse-tumbleweed"]),
            ("arch", &["arch", "manjaro"]),
            ("alpine", &["alpine"]),
        ];
        let known = |id: &str| {
            FAMILIES.iter().find(|(_, ids)| ids.contains(&id)).map(|(family, _)| *family)
        };
        std::iter::once(&self.id)
            .chain(&self.id_like)
            .find_map(|id| known(id))
            .unwrap_or(&self.id)
            .to_owned()
    }
}

/// Reads `/etc/os-release`: shell assignments, with or without quotes.
pub fn os_release(text: &str) -> OsRelease {
    let mut release = OsRelease::default();
    for line in text.lines() {
        let Some((key, value)) = line.trim().split_once('=') else { continue };
        let value = crate::command_line::split_shell(value).into_iter().next().unwrap_or_default();
        match key {
            "ID" => release.id = value,
            "ID_LIKE" => release.id_like = value.split_whitespace().map(str::to_owned).collect(),
            "VERSION_ID" => release.version = value,
            "PRETTY_NAME" => release.pretty_name = value,
            _ => {}
        }
    }
    release
}

/// When the machine was started, in seconds since 1970, from `/proc/stat`.
pub fn boot_seconds(proc_stat: &str) -> Option<i64> {
    proc_stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

/// Seconds since the start, from `/proc/uptime`.
pub fn uptime_seconds(proc_uptime: &str) -> Option<f64> {
    proc_uptime.split_ascii_whitespace().next()?.parse().ok()
}

/// What `/proc/cpuinfo`, the DMI vendor strings, the init process's environment and the
/// presence of marker files say about being a guest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuestSigns {
    /// Text of `/proc/cpuinfo`.
    pub cpu_info: String,
    /// Vendor and product of the board.
    pub board: String,
    /// Text of `/proc/1/cgroup`.
    pub init_cgroup: String,
    /// `/.dockerenv` exists.
    pub docker_marker: bool,
    /// `/run/.containerenv` exists.
    pub podman_marker: bool,
    /// Text of `/proc/version`.
    pub kernel: String,
}

/// The system and role (`guest`, `host`, or both empty) of a machine with these signs.
pub fn virtualization(signs: &GuestSigns) -> (&'static str, &'static str) {
    const BOARDS: &[(&str, &str)] = &[
        ("VMware", "vmware"),
        ("VirtualBox", "vbox"),
        ("innotek", "vbox"),
        ("QEMU", "kvm"),
        ("KVM", "kvm"),
        ("Amazon EC2", "kvm"),
        ("Google Compute", "kvm"),
        ("OpenStack", "kvm"),
        ("Xen", "xen"),
        ("Bochs", "bochs"),
        ("Parallels", "parallels"),
        ("Hyper-V", "hyperv"),
        ("Microsoft Corporation Virtual Machine", "hyperv"),
    ];
    const GROUPS: &[(&str, &str)] =
        &[("kubepods", "docker"), ("docker", "docker"), ("lxc", "lxc"), ("machine-rkt", "rkt")];
    if signs.docker_marker {
        return ("docker", "guest");
    }
    if signs.podman_marker {
        return ("podman", "guest");
    }
    if let Some((_, name)) = GROUPS.iter().find(|(sign, _)| signs.init_cgroup.contains(sign)) {
        return (name, "guest");
    }
    if signs.kernel.contains("microsoft-standard-WSL") || signs.kernel.contains("Microsoft") {
        return ("wsl", "guest");
    }
    if let Some((_, name)) = BOARDS.iter().find(|(sign, _)| signs.board.contains(sign)) {
        return (name, "guest");
    }
    let flags = signs.cpu_info.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    if flags.split_ascii_whitespace().any(|flag| flag == "hypervisor") {
        return ("kvm", "guest");
    }
    ("", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_is_read() {
        let release = os_release(
            "PRETTY_NAME=\"Some Linux 9 (x)\"\nID='mint-x'\nID_LIKE=\"ubuntu debian\"\nVERSION_ID=9\n# c\n",
        );
        assert_eq!(release.pretty_name, "Some Linux 9 (x)");
        assert_eq!((release.id.as_str(), release.version.as_str()), ("mint-x", "9"));
        assert_eq!(release.family(), "debian");
        assert_eq!(os_release("ID=void").family(), "void");
    }

    #[test]
    fn times_are_read() {
        assert_eq!(boot_seconds("cpu 1 2\nbtime 1700000000\nprocesses 5\n"), Some(1_700_000_000));
        assert_eq!(uptime_seconds("12.50 99.00\n"), Some(12.5));
        assert_eq!(boot_seconds("btime x"), None);
    }

    #[test]
    fn guests_are_recognised() {
        let board = |board: &str| GuestSigns { board: board.to_owned(), ..Default::default() };
        assert_eq!(virtualization(&board("QEMU Standard PC")), ("kvm", "guest"));
        assert_eq!(virtualization(&board("Dell Inc.")), ("", ""));
        let signs = GuestSigns { docker_marker: true, ..board("QEMU") };
        assert_eq!(virtualization(&signs), ("docker", "guest"));
        let signs =
            GuestSigns { cpu_info: "flags\t: fpu hypervisor\n".into(), ..Default::default() };
        assert_eq!(virtualization(&signs), ("kvm", "guest"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,120}") {
            let _ = (os_release(&text).family(), boot_seconds(&text), uptime_seconds(&text));
        }
    }
}
