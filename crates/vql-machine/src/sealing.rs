//! Files that anybody may add rows to and only the owner of a key can read: the container of
//! `write_crypto_file` and `read_crypto_file`.
//!
//! A file is a list of blocks: a letter, the length of what follows (four bytes, the most
//! significant first), and that. `K` begins a session: the eight bytes `LYSEAL01` and a public key
//! of X25519 that was made for this session. `R` holds rows, one JSON object a line; `E` ends the
//! session and is empty. `R` and `E` are sealed with ChaCha20-Poly1305: the key is drawn by
//! HKDF-SHA256 from the agreement of the session's key with the reader's, salted with both public
//! keys; the nonce is the number of the block within the session, and the letter is authenticated
//! with it. So blocks cannot be read, changed, moved or left out unnoticed; a session without its
//! `E` was cut off.

use std::io::{self, Read, Write};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use ring::rand::SystemRandom;

const MAGIC: &[u8; 8] = b"LYSEAL01";
const INFO: &[u8] = b"lycaon sealed rows";
/// The largest block that is read.
const BLOCK_MAX_BYTES: usize = 256 << 20;

/// The public half of the key that sealed files are written for. A program offers it to plugins
/// as a port of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealFor(pub [u8; 32]);

/// The private half: whoever has it reads sealed files.
#[derive(Clone, Copy)]
pub struct SealOpener(pub [u8; 32]);

impl SealOpener {
    /// The public half.
    pub fn public(&self) -> SealFor {
        let secret = x25519_dalek::StaticSecret::from(self.0);
        SealFor(*x25519_dalek::PublicKey::from(&secret).as_bytes())
    }
}

/// Why a sealed file cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The system's source of chance or the library gave up.
    #[error("the encryption failed")]
    Crypto,
    /// The file is none.
    #[error("not a sealed file: it does not begin with a key")]
    NotSealed,
    /// A block does not open: another key, or somebody changed it.
    #[error("block {0} does not open: it was sealed for another key, or it was changed")]
    Refused(u64),
    /// The file ends within a block or a session.
    #[error("the file is cut off: the rows up to here are complete")]
    CutOff,
    /// A block is larger than any that is written.
    #[error("block {0} is larger than any that is written")]
    TooLarge(u64),
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

struct KeyLength;

impl KeyType for KeyLength {
    fn len(&self) -> usize {
        32
    }
}

fn session_key(shared: &[u8], session: &[u8], reader: &[u8]) -> Result<LessSafeKey, SealError> {
    let salt = Salt::new(HKDF_SHA256, &[session, reader].concat());
    let mut key = [0; 32];
    salt.extract(shared)
        .expand(&[INFO], KeyLength)
        .and_then(|drawn| drawn.fill(&mut key))
        .map_err(|_| SealError::Crypto)?;
    let key = UnboundKey::new(&CHACHA20_POLY1305, &key).map_err(|_| SealError::Crypto)?;
    Ok(LessSafeKey::new(key))
}

fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[NONCE_LEN - 8..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// Adds a session to a file.
pub(crate) struct Sealer<W> {
    out: W,
    key: LessSafeKey,
    blocks: u64,
}

impl<W: Write> Sealer<W> {
    /// Begins a session.
    pub(crate) fn begin(mut out: W, reader: &SealFor) -> Result<Self, SealError> {
        let secret = EphemeralPrivateKey::generate(&X25519, &SystemRandom::new())
            .map_err(|_| SealError::Crypto)?;
        let session = secret.compute_public_key().map_err(|_| SealError::Crypto)?;
        let session = session.as_ref().to_vec();
        let peer = UnparsedPublicKey::new(&X25519, reader.0);
        let key = agree_ephemeral(secret, &peer, |shared| session_key(shared, &session, &reader.0))
            .map_err(|_| SealError::Crypto)??;
        write_block(&mut out, b'K', &[&MAGIC[..], &session].concat())?;
        Ok(Self { out, key, blocks: 0 })
    }

    /// Adds rows, each of which ends with a line feed.
    pub(crate) fn rows(&mut self, lines: &[u8]) -> Result<(), SealError> {
        self.block(b'R', lines)?;
        Ok(self.out.flush()?)
    }

    /// Ends the session.
    pub(crate) fn end(mut self) -> Result<(), SealError> {
        self.block(b'E', b"")?;
        Ok(self.out.flush()?)
    }

    fn block(&mut self, letter: u8, content: &[u8]) -> Result<(), SealError> {
        let mut sealed = content.to_vec();
        self.key
            .seal_in_place_append_tag(nonce(self.blocks), Aad::from([letter]), &mut sealed)
            .map_err(|_| SealError::Crypto)?;
        self.blocks += 1;
        Ok(write_block(&mut self.out, letter, &sealed)?)
    }
}

fn write_block(out: &mut impl Write, letter: u8, content: &[u8]) -> io::Result<()> {
    let length = u32::try_from(content.len())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "the block is too large"))?;
    out.write_all(&[letter])?;
    out.write_all(&length.to_be_bytes())?;
    out.write_all(content)
}

/// Reads the rows of a file, block by block.
pub(crate) struct Opener<R> {
    file: R,
    secret: SealOpener,
    key: Option<LessSafeKey>,
    /// Blocks of this session, and of the whole file.
    number: u64,
    total: u64,
}

impl<R: Read> Opener<R> {
    pub(crate) fn new(file: R, secret: SealOpener) -> Self {
        Self { file, secret, key: None, number: 0, total: 0 }
    }

    /// The lines of the next block of rows; `None` at the end.
    pub(crate) fn next_rows(&mut self) -> Result<Option<Vec<u8>>, SealError> {
        loop {
            let Some((letter, mut content)) = self.read_block()? else {
                return if self.key.is_some() { Err(SealError::CutOff) } else { Ok(None) };
            };
            self.total += 1;
            if letter == b'K' {
                self.key = Some(self.session(&content)?);
                self.number = 0;
                continue;
            }
            let Some(key) = &self.key else { return Err(SealError::NotSealed) };
            let opened = key
                .open_in_place(nonce(self.number), Aad::from([letter]), &mut content)
                .map_err(|_| SealError::Refused(self.total))?
                .len();
            self.number += 1;
            content.truncate(opened);
            match letter {
                b'R' => return Ok(Some(content)),
                _ => self.key = None,
            }
        }
    }

    fn session(&self, content: &[u8]) -> Result<LessSafeKey, SealError> {
        let public = content.strip_prefix(MAGIC).and_then(|key| <[u8; 32]>::try_from(key).ok());
        let public = public.ok_or(SealError::NotSealed)?;
        let secret = x25519_dalek::StaticSecret::from(self.secret.0);
        let reader = x25519_dalek::PublicKey::from(&secret);
        let shared = secret.diffie_hellman(&x25519_dalek::PublicKey::from(public));
        session_key(shared.as_bytes(), &public, reader.as_bytes())
    }

    fn read_block(&mut self) -> Result<Option<(u8, Vec<u8>)>, SealError> {
        let mut head = [0; 5];
        let mut filled = 0;
        while filled < head.len() {
            match self.file.read(&mut head[filled..])? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(SealError::CutOff),
                count => filled += count,
            }
        }
        if self.total == 0 && head[0] != b'K' {
            return Err(SealError::NotSealed);
        }
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if length > BLOCK_MAX_BYTES {
            return Err(SealError::TooLarge(self.total + 1));
        }
        let mut content = Vec::new();
        (&mut self.file).take(length as u64).read_to_end(&mut content)?;
        if content.len() < length {
            return Err(SealError::CutOff);
        }
        Ok(Some((head[0], content)))
    }
}

/// A key as people write it: 64 hexadecimal digits.
pub(crate) fn key(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    hex::decode_to_slice(text.trim(), &mut key).ok()?;
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> (SealOpener, SealFor) {
        let secret = SealOpener([7; 32]);
        (secret, secret.public())
    }

    fn sealed(sessions: &[&[&str]]) -> Vec<u8> {
        let mut file = Vec::new();
        for blocks in sessions {
            let mut sealer = Sealer::begin(&mut file, &keys().1).unwrap();
            for block in *blocks {
                sealer.rows(block.as_bytes()).unwrap();
            }
            sealer.end().unwrap();
        }
        file
    }

    fn opened(file: &[u8], secret: SealOpener) -> String {
        let mut opener = Opener::new(file, secret);
        let mut text = String::new();
        loop {
            match opener.next_rows() {
                Ok(Some(rows)) => text += &String::from_utf8(rows).unwrap(),
                Ok(None) => return text,
                Err(error) => return format!("{text}{error}"),
            }
        }
    }

    #[test]
    fn only_the_owner_of_the_key_reads_and_sessions_add_up() {
        let file = sealed(&[&["a\n", "b\n"], &["c\n"]]);
        assert_eq!(opened(&file, keys().0), "a\nb\nc\n");
        assert!(!file.windows(2).any(|window| window == b"a\n" || window == b"b\n"));
        assert!(opened(&file, SealOpener([8; 32])).contains("another key"));
        assert_eq!(opened(b"plain text", keys().0), SealError::NotSealed.to_string());
    }

    #[test]
    fn nothing_is_changed_or_cut_off_unnoticed() {
        let file = sealed(&[&["a\n"]]);
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 1;
            let read = opened(&changed, keys().0);
            assert!(read != "a\n" && !read.is_empty(), "byte {at}: {read}");
            assert_ne!(opened(&file[..at], keys().0), "a\n", "cut at {at}");
        }
    }
}
