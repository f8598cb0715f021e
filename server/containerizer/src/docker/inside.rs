//! Questions to a running container: commands by `exec`, connections through its network namespace.

use std::path::PathBuf;

use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};

use super::hung::Asked;
use super::{Docker, unknown_container};
use crate::inside::{Inside, TaskNetwork};
use crate::{Containerizer, Error};

impl Inside for Docker {
    fn run<'a>(
        &'a self,
        name: &'a str,
        line: &'a [String],
        environment: &'a [(String, String)],
    ) -> BoxFuture<'a, Result<i64, Error>> {
        self.exec(name, line, environment).boxed()
    }

    fn network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<TaskNetwork, Error>> {
        async move {
            let addresses = self.inspect(name).await?.addresses;
            let pid = self.process(name).await?;
            let namespace = pid.map(|pid| PathBuf::from(format!("/proc/{pid}/ns/net")));
            Ok(TaskNetwork { namespace, addresses })
        }
        .boxed()
    }
}

impl Docker {
    /// Lasts as long as the command does; whoever calls it sets a limit. Dropping the future ends the command.
    async fn exec(
        &self,
        name: &str,
        line: &[String],
        environment: &[(String, String)],
    ) -> Result<i64, Error> {
        let operation = format!("run a command in container `{name}`");
        let limit = self.config.call_timeout;
        let environment = environment.iter().map(|(name, value)| format!("{name}={value}"));
        let config = ExecConfig {
            // Its output is not wanted; its end shows in the end of the stream.
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(line.to_vec()),
            env: Some(environment.collect()),
            ..ExecConfig::default()
        };
        let made = self
            .call(&operation, limit, async |client| client.create_exec(name, config).await)
            .await
            .map_err(unknown_container(name))?;
        // From now on it may run.
        let asked = Asked::new(self, name, &made.id);
        let options = StartExecOptions::default();
        let started = self
            .call(&operation, limit, async |client| {
                client.start_exec(&made.id, Some(options)).await
            })
            .await?;
        if let StartExecResults::Attached { mut output, input: _input } = started {
            while let Some(Ok(_line)) = output.next().await {}
        }
        let ended = self
            .call(&operation, limit, async |client| client.inspect_exec(&made.id).await)
            .await?;
        // The engine may have cut the stream off and not the command.
        if ended.running != Some(true) {
            asked.over();
        }
        ended.exit_code.ok_or_else(|| Error::Malformed {
            operation,
            message: "the command has ended without an exit code".to_owned(),
        })
    }
}
