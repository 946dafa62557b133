//! The function `crypto_rc4`: encrypts or decrypts with RC4.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(CryptoRc4)
}

plugin_args! {
    /// Encrypts or decrypts bytes with RC4, which is the same. For reading what others have hidden
    /// this way: RC4 protects nothing.
    pub struct CryptoRc4Args for "crypto_rc4" {
        /// The bytes.
        string: Text,
        /// The key, of 1 to 256 bytes.
        key: Text,
    }
}

struct CryptoRc4;

impl Function for CryptoRc4 {
    type Args = CryptoRc4Args;

    fn call(&self, args: CryptoRc4Args, _scope: &Scope) -> Result<Value, Failure> {
        if args.key.is_empty() || args.key.len() > 256 {
            let length = args.key.len();
            return Err(Failure::new(format!("the key has 1 to 256 bytes, not {length}")));
        }
        Ok(Value::text(rc4(&args.key, &args.string)))
    }
}

fn rc4(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut state: [u8; 256] = std::array::from_fn(|at| at as u8);
    let mut j = 0_u8;
    for i in 0..256 {
        j = j.wrapping_add(state[i]).wrapping_add(key[i % key.len()]);
        state.swap(i, usize::from(j));
    }
    let (mut i, mut j) = (0_u8, 0_u8);
    let mut next = || {
        i = i.wrapping_add(1);
        j = j.wrapping_add(state[usize::from(i)]);
        state.swap(usize::from(i), usize::from(j));
        let sum = state[usize::from(i)].wrapping_add(state[usize::from(j)]);
        state[usize::from(sum)]
    };
    bytes.iter().map(|byte| byte ^ next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        assert_eq!(rc4(b"Key", b"Plaintext"), b"\xbb\xf3\x16\xe8\xd9\x40\xaf\x0a\xd3");
        assert_eq!(rc4(b"Wiki", b"pedia"), b"\x10\x21\xbf\x04\x20");
    }
}
