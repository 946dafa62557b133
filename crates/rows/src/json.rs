//! Values as JSON text: keys in order, floats without a trailing `.0`, replacement characters for
//! bytes that are not UTF-8.

use crate::{Dict, Value, json_float};

/// Appends a value as JSON.
pub fn write_json(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(number) => {
            use std::io::Write;
            // Writing to a vector cannot fail.
            let _ = write!(out, "{number}");
        }
        Value::Float(number) => match json_float(*number) {
            Some(text) => out.extend_from_slice(text.as_bytes()),
            None => out.extend_from_slice(b"null"),
        },
        Value::Text(text) => write_string(text, out),
        Value::Array(values) => {
            out.push(b'[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_json(value, out);
            }
            out.push(b']');
        }
        Value::Dict(dict) => write_json_row(dict, out),
        Value::Time(time) => write_string(time.to_string().as_bytes(), out),
        Value::Path(path) => write_string(&path.to_text(), out),
        Value::Object(object) => write_json(&object.materialise(), out),
    }
}

/// Appends a row as a JSON object.
pub fn write_json_row(row: &Dict, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (key, value)) in row.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(key.as_bytes(), out);
        out.push(b':');
        write_json(value, out);
    }
    out.push(b'}');
}

fn write_string(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for chunk in bytes.utf8_chunks() {
        write_escaped(chunk.valid(), out);
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out.push(b'"');
}

fn write_escaped(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut clean_from = 0;
    let bytes = text.as_bytes();
    for (index, byte) in bytes.iter().enumerate() {
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x00..=0x1f => 0,
            _ => continue,
        };
        out.extend_from_slice(&bytes[clean_from..index]);
        clean_from = index + 1;
        out.push(b'\\');
        if short == 0 {
            out.extend_from_slice(b"u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        } else {
            out.push(short);
        }
    }
    out.extend_from_slice(&bytes[clean_from..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: impl Into<Value>, json: &str) {
        let mut out = Vec::new();
        write_json(&value.into(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), json);
    }

    #[test]
    fn values_print_as_json() {
        check(4.0, "4");
        check("a\"\\\n\u{1}é", r#""a\"\\\n\u0001é""#);
        check(&b"a\xffb"[..], "\"a\u{fffd}b\"");
        check(Dict::from([("b", Value::Int(1)), ("a", Value::Null)]), r#"{"b":1,"a":null}"#);
        check(vec![Value::Bool(true), Value::Float(f64::NAN)], "[true,null]");
    }
}
