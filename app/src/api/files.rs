//! Questions about sandboxes; the same on both consoles.

use serde::{Deserialize, Serialize};
use wire::console::{FileEntry, FilePart, Found, PartQuery, SearchQuery, escape};

use super::Pending;
use crate::backend::ConsoleError;
#[cfg(not(feature = "hydrate"))]
use crate::backend::FilesBackend;

/// How much of a file is shown at first, and at one step back or forth.
pub const WINDOW: u64 = 32_768;

/// What a sandbox page shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SandboxQuery {
    /// The agent's id.
    pub agent: String,
    /// The folder.
    pub path: String,
    /// Name of the file that is open, in that folder.
    pub file: Option<String>,
    /// Where to begin in it; at its end unless told.
    pub offset: Option<u64>,
}

/// A folder, and perhaps one of its files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sandbox {
    /// The folder's entries, folders first, then by name.
    pub entries: Vec<FileEntry>,
    /// The open file.
    pub opened: Option<Opened>,
}

/// A part of an open file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Its full path.
    pub path: String,
    /// The part.
    pub part: FilePart,
}

/// Where the browser reads, lists or downloads a path of an agent.
pub fn address(agent: &str, what: &str, path: &str) -> String {
    format!("/ui/api/v1/agents/{}/files/{what}?path={}", escape(agent), escape(path))
}

/// The full path of a file in a folder.
pub fn join(folder: &str, name: &str) -> String {
    format!("{}/{name}", folder.trim_end_matches('/'))
}

/// The folder and the open file.
pub fn sandbox(query: SandboxQuery) -> Pending<Sandbox> {
    #[cfg(feature = "hydrate")]
    return Box::pin(look(query, browse, read));
    #[cfg(not(feature = "hydrate"))]
    super::ask::<dyn FilesBackend, _, _>(move |backend| {
        let browse = |agent, path| backend.browse(agent, path);
        let read = |query| backend.read(query);
        Box::pin(look(query, browse, read))
    })
}

async fn look<B, R, BF, RF>(
    query: SandboxQuery,
    browse: B,
    read: R,
) -> Result<Sandbox, ConsoleError>
where
    B: Fn(String, String) -> BF + Send,
    R: Fn(PartQuery) -> RF + Send,
    BF: Future<Output = Result<Vec<FileEntry>, ConsoleError>> + Send,
    RF: Future<Output = Result<FilePart, ConsoleError>> + Send,
{
    let mut entries = browse(query.agent.clone(), query.path.clone()).await?;
    entries.sort_by(|a, b| is_folder(b).cmp(&is_folder(a)).then_with(|| a.path.cmp(&b.path)));
    let Some(name) = query.file else { return Ok(Sandbox { entries, opened: None }) };
    let path = join(&query.path, &name);
    let offset = query.offset.map_or(-1, |offset| i64::try_from(offset).unwrap_or(i64::MAX));
    let asked =
        PartQuery { agent: query.agent, path: path.clone(), offset, length: WINDOW, wait: 0 };
    let part = read(asked).await?;
    Ok(Sandbox { entries, opened: Some(Opened { path, part }) })
}

/// Whether an entry can be browsed.
pub fn is_folder(entry: &FileEntry) -> bool {
    entry.mode.starts_with('d')
}

/// An entry's own name.
pub fn name(entry: &FileEntry) -> &str {
    entry.path.rsplit('/').next().unwrap_or(&entry.path)
}

/// The entries of a folder on an agent.
#[cfg(feature = "hydrate")]
fn browse(agent: String, path: String) -> Pending<Vec<FileEntry>> {
    super::fetch::json(address(&agent, "browse", &path))
}

/// A part of a file on an agent.
pub fn read(query: PartQuery) -> Pending<FilePart> {
    #[cfg(feature = "hydrate")]
    return super::fetch::json(format!(
        "{}&offset={}&length={}&wait={}",
        address(&query.agent, "read", &query.path),
        query.offset,
        query.length,
        query.wait
    ));
    #[cfg(not(feature = "hydrate"))]
    super::ask::<dyn FilesBackend, _, _>(move |backend| backend.read(query))
}

/// The nearest match in a file on an agent, or where to go on.
pub fn search(query: SearchQuery) -> Pending<Found> {
    #[cfg(feature = "hydrate")]
    return super::fetch::json(format!(
        "{}&text={}&offset={}&back={}",
        address(&query.agent, "search", &query.path),
        escape(&query.text),
        query.offset,
        query.is_back
    ));
    #[cfg(not(feature = "hydrate"))]
    super::ask::<dyn FilesBackend, _, _>(move |backend| backend.search(query))
}
