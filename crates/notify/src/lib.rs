//! Findings to the world: signed webhooks, Slack, syslog, OCSF and ECS.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
