//! Whether a rule found what its author expects.

use std::fmt;

use rows::{Row, Value};

/// How an answer differs from what was expected.
#[derive(Clone, Debug, Default)]
pub struct Mismatch {
    /// Expected, and found in no row that was left for it.
    pub missing: Vec<Row>,
    /// Found, and expected by nobody.
    pub unexpected: Vec<Row>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_MAX: usize = 5;
        let mut lines = Vec::new();
        for (rows, what) in
            [(&self.missing, "expected, not found"), (&self.unexpected, "found, not expected")]
        {
            for row in rows.iter().take(SHOWN_MAX) {
                lines.push(format!("{what}: {}", Value::Dict(row.clone())));
            }
            if rows.len() > SHOWN_MAX {
                lines.push(format!("{what}: {} more", rows.len() - SHOWN_MAX));
            }
        }
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Mismatch {}

/// Compares the rows of an answer with those expected, in any order: each expected row is part of a
/// row of its own, and no row is left over.
pub fn test_outcome(expect: &[Row], rows: &[Row]) -> Result<(), Mismatch> {
    // Which row serves which expectation is a matching: a row that fits two must not be given to
    // the one that has another choice.
    let mut server: Vec<Option<usize>> = vec![None; rows.len()];
    let mut missing = Vec::new();
    for (wanted_at, wanted) in expect.iter().enumerate() {
        let mut seen = vec![false; rows.len()];
        let fits = |wanted: usize, row: usize| is_part(&expect[wanted], &rows[row]);
        if !serve(wanted_at, &mut server, &mut seen, &fits) {
            missing.push(wanted.clone());
        }
    }
    let free = |(row, server): (&Row, &Option<usize>)| server.is_none().then(|| row.clone());
    let unexpected: Vec<Row> = rows.iter().zip(&server).filter_map(free).collect();
    if missing.is_empty() && unexpected.is_empty() {
        return Ok(());
    }
    Err(Mismatch { missing, unexpected })
}

/// Finds a row for an expectation, moving others to other rows where they have one.
fn serve(
    wanted: usize,
    server: &mut [Option<usize>],
    seen: &mut [bool],
    fits: &dyn Fn(usize, usize) -> bool,
) -> bool {
    for row in 0..server.len() {
        if seen[row] || !fits(wanted, row) {
            continue;
        }
        seen[row] = true;
        let free = match server[row] {
            None => true,
            Some(other) => serve(other, server, seen, fits),
        };
        if free {
            server[row] = Some(wanted);
            return true;
        }
    }
    false
}

/// Whether every field of `wanted` has that value in `row`.
fn is_part(wanted: &Row, row: &Row) -> bool {
    wanted.iter().all(|(name, value)| match row.get(name.as_str()) {
        Some(found) => same(value, found),
        None => value.is_null(),
    })
}

/// Equal, or the same moment or number in another spelling.
fn same(wanted: &Value, found: &Value) -> bool {
    if wanted.is_null() || found.is_null() {
        return wanted.is_null() && found.is_null();
    }
    if let (Value::Dict(wanted), Value::Dict(found)) = (wanted, found) {
        return is_part(wanted, found);
    }
    if let (Value::Array(wanted), Value::Array(found)) = (wanted, found) {
        return wanted.len() == found.len()
            && wanted.iter().zip(found.iter()).all(|(wanted, found)| same(wanted, found));
    }
    let moment = |value: &Value| match value {
        Value::Time(time) => Some(*time),
        Value::Text(text) => {
            text.as_str().filter(|text| text.len() >= 19).and_then(rows::Time::parse)
        }
        _ => None,
    };
    let text = |value: &Value| value.to_text();
    rows::equal(wanted, found)
        || text(wanted) == text(found)
        || matches!((moment(wanted), moment(found)), (Some(a), Some(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn rows(of: &[&[(&str, Value)]]) -> Vec<Row> {
        let row = |fields: &&[(&str, Value)]| {
            let mut row = Row::new();
            fields.iter().for_each(|(name, value)| row.set(*name, value.clone()));
            row
        };
        of.iter().map(row).collect()
    }

    fn check(expect: &[&[(&str, Value)]], found: &[&[(&str, Value)]], wanted: Expect) {
        let outcome = test_outcome(&rows(expect), &rows(found));
        wanted.assert_eq(&outcome.map_or_else(|mismatch| mismatch.to_string(), |()| "good".into()));
    }

    #[test]
    fn each_expected_row_is_part_of_a_row_of_its_own() {
        let host = |name: &str| ("Host", Value::from(name));
        let user = |name: &str| ("User", Value::from(name));
        check(&[&[host("a")]], &[&[host("a"), user("x")]], expect!["good"]);
        check(&[], &[], expect!["good"]);
        // The first expectation fits both rows, the second only one of them.
        check(
            &[&[host("a")], &[host("a"), user("x")]],
            &[&[host("a"), user("x")], &[host("a"), user("y")]],
            expect!["good"],
        );
        check(
            &[&[host("a")], &[host("a")]],
            &[&[host("a")], &[host("b")]],
            expect![[r#"
                expected, not found: {"Host":"a"}
                found, not expected: {"Host":"b"}"#]],
        );
    }

    #[test]
    fn spellings_of_one_value_are_one() {
        let time = Value::Time(rows::Time::parse("2026-01-01T00:00:00Z").unwrap());
        check(
            &[&[("t", Value::from("2026-01-01T01:00:00+01:00"))]],
            &[&[("t", time)]],
            expect!["good"],
        );
        check(&[&[("n", Value::Int(5))]], &[&[("n", Value::Float(5.0))]], expect!["good"]);
        check(&[&[("n", Value::Null)]], &[&[("m", Value::Int(1))]], expect!["good"]);
        check(
            &[&[("n", Value::Null)]],
            &[&[("n", Value::from(""))]],
            expect![[r#"
            expected, not found: {"n":null}
            found, not expected: {"n":""}"#]],
        );
    }
}
