//! Plugins, one to a file of the same name.

vql_plugin::one_file_each! {
    leveldb
    parse_auditd
    parse_csv
    parse_journald
    parse_json_array
    parse_jsonl
    parse_lines
    parse_records_with_regex
    parse_recyclebin
    parse_utmp
    plist
    sigma
    split_records
}
