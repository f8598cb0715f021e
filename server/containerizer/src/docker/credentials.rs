//! Credentials for a registry, as Docker's own configuration files hold them.
//!
//! The first of these that knows the image's registry counts: `.docker/config.json` and `.dockercfg` of the task's sandbox, where the original
//! expects what a URI of the task has brought; what `--docker_config` says; the `.docker/config.json` of the agent's own user.
//! Programs that keep credentials (`credsStore`, `credHelpers`) are not asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::{Deserialize, Serialize};

/// Docker's name of its own registry in these files.
const DOCKER_HUB: &str = "index.docker.io";

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

/// The value of `X-Registry-Auth` for `image`, if any file knows its registry.
///
/// # Errors
/// When a file is there and cannot be understood.
pub(super) async fn find(
    image: &str,
    sandbox: &Path,
    files: &CredentialFiles,
) -> Result<Option<String>, String> {
    let registry = registry(image);
    let in_sandbox = [sandbox.join(".docker/config.json"), sandbox.join(".dockercfg")];
    for path in in_sandbox {
        if let Some(header) = in_file(&path, registry).await? {
            return Ok(Some(header));
        }
    }
    if let Some(text) = &files.given
        && let Some(header) = in_text(text, registry, "--docker_config")?
    {
        return Ok(Some(header));
    }
    match &files.own {
        Some(path) => in_file(path, registry).await,
        None => Ok(None),
    }
}

async fn in_file(path: &Path, registry: &str) -> Result<Option<String>, String> {
    let shown = path.display().to_string();
    match tokio::fs::read_to_string(path).await {
        Ok(text) => in_text(&text, registry, &shown),
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(format!("could not read the credentials in `{shown}`: {error}")),
    }
}

fn in_text(text: &str, registry: &str, source: &str) -> Result<Option<String>, String> {
    // The text itself holds secrets and is not repeated.
    let malformed = || format!("the credentials in `{source}` are no configuration of Docker");
    let all: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|_| malformed())?;
    let is_old_form = !all.contains_key("auths");
    let entries = match all.get("auths") {
        Some(auths) => BTreeMap::deserialize(auths).map_err(|_| malformed())?,
        None => all.clone(),
    };
    let known =
        entries.into_iter().find(|(name, value)| value.is_object() && host(name) == registry);
    let Some((name, value)) = known else {
        if !is_old_form && (all.contains_key("credsStore") || all.contains_key("credHelpers")) {
            tracing::debug!("`{source}` names a program for credentials, which is not asked");
        }
        return Ok(None);
    };
    let entry = Entry::deserialize(&value).map_err(|_| malformed())?;
    header(&name, &entry).map_err(|()| malformed())
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

    #[test]
    fn entries_are_found_in_both_forms_under_every_name_of_the_registry() {
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
            let found = decoded(in_text(&text, registry, "x").unwrap());
            assert_eq!(
                (&found["username"], &found["password"]),
                (&"me".into(), &"se:cret?~".into())
            );
        }
        let other =
            format!(r#"{{"auths": {{"quay.io": {{"auth": "{auth}"}}}}, "credsStore": "x"}}"#);
        assert_eq!(in_text(&other, "ghcr.io", "x").unwrap(), None);
        assert_eq!(in_text(r#"{"auths": {"quay.io": {}}}"#, "quay.io", "x").unwrap(), None);
    }

    #[test]
    fn what_is_broken_is_named_without_its_secrets() {
        for text in
            ["secret", r#"{"auths": {"a.b": {"auth": "secret"}}}"#, r#"{"auths": ["secret"]}"#]
        {
            let error = in_text(text, "a.b", "/x/config.json").unwrap_err();
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
            decoded(find("a.b/c", folder.path(), &files).await.unwrap())["username"].clone()
        };
        assert_eq!(user().await, "given");
        std::fs::create_dir(folder.path().join(".docker")).unwrap();
        std::fs::write(folder.path().join(".docker/config.json"), text("fetched")).unwrap();
        assert_eq!(user().await, "fetched");
        assert_eq!(find("c.d/c", folder.path(), &files).await.unwrap(), None);
    }
}
