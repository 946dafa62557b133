//! Plugins of the language, one to a file of the same name.

vql_plugin::one_file_each! {
    chain
    delay
    flatten
    foreach
    r#if
    items
    query
    range
    scope
    switch
}
