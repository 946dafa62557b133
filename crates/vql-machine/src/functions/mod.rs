//! Functions, one to a file of the same name.

use std::sync::Arc;

use crate::Machine;

vql_plugin::one_file_each! {
    asking Arc<dyn Machine>;
    copy
    environ
    expand
    getpid
    hash
    host
    pskill
    read_file
    rm
    sleep
    stat
    tempdir
    tempfile
    upload
}
