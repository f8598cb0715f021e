//! Images: present or pulled.
//!
//! A pull lasts as long as the registry makes progress and is given up after a silence. Its failure is the task's failure, told in the
//! engine's words, since only they say what is wrong with a name, a registry or the network.

use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;

use super::Docker;
use crate::Error;

impl Docker {
    pub(super) async fn pull_image(&self, image: &str, force: bool) -> Result<(), Error> {
        if !force && self.has_image(image).await? {
            return Ok(());
        }
        tracing::info!(image, "pulling image `{image}`");
        let operation = format!("pull image `{image}`");
        let silence = self.config.pull_stall_timeout;
        let client = self.client(&operation, silence)?;
        let (name, tag) = with_tag(image);
        let mut options = CreateImageOptionsBuilder::new().from_image(name);
        if let Some(tag) = tag {
            options = options.tag(tag);
        }
        let mut progress = client.create_image(Some(options.build()), None, None);
        loop {
            match tokio::time::timeout(silence, progress.next()).await {
                Ok(Some(Ok(_step))) => {}
                Ok(Some(Err(source))) => {
                    return Err(as_pull(image, self.error(&operation, silence, source)));
                }
                Ok(None) => return Ok(()),
                Err(_) => {
                    let message = format!("no progress for {} s", silence.as_secs());
                    return Err(Error::Pull { image: image.to_owned(), message });
                }
            }
        }
    }

    async fn has_image(&self, image: &str) -> Result<bool, Error> {
        let operation = format!("look for image `{image}`");
        let (name, tag) = with_tag(image);
        let reference = tag.map_or_else(|| name.to_owned(), |tag| format!("{name}:{tag}"));
        let found = self
            .call(&operation, self.config.call_timeout, async |client| {
                client.inspect_image(&reference).await
            })
            .await;
        match found {
            Ok(_) => Ok(true),
            Err(Error::Refused { status: 404, .. }) => Ok(false),
            Err(other) => Err(as_pull(image, other)),
        }
    }
}

/// An answer of the engine about an image is the pull's failure; an engine that does not answer stays what it is.
fn as_pull(image: &str, error: Error) -> Error {
    match error {
        Error::Refused { message, .. } | Error::Malformed { message, .. } => {
            Error::Pull { image: image.to_owned(), message }
        }
        other => other,
    }
}

/// Splits an image reference into what names it and the tag to ask for; without tag and digest that is `latest`.
fn with_tag(image: &str) -> (&str, Option<&str>) {
    let last = image.rfind('/').map_or(0, |slash| slash + 1);
    if image[last..].contains('@') {
        return (image, None);
    }
    match image[last..].split_once(':') {
        Some((name, tag)) => (&image[..last + name.len()], Some(tag)),
        None => (image, Some("latest")),
    }
}

#[cfg(test)]
mod tests {
    use super::with_tag;

    #[test]
    fn an_image_without_a_tag_means_latest() {
        assert_eq!(with_tag("docker.io/nginx"), ("docker.io/nginx", Some("latest")));
        assert_eq!(with_tag("nginx"), ("nginx", Some("latest")));
    }

    #[test]
    fn a_registrys_port_is_not_a_tag() {
        assert_eq!(with_tag("127.0.0.1:5000/web"), ("127.0.0.1:5000/web", Some("latest")));
        assert_eq!(with_tag("127.0.0.1:5000/web:2"), ("127.0.0.1:5000/web", Some("2")));
    }

    #[test]
    fn a_digest_is_left_alone() {
        assert_eq!(with_tag("nginx@sha256:00"), ("nginx@sha256:00", None));
    }
}
