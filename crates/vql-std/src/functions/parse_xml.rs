//! XML files to nested dicts.

use std::sync::Arc;

use rows::{OsPath, Value};
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::reading;

pub(super) fn entry() -> Entry {
    Entry::function(ParseXml)
}

plugin_args! {
    /// Reads an XML file into nested dicts.
    ///
    /// An element is a key of the element around it; its attributes are keys with the prefix
    /// `Attr`; elements of the same name are an array; text beside children is under `#text`.
    pub struct ParseXmlArgs for "parse_xml" {
        /// The file. With the accessor `data`, the text itself.
        file: Arc<OsPath>,
        /// What the file is read through.
        accessor: String = "",
    }
}

struct ParseXml;

impl Function for ParseXml {
    type Args = ParseXmlArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn call(&self, args: ParseXmlArgs, scope: &Scope) -> Result<Value, Failure> {
        let text = reading::whole(scope, &args.accessor, &args.file)?;
        Ok(parsers::xml::parse(&text)?)
    }
}
