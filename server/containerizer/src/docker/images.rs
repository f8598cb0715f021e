//! What an engine holds of images, for whoever cleans up after its own pulls.

use std::path::PathBuf;

use bollard::query_parameters::RemoveImageOptionsBuilder;

use super::Docker;
use crate::Error;

/// An image that an engine holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldImage {
    /// The engine's id of it, `sha256:…`.
    pub id: String,
    /// Its names, `name:tag` each; none for one that was pulled by its digest, or whose names went to newer ones.
    pub tags: Vec<String>,
}

/// What became of an image that was to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// It went, or was gone.
    Removed,
    /// Something needs it: a container, running or not, another image, or another name.
    Needed,
}

impl Docker {
    /// The folder of the engine's data, on its own machine.
    ///
    /// # Errors
    /// When the engine does not answer, or does not say.
    pub async fn data_root(&self) -> Result<PathBuf, Error> {
        let operation = "ask for its data folder";
        let limit = self.config.call_timeout;
        let info = self.call(operation, limit, async |client| client.info().await).await?;
        info.docker_root_dir.filter(|path| !path.is_empty()).map(PathBuf::from).ok_or_else(|| {
            Error::Malformed {
                operation: operation.to_owned(),
                message: "it names none".to_owned(),
            }
        })
    }

    /// The image of that name or id.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn image(&self, reference: &str) -> Result<Option<HeldImage>, Error> {
        let operation = format!("look for image `{reference}`");
        let found = self
            .call(&operation, self.config.call_timeout, async |client| {
                client.inspect_image(reference).await
            })
            .await;
        match found {
            Ok(image) => {
                Ok(image.id.map(|id| HeldImage { id, tags: image.repo_tags.unwrap_or_default() }))
            }
            Err(Error::Refused { status: 404, .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Removes an image that nothing needs; the engine itself decides that, at that moment.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn remove_image(&self, id: &str) -> Result<Removal, Error> {
        let operation = format!("remove image `{id}`");
        let options = RemoveImageOptionsBuilder::new().force(false).build();
        let removed = self
            .call(&operation, self.config.call_timeout, async |client| {
                client.remove_image(id, Some(options), None).await
            })
            .await;
        match removed {
            Ok(_) | Err(Error::Refused { status: 404, .. }) => Ok(Removal::Removed),
            Err(Error::Refused { status: 409, .. }) => Ok(Removal::Needed),
            Err(other) => Err(other),
        }
    }
}
