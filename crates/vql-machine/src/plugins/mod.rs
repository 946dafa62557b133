//! Plugins, one to a file of the same name.

use std::sync::Arc;

use crate::Machine;

vql_plugin::one_file_each! {
    asking Arc<dyn Machine>;
    audit
    connections
    ebpf_events
    execve
    glob
    http_client
    info
    interfaces
    netstat
    parse_evtx
    process_tracker_pslist
    process_tracker_updates
    proc_yara
    pslist
    read_file
    sqlite
    stat
    users
    watch_auditd
    watch_ebpf
    watch_evtx
    watch_journald
    watch_syslog
    write_csv
    write_jsonl
    yara
    yarax
}
