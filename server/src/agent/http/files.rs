//! `/files/browse`, `/files/read`, `/files/search`, `/files/download`: the sandboxes, and nothing else of this machine.
//!
//! `place` says where a path may lead; everything is read from what was opened there.

mod download;
mod listing;
mod place;
mod search;

use std::io::ErrorKind;

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
use wire::mesos::v0::FileChunk;

use self::place::Place;
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
    #[error("{0}")]
    Busy(String),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Refusal::Invalid(_) => StatusCode::BAD_REQUEST,
            Refusal::Forbidden(_) => StatusCode::FORBIDDEN,
            Refusal::NotFound(_) => StatusCode::NOT_FOUND,
            Refusal::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Refusal::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
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
    match blocking(api, query, |path, place| listing::entries(path, &place)).await {
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

pub(super) async fn search(api: &Api, query: &Query) -> Response {
    match search::piece(api, query).await {
        Ok(found) => json(query, &found),
        Err(refusal) => refusal.into_response(),
    }
}

pub(super) async fn download(api: &Api, query: &Query, headers: &HeaderMap) -> Response {
    match download::whole(api, query, headers).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
}

/// Finds what is asked for and does something with it where waiting for a disk hurts nobody.
async fn blocking<T: Send + 'static>(
    api: &Api,
    query: &Query,
    work: impl FnOnce(&str, Place) -> Result<T, Refusal> + Send + 'static,
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
        let place = Place::find(&work_dir, agent.as_deref(), &path)?;
        work(&path, place)
    });
    done.await.map_err(|error| Refusal::Broken(error.to_string()))?
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
    let found = blocking(api, query, move |path, place| {
        let metadata = place.look(path)?.metadata().map_err(|error| refused(path, &error))?;
        if metadata.is_dir() {
            return Err(Refusal::Invalid(of_directory.to_owned()));
        }
        // A device or a pipe is not even opened; what took its place since is not read.
        let not_regular = || Refusal::Invalid(format!("'{path}' is no regular file"));
        if !metadata.is_file() {
            return Err(not_regular());
        }
        let file = place.open(path)?;
        let metadata = file.metadata().map_err(|error| refused(path, &error))?;
        if metadata.is_file() { Ok((file, metadata.len())) } else { Err(not_regular()) }
    });
    let (file, size) = found.await?;
    Ok((File::from_std(file), size))
}

#[cfg(test)]
mod tests;
