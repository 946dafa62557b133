//! Functions, one to a file of the same name.

use std::sync::Arc;

use vql_plugin::Spec;

vql_plugin::one_file_each! {
    asking Arc<[Spec]>;
    version
}
