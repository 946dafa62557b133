//! Writes a zip onto a channel. The zip library blocks, so it runs on a thread of its own; whoever
//! fills the zip waits when the reader is slow.

use std::io::{self, Write};

use api::ExportedFile;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use zip::write::{SimpleFileOptions, StreamWriter, ZipWriter};

use super::names::Taken;

/// What the browser receives.
pub(crate) type Chunk = Result<Bytes, io::Error>;

/// Pieces under way at once, each way.
const PIECES: usize = 8;
/// Bytes that are gathered before they are passed on.
const PIECE_BYTES: usize = 64 << 10;

enum Command {
    Begin(String),
    Data(Bytes),
    Finish,
}

/// A zip that is being written.
pub(crate) struct Pack {
    commands: mpsc::Sender<Command>,
    taken: Taken,
    gathered: Vec<u8>,
    open: Option<(String, Sha256, u64)>,
}

/// The reader is gone; there is nobody to write for.
#[derive(Debug, thiserror::Error)]
#[error("the download was broken off")]
pub(crate) struct Gone;

impl Pack {
    /// Starts a zip whose bytes, except the first `skip`, go to `chunks`.
    pub(crate) fn start(chunks: mpsc::Sender<Chunk>, skip: u64) -> Self {
        let (commands, todo) = mpsc::channel(PIECES);
        tokio::task::spawn_blocking(move || write(todo, chunks, skip));
        Self { commands, taken: Taken::default(), gathered: Vec::new(), open: None }
    }

    async fn command(&self, command: Command) -> Result<(), Gone> {
        self.commands.send(command).await.map_err(|_| Gone)
    }

    /// Begins a file under this name, or the next free one like it.
    pub(crate) async fn begin(&mut self, wanted: &str) -> Result<(), Gone> {
        let name = self.taken.free(wanted);
        self.command(Command::Begin(name.clone())).await?;
        self.open = Some((name, Sha256::new(), 0));
        Ok(())
    }

    /// Appends to the file that was begun.
    pub(crate) async fn data(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        if let Some((_, hash, size)) = &mut self.open {
            hash.update(bytes);
            *size += bytes.len() as u64;
        }
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= PIECE_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        let gathered = std::mem::take(&mut self.gathered);
        if gathered.is_empty() {
            return Ok(());
        }
        self.command(Command::Data(gathered.into())).await
    }

    /// Ends the file that was begun; what it became.
    pub(crate) async fn end(&mut self) -> Result<ExportedFile, Gone> {
        self.flush().await?;
        let (path, hash, size) = self.open.take().unwrap_or_default();
        let sha256 = hex::encode(hash.finalize());
        Ok(ExportedFile { path, size, sha256, ..ExportedFile::default() })
    }

    /// A whole small file.
    pub(crate) async fn whole(&mut self, name: &str, bytes: &[u8]) -> Result<ExportedFile, Gone> {
        self.begin(name).await?;
        self.data(bytes).await?;
        self.end().await
    }

    /// The zip is complete.
    pub(crate) async fn finish(self) -> Result<(), Gone> {
        self.command(Command::Finish).await
    }
}

/// Passes the zip's bytes on.
struct Out {
    chunks: mpsc::Sender<Chunk>,
    gathered: Vec<u8>,
    skip: u64,
}

impl Out {
    fn send(&mut self) -> io::Result<()> {
        let piece = Bytes::from(std::mem::take(&mut self.gathered));
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the download was broken off");
        self.chunks.blocking_send(Ok(piece)).map_err(gone)
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left_out = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
        self.skip -= left_out as u64;
        self.gathered.extend_from_slice(&bytes[left_out..]);
        if self.gathered.len() >= PIECE_BYTES {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write(mut todo: mpsc::Receiver<Command>, chunks: mpsc::Sender<Chunk>, skip: u64) {
    let out = Out { chunks: chunks.clone(), gathered: Vec::new(), skip };
    let mut zip = ZipWriter::new_stream(out);
    match fill(&mut todo, &mut zip) {
        Ok(true) => {
            let rest = zip.finish().map_err(io::Error::other).map(StreamWriter::into_inner);
            let sent = rest.and_then(|mut out| out.send());
            if let Err(error) = sent {
                let _ = chunks.blocking_send(Err(error));
            }
        }
        // Whoever filled it has given up and has said so; nothing more may follow.
        Ok(false) => std::mem::forget(zip),
        Err(error) => {
            std::mem::forget(zip);
            let _ = chunks.blocking_send(Err(error));
        }
    }
}

/// Whether the zip was filled to its end.
fn fill(
    todo: &mut mpsc::Receiver<Command>,
    zip: &mut ZipWriter<StreamWriter<Out>>,
) -> io::Result<bool> {
    // Sizes are not known before a file is written: leave room for more than 4 GiB.
    // No member has a time of its own: the same content makes the same bytes.
    let options = SimpleFileOptions::default()
        .large_file(true)
        .unix_permissions(0o600)
        .last_modified_time(zip::DateTime::default());
    while let Some(command) = todo.blocking_recv() {
        match command {
            Command::Begin(name) => zip.start_file(name, options).map_err(io::Error::other)?,
            Command::Data(bytes) => zip.write_all(&bytes)?,
            Command::Finish => return Ok(true),
        }
    }
    Ok(false)
}
