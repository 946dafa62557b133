//! Lists of clients as people paste them: ids and host names, one a line or separated by commas, or a
//! table (CSV) of which one column is meant.
//!
//! Pure: text in, names with their lines out, or everything that is wrong with it. Which clients the
//! names belong to is the server's knowledge.

use std::collections::BTreeSet;

use base::ClientId;

/// Names in one list.
const NAMES_MAX: usize = 100_000;
/// Problems that are told one by one.
const PROBLEMS_MAX: usize = 20;
/// Bytes of a host name.
const HOST_BYTES_MAX: usize = 253;

/// Columns that are meant when nobody names one, the best first; without case, blanks, `_` and `-`.
const COLUMNS: [&str; 16] = [
    "clientid",
    "client",
    "fqdn",
    "dnshostname",
    "hostname",
    "host",
    "computername",
    "computer",
    "machinename",
    "machine",
    "devicename",
    "device",
    "endpoint",
    "asset",
    "name",
    "id",
];

/// Words that are a heading even when they stand alone on the first line: nobody's machine has them as
/// a name.
const SURE_HEADINGS: [&str; 5] = ["clientid", "fqdn", "dnshostname", "hostname", "computername"];

/// How a list names a client.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClientName {
    /// By its id.
    Id(ClientId),
    /// By its short or full host name.
    Host(String),
}

/// One name of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedClient {
    /// Its line, from 1.
    pub line: u64,
    /// The name.
    pub name: ClientName,
}

/// Something that is wrong with a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListProblem {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: String,
}

fn problem(line: u64, message: impl Into<String>, hint: impl Into<String>) -> ListProblem {
    ListProblem { line, message: message.into(), hint: hint.into() }
}

/// Reads one name.
///
/// # Errors
///
/// What is wrong with it, for a person.
pub fn read_client_name(text: &str) -> Result<ClientName, String> {
    let name = text.trim().trim_matches(['"', '\'']).trim();
    if let Ok(id) = name.parse::<ClientId>() {
        return Ok(ClientName::Id(id));
    }
    let shown: String = name.chars().take(60).collect();
    let digits = name.strip_prefix("C.").unwrap_or("");
    if digits.len() > 15 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(format!("`{shown}` is not a client's id: `C.` and 32 hex digits"));
    }
    // Active Directory writes computers as `WEB1$`, DNS ends full names with a dot.
    let host = name.strip_suffix('$').unwrap_or(name);
    let host = host.strip_suffix('.').unwrap_or(host);
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    if host.is_empty() || host.len() > HOST_BYTES_MAX || !host.chars().all(fits) {
        return Err(format!("`{shown}` is neither a client's id nor a host name"));
    }
    Ok(ClientName::Host(host.to_owned()))
}

/// Reads a list. With `column` it is a table with a heading, of which this column is meant; without, a
/// table is known by its heading. A name that comes again counts once.
///
/// # Errors
///
/// Everything that is wrong, by line.
pub fn read_client_list(
    text: &str,
    column: Option<&str>,
) -> Result<Vec<ListedClient>, Vec<ListProblem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut found = Found::default();
    match table_of(text, column) {
        Some(separator) => read_table(text, separator, column, &mut found),
        None => read_lines(text, &mut found),
    }
    found.finish()
}

#[derive(Default)]
struct Found {
    names: Vec<ListedClient>,
    known: BTreeSet<ClientName>,
    problems: Vec<ListProblem>,
    more_problems: usize,
}

impl Found {
    fn take(&mut self, line: u64, text: &str) {
        match read_client_name(text) {
            Ok(name) if self.known.contains(&name) => {}
            Ok(_) if self.names.len() == NAMES_MAX => self.wrong(problem(
                line,
                format!("the list has more than {NAMES_MAX} names"),
                "choose clients by a label instead",
            )),
            Ok(name) => {
                self.known.insert(name.clone());
                self.names.push(ListedClient { line, name });
            }
            Err(why) => {
                self.wrong(problem(line, why, "write one name a line, or separate them by commas"));
            }
        }
    }

    fn wrong(&mut self, problem: ListProblem) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        } else {
            self.more_problems += 1;
        }
    }

    fn finish(mut self) -> Result<Vec<ListedClient>, Vec<ListProblem>> {
        if self.problems.is_empty() {
            return Ok(self.names);
        }
        if self.more_problems > 0 {
            let message = format!("and {} more lines like these", self.more_problems);
            self.problems.push(problem(0, message, ""));
        }
        Err(self.problems)
    }
}

fn read_lines(text: &str, found: &mut Found) {
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or("");
        let names = line.split([',', ';']).flat_map(str::split_whitespace);
        for name in names.filter(|name| !name.trim_matches(['"', '\'']).is_empty()) {
            found.take(index as u64 + 1, name);
        }
    }
}

fn plain(heading: &str) -> String {
    let heading = heading.trim().trim_matches('"');
    let kept = heading.chars().filter(|c| !matches!(c, ' ' | '_' | '-'));
    kept.flat_map(char::to_lowercase).collect()
}

/// Whether the text is a table, and what separates its cells.
fn table_of(text: &str, column: Option<&str>) -> Option<u8> {
    let first = text.lines().find(|line| !line.trim().is_empty())?;
    let separator = [b'\t', b';', b','].into_iter().find(|byte| first.as_bytes().contains(byte));
    if column.is_some() {
        return Some(separator.unwrap_or(b','));
    }
    let headings: Vec<String> = match separator {
        Some(separator) => first.split(char::from(separator)).map(plain).collect(),
        None => vec![plain(first)],
    };
    let known: &[&str] = if headings.len() > 1 { &COLUMNS } else { &SURE_HEADINGS };
    let is_table = headings.iter().any(|heading| known.contains(&heading.as_str()));
    is_table.then(|| separator.unwrap_or(b','))
}

fn read_table(text: &str, separator: u8, column: Option<&str>, found: &mut Found) {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let headings: Vec<String> = match reader.headers() {
        Ok(headings) => headings.iter().map(str::to_owned).collect(),
        Err(error) => return found.wrong(unreadable(&error)),
    };
    let at = match column {
        Some(column) => headings.iter().position(|heading| plain(heading) == plain(column)),
        None => COLUMNS
            .iter()
            .find_map(|known| headings.iter().position(|heading| plain(heading) == *known)),
    };
    let Some(at) = at else {
        let column = column.unwrap_or_default();
        let message = format!("the table has no column `{column}`");
        return found.wrong(problem(1, message, format!("it has {}", headings.join(", "))));
    };
    for record in reader.records() {
        match record {
            Err(error) => found.wrong(unreadable(&error)),
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                match record.get(at).filter(|cell| !cell.is_empty()) {
                    Some(cell) => found.take(line, cell),
                    None => found.wrong(problem(
                        line,
                        format!("the column `{}` is empty", headings[at]),
                        "give the machine's name, or take the line out",
                    )),
                }
            }
        }
    }
}

fn unreadable(error: &csv::Error) -> ListProblem {
    let line = error.position().map_or(0, csv::Position::line);
    problem(line, format!("the table cannot be read: {error}"), "save it as CSV in UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, column: Option<&str>, answer: Expect) {
        let said = match read_client_list(text, column) {
            Ok(names) => names
                .iter()
                .map(|listed| match &listed.name {
                    ClientName::Id(id) => format!("{}: {id}\n", listed.line),
                    ClientName::Host(host) => format!("{}: {host}\n", listed.line),
                })
                .collect::<String>(),
            Err(problems) => problems
                .iter()
                .map(|wrong| format!("{}: {} ({})\n", wrong.line, wrong.message, wrong.hint))
                .collect(),
        };
        answer.assert_eq(&said);
    }

    #[test]
    fn names_and_ids_one_a_line_or_with_commas() {
        check(
            "\u{feff}# from the ticket\nweb1, web2;WEB3$\n\nC.0123456789abcdef0123456789abcdef  'db.example.org.'\nweb1\n",
            None,
            expect![[r#"
                2: web1
                2: web2
                2: WEB3
                4: C.0123456789abcdef0123456789abcdef
                4: db.example.org
            "#]],
        );
        check("", None, expect![[""]]);
        check(
            "c.example.org\nC.example.org\n",
            None,
            expect![[r#"
            1: c.example.org
            2: C.example.org
        "#]],
        );
    }

    #[test]
    fn what_is_no_name_is_told_with_its_line() {
        check(
            "web1\nC.0123456789abcdef0123\nrm -rf /\n",
            None,
            expect![[r#"
                2: `C.0123456789abcdef0123` is not a client's id: `C.` and 32 hex digits (write one name a line, or separate them by commas)
                3: `/` is neither a client's id nor a host name (write one name a line, or separate them by commas)
            "#]],
        );
        let long = "?\n".repeat(50);
        let problems = read_client_list(&long, None).unwrap_err();
        assert_eq!(
            (problems.len(), problems[20].message.as_str()),
            (21, "and 30 more lines like these")
        );
    }

    #[test]
    fn a_table_is_known_by_its_heading() {
        check(
            "Owner,Host Name,Site\nada,\"web1\",Ulm\n\"Grace, H.\",web2,Bern\n",
            None,
            expect![[r#"
                2: web1
                3: web2
            "#]],
        );
        check(
            "hostname\nweb1\n",
            None,
            expect![[r#"
            2: web1
        "#]],
        );
        check(
            "host\nweb1\n",
            None,
            expect![[r#"
            1: host
            2: web1
        "#]],
        );
        check(
            "name;client_id\nweb1;C.0123456789abcdef0123456789abcdef\n",
            None,
            expect![[r#"
                2: C.0123456789abcdef0123456789abcdef
            "#]],
        );
    }

    #[test]
    fn a_column_may_be_named() {
        let table = "Asset Tag\tOS\nweb1\tlinux\n";
        check(
            table,
            Some("asset tag"),
            expect![[r#"
            2: web1
        "#]],
        );
        check(
            table,
            Some("host"),
            expect![[r#"
            1: the table has no column `host` (it has Asset Tag, OS)
        "#]],
        );
        check(
            "host,os\n,linux\nweb1,linux\n",
            None,
            expect![[r#"
            2: the column `host` is empty (give the machine's name, or take the line out)
        "#]],
        );
        check(
            "tag\nweb1\n",
            Some("tag"),
            expect![[r#"
            2: web1
        "#]],
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[ -~\n\t\"é;,]{0,300}", column in prop::option::of("[a-z]{1,5}")) {
            match read_client_list(&text, column.as_deref()) {
                Ok(names) => {
                    let mut known = BTreeSet::new();
                    prop_assert!(names.iter().all(|listed| known.insert(listed.name.clone())));
                }
                Err(problems) => prop_assert!(!problems.is_empty()),
            }
        }

        #[test]
        fn what_is_written_one_a_line_is_read(names in prop::collection::btree_set("[a-z0-9]{1,3}-[a-z0-9]{1,6}", 0..20)) {
            let text: String = names.iter().map(|name| format!("{name}\r\n")).collect();
            let read = read_client_list(&text, None).unwrap();
            let hosts: BTreeSet<ClientName> = read.into_iter().map(|listed| listed.name).collect();
            let wanted: BTreeSet<ClientName> = names.into_iter().map(ClientName::Host).collect();
            prop_assert_eq!(hosts, wanted);
        }
    }
}
