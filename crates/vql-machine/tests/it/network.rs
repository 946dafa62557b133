//! Artifacts about the network.

use expect_test::expect;

use crate::world::World;

#[test]
fn connections_have_their_processes() {
    let world = World::new();
    world.check("Linux.Network.Connections", &[], expect![[r#"
        {"Family":"IPv4","Type":"TCP","Status":"ESTABLISHED","LocalAddress":"10.0.0.1","LocalPort":80,"RemoteAddress":"10.9.9.9","RemotePort":50000,"Pid":40,"Name":"httpd","CommandLine":"/usr/sbin/httpd -f my site.conf","Exe":"/usr/sbin/httpd","Username":"www"}
        {"Family":"IPv4","Type":"TCP","Status":"TIME_WAIT","LocalAddress":"10.0.0.1","LocalPort":22,"RemoteAddress":"10.9.9.9","RemotePort":50001,"Pid":null,"Name":null,"CommandLine":null,"Exe":null,"Username":"www"}"#]]);
    world.check("Linux.Network.Connections", &[("ProcessRegex", "httpd")], expect![[r#"{"Family":"IPv4","Type":"TCP","Status":"ESTABLISHED","LocalAddress":"10.0.0.1","LocalPort":80,"RemoteAddress":"10.9.9.9","RemotePort":50000,"Pid":40,"Name":"httpd","CommandLine":"/usr/sbin/httpd -f my site.conf","Exe":"/usr/sbin/httpd","Username":"www"}"#]]);
    world.check("Linux.Network.Connections", &[("StatusRegex", "TIME_WAIT")], expect![[r#"{"Family":"IPv4","Type":"TCP","Status":"TIME_WAIT","LocalAddress":"10.0.0.1","LocalPort":22,"RemoteAddress":"10.9.9.9","RemotePort":50001,"Pid":null,"Name":null,"CommandLine":null,"Exe":null,"Username":"www"}"#]]);
}

#[test]
fn listening_ports_say_whether_they_can_be_reached() {
    let world = World::new();
    world.check("Linux.Network.ListeningPorts", &[], expect![[r#"{"Family":"IPv4","Type":"TCP","Address":"0.0.0.0","Port":80,"Reachable":true,"Pid":40,"Name":"httpd","CommandLine":"/usr/sbin/httpd -f my site.conf","Exe":"/usr/sbin/httpd","Username":"www"}"#]]);
    world.check("Linux.Network.ListeningPorts", &[("PortRegex", "^443$")], expect![[r#""#]]);
    world.check("Linux.Network.ListeningPorts", &[("OnlyReachable", "Y")], expect![[r#"{"Family":"IPv4","Type":"TCP","Address":"0.0.0.0","Port":80,"Reachable":true,"Pid":40,"Name":"httpd","CommandLine":"/usr/sbin/httpd -f my site.conf","Exe":"/usr/sbin/httpd","Username":"www"}"#]]);
}

#[test]
fn names_and_resolvers_are_read_without_comments() {
    let world = World::new()
        .file("etc/hosts", "# local\n127.0.0.1 localhost\n127.0.0.1\tupdate.example.org av.example.org # why\n::1 ip6-localhost\n")
        .file("etc/resolv.conf", "# made by hand\nnameserver 203.0.113.53\nsearch example.org\n");
    let globs = [("HostsGlob", "ROOT/etc/hosts"), ("ResolverGlob", "ROOT/etc/resolv.conf")];
    world.check("Linux.Network.Hosts", &globs, expect![[r#"
        /Names {"Address":"127.0.0.1","Names":["localhost"],"OSPath":"ROOT/etc/hosts","Mtime":"2026-01-02T03:04:05Z"}
        /Names {"Address":"127.0.0.1","Names":["update.example.org","av.example.org"],"OSPath":"ROOT/etc/hosts","Mtime":"2026-01-02T03:04:05Z"}
        /Names {"Address":"::1","Names":["ip6-localhost"],"OSPath":"ROOT/etc/hosts","Mtime":"2026-01-02T03:04:05Z"}
        /Resolver {"Setting":"nameserver","Value":"203.0.113.53","OSPath":"ROOT/etc/resolv.conf","Mtime":"2026-01-02T03:04:05Z"}
        /Resolver {"Setting":"search","Value":"example.org","OSPath":"ROOT/etc/resolv.conf","Mtime":"2026-01-02T03:04:05Z"}"#]]);
}
