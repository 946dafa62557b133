//! An event as a row: who did what to what, and how it ended.

use std::net::{Ipv4Addr, Ipv6Addr};

use rows::{Dict, Name, Row, Time, Value};

use super::{Event, Record, hex, names};

/// `Timestamp`, `Sequence`, `Type`, `Result`, `Session`, `Summary`, `User`, `Process`, `Paths`,
/// `Network`, `Tags`, and under `Data` every field of every record.
pub fn row(event: &Event) -> Row {
    let Some(first) = event.first() else { return Row::new() };
    let main = event.iter().find(|record| record.kind == "SYSCALL").unwrap_or(first);
    let process = process(event, main);
    let (summary, tags) = (summary(event, main, &process), tags(event));
    Row::new()
        .with("Timestamp", Time::from_unix_nanos(first.nanos))
        .with("Sequence", first.sequence)
        .with("Node", first.node.as_deref())
        .with("Type", main.kind.as_str())
        .with("Result", result(event))
        .with("Session", known(main.get("ses")))
        .with("Summary", summary)
        .with("User", user(main))
        .with("Process", process)
        .with("Paths", paths(event))
        .with("Network", network(event))
        .with("Tags", tags)
        .with("Data", data(event))
}

/// Numbers that mean that nothing is known are left out.
fn known(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !matches!(*value, "4294967295" | "(null)" | "?" | "unset" | "-1"))
}

fn result(event: &Event) -> Value {
    let told = event.iter().find_map(|record| {
        record.get("success").or_else(|| record.get("res")).or_else(|| record.get("result"))
    });
    match told {
        Some("yes" | "1" | "success") => Value::text("success"),
        Some(_) => Value::text("fail"),
        None => Value::Null,
    }
}

fn of<'a>(event: &'a Event, kind: &str, field: &str) -> Option<&'a str> {
    event.iter().find(|record| record.kind == kind)?.get(field)
}

fn arguments(event: &Event) -> Vec<String> {
    let mut list: Vec<(usize, usize, &str)> = Vec::new();
    for record in event.iter().filter(|record| record.kind == "EXECVE") {
        for (name, value) in &record.fields {
            // `a1`, or `a1[0]`, `a1[1]` for an argument that is cut in pieces.
            let Some(rest) = name.strip_prefix('a') else { continue };
            let (number, piece) = match rest.split_once('[') {
                Some((number, piece)) => (number, piece.trim_end_matches(']')),
                None => (rest, "0"),
            };
            if let (Ok(number), Ok(piece)) = (number.parse(), piece.parse()) {
                list.push((number, piece, value));
            }
        }
    }
    list.sort_by_key(|(number, piece, _)| (*number, *piece));
    let mut whole: Vec<(usize, String)> = Vec::new();
    for (number, _, value) in list {
        match whole.last_mut() {
            Some((last, text)) if *last == number => text.push_str(value),
            _ => whole.push((number, value.to_owned())),
        }
    }
    whole.into_iter().map(|(_, text)| text).collect()
}

fn process(event: &Event, main: &Record) -> Dict {
    let arguments = arguments(event);
    let title = match of(event, "PROCTITLE", "proctitle") {
        Some(title) => Some(title.to_owned()),
        None => (!arguments.is_empty()).then(|| arguments.join(" ")),
    };
    Dict::new()
        .with("PID", main.get("pid"))
        .with("PPID", main.get("ppid"))
        .with("Name", main.get("comm"))
        .with("Exe", main.get("exe"))
        .with("CWD", of(event, "CWD", "cwd"))
        .with("Title", title)
        .with("Args", Value::array(arguments))
}

fn user(main: &Record) -> Dict {
    const IDS: [&str; 9] = ["auid", "uid", "euid", "suid", "fsuid", "gid", "egid", "sgid", "fsgid"];
    let mut ids = Dict::new();
    let mut names = Dict::new();
    for id in IDS {
        if let Some(value) = known(main.get(id)) {
            ids.set(id, value);
        }
        if let Some(name) = known(main.get(&id.to_ascii_uppercase())) {
            names.set(id, name);
        }
    }
    if let Some(account) = known(main.get("acct")) {
        names.set("acct", account);
    }
    Dict::new().with("IDs", ids).with("Names", names)
}

/// The system call by its name, where it is known.
fn system_call(main: &Record) -> Option<String> {
    let number = main.get("syscall")?;
    let named = main.get("SYSCALL").map(str::to_owned);
    let known = || names::system_call(main.get("arch")?, number).map(str::to_owned);
    Some(named.or_else(known).unwrap_or_else(|| number.to_owned()))
}

fn summary(event: &Event, main: &Record, process: &Dict) -> Dict {
    let action = match system_call(main).as_deref() {
        Some("execve" | "execveat") => "executed".to_owned(),
        Some(call) => call.to_owned(),
        None => main.get("op").unwrap_or(&main.kind).to_ascii_lowercase(),
    };
    let path = event
        .iter()
        .filter(|record| record.kind == "PATH")
        .filter(|record| record.get("nametype") != Some("PARENT"))
        .find_map(|record| record.get("name"));
    let socket = network(event);
    let (kind, object) = match (path, socket.get("Address")) {
        (Some(path), _) => ("file", Some(Value::text(path))),
        (None, Some(address)) => ("socket", Some(address.clone())),
        (None, None) => ("process", main.get("exe").map(Value::text)),
    };
    // Who logged in, if anybody did, or else whom the process belongs to.
    let actor = known(main.get("auid")).or_else(|| known(main.get("uid")));
    let secondary = known(main.get("uid")).or_else(|| known(main.get("acct")));
    Dict::new()
        .with("Actor", Dict::new().with("Primary", actor).with("Secondary", secondary))
        .with("Action", action)
        .with("Object", Dict::new().with("Type", kind).with("Primary", object))
        .with("How", process.get("Exe").cloned())
}

fn tags(event: &Event) -> Value {
    let keys = event.iter().flat_map(|record| &record.fields).filter(|(name, _)| name == "key");
    // Several keys of one rule are separated by this byte.
    let keys = keys.flat_map(|(_, value)| value.split('\u{1}'));
    let mut tags: Vec<&str> = keys.filter(|key| known(Some(key)).is_some()).collect();
    tags.sort_unstable();
    tags.dedup();
    Value::array(tags)
}

fn paths(event: &Event) -> Value {
    let paths = event.iter().filter(|record| record.kind == "PATH");
    Value::array(paths.map(|record| fields(&record.fields)).collect::<Vec<_>>())
}

fn network(event: &Event) -> Dict {
    let Some(bytes) = of(event, "SOCKADDR", "saddr").and_then(hex) else { return Dict::new() };
    let family = bytes.first().copied().unwrap_or(0);
    let port = || Some(i64::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])));
    match family {
        1 => {
            let path = bytes.get(2..).unwrap_or_default();
            let end =
                path.iter().skip(1).position(|byte| *byte == 0).map_or(path.len(), |at| at + 1);
            let path = String::from_utf8_lossy(&path[..end]).replace('\0', "@");
            Dict::new().with("Family", "unix").with("Address", path)
        }
        2 => {
            let address = bytes.get(4..8).and_then(|part| <[u8; 4]>::try_from(part).ok());
            Dict::new()
                .with("Family", "ipv4")
                .with("Address", address.map(|address| Ipv4Addr::from(address).to_string()))
                .with("Port", port())
        }
        10 => {
            let address = bytes.get(8..24).and_then(|part| <[u8; 16]>::try_from(part).ok());
            Dict::new()
                .with("Family", "ipv6")
                .with("Address", address.map(|address| Ipv6Addr::from(address).to_string()))
                .with("Port", port())
        }
        other => Dict::new().with("Family", format!("family {other}")),
    }
}

fn fields(list: &[(String, String)]) -> Dict {
    list.iter()
        .map(|(name, value)| (Name::from(name.as_str()), Value::text(value.as_str())))
        .collect()
}

/// Every field; a kind of record that comes several times is an array.
fn data(event: &Event) -> Dict {
    let mut data = Dict::new();
    for record in event {
        let value = Value::Dict(fields(&record.fields));
        let value = match data.get(&record.kind) {
            None => value,
            Some(Value::Array(known)) => Value::from([&known[..], &[value]].concat()),
            Some(known) => Value::from(vec![known.clone(), value]),
        };
        data.set(record.kind.as_str(), value);
    }
    data
}
