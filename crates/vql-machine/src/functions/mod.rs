//! Functions, one to a file of the same name.

use std::sync::Arc;

use crate::Machine;

vql_plugin::one_file_each! {
    asking Arc<dyn Machine>;
    compress
    copy
    environ
    expand
    getpid
    hash
    host
    mail
    process_tracker
    process_tracker_all
    process_tracker_callchain
    process_tracker_children
    process_tracker_get
    process_tracker_tree
    pskill
    read_file
    rm
    shell_session
    shell_session_control
    sleep
    stat
    sysinfo
    tempdir
    tempfile
    tlsh_hash
    trace
    upload
    xattr
}
