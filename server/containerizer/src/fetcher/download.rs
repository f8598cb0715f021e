//! Bytes from a source into a file, counted and never waited for without end.

use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::FetchError;
use super::budget::Meter;
use super::source::Source;

/// Bytes of a local file that are copied at a time.
const PIECE: usize = 256 * 1_024;

/// How an authority that this machine does not know shows in the reason of a failed connection.
const UNKNOWN_AUTHORITY: &str = "UnknownIssuer";

/// What asks servers; it believes whom the machine's own list of authorities signs for, as that is now.
///
/// On a machine without such a list it believes nobody, and what needs no TLS is fetched all the same.
pub(super) fn client(stall_timeout: Duration) -> reqwest::Result<reqwest::Client> {
    let builder = || {
        let builder = reqwest::Client::builder();
        builder.connect_timeout(stall_timeout).read_timeout(stall_timeout)
    };
    builder().build().or_else(|error| {
        let client = builder().tls_certs_only([]).build()?;
        let why = innermost(&error);
        tracing::warn!("no file can be fetched over https, since no server can be believed: {why}");
        Ok(client)
    })
}

/// Writes all of `source` into `file`, which was made for it, and says how much that was.
pub(super) async fn write_to(
    file: &mut File,
    path: &Path,
    source: &Source,
    client: &reqwest::Client,
    meter: &mut impl Meter,
) -> Result<u64, FetchError> {
    match source {
        Source::Web(url) => from_web(file, path, source, client.get(url.clone()), meter).await,
        Source::File(from) => from_file(file, path, source, from, meter).await,
    }
}

async fn from_web(
    file: &mut File,
    path: &Path,
    source: &Source,
    request: reqwest::RequestBuilder,
    meter: &mut impl Meter,
) -> Result<u64, FetchError> {
    let broken = |error: reqwest::Error| refused(source, &error);
    let response = request.send().await.map_err(broken)?;
    if !response.status().is_success() {
        let why = format!("the server answered {}", response.status());
        return Err(FetchError::Server { uri: source.shown(), why });
    }
    let expected = response.content_length();
    if let Some(expected) = expected {
        meter.expect(expected, source).await?;
    }
    let mut body = response.bytes_stream();
    let mut written = 0_u64;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(broken)?;
        meter.count(piece.len() as u64, source).await?;
        file.write_all(&piece).await.map_err(failed("write", path, source))?;
        written += piece.len() as u64;
    }
    if let Some(expected) = expected.filter(|expected| *expected != written) {
        let why = format!("the server promised {expected} bytes and sent {written}");
        return Err(FetchError::Server { uri: source.shown(), why });
    }
    file.flush().await.map_err(failed("write", path, source))?;
    Ok(written)
}

async fn from_file(
    file: &mut File,
    path: &Path,
    source: &Source,
    from: &Path,
    meter: &mut impl Meter,
) -> Result<u64, FetchError> {
    let kind = tokio::fs::metadata(from).await.map_err(failed("find", from, source))?;
    if !kind.is_file() {
        // A pipe or a device would never end.
        let why = "it is no ordinary file".to_owned();
        return Err(FetchError::Unsupported { uri: source.shown(), why });
    }
    meter.expect(kind.len(), source).await?;
    let mut original = File::open(from).await.map_err(failed("open", from, source))?;
    let mut piece = vec![0; PIECE];
    let mut written = 0_u64;
    loop {
        let length = original.read(&mut piece).await.map_err(failed("read", from, source))?;
        if length == 0 {
            file.flush().await.map_err(failed("write", path, source))?;
            return Ok(written);
        }
        meter.count(length as u64, source).await?;
        file.write_all(&piece[..length]).await.map_err(failed("write", path, source))?;
        written += length as u64;
    }
}

fn refused(source: &Source, error: &reqwest::Error) -> FetchError {
    let mut why = innermost(error);
    if error.is_timeout() {
        why = format!("no data for too long ({why}; --fetcher_stall_timeout)");
    } else if why.contains(UNKNOWN_AUTHORITY) {
        why = format!(
            "this machine does not know who signed the server's certificate ({why}): \
             add that authority with `update-ca-certificates`, then start the agent again"
        );
    }
    FetchError::Server { uri: source.shown(), why }
}

/// The reason at the end of the chain: the outermost text names only the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut why = match error.is_timeout() {
        true => "no data for too long".to_owned(),
        false => error.to_string(),
    };
    let mut inner = std::error::Error::source(error);
    while let Some(cause) = inner {
        why = cause.to_string();
        inner = cause.source();
    }
    why
}

/// Wraps what the system said.
pub(super) fn failed(
    operation: &'static str,
    path: &Path,
    source: &Source,
) -> impl FnOnce(std::io::Error) -> FetchError {
    let (uri, path) = (source.shown(), path.display().to_string());
    move |error| FetchError::File { uri, operation, path, source: error }
}
