-- History: what has been, bounded by age and size. Nothing that runs depends on it.

-- Observed: tasks that ended, in the order in which the leading master saw them end.
CREATE TABLE completed_tasks (
    epoch        INTEGER NOT NULL,
    sequence     INTEGER NOT NULL,
    framework_id TEXT    NOT NULL,
    framework    TEXT    NOT NULL,
    task_id      TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    role         TEXT    NOT NULL,
    agent_id     TEXT    NOT NULL,
    host         TEXT,
    executor_id  TEXT    NOT NULL,
    container    TEXT,
    state        TEXT    NOT NULL,
    reason       TEXT,
    message      TEXT,
    started_ms   INTEGER,
    ended_ms     INTEGER NOT NULL,
    resources    TEXT    NOT NULL,
    recorded_ms  INTEGER NOT NULL,
    PRIMARY KEY (epoch, sequence)
);

-- A master that was restarted may see the same end again, as the same task of the same agent at the same time.
CREATE UNIQUE INDEX completed_tasks_once ON completed_tasks (framework_id, task_id, agent_id, ended_ms);
CREATE INDEX completed_tasks_by_age ON completed_tasks (recorded_ms);

-- Derived: definitions of apps. The version is the root group's, which every change makes larger.
CREATE TABLE app_versions (
    version_ms  INTEGER NOT NULL,
    app_id      TEXT    NOT NULL,
    definition  TEXT    NOT NULL,
    client_ip   TEXT,
    uri         TEXT,
    recorded_ms INTEGER NOT NULL,
    PRIMARY KEY (version_ms, app_id)
);

CREATE INDEX app_versions_by_age ON app_versions (recorded_ms);

-- Derived: deployments. `apps` and `steps` are JSON.
CREATE TABLE deployments (
    version_ms    INTEGER NOT NULL,
    deployment_id TEXT    NOT NULL,
    apps          TEXT    NOT NULL,
    steps         TEXT    NOT NULL,
    outcome       TEXT    NOT NULL,
    reason        TEXT,
    ended_ms      INTEGER,
    client_ip     TEXT,
    uri           TEXT,
    recorded_ms   INTEGER NOT NULL,
    PRIMARY KEY (version_ms, deployment_id)
);

CREATE INDEX deployments_by_age ON deployments (recorded_ms);
