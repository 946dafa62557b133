//! Plugins, one to a file of the same name.

use std::sync::Arc;

use crate::Machine;

vql_plugin::one_file_each! {
    asking Arc<dyn Machine>;
    audit
    connections
    ebpf_events
    efivariables
    environ
    execve
    filesystems
    glob
    http_client
    info
    interfaces
    mail
    modules
    netstat
    parse_evtx
    partitions
    proc_dump
    proc_yara
    process_tracker_pslist
    process_tracker_updates
    profile
    profile_goroutines
    profile_memory
    pslist
    read_crypto_file
    read_file
    shell_session_output
    sqlite
    stat
    unzip
    users
    vad
    watch_auditd
    watch_ebpf
    watch_evtx
    watch_journald
    watch_jsonl
    watch_syslog
    write_crypto_file
    write_csv
    write_jsonl
    yara
    yarax
}
