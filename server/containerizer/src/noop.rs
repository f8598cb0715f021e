//! An engine that starts nothing, for benchmarks and simulations only: what the platform costs without containers.
//!
//! Every image is present, every container runs from its start until it is stopped, and all are forgotten with the process.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agent_core::container::{
    ContainerSpec, Exit, FoundContainer, FoundState, Inspection, ProcessSpec,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use crate::{Containerizer, EngineInfo, Error, Inside, Pull, Pulled};

/// Containers that exist only as entries of a map.
#[derive(Debug, Default)]
pub struct NoOp {
    containers: Mutex<BTreeMap<String, Entry>>,
}

#[derive(Debug)]
struct Entry {
    labels: BTreeMap<String, String>,
    state: watch::Sender<FoundState>,
}

impl NoOp {
    /// An engine without containers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.containers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, name: &str, state: FoundState) -> Result<(), Error> {
        match self.lock().get(name) {
            Some(entry) => {
                entry.state.send_replace(state);
                Ok(())
            }
            None => Err(Error::UnknownContainer { name: name.to_owned() }),
        }
    }

    async fn ended(&self, name: &str) -> Exit {
        let Some(mut state) = self.lock().get(name).map(|entry| entry.state.subscribe()) else {
            return Exit::Vanished;
        };
        match state.wait_for(|state| *state == FoundState::Exited).await {
            Ok(_) => Exit::Exited { status: 0, out_of_memory: false },
            Err(_removed) => Exit::Vanished,
        }
    }
}

/// Pretended tasks are well.
impl Inside for NoOp {
    fn run<'a>(
        &'a self,
        _name: &'a str,
        _line: &'a [String],
        _environment: &'a [(String, String)],
    ) -> BoxFuture<'a, Result<i64, Error>> {
        std::future::ready(Ok(0)).boxed()
    }
}

impl Containerizer for NoOp {
    fn probe(&self) -> BoxFuture<'_, Result<EngineInfo, Error>> {
        async { Ok(EngineInfo { version: "none".to_owned(), api_version: "none".to_owned() }) }
            .boxed()
    }

    fn pull<'a>(&'a self, _order: &'a Pull<'a>) -> BoxFuture<'a, Result<Pulled, Error>> {
        async { Ok(Pulled::Nothing) }.boxed()
    }

    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> BoxFuture<'a, Result<(), Error>> {
        async {
            let entry = Entry {
                labels: spec.labels.clone(),
                state: watch::Sender::new(FoundState::Created),
            };
            self.lock().insert(spec.name.clone(), entry);
            Ok(())
        }
        .boxed()
    }

    fn create_process<'a>(&'a self, spec: &'a ProcessSpec) -> BoxFuture<'a, Result<(), Error>> {
        async {
            let entry =
                Entry { labels: BTreeMap::new(), state: watch::Sender::new(FoundState::Created) };
            self.lock().insert(spec.name.clone(), entry);
            Ok(())
        }
        .boxed()
    }

    fn start<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        async move { self.change(name, FoundState::Running) }.boxed()
    }

    fn inspect<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Inspection, Error>> {
        async move {
            if self.lock().contains_key(name) {
                Ok(Inspection { json: "[]".to_owned(), addresses: Vec::new() })
            } else {
                Err(Error::UnknownContainer { name: name.to_owned() })
            }
        }
        .boxed()
    }

    fn stop<'a>(&'a self, name: &'a str, _grace: Duration) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            match self.change(name, FoundState::Exited) {
                Ok(()) | Err(_) => Ok(()),
            }
        }
        .boxed()
    }

    fn wait<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Exit> {
        self.ended(name).boxed()
    }

    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            self.lock().remove(name);
            Ok(())
        }
        .boxed()
    }

    fn containers<'a>(
        &'a self,
        label: &'a str,
        value: &'a str,
    ) -> BoxFuture<'a, Result<Vec<FoundContainer>, Error>> {
        async move {
            let containers = self.lock();
            let own = containers
                .iter()
                .filter(|(_, entry)| entry.labels.get(label).is_some_and(|found| found == value));
            Ok(own
                .map(|(name, entry)| FoundContainer {
                    name: name.clone(),
                    labels: entry.labels.clone(),
                    state: *entry.state.borrow(),
                })
                .collect())
        }
        .boxed()
    }

    fn copy_output<'a>(
        &'a self,
        name: &'a str,
        _sandbox: &'a Path,
    ) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            self.ended(name).await;
            Ok(())
        }
        .boxed()
    }
}
