//! Where secrets come from: the environment, a file, a program. Never printed.

use std::process::{Command, Stdio};

use log_rules::Secret;

/// The secret itself, or a sentence without it.
pub(crate) fn resolve(secret: &Secret) -> Result<String, String> {
    match secret {
        Secret::Env(name) => std::env::var(name).map_err(|_| {
            format!("the environment variable {name} is not set; set it before starting")
        }),
        Secret::File(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                format!("the secret's file {} cannot be read: {error}", path.display())
            })?;
            let text = text.strip_suffix('\n').unwrap_or(&text);
            Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
        }
        Secret::Command(words) => {
            let (program, arguments) =
                words.split_first().ok_or("the secret's `command` is empty")?;
            let done = Command::new(program)
                .args(arguments)
                .stdin(Stdio::null())
                .stderr(Stdio::inherit())
                .output()
                .map_err(|error| format!("the secret's program {program} cannot run: {error}"))?;
            if !done.status.success() {
                return Err(format!("the secret's program {program} ended with {}", done.status));
            }
            let text = String::from_utf8(done.stdout)
                .map_err(|_| format!("the secret's program {program} printed no text"))?;
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        }
    }
}
