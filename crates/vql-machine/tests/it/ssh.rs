//! Artifacts about SSH.

use expect_test::expect;

use crate::world::World;

#[test]
fn authorized_keys_have_types_options_and_accounts() {
    let world = World::new()
        .file("root/.ssh/authorized_keys", "# mine\nssh-ed25519 AAAAC3Nza ann@laptop\n\n")
        .file(
            "home/bob/.ssh/authorized_keys2",
            "from=\"10.0.0.*\",command=\"/bin/true x\" ssh-rsa AAAAB3Nza bob on call\necdsa-sha2-nistp256 AAAAE2Vj\nrubbish\n",
        );
    let glob = ("KeyGlob", "ROOT/{root,home/*}/.ssh/authorized_keys*");
    world.check("Linux.Ssh.AuthorizedKeys", &[glob], expect![[r#"
        {"Account":"bob","Type":"ecdsa-sha2-nistp256","Comment":"","Options":"","PublicKey":"AAAAE2Vj","OSPath":"ROOT/home/bob/.ssh/authorized_keys2","Mtime":"2026-01-02T03:04:05Z"}
        {"Account":"bob","Type":"ssh-rsa","Comment":"bob on call","Options":"from=\"10.0.0.*\",command=\"/bin/true x\"","PublicKey":"AAAAB3Nza","OSPath":"ROOT/home/bob/.ssh/authorized_keys2","Mtime":"2026-01-02T03:04:05Z"}
        {"Account":"root","Type":"ssh-ed25519","Comment":"ann@laptop","Options":"","PublicKey":"AAAAC3Nza","OSPath":"ROOT/root/.ssh/authorized_keys","Mtime":"2026-01-02T03:04:05Z"}"#]]);
}

#[test]
fn known_hosts_say_when_they_are_hashed() {
    let world = World::new().file(
        "home/ann/.ssh/known_hosts",
        "web1,10.0.0.1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA\n|1|abc=|def= ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB\n@revoked * ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB old\n# comment\n",
    );
    let glob = ("KnownHostsGlob", "ROOT/home/*/.ssh/known_hosts");
    world.check("Linux.Ssh.KnownHosts", &[glob], expect![[r#"
        {"Account":"ann","Hosts":["*"],"Hashed":false,"Type":"ssh-rsa","Marker":"@revoked","PublicKey":"AAAAB3NzaC1yc2EAAAADAQAB","OSPath":"ROOT/home/ann/.ssh/known_hosts","Mtime":"2026-01-02T03:04:05Z"}
        {"Account":"ann","Hosts":["web1","10.0.0.1"],"Hashed":false,"Type":"ssh-ed25519","Marker":"","PublicKey":"AAAAC3NzaC1lZDI1NTE5AAAA","OSPath":"ROOT/home/ann/.ssh/known_hosts","Mtime":"2026-01-02T03:04:05Z"}
        {"Account":"ann","Hosts":["|1|abc=|def="],"Hashed":true,"Type":"ssh-rsa","Marker":"","PublicKey":"AAAAB3NzaC1yc2EAAAADAQAB","OSPath":"ROOT/home/ann/.ssh/known_hosts","Mtime":"2026-01-02T03:04:05Z"}"#]]);
    world.check("Linux.Ssh.KnownHosts", &[glob, ("HostRegex", "web1")], expect![[r#"{"Account":"ann","Hosts":["web1","10.0.0.1"],"Hashed":false,"Type":"ssh-ed25519","Marker":"","PublicKey":"AAAAC3NzaC1lZDI1NTE5AAAA","OSPath":"ROOT/home/ann/.ssh/known_hosts","Mtime":"2026-01-02T03:04:05Z"}"#]]);
}

#[test]
fn server_settings_include_the_folder_of_fragments() {
    let world = World::new()
        .file("etc/ssh/sshd_config", "#Port 22\nPermitRootLogin no\n  AllowUsers ann bob\n")
        .file("etc/ssh/sshd_config.d/cloud.conf", "PasswordAuthentication=yes\n");
    let glob = ("ConfigGlob", "ROOT/etc/ssh/{sshd_config,sshd_config.d/*.conf}");
    world.check("Linux.Ssh.ServerConfig", &[glob], expect![[r#"
        {"Key":"AllowUsers","Value":"ann bob","OSPath":"ROOT/etc/ssh/sshd_config","Mtime":"2026-01-02T03:04:05Z"}
        {"Key":"PasswordAuthentication","Value":"yes","OSPath":"ROOT/etc/ssh/sshd_config.d/cloud.conf","Mtime":"2026-01-02T03:04:05Z"}
        {"Key":"PermitRootLogin","Value":"no","OSPath":"ROOT/etc/ssh/sshd_config","Mtime":"2026-01-02T03:04:05Z"}"#]]);
    world.check("Linux.Ssh.ServerConfig", &[glob, ("KeyRegex", "password")], expect![[r#"{"Key":"PasswordAuthentication","Value":"yes","OSPath":"ROOT/etc/ssh/sshd_config.d/cloud.conf","Mtime":"2026-01-02T03:04:05Z"}"#]]);
}

#[test]
fn logins_are_read_from_both_forms_of_logs() {
    let world = World::new()
        .file(
            "var/log/auth.log",
            "Jan  2 03:04:05 web1 sshd[100]: Accepted publickey for ann from 10.0.0.7 port 50000 ssh2: ED25519 SHA256:x\nJan  2 03:04:06 web1 sshd[101]: Failed password for invalid user admin from 203.0.113.9 port 50001 ssh2\nJan  2 03:04:06 web1 CRON[5]: session opened\n",
        )
        .file(
            "var/log/secure",
            "2026-01-02T03:04:07.5+00:00 web1 sshd-session[102]: Invalid user test from 203.0.113.9 port 50002\n",
        );
    let glob = ("LogGlob", "ROOT/var/log/{auth.log,secure}");
    world.check("Linux.Ssh.Logins", &[glob], expect![[r#"
        {"Time":"2026-01-02T03:04:07.5+00:00","Event":"Invalid","Method":null,"User":"test","Address":"203.0.113.9","Port":50002,"Host":"web1","Pid":102,"OSPath":"ROOT/var/log/secure"}
        {"Time":"Jan  2 03:04:05","Event":"Accepted","Method":"publickey","User":"ann","Address":"10.0.0.7","Port":50000,"Host":"web1","Pid":100,"OSPath":"ROOT/var/log/auth.log"}
        {"Time":"Jan  2 03:04:06","Event":"Failed","Method":"password","User":"admin","Address":"203.0.113.9","Port":50001,"Host":"web1","Pid":101,"OSPath":"ROOT/var/log/auth.log"}"#]]);
    world.check("Linux.Ssh.Logins", &[glob, ("EventRegex", "Accepted")], expect![[r#"{"Time":"Jan  2 03:04:05","Event":"Accepted","Method":"publickey","User":"ann","Address":"10.0.0.7","Port":50000,"Host":"web1","Pid":100,"OSPath":"ROOT/var/log/auth.log"}"#]]);
}
