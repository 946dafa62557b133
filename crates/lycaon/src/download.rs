//! Saving a stream of bytes as a file: whole or not at all, with progress on a terminal.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use api_client::ApiError;
use base::ByteSize;
use futures_util::{Stream, StreamExt};
use indicatif::{ProgressBar, ProgressStyle};

use crate::complaint::{Complaint, Outcome};
use crate::login::note;

/// Writes the stream to `path`; `-` is standard output. A file appears only when it is complete.
pub(crate) async fn save<B: AsRef<[u8]>>(
    bytes: impl Stream<Item = Result<B, ApiError>>,
    path: &Path,
) -> Outcome {
    if path == Path::new("-") {
        if std::io::stdout().is_terminal() {
            return Err(Complaint::usage("a zip is not for a terminal")
                .hint("name a file with -o, or redirect the output"));
        }
        copy(bytes, &mut std::io::stdout()).await?;
        return Ok(());
    }
    let beside = path.with_file_name(format!(
        "{}.part",
        path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    ));
    let mut file = File::create(&beside).map_err(|e| Complaint::io("write", path, &e))?;
    let copied = copy(bytes, &mut file).await;
    let size = match copied.and_then(|size| Ok(file.sync_all().map(|()| size)?)) {
        Ok(size) => size,
        Err(complaint) => {
            // What is there is of no use; when it cannot be removed it says `.part`.
            let _ = std::fs::remove_file(&beside);
            return Err(complaint);
        }
    };
    std::fs::rename(&beside, path).map_err(|e| Complaint::io("write", path, &e))?;
    note(&format!("{} ({})", path.display(), for_people(size)));
    Ok(())
}

async fn copy<B: AsRef<[u8]>>(
    bytes: impl Stream<Item = Result<B, ApiError>>,
    out: &mut impl Write,
) -> Outcome<u64> {
    let progress = if std::io::stderr().is_terminal() {
        ProgressBar::new_spinner().with_style(
            ProgressStyle::with_template("{spinner} {bytes} {bytes_per_sec}")
                .expect("the template is a constant that a test draws"),
        )
    } else {
        ProgressBar::hidden()
    };
    progress.enable_steady_tick(Duration::from_millis(120));
    let mut bytes = pin!(bytes);
    let mut size = 0;
    while let Some(chunk) = bytes.next().await {
        let chunk = chunk?;
        out.write_all(chunk.as_ref())?;
        size += chunk.as_ref().len() as u64;
        progress.set_position(size);
    }
    out.flush()?;
    progress.finish_and_clear();
    Ok(size)
}

/// A size with one digit behind the point.
pub(crate) fn for_people(bytes: u64) -> String {
    let units = [("GiB", 1u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.iter().find(|(_, size)| bytes >= *size) {
        Some((name, size)) => format!("{:.1} {name}", bytes as f64 / *size as f64),
        None => ByteSize(bytes).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    #[tokio::test]
    async fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.zip");
        let broken = stream::iter([
            Ok(b"ab".to_vec()),
            Err(ApiError::Unreachable { server: "s".into(), reason: "gone".into() }),
        ]);
        assert!(save(broken, &path).await.is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        save(stream::iter([Ok(b"ab".to_vec()), Ok(b"c".to_vec())]), &path).await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
    }

    #[test]
    fn sizes_for_people() {
        assert_eq!(for_people(1536), "1.5 KiB");
        assert_eq!(for_people(7), "7B");
    }
}
