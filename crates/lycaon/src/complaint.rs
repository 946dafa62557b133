//! What a command says when it cannot do its work: one message, how to mend it, an exit status.
//!
//! # Invariants
//!
//! - Status 0 is success, 1 a failure, 2 wrong usage.
//! - A reader that went away (`lycaon … | head`) is no failure and is not talked about.

use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;

use api_client::ApiError;
use base::Chain;

/// What a command gives back.
pub(crate) type Outcome<T = ()> = Result<T, Complaint>;

/// Why a command stopped.
#[derive(Debug)]
pub(crate) struct Complaint {
    what: String,
    hint: String,
    status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// Whoever read our output has gone.
    NobodyReads,
    Failed,
    WrongUsage,
}

impl Complaint {
    /// The command could not do its work.
    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: String::new(), status: Status::Failed }
    }

    /// The command was called wrongly.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: String::new(), status: Status::WrongUsage }
    }

    /// The same with a way to mend it.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// Something about a file or folder went wrong.
    pub(crate) fn io(doing: &str, path: &std::path::Path, error: &io::Error) -> Self {
        let complaint = Self::failed(format!("cannot {doing} {}: {error}", path.display()));
        match error.kind() {
            io::ErrorKind::PermissionDenied => {
                complaint.hint("give this user the right to it, or name another place")
            }
            io::ErrorKind::NotFound => complaint.hint("is the path right?"),
            _ => complaint,
        }
    }

    /// Tells the person, and becomes the exit status.
    #[allow(clippy::print_stderr, reason = "this is where errors are told")]
    pub(crate) fn tell(self) -> ExitCode {
        match self.status {
            Status::NobodyReads => return ExitCode::SUCCESS,
            Status::Failed | Status::WrongUsage => eprint!("{}", self.render()),
        }
        ExitCode::from(if self.status == Status::WrongUsage { 2 } else { 1 })
    }

    fn render(&self) -> String {
        let mut text = format!("error: {}\n", self.what.trim_end());
        if !self.hint.is_empty() {
            text.push_str(&format!("  hint: {}\n", self.hint));
        }
        text
    }

    /// The message alone.
    pub(crate) fn message(&self) -> &str {
        &self.what
    }
}

impl From<ApiError> for Complaint {
    fn from(error: ApiError) -> Self {
        // The server's advice is for those who write programs.
        let hint = match error.hint() {
            hint if hint.contains("Authorization") => "sign in with `lycaon login`".into(),
            hint => hint,
        };
        let mut what = Chain(&error).to_string();
        if let ApiError::Refused { problems, .. } = &error {
            for problem in problems {
                let _ = write!(what, "\n  {}", problem_line(problem));
            }
        }
        Self { what, hint, status: Status::Failed }
    }
}

/// Only for writing to our own output; files say what and where with [`Complaint::io`].
impl From<io::Error> for Complaint {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { what: String::new(), hint: String::new(), status: Status::NobodyReads };
        }
        Self::failed(format!("cannot write the output: {error}"))
    }
}

/// One problem on one line: `error in condition.server, line 1, column 8: … (hint)`.
pub(crate) fn problem_line(problem: &api::Problem) -> String {
    let mut line = problem.severity.clone();
    if !problem.field.is_empty() {
        let _ = write!(line, " in {}", problem.field);
    }
    if let Some(at) = problem.line {
        let _ = write!(line, ", line {at}");
    }
    if let Some(at) = problem.column {
        let _ = write!(line, ", column {at}");
    }
    let _ = write!(line, ": {}", problem.message);
    if !problem.hint.is_empty() {
        let _ = write!(line, " (hint: {})", problem.hint);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_one_message_and_a_way_out() {
        let complaint = Complaint::failed("cannot open x").hint("make it");
        assert_eq!(complaint.render(), "error: cannot open x\n  hint: make it\n");
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        let gone = Complaint::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(gone.status, Status::NobodyReads);
        assert_eq!(Complaint::from(io::Error::other("x")).status, Status::Failed);
    }

    #[test]
    fn problems_of_the_server_say_where() {
        let error = ApiError::Refused {
            status: 400,
            message: "the hunt cannot be made".into(),
            hint: String::new(),
            request_id: String::new(),
            problems: vec![api::Problem {
                field: "condition.server".into(),
                start: None,
                end: None,
                line: Some(1),
                column: Some(8),
                severity: "error".into(),
                message: "no function is called `x`".into(),
                hint: "did you mean `y`?".into(),
            }],
        };
        assert_eq!(
            Complaint::from(error).render(),
            "error: the hunt cannot be made\n  error in condition.server, line 1, column 8: \
             no function is called `x` (hint: did you mean `y`?)\n"
        );
    }
}
