//! `/files/browse`, `/files/read`, `/files/download`: the sandboxes, and nothing else of this machine.
//!
//! A sandbox has three names: its run directory, the `runs/latest` beside it, and `/frameworks/<f>/executors/<e>/runs/latest`. A path is
//! followed through all its links first, and must still be inside the sandbox then.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
use tokio_util::io::ReaderStream;
use wire::mesos::v0::{FileChunk, FileEntry};

use super::{Api, Query, json};

/// The most that one `/files/read` answers: sixteen pages.
const MAX_READ: u64 = 16 * 4_096;

/// Why a file is not shown.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    Forbidden(String),
    #[error("'{0}' not found")]
    NotFound(String),
    #[error("{0}")]
    Broken(String),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Refusal::Invalid(_) => StatusCode::BAD_REQUEST,
            Refusal::Forbidden(_) => StatusCode::FORBIDDEN,
            Refusal::NotFound(_) => StatusCode::NOT_FOUND,
            Refusal::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, self.to_string()).into_response()
    }
}

fn refused(path: &str, error: &std::io::Error) -> Refusal {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Refusal::NotFound(path.to_owned()),
        ErrorKind::PermissionDenied => Refusal::Forbidden(format!("'{path}' may not be read")),
        _ => Refusal::Broken(format!("Failed to read '{path}': {error}")),
    }
}

pub(super) async fn browse(api: &Api, query: &Query) -> Response {
    match blocking(api, query, |path, real| listing(path, &real)).await {
        Ok(entries) => json(query, &entries),
        Err(refusal) => refusal.into_response(),
    }
}

pub(super) async fn read(api: &Api, query: &Query) -> Response {
    match chunk(api, query).await {
        Ok(chunk) => json(query, &chunk),
        Err(refusal) => refusal.into_response(),
    }
}

pub(super) async fn download(api: &Api, query: &Query, headers: &HeaderMap) -> Response {
    match whole(api, query, headers).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
}

/// Finds the file that is asked for and does something with it where waiting for a disk hurts nobody.
async fn blocking<T: Send + 'static>(
    api: &Api,
    query: &Query,
    work: impl FnOnce(&str, PathBuf) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let path = match query.get("path") {
        Some(path) if !path.is_empty() => path.to_owned(),
        Some(_) | None => {
            return Err(Refusal::Invalid("Expecting 'path=value' in query.".to_owned()));
        }
    };
    let work_dir = api.shared.work_dir.clone();
    let agent = api.snapshot().id.as_ref().map(ToString::to_string);
    let done = tokio::task::spawn_blocking(move || {
        let real = resolve(&work_dir, agent.as_deref(), &path)?;
        work(&path, real)
    });
    done.await.map_err(|error| Refusal::Broken(error.to_string()))?
}

/// The real file behind a path, if it lies in the sandbox that the path names.
fn resolve(work_dir: &Path, agent: Option<&str>, path: &str) -> Result<PathBuf, Refusal> {
    let not_found = || Refusal::NotFound(path.to_owned());
    let (sandbox, inside) = sandbox_of(work_dir, agent, path).ok_or_else(not_found)?;
    let sandbox = fs::canonicalize(&sandbox).map_err(|error| refused(path, &error))?;
    if !sandbox.starts_with(work_dir) {
        return Err(not_found());
    }
    let real = fs::canonicalize(sandbox.join(inside)).map_err(|error| refused(path, &error))?;
    if !real.starts_with(&sandbox) {
        return Err(Refusal::Invalid(format!("'{path}' is inaccessible")));
    }
    Ok(real)
}

/// Splits a path into the sandbox that it names and what is below.
fn sandbox_of(work_dir: &Path, agent: Option<&str>, path: &str) -> Option<(PathBuf, PathBuf)> {
    let path = Path::new(path);
    let slaves = work_dir.join("slaves");
    let (owner, rest) = match path.strip_prefix(&slaves) {
        Ok(rest) => {
            let mut parts = rest.components();
            let Component::Normal(owner) = parts.next()? else { return None };
            (owner.to_owned(), parts.as_path().to_owned())
        }
        Err(_) => (agent?.into(), path.strip_prefix("/").ok()?.to_owned()),
    };
    let mut parts = rest.components();
    let mut sandbox = slaves.join(owner);
    for expected in ["frameworks", "executors", "runs"] {
        let (Component::Normal(word), Component::Normal(name)) = (parts.next()?, parts.next()?)
        else {
            return None;
        };
        if word != expected {
            return None;
        }
        sandbox = sandbox.join(word).join(name);
    }
    Some((sandbox, parts.as_path().to_owned()))
}

fn listing(path: &str, real: &Path) -> Result<Vec<FileEntry>, Refusal> {
    if !fs::metadata(real).map_err(|error| refused(path, &error))?.is_dir() {
        return Ok(Vec::new());
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(real).map_err(|error| refused(path, &error))? {
        let entry = entry.map_err(|error| refused(path, &error))?;
        // Links are followed; one that leads nowhere is shown as what it is.
        let metadata = fs::metadata(entry.path()).or_else(|_| fs::symlink_metadata(entry.path()));
        if let Ok(metadata) = metadata {
            let name = entry.file_name();
            entries.push(described(
                format!("{}/{}", path.trim_end_matches('/'), name.to_string_lossy()),
                &metadata,
            ));
        }
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

#[expect(clippy::cast_precision_loss, reason = "seconds of this age fit 53 bits")]
fn described(path: String, metadata: &Metadata) -> FileEntry {
    FileEntry {
        path,
        nlink: metadata.nlink(),
        size: metadata.len(),
        mtime: metadata.mtime() as f64,
        mode: mode(metadata),
        uid: name_of("/etc/passwd", metadata.uid()),
        gid: name_of("/etc/group", metadata.gid()),
    }
}

/// The mode as `ls` writes it.
fn mode(metadata: &Metadata) -> String {
    let kind = metadata.file_type();
    let first = if kind.is_dir() {
        'd'
    } else if kind.is_symlink() {
        'l'
    } else if kind.is_char_device() {
        'c'
    } else if kind.is_block_device() {
        'b'
    } else if kind.is_fifo() {
        'p'
    } else if kind.is_socket() {
        's'
    } else {
        '-'
    };
    let bits = metadata.permissions().mode();
    let letters = "rwxrwxrwx".chars().enumerate();
    let letters =
        letters.map(|(place, letter)| if bits & (0o400 >> place) == 0 { '-' } else { letter });
    [first].into_iter().chain(letters).collect()
}

/// The name of a user or group in the system's table; the number where it has none.
fn name_of(table: &str, id: u32) -> String {
    let text = fs::read_to_string(table).unwrap_or_default();
    let line = text
        .lines()
        .find(|line| line.split(':').nth(2).is_some_and(|number| number == id.to_string()));
    line.and_then(|line| line.split(':').next()).map_or_else(|| id.to_string(), str::to_owned)
}

async fn chunk(api: &Api, query: &Query) -> Result<FileChunk, Refusal> {
    let offset = number(query, "offset")?.unwrap_or(-1);
    let length = number(query, "length")?.unwrap_or(-1);
    let negative =
        |name: &str, value: i64| Refusal::Invalid(format!("Negative {name} provided: {value}."));
    if offset < -1 {
        return Err(negative("offset", offset));
    }
    if length < -1 {
        return Err(negative("length", length));
    }
    let (mut file, size) = open(api, query, "Cannot read a directory.").await?;
    let Ok(offset) = u64::try_from(offset) else {
        return Ok(FileChunk { offset: size, data: String::new() });
    };
    let wanted =
        u64::try_from(length).unwrap_or(u64::MAX).min(MAX_READ).min(size.saturating_sub(offset));
    let mut data = Vec::with_capacity(usize::try_from(wanted).unwrap_or(0));
    let path = query.get("path").unwrap_or_default();
    file.seek(SeekFrom::Start(offset)).await.map_err(|error| refused(path, &error))?;
    file.take(wanted).read_to_end(&mut data).await.map_err(|error| refused(path, &error))?;
    Ok(FileChunk { offset, data: String::from_utf8_lossy(&data).into_owned() })
}

fn number(query: &Query, name: &str) -> Result<Option<i64>, Refusal> {
    let parse = |text: &str| {
        text.parse().map_err(|_| Refusal::Invalid(format!("Failed to parse {name}: '{text}'.")))
    };
    query.get(name).map(parse).transpose()
}

async fn open(
    api: &Api,
    query: &Query,
    of_directory: &'static str,
) -> Result<(File, u64), Refusal> {
    let found = blocking(api, query, move |path, real| {
        let metadata = fs::metadata(&real).map_err(|error| refused(path, &error))?;
        if metadata.is_dir() {
            return Err(Refusal::Invalid(of_directory.to_owned()));
        }
        if !metadata.is_file() {
            return Err(Refusal::Invalid(format!("'{path}' is no regular file")));
        }
        let file = fs::File::open(&real).map_err(|error| refused(path, &error))?;
        Ok((file, metadata.len()))
    });
    let (file, size) = found.await?;
    Ok((File::from_std(file), size))
}

async fn whole(api: &Api, query: &Query, headers: &HeaderMap) -> Result<Response, Refusal> {
    let (mut file, size) = open(api, query, "Cannot download a directory.").await?;
    let path = query.get("path").unwrap_or_default();
    let base = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let (status, first, length) = match range(headers, size) {
        Range::Whole => (StatusCode::OK, 0, size),
        Range::Part { first, last } => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        Range::Outside => {
            let size = format!("bytes */{size}");
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, size)])
                .into_response());
        }
    };
    file.seek(SeekFrom::Start(first)).await.map_err(|error| refused(path, &error))?;
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(length), 64 << 10));
    let mut response = (status, body).into_response();
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(base)));
    answer.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    answer.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(range) =
            HeaderValue::try_from(format!("bytes {first}-{}/{size}", first + length - 1))
    {
        answer.insert(header::CONTENT_RANGE, range);
    }
    answer.insert(header::CONTENT_DISPOSITION, disposition(base));
    Ok(response)
}

/// `attachment; filename=<base>`; a name that a header cannot hold is left out.
fn disposition(base: &str) -> HeaderValue {
    let is_plain =
        base.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+'));
    let name =
        if is_plain { base.to_owned() } else { format!("\"{}\"", base.replace(['"', '\\'], "_")) };
    HeaderValue::try_from(format!("attachment; filename={name}"))
        .unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    Whole,
    Part { first: u64, last: u64 },
    Outside,
}

/// The one range that is asked for; several, or nonsense, mean the whole file.
fn range(headers: &HeaderMap, size: u64) -> Range {
    let text = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Some((first, last)) =
        text.and_then(|text| text.strip_prefix("bytes=")).and_then(|text| text.split_once('-'))
    else {
        return Range::Whole;
    };
    let (first, last) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last),
        (Ok(first), Err(_)) if last.is_empty() => (first, u64::MAX),
        (Err(_), Ok(tail)) if first.is_empty() && tail > 0 => (size.saturating_sub(tail), u64::MAX),
        _ => return Range::Whole,
    };
    if first >= size {
        return Range::Outside;
    }
    Range::Part { first, last: last.min(size - 1) }
}

fn content_type(base: &str) -> &'static str {
    match base.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "css" => "text/css",
        "gif" => "image/gif",
        "gz" | "tgz" => "application/x-gzip",
        "htm" | "html" => "text/html",
        "jpeg" | "jpg" => "image/jpeg",
        "js" => "application/javascript",
        "json" => "application/json",
        "log" | "txt" => "text/plain",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "tar" => "application/x-tar",
        "xml" => "application/xml",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
