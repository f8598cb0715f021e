//! Credentials for a registry, as Docker's own configuration files hold them.
//!
//! The first of these that knows the image's registry counts: `.docker/config.json` and `.dockercfg` of the task's sandbox, where the original
//! expects what a URI of the task has brought; what `--docker_config` says; the `.docker/config.json` of the agent's own user.
//! Programs that keep credentials (`credsStore`, `credHelpers`) are asked where the agent's own configuration names them, never where a
//! task's does: that would let a task choose what runs as the agent.

mod program;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::{Deserialize, Serialize};

/// Docker's name of its own registry in these files.
const DOCKER_HUB: &str = "index.docker.io";

/// The longest configuration that is read.
const LONGEST: u64 = 1 << 20;

/// What `--docker_config` and the agent's own user bring.
#[derive(Clone, Default)]
pub struct CredentialFiles {
    /// The text of a configuration that was given to the agent.
    pub given: Option<String>,
    /// The configuration file of the agent's user.
    pub own: Option<PathBuf>,
}

impl std::fmt::Debug for CredentialFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let given = self.given.as_ref().map(|_| "(secret)");
        f.debug_struct("CredentialFiles").field("given", &given).field("own", &self.own).finish()
    }
}

/// What was found for a registry.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The value of `X-Registry-Auth`.
    pub(super) header: Option<String>,
    /// Why there may have been more; for whoever is refused without it.
    pub(super) note: Option<String>,
}

/// Where a configuration is.
enum Place<'a> {
    /// Brought by the task, and only as a file of its own: no link is followed on the way to it.
    Sandbox(&'a Path, &'static str),
    /// The text of the flag.
    Flag(&'a str),
    /// The file of the agent's user.
    Own(&'a Path),
}

/// A configuration that was read.
struct Config {
    /// Its name, for people.
    source: String,
    text: String,
    /// Whether it is the agent's own, and not a task's.
    is_own: bool,
}

/// One entry of a configuration file.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

/// What the engine's API takes.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
struct Header<'a> {
    username: &'a str,
    password: &'a str,
    serveraddress: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    identitytoken: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registrytoken: Option<&'a str>,
}

/// What any of the files knows for the registry of `image`.
///
/// # Errors
/// When a file is there and cannot be understood.
pub(super) async fn find(
    image: &str,
    sandbox: &Path,
    files: &CredentialFiles,
) -> Result<Found, String> {
    let registry = registry(image);
    let mut notes = Vec::new();
    let places = [
        Some(Place::Sandbox(sandbox, ".docker/config.json")),
        Some(Place::Sandbox(sandbox, ".dockercfg")),
        files.given.as_deref().map(Place::Flag),
        files.own.as_deref().map(Place::Own),
    ];
    for place in places.into_iter().flatten() {
        let Some(config) = place.read().await? else { continue };
        if let Some(header) = config.find(registry, &mut notes).await? {
            return Ok(Found { header: Some(header), note: None });
        }
    }
    Ok(Found { header: None, note: (!notes.is_empty()).then(|| notes.join("; ")) })
}

impl Place<'_> {
    async fn read(&self) -> Result<Option<Config>, String> {
        let (source, bytes) = match *self {
            Self::Flag(text) => {
                let source = "--docker_config".to_owned();
                return Ok(Some(Config { source, text: text.to_owned(), is_own: true }));
            }
            Self::Sandbox(sandbox, below) => {
                let (folder, below) = (sandbox.to_owned(), PathBuf::from(below));
                let source = folder.join(&below).display().to_string();
                let read = move || executor::sandbox::read(&folder, &below, LONGEST);
                (source, tokio::task::spawn_blocking(read).await)
            }
            Self::Own(path) => {
                let (source, path) = (path.display().to_string(), path.to_owned());
                (source, tokio::task::spawn_blocking(move || own(&path)).await)
            }
        };
        let failed = |why: String| format!("could not read the credentials in `{source}`: {why}");
        let bytes = bytes.map_err(|error| failed(error.to_string()))?;
        let Some(bytes) = bytes.map_err(|error| failed(error.to_string()))? else {
            return Ok(None);
        };
        let text = String::from_utf8(bytes).map_err(|_| failed("it is no text".to_owned()))?;
        let is_own = matches!(self, Self::Own(_));
        Ok(Some(Config { source, text, is_own }))
    }
}

/// The file of the agent's own user, which may be a link.
fn own(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    match std::fs::canonicalize(path) {
        Ok(path) => match (path.parent(), path.file_name()) {
            (Some(folder), Some(name)) => executor::sandbox::read(folder, Path::new(name), LONGEST),
            _ => Ok(None),
        },
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

impl Config {
    /// The header for a registry; what could not be asked is noted.
    async fn find(
        &self,
        registry: &str,
        notes: &mut Vec<String>,
    ) -> Result<Option<String>, String> {
        // The text itself holds secrets and is not repeated.
        let malformed =
            || format!("the credentials in `{}` are no configuration of Docker", self.source);
        let all: BTreeMap<String, serde_json::Value> =
            serde_json::from_str(&self.text).map_err(|_| malformed())?;
        if let Some(name) = program_of(&all, registry) {
            if self.is_own {
                match ask(name, registry).await {
                    Ok(Some(header)) => return Ok(Some(header)),
                    Ok(None) => {}
                    Err(why) => notes.push(format!("{why} (named by `{}`)", self.source)),
                }
            } else {
                notes.push(format!(
                    "`docker-credential-{}` is not asked, since a task names it (in `{}`)",
                    name.escape_debug(),
                    self.source
                ));
            }
        }
        let entries = match all.get("auths") {
            Some(auths) => BTreeMap::deserialize(auths).map_err(|_| malformed())?,
            None => all,
        };
        let known =
            entries.into_iter().find(|(name, value)| value.is_object() && host(name) == registry);
        let Some((name, value)) = known else { return Ok(None) };
        let entry = Entry::deserialize(&value).map_err(|_| malformed())?;
        header(&name, &entry).map_err(|()| malformed())
    }
}

/// The program that keeps the credentials of a registry.
fn program_of<'a>(all: &'a BTreeMap<String, serde_json::Value>, registry: &str) -> Option<&'a str> {
    let own = all.get("credHelpers").and_then(serde_json::Value::as_object);
    let own = own.and_then(|own| own.iter().find(|(name, _)| host(name) == registry));
    let named = own.map(|(_, program)| program).or_else(|| all.get("credsStore"));
    named?.as_str().filter(|name| !name.is_empty())
}

async fn ask(name: &str, registry: &str) -> Result<Option<String>, String> {
    // Docker keeps those of its own registry under the address of its first version.
    let server = if registry == DOCKER_HUB { "https://index.docker.io/v1/" } else { registry };
    let Some(kept) = program::ask(name, server).await? else { return Ok(None) };
    let entry = if kept.is_token() {
        Entry { identitytoken: Some(kept.secret), ..Entry::default() }
    } else {
        Entry { username: Some(kept.username), password: Some(kept.secret), ..Entry::default() }
    };
    header(server, &entry).map_err(|()| format!("`docker-credential-{name}` knows no user"))
}

fn header(name: &str, entry: &Entry) -> Result<Option<String>, ()> {
    let decoded = match entry.auth.as_deref().filter(|auth| !auth.is_empty()) {
        Some(auth) => {
            let bytes = STANDARD.decode(auth.trim()).map_err(|_| ())?;
            Some(String::from_utf8(bytes).map_err(|_| ())?)
        }
        None => None,
    };
    let pair = match &decoded {
        Some(text) => Some(text.trim_end_matches('\0').split_once(':').ok_or(())?),
        None => entry.username.as_deref().zip(entry.password.as_deref()),
    };
    let (username, password) = pair.unwrap_or_default();
    let has_token = entry.identitytoken.is_some() || entry.registrytoken.is_some();
    if username.is_empty() && !has_token {
        return Ok(None);
    }
    let header = Header {
        username,
        password,
        serveraddress: name,
        identitytoken: entry.identitytoken.as_deref(),
        registrytoken: entry.registrytoken.as_deref(),
    };
    let text = serde_json::to_vec(&header).map_err(|_| ())?;
    // The engine reads the alphabet that is made for URLs, and takes any other for no credentials at all.
    Ok(Some(URL_SAFE.encode(text)))
}

/// The host of the registry that an image is pulled from.
fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some(("docker.io" | "index.docker.io", _)) => DOCKER_HUB,
        Some((first, _)) if first == "localhost" || first.contains(['.', ':']) => first,
        Some(_) | None => DOCKER_HUB,
    }
}

/// The host in the name of an entry, which may be a URL.
fn host(name: &str) -> &str {
    let name =
        name.strip_prefix("https://").or_else(|| name.strip_prefix("http://")).unwrap_or(name);
    let host = name.split('/').next().unwrap_or(name);
    if host == "docker.io" { DOCKER_HUB } else { host }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(header: Option<String>) -> serde_json::Value {
        serde_json::from_slice(&URL_SAFE.decode(header.unwrap()).unwrap()).unwrap()
    }

    async fn in_text(text: &str, registry: &str) -> Result<Option<String>, String> {
        let (source, text) = ("/x/config.json".to_owned(), text.to_owned());
        Config { source, text, is_own: true }.find(registry, &mut Vec::new()).await
    }

    #[test]
    fn an_image_names_its_registry() {
        for (image, host) in [
            ("nginx", "index.docker.io"),
            ("docker.io/nginx", "index.docker.io"),
            ("team/app:1", "index.docker.io"),
            ("localhost/app", "localhost"),
            ("127.0.0.1:5000/app:1", "127.0.0.1:5000"),
            ("quay.io/team/app@sha256:00", "quay.io"),
        ] {
            assert_eq!(registry(image), host, "{image}");
        }
    }

    #[tokio::test]
    async fn entries_are_found_in_both_forms_under_every_name_of_the_registry() {
        let auth = STANDARD.encode("me:se:cret?~");
        for (text, registry) in [
            (format!(r#"{{"auths": {{"quay.io": {{"auth": "{auth}"}}}}}}"#), "quay.io"),
            (format!(r#"{{"auths": {{"https://quay.io/v1/": {{"auth": "{auth}"}}}}}}"#), "quay.io"),
            (format!(r#"{{"https://index.docker.io/v1/": {{"auth": "{auth}"}}}}"#), DOCKER_HUB),
            (
                r#"{"auths": {"docker.io": {"username": "me", "password": "se:cret?~"}}}"#
                    .to_owned(),
                DOCKER_HUB,
            ),
        ] {
            let found = decoded(in_text(&text, registry).await.unwrap());
            assert_eq!(
                (&found["username"], &found["password"]),
                (&"me".into(), &"se:cret?~".into())
            );
        }
        let other =
            format!(r#"{{"auths": {{"quay.io": {{"auth": "{auth}"}}}}, "credsStore": "../x"}}"#);
        assert_eq!(in_text(&other, "ghcr.io").await.unwrap(), None);
        assert_eq!(in_text(r#"{"auths": {"quay.io": {}}}"#, "quay.io").await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_is_broken_is_named_without_its_secrets() {
        for text in
            ["secret", r#"{"auths": {"a.b": {"auth": "secret"}}}"#, r#"{"auths": ["secret"]}"#]
        {
            let error = in_text(text, "a.b").await.unwrap_err();
            assert!(error.contains("/x/config.json") && !error.contains("secret"), "{error}");
        }
    }

    #[tokio::test]
    async fn the_sandboxs_file_counts_before_the_agents_own() {
        let folder = tempfile::TempDir::new().unwrap();
        let text = |user: &str| {
            format!(r#"{{"auths": {{"a.b": {{"username": "{user}", "password": "p"}}}}}}"#)
        };
        let files = CredentialFiles { given: Some(text("given")), own: None };
        let user = async || {
            decoded(find("a.b/c", folder.path(), &files).await.unwrap().header)["username"].clone()
        };
        assert_eq!(user().await, "given");
        std::fs::create_dir(folder.path().join(".docker")).unwrap();
        std::fs::write(folder.path().join(".docker/config.json"), text("fetched")).unwrap();
        assert_eq!(user().await, "fetched");
        assert_eq!(find("c.d/c", folder.path(), &files).await.unwrap(), Found::default());
    }

    #[tokio::test]
    async fn a_program_that_a_task_names_is_not_run_but_told() {
        let (folder, elsewhere) =
            (tempfile::TempDir::new().unwrap(), tempfile::TempDir::new().unwrap());
        let files = CredentialFiles::default();
        let config = folder.path().join(".dockercfg");
        std::fs::write(&config, r#"{"credHelpers": {"a.b": "ekiden-nobody"}}"#).unwrap();
        let found = find("a.b/c", folder.path(), &files).await.unwrap();
        let note = found.note.unwrap();
        assert!(
            found.header.is_none() && note.contains("is not asked, since a task names it"),
            "{note}"
        );
        assert_eq!(find("c.d/c", folder.path(), &files).await.unwrap(), Found::default());

        let own = CredentialFiles { given: None, own: Some(config.clone()) };
        let note = find("a.b/c", elsewhere.path(), &own).await.unwrap().note.unwrap();
        assert!(note.contains("could not be asked"), "{note}");

        // Nor is a file outside of the sandbox read through a link.
        std::os::unix::fs::symlink(&config, elsewhere.path().join(".dockercfg")).unwrap();
        let error = find("a.b/c", elsewhere.path(), &files).await.unwrap_err();
        assert!(error.contains("it is no regular file"), "{error}");
        let linked = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(folder.path(), linked.path().join(".docker")).unwrap();
        let error = find("a.b/c", linked.path(), &files).await.unwrap_err();
        assert!(error.contains("it is no regular file"), "{error}");
    }
}
