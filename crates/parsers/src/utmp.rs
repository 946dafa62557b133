//! Login records of Linux: `/var/run/utmp`, `/var/log/wtmp`, `/var/log/btmp`.
//!
//! Fixed records of 384 bytes, the same on 32-bit and 64-bit x86 and on little-endian ARM. A
//! torn record at the end is reported by [`Records::torn`], not guessed.

/// Size of one record.
pub const RECORD_BYTES: usize = 384;

/// One login record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What the record says happened.
    pub kind: Kind,
    /// Process that wrote it or that it is about.
    pub pid: i32,
    /// Terminal line.
    pub line: String,
    /// Suffix of the terminal name.
    pub id: String,
    /// Account.
    pub user: String,
    /// Name of the other machine, or the kernel's version for a boot.
    pub host: String,
    /// How a dead process ended.
    pub termination: i16,
    /// Its exit status.
    pub exit: i16,
    /// Session id.
    pub session: i32,
    /// Seconds since 1970.
    pub seconds: i64,
    /// And microseconds.
    pub micros: i64,
    /// Address of the other machine, when there is one.
    pub address: Option<std::net::IpAddr>,
}

/// What a record says happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Empty,
    /// The run level changed.
    RunLevel,
    /// The machine started.
    BootTime,
    /// The clock was set, moment after.
    NewTime,
    /// The clock was set, moment before.
    OldTime,
    /// A process of init started.
    InitProcess,
    /// A terminal waits for a login.
    LoginProcess,
    /// Somebody logged in.
    UserProcess,
    /// A session ended.
    DeadProcess,
    /// Accounting.
    Accounting,
    /// A number without a meaning.
    Unknown(i16),
}

impl Kind {
    fn of(number: i16) -> Self {
        match number {
            0 => Self::Empty,
            1 => Self::RunLevel,
            2 => Self::BootTime,
            3 => Self::NewTime,
            4 => Self::OldTime,
            5 => Self::InitProcess,
            6 => Self::LoginProcess,
            7 => Self::UserProcess,
            8 => Self::DeadProcess,
            9 => Self::Accounting,
            other => Self::Unknown(other),
        }
    }

    /// The name of the constant in the C headers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "EMPTY",
            Self::RunLevel => "RUN_LVL",
            Self::BootTime => "BOOT_TIME",
            Self::NewTime => "NEW_TIME",
            Self::OldTime => "OLD_TIME",
            Self::InitProcess => "INIT_PROCESS",
            Self::LoginProcess => "LOGIN_PROCESS",
            Self::UserProcess => "USER_PROCESS",
            Self::DeadProcess => "DEAD_PROCESS",
            Self::Accounting => "ACCOUNTING",
            Self::Unknown(_) => "UNKNOWN",
        }
    }
}

/// The records of a file's bytes, in order.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    bytes: &'a [u8],
}

impl<'a> Records<'a> {
    /// Reads `bytes` as a series of records.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// How many bytes at the end are no whole record.
    pub fn torn(&self) -> usize {
        self.bytes.len() % RECORD_BYTES
    }
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let (record, rest) = self.bytes.split_at_checked(RECORD_BYTES)?;
        self.bytes = rest;
        Some(read(record))
    }
}

/// `record` is exactly [`RECORD_BYTES`] long.
fn read(record: &[u8]) -> Record {
    Record {
        kind: Kind::of(i16_at(record, 0)),
        pid: i32_at(record, 4),
        line: text(&record[8..40]),
        id: text(&record[40..44]),
        user: text(&record[44..76]),
        host: text(&record[76..332]),
        termination: i16_at(record, 332),
        exit: i16_at(record, 334),
        session: i32_at(record, 336),
        seconds: i64::from(i32_at(record, 340)),
        micros: i64::from(i32_at(record, 344)),
        address: address(&record[348..364]),
    }
}

fn i16_at(bytes: &[u8], at: usize) -> i16 {
    i16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    i32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// Only the first four bytes are used for IPv4.
fn address(field: &[u8]) -> Option<std::net::IpAddr> {
    let octets: [u8; 16] = field.try_into().ok()?;
    if octets == [0; 16] {
        return None;
    }
    if octets[4..] == [0; 12] {
        return Some(std::net::Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]).into());
    }
    Some(std::net::Ipv6Addr::from(octets).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(user: &str) -> Vec<u8> {
        let mut record = vec![0; RECORD_BYTES];
        record[0] = 7;
        record[4..8].copy_from_slice(&4242i32.to_le_bytes());
        record[8..13].copy_from_slice(b"pts/0");
        record[44..44 + user.len()].copy_from_slice(user.as_bytes());
        record[76..84].copy_from_slice(b"10.0.0.9");
        record[340..344].copy_from_slice(&1_700_000_000i32.to_le_bytes());
        record[348..352].copy_from_slice(&[10, 0, 0, 9]);
        record
    }

    #[test]
    fn a_login_is_read() {
        let mut bytes = login("ann");
        bytes.extend_from_slice(b"torn");
        let mut records = Records::of(&bytes);
        assert_eq!(records.torn(), 4);
        let record = records.next().unwrap();
        assert_eq!(record.kind.name(), "USER_PROCESS");
        assert_eq!((record.user.as_str(), record.line.as_str()), ("ann", "pts/0"));
        assert_eq!(record.address.unwrap().to_string(), "10.0.0.9");
        assert_eq!(record.seconds, 1_700_000_000);
        assert!(records.next().is_none());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..1200)) {
            let count = Records::of(&bytes).count();
            proptest::prop_assert_eq!(count, bytes.len() / RECORD_BYTES);
        }
    }
}
