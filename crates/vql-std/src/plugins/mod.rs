//! Plugins, one to a file of the same name.

vql_plugin::one_file_each! {
    parse_utmp
}
