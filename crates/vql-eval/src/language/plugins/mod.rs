//! Plugins of the language, one to a file of the same name.

vql_plugin::one_file_each! {
    batch
    chain
    clock
    column_filter
    combine
    dedup
    delay
    diff
    fifo
    flatten
    r#for
    foreach
    r#if
    items
    query
    range
    sample
    scope
    sequence
    switch
}
