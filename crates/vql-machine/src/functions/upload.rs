//! The function `upload`: keeps a file with the results: gives a dict with `Path`, `Size`, `sha256` and where it is

use std::sync::Arc;

use rows::{Dict, Name, OsPath, PathStyle, Text, Time, Value};
use vql_plugin::{
    Entry, Failure, FileInfo, FileKind, Function, Permission, Scope, UploadRecord, UploadRequest,
    plugin_args,
};

use crate::Machine;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(Upload)
}

plugin_args! {
    /// Keeps a file with the results: gives a dict with `Path`, `Size`, `sha256` and where it is
    /// kept; NULL when it could not be kept, which is logged.
    pub struct UploadArgs for "upload" {
        /// The file.
        file: Arc<OsPath>,
        /// What the file shall be called; its path when left out.
        name: Option<Value>,
        /// What the file is read through.
        accessor: String = "",
        /// When it was last changed, if that is known better.
        mtime: Option<Time>,
        /// When it was last read.
        atime: Option<Time>,
        /// When its metadata was last changed.
        ctime: Option<Time>,
        /// When it was made.
        btime: Option<Time>,
    }
}

struct Upload;

impl Function for Upload {
    type Args = UploadArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn call(&self, args: UploadArgs, scope: &Scope) -> Result<Value, Failure> {
        let accessor = scope.accessor(&args.accessor)?;
        // What is only data has no metadata, and a name that may be enormous.
        let info = accessor
            .stat(&args.file, scope)
            .unwrap_or_else(|_| FileInfo { path: (*args.file).clone(), ..FileInfo::default() });
        if info.kind == FileKind::Dir {
            return Err(Failure::new(format!("`{}` is a directory", args.file)));
        }
        let info = FileInfo {
            mtime: args.mtime.or(info.mtime),
            atime: args.atime.or(info.atime),
            ctime: args.ctime.or(info.ctime),
            btime: args.btime.or(info.btime),
            ..info
        };
        let mut content = accessor.open(&args.file, scope)?;
        let (name, components) = match args.name.map(|name| scope.materialise(&name)) {
            None | Some(Value::Null) => (args.file.to_text(), components(&args.file)),
            Some(Value::Path(path)) => (path.to_text(), components(&path)),
            Some(other) => {
                let text = other.to_text();
                let path = OsPath::parse(name_style(&args.file), &text);
                (text, components(&path))
            }
        };
        let record = scope.host().uploads().upload(UploadRequest {
            name,
            components,
            accessor: Name::from(args.accessor.as_str()),
            size: (info.size > 0).then_some(info.size),
            info: Some(&info),
            content: &mut content,
            stopped: &|| scope.stopped(),
        })?;
        Ok(Value::Dict(row(record, &args.accessor)))
    }
}

/// How a name is cut into components: as the file's own path, or with slashes where that path
/// has no components of its own.
fn name_style(path: &OsPath) -> PathStyle {
    match path.style() {
        PathStyle::Opaque | PathStyle::Relative => PathStyle::Unix,
        style => style,
    }
}

/// The container's components come first, so that members of several archives stay apart.
fn components(path: &OsPath) -> Vec<Text> {
    let container = path.delegate().map(|delegate| OsPath::parse(PathStyle::Unix, &delegate.path));
    let outer = container.iter().flat_map(|outer| outer.components().iter().cloned());
    outer.chain(path.components().iter().cloned()).collect()
}

fn row(record: UploadRecord, accessor: &str) -> Dict {
    Dict::new()
        .with("Path", record.path.clone())
        .with("Size", record.size)
        .with("StoredSize", record.stored_size)
        .with("sha256", record.sha256)
        .with("md5", record.md5)
        .with("StoredName", record.path)
        .with("Components", Value::array(record.components))
        .with("Accessor", accessor)
        .with("UploadId", record.upload_id)
}
