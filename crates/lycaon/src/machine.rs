//! The clock and the source of chance of the machine that this program runs on. Everybody below is handed
//! these; nobody below asks the system.

use std::time::{SystemTime, UNIX_EPOCH};

use base::{Clock, Entropy, Timestamp};

/// The system's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
        };
        Timestamp::from_micros(micros)
    }
}

/// The system's source of chance, fit for keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill(&mut self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("without the system's randomness no key may be made");
    }
}
