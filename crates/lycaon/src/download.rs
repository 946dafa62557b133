//! Saving a stream of bytes as a file: whole or not at all, with progress on a terminal. What was cut and
//! can go on is kept beside the file, as `.part`, with the mark of its content as `.mark`.

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

/// Saves what `open` gives, behind what a former download of the same content left. `open` is told how
/// many bytes to leave out, and the mark of the content that they are of.
pub(crate) async fn go_on<S, B>(
    path: &Path,
    open: impl AsyncFn(Option<u64>, Option<&str>) -> Result<(String, S), ApiError>,
) -> Outcome
where
    S: Stream<Item = Result<B, ApiError>>,
    B: AsRef<[u8]>,
{
    if path == Path::new("-") {
        let (_, bytes) = open(None, None).await?;
        return save(bytes, path).await;
    }
    let beside = |end: &str| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        path.with_file_name(format!("{}.{end}", name.unwrap_or_default()))
    };
    let (part, mark_file) = (beside("part"), beside("mark"));
    let held = std::fs::metadata(&part).map(|found| found.len()).unwrap_or(0);
    let mark = std::fs::read_to_string(&mark_file).ok().filter(|_| held > 0);
    let again = match &mark {
        Some(mark) => open(Some(held), Some(mark)).await.ok(),
        None => None,
    };
    let skip = if again.is_some() { held } else { 0 };
    let (found, bytes) = match again {
        Some(again) => {
            note(&format!("goes on behind {}", for_people(held)));
            again
        }
        // Nothing was there, or its content is another by now, or something else was asked for.
        None => open(None, None).await?,
    };
    let bad = |error: std::io::Error| Complaint::io("write", path, &error);
    std::fs::write(&mark_file, &found).map_err(bad)?;
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .append(skip > 0)
        .truncate(skip == 0)
        .open(&part)
        .map_err(bad)?;
    let copied = copy(bytes, &mut file).await.map_err(|complaint| {
        complaint.hint("the same command goes on where the download was cut")
    })?;
    file.sync_all().map_err(bad)?;
    std::fs::rename(&part, path).map_err(bad)?;
    // It is only of use beside a part.
    let _ = std::fs::remove_file(&mark_file);
    note(&format!("{} ({})", path.display(), for_people(skip + copied)));
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

    #[tokio::test]
    async fn a_download_goes_on_behind_what_it_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.zip");
        let gone = || ApiError::Unreachable { server: "s".into(), reason: "gone".into() };
        let served = |mark: &'static str, content: &'static [u8], breaks: bool| {
            async move |skip: Option<u64>, known: Option<&str>| {
                if known.is_some_and(|known| known != mark) {
                    return Err(gone());
                }
                let from = usize::try_from(skip.unwrap_or(0)).unwrap();
                let mut pieces = vec![Ok(content[from..].to_vec())];
                pieces.extend(breaks.then(|| Err(gone())));
                Ok((mark.to_owned(), stream::iter(pieces)))
            }
        };
        let names = || {
            let found = std::fs::read_dir(folder.path()).unwrap();
            let names = found.map(|one| one.unwrap().file_name().into_string().unwrap());
            let mut names: Vec<String> = names.collect();
            names.sort_unstable();
            names
        };
        assert!(go_on(&path, served("1", b"ab", true)).await.is_err());
        assert_eq!(names(), ["x.zip.mark", "x.zip.part"]);
        go_on(&path, served("1", b"abcd", false)).await.unwrap();
        assert_eq!(
            (names(), std::fs::read(&path).unwrap()),
            (vec!["x.zip".into()], b"abcd".into())
        );
        assert!(go_on(&path, served("1", b"ab", true)).await.is_err());
        go_on(&path, served("2", b"xyz", false)).await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"xyz", "other content begins anew");
    }

    #[test]
    fn sizes_for_people() {
        assert_eq!(for_people(1536), "1.5 KiB");
        assert_eq!(for_people(7), "7B");
    }
}
