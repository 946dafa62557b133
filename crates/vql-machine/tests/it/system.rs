//! Artifacts about how the machine is set up and what runs on it.

use expect_test::expect;

use crate::world::World;

#[test]
fn device_rules_that_run_something() {
    let world = World::new()
        .file(
            "etc/udev/rules.d/99-x.rules",
            "# comment RUN+=\"/bin/no\"\nSUBSYSTEM==\"net\", ACTION==\"add\", RUN+=\"/tmp/.x/start %k\"\nKERNEL==\"sda\", IMPORT{builtin}=\"blkid\"\nKERNEL==\"sdb\", IMPORT{program}=\"/usr/bin/look %k\"\n",
        );
    let glob = ("RuleGlob", "ROOT/etc/udev/rules.d/*.rules");
    world.check("Linux.Sys.UdevRules", &[glob], expect![[r#"
        {"Command":"/tmp/.x/start %k","Key":"RUN","How":"","Subsystem":"net","Action":"add","Rule":"SUBSYSTEM==\"net\", ACTION==\"add\", RUN+=\"/tmp/.x/start %k\"","OSPath":"ROOT/etc/udev/rules.d/99-x.rules","Mtime":"2026-01-02T03:04:05Z"}
        {"Command":"/usr/bin/look %k","Key":"IMPORT","How":"program","Subsystem":null,"Action":null,"Rule":"KERNEL==\"sdb\", IMPORT{program}=\"/usr/bin/look %k\"","OSPath":"ROOT/etc/udev/rules.d/99-x.rules","Mtime":"2026-01-02T03:04:05Z"}"#]]);
    world.check("Linux.Sys.UdevRules", &[glob, ("CommandRegex", "/tmp/")], expect![[r#"{"Command":"/tmp/.x/start %k","Key":"RUN","How":"","Subsystem":"net","Action":"add","Rule":"SUBSYSTEM==\"net\", ACTION==\"add\", RUN+=\"/tmp/.x/start %k\"","OSPath":"ROOT/etc/udev/rules.d/99-x.rules","Mtime":"2026-01-02T03:04:05Z"}"#]]);
}

#[test]
fn the_way_in_is_a_list_of_steps() {
    let world = World::new().file(
        "etc/pam.d/sshd",
        "# PAM\n@include common-auth\nauth       required     pam_env.so envfile=/etc/default/locale\nauth [success=1 default=ignore] pam_unix.so nullok\n-session optional pam_exec.so quiet /usr/local/bin/notify\nauth sufficient /tmp/pam_backdoor.so\nsession include system-auth\n",
    );
    let glob = ("ConfigGlob", "ROOT/etc/pam.d/*");
    world.check_order("Linux.Sys.PamConfig", &[glob], expect![[r#"
        {"Service":"sshd","Type":"auth","Control":"required","Module":"pam_env.so","Arguments":"envfile=/etc/default/locale","Odd":false,"OSPath":"ROOT/etc/pam.d/sshd","Mtime":"2026-01-02T03:04:05Z"}
        {"Service":"sshd","Type":"auth","Control":"[success=1 default=ignore]","Module":"pam_unix.so","Arguments":"nullok","Odd":false,"OSPath":"ROOT/etc/pam.d/sshd","Mtime":"2026-01-02T03:04:05Z"}
        {"Service":"sshd","Type":"session","Control":"optional","Module":"pam_exec.so","Arguments":"quiet /usr/local/bin/notify","Odd":true,"OSPath":"ROOT/etc/pam.d/sshd","Mtime":"2026-01-02T03:04:05Z"}
        {"Service":"sshd","Type":"auth","Control":"sufficient","Module":"/tmp/pam_backdoor.so","Arguments":"","Odd":true,"OSPath":"ROOT/etc/pam.d/sshd","Mtime":"2026-01-02T03:04:05Z"}"#]]);
    world.check_order("Linux.Sys.PamConfig", &[glob, ("OnlyOdd", "Y")], expect![[r#"
        {"Service":"sshd","Type":"session","Control":"optional","Module":"pam_exec.so","Arguments":"quiet /usr/local/bin/notify","Odd":true,"OSPath":"ROOT/etc/pam.d/sshd","Mtime":"2026-01-02T03:04:05Z"}
        {"Service":"sshd","Type":"auth","Control":"sufficient","Module":"/tmp/pam_backdoor.so","Arguments":"","Odd":true,"OSPath":"ROOT/etc/pam.d/sshd","Mtime":"2026-01-02T03:04:05Z"}"#]]);
}

#[test]
fn a_tainted_kernel_says_why() {
    let world = World::new().file("tainted", "12289\n").file("clean", "0\n");
    world.check_order("Linux.Sys.KernelTaint", &[("TaintFile", "ROOT/tainted")], expect![[r#"
        {"Bit":0,"Letter":"P","Reason":"a module with a licence that is not free was loaded","Value":12289}
        {"Bit":12,"Letter":"O","Reason":"a module from outside the kernel was loaded","Value":12289}
        {"Bit":13,"Letter":"E","Reason":"a module without a signature was loaded","Value":12289}"#]]);
    world.check("Linux.Sys.KernelTaint", &[("TaintFile", "ROOT/clean")], expect![[""]]);
}

#[test]
fn modules_are_compared_with_their_files() {
    let world = World::new()
        .file("lib/modules/6.1.0/kernel/net/nf-tables.ko.xz", "packed")
        .file("lib/modules/6.1.0/kernel/fs/ext4.ko", "plain")
        .file("proc/modules", "nf_tables 372736 12 - Live 0x0\nrootkit 16384 0 - Live 0x0 (OE)\n");
    let given = [
        ("ModuleGlob", "ROOT/lib/modules/*/**/*.ko{,.xz,.zst,.gz}"),
        ("LoadedFile", "ROOT/proc/modules"),
    ];
    world.check("Linux.Sys.ModuleFiles", &given, expect![[r#"
        /Files {"Module":"nf_tables","Loaded":true,"Size":6,"SHA256":"88cb8a087b6e8cebfc9ae5602f5a2159a6bcf923e7f2c56809bcda6cad1727a7","OSPath":"ROOT/lib/modules/6.1.0/kernel/net/nf-tables.ko.xz","Mtime":"2026-01-02T03:04:05Z"}
        /WithoutFile {"Module":"rootkit"}"#]]);
    let all = [given[0], given[1], ("AllFiles", "Y"), ("NameRegex", "ext4")];
    world.check("Linux.Sys.ModuleFiles", &all, expect![[r#"/Files {"Module":"ext4","Loaded":false,"Size":5,"SHA256":"a116c9ed46d6207734a43317d30fd88f52ac8634c37d904bbf4e41d865f90475","OSPath":"ROOT/lib/modules/6.1.0/kernel/fs/ext4.ko","Mtime":"2026-01-02T03:04:05Z"}"#]]);
}

#[test]
fn containers_are_read_without_the_daemon() {
    let folder = "docker/containers/abc123";
    let world = World::new()
        .file(
            &format!("{folder}/config.v2.json"),
            r#"{"ID":"abc123","Name":"/web","Created":"2026-01-02T03:04:05.5Z","Path":"nginx","Args":["-g","daemon off;"],"State":{"Running":true,"Pid":77,"StartedAt":"2026-01-02T03:04:06Z"},"Config":{"Image":"nginx:1.27","Env":["A=b"]}}"#,
        )
        .file(
            &format!("{folder}/hostconfig.json"),
            r#"{"Privileged":true,"PidMode":"host","NetworkMode":"bridge","CapAdd":null,"Binds":["/:/host"]}"#,
        )
        .file(
            "docker/image/overlay2/repositories.json",
            r#"{"Repositories":{"nginx":{"nginx:1.27":"sha256:aaaa","nginx@sha256:bbbb":"sha256:aaaa"}}}"#,
        );
    world.check("Linux.Containers.Docker", &[("DockerFolder", "ROOT/docker")], expect![[r#"
        /Containers {"Id":"abc123","Name":"web","Image":"nginx:1.27","Running":true,"Pid":77,"Program":"nginx","Arguments":["-g","daemon off;"],"Environment":["A=b"],"Created":"2026-01-02T03:04:05.5Z","Started":"2026-01-02T03:04:06Z","Privileged":true,"PidMode":"host","NetworkMode":"bridge","AddedCapabilities":null,"Binds":["/:/host"],"OSPath":"ROOT/docker/containers/abc123/config.v2.json"}
        /Images {"Name":"nginx:1.27","Id":"sha256:aaaa"}
        /Images {"Name":"nginx@sha256:bbbb","Id":"sha256:aaaa"}"#]]);
}

#[test]
fn package_sources_that_trust_everybody_are_marked() {
    let world = World::new()
        .file(
            "etc/apt/sources.list",
            "# main\ndeb http://deb.example.org/debian stable main\ndeb [trusted=yes arch=amd64] https://other.example.org/ ./\n",
        )
        .file("etc/apt/sources.list.d/x.sources", "Types: deb\nURIs: https://x.example.org\nSuites: stable\n")
        .file("etc/yum.repos.d/y.repo", "[y]\nname=Y\nbaseurl=https://y.example.org/\ngpgcheck=0\n");
    let globs = [
        ("AptGlob", "ROOT/etc/apt/{sources.list,sources.list.d/*.{list,sources}}"),
        ("RpmGlob", "ROOT/etc/yum.repos.d/*.repo"),
    ];
    world.check("Linux.Sys.PackageSources", &globs, expect![[r#"
        {"Url":"http://deb.example.org/debian","Suite":"stable","Plain":true,"Unchecked":false,"OSPath":"ROOT/etc/apt/sources.list","Mtime":"2026-01-02T03:04:05Z"}
        {"Url":"https://other.example.org/","Suite":"./","Plain":false,"Unchecked":true,"OSPath":"ROOT/etc/apt/sources.list","Mtime":"2026-01-02T03:04:05Z"}
        {"Url":"https://x.example.org","Suite":null,"Plain":false,"Unchecked":false,"OSPath":"ROOT/etc/apt/sources.list.d/x.sources","Mtime":"2026-01-02T03:04:05Z"}
        {"Url":"https://y.example.org/","Suite":null,"Plain":false,"Unchecked":true,"OSPath":"ROOT/etc/yum.repos.d/y.repo","Mtime":"2026-01-02T03:04:05Z"}"#]]);
}

#[test]
fn guards_are_compared_with_their_configuration() {
    let world = World::new()
        .file("sys/fs/selinux/enforce", "0")
        .file("etc/selinux/config", "# x\nSELINUX=enforcing\nSELINUXTYPE=targeted\n")
        .file("sys/module/apparmor/parameters/enabled", "Y\n")
        .file(
            "sys/kernel/security/apparmor/profiles",
            "/usr/sbin/cupsd (enforce)\nman (complain)\n",
        );
    world.check("Linux.Sys.MandatoryAccess", &[("Root", "ROOT")], expect![[r#"
        /AppArmor {"Enabled":true,"Profiles":[{"Profile":"/usr/sbin/cupsd","Mode":"enforce"},{"Profile":"man","Mode":"complain"}]}
        /State {"System":"SELinux","Now":"permissive","Configured":"enforcing"}"#]]);
    World::new().check(
        "Linux.Sys.MandatoryAccess",
        &[("Root", "ROOT")],
        expect![[r#"
        /AppArmor {"Enabled":false,"Profiles":null}
        /State {"System":"SELinux","Now":"off","Configured":null}"#]],
    );
}

#[test]
fn environments_tell_where_processes_came_from() {
    let world = World::new()
        .file(
            "proc/42/environ",
            "HOME=/root\0SSH_CONNECTION=203.0.113.9 50000 10.0.0.1 22\0HISTFILE=/dev/null\0",
        )
        .file("proc/42/comm", "bash\n");
    let glob = ("ProcessGlob", "ROOT/proc/[0-9]*/environ");
    world.check("Linux.Sys.ProcessEnvironment", &[glob], expect![[r#"
        {"Pid":42,"Name":"bash","Variable":"HISTFILE","Value":"/dev/null"}
        {"Pid":42,"Name":"bash","Variable":"SSH_CONNECTION","Value":"203.0.113.9 50000 10.0.0.1 22"}"#]]);
    world.check(
        "Linux.Sys.ProcessEnvironment",
        &[glob, ("VariableRegex", "HOME")],
        expect![[r#"{"Pid":42,"Name":"bash","Variable":"HOME","Value":"/root"}"#]],
    );
}

#[test]
fn processes_have_a_chain_of_ancestors() {
    let world = World::new();
    world.check("Linux.Sys.ProcessTree", &[("NameRegex", "bash")], expect![[r#"{"Pid":50,"Ppid":1,"Name":"bash","Chain":"init -> bash","CommandLine":"/bin/bash","Exe":"/bin/bash","Username":"ann","CreateTime":"2023-11-14T22:13:20Z"}"#]]);
    world.check("Linux.Sys.ProcessTree", &[("ChainRegex", "httpd -> ")], expect![[""]]);
}

#[test]
fn neighbours_that_share_a_hardware_address_are_counted() {
    let world = World::new().file(
        "proc/net/arp",
        "IP address       HW type     Flags       HW address            Mask     Device\n10.0.0.2         0x1         0x2         02:00:00:00:00:02     *        eth0\n10.0.0.3         0x1         0x2         02:00:00:00:00:02     *        eth0\n10.0.0.4         0x1         0x0         00:00:00:00:00:00     *        eth0\n",
    );
    world.check("Linux.Network.ArpCache", &[("ArpGlob", "ROOT/proc/net/arp")], expect![[r#"
        {"Address":"10.0.0.2","HardwareAddress":"02:00:00:00:00:02","Interface":"eth0","Complete":true,"AddressesOfIt":2}
        {"Address":"10.0.0.3","HardwareAddress":"02:00:00:00:00:02","Interface":"eth0","Complete":true,"AddressesOfIt":2}
        {"Address":"10.0.0.4","HardwareAddress":"00:00:00:00:00:00","Interface":"eth0","Complete":false,"AddressesOfIt":1}"#]]);
}

#[test]
fn every_moment_of_a_file_is_a_row() {
    let world = World::new().file("etc/a", "x");
    let given = [("Globs", r#"["ROOT/etc/*"]"#), ("Before", "2026-06-01T00:00:00Z")];
    world.check("Generic.Forensics.Timeline", &given, expect![[r#"{"Time":"2026-01-02T03:04:05Z","What":"m...","OSPath":"ROOT/etc/a","Size":1,"Mode":"-rw-r--r--"}"#]]);
}

#[test]
fn the_largest_files_come_first() {
    let world = World::new()
        .file("data/small.zip", "x")
        .file("data/large.zip", &"x".repeat(3000))
        .file("data/deep/larger.tar", &"x".repeat(5000));
    let given = [("Globs", r#"["ROOT/data/**"]"#), ("SizeMin", "1000")];
    world.check_order("Generic.Forensics.LargeFiles", &given, expect![[r#"
        {"OSPath":"ROOT/data/deep/larger.tar","Size":5000,"Shown":"4.9 KiB","Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","Ctime":"now","Btime":"now"}
        {"OSPath":"ROOT/data/large.zip","Size":3000,"Shown":"2.9 KiB","Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","Ctime":"now","Btime":"now"}"#]]);
    let one = [given[0], given[1], ("Most", "1")];
    world.check_order("Generic.Forensics.LargeFiles", &one, expect![[r#"{"OSPath":"ROOT/data/deep/larger.tar","Size":5000,"Shown":"4.9 KiB","Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","Ctime":"now","Btime":"now"}"#]]);
}

#[test]
fn folders_say_what_they_use() {
    let world = World::new().file("var/a/x", "12345").file("var/a/deep/y", "123").file_of(
        "var/b/z",
        "1",
        1_700_000_000,
    );
    world.check_order(
        "Generic.Forensics.DiskUsage",
        &[("Folder", "ROOT/var")],
        expect![[r#"
        {"Part":"ROOT/var/a","Files":2,"Bytes":8,"Shown":"8 B","Newest":"2026-01-02T03:04:05Z"}
        {"Part":"ROOT/var/b","Files":1,"Bytes":1,"Shown":"1 B","Newest":"2023-11-14T22:13:20Z"}"#]],
    );
}
