//! `/files/download`: a file's bytes, whole or in part, as they are read; nothing is held back in memory.
//!
//! Ours: with `wait=<seconds>` and a range that begins where the file ends, the answer waits until the file grows, so that a reader
//! who follows it hears of every line at once.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
use tokio::time::{Instant, sleep};
use tokio_util::io::ReaderStream;

use super::{Refusal, number, open, refused};
use crate::agent::http::{Api, Query};

/// The longest that an answer waits.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// How often a file is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(20);
/// After so many looks its path is followed anew: it may have been divided, and another file have its name.
const FOLLOW: u32 = 10;

pub(super) async fn whole(
    api: &Api,
    query: &Query,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let (mut file, size) = opened(api, query, headers).await?;
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

/// The file with its size, once it has grown if that is worth waiting for.
async fn opened(api: &Api, query: &Query, headers: &HeaderMap) -> Result<(File, u64), Refusal> {
    let again = || open(api, query, "Cannot download a directory.");
    let wait = number(query, "wait")?.and_then(|wait| u64::try_from(wait).ok()).unwrap_or(0);
    let end = Instant::now() + Duration::from_secs(wait).min(MAX_WAIT);
    let (mut file, mut size) = again().await?;
    // A file that is shorter was begun anew: the reader has to know at once.
    let is_at_end = wait > 0 && begin(headers) == Some(size);
    // Where too many wait already, the answer is the one of now.
    let Some(_permit) = is_at_end.then(|| api.shared.waiting.try_acquire().ok()).flatten() else {
        return Ok((file, size));
    };
    let begin = size;
    let mut looks: u32 = 0;
    // Without a driver the agent is about to end.
    let ends = || api.snapshot.has_changed().is_err();
    while size == begin && Instant::now() < end && !ends() {
        sleep(LOOK).await;
        looks += 1;
        if looks.is_multiple_of(FOLLOW) {
            (file, size) = again().await?;
        } else {
            let path = query.get("path").unwrap_or_default();
            size = file.metadata().await.map_err(|error| refused(path, &error))?.len();
        }
    }
    Ok((file, size))
}

/// `attachment; filename=<base>`; a name that a header cannot hold is left out.
pub(super) fn disposition(base: &str) -> HeaderValue {
    let is_plain =
        base.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+'));
    let name =
        if is_plain { base.to_owned() } else { format!("\"{}\"", base.replace(['"', '\\'], "_")) };
    HeaderValue::try_from(format!("attachment; filename={name}"))
        .unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Range {
    Whole,
    Part { first: u64, last: u64 },
    Outside,
}

/// The two ends of the one range that is asked for, as they are written.
fn ends(headers: &HeaderMap) -> Option<(&str, &str)> {
    // Files have no version to be named by, so nobody can have a part of the same one.
    if headers.contains_key(header::IF_RANGE) {
        return None;
    }
    headers.get(header::RANGE)?.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')
}

/// The first byte of a range that does not count from the end.
fn begin(headers: &HeaderMap) -> Option<u64> {
    ends(headers)?.0.parse().ok()
}

/// The one range that is asked for; several, or nonsense, mean the whole file.
///
/// Compat: the original knows no ranges.
pub(super) fn range(headers: &HeaderMap, size: u64) -> Range {
    let Some((first, last)) = ends(headers) else { return Range::Whole };
    let (first, last) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last),
        (Ok(first), Err(_)) if last.is_empty() => (first, u64::MAX),
        (Err(_), Ok(0)) if first.is_empty() => return Range::Outside,
        (Err(_), Ok(tail)) if first.is_empty() => (size.saturating_sub(tail), u64::MAX),
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
