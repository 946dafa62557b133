//! What the kernel tells about processes over the process connector.

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessEvent {
    /// Nanoseconds after the boot.
    pub boot_nanos: u64,
    /// The process, and its thread.
    pub process: i64,
    /// The thread that did it.
    pub thread: i64,
    /// What happened.
    pub what: Happened,
}

/// What happened to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// It started another process or thread.
    Fork {
        /// The new process.
        child: i64,
        /// Its thread; another number than the process where only a thread was started.
        child_thread: i64,
    },
    /// It runs another program now.
    Exec,
    /// It acts for another user.
    User {
        /// The real user.
        real: u32,
        /// The effective user.
        effective: u32,
    },
    /// It acts for another group.
    Group {
        /// The real group.
        real: u32,
        /// The effective group.
        effective: u32,
    },
    /// It opened a session of its own.
    Session,
    /// Another process traces it, or does not any more.
    Traced {
        /// The tracer; 0 when it stopped.
        tracer: i64,
    },
    /// It ended.
    Exit {
        /// As `wait` tells it: the code above the signal.
        status: u32,
        /// The signal for its parent.
        signal: u32,
        /// Its parent.
        parent: Option<i64>,
    },
}

const NETLINK_BYTES: usize = 16;
const CONNECTOR_BYTES: usize = 20;
/// The messages of processes among those of all connectors.
const PROCESSES: (u32, u32) = (1, 1);

/// Reads one netlink message. `None` for what is something else or too short.
pub fn process_event(message: &[u8]) -> Option<ProcessEvent> {
    let body = message.get(NETLINK_BYTES..)?;
    if (word(body, 0)?, word(body, 4)?) != PROCESSES {
        return None;
    }
    let event = body.get(CONNECTOR_BYTES..)?;
    let low = u64::from(word(event, 8)?);
    let high = u64::from(word(event, 12)?);
    let field = |number: usize| word(event, 16 + 4 * number);
    let id = |number: usize| field(number).map(i64::from);
    let (mut process, mut thread) = (id(1)?, id(0)?);
    let what = match word(event, 0)? {
        1 => {
            (process, thread) = (id(1)?, id(0)?);
            Happened::Fork { child: id(3)?, child_thread: id(2)? }
        }
        2 => Happened::Exec,
        4 => Happened::User { real: field(2)?, effective: field(3)? },
        0x40 => Happened::Group { real: field(2)?, effective: field(3)? },
        0x80 => Happened::Session,
        0x100 => Happened::Traced { tracer: id(3)? },
        0x8000_0000 => Happened::Exit { status: field(2)?, signal: field(3)?, parent: id(5) },
        _ => return None,
    };
    Some(ProcessEvent { boot_nanos: high << 32 | low, process, thread, what })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let part = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(part.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(what: u32, fields: &[u32]) -> Vec<u8> {
        let head = [0, 0, 0, 0, 1, 1, 0, 0, 40];
        let event = [what, 0, 7, 1];
        head.iter().chain(&event).chain(fields).flat_map(|word: &u32| word.to_ne_bytes()).collect()
    }

    #[test]
    fn every_kind_is_read() {
        let check = |what, fields: &[u32], process, wanted| {
            let event = process_event(&message(what, fields)).unwrap();
            assert_eq!((event.process, event.what), (process, wanted));
            assert_eq!(event.boot_nanos, (1 << 32) + 7);
        };
        check(1, &[10, 9, 12, 11], 9, Happened::Fork { child: 11, child_thread: 12 });
        check(2, &[10, 10], 10, Happened::Exec);
        check(4, &[10, 10, 1000, 0], 10, Happened::User { real: 1000, effective: 0 });
        check(0x40, &[10, 10, 5, 0], 10, Happened::Group { real: 5, effective: 0 });
        check(0x80, &[10, 10], 10, Happened::Session);
        check(0x100, &[10, 10, 3, 3], 10, Happened::Traced { tracer: 3 });
        let exit = Happened::Exit { status: 256, signal: 17, parent: Some(1) };
        check(0x8000_0000, &[10, 10, 256, 17, 1, 1], 10, exit);
    }

    #[test]
    fn other_messages_are_none() {
        assert_eq!(process_event(&message(0, &[0, 0])), None);
        assert_eq!(process_event(&message(2, &[10])), None);
        let mut other = message(2, &[10, 10]);
        other[16] = 9;
        assert_eq!(process_event(&other), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..120)) {
            let _ = process_event(&bytes);
        }
    }
}
