//! Secrets in clear: found wherever they stand, and never shown in a message.

use yaml_nodes::{Node, NodeKind, Problem, Reader, join};

use crate::table::Table;
use crate::tables::RULE;

const HINT: &str = "write `{ env: NAME }`, `{ file: PATH }` or `{ command: [PROGRAM] }`, and change the secret: it has been in a file";

/// Fields whose plain value is a secret, by words in their names.
const WORDS: [&str; 9] = [
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "access_key",
    "private_key",
    "credential",
];

/// Fields below which names are the user's own.
const OTHERS: [&str; 8] =
    ["columns", "lists", "tests", "query", "schema", "identity", "exceptions", "time"];

/// Looks for secrets in a document.
pub(crate) fn look_through(reader: &mut Reader<'_>, root: &Node, table: &'static Table) {
    // Rules name no places with secrets; what they look for may look like one.
    if !std::ptr::eq(table, &RULE) {
        look(reader, root, "", "");
    }
}

fn look(reader: &mut Reader<'_>, node: &Node, key: &str, path: &str) {
    match &node.kind {
        NodeKind::Map(entries) => {
            for (name, _, inner) in entries {
                if !OTHERS.contains(&name.as_str()) {
                    // `env: TOKEN` names a place.
                    let key = if is_reference(name) && is_secret(key) { "" } else { name };
                    look(reader, inner, key, &join(path, name));
                }
            }
        }
        NodeKind::List(items) => {
            for (place, item) in items.iter().enumerate() {
                look(reader, item, "", &format!("{path}[{place}]"));
            }
        }
        NodeKind::Text { text, .. } => {
            let what =
                if is_secret(key) { Some("a secret stands here in clear") } else { in_text(text) };
            if let Some(what) = what {
                reader.error(node.at, path, what, HINT);
            }
        }
        NodeKind::Nothing => {}
    }
}

fn is_reference(name: &str) -> bool {
    matches!(name, "env" | "file" | "command")
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    // `access_key_id` is a name, and `secrets:` holds secrets under names.
    !key.ends_with("_id") && key != "secrets" && WORDS.iter().any(|word| key.contains(word))
}

/// What in a text is secret, whatever its field.
fn in_text(text: &str) -> Option<&'static str> {
    if text.contains("hooks.slack.com/services/") || text.contains("hooks.slack.com/workflows/") {
        return Some("a Slack URL is itself a secret and stands here in clear");
    }
    if text.contains("-----BEGIN") && text.contains("PRIVATE KEY") {
        return Some("a private key stands here in clear");
    }
    password_in_url(text).then_some("a URL with a password in it stands here in clear")
}

/// Whether there is a `scheme://user:password@host`.
fn password_in_url(text: &str) -> bool {
    text.match_indices("://").any(|(at, _)| {
        let rest = &text[at + 3..];
        let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or("");
        authority.rsplit_once('@').is_some_and(|(user, _)| {
            user.split_once(':').is_some_and(|(_, password)| !password.is_empty())
        })
    })
}

/// Takes secrets out of the line that a problem shows.
pub(crate) fn mask(problem: &mut Problem) {
    let line = &problem.excerpt;
    let lower = line.to_ascii_lowercase();
    let named = WORDS.iter().any(|word| {
        lower.find(word).is_some_and(|at| {
            let rest = &lower[at..];
            rest.split_once(':').is_some_and(|(_, value)| {
                let value = value.trim_start();
                !value.is_empty() && !value.starts_with('{')
            })
        })
    });
    if named || in_text(line).is_some() {
        let shown = line.find(':').map_or(0, |end| end + 1);
        problem.excerpt = format!("{} …", &line[..shown]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_looks() {
        for text in [
            "https://hooks.slack.com/services/T0/B0/x",
            "postgres://u:pw@host/db",
            "see http://a:b@c for it",
            "-----BEGIN PRIVATE KEY-----",
        ] {
            assert!(in_text(text).is_some(), "{text}");
        }
        for text in ["postgres://u@host/db", "https://host/a@b:c", "user:pw", "http://h:80/x"] {
            assert_eq!(in_text(text), None, "{text}");
        }
        for key in ["password", "secret_access_key", "api-key", "AUTH_TOKEN"] {
            assert!(is_secret(key), "{key}");
        }
        for key in ["access_key_id", "secrets", "user", "region"] {
            assert!(!is_secret(key), "{key}");
        }
    }
}
