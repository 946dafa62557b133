//! The function `base85decode`: reads Ascii85.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Base85Decode)
}

plugin_args! {
    /// Reads bytes that are written as Ascii85, with or without `<~` and `~>` around them.
    pub struct Base85DecodeArgs for "base85decode" {
        /// The text.
        string: Text,
    }
}

struct Base85Decode;

impl Function for Base85Decode {
    type Args = Base85DecodeArgs;

    fn call(&self, args: Base85DecodeArgs, _scope: &Scope) -> Result<Value, Failure> {
        Ok(Value::text(decode(&args.string)?))
    }
}

fn decode(text: &[u8]) -> Result<Vec<u8>, Failure> {
    let text = text.trim_ascii();
    let text = text.strip_prefix(b"<~").unwrap_or(text);
    let text = text.strip_suffix(b"~>").unwrap_or(text);
    let mut bytes = Vec::with_capacity(text.len() / 5 * 4);
    let mut group: Vec<u8> = Vec::with_capacity(5);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            byte if byte.is_ascii_whitespace() => {}
            b'z' if group.is_empty() => bytes.extend([0; 4]),
            b'!'..=b'u' => {
                group.push(byte - b'!');
                if group.len() == 5 {
                    bytes.extend(unpacked(&group, at)?);
                    group.clear();
                }
            }
            other => {
                let shown = char::from(*other);
                return Err(Failure::new(format!("`{shown}` at {at} is no digit of Ascii85")));
            }
        }
    }
    match group.len() {
        0 => {}
        1 => return Err(Failure::new("the text is cut off: one digit alone means nothing")),
        digits => {
            group.resize(5, 84);
            bytes.extend(&unpacked(&group, text.len())?[..digits - 1]);
        }
    }
    Ok(bytes)
}

fn unpacked(group: &[u8], at: usize) -> Result<[u8; 4], Failure> {
    let number = group.iter().fold(0_u64, |number, digit| number * 85 + u64::from(*digit));
    let number = u32::try_from(number)
        .map_err(|_| Failure::new(format!("the digits up to {at} mean more than four bytes")))?;
    Ok(number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read() {
        let read = |text: &str| decode(text.as_bytes()).map_err(|error| error.to_string());
        assert_eq!(read("<~87cURD]i,\"Ebo80~>"), Ok(b"Hello World!".to_vec()));
        assert_eq!(read("87cUR DZ"), Ok(b"Hello".to_vec()));
        assert_eq!(read("z!!"), Ok(vec![0; 5]));
        assert_eq!(read("v"), Err("`v` at 0 is no digit of Ascii85".to_owned()));
        assert!(read("uuuuu").is_err() && read("8").is_err());
    }
}
