//! Artifacts about logs and what programs remember.

use expect_test::expect;

use crate::world::World;

/// One record of 384 bytes as login programs write it.
fn login_record(kind: i16, pid: i32, user: &str, host: &str, seconds: i32) -> Vec<u8> {
    let mut record = vec![0; 384];
    let mut put = |at: usize, bytes: &[u8]| record[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &kind.to_le_bytes());
    put(4, &pid.to_le_bytes());
    put(8, b"pts/0");
    put(40, b"ts/0");
    put(44, user.as_bytes());
    put(76, host.as_bytes());
    put(340, &seconds.to_le_bytes());
    put(348, &[203, 0, 113, 9]);
    record
}

#[test]
fn login_records_say_who_came_when_and_who_failed() {
    let good = [
        login_record(2, 0, "reboot", "6.1.0", 1_767_323_000),
        login_record(7, 100, "ann", "laptop.example.org", 1_767_323_045),
        login_record(8, 100, "", "", 1_767_326_645),
    ];
    let world = World::new()
        .bytes("var/log/wtmp", &good.concat())
        .bytes("var/log/btmp", &login_record(6, 200, "admin", "203.0.113.9", 1_767_323_100));
    let glob = ("RecordGlob", "ROOT/var/log/{wtmp,btmp}");
    world.check("Linux.Sys.LastLogins", &[glob], expect![[r#"
        {"Time":"2026-01-02T03:03:20Z","Type":"BOOT_TIME","Failed":false,"User":"reboot","Host":"6.1.0","Address":"203.0.113.9","Terminal":"pts/0","Pid":0,"OSPath":"ROOT/var/log/wtmp"}
        {"Time":"2026-01-02T03:04:05Z","Type":"USER_PROCESS","Failed":false,"User":"ann","Host":"laptop.example.org","Address":"203.0.113.9","Terminal":"pts/0","Pid":100,"OSPath":"ROOT/var/log/wtmp"}
        {"Time":"2026-01-02T03:05:00Z","Type":"LOGIN_PROCESS","Failed":true,"User":"admin","Host":"203.0.113.9","Address":"203.0.113.9","Terminal":"pts/0","Pid":200,"OSPath":"ROOT/var/log/btmp"}
        {"Time":"2026-01-02T04:04:05Z","Type":"DEAD_PROCESS","Failed":false,"User":"","Host":"","Address":"203.0.113.9","Terminal":"pts/0","Pid":100,"OSPath":"ROOT/var/log/wtmp"}"#]]);
    world.check(
        "Linux.Sys.LastLogins",
        &[glob, ("UserRegex", "ann"), ("After", "2026-01-02T03:04:00Z")],
        expect![[r#"{"Time":"2026-01-02T03:04:05Z","Type":"USER_PROCESS","Failed":false,"User":"ann","Host":"laptop.example.org","Address":"203.0.113.9","Terminal":"pts/0","Pid":100,"OSPath":"ROOT/var/log/wtmp"}"#]],
    );
}

#[test]
fn sudo_tells_who_ran_what_as_whom() {
    let world = World::new().file(
        "var/log/auth.log",
        "Jan  2 03:04:05 web1 sudo:      ann : TTY=pts/0 ; PWD=/home/ann ; USER=root ; COMMAND=/usr/bin/apt install nmap\n\
         Jan  2 03:05:00 web1 sudo[77]:  bob : user NOT in sudoers ; TTY=pts/1 ; PWD=/tmp ; USER=root ; COMMAND=/bin/bash\n\
         Jan  2 03:05:00 web1 sudo: pam_unix(sudo:session): session opened for user root\n",
    );
    let glob = ("LogGlob", "ROOT/var/log/auth.log");
    world.check("Linux.Sys.SudoUsage", &[glob], expect![[r#"
        {"Time":"Jan  2 03:04:05","User":"ann","RunAs":"root","Command":"/usr/bin/apt install nmap","Refused":"","Folder":"/home/ann","Terminal":"pts/0","Host":"web1","OSPath":"ROOT/var/log/auth.log"}
        {"Time":"Jan  2 03:05:00","User":"bob","RunAs":"root","Command":"/bin/bash","Refused":"user NOT in sudoers","Folder":"/tmp","Terminal":"pts/1","Host":"web1","OSPath":"ROOT/var/log/auth.log"}"#]]);
    world.check("Linux.Sys.SudoUsage", &[glob, ("CommandRegex", "bash")], expect![[r#"{"Time":"Jan  2 03:05:00","User":"bob","RunAs":"root","Command":"/bin/bash","Refused":"user NOT in sudoers","Folder":"/tmp","Terminal":"pts/1","Host":"web1","OSPath":"ROOT/var/log/auth.log"}"#]]);
}

#[test]
fn package_managers_remember_what_they_did() {
    let world = World::new()
        .file(
            "var/log/dpkg.log",
            "2026-01-02 03:04:05 startup archives unpack\n2026-01-02 03:04:05 install nmap:amd64 <none> 7.93\n2026-01-02 03:04:06 status installed nmap:amd64 7.93\n2026-01-03 01:00:00 upgrade bash:amd64 5.1 5.2\n",
        )
        .file(
            "var/log/apt/history.log",
            "\nStart-Date: 2026-01-02  03:04:00\nCommandline: apt install nmap\nRequested-By: ann (1000)\nInstall: nmap:amd64 (7.93), liblua:amd64 (5.3, automatic)\nEnd-Date: 2026-01-02  03:04:10\n\nStart-Date: 2026-01-03  01:00:00\nUpgrade: bash:amd64 (5.1, 5.2)\nEnd-Date: 2026-01-03  01:00:02\n",
        )
        .file("var/log/yum.log", "Jan 02 03:04:05 Installed: socat-1.7.4-1.x86_64\n")
        .file("var/log/dnf.rpm.log", "2026-01-02T03:04:05+0000 SUBDEBUG Upgrade: curl-8.0-1.x86_64\n2026-01-02T03:04:05+0000 INFO --- logging initialized ---\n");
    let globs = [
        ("DpkgGlob", "ROOT/var/log/dpkg.log"),
        ("AptGlob", "ROOT/var/log/apt/history.log"),
        ("YumGlob", "ROOT/var/log/{yum.log,dnf.rpm.log}"),
    ];
    world.check("Linux.Sys.PackageHistory", &globs, expect![[r#"
        /Apt {"Time":"2026-01-02T03:04:00Z","Command":"apt install nmap","Requester":"ann (1000)","Changes":["Install: nmap:amd64 (7.93), liblua:amd64 (5.3, automatic)"],"OSPath":"ROOT/var/log/apt/history.log"}
        /Apt {"Time":"2026-01-03T01:00:00Z","Command":"","Requester":"","Changes":["Upgrade: bash:amd64 (5.1, 5.2)"],"OSPath":"ROOT/var/log/apt/history.log"}
        /Dpkg {"Time":"2026-01-02T03:04:05Z","Action":"install","Package":"nmap","Before":"<none>","After":"7.93","OSPath":"ROOT/var/log/dpkg.log"}
        /Dpkg {"Time":"2026-01-03T01:00:00Z","Action":"upgrade","Package":"bash","Before":"5.1","After":"5.2","OSPath":"ROOT/var/log/dpkg.log"}
        /Yum {"Time":"2026-01-02T03:04:05+0000","Action":"Upgrade","Package":"curl-8.0-1.x86_64","OSPath":"ROOT/var/log/dnf.rpm.log"}
        /Yum {"Time":"Jan 02 03:04:05","Action":"Installed","Package":"socat-1.7.4-1.x86_64","OSPath":"ROOT/var/log/yum.log"}"#]]);
    let chosen = [globs[0], globs[1], globs[2], ("PackageRegex", "nmap")];
    world.check("Linux.Sys.PackageHistory", &chosen, expect![[r#"
        /Apt {"Time":"2026-01-02T03:04:00Z","Command":"apt install nmap","Requester":"ann (1000)","Changes":["Install: nmap:amd64 (7.93), liblua:amd64 (5.3, automatic)"],"OSPath":"ROOT/var/log/apt/history.log"}
        /Dpkg {"Time":"2026-01-02T03:04:05Z","Action":"install","Package":"nmap","Before":"<none>","After":"7.93","OSPath":"ROOT/var/log/dpkg.log"}"#]]);
}

#[test]
fn logs_are_searched_within_a_window_compressed_ones_too() {
    let world = World::new()
        .file(
            "var/log/syslog",
            "2026-01-01T10:00:00+00:00 web1 app: error one\n2026-01-02T10:00:00+00:00 web1 app: error two\n2026-01-02T11:00:00+00:00 web1 app: all well\nerror without a time\n",
        )
        .gzip("var/log/syslog.2.gz", "2025-12-31T10:00:00+00:00 web1 app: denied\n");
    let globs = ("LogGlobs", r#"["ROOT/var/log/syslog*"]"#);
    world.check("Generic.Log.Search", &[globs], expect![[r#"
        {"Time":"2025-12-31T10:00:00Z","Line":"2025-12-31T10:00:00+00:00 web1 app: denied","OSPath":"ROOT/var/log/syslog.2.gz"}
        {"Time":"2026-01-01T10:00:00Z","Line":"2026-01-01T10:00:00+00:00 web1 app: error one","OSPath":"ROOT/var/log/syslog"}
        {"Time":"2026-01-02T10:00:00Z","Line":"2026-01-02T10:00:00+00:00 web1 app: error two","OSPath":"ROOT/var/log/syslog"}
        {"Time":null,"Line":"error without a time","OSPath":"ROOT/var/log/syslog"}"#]]);
    world.check(
        "Generic.Log.Search",
        &[globs, ("After", "2026-01-01T00:00:00Z"), ("Before", "2026-01-02T00:00:00Z")],
        expect![[r#"{"Time":"2026-01-01T10:00:00Z","Line":"2026-01-01T10:00:00+00:00 web1 app: error one","OSPath":"ROOT/var/log/syslog"}"#]],
    );
    world.check("Generic.Log.Search", &[globs, ("LinesMax", "1")], expect![[r#"{"Time":"2026-01-01T10:00:00Z","Line":"2026-01-01T10:00:00+00:00 web1 app: error one","OSPath":"ROOT/var/log/syslog"}"#]]);
}

#[test]
fn desktops_remember_what_was_opened() {
    let world = World::new().file(
        "home/ann/.local/share/recently-used.xbel",
        r#"<?xml version="1.0" encoding="UTF-8"?>
<xbel version="1.0">
  <bookmark href="file:///home/ann/a%20plan.pdf" added="2026-01-02T03:04:05Z" modified="2026-01-02T03:05:00Z" visited="2026-01-02T03:04:06Z">
    <info><metadata owner="http://freedesktop.org">
      <mime:mime-type type="application/pdf"/>
      <bookmark:applications>
        <bookmark:application name="Document Viewer" exec="&apos;evince %u&apos;" modified="2026-01-02T03:05:00Z" count="2"/>
      </bookmark:applications>
    </metadata></info>
  </bookmark>
  <bookmark href="file:///home/ann/x.zip" added="2026-01-03T00:00:00Z" modified="2026-01-03T00:00:00Z" visited="2026-01-03T00:00:00Z"><info/></bookmark>
</xbel>
"#,
    );
    let glob = ("RecentGlob", "ROOT/home/*/.local/share/recently-used.xbel");
    world.check("Linux.Forensics.RecentlyUsed", &[glob], expect![[r#"
        {"Account":"ann","Url":"file:///home/ann/a%20plan.pdf","Program":"Document Viewer","CommandLine":"'evince %u'","Type":"application/pdf","Count":2,"Added":"2026-01-02T03:04:05Z","Modified":"2026-01-02T03:05:00Z","Visited":"2026-01-02T03:04:06Z","OSPath":"ROOT/home/ann/.local/share/recently-used.xbel"}
        {"Account":"ann","Url":"file:///home/ann/x.zip","Program":null,"CommandLine":"","Type":null,"Count":null,"Added":"2026-01-03T00:00:00Z","Modified":"2026-01-03T00:00:00Z","Visited":"2026-01-03T00:00:00Z","OSPath":"ROOT/home/ann/.local/share/recently-used.xbel"}"#]]);
    world.check("Linux.Forensics.RecentlyUsed", &[glob, ("PathRegex", "zip$")], expect![[r#"{"Account":"ann","Url":"file:///home/ann/x.zip","Program":null,"CommandLine":"","Type":null,"Count":null,"Added":"2026-01-03T00:00:00Z","Modified":"2026-01-03T00:00:00Z","Visited":"2026-01-03T00:00:00Z","OSPath":"ROOT/home/ann/.local/share/recently-used.xbel"}"#]]);
}

#[test]
fn the_trash_knows_where_files_were() {
    let trash = "home/ann/.local/share/Trash";
    let world = World::new()
        .file(
            &format!("{trash}/info/plan.txt.trashinfo"),
            "[Trash Info]\nPath=/home/ann/my%20plan.txt\nDeletionDate=2026-01-02T03:04:05\n",
        )
        .file(&format!("{trash}/files/plan.txt"), "secret\n")
        .file(
            &format!("{trash}/info/gone.trashinfo"),
            "[Trash Info]\nPath=/home/ann/gone\nDeletionDate=2026-01-03T00:00:00\n",
        );
    let glob = ("TrashGlob", "ROOT/home/*/.local/share/Trash/info/*.trashinfo");
    world.check("Linux.Forensics.Trash", &[glob, ("WithUpload", "Y")], expect![[r#"
        {"Path":"/home/ann/gone","Deleted":"2026-01-03T00:00:00Z","Size":null,"KeptAs":"ROOT/home/ann/.local/share/Trash/files/gone","Upload":null,"OSPath":"ROOT/home/ann/.local/share/Trash/info/gone.trashinfo"}
        {"Path":"/home/ann/my plan.txt","Deleted":"2026-01-02T03:04:05Z","Size":7,"KeptAs":"ROOT/home/ann/.local/share/Trash/files/plan.txt","Upload":{"Path":"ROOT/home/ann/.local/share/Trash/files/plan.txt","Size":7,"StoredSize":7,"sha256":"","md5":"","StoredName":"ROOT/home/ann/.local/share/Trash/files/plan.txt","Components":[],"Accessor":"","UploadId":""},"OSPath":"ROOT/home/ann/.local/share/Trash/info/plan.txt.trashinfo"}"#]]);
}

#[test]
fn jobs_that_wait_say_when_they_are_due() {
    let world = World::new().file(
        "var/spool/cron/atjobs/a0000101c1a2b3",
        "#!/bin/sh\n# atrun uid=1000 gid=1000\n# mail ann 0\numask 22\nHOME=/home/ann; export HOME\ncd /home/ann || {\n\t echo 'Execution directory inaccessible' >&2\n\t exit 1\n}\n/tmp/.x/run --now\n",
    );
    let glob = ("JobGlob", "ROOT/var/spool/cron/atjobs/[a-z]*");
    world.check("Linux.Sys.AtJobs", &[glob], expect![[r#"{"Queue":"a","Number":1,"Due":"2026-01-10T09:55:00Z","Uid":"1000","Commands":["/tmp/.x/run --now"],"OSPath":"ROOT/var/spool/cron/atjobs/a0000101c1a2b3","Mtime":"2026-01-02T03:04:05Z"}"#]]);
}
