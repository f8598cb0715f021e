//! Records into rows. What was recorded before changes nothing, or adds what was not known then.

use sqlx::SqliteConnection;

use crate::record::{DeploymentRecord, Outcome, Record, TaskRecord, VersionRecord};

/// Stores one record.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    record: &Record,
) -> Result<(), sqlx::Error> {
    match record {
        Record::Task(task) => insert_task(connection, task).await,
        Record::Version(version) => insert_version(connection, version).await,
        Record::Deployment(deployment) => insert_deployment(connection, deployment).await,
        Record::Resumed { running, at_ms } => end_unseen(connection, running, *at_ms).await,
    }
}

async fn insert_task(
    connection: &mut SqliteConnection,
    task: &TaskRecord,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO completed_tasks (epoch, sequence, framework_id, framework, task_id, name, role, agent_id, \
         host, executor_id, container, state, reason, message, started_ms, ended_ms, resources, recorded_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
         ON CONFLICT DO NOTHING",
    )
    .bind(task.epoch)
    .bind(task.sequence)
    .bind(&task.framework_id)
    .bind(&task.framework)
    .bind(&task.task_id)
    .bind(&task.name)
    .bind(&task.role)
    .bind(&task.agent_id)
    .bind(&task.host)
    .bind(&task.executor_id)
    .bind(&task.container)
    .bind(&task.state)
    .bind(&task.reason)
    .bind(&task.message)
    .bind(task.started_ms)
    .bind(task.ended_ms)
    .bind(&task.resources)
    .bind(task.recorded_ms)
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_version(
    connection: &mut SqliteConnection,
    version: &VersionRecord,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO app_versions (version_ms, app_id, definition, client_ip, uri, recorded_ms) \
         VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (version_ms, app_id) DO UPDATE SET client_ip = excluded.client_ip, uri = excluded.uri \
         WHERE client_ip IS NULL AND excluded.client_ip IS NOT NULL",
    )
    .bind(version.version_ms)
    .bind(&version.app_id)
    .bind(&version.definition)
    .bind(&version.caller.client_ip)
    .bind(&version.caller.uri)
    .bind(version.recorded_ms)
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_deployment(
    connection: &mut SqliteConnection,
    deployment: &DeploymentRecord,
) -> Result<(), sqlx::Error> {
    // Rank of an outcome: what is known to have happened replaces what is not.
    sqlx::query(
        "INSERT INTO deployments (version_ms, deployment_id, apps, steps, outcome, reason, ended_ms, client_ip, \
         uri, recorded_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (version_ms, deployment_id) DO UPDATE SET \
         client_ip = coalesce(client_ip, excluded.client_ip), uri = coalesce(uri, excluded.uri), \
         reason = CASE WHEN outcome IN ('succeeded', 'failed') OR excluded.outcome = 'running' THEN reason \
         ELSE excluded.reason END, \
         ended_ms = CASE WHEN outcome IN ('succeeded', 'failed') OR excluded.outcome = 'running' THEN ended_ms \
         ELSE excluded.ended_ms END, \
         outcome = CASE WHEN outcome IN ('succeeded', 'failed') OR excluded.outcome = 'running' THEN outcome \
         ELSE excluded.outcome END",
    )
    .bind(deployment.version_ms)
    .bind(&deployment.deployment_id)
    .bind(&deployment.apps)
    .bind(&deployment.steps)
    .bind(deployment.outcome.name())
    .bind(&deployment.reason)
    .bind(deployment.ended_ms)
    .bind(&deployment.caller.client_ip)
    .bind(&deployment.caller.uri)
    .bind(deployment.recorded_ms)
    .execute(connection)
    .await?;
    Ok(())
}

async fn end_unseen(
    connection: &mut SqliteConnection,
    running: &[String],
    at_ms: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE deployments SET outcome = $1, ended_ms = $2 WHERE outcome = $3 \
         AND deployment_id NOT IN (SELECT value FROM json_each($4))",
    )
    .bind(Outcome::Unseen.name())
    .bind(at_ms)
    .bind(Outcome::Running.name())
    .bind(serde_json::Value::from(running.to_vec()).to_string())
    .execute(connection)
    .await?;
    Ok(())
}
