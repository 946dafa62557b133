//! How many bytes of large messages are taken in at once, over all sessions.
//!
//! A session reads a little on its own. Before it reads more of one message it needs a ticket, which
//! stands for the largest message there may be, and keeps it until that message has had its effect.
//! Who gets none is not read: the bytes stay with the agent. So the memory for messages on their way to
//! the records is bounded, however many agents send at once and however slow the records are.
//!
//! # Invariants
//! - A session without a ticket holds at most [`FREE_BYTES`] that it has read and not dealt with.
//! - Who has a ticket needs nothing more to go on, so tickets come back; from who dawdles it is taken,
//!   with the connection, after [`TICKET_TIME`].

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tokio_util::sync::PollSemaphore;

/// Bytes that a session reads without a ticket.
pub(crate) const FREE_BYTES: usize = 16 << 10;

/// How long a large message may take from its first bytes to its last.
const TICKET_TIME: Duration = Duration::from_secs(60);

/// A connection whose reading is metered.
pub(crate) struct Metered<S> {
    inner: S,
    tickets: PollSemaphore,
    /// Bytes since the last [`dealt_with`](Self::dealt_with).
    read: usize,
    /// Made only for a large message.
    ticket: Option<Box<Ticket>>,
}

struct Ticket {
    _permit: OwnedSemaphorePermit,
    until: Pin<Box<Sleep>>,
}

impl<S> Metered<S> {
    pub(crate) fn new(inner: S, tickets: Arc<Semaphore>) -> Self {
        Self { inner, tickets: PollSemaphore::new(tickets), read: 0, ticket: None }
    }

    /// What was read has had its effect.
    pub(crate) fn dealt_with(&mut self) {
        self.read = 0;
        self.ticket = None;
    }

    fn poll_ticket(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.ticket {
            Some(ticket) => match ticket.until.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                Poll::Pending => Poll::Ready(Ok(())),
            },
            None => {
                let Some(permit) = ready!(self.tickets.poll_acquire(cx)) else {
                    return Poll::Ready(Err(io::Error::other("the server is stopping")));
                };
                let until = Box::pin(tokio::time::sleep(TICKET_TIME));
                self.ticket = Some(Box::new(Ticket { _permit: permit, until }));
                self.poll_ticket(cx)
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let free = FREE_BYTES.saturating_sub(self.read);
        if free == 0 || self.ticket.is_some() {
            ready!(self.poll_ticket(cx))?;
        }
        let most = if self.ticket.is_some() { buffer.remaining() } else { free };
        let most = most.min(buffer.remaining());
        let mut some = ReadBuf::new(buffer.initialize_unfilled_to(most));
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut some))?;
        let bytes = some.filled().len();
        buffer.advance(bytes);
        self.read += bytes;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn beyond_the_free_bytes_a_reader_waits_for_a_ticket() {
        let tickets = Arc::new(Semaphore::new(1));
        let pair = || {
            let (far, near) = duplex(1 << 20);
            (far, Metered::new(near, Arc::clone(&tickets)))
        };
        let ((mut far, mut first), (mut other, mut second)) = (pair(), pair());
        let large = vec![7; FREE_BYTES + 1];
        far.write_all(&large).await.unwrap();
        other.write_all(&large).await.unwrap();
        let mut buffer = vec![0; large.len()];
        first.read_exact(&mut buffer).await.unwrap();
        assert_eq!(tickets.available_permits(), 0);
        second.read_exact(&mut buffer[..FREE_BYTES]).await.unwrap();
        let mut rest = [0];
        let waiting = tokio::time::timeout(Duration::from_secs(1), second.read(&mut rest));
        assert!(waiting.await.is_err(), "nobody reads on without a ticket");
        first.dealt_with();
        assert_eq!(second.read(&mut rest).await.unwrap(), 1);
        second.dealt_with();
        assert_eq!(tickets.available_permits(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_dawdles_with_a_ticket_loses_it() {
        let tickets = Arc::new(Semaphore::new(1));
        let (mut far, near) = duplex(1 << 20);
        let mut metered = Metered::new(near, Arc::clone(&tickets));
        far.write_all(&[0; FREE_BYTES + 1]).await.unwrap();
        let mut buffer = vec![0; FREE_BYTES + 1];
        metered.read_exact(&mut buffer).await.unwrap();
        let error = metered.read(&mut buffer).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(metered);
        assert_eq!(tickets.available_permits(), 1);
    }
}
