//! Tools: what is kept and what is wanted; keeping one more.

use std::sync::Arc;

use api::{ToolQuery, ToolView};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use base::{Fault, UploadId};
use flows::uploads::{AppendError, SealError};
use futures_util::StreamExt;
use model::store::StoreError;
use model::tool::{ToolFile, hash_text};
use sha2::{Digest, Sha256};

use super::People;
use super::error::{ApiError, problem};
use super::extract::Asked;
use super::sign_in::Principal;

type Shared = State<Arc<People>>;
type Who = Extension<Principal>;

/// Bytes of one tool.
const TOOL_BYTES_MAX: u64 = 1 << 30;
/// Bytes that are kept at once.
const PIECE: usize = 256 << 10;

pub(crate) async fn list(
    State(people): Shared,
    Extension(_): Who,
) -> Result<Json<Vec<ToolView>>, ApiError> {
    let kept = people.ports.tools.tools().await?;
    let wanted = people.collector.tools_wanted();
    let users = |name: &str| wanted.get(name).cloned().unwrap_or_default();
    let mut all: Vec<ToolView> = kept.iter().map(|file| view(file, users(&file.name))).collect();
    for (name, artifacts) in &wanted {
        if !kept.iter().any(|file| file.name == *name) {
            all.push(ToolView {
                name: name.clone(),
                version: String::new(),
                filename: String::new(),
                size: 0,
                sha256: None,
                stored: None,
                artifacts: artifacts.clone(),
            });
        }
    }
    all.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    Ok(Json(all))
}

fn view(file: &ToolFile, artifacts: Vec<String>) -> ToolView {
    ToolView {
        name: file.name.clone(),
        version: file.version.clone(),
        filename: file.filename.clone(),
        size: file.size,
        sha256: Some(hash_text(&file.sha256)),
        stored: Some(file.stored.to_string()),
        artifacts,
    }
}

fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+');
    !text.is_empty() && text.len() <= 120 && text.chars().all(plain) && !text.starts_with('.')
}

pub(crate) async fn upload(
    State(people): Shared,
    Extension(who): Who,
    Path(name): Path<String>,
    Asked(asked): Asked<ToolQuery>,
    body: Body,
) -> Result<Json<ToolView>, ApiError> {
    let filename = asked.filename.filter(|name| !name.is_empty()).unwrap_or_else(|| name.clone());
    let version = asked.version.unwrap_or_default();
    let mut wrong = Vec::new();
    let rule = "must have 1 to 120 letters, digits, `_`, `-`, `.` or `+`, and not begin with a dot";
    for (field, text) in [("tool", &name), ("filename", &filename)] {
        if !is_plain(text) {
            wrong.push(problem(field, rule));
        }
    }
    if !version.is_empty() && !is_plain(&version) {
        wrong.push(problem("version", rule));
    }
    let size = asked.size.unwrap_or(0);
    if size == 0 || size > TOOL_BYTES_MAX {
        wrong.push(problem("size", format!("must be the file's bytes, 1 to {TOOL_BYTES_MAX}")));
    }
    if !wrong.is_empty() {
        return Err(ApiError::problems("the tool cannot be kept", wrong));
    }
    let sha256 = receive(&people, body, size).await?;
    let stored = people.clock.now();
    let tool = ToolFile { name, version, filename, sha256, size, stored };
    if let Some(why) = people.collector.unfit(&tool) {
        return Err(ApiError::problems("the tool cannot be kept", vec![problem("sha256", why)]));
    }
    people.ports.tools.keep_tool(&tool).await?;
    people.refresh_tools().await?;
    let detail = format!("{} {} {}", tool.version, tool.filename, hash_text(&sha256));
    people.audit(&who, "tool.upload", &tool.name, detail.trim_start()).await?;
    let artifacts = people.collector.tools_wanted().remove(&tool.name).unwrap_or_default();
    Ok(Json(view(&tool, artifacts)))
}

/// Keeps the bytes of a file by its content; gives its hash.
async fn receive(people: &People, body: Body, size: u64) -> Result<[u8; 32], ApiError> {
    let id = UploadId::mint(people.clock.now(), &mut **people.entropy.lock());
    let received = receive_as(people, id, body, size).await;
    // Sealed content stays; what did not become a file goes.
    people.ports.blobs.discard(id).await?;
    received
}

async fn receive_as(
    people: &People,
    id: UploadId,
    body: Body,
    size: u64,
) -> Result<[u8; 32], ApiError> {
    let blobs = &*people.ports.blobs;
    let other_size =
        |found: u64| ApiError::caller(format!("the body has {found} bytes; `size` says {size}"));
    blobs.open(id).await?;
    let (mut hash, mut offset, mut waiting) = (Sha256::new(), 0u64, Vec::with_capacity(PIECE));
    let mut pieces = body.into_data_stream();
    loop {
        let piece = pieces.next().await.transpose();
        let piece =
            piece.map_err(|error| ApiError::caller(format!("the body broke off: {error}")))?;
        let last = piece.is_none();
        waiting.extend_from_slice(&piece.unwrap_or_default());
        if offset + waiting.len() as u64 > size {
            return Err(other_size(offset + waiting.len() as u64));
        }
        if waiting.len() >= PIECE || (last && !waiting.is_empty()) {
            hash.update(&waiting);
            match blobs.append(id, offset, &waiting, size).await {
                Ok(_) => {}
                Err(AppendError::Store(error)) => return Err(error.into()),
                Err(refused) => return Err(ApiError::new(Fault::Ours, refused.to_string())),
            }
            offset += waiting.len() as u64;
            waiting.clear();
        }
        if last {
            break;
        }
    }
    if offset != size {
        return Err(other_size(offset));
    }
    let sha256: [u8; 32] = hash.finalize().into();
    match blobs.seal(id, sha256).await {
        Ok(_) => Ok(sha256),
        Err(SealError::Store(error)) => Err(error.into()),
        Err(wrong @ SealError::WrongHash) => {
            Err(StoreError::broken("keep a tool", wrong.to_string()).into())
        }
    }
}
