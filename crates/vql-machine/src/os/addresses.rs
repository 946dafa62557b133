//! The addresses of the network interfaces, asked from the Linux kernel over a routing socket.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

const GET_ADDRESSES: u16 = 22;
const NEW_ADDRESS: u16 = 20;
const DONE: u16 = 3;
const ERROR: u16 = 2;
const REQUEST_DUMP: u16 = 0x301;
const ATTRIBUTE_ADDRESS: u16 = 1;
const ATTRIBUTE_LOCAL: u16 = 2;
const HEADER_BYTES: usize = 16;
const ADDRESS_BYTES: usize = 8;

/// Addresses with the length of their network's prefix, by the number of the interface. Empty
/// where the kernel does not tell.
pub(super) fn by_interface() -> HashMap<i64, Vec<String>> {
    ask().unwrap_or_default()
}

fn ask() -> rustix::io::Result<HashMap<i64, Vec<String>>> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        // The routing protocol is number zero.
        None,
    )?;
    let mut request = Vec::with_capacity(HEADER_BYTES + ADDRESS_BYTES);
    request.extend_from_slice(&24u32.to_ne_bytes());
    request.extend_from_slice(&GET_ADDRESSES.to_ne_bytes());
    request.extend_from_slice(&REQUEST_DUMP.to_ne_bytes());
    request.extend_from_slice(&1u32.to_ne_bytes());
    request.extend_from_slice(&[0; 4 + ADDRESS_BYTES]);
    sendto(&socket, &request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut found = HashMap::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let (_, count) = recv(&socket, buffer.as_mut_slice(), RecvFlags::empty())?;
        if count == 0 || messages(&buffer[..count], &mut found) {
            return Ok(found);
        }
    }
}

/// Reads the messages of one answer; true when the answer is complete.
fn messages(mut bytes: &[u8], found: &mut HashMap<i64, Vec<String>>) -> bool {
    while let (Some(length), Some(kind)) = (u32_at(bytes, 0), u16_at(bytes, 4)) {
        let length = length as usize;
        if length < HEADER_BYTES || length > bytes.len() || kind == DONE || kind == ERROR {
            return true;
        }
        if kind == NEW_ADDRESS
            && let Some((interface, address)) = address(&bytes[HEADER_BYTES..length])
        {
            found.entry(interface).or_default().push(address);
        }
        bytes = &bytes[length.next_multiple_of(4).min(bytes.len())..];
    }
    false
}

fn address(body: &[u8]) -> Option<(i64, String)> {
    let prefix = *body.get(1)?;
    let interface = i64::from(u32_at(body, 4)?);
    let mut attributes = body.get(ADDRESS_BYTES..)?;
    let mut chosen: Option<IpAddr> = None;
    while let (Some(length), Some(kind)) = (u16_at(attributes, 0), u16_at(attributes, 2)) {
        let length = usize::from(length);
        let Some(data) = attributes.get(4..length) else { break };
        // On a link between two points the local address is the one that counts.
        if kind == ATTRIBUTE_LOCAL || (kind == ATTRIBUTE_ADDRESS && chosen.is_none()) {
            chosen = ip(data).or(chosen);
        }
        attributes = &attributes[length.next_multiple_of(4).min(attributes.len())..];
    }
    Some((interface, format!("{}/{prefix}", chosen?)))
}

fn ip(data: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(data) {
        return Some(Ipv4Addr::from(four).into());
    }
    <[u8; 16]>::try_from(data).ok().map(|six| Ipv6Addr::from(six).into())
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torn_answers_end() {
        let mut found = HashMap::new();
        assert!(!messages(&[1, 2, 3], &mut found));
        assert!(messages(&[0; 32], &mut found));
        assert!(found.is_empty());
    }
}
