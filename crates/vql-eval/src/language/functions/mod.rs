//! Functions of the language, one to a file of the same name.

vql_plugin::one_file_each! {
    all
    any
    array
    atexit
    cache
    count
    dict
    enumerate
    eval
    filter
    format
    generate
    get
    r#if
    items
    lazy_dict
    len
    log
    lru
    max
    memoize
    min
    rate
    scope
    set
    slice
    sum
    uuid
}
