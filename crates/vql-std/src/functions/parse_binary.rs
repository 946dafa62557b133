//! Structs laid over a file by a profile.

use std::sync::Arc;

use parsers::profile::Profile;
use rows::{Dict, OsPath, Value};
use vql_plugin::{Entry, Failure, Function, Level, Permission, Scope, plugin_args};

use crate::{binary, reading};

pub(super) fn entry() -> Entry {
    Entry::function(ParseBinary)
}

plugin_args! {
    /// Lays a struct over a file, as a profile says, and gives it. Fields are read when they are
    /// asked for.
    ///
    /// A profile is a list of structs `[name, size, [[field, offset, type, options], …]]`, written
    /// as JSON; comments, trailing commas and words without quotes are understood. Sizes, offsets
    /// and options such as `count` and `length` are numbers or lambdas that get the struct:
    /// `"x=>x.Length + 4"`. Lambdas see the variables of the query and those of `env`.
    ///
    /// Types without options: `int8` to `int64`, `uint8` to `uint64`, with `b` or `be` behind them
    /// for big-endian, the names of C (`char`, `unsigned short`, `unsigned long long`, ...),
    /// `float`, `double`, `leb128`, `varint`, `sleb128`, `FatTimestamp`, `GUID`, `Null`, and the
    /// structs of the profile. Types with options: `String` (length, max_length, term, term_hex,
    /// term_exp, encoding), `Array` (type, type_options, count, max_count, sentinel), `Value`
    /// (value), `BitField` (type, start_bit, end_bit), `Flags` (type, bitmap), `Enumeration` (type,
    /// choices, map), `Pointer` (type, type_options), `Profile` (type, type_options, offset),
    /// `Union` (selector, choices), `Timestamp` and `WinFileTime` (type, factor).
    ///
    /// Structs and arrays also know `SizeOf`, `StartOf` and `EndOf`, structs `ParentOf`. A field
    /// name with an `@` before it stands for the field's place: `SizeOf`, `StartOf`, `EndOf`,
    /// `RelOffset`, `RelEndOf`, `Value`. Fields whose names begin with two underscores are not
    /// shown. What lies behind the end of the file is NULL.
    pub struct ParseBinaryArgs for "parse_binary" {
        /// The file. With the accessor `data`, the bytes themselves.
        filename: Arc<OsPath>,
        /// What the file is read through.
        accessor: String = "",
        /// The profile.
        profile: Value = Value::Null,
        /// The struct, or another type, that is laid over the file.
        structure: String as "struct",
        /// Where the struct begins.
        offset: i64 = 0,
        /// More variables for the lambdas.
        env: Option<Dict>,
    }
}

struct ParseBinary;

type Read = Result<Arc<Profile>, String>;

impl Function for ParseBinary {
    type Args = ParseBinaryArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn call(&self, args: ParseBinaryArgs, scope: &Scope) -> Result<Value, Failure> {
        let text = args.profile.to_text();
        let key = format!("binary profile\0{text}");
        let read: Arc<Read> = scope.keep(&key, || read(&text.to_str_lossy(), scope));
        let profile = read.as_ref().as_ref().map_err(|error| Failure::new(error.as_str()))?;
        let file = reading::open(scope, &args.accessor, &args.filename)?;
        let overlay =
            binary::Overlay::new(profile.clone(), file, scope, args.env.unwrap_or_default());
        binary::open(&overlay, &args.structure, args.offset).ok_or_else(|| {
            let names = profile.names().join(", ");
            let structure = &args.structure;
            Failure::new(format!(
                "the profile has no struct `{structure}`; its structs are {names}"
            ))
        })
    }
}

/// Reads a profile and tries its lambdas. What is wrong with single fields is logged.
fn read(text: &str, scope: &Scope) -> Read {
    // Without a profile there are still the types that are built in.
    let text = if text.trim().is_empty() { "[]" } else { text };
    let profile = Profile::parse(text).map_err(|error| error.to_string())?;
    let tell = |text: String| scope.log(Level::Default, &format!("parse_binary: {text}"));
    for problem in &profile.problems {
        tell(problem.to_string());
    }
    for (place, lambda) in profile.lambdas() {
        if let Err(error) = scope.lambda(&lambda) {
            tell(format!("{place}: `{lambda}`: {error}"));
        }
    }
    Ok(Arc::new(profile))
}
