//! Artifacts about accounts.

use expect_test::expect;

use crate::world::World;

#[test]
fn users_are_read_from_the_passwd_file() {
    let world = World::new().file(
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/bash\n# a comment\n+nis\nann:x:1000:1000:Ann,,,:/home/ann:/bin/zsh\nshort:x:7\n\n",
    );
    let glob = ("PasswdGlob", "ROOT/etc/passwd");
    world.check("Linux.Sys.Users", &[glob], expect![[r#"
        {"User":"ann","Uid":1000,"Gid":1000,"Description":"Ann,,,","Home":"/home/ann","Shell":"/bin/zsh","Source":"ROOT/etc/passwd"}
        {"User":"root","Uid":0,"Gid":0,"Description":"root","Home":"/root","Shell":"/bin/bash","Source":"ROOT/etc/passwd"}
        {"User":"short","Uid":7,"Gid":null,"Description":null,"Home":null,"Shell":null,"Source":"ROOT/etc/passwd"}"#]]);
    world.check("Linux.Sys.Users", &[glob, ("UserRegex", "^an")], expect![[r#"{"User":"ann","Uid":1000,"Gid":1000,"Description":"Ann,,,","Home":"/home/ann","Shell":"/bin/zsh","Source":"ROOT/etc/passwd"}"#]]);
    world.check("Linux.Sys.Users", &[("PasswdGlob", "ROOT/nowhere")], expect![[r#""#]]);
}

#[test]
fn groups_list_their_members() {
    let world =
        World::new().file("etc/group", "root:x:0:\nsudo:x:27:ann,bob\n# none\ndocker:x:999:ann\n");
    let glob = ("GroupGlob", "ROOT/etc/group");
    world.check(
        "Linux.Sys.Groups",
        &[glob],
        expect![[r#"
            {"Name":"docker","Gid":999,"Members":["ann"],"Source":"ROOT/etc/group"}
            {"Name":"root","Gid":0,"Members":[],"Source":"ROOT/etc/group"}
            {"Name":"sudo","Gid":27,"Members":["ann","bob"],"Source":"ROOT/etc/group"}"#]],
    );
    world.check(
        "Linux.Sys.Groups",
        &[glob, ("GroupRegex", "docker")],
        expect![[r#"{"Name":"docker","Gid":999,"Members":["ann"],"Source":"ROOT/etc/group"}"#]],
    );
}

#[test]
fn password_states_do_not_show_hashes() {
    let world = World::new().file(
        "etc/shadow",
        "root:$y$j9T$salt$secrethash:20000:0:99999:7:::\nann:$6$salt$secrethash:19000:0:99999:7::21000:\nbob:!$6$salt$secrethash:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\nguest::19000:0:99999:7:::\nold:$1$x$y::::::\n",
    );
    world.check("Linux.Sys.PasswordStates", &[("ShadowGlob", "ROOT/etc/shadow")], expect![[r#"
        {"User":"ann","Password":"set","Method":"SHA-512","LastChange":"2022-01-08T00:00:00Z","Expires":"2027-07-01T00:00:00Z","Source":"ROOT/etc/shadow"}
        {"User":"bob","Password":"locked","Method":"SHA-512","LastChange":"2022-01-08T00:00:00Z","Expires":null,"Source":"ROOT/etc/shadow"}
        {"User":"daemon","Password":"locked","Method":null,"LastChange":"2022-01-08T00:00:00Z","Expires":null,"Source":"ROOT/etc/shadow"}
        {"User":"guest","Password":"empty","Method":null,"LastChange":"2022-01-08T00:00:00Z","Expires":null,"Source":"ROOT/etc/shadow"}
        {"User":"old","Password":"set","Method":"MD5","LastChange":null,"Expires":null,"Source":"ROOT/etc/shadow"}
        {"User":"root","Password":"set","Method":"yescrypt","LastChange":"2024-10-04T00:00:00Z","Expires":null,"Source":"ROOT/etc/shadow"}"#]]);
}

#[test]
fn sudo_rules_are_those_that_are_no_comments() {
    let world = World::new()
        .file("etc/sudoers", "# a comment\nDefaults env_reset\n%sudo ALL=(ALL:ALL) ALL\n#includedir /etc/sudoers.d\n\n")
        .file("etc/sudoers.d/ann", "  ann ALL=(ALL) NOPASSWD: ALL\n");
    let glob = ("SudoersGlob", "ROOT/etc/{sudoers,sudoers.d/*}");
    world.check("Linux.Sys.Sudoers", &[glob], expect![[r##"
        {"Rule":"#includedir /etc/sudoers.d","WithoutPassword":false,"OSPath":"ROOT/etc/sudoers","Mtime":"2026-01-02T03:04:05Z"}
        {"Rule":"%sudo ALL=(ALL:ALL) ALL","WithoutPassword":false,"OSPath":"ROOT/etc/sudoers","Mtime":"2026-01-02T03:04:05Z"}
        {"Rule":"Defaults env_reset","WithoutPassword":false,"OSPath":"ROOT/etc/sudoers","Mtime":"2026-01-02T03:04:05Z"}
        {"Rule":"ann ALL=(ALL) NOPASSWD: ALL","WithoutPassword":true,"OSPath":"ROOT/etc/sudoers.d/ann","Mtime":"2026-01-02T03:04:05Z"}"##]]);
    world.check("Linux.Sys.Sudoers", &[glob, ("RuleRegex", "NOPASSWD")], expect![[r#"{"Rule":"ann ALL=(ALL) NOPASSWD: ALL","WithoutPassword":true,"OSPath":"ROOT/etc/sudoers.d/ann","Mtime":"2026-01-02T03:04:05Z"}"#]]);
}

#[test]
fn shell_history_has_times_where_the_shell_writes_them() {
    let world = World::new()
        .file(
            "home/ann/.bash_history",
            "ls\n#1700000000\ncurl http://example.org | sh\n\ncd /tmp\n",
        )
        .file("home/bob/.zsh_history", ": 1700000100:0;make install\n")
        .file("root/.python_history", "import os\n");
    let glob = ("HistoryGlob", "ROOT/{root,home/*}/.*_history");
    world.check("Linux.Forensics.ShellHistory", &[glob], expect![[r#"
        {"Account":"ann","Command":"cd /tmp","Time":null,"OSPath":"ROOT/home/ann/.bash_history","Mtime":"2026-01-02T03:04:05Z"}
        {"Account":"ann","Command":"curl http://example.org | sh","Time":"2023-11-14T22:13:20Z","OSPath":"ROOT/home/ann/.bash_history","Mtime":"2026-01-02T03:04:05Z"}
        {"Account":"ann","Command":"ls","Time":null,"OSPath":"ROOT/home/ann/.bash_history","Mtime":"2026-01-02T03:04:05Z"}
        {"Account":"bob","Command":"make install","Time":"2023-11-14T22:15:00Z","OSPath":"ROOT/home/bob/.zsh_history","Mtime":"2026-01-02T03:04:05Z"}
        {"Account":"root","Command":"import os","Time":null,"OSPath":"ROOT/root/.python_history","Mtime":"2026-01-02T03:04:05Z"}"#]]);
    world.check(
        "Linux.Forensics.ShellHistory",
        &[glob, ("CommandRegex", "curl")],
        expect![[r#"{"Account":"ann","Command":"curl http://example.org | sh","Time":"2023-11-14T22:13:20Z","OSPath":"ROOT/home/ann/.bash_history","Mtime":"2026-01-02T03:04:05Z"}"#]],
    );
}
