//! Commands without a container: the same steps as for containers, without an image and with what runs beside the agent.

use agent_core::container::{Inspection, ProcessSpec};
use agent_core::{Command, Launch, LaunchFailure};
use containerizer::Containerizer as _;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::fetching::Fetching;
use super::{Containers, RETRY};

impl Containers {
    /// Makes the sandbox and starts the command in it.
    pub(in crate::agent) fn launch_process(&self, launch: Launch<ProcessSpec>) {
        let cancel = CancellationToken::new();
        self.launches().insert(launch.container.clone(), cancel.clone());
        let this = self.clone();
        self.spawn(async move {
            let outcome = this.start_process(&launch, &cancel).await;
            let Launch { task, container, .. } = launch;
            this.launches().remove(&container);
            this.report(match outcome {
                Ok(()) => {
                    let inspection = Inspection { json: String::new(), addresses: Vec::new() };
                    Command::ContainerLaunched(task, container, inspection)
                }
                Err(failure) => Command::LaunchFailed(task, container, failure),
            })
            .await;
        });
    }

    /// Lists the commands of this agent.
    pub(in crate::agent) fn find_processes(&self) {
        let this = self.clone();
        self.spawn(async move {
            let found = loop {
                match this.engine.processes().await {
                    Ok(found) => break found,
                    Err(error) => debug!("this agent's commands are looked for again: {error}"),
                }
                tokio::time::sleep(RETRY).await;
            };
            this.report(Command::ProcessesFound(found)).await;
        });
    }

    async fn start_process(
        &self,
        launch: &Launch<ProcessSpec>,
        cancel: &CancellationToken,
    ) -> Result<(), LaunchFailure> {
        let spec = &launch.spec;
        let failed = |error: &dyn std::fmt::Display| {
            self.failed_in(&launch.task, &spec.sandbox, error.to_string())
        };
        // Its executor gives it to the task's user.
        super::make_sandbox(&spec.sandbox, None).await?;
        let fetching = Fetching {
            task: &launch.task,
            items: &launch.fetch,
            sandbox: &spec.sandbox,
            user: spec.user.as_deref(),
        };
        self.fetch(fetching, cancel).await?;
        if cancel.is_cancelled() {
            return Err(LaunchFailure::Cancelled);
        }
        self.report(Command::ImageReady(launch.task.clone(), launch.container.clone())).await;
        let _turn = self.process_starts.acquire().await;
        if cancel.is_cancelled() {
            return Err(LaunchFailure::Cancelled);
        }
        self.engine.create_process(spec).await.map_err(|error| failed(&error))?;
        if cancel.is_cancelled() {
            return Err(LaunchFailure::Cancelled);
        }
        self.engine.start(&spec.name).await.map_err(|error| failed(&error))
    }
}
