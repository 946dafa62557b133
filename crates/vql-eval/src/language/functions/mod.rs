//! Functions of the language, one to a file of the same name.

vql_plugin::one_file_each! {
    all
    any
    array
    count
    dict
    enumerate
    eval
    filter
    format
    get
    r#if
    len
    log
    max
    min
    rate
    scope
    sum
}
