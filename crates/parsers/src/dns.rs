//! Messages of the domain name system: a question in bytes, an answer in records.
//!
//! An answer comes from a network: names may point into themselves, lengths may lie. Pointers only lead
//! backwards, names are at most 255 bytes, and what does not fit is an error.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Kinds of records that can be asked for.
const KINDS: [(&str, u16); 10] = [
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", 6),
    ("PTR", 12),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
    ("SRV", 33),
    ("CAA", 257),
];

const HEADER_BYTES: usize = 12;
const LABEL_MAX: usize = 63;
const NAME_MAX: usize = 255;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// A kind of record that cannot be asked for.
    #[error("`{0}` is no kind of record that can be asked for; those are {list}", list = kinds())]
    Kind(String),
    /// A name that no domain can have.
    #[error("`{0}` is no domain name")]
    Name(String),
    /// The message is not an answer to the question.
    #[error("the answer is not one to this question")]
    Other,
    /// The message is cut off or contradicts itself.
    #[error("the answer is damaged at byte {0}")]
    Damaged(usize),
    /// The server refused, or does not know the name.
    #[error("the server answers: {0}")]
    Refused(String),
    /// The answer is longer than a datagram.
    #[error("the answer does not fit into a datagram")]
    Cut,
}

fn kinds() -> String {
    KINDS.map(|(name, _)| name).join(", ")
}

/// The number of a kind of record.
pub fn kind(name: &str) -> Result<u16, DnsError> {
    let found = KINDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, number)| *number).ok_or_else(|| DnsError::Kind(name.to_owned()))
}

/// The message that asks for the records of a kind of a name, with a number that the answer repeats.
pub fn question(number: u16, name: &str, kind: u16) -> Result<Vec<u8>, DnsError> {
    let wrong = || DnsError::Name(name.to_owned());
    let mut message = Vec::with_capacity(HEADER_BYTES + name.len() + 6);
    message.extend(number.to_be_bytes());
    // A recursive question; one of them.
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    let start = message.len();
    for label in name.strip_suffix('.').unwrap_or(name).split('.') {
        let length = u8::try_from(label.len()).map_err(|_| wrong())?;
        if length == 0 || label.len() > LABEL_MAX || !label.is_ascii() {
            return Err(wrong());
        }
        message.push(length);
        message.extend(label.as_bytes());
    }
    message.push(0);
    if message.len() - start > NAME_MAX {
        return Err(wrong());
    }
    message.extend(kind.to_be_bytes());
    message.extend([0, 1]);
    Ok(message)
}

/// The name under which the name of an address is asked for.
pub fn reverse_name(address: std::net::IpAddr) -> String {
    match address {
        std::net::IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        std::net::IpAddr::V6(address) => {
            let mut name = String::new();
            for byte in address.octets().iter().rev() {
                // Writing to a string cannot fail.
                let _ = write!(name, "{:x}.{:x}.", byte & 15, byte >> 4);
            }
            name + "ip6.arpa"
        }
    }
}

/// The records of a kind in the answer to a question, as texts, in their order.
pub fn answers(question: &[u8], message: &[u8], kind: u16) -> Result<Vec<String>, DnsError> {
    let flags = u16_at(message, 2)?;
    if message.get(..2) != question.get(..2) || flags & 0x8000 == 0 {
        return Err(DnsError::Other);
    }
    let asked = &question[HEADER_BYTES.min(question.len())..];
    let repeated = message.get(HEADER_BYTES..HEADER_BYTES + asked.len());
    if u16_at(message, 4)? != 1 || !repeated.is_some_and(|found| found.eq_ignore_ascii_case(asked))
    {
        return Err(DnsError::Other);
    }
    match flags & 15 {
        0 => {}
        code => return Err(DnsError::Refused(refusal(code).to_owned())),
    }
    if flags & 0x0200 != 0 {
        return Err(DnsError::Cut);
    }
    let mut at = HEADER_BYTES + asked.len();
    let mut found = Vec::new();
    for _ in 0..u16_at(message, 6)? {
        at = name(message, at)?.1;
        let this = u16_at(message, at)?;
        let length = usize::from(u16_at(message, at + 8)?);
        let data = at + 10;
        let end = data + length;
        if end > message.len() {
            return Err(DnsError::Damaged(data));
        }
        if this == kind {
            found.push(record(message, kind, data, end)?);
        }
        at = end;
    }
    Ok(found)
}

fn refusal(code: u16) -> &'static str {
    match code {
        1 => "the question is malformed",
        2 => "it has failed",
        3 => "there is no such name",
        4 => "it cannot answer such questions",
        5 => "it refuses",
        _ => "an error of its own",
    }
}

fn u16_at(message: &[u8], at: usize) -> Result<u16, DnsError> {
    let bytes = message.get(at..at + 2).ok_or(DnsError::Damaged(at))?;
    Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
}

/// A name, and where what follows it begins.
fn name(message: &[u8], mut at: usize) -> Result<(String, usize), DnsError> {
    let mut text = String::new();
    let mut after = None;
    let mut bytes = 0;
    loop {
        let damaged = DnsError::Damaged(at);
        let length = usize::from(*message.get(at).ok_or(damaged.clone())?);
        match length {
            0 => {
                at += 1;
                break;
            }
            // A pointer to a name that came before.
            0xc0.. => {
                let target = usize::from(u16_at(message, at)? & 0x3fff);
                if target >= at {
                    return Err(damaged);
                }
                after.get_or_insert(at + 2);
                at = target;
            }
            _ if length > LABEL_MAX => return Err(damaged),
            _ => {
                let label = message.get(at + 1..at + 1 + length).ok_or(damaged.clone())?;
                bytes += length + 1;
                if bytes > NAME_MAX {
                    return Err(damaged);
                }
                text.push_str(&String::from_utf8_lossy(label));
                text.push('.');
                at += 1 + length;
            }
        }
    }
    if text.is_empty() {
        text.push('.');
    }
    Ok((text, after.unwrap_or(at)))
}

fn record(message: &[u8], kind: u16, at: usize, end: usize) -> Result<String, DnsError> {
    let data = &message[at..end];
    let damaged = DnsError::Damaged(at);
    Ok(match kind {
        1 => {
            let address = <[u8; 4]>::try_from(data).map_err(|_| damaged)?;
            Ipv4Addr::from(address).to_string()
        }
        28 => {
            let address = <[u8; 16]>::try_from(data).map_err(|_| damaged)?;
            Ipv6Addr::from(address).to_string()
        }
        2 | 5 | 12 => name(message, at)?.0,
        15 => format!("{} {}", u16_at(message, at)?, name(message, at + 2)?.0),
        33 => {
            let [priority, weight, port] =
                [u16_at(message, at)?, u16_at(message, at + 2)?, u16_at(message, at + 4)?];
            format!("{priority} {weight} {port} {}", name(message, at + 6)?.0)
        }
        6 => {
            let (server, after) = name(message, at)?;
            let (person, after) = name(message, after)?;
            let numbers = message.get(after..after + 20).ok_or(damaged)?;
            let numbers = numbers
                .chunks_exact(4)
                .map(|part| u32::from_be_bytes([part[0], part[1], part[2], part[3]]).to_string());
            format!("{server} {person} {}", numbers.collect::<Vec<_>>().join(" "))
        }
        16 => {
            let mut text = Vec::new();
            let mut rest = data;
            while let Some((length, after)) = rest.split_first() {
                let (piece, after) =
                    after.split_at_checked(usize::from(*length)).ok_or(damaged.clone())?;
                text.extend_from_slice(piece);
                rest = after;
            }
            String::from_utf8_lossy(&text).into_owned()
        }
        257 => {
            let (flags, rest) = data.split_first().ok_or(damaged.clone())?;
            let (length, rest) = rest.split_first().ok_or(damaged.clone())?;
            let (tag, value) = rest.split_at_checked(usize::from(*length)).ok_or(damaged)?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            format!("{flags} {} {}", text(tag), text(value))
        }
        _ => return Err(damaged),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer with these records, each behind a pointer to the name that was asked for.
    fn answer(question: &[u8], records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut message = question.to_vec();
        message[2] = 0x81;
        message[3] = 0x80;
        message[7] = u8::try_from(records.len()).unwrap();
        for (kind, data) in records {
            message.extend([0xc0, 12]);
            message.extend(kind.to_be_bytes());
            message.extend([0, 1, 0, 0, 0, 60]);
            message.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            message.extend(*data);
        }
        message
    }

    #[test]
    fn records_are_texts() {
        let check = |name: &str, data: &[u8], wanted: &str| {
            let kind = kind(name).unwrap();
            let question = question(7, "example.org", kind).unwrap();
            // Records of other kinds are passed over.
            let message = answer(&question, &[(99, b"?"), (kind, data)]);
            assert_eq!(answers(&question, &message, kind).unwrap(), [wanted]);
        };
        check("A", &[8, 8, 4, 4], "8.8.4.4");
        check("aaaa", &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "::1");
        check("CNAME", b"\x03www\xc0\x0c", "www.example.org.");
        check("PTR", b"\x01a\x00", "a.");
        check("MX", b"\x00\x0a\x04mail\xc0\x0c", "10 mail.example.org.");
        check("SRV", b"\x00\x01\x00\x02\x01\xbb\x01x\x00", "1 2 443 x.");
        check("TXT", b"\x03v=1\x02 x", "v=1 x");
        check(
            "SOA",
            &[&b"\x01n\x00\x01p\x00"[..], &[0; 16], &[0, 0, 0, 9]].concat(),
            "n. p. 0 0 0 0 9",
        );
        check("CAA", b"\x00\x05issueca.org", "0 issue ca.org");
    }

    #[test]
    fn names_of_addresses_are_reversed() {
        assert_eq!(reverse_name("10.1.2.3".parse().unwrap()), "3.2.1.10.in-addr.arpa");
        let name = reverse_name("2001:db8::1".parse().unwrap());
        assert!(
            name.starts_with("1.0.0.0.") && name.ends_with("8.b.d.0.1.0.0.2.ip6.arpa"),
            "{name}"
        );
    }

    #[test]
    fn questions_are_checked() {
        assert!(matches!(kind("ANY"), Err(DnsError::Kind(_))));
        for name in ["", "a..b", "é.org", &"x".repeat(64), &["abcdefg"; 40].join(".")] {
            assert_eq!(question(1, name, 1), Err(DnsError::Name(name.to_owned())), "{name}");
        }
        assert_eq!(question(1, "a.org.", 1), question(1, "a.org", 1));
    }

    #[test]
    fn answers_are_checked() {
        let question = question(7, "example.org", 1).unwrap();
        let good = answer(&question, &[(1, &[1, 2, 3, 4])]);
        let check = |change: &dyn Fn(&mut Vec<u8>), wanted: DnsError| {
            let mut message = good.clone();
            change(&mut message);
            assert_eq!(answers(&question, &message, 1), Err(wanted));
        };
        check(&|message| message[1] = 8, DnsError::Other);
        check(&|message| message[2] = 1, DnsError::Other);
        check(&|message| message[14] = b'z', DnsError::Other);
        check(&|message| message[3] = 0x83, DnsError::Refused("there is no such name".to_owned()));
        check(&|message| message[2] = 0x83, DnsError::Cut);
        let end = good.len();
        check(&|message| message.truncate(end - 1), DnsError::Damaged(end - 4));
        // A name that points to itself.
        let at = question.len();
        check(&|message| message[at + 1] = u8::try_from(at).unwrap(), DnsError::Damaged(at));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), which in 0..10_usize) {
            let kind = KINDS[which].1;
            let question = question(7, "example.org", kind).unwrap();
            let _ = answers(&question, &bytes, kind);
            let _ = answers(&question, &answer(&question, &[(kind, &bytes)]), kind);
        }
    }
}
