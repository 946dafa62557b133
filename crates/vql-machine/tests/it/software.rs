//! Artifacts about the machine, its kernel, its processes and its packages.

use expect_test::expect;

use crate::world::World;

#[test]
fn client_info_has_the_machine_and_its_interfaces() {
    World::new().check("Generic.Client.Info", &[], expect![[r#"
        /Interfaces {"Index":1,"MTU":65536,"Name":"lo","HardwareAddr":"00:00:00:00:00:00","Up":true,"Addrs":["127.0.0.1/8","::1/128"]}
        /Machine {"Hostname":"web1","Uptime":3600,"BootTime":"2023-11-14T22:13:20Z","Procs":4,"OS":"linux","Platform":"debian","PlatformFamily":"debian","PlatformVersion":"12","KernelVersion":"6.1.0","VirtualizationSystem":"kvm","VirtualizationRole":"guest","CompilerVersion":"rustc 1.95","HostID":"0f8fad5b-d9cb-469f-a165-70867728950e","Exe":"/usr/bin/agent","CWD":"/","IsAdmin":true,"ClientStart":null,"LocalTZ":"UTC","LocalTZOffset":0,"Fqdn":"web1.example.org","Architecture":"amd64","MACAddresses":["02:00:00:00:00:01"]}"#]]);
}

#[test]
fn processes_are_chosen_by_name_and_command_line() {
    let world = World::new();
    world.check("Linux.Sys.Pslist", &[("NameRegex", "^init")], expect![[r#"{"Pid":1,"Ppid":0,"Name":"init","CommandLine":"/sbin/init","Exe":"/sbin/init","ExeDeleted":false,"Cwd":"/","Username":"root","Uid":0,"Gid":0,"CreateTime":"2023-11-14T22:13:20Z","State":"S","Threads":1,"User":0.5,"System":0.25,"Memory":{"RSS":4096,"VMS":8192},"TracerPid":0,"TokenIsElevated":true,"Argv":["/sbin/init"],"Hash":null}"#]]);
    world.check("Linux.Sys.Pslist", &[("CommandLineRegex", "nowhere")], expect![[r#""#]]);
}

#[test]
fn modules_list_who_uses_them() {
    let world = World::new().file(
        "proc/modules",
        "nf_tables 372736 12 nft_compat,nft_ct, Live 0x0000000000000000\nrootkit 16384 0 - Live 0x0000000000000000 (OE)\n",
    );
    let glob = ("ModulesGlob", "ROOT/proc/modules");
    world.check("Linux.Sys.Modules", &[glob], expect![[r#"
        {"Module":"nf_tables","Size":372736,"UseCount":12,"UsedBy":["nft_compat","nft_ct"],"State":"Live","Taint":""}
        {"Module":"rootkit","Size":16384,"UseCount":0,"UsedBy":[],"State":"Live","Taint":"OE"}"#]]);
    world.check("Linux.Sys.Modules", &[glob, ("NameRegex", "^root")], expect![[r#"{"Module":"rootkit","Size":16384,"UseCount":0,"UsedBy":[],"State":"Live","Taint":"OE"}"#]]);
}

#[test]
fn mounts_have_their_blanks_back() {
    let world = World::new().file(
        "proc/self/mounts",
        "/dev/sda1 / ext4 rw,relatime 0 0\n//nas/share /mnt/my\\040share cifs rw,vers=3.0 0 0\n",
    );
    let glob = ("MountsGlob", "ROOT/proc/self/mounts");
    world.check("Linux.Sys.Mounts", &[glob], expect![[r#"
        {"Device":"//nas/share","MountPoint":"/mnt/my share","Type":"cifs","Options":["rw","vers=3.0"]}
        {"Device":"/dev/sda1","MountPoint":"/","Type":"ext4","Options":["rw","relatime"]}"#]]);
    world.check("Linux.Sys.Mounts", &[glob, ("TypeRegex", "nfs|cifs")], expect![[r#"{"Device":"//nas/share","MountPoint":"/mnt/my share","Type":"cifs","Options":["rw","vers=3.0"]}"#]]);
}

#[test]
fn packages_come_from_dpkg_and_rpm() {
    let world = World::new()
        .file(
            "var/lib/dpkg/status",
            "Package: bash\nStatus: install ok installed\nSection: shells\nInstalled-Size: 100\nMaintainer: Somebody <a@example.org>\nArchitecture: amd64\nVersion: 5.2-1\nDescription: a shell\n with more text\n\nPackage: nmap\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 7.9\n",
        )
        .program(
            "usr/bin/rpm",
            "#!/bin/sh\nprintf 'zlib\\t1.2-3\\tx86_64\\t1700000000\\t2048\\tVendor Inc\\tA library\\ncurl\\t8.0-1\\tx86_64\\t1700000001\\t10\\t(none)\\tA tool\\n'\n",
        );
    let globs = [("StatusGlob", "ROOT/var/lib/dpkg/status"), ("RpmGlob", "ROOT/usr/bin/rpm")];
    world.check("Linux.Sys.Packages", &globs, expect![[r#"
        /Dpkg {"Package":"bash","Version":"5.2-1","Architecture":"amd64","Status":"install ok installed","Section":"shells","Size":102400,"Maintainer":"Somebody <a@example.org>","Description":"a shell","OSPath":"ROOT/var/lib/dpkg/status"}
        /Dpkg {"Package":"nmap","Version":"7.9","Architecture":"amd64","Status":"deinstall ok config-files","Section":null,"Size":null,"Maintainer":null,"Description":null,"OSPath":"ROOT/var/lib/dpkg/status"}
        /Rpm {"Package":"curl","Version":"8.0-1","Architecture":"x86_64","InstallTime":"2023-11-14T22:13:21Z","Size":10,"Vendor":"(none)","Summary":"A tool"}
        /Rpm {"Package":"zlib","Version":"1.2-3","Architecture":"x86_64","InstallTime":"2023-11-14T22:13:20Z","Size":2048,"Vendor":"Vendor Inc","Summary":"A library"}"#]]);
    let chosen = [globs[0], globs[1], ("NameRegex", "^(nmap|curl)$")];
    world.check("Linux.Sys.Packages", &chosen, expect![[r#"
        /Dpkg {"Package":"nmap","Version":"7.9","Architecture":"amd64","Status":"deinstall ok config-files","Section":null,"Size":null,"Maintainer":null,"Description":null,"OSPath":"ROOT/var/lib/dpkg/status"}
        /Rpm {"Package":"curl","Version":"8.0-1","Architecture":"x86_64","InstallTime":"2023-11-14T22:13:21Z","Size":10,"Vendor":"(none)","Summary":"A tool"}"#]]);
}
