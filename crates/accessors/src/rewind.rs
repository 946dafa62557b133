//! Seeking in a stream that can only be read forwards: going back opens it again.

use std::io::{self, Read, Seek, SeekFrom};

/// A stream that can be opened again.
pub(crate) struct Rewind<F> {
    open: F,
    stream: Box<dyn Read + Send>,
    at: u64,
    size: Option<u64>,
}

impl<F> Rewind<F>
where
    F: Fn() -> io::Result<Box<dyn Read + Send>>,
{
    /// `size` is the length when it is known; else seeking from the end reads everything once.
    pub(crate) fn new(open: F, size: Option<u64>) -> io::Result<Self> {
        let stream = open()?;
        Ok(Self { open, stream, at: 0, size })
    }

    fn length(&mut self) -> io::Result<u64> {
        if let Some(size) = self.size {
            return Ok(size);
        }
        let rest = io::copy(&mut self.stream, &mut io::sink())?;
        self.at += rest;
        self.size = Some(self.at);
        Ok(self.at)
    }
}

impl<F> Read for Rewind<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl<F> Seek for Rewind<F>
where
    F: Fn() -> io::Result<Box<dyn Read + Send>>,
{
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.length()?.checked_add_signed(by),
        };
        let target = target.ok_or(io::ErrorKind::InvalidInput)?;
        if target < self.at {
            self.stream = (self.open)()?;
            self.at = 0;
        }
        let skip = target - self.at;
        // Beyond the end there is nothing to read, which is no error.
        self.at += io::copy(&mut (&mut self.stream).take(skip), &mut io::sink())?;
        Ok(self.at)
    }
}
