//! What a Linux kernel tells on its own: events of processes, and its audit log, each over a netlink
//! socket that any number of programs may listen on.

use std::os::fd::OwnedFd;
use std::time::Duration;

use parsers::linux::connector::{self, ProcessEvent};
use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_recv_buffer_size_force, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with,
};

use crate::machine::{AuditMessage, Feed, Told, Unanswered};

/// What the kernel holds for us while we are busy.
const WAITING_BYTES: usize = 4 << 20;
/// The longest message: an audit record is cut by the kernel before this.
const MESSAGE_BYTES: usize = 1 << 16;
const HEADER_BYTES: usize = 16;
/// Both the group of process events and that of the audit log.
const FIRST_GROUP: u32 = 1;

pub(super) fn failed(what: &str, error: Errno) -> Unanswered {
    Unanswered::Failed { what: what.to_owned(), why: error.to_string() }
}

fn listen(protocol: rustix::net::Protocol) -> rustix::io::Result<OwnedFd> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(protocol),
    )?;
    bind(&socket, &SocketAddrNetlink::new(0, FIRST_GROUP))?;
    // Best effort: with less room more is lost, and a loss is told.
    let _ = set_socket_recv_buffer_size_force(&socket, WAITING_BYTES);
    Ok(socket)
}

/// One message of the kernel, or what came instead of it.
fn next(socket: &OwnedFd, buffer: &mut [u8], wait: Duration) -> rustix::io::Result<Told<usize>> {
    set_socket_timeout(socket, Timeout::Recv, Some(wait.max(Duration::from_millis(1))))?;
    match recv(socket, buffer, RecvFlags::empty()) {
        Ok((count, _)) => Ok(Told::Event(count)),
        Err(Errno::AGAIN | Errno::INTR) => Ok(Told::Nothing),
        Err(Errno::NOBUFS) => Ok(Told::Lost),
        Err(error) => Err(error),
    }
}

/// Events of processes: the process connector.
pub(super) struct Processes {
    socket: OwnedFd,
    buffer: Vec<u8>,
}

impl Processes {
    pub(super) fn listen() -> rustix::io::Result<Self> {
        let socket = listen(netlink::CONNECTOR)?;
        send(&socket, &wish(Wish::Listen), SendFlags::empty())?;
        Ok(Self { socket, buffer: vec![0; MESSAGE_BYTES] })
    }
}

/// The kernel counts who listens, and is silent when nobody does.
impl Drop for Processes {
    fn drop(&mut self) {
        let _ = send(&self.socket, &wish(Wish::Ignore), SendFlags::empty());
    }
}

#[derive(Clone, Copy)]
enum Wish {
    Listen = 1,
    Ignore = 2,
}

/// The message that asks for the events of processes, or for no more of them.
fn wish(wish: Wish) -> Vec<u8> {
    const LENGTH: u32 = 40;
    const DONE: u16 = 3;
    const OPERATION_BYTES: u16 = 4;
    let mut message = Vec::with_capacity(LENGTH as usize);
    message.extend(LENGTH.to_ne_bytes());
    message.extend(DONE.to_ne_bytes());
    message.extend(0_u16.to_ne_bytes());
    message.extend([0; 8]);
    // The connector of processes, twice the number one; then sequence and acknowledgement.
    message.extend(1_u32.to_ne_bytes());
    message.extend(1_u32.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(OPERATION_BYTES.to_ne_bytes());
    message.extend(0_u16.to_ne_bytes());
    message.extend((wish as u32).to_ne_bytes());
    message
}

impl Feed<ProcessEvent> for Processes {
    fn next(&mut self, wait: Duration) -> Result<Told<ProcessEvent>, Unanswered> {
        let told = next(&self.socket, &mut self.buffer, wait)
            .map_err(|error| failed("follow the events of processes", error))?;
        Ok(match told {
            Told::Event(count) => {
                let event = connector::process_event(&self.buffer[..count]);
                event.map_or(Told::Nothing, Told::Event)
            }
            Told::Nothing => Told::Nothing,
            Told::Lost => Told::Lost,
            Told::Ended => Told::Ended,
        })
    }
}

/// The audit log of the kernel, as everybody who may read it gets it.
pub(super) struct Audit {
    socket: OwnedFd,
    buffer: Vec<u8>,
}

impl Audit {
    pub(super) fn listen() -> rustix::io::Result<Self> {
        Ok(Self { socket: listen(netlink::AUDIT)?, buffer: vec![0; MESSAGE_BYTES] })
    }
}

impl Feed<AuditMessage> for Audit {
    fn next(&mut self, wait: Duration) -> Result<Told<AuditMessage>, Unanswered> {
        let told = next(&self.socket, &mut self.buffer, wait)
            .map_err(|error| failed("follow the kernel's audit log", error))?;
        Ok(match told {
            Told::Event(count) if count >= HEADER_BYTES => {
                let message = &self.buffer[..count];
                let kind = u16::from_ne_bytes([message[4], message[5]]);
                let text = String::from_utf8_lossy(&message[HEADER_BYTES..]).into_owned();
                Told::Event(AuditMessage { kind, text })
            }
            Told::Event(_) | Told::Nothing => Told::Nothing,
            Told::Lost => Told::Lost,
            Told::Ended => Told::Ended,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parsers::linux::connector::Happened;

    /// Machines of developers may not allow this; the refusal is a sentence then.
    #[test]
    fn a_program_that_starts_and_ends_is_told() {
        let mut feed = match Processes::listen() {
            Ok(feed) => feed,
            Err(error) => {
                return assert!(matches!(
                    error,
                    Errno::PERM | Errno::ACCESS | Errno::PROTONOSUPPORT
                ));
            }
        };
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = i64::from(child.id());
        assert!(child.wait().unwrap().success());
        let until = std::time::Instant::now() + Duration::from_secs(20);
        let mut seen = Vec::new();
        while seen.len() < 2 && std::time::Instant::now() < until {
            if let Told::Event(event) = feed.next(Duration::from_millis(100)).unwrap()
                && event.process == pid
                && matches!(event.what, Happened::Exec | Happened::Exit { .. })
            {
                seen.push(event.what);
            }
        }
        assert!(matches!(seen[..], [Happened::Exec, Happened::Exit { status: 0, .. }]), "{seen:?}");
    }

    #[test]
    fn the_audit_log_is_offered_or_refused() {
        match Audit::listen() {
            Ok(mut feed) => assert!(feed.next(Duration::from_millis(1)).is_ok()),
            Err(error) => {
                assert!(matches!(error, Errno::PERM | Errno::ACCESS | Errno::PROTONOSUPPORT))
            }
        }
    }
}
