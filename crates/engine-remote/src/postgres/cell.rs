//! Values from and to PostgreSQL's binary forms.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::{BufMut, BytesMut};
use rows::{Time, Value};
use sql_text::Parameter;
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

type Fault = Box<dyn Error + Sync + Send>;

/// 2000-01-01, from which PostgreSQL counts, in microseconds since 1970.
const EPOCH: i64 = 946_684_800_000_000;

/// A value of a column of any type. Types without a value of ours become texts.
pub(super) struct Cell(pub(super) Value);

impl<'a> FromSql<'a> for Cell {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Fault> {
        value(kind, raw).map(Self)
    }

    fn from_sql_null(_: &Type) -> Result<Self, Fault> {
        Ok(Self(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn value(kind: &Type, raw: &[u8]) -> Result<Value, Fault> {
    match kind.kind() {
        Kind::Domain(inner) => return value(inner, raw),
        Kind::Enum(_) => return Ok(Value::text(raw)),
        Kind::Array(_) => {
            let cells = Vec::<Cell>::from_sql(kind, raw)?;
            return Ok(Value::from(cells.into_iter().map(|cell| cell.0).collect::<Vec<_>>()));
        }
        _ => {}
    }
    Ok(match *kind {
        Type::BOOL => Value::Bool(bool::from_sql(kind, raw)?),
        Type::INT2 => Value::Int(i64::from(i16::from_sql(kind, raw)?)),
        Type::INT4 => Value::Int(i64::from(i32::from_sql(kind, raw)?)),
        Type::INT8 => Value::Int(i64::from_sql(kind, raw)?),
        Type::OID | Type::XID => Value::Int(i64::from(u32::from_be_bytes(raw.try_into()?))),
        Type::XID8 => Value::Int(i64::from_be_bytes(raw.try_into()?)),
        Type::FLOAT4 => Value::Float(f64::from(f32::from_sql(kind, raw)?)),
        Type::FLOAT8 => Value::Float(f64::from_sql(kind, raw)?),
        Type::NUMERIC => numeric(raw)?,
        Type::TIMESTAMP | Type::TIMESTAMPTZ => time(i64::from_be_bytes(raw.try_into()?), 1),
        Type::DATE => time(i64::from(i32::from_be_bytes(raw.try_into()?)), 86_400_000_000),
        Type::JSON => rows_json::from_json(raw).unwrap_or_else(|_| Value::text(raw)),
        // The first byte is the version of the form.
        Type::JSONB => {
            let text = raw.get(1..).unwrap_or_default();
            rows_json::from_json(text).unwrap_or_else(|_| Value::text(text))
        }
        Type::UUID => {
            let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
            let part = |from: usize, to: usize| hex.get(from..to).unwrap_or("");
            let parts = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)];
            Value::text(parts.join("-"))
        }
        Type::INET | Type::CIDR => Value::text(address(raw).ok_or("an address of another form")?),
        Type::MACADDR | Type::MACADDR8 => {
            let parts: Vec<String> = raw.iter().map(|byte| format!("{byte:02x}")).collect();
            Value::text(parts.join(":"))
        }
        // Its columns hold any characters; so do ours.
        Type::BYTEA => Value::text(raw),
        Type::TEXT
        | Type::VARCHAR
        | Type::BPCHAR
        | Type::NAME
        | Type::UNKNOWN
        | Type::XML
        | Type::CHAR => Value::text(raw),
        _ if kind.name() == "citext" => Value::text(raw),
        _ => {
            let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
            Value::text(format!("\\x{hex}"))
        }
    })
}

fn time(number: i64, micros: i64) -> Value {
    let since_2000 = i128::from(number) * i128::from(micros);
    Value::Time(Time::from_unix_nanos((since_2000 + i128::from(EPOCH)) * 1_000))
}

/// Family, bits, whether it is a network, length, bytes.
fn address(raw: &[u8]) -> Option<String> {
    let [_, bits, _, _, bytes @ ..] = raw else { return None };
    let (address, all): (IpAddr, u8) = match bytes.len() {
        4 => (Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into(), 32),
        16 => (Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into(), 128),
        _ => return None,
    };
    Some(if *bits == all { address.to_string() } else { format!("{address}/{bits}") })
}

/// Digits of base 10,000: whole numbers that fit are whole, others have a fraction.
fn numeric(raw: &[u8]) -> Result<Value, Fault> {
    let short = |at: usize| -> Result<i16, Fault> {
        let bytes = raw.get(at..at + 2).ok_or("a number that ends early")?;
        Ok(i16::from_be_bytes(bytes.try_into()?))
    };
    let (count, weight, sign) = (short(0)?, short(2)?, short(4)?.cast_unsigned());
    match sign {
        0x0000 | 0x4000 => {}
        0xD000 => return Ok(Value::Float(f64::INFINITY)),
        0xF000 => return Ok(Value::Float(f64::NEG_INFINITY)),
        _ => return Ok(Value::Float(f64::NAN)),
    }
    let mut text = String::new();
    for place in 0..usize::try_from(count)? {
        text.push_str(&format!("{:04}", short(8 + 2 * place)?));
    }
    // The digits stand so many places before the point.
    let exponent = (i32::from(weight) + 1 - i32::from(count)) * 4;
    let minus = if sign == 0x4000 { "-" } else { "" };
    let zeroes = usize::try_from(exponent).unwrap_or(0);
    if exponent >= 0 && text.len() + zeroes <= 24 {
        let digits = format!("{minus}{text}{}", "0".repeat(zeroes));
        if let Ok(whole) = digits.parse::<i64>() {
            return Ok(Value::Int(whole));
        }
    }
    let text = if text.is_empty() { "0".to_owned() } else { text };
    Ok(Value::Float(format!("{minus}{text}e{exponent}").parse()?))
}

/// A value that is bound.
#[derive(Debug)]
pub(super) struct Bound<'p>(pub(super) &'p Parameter);

impl ToSql for Bound<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Fault> {
        match self.0 {
            Parameter::Null => return Ok(IsNull::Yes),
            Parameter::Bool(truth) => return truth.to_sql(kind, out),
            Parameter::Int(number) => out.put_i64(*number),
            Parameter::Float(number) => out.put_f64(*number),
            Parameter::Text(text) => out.put_slice(text.as_bytes()),
            // The ends of time stay the ends of time: they are its infinities.
            Parameter::Time(moment) => out.put_i64(moment.as_micros().saturating_sub(EPOCH)),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_value() {
        let check = |parts: &[i16], wanted: Value| {
            let raw: Vec<u8> = parts.iter().flat_map(|part| part.to_be_bytes()).collect();
            assert_eq!(numeric(&raw).unwrap(), wanted, "{parts:?}");
        };
        check(&[0, 0, 0, 0], Value::Int(0));
        check(&[1, 0, 0, 0, 42], Value::Int(42));
        check(&[1, 1, 0x4000, 0, 3], Value::Int(-30_000));
        check(&[2, 0, 0, 2, 1, 5_000], Value::Float(1.5));
        check(&[1, -1, 0, 4, 25], Value::Float(0.0025));
        check(&[1, 20, 0, 0, 1], Value::Float(1e80));
    }

    #[test]
    fn addresses_are_texts() {
        assert_eq!(address(&[2, 32, 0, 4, 10, 0, 0, 1]).as_deref(), Some("10.0.0.1"));
        assert_eq!(address(&[2, 8, 1, 4, 10, 0, 0, 0]).as_deref(), Some("10.0.0.0/8"));
        assert_eq!(address(&[2, 8, 1]), None);
    }
}
