//! Images that this agent has pulled, removed again when the engine's disk fills up: the least recently used first.
//!
//! Only what this agent has brought to the engine is in its list, and only as long as it has no other name than the one that it came
//! with: what a person has pulled, made or named stays. Whether an image is needed the engine says, at the moment of the removal: by a
//! container of anybody, ended ones counted, or by another image. An agent that finds an image gone between its pull and its
//! container pulls it again, so agents of one engine need not know of one another.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use containerizer::{Docker, Error, HeldImage, Removal};
use serde::{Deserialize, Serialize};
use tracing::{debug, info, warn};

use super::config::ImageGc;
use super::sandboxes;
use crate::clock::Clock;

/// Images that are remembered; older ones beyond that are nobody's again.
const MOST: usize = 10_000;

/// The images of this agent; cheap to clone.
#[derive(Clone)]
pub(super) struct Images(Arc<Inner>);

struct Inner {
    docker: Docker,
    file: PathBuf,
    state: Mutex<State>,
    /// Held while the list is written, so that the newest is the last.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    pulled: BTreeMap<String, Image>,
    /// Names of images that are about to become containers, and for how many.
    held: BTreeMap<String, usize>,
}

/// One image, under the engine's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Image {
    /// Its name, as tasks write it.
    name: String,
    /// Its names in the engine when it came.
    tags: Vec<String>,
    /// When it was last used for a container, as far as it was written down; in milliseconds of the wall clock.
    used_ms: i64,
}

/// The list as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(tag = "version")]
enum Stored {
    #[serde(rename = "1")]
    V1 { images: BTreeMap<String, Image> },
}

/// Keeps an image while a container is made of it.
pub(super) struct Held {
    images: Images,
    name: String,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.images.state();
        if let Some(holders) = state.held.get_mut(&self.name) {
            *holders -= 1;
            if *holders == 0 {
                state.held.remove(&self.name);
            }
        }
    }
}

impl Images {
    /// Reads the list; without one, or with one that cannot be read, nothing is this agent's.
    pub(super) fn open(docker: Docker, file: PathBuf) -> Self {
        let pulled = read(&file);
        let state = Mutex::new(State { pulled, ..State::default() });
        Self(Arc::new(Inner { docker, file, state, writing: tokio::sync::Mutex::default() }))
    }

    /// Says that a container of this image is about to be made.
    pub(super) fn hold(&self, name: &str) -> Held {
        let now = Clock.wall().as_millis();
        let mut state = self.state();
        *state.held.entry(name.to_owned()).or_default() += 1;
        for image in state.pulled.values_mut().filter(|image| image.name == name) {
            image.used_ms = now;
        }
        Held { images: self.clone(), name: name.to_owned() }
    }

    /// Says that this image has just come to the engine by a pull.
    pub(super) async fn note(&self, name: &str) {
        let found = match self.0.docker.image(name).await {
            Ok(Some(found)) => found,
            Ok(None) => return,
            Err(error) => {
                debug!("image `{name}` is not noted as pulled: {error}");
                return;
            }
        };
        // One with another name was somebody else's before.
        let HeldImage { id, tags } = found;
        if tags.len() > 1 {
            return;
        }
        {
            let image = Image { name: name.to_owned(), tags, used_ms: Clock.wall().as_millis() };
            let mut state = self.state();
            state.pulled.insert(id, image);
            while state.pulled.len() > MOST {
                forget_oldest(&mut state.pulled);
            }
        }
        self.write().await;
    }

    /// Looks at the disk again and again, and makes room.
    pub(super) async fn collect(self, gc: ImageGc) {
        loop {
            tokio::time::sleep(gc.watch_interval).await;
            if let Err(error) = self.make_room(&gc).await {
                debug!("old images could not be looked for: {error}");
            }
        }
    }

    /// Removes images until there is room enough, or none is left that may go.
    async fn make_room(&self, gc: &ImageGc) -> Result<(), Error> {
        if self.state().pulled.is_empty() {
            return Ok(());
        }
        let root = self.0.docker.data_root().await?;
        for (id, image) in self.oldest_first(gc) {
            let used = disk_usage(&root).await;
            if used <= 1.0 - gc.disk_headroom {
                break;
            }
            if self.is_held(&image.name) || !self.is_still_ours(&id, &image).await? {
                continue;
            }
            match self.0.docker.remove_image(&id).await? {
                Removal::Needed => {}
                Removal::Removed => {
                    info!(
                        image = %image.name,
                        "removed image `{}`, since {:.0} % of the engine's disk are in use", image.name, used * 100.0
                    );
                    self.forget(&id).await;
                }
            }
        }
        Ok(())
    }

    /// What may go at all.
    fn oldest_first(&self, gc: &ImageGc) -> Vec<(String, Image)> {
        let state = self.state();
        let is_excluded = |image: &Image| {
            gc.excluded.iter().any(|name| *name == image.name || image.tags.contains(name))
        };
        let may_go = state.pulled.iter().filter(|(_, image)| !is_excluded(image));
        let mut all: Vec<_> = may_go.map(|(id, image)| (id.clone(), image.clone())).collect();
        all.sort_by_key(|(_, image)| image.used_ms);
        all
    }

    fn is_held(&self, name: &str) -> bool {
        self.state().held.contains_key(name)
    }

    /// Whether the engine still has it under no other name than ours; else it is forgotten.
    async fn is_still_ours(&self, id: &str, image: &Image) -> Result<bool, Error> {
        let found = self.0.docker.image(id).await?;
        let is_ours = found.is_some_and(|found| found.tags.is_empty() || found.tags == image.tags);
        if !is_ours {
            self.forget(id).await;
        }
        Ok(is_ours)
    }

    async fn forget(&self, id: &str) {
        self.state().pulled.remove(id);
        self.write().await;
    }

    /// Writes the list; when that fails it is written with the next change.
    async fn write(&self) {
        let _turn = self.0.writing.lock().await;
        let (file, images) = (self.0.file.clone(), self.state().pulled.clone());
        let written = tokio::task::spawn_blocking(move || write(&file, images)).await;
        if let Ok(Err(error)) = written {
            warn!("could not write `{}`: {error}", self.0.file.display());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_oldest(pulled: &mut BTreeMap<String, Image>) {
    let oldest = pulled.iter().min_by_key(|(_, image)| image.used_ms).map(|(id, _)| id.clone());
    if let Some(id) = oldest {
        pulled.remove(&id);
    }
}

/// The part of the disk of `folder` that is in use; none when the engine is on another machine, where nothing is known of its disk.
async fn disk_usage(folder: &Path) -> f64 {
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || sandboxes::usage(&folder)).await.unwrap_or(0.0)
}

fn read(file: &Path) -> BTreeMap<String, Image> {
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return BTreeMap::new(),
        Err(error) => {
            warn!("no image is taken for pulled: could not read `{}`: {error}", file.display());
            return BTreeMap::new();
        }
    };
    match serde_json::from_slice(&text) {
        Ok(Stored::V1 { images }) => images,
        Err(error) => {
            warn!("no image is taken for pulled: `{}` is damaged: {error}", file.display());
            BTreeMap::new()
        }
    }
}

fn write(file: &Path, images: BTreeMap<String, Image>) -> std::io::Result<()> {
    let next = file.with_extension("next");
    std::fs::write(&next, serde_json::to_vec(&Stored::V1 { images })?)?;
    std::fs::rename(next, file)
}

#[cfg(test)]
mod tests {
    use containerizer::DockerConfig;
    use tempfile::TempDir;

    use super::*;

    fn image(name: &str, used_ms: i64) -> Image {
        Image { name: name.to_owned(), tags: vec![format!("{name}:latest")], used_ms }
    }

    fn images(file: PathBuf) -> Images {
        Images::open(Docker::new(DockerConfig::default()), file)
    }

    #[tokio::test]
    async fn the_list_outlives_the_process_and_a_damaged_one_gives_no_rights() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("pulled-images.json");
        let first = images(file.clone());
        first.state().pulled.insert("sha256:1".to_owned(), image("a", 5));
        first.write().await;
        assert_eq!(images(file.clone()).state().pulled["sha256:1"], image("a", 5));
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with(r#"{"version":"1""#), "{text}");
        std::fs::write(&file, "{").unwrap();
        assert!(images(file).state().pulled.is_empty());
    }

    #[test]
    fn the_least_recently_used_goes_first_and_what_is_excluded_or_held_stays() {
        let folder = TempDir::new().unwrap();
        let images = images(folder.path().join("none"));
        for (id, name, used_ms) in [("1", "a", 30), ("2", "b", 10), ("3", "c", 20), ("4", "d", 5)] {
            images.state().pulled.insert(id.to_owned(), image(name, used_ms));
        }
        let gc = ImageGc {
            disk_headroom: 0.1,
            watch_interval: std::time::Duration::from_secs(1),
            excluded: vec!["d:latest".to_owned()],
        };
        let order = || {
            images.oldest_first(&gc).into_iter().map(|(_, image)| image.name).collect::<Vec<_>>()
        };
        assert_eq!(order(), ["b", "c", "a"]);
        let (held, again) = (images.hold("b"), images.hold("b"));
        assert_eq!(order(), ["c", "a", "b"], "it is in use now");
        drop(held);
        assert!(images.is_held("b"));
        drop(again);
        assert!(!images.is_held("b"));
    }
}
