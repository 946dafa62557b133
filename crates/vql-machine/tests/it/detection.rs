//! Artifacts that look for what should not be there.

use expect_test::expect;

use crate::world::World;

#[test]
fn processes_that_answer_but_are_not_listed_are_hidden() {
    // The machine lists 1, 40 and 50. 60 is a thread of 50, 66 answers for itself.
    let status = |name: &str, group: u32, pid: u32| {
        format!("Name:\t{name}\nTgid:\t{group}\nPid:\t{pid}\nPPid:\t1\nUid:\t0\t0\t0\t0\n")
    };
    let world = World::new()
        .file("proc/1/status", &status("init", 1, 1))
        .file("proc/60/status", &status("bash", 50, 60))
        .file("proc/66/status", &status("rootkit", 66, 66));
    let folder = ("ProcFolder", "ROOT/proc");
    world.check(
        "Linux.Detection.HiddenProcesses",
        &[folder, ("PidMax", "100")],
        expect![[r#"{"Pid":66,"Name":"rootkit","Ppid":"1","Uid":"0\t0\t0\t0"}"#]],
    );
    world.check("Linux.Detection.HiddenProcesses", &[folder, ("PidMax", "65")], expect![[""]]);
}

#[test]
fn programs_that_were_deleted_still_run() {
    let world = World::new()
        .file("proc/42/comm", "miner\n")
        .file("proc/42/cmdline", "/tmp/.x/miner\0-o\0pool\0")
        .link("proc/42/exe", "/tmp/.x/miner (deleted)")
        .file("proc/43/comm", "kworker\n")
        .link("proc/43/exe", "/memfd:payload (deleted)")
        .link("proc/44/exe", "/usr/bin/bash");
    let glob = ("ProcessGlob", "ROOT/proc/[0-9]*/exe");
    world.check("Linux.Detection.DeletedExecutables", &[glob], expect![[r#"
        {"Pid":42,"Name":"miner","CommandLine":"/tmp/.x/miner -o pool","Path":"/tmp/.x/miner","OnlyInMemory":false,"Upload":null}
        {"Pid":43,"Name":"kworker","CommandLine":"","Path":"/memfd:payload","OnlyInMemory":true,"Upload":null}"#]]);
}

#[test]
fn pages_that_run_what_a_visitor_sends_are_found() {
    let world = World::new()
        .file("www/shell.php", "<?php @eval($_POST['c']); ?>")
        .file("www/hidden.php", "<?php eval(gzinflate(base64_decode('abc'))); ?>")
        .file("www/good.php", "<?php echo htmlspecialchars($_GET['name']); ?>")
        .file("www/a.jsp", "<% Runtime.getRuntime().exec(request.getParameter(\"c\")); %>")
        .file("www/b.aspx", "<% System.Diagnostics.Process.Start(Request[\"c\"]); %>")
        .file("www/c.asp", "<% eval request(\"c\") %>")
        .file("www/d.cgi", "#!/usr/bin/perl\nsystem($q->param('c'));\n");
    let globs = ("Globs", r#"["ROOT/www/*"]"#);
    world.check("Generic.Detection.WebShells", &[globs], expect![[r#"
        {"OSPath":"ROOT/www/a.jsp","Rule":"jsp_runs_what_a_visitor_sends","Name":"$jsp","Offset":0,"Data":"<%","Size":59,"Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","Ctime":"now","SHA256":"16528917ca9bd79f9ac0ba572a00dbaf919e0238e40cb45444b7a48233a373b9","Upload":null}
        {"OSPath":"ROOT/www/b.aspx","Rule":"asp_runs_what_a_visitor_sends","Name":"$net","Offset":22,"Data":"Process.Start(","Size":53,"Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","Ctime":"now","SHA256":"7f4d1977d780a2ebf01b0d9014fccd24d576ca0607cea054d0d0af9c4f1ec496","Upload":null}
        {"OSPath":"ROOT/www/c.asp","Rule":"asp_runs_what_a_visitor_sends","Name":"$run","Offset":3,"Data":"eval request","Size":23,"Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","Ctime":"now","SHA256":"e5242f96665e1ee4e2c535cfac77c1454c966801e81f0a336a675feadb8d8b21","Upload":null}
        {"OSPath":"ROOT/www/d.cgi","Rule":"perl_runs_what_a_visitor_sends","Name":"$run","Offset":16,"Data":"system($q->param(","Size":40,"Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","Ctime":"now","SHA256":"c93195499ac11a0cc776172b335c0f2c010fba33b133c5b56adfb093e1d59de2","Upload":null}
        {"OSPath":"ROOT/www/hidden.php","Rule":"php_runs_what_is_hidden","Name":"$run","Offset":6,"Data":"eval(gzinflate(","Size":47,"Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","Ctime":"now","SHA256":"4c1f7ec4fe3d2f56e7fcf20c4e47a0f4ccea60ea247ef7897a0afee5d82bbfce","Upload":null}
        {"OSPath":"ROOT/www/shell.php","Rule":"php_runs_what_a_visitor_sends","Name":"$run","Offset":7,"Data":"eval($_POST","Size":28,"Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","Ctime":"now","SHA256":"d1e5401deb183f14a492e3a81092a25d43ffc1845138c0b0447a9c20b5e2114b","Upload":null}"#]]);
}

#[test]
fn files_are_searched_with_yara_rules() {
    let world = World::new()
        .file("tmp/config.json", "{\"url\": \"stratum+tcp://pool.example.org:3333\"}")
        .file("tmp/note.txt", "buy milk");
    let globs = ("Globs", r#"["ROOT/tmp/**"]"#);
    world.check("Generic.Detection.YaraFiles", &[globs], expect![[r#"{"OSPath":"ROOT/tmp/config.json","Rule":"miner_or_tunnel","Tags":[],"Meta":{},"Name":"$a","Offset":9,"Hex":["00000000  73 74 72 61 74 75 6d 2b  74 63 70 3a 2f 2f        |stratum+tcp://|"],"Size":46,"Mtime":"2026-01-02T03:04:05Z","Upload":null}"#]]);
    let rule = (
        "Rules",
        "rule milk : food { meta: what = \"shopping\" strings: $a = \"milk\" condition: $a }",
    );
    world.check("Generic.Detection.YaraFiles", &[globs, rule], expect![[r#"{"OSPath":"ROOT/tmp/note.txt","Rule":"milk","Tags":["food"],"Meta":{"what":"shopping"},"Name":"$a","Offset":4,"Hex":["00000000  6d 69 6c 6b                                       |milk|"],"Size":8,"Mtime":"2026-01-02T03:04:05Z","Upload":null}"#]]);
}

#[test]
fn files_on_a_list_are_found_by_any_hash() {
    let world = World::new()
        .file("tmp/a.txt", "abc")
        .file("tmp/deep/b.txt", "abc")
        .file("tmp/c.txt", "something else");
    let globs = ("Globs", r#"["ROOT/tmp/**"]"#);
    let md5 = ("Hashes", "Hash,Note\n900150983CD24FB0D6963F7D28E17F72,three letters\n");
    world.check("Generic.Detection.HashList", &[globs, md5], expect![[r#"
        {"OSPath":"ROOT/tmp/a.txt","Size":3,"Mtime":"2026-01-02T03:04:05Z","Hash":{"MD5":"900150983cd24fb0d6963f7d28e17f72","SHA1":"a9993e364706816aba3e25717850c26c9cd0d89d","SHA256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},"Note":"three letters"}
        {"OSPath":"ROOT/tmp/deep/b.txt","Size":3,"Mtime":"2026-01-02T03:04:05Z","Hash":{"MD5":"900150983cd24fb0d6963f7d28e17f72","SHA1":"a9993e364706816aba3e25717850c26c9cd0d89d","SHA256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},"Note":"three letters"}"#]]);
    let sized = (
        "Hashes",
        "Hash,Size,Note\nba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad,4,wrong size\n",
    );
    world.check("Generic.Detection.HashList", &[globs, sized], expect![[""]]);
}

#[test]
fn what_everybody_may_write_and_root_runs() {
    let world = World::new()
        .file("usr/bin/good", "x")
        .file("usr/bin/bad", "x")
        .mode("usr/bin/bad", "777")
        .file("opt/job", "x")
        .mode("opt/job", "666");
    let root = world.root();
    let world =
        world.file("etc/cron.d/job", &format!("* * * * * root {root}/opt/job --quiet\n")).file(
            "etc/systemd/system/a.service",
            &format!("[Service]\nExecStart=-{root}/usr/bin/good\n"),
        );
    world.check(
        "Linux.Detection.WritablePath",
        &[
            ("FolderGlobs", r#"["ROOT/usr/bin"]"#),
            ("UnitGlob", "ROOT/etc/systemd/system/*.service"),
            ("CronGlob", "ROOT/etc/cron.d/*"),
        ],
        expect![[r#"
            {"OSPath":"ROOT/opt/job","Mode":"-rw-rw-rw-","IsDir":false,"Why":"cron ROOT/etc/cron.d/job","Mtime":"2026-01-02T03:04:05Z"}
            {"OSPath":"ROOT/usr/bin/bad","Mode":"-rwxrwxrwx","IsDir":false,"Why":"search path","Mtime":"2026-01-02T03:04:05Z"}"#]],
    );
}

#[test]
fn programs_in_temporary_folders_are_known_by_their_first_bytes() {
    let world = World::new()
        .file("tmp/.hidden/tool", "\u{7f}ELF....")
        .file("tmp/run.txt", "#!/usr/bin/env python3\nimport os\n")
        .mode("tmp/run.txt", "755")
        .file("tmp/letter.txt", "dear reader");
    let globs = ("Globs", r#"["ROOT/tmp/**"]"#);
    world.check("Linux.Detection.TemporaryPrograms", &[globs], expect![[r#"
        {"OSPath":"ROOT/tmp/.hidden/tool","Kind":"ELF","Interpreter":null,"MayRun":false,"Hidden":true,"Size":8,"Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","Ctime":"now","SHA256":"97f1616d339300941ddc89fcc25298db02a01e0a491ffd648d6061651d938618","Upload":null}
        {"OSPath":"ROOT/tmp/run.txt","Kind":"script","Interpreter":"/usr/bin/env python3","MayRun":true,"Hidden":false,"Size":33,"Mode":"-rwxr-xr-x","Mtime":"2026-01-02T03:04:05Z","Ctime":"now","SHA256":"09b3adcf077218482d5711ef5cf48b75bdb1dd0f7f913a30f06a88c443c8c0be","Upload":null}"#]]);
    world.check("Linux.Detection.TemporaryPrograms", &[globs, ("WithScripts", "N")], expect![[r#"{"OSPath":"ROOT/tmp/.hidden/tool","Kind":"ELF","Interpreter":null,"MayRun":false,"Hidden":true,"Size":8,"Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","Ctime":"now","SHA256":"97f1616d339300941ddc89fcc25298db02a01e0a491ffd648d6061651d938618","Upload":null}"#]]);
}

#[test]
fn private_keys_say_whether_a_passphrase_protects_them() {
    // The openings of keys as ssh-keygen writes them, cut short.
    let plain = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW";
    let locked = "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABBX";
    let key = |kind: &str, body: &str| {
        format!("-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----\n")
    };
    let world = World::new()
        .file("home/ann/.ssh/id_ed25519", &key("OPENSSH ", plain))
        .file("home/ann/.ssh/id_rsa", &key("OPENSSH ", locked))
        .file("home/ann/.ssh/old", &key("RSA ", "MIIEpAIBAAKCAQEA"))
        .file("home/ann/.ssh/id_ed25519.pub", "ssh-ed25519 AAAA ann\n");
    let globs = ("KeyGlobs", r#"["ROOT/home/*/.ssh/*"]"#);
    world.check("Linux.Ssh.PrivateKeys", &[globs], expect![[r#"
        {"OSPath":"ROOT/home/ann/.ssh/id_ed25519","Kind":"OPENSSH","Protected":false,"Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","SHA256":"2cd47635592371b6a03b379d5185a8894f5c7c928772482bb6a63178ceeef3ca"}
        {"OSPath":"ROOT/home/ann/.ssh/id_rsa","Kind":"OPENSSH","Protected":true,"Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","SHA256":"98cae597698e38cdaba00ce70ce31f7072802e49bcaf6c8607660e211d1a7d09"}
        {"OSPath":"ROOT/home/ann/.ssh/old","Kind":"RSA","Protected":false,"Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","SHA256":"4e147c31cc4053731be5a877aed31e2536f24998777b171fcc089fd30dc869c0"}"#]]);
    world.check("Linux.Ssh.PrivateKeys", &[globs, ("OnlyUnprotected", "Y")], expect![[r#"
        {"OSPath":"ROOT/home/ann/.ssh/id_ed25519","Kind":"OPENSSH","Protected":false,"Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","SHA256":"2cd47635592371b6a03b379d5185a8894f5c7c928772482bb6a63178ceeef3ca"}
        {"OSPath":"ROOT/home/ann/.ssh/old","Kind":"RSA","Protected":false,"Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","SHA256":"4e147c31cc4053731be5a877aed31e2536f24998777b171fcc089fd30dc869c0"}"#]]);
}
