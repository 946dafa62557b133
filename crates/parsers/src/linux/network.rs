//! The socket tables of `/proc/net`: `tcp`, `tcp6`, `udp`, `udp6`, `raw`, `unix`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One line of an internet socket table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// Address here.
    pub local: (IpAddr, u16),
    /// Address there; all zero when not connected.
    pub remote: (IpAddr, u16),
    /// Name of the state, in the words of the kernel's tools.
    pub state: &'static str,
    /// Owner.
    pub uid: u32,
    /// Number by which a process's open files name it.
    pub inode: u64,
}

/// One line of the Unix socket table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixSocket {
    /// `stream`, `datagram` or `seqpacket`.
    pub kind: &'static str,
    /// Name of the state.
    pub state: &'static str,
    /// Number by which a process's open files name it.
    pub inode: u64,
    /// Path, or a name in the abstract space that starts with `@`; empty when unnamed.
    pub path: String,
}

/// Reads an internet socket table. `connected` says that the state column has the states of
/// TCP; other protocols use only two of them.
pub fn sockets(text: &str, connected: bool) -> Vec<Socket> {
    text.lines().skip(1).filter_map(|line| socket(line, connected)).collect()
}

fn socket(line: &str, connected: bool) -> Option<Socket> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let state = u8::from_str_radix(fields.get(3)?, 16).ok()?;
    Some(Socket {
        local: endpoint(fields.get(1)?)?,
        remote: endpoint(fields.get(2)?)?,
        state: if connected { tcp_state(state) } else { plain_state(state) },
        uid: fields.get(7)?.parse().ok()?,
        inode: fields.get(9)?.parse().ok()?,
    })
}

/// `0100007F:0050`: the address in words of the machine's byte order, the port as a number.
fn endpoint(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    if !address.is_ascii() {
        return None;
    }
    let mut octets = Vec::with_capacity(16);
    for word in address.as_bytes().chunks(8) {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        octets.extend_from_slice(&word.to_ne_bytes());
    }
    let address = if let Ok(four) = <[u8; 4]>::try_from(octets.as_slice()) {
        IpAddr::from(Ipv4Addr::from(four))
    } else {
        IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(octets.as_slice()).ok()?))
    };
    Some((address, port))
}

fn tcp_state(number: u8) -> &'static str {
    match number {
        1 => "ESTABLISHED",
        2 => "SYN_SENT",
        3 => "SYN_RECV",
        4 => "FIN_WAIT1",
        5 => "FIN_WAIT2",
        6 => "TIME_WAIT",
        7 => "CLOSE",
        8 => "CLOSE_WAIT",
        9 => "LAST_ACK",
        10 => "LISTEN",
        11 => "CLOSING",
        12 => "SYN_RECV",
        _ => "UNKNOWN",
    }
}

fn plain_state(number: u8) -> &'static str {
    match number {
        1 => "ESTABLISHED",
        7 => "NONE",
        _ => "UNKNOWN",
    }
}

/// Reads the Unix socket table.
pub fn unix_sockets(text: &str) -> Vec<UnixSocket> {
    text.lines().skip(1).filter_map(unix_socket).collect()
}

fn unix_socket(line: &str) -> Option<UnixSocket> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let flags = u32::from_str_radix(fields.get(3)?, 16).ok()?;
    const ACCEPTS: u32 = 1 << 16;
    Some(UnixSocket {
        kind: match *fields.get(4)? {
            "0001" => "stream",
            "0002" => "datagram",
            "0005" => "seqpacket",
            _ => "unknown",
        },
        state: match (flags & ACCEPTS != 0, *fields.get(5)?) {
            (true, _) => "LISTEN",
            (false, "02") => "CONNECTING",
            (false, "03") => "CONNECTED",
            (false, "04") => "DISCONNECTING",
            (false, _) => "UNCONNECTED",
        },
        inode: fields.get(6)?.parse().ok()?,
        path: fields.get(7..).map(|rest| rest.join(" ")).unwrap_or_default(),
    })
}

/// The inode in the target of an open file's link, `socket:[12345]`.
pub fn socket_inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[track_caller]
    fn check(found: impl std::fmt::Debug, answer: Expect) {
        answer.assert_eq(&format!("{found:?}"));
    }

    #[test]
    fn a_tcp_table_is_read() {
        let text = "  sl  local_address rem_address   st ...\n   \
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 777 1 0 100\n torn\n";
        check(
            sockets(text, true),
            expect![[
                r#"[Socket { local: (127.0.0.1, 8080), remote: (0.0.0.0, 0), state: "LISTEN", uid: 1000, inode: 777 }]"#
            ]],
        );
    }

    #[test]
    fn a_tcp6_table_is_read() {
        let text = "head\n 1: 00000000000000000000000001000000:0016 0000000000000000FFFF00000100007F:C350 01 0:0 00:0 0 0 0 42 1";
        check(
            sockets(text, true),
            expect![[
                r#"[Socket { local: (::1, 22), remote: (::ffff:127.0.0.1, 50000), state: "ESTABLISHED", uid: 0, inode: 42 }]"#
            ]],
        );
    }

    #[test]
    fn a_unix_table_is_read() {
        let text = "Num RefCount Protocol Flags Type St Inode Path\n\
            0000: 00000002 00000000 00010000 0001 01 5151 /run/a b.sock\n\
            0000: 00000003 00000000 00000000 0002 03 5152\n";
        check(
            unix_sockets(text),
            expect![[
                r#"[UnixSocket { kind: "stream", state: "LISTEN", inode: 5151, path: "/run/a b.sock" }, UnixSocket { kind: "datagram", state: "CONNECTED", inode: 5152, path: "" }]"#
            ]],
        );
    }

    #[test]
    fn links_name_inodes() {
        assert_eq!(socket_inode("socket:[99]"), Some(99));
        assert_eq!(socket_inode("pipe:[99]"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,120}") {
            let text = format!("head\n{text}");
            let _ = (sockets(&text, true), unix_sockets(&text), socket_inode(&text));
        }

        #[test]
        fn no_table_like_text_panics(text in "[0-9A-Fa-f: ]{0,120}") {
            sockets(&format!("head\n{text}"), false);
        }
    }
}
