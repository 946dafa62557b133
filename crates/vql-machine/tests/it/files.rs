//! Artifacts that look for files.

use expect_test::expect;

use crate::world::World;

#[test]
fn the_file_finder_combines_its_conditions() {
    let world = World::new()
        .file_of("data/a.conf", "user=ann\npassword=1\nPassword=2\n", 1_700_000_000)
        .file_of("data/b.conf", "nothing\n", 1_700_000_000)
        .file_of("data/deep/c.conf", "password=3\n", 1_600_000_000)
        .file_of("data/d.txt", "password=4\n", 1_700_000_000);
    let check = |given: &[(&str, &str)], wanted| {
        let globs = ("Globs", r#"["ROOT/data/**"]"#);
        let given: Vec<_> = std::iter::once(globs).chain(given.iter().copied()).collect();
        world.check("Generic.FileFinder", &given, wanted);
    };
    check(
        &[("NameRegex", "b.conf|deep"), ("Folders", "Y"), ("SizeMax", "8")],
        expect![[
            r#"{"OSPath":"ROOT/data/b.conf","Size":8,"Mode":"-rw-r--r--","Mtime":"2023-11-14T22:13:20Z","Atime":"now","Ctime":"now","Btime":"now","Matches":null,"Hash":null,"Upload":null}"#
        ]],
    );
    check(
        &[("ContentRegex", "password"), ("NameRegex", "conf$"), ("ModifiedAfter", "2023-01-01")],
        expect![[
            r#"{"OSPath":"ROOT/data/a.conf","Size":31,"Mode":"-rw-r--r--","Mtime":"2023-11-14T22:13:20Z","Atime":"now","Ctime":"now","Btime":"now","Matches":["password=1","Password=2"],"Hash":null,"Upload":null}"#
        ]],
    );
    check(
        &[("ModifiedBefore", "2023-01-01"), ("WithHash", "Y"), ("WithUpload", "Y")],
        expect![[
            r#"{"OSPath":"ROOT/data/deep/c.conf","Size":11,"Mode":"-rw-r--r--","Mtime":"2020-09-13T12:26:40Z","Atime":"now","Ctime":"now","Btime":"now","Matches":null,"Hash":{"MD5":"fb5725d3e3021f1086985e9e55040365","SHA1":"e492eb9718e08d44dc7e9749486d26ddf505ecde","SHA256":"a2dedd6a392662be28abffdea9986bb053055a11ea189eced75e672d70462f57"},"Upload":{"Path":"ROOT/data/deep/c.conf","Size":11,"StoredSize":11,"sha256":"","md5":"","StoredName":"ROOT/data/deep/c.conf","Components":[],"Accessor":"","UploadId":""}}"#
        ]],
    );
    check(
        &[("SizeMin", "12")],
        expect![[
            r#"{"OSPath":"ROOT/data/a.conf","Size":31,"Mode":"-rw-r--r--","Mtime":"2023-11-14T22:13:20Z","Atime":"now","Ctime":"now","Btime":"now","Matches":null,"Hash":null,"Upload":null}"#
        ]],
    );
}

#[test]
fn setuid_files_are_told_from_others() {
    let world = World::new()
        .file("bin/su", "x")
        .mode("bin/su", "4755")
        .file("bin/wall", "x")
        .mode("bin/wall", "2755")
        .file("bin/ls", "x")
        .mode("bin/ls", "755")
        .file("tmp/both", "x")
        .mode("tmp/both", "6711");
    world.check(
        "Linux.Sys.SetuidFiles",
        &[("Globs", r#"["ROOT/{bin,tmp}/**"]"#)],
        expect![[r#"
            {"OSPath":"ROOT/bin/su","Mode":"urwxr-xr-x","Size":1,"Mtime":"2026-01-02T03:04:05Z","Ctime":"now","Setuid":true,"Setgid":false,"Hash":null}
            {"OSPath":"ROOT/bin/wall","Mode":"grwxr-xr-x","Size":1,"Mtime":"2026-01-02T03:04:05Z","Ctime":"now","Setuid":false,"Setgid":true,"Hash":null}
            {"OSPath":"ROOT/tmp/both","Mode":"ugrwx--x--x","Size":1,"Mtime":"2026-01-02T03:04:05Z","Ctime":"now","Setuid":true,"Setgid":true,"Hash":null}"#]],
    );
}

#[test]
fn recently_changed_files_come_newest_first() {
    // The clock of the collection stands at the first day of 2100.
    let world = World::new()
        .file_of("etc/old", "x", 4_000_000_000)
        .file_of("etc/new", "x", 4_102_400_000)
        .file_of("etc/newest", "x", 4_102_440_000);
    let globs = ("Globs", r#"["ROOT/etc/**"]"#);
    world.check_order("Linux.Forensics.RecentlyChangedFiles", &[globs], expect![[r#"
        {"OSPath":"ROOT/etc/newest","Size":1,"Mode":"-rw-r--r--","Mtime":"2099-12-31T22:40:00Z","Ctime":"now","Btime":"now","Hash":null}
        {"OSPath":"ROOT/etc/new","Size":1,"Mode":"-rw-r--r--","Mtime":"2099-12-31T11:33:20Z","Ctime":"now","Btime":"now","Hash":null}"#]]);
    world.check_order(
        "Linux.Forensics.RecentlyChangedFiles",
        &[globs, ("ChangedAfter", "2090-01-01"), ("WithHash", "Y")],
        expect![[r#"
            {"OSPath":"ROOT/etc/newest","Size":1,"Mode":"-rw-r--r--","Mtime":"2099-12-31T22:40:00Z","Ctime":"now","Btime":"now","Hash":{"MD5":"9dd4e461268c8034f5c8564e155c67a6","SHA1":"11f6ad8ec52a2984abaafd7c3b516503785c2072","SHA256":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}}
            {"OSPath":"ROOT/etc/new","Size":1,"Mode":"-rw-r--r--","Mtime":"2099-12-31T11:33:20Z","Ctime":"now","Btime":"now","Hash":{"MD5":"9dd4e461268c8034f5c8564e155c67a6","SHA1":"11f6ad8ec52a2984abaafd7c3b516503785c2072","SHA256":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}}
            {"OSPath":"ROOT/etc/old","Size":1,"Mode":"-rw-r--r--","Mtime":"2096-10-02T07:06:40Z","Ctime":"now","Btime":"now","Hash":{"MD5":"9dd4e461268c8034f5c8564e155c67a6","SHA1":"11f6ad8ec52a2984abaafd7c3b516503785c2072","SHA256":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}}"#]],
    );
}
