//! The function `host`: looks up names and addresses.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parsers::dns::{self, DnsError};
use rows::Value;
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::machine::Machine;

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(HostLookup(machine.clone()))
}

plugin_args! {
    /// Looks up a name: an array of texts.
    ///
    /// Addresses are asked of the machine's resolver. With `server`, or another `type`, a server of
    /// names is asked directly: the one given, or the first that the machine is configured with.
    pub struct HostArgs for "host" {
        /// The name; with the type PTR also an address.
        name: String,
        /// The server to ask: an address or a name, with or without a port.
        server: String = "",
        /// What to look for: A, AAAA, CNAME, MX, NS, PTR, SOA, SRV, TXT, CAA.
        kind: String as "type" = "",
        /// Has no effect here.
        prefer_go: bool = false,
        /// Only what was seen on this machine before: there is no such record, so always NULL.
        tracker_only: bool = false,
    }
}

struct HostLookup(Arc<dyn Machine>);

/// How long a server may take, with everything that is tried.
const PATIENCE: Duration = Duration::from_secs(6);
/// A datagram gets lost now and then.
const ASK_AGAIN: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

impl Function for HostLookup {
    type Args = HostArgs;
    const NEEDS: &'static [Permission] = &[Permission::Network];

    fn call(&self, args: HostArgs, scope: &Scope) -> Result<Value, Failure> {
        if args.tracker_only {
            return Ok(Value::Null);
        }
        if args.server.is_empty() && args.kind.is_empty() {
            return resolver(&args.name);
        }
        let kind = dns::kind(if args.kind.is_empty() { "A" } else { &args.kind })?;
        let reverse =
            args.name.parse::<IpAddr>().ok().filter(|_| kind == dns::kind("PTR").unwrap_or(0));
        let name = reverse.map_or_else(|| args.name.clone(), dns::reverse_name);
        let server = self.server(&args.server)?;
        let number = scope.host().entropy(|entropy| {
            let mut bytes = [0; 2];
            entropy.fill(&mut bytes);
            u16::from_ne_bytes(bytes)
        });
        let question = dns::question(number, &name, kind)?;
        let said = |wrong: String| {
            Failure::new(format!("cannot look up `{}` at {server}: {wrong}", args.name))
        };
        match ask(server, &question, kind, scope) {
            Ok(Err(DnsError::Cut)) => {
                let message =
                    ask_in_full(server, &question).map_err(|error| said(error.to_string()))?;
                let found = dns::answers(&question, &message, kind);
                found.map(Value::array).map_err(|wrong| said(wrong.to_string()))
            }
            Ok(found) => found.map(Value::array).map_err(|wrong| said(wrong.to_string())),
            Err(error) => Err(said(error.to_string())),
        }
    }
}

fn resolver(name: &str) -> Result<Value, Failure> {
    let found = (name, 0u16)
        .to_socket_addrs()
        .map_err(|error| Failure::new(format!("cannot look up `{name}`: {error}")))?;
    let mut addresses: Vec<String> = found.map(|address| address.ip().to_string()).collect();
    addresses.dedup();
    Ok(Value::array(addresses))
}

impl HostLookup {
    fn server(&self, given: &str) -> Result<SocketAddr, Failure> {
        const PORT: u16 = 53;
        let configured;
        let given = if given.is_empty() {
            let text = self.0.system_file("/etc/resolv.conf")?;
            let text = String::from_utf8_lossy(&text).into_owned();
            let server = text.lines().find_map(|line| line.strip_prefix("nameserver"));
            let server =
                server.ok_or("/etc/resolv.conf names no server; give one with `server`")?;
            configured = server.trim().to_owned();
            &configured
        } else {
            given
        };
        if let Ok(address) = given.parse::<IpAddr>() {
            return Ok(SocketAddr::new(address, PORT));
        }
        let found = match given.parse::<SocketAddr>() {
            Ok(address) => Some(address),
            Err(_) if given.contains(':') => given.to_socket_addrs()?.next(),
            Err(_) => (given, PORT).to_socket_addrs()?.next(),
        };
        found.ok_or_else(|| Failure::new(format!("`{given}` is no server")))
    }
}

type Found = Result<Vec<String>, DnsError>;

/// Asks with datagrams, until there is an answer or no more patience.
fn ask(server: SocketAddr, question: &[u8], kind: u16, scope: &Scope) -> std::io::Result<Found> {
    let here: SocketAddr = if server.is_ipv4() {
        (std::net::Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(here)?;
    // From now on only this server is heard.
    socket.connect(server)?;
    socket.set_read_timeout(Some(LOOK_AGAIN))?;
    let started = Instant::now();
    let mut asked: Option<Instant> = None;
    let mut buffer = vec![0; 1 << 16];
    while started.elapsed() < PATIENCE && !scope.stopped() {
        if asked.is_none_or(|asked| asked.elapsed() >= ASK_AGAIN) {
            socket.send(question)?;
            asked = Some(Instant::now());
        }
        match socket.recv(&mut buffer) {
            Ok(count) => match dns::answers(question, &buffer[..count], kind) {
                // Somebody guesses, or an answer to something else came late.
                Err(DnsError::Other) => {}
                found => return Ok(found),
            },
            Err(error) => match error.kind() {
                std::io::ErrorKind::WouldBlock
                | std::io::ErrorKind::TimedOut
                | std::io::ErrorKind::Interrupted => {}
                _ => return Err(error),
            },
        }
    }
    Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer"))
}

/// Asks over a connection, where answers may be long.
fn ask_in_full(server: SocketAddr, question: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, ASK_AGAIN)?;
    stream.set_read_timeout(Some(ASK_AGAIN))?;
    stream.set_write_timeout(Some(ASK_AGAIN))?;
    let length = u16::try_from(question.len()).map_err(std::io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], question].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message)?;
    Ok(message)
}
