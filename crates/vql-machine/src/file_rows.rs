//! A file's metadata as a row, with the column names and the mode text that artifacts expect.

use std::any::Any;
use std::sync::{Arc, LazyLock};

use rows::{Object, Row, Shape, Text, Value};
use vql_plugin::{FileInfo, FileKind};

/// Names of the columns, made once because a walk makes millions of rows.
static COLUMNS: LazyLock<Shape> = LazyLock::new(|| {
    Shape::of([
        "Name", "OSPath", "FullPath", "Size", "Mode", "Mtime", "Atime", "Ctime", "Btime", "IsDir",
        "IsLink", "Link", "Data",
    ])
});

/// The row of a file.
pub(crate) fn row(info: &FileInfo) -> Row {
    Row::of_shape(
        &COLUMNS,
        [
            info.path.basename().into(),
            info.path.clone().into(),
            info.path.to_text().into(),
            info.size.into(),
            mode(info),
            info.mtime.into(),
            info.atime.into(),
            info.ctime.into(),
            info.btime.into(),
            (info.kind == FileKind::Dir).into(),
            (info.kind == FileKind::Symlink).into(),
            info.link.clone().into(),
            info.data.clone().into(),
        ],
    )
}

fn mode(info: &FileInfo) -> Value {
    Value::Object(Arc::new(FileMode { kind: info.kind, bits: info.mode }))
}

/// The mode of a file: prints as `-rw-r--r--`, with letters for what is special in front.
struct FileMode {
    kind: FileKind,
    bits: u32,
}

impl FileMode {
    fn text(&self) -> String {
        const TYPE_MASK: u32 = 0o170_000;
        const CHARACTER_DEVICE: u32 = 0o020_000;
        let mut text = String::with_capacity(10);
        match self.kind {
            FileKind::Dir => text.push('d'),
            FileKind::Symlink => text.push('L'),
            FileKind::Device => text.push('D'),
            FileKind::Pipe => text.push('p'),
            FileKind::Socket => text.push('S'),
            FileKind::Other => text.push('?'),
            FileKind::File => {}
        }
        for (bit, letter) in [(0o4000, 'u'), (0o2000, 'g')] {
            if self.bits & bit != 0 {
                text.push(letter);
            }
        }
        if self.bits & TYPE_MASK == CHARACTER_DEVICE {
            text.push('c');
        }
        if self.bits & 0o1000 != 0 {
            text.push('t');
        }
        if text.is_empty() {
            text.push('-');
        }
        for (at, letter) in "rwxrwxrwx".chars().enumerate() {
            let set = self.bits & (0o400 >> at) != 0;
            text.push(if set { letter } else { '-' });
        }
        text
    }
}

impl Object for FileMode {
    fn type_name(&self) -> &str {
        "fs.FileMode"
    }

    fn member(&self, name: &str) -> Option<Value> {
        match name {
            "String" => Some(Value::text(self.text())),
            "Perm" => Some(Value::from(self.bits & 0o7777)),
            "IsDir" => Some(Value::Bool(self.kind == FileKind::Dir)),
            "IsRegular" => Some(Value::Bool(self.kind == FileKind::File)),
            _ => None,
        }
    }

    fn to_text(&self) -> Text {
        Text::from(self.text())
    }

    fn truth(&self) -> bool {
        true
    }

    fn materialise(&self) -> Value {
        Value::text(self.text())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_print_with_their_special_bits_in_front() {
        let check = |kind, bits, text: &str| assert_eq!(FileMode { kind, bits }.text(), text);
        check(FileKind::File, 0o100_644, "-rw-r--r--");
        check(FileKind::File, 0o104_755, "urwxr-xr-x");
        check(FileKind::Dir, 0o041_777, "dtrwxrwxrwx");
        check(FileKind::Symlink, 0o120_777, "Lrwxrwxrwx");
        check(FileKind::Device, 0o020_666, "Dcrw-rw-rw-");
    }
}
