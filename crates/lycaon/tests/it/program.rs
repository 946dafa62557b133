//! Running `lycaon` and reading what it says.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What a run of the program came to.
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A command line that sees nothing of the person who runs the tests.
pub(crate) fn lycaon(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lycaon"));
    command.args(args).stdin(Stdio::null());
    for name in ["LYCAON_SERVER", "LYCAON_TOKEN", "LYCAON_PASSWORD", "XDG_CONFIG_HOME"] {
        command.env_remove(name);
    }
    command.env("LYCAON_CONFIG_DIR", "/nonexistent/lycaon-tests");
    command
}

/// Runs the program to its end.
pub(crate) fn run(args: &[&str]) -> Said {
    said(&lycaon(args).output().expect("the program starts"))
}

/// The same in another working directory.
pub(crate) fn run_in(folder: &Path, args: &[&str]) -> Said {
    said(&lycaon(args).current_dir(folder).output().expect("the program starts"))
}

pub(crate) fn said(output: &Output) -> Said {
    Said {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
