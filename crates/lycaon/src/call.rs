//! What a flow or a local collection is asked for: artifacts, their parameters, and limits, as they
//! are written on the command line.

use api::{ArtifactCall, FlowLimits};

use crate::complaint::{Complaint, Outcome};

/// `--arg`, and the limits of one collection.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct CallArgs {
    /// Set a parameter of the artifact; may be given several times
    #[arg(long = "arg", value_name = "NAME=VALUE")]
    pub(crate) args: Vec<String>,
}

/// Limits of a flow; what is left out has the server's default.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct LimitArgs {
    /// At most so many rows
    #[arg(long, value_name = "N")]
    rows_max: Option<u64>,
    /// At most so many bytes of files: `100MiB`
    #[arg(long, value_name = "SIZE")]
    upload_max: Option<String>,
    /// Share of one processor: `50%`
    #[arg(long, value_name = "PERCENT")]
    cpu: Option<String>,
    /// From delivery to the agent: `10m`
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
}

impl CallArgs {
    /// Names and texts, in the order given.
    pub(crate) fn parameters(&self) -> Outcome<Vec<(String, String)>> {
        let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        self.args.iter().map(|text| key_value(text, "--arg").map(pair)).collect()
    }

    /// The call of `artifact` with these parameters.
    pub(crate) fn call(&self, artifact: &str) -> Outcome<ArtifactCall> {
        let parameters = self.parameters()?;
        let parameters = parameters.into_iter().map(|(name, value)| (name, value.into())).collect();
        Ok(ArtifactCall { name: artifact.to_owned(), parameters })
    }
}

impl LimitArgs {
    /// These limits, the defaults for the rest.
    pub(crate) fn limits(&self) -> FlowLimits {
        let mut limits = FlowLimits::default();
        limits.rows = self.rows_max.unwrap_or(limits.rows);
        limits.upload_bytes = self.upload_max.clone().unwrap_or(limits.upload_bytes);
        limits.cpu = self.cpu.clone().unwrap_or(limits.cpu);
        limits.timeout = self.timeout.clone().unwrap_or(limits.timeout);
        limits
    }
}

/// Splits `NAME=VALUE`.
pub(crate) fn key_value<'a>(text: &'a str, flag: &str) -> Outcome<(&'a str, &'a str)> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name, value)),
        _ => Err(Complaint::usage(format!("`{flag} {text}` does not say which value"))
            .hint(format!("write it as `{flag} NAME=VALUE`"))),
    }
}
