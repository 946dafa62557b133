//! Encrypted members: the old cipher of zip, and AES as WinZip uses it.

use std::io::{self, Read};

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use rows::{Text, Value};
use vql_plugin::Scope;

/// The variable that holds the passwords.
const PASSWORDS: &str = "ZIP_PASSWORDS";

/// The passwords that the query knows: an array of them, or a text that is one, or several with
/// commas between.
pub(crate) fn passwords(scope: &Scope) -> Vec<Text> {
    let Some(value) = scope.lookup(PASSWORDS) else { return Vec::new() };
    match scope.materialise(&value) {
        Value::Array(values) => values.iter().map(Value::to_text).collect(),
        Value::Null => Vec::new(),
        other => {
            let whole = other.to_text();
            let parts = whole.split(|byte| *byte == b',').map(Text::from);
            let parts: Vec<Text> = parts.filter(|part| *part != whole).collect();
            std::iter::once(whole).chain(parts).collect()
        }
    }
}

/// Why an encrypted member cannot be read.
pub(crate) fn no_password(tried: usize) -> io::Error {
    let text = match tried {
        0 => format!("is encrypted; set the variable {PASSWORDS}"),
        1 => format!("is encrypted, and not with the password in {PASSWORDS}"),
        count => format!("is encrypted, and not with any of the {count} passwords in {PASSWORDS}"),
    };
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}

/// The old cipher. `check` is what the last byte of its header must decrypt to.
pub(crate) fn old_cipher(
    mut packed: Box<dyn Read + Send>,
    check: u8,
    passwords: &[Text],
) -> io::Result<Box<dyn Read + Send>> {
    let mut header = [0; 12];
    packed.read_exact(&mut header)?;
    for password in passwords {
        let mut keys = OldKeys::new(password);
        let mut opened = header;
        opened.iter_mut().for_each(|byte| *byte = keys.decrypt(*byte));
        if opened[11] == check {
            return Ok(Box::new(OldCipher { packed, keys }));
        }
    }
    Err(no_password(passwords.len()))
}

struct OldCipher {
    packed: Box<dyn Read + Send>,
    keys: OldKeys,
}

impl Read for OldCipher {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.packed.read(buffer)?;
        buffer[..count].iter_mut().for_each(|byte| *byte = self.keys.decrypt(*byte));
        Ok(count)
    }
}

#[derive(Clone)]
struct OldKeys(u32, u32, u32);

impl OldKeys {
    fn new(password: &[u8]) -> Self {
        let mut keys = Self(0x1234_5678, 0x2345_6789, 0x3456_7890);
        password.iter().for_each(|byte| keys.update(*byte));
        keys
    }

    fn update(&mut self, byte: u8) {
        self.0 = crc_step(self.0, byte);
        self.1 = self.1.wrapping_add(self.0 & 0xff).wrapping_mul(134_775_813).wrapping_add(1);
        self.2 = crc_step(self.2, (self.1 >> 24) as u8);
    }

    fn decrypt(&mut self, byte: u8) -> u8 {
        let two = (self.2 | 2) & 0xffff;
        let byte = byte ^ (two.wrapping_mul(two ^ 1) >> 8) as u8;
        self.update(byte);
        byte
    }
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut value = at as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        table[at] = value;
        at += 1;
    }
    table
};

fn crc_step(crc: u32, byte: u8) -> u32 {
    (crc >> 8) ^ CRC_TABLE[((crc ^ u32::from(byte)) & 0xff) as usize]
}

/// AES. `strength` is 1, 2 or 3 for keys of 128, 192 or 256 bits; `packed_bytes` is the length of
/// what `packed` yields.
pub(crate) fn aes(
    mut packed: Box<dyn Read + Send>,
    packed_bytes: u64,
    strength: u8,
    passwords: &[Text],
) -> io::Result<Box<dyn Read + Send>> {
    const ROUNDS: u32 = 1000;
    const SEAL_BYTES: u64 = 10;
    let key_bytes = match strength {
        1 => 16,
        2 => 24,
        3 => 32,
        _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "has a key of unknown length")),
    };
    let mut salt = vec![0; key_bytes / 2];
    packed.read_exact(&mut salt)?;
    let mut check = [0; 2];
    packed.read_exact(&mut check)?;
    let content = packed_bytes.saturating_sub(salt.len() as u64 + 2 + SEAL_BYTES);
    for password in passwords {
        let mut derived = vec![0; key_bytes * 2 + 2];
        pbkdf2::pbkdf2_hmac::<sha1::Sha1>(password, &salt, ROUNDS, &mut derived);
        if derived[key_bytes * 2..] != check {
            continue;
        }
        let key = &derived[..key_bytes];
        let wrong_length = |_| io::Error::other("has a key of unknown length");
        let cipher = match strength {
            1 => Cipher::Short(Aes128::new_from_slice(key).map_err(wrong_length)?),
            2 => Cipher::Middle(Aes192::new_from_slice(key).map_err(wrong_length)?),
            _ => Cipher::Long(Aes256::new_from_slice(key).map_err(wrong_length)?),
        };
        let packed = packed.take(content);
        return Ok(Box::new(AesStream { packed, cipher, counter: 0, pad: [0; 16], used: 16 }));
    }
    Err(no_password(passwords.len()))
}

enum Cipher {
    Short(Aes128),
    Middle(Aes192),
    Long(Aes256),
}

struct AesStream {
    packed: io::Take<Box<dyn Read + Send>>,
    cipher: Cipher,
    counter: u128,
    pad: [u8; 16],
    used: usize,
}

impl AesStream {
    fn next_pad(&mut self) {
        self.counter += 1;
        let mut block = aes::Block::from(self.counter.to_le_bytes());
        match &self.cipher {
            Cipher::Short(cipher) => cipher.encrypt_block(&mut block),
            Cipher::Middle(cipher) => cipher.encrypt_block(&mut block),
            Cipher::Long(cipher) => cipher.encrypt_block(&mut block),
        }
        self.pad.copy_from_slice(&block);
        self.used = 0;
    }
}

impl Read for AesStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.packed.read(buffer)?;
        for byte in &mut buffer[..count] {
            if self.used == self.pad.len() {
                self.next_pad();
            }
            *byte ^= self.pad[self.used];
            self.used += 1;
        }
        Ok(count)
    }
}
