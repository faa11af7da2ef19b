/* schema.c - the database schema, as the migrations that lead to it.
 *
 * A migration is a list of statements; migration i brings a database from
 * user_version i to i + 1. A released migration is never edited: what changes
 * is added as the next one, and docs/state.md says what it looks like after it.
 *
 * Rules of the schema:
 *   - Tables are STRICT and have Airflow's names. A surrogate key NOUN_key has the
 *     same name wherever it refers, so that JOIN ... USING (NOUN_key) works; ids
 *     that people gave (dag_id, run_id, task_id) are text.
 *   - Instants are UTC text, "2024-03-01T02:30:00.000000Z": 27 characters, so that text order is time order.
 *   - What a run is made of hangs below dag_run by ON DELETE CASCADE: deleting
 *     a run deletes all of it, and every such reference has an index.
 *   - Definitions (tasks of a DAG version, expectations) are stored once and shared by all runs.
 *   - Nothing is stored that a query can tell: tallies are views.
 *   - CHECK compares with = and OR: SQLite fills a temporary B-tree for an IN
 *     of three constants or more, at every write, which costs more than the write.
 *   - No CHECK (json_valid(...)): SQLite before 3.41 takes it for unsafe in a
 *     schema that is not trusted. JSON is made by base/json.c and nobody else. */
#include "state/store.h"

static const char *const version_1[] = {
    "PRAGMA application_id = 1684105074", /* DR_STATE_APPLICATION_ID */

    /* ---- definitions ---- */
    "CREATE TABLE dag ("
    " dag_id TEXT NOT NULL PRIMARY KEY,"
    " created_at TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID",

    "CREATE TABLE dag_version ("
    " version_key INTEGER PRIMARY KEY,"
    " dag_id TEXT NOT NULL REFERENCES dag ON DELETE CASCADE,"
    " number INTEGER NOT NULL CHECK (number > 0),"
    " hash TEXT NOT NULL,"
    " file TEXT NOT NULL,"
    " text TEXT NOT NULL,"
    " description TEXT,"
    " owner TEXT,"
    " schedule TEXT,"
    " timezone TEXT NOT NULL,"
    " created_at TEXT NOT NULL,"
    " UNIQUE (dag_id, hash),"
    " UNIQUE (dag_id, number)"
    ") STRICT",

    "CREATE TABLE task ("
    " task_key INTEGER PRIMARY KEY,"
    " version_key INTEGER NOT NULL REFERENCES dag_version ON DELETE CASCADE,"
    " position INTEGER NOT NULL CHECK (position >= 0),"
    " task_id TEXT NOT NULL,"
    " plugin TEXT NOT NULL,"
    " description TEXT,"
    " owner TEXT,"
    " trigger_rule TEXT NOT NULL,"
    " retries INTEGER NOT NULL CHECK (retries >= 0),"
    " UNIQUE (version_key, position),"
    " UNIQUE (version_key, task_id)"
    ") STRICT",

    "CREATE TABLE task_upstream ("
    " task_key INTEGER NOT NULL REFERENCES task ON DELETE CASCADE,"
    " upstream_key INTEGER NOT NULL REFERENCES task (task_key) ON DELETE CASCADE,"
    " PRIMARY KEY (task_key, upstream_key),"
    " CHECK (task_key <> upstream_key)"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX task_upstream_reverse ON task_upstream (upstream_key, task_key)",

    "CREATE TABLE expectation ("
    " expectation_key INTEGER PRIMARY KEY,"
    " fingerprint TEXT NOT NULL UNIQUE,"
    " suite TEXT NOT NULL,"
    " suite_hash TEXT,"
    " position INTEGER NOT NULL,"
    " expectation_id TEXT NOT NULL,"
    " expectation_type TEXT NOT NULL,"
    " column_name TEXT,"
    " severity TEXT NOT NULL "
    "  CHECK (severity = 'info' OR severity = 'warning' OR severity = 'critical'),"
    " on_failure TEXT NOT NULL "
    "  CHECK (on_failure = 'record' OR on_failure = 'quarantine' OR on_failure = 'fail'),"
    " description TEXT,"
    " owner TEXT,"
    " kwargs TEXT"
    ") STRICT",

    "CREATE TABLE dataset ("
    " dataset_key INTEGER PRIMARY KEY,"
    " dag_id TEXT NOT NULL REFERENCES dag ON DELETE CASCADE,"
    " name TEXT NOT NULL,"
    " UNIQUE (dag_id, name)"
    ") STRICT",

    /* ---- runs ---- */
    "CREATE TABLE dag_run ("
    " run_key INTEGER PRIMARY KEY,"
    " dag_id TEXT NOT NULL REFERENCES dag,"
    " run_id TEXT NOT NULL,"
    " version_key INTEGER NOT NULL REFERENCES dag_version,"
    " run_type TEXT NOT NULL "
    "  CHECK (run_type = 'manual' OR run_type = 'scheduled' OR run_type = 'backfill'),"
    " state TEXT NOT NULL DEFAULT 'queued'"
    "  CHECK (state = 'queued' OR state = 'running' OR state = 'success' OR state = 'failed'"
    "   OR state = 'cancelled'),"
    " reason TEXT,"
    " logical_date TEXT NOT NULL,"
    " data_interval_start TEXT,"
    " data_interval_end TEXT,"
    " queued_at TEXT NOT NULL,"
    " started_at TEXT,"
    " ended_at TEXT,"
    " params TEXT NOT NULL,"
    " program TEXT,"
    " runner_pid INTEGER,"
    " runner_start_ticks INTEGER,"
    " runner_boot_id TEXT,"
    " UNIQUE (dag_id, run_id),"
    " CHECK ((ended_at IS NULL) = (state = 'queued' OR state = 'running'))"
    ") STRICT",
    "CREATE INDEX dag_run_by_dag ON dag_run (dag_id, run_key)",
    "CREATE INDEX dag_run_by_logical_date ON dag_run (dag_id, logical_date, run_key)",
    "CREATE INDEX dag_run_by_state ON dag_run (state)",
    "CREATE INDEX dag_run_by_version ON dag_run (version_key)",

    "CREATE TABLE plugin ("
    " run_key INTEGER NOT NULL REFERENCES dag_run ON DELETE CASCADE,"
    " name TEXT NOT NULL,"
    " hash TEXT,"
    " version TEXT,"
    " PRIMARY KEY (run_key, name)"
    ") STRICT, WITHOUT ROWID",

    "CREATE TABLE task_instance ("
    " instance_key INTEGER PRIMARY KEY,"
    " run_key INTEGER NOT NULL REFERENCES dag_run ON DELETE CASCADE,"
    " task_key INTEGER NOT NULL REFERENCES task,"
    " state TEXT NOT NULL DEFAULT 'none'"
    "  CHECK (state = 'none' OR state = 'queued' OR state = 'running' OR state = 'up_for_retry'"
    "   OR state = 'success' OR state = 'failed' OR state = 'upstream_failed' OR state = 'skipped'"
    "   OR state = 'cancelled'),"
    " reason TEXT,"
    " try_number INTEGER NOT NULL DEFAULT 0 CHECK (try_number >= 0),"
    " queued_at TEXT,"
    " started_at TEXT,"
    " ended_at TEXT,"
    " next_try_at TEXT,"
    " UNIQUE (run_key, task_key),"
    " CHECK ((ended_at IS NULL) ="
    "  (state = 'none' OR state = 'queued' OR state = 'running' OR state = 'up_for_retry')),"
    " CHECK (next_try_at IS NULL OR state = 'up_for_retry')"
    ") STRICT",

    "CREATE TABLE task_attempt ("
    " attempt_key INTEGER PRIMARY KEY,"
    " instance_key INTEGER NOT NULL REFERENCES task_instance ON DELETE CASCADE,"
    " number INTEGER NOT NULL CHECK (number > 0),"
    " state TEXT NOT NULL DEFAULT 'running'"
    "  CHECK (state = 'running' OR state = 'up_for_retry' OR state = 'success' OR state = 'failed'"
    "   OR state = 'skipped' OR state = 'cancelled'),"
    " reason TEXT,"
    " started_at TEXT NOT NULL,"
    " ended_at TEXT,"
    " pid INTEGER,"
    " start_ticks INTEGER,"
    " exit_code INTEGER,"
    " signal INTEGER,"
    " cpu_us INTEGER,"
    " max_rss_bytes INTEGER,"
    " UNIQUE (instance_key, number),"
    " CHECK ((ended_at IS NULL) = (state = 'running'))"
    ") STRICT",

    /* ---- what attempts told ---- */
    "CREATE TABLE dataset_event ("
    " event_key INTEGER PRIMARY KEY,"
    " attempt_key INTEGER NOT NULL REFERENCES task_attempt ON DELETE CASCADE,"
    " dataset_key INTEGER NOT NULL REFERENCES dataset,"
    " operation TEXT NOT NULL CHECK (operation = 'read' OR operation = 'write'),"
    " port TEXT,"
    " path TEXT,"
    " hash TEXT,"
    " columns TEXT,"
    " row_count INTEGER CHECK (row_count >= 0),"
    " byte_count INTEGER CHECK (byte_count >= 0),"
    " recorded_at TEXT NOT NULL"
    ") STRICT",
    "CREATE INDEX dataset_event_by_attempt ON dataset_event (attempt_key)",
    "CREATE INDEX dataset_event_by_dataset ON dataset_event (dataset_key, hash, operation)",

    /* The outcome and the counts stand before the long texts, and again in the
     * first index: histories and tallies read that index and no row. */
    "CREATE TABLE expectation_result ("
    " result_key INTEGER PRIMARY KEY,"
    " attempt_key INTEGER NOT NULL REFERENCES task_attempt ON DELETE CASCADE,"
    " expectation_key INTEGER NOT NULL REFERENCES expectation,"
    " dataset_key INTEGER NOT NULL REFERENCES dataset,"
    " outcome TEXT NOT NULL "
    "  CHECK (outcome = 'passed' OR outcome = 'failed' OR outcome = 'error'),"
    " element_count INTEGER CHECK (element_count >= 0),"
    " unexpected_count INTEGER CHECK (unexpected_count >= 0),"
    " missing_count INTEGER CHECK (missing_count >= 0),"
    " sentence TEXT,"
    " exception TEXT,"
    " result TEXT,"
    " CHECK ((outcome = 'error') = (exception IS NOT NULL))"
    ") STRICT",
    "CREATE INDEX expectation_result_by_attempt ON expectation_result"
    " (attempt_key, expectation_key, dataset_key, outcome, unexpected_count, element_count)",
    "CREATE INDEX expectation_result_by_expectation ON expectation_result (expectation_key)",

    "CREATE TABLE metric ("
    " metric_key INTEGER PRIMARY KEY,"
    " attempt_key INTEGER NOT NULL REFERENCES task_attempt ON DELETE CASCADE,"
    " name TEXT NOT NULL,"
    " value REAL,"
    " UNIQUE (attempt_key, name)"
    ") STRICT",

    "CREATE TABLE row_account ("
    " account_key INTEGER PRIMARY KEY,"
    " attempt_key INTEGER NOT NULL REFERENCES task_attempt ON DELETE CASCADE,"
    " dataset_key INTEGER NOT NULL REFERENCES dataset,"
    " group_name TEXT NOT NULL DEFAULT '',"
    " stage TEXT NOT NULL "
    "  CHECK (stage = 'raw' OR stage = 'clean' OR stage = 'quarantined' OR stage = 'duplicates'),"
    " row_count INTEGER NOT NULL CHECK (row_count >= 0),"
    " UNIQUE (attempt_key, dataset_key, group_name, stage)"
    ") STRICT",

    /* ---- views, for people ---- */
    "CREATE VIEW v_dag AS"
    " SELECT dag_id, v.number AS version, v.description, v.owner, v.schedule, v.timezone, v.file,"
    "  (SELECT count(*) FROM task t WHERE t.version_key = v.version_key) AS tasks,"
    "  (SELECT count(*) FROM dag_run r WHERE r.dag_id = v.dag_id) AS runs,"
    "  v.created_at AS version_since"
    " FROM dag_version v"
    " WHERE v.number = (SELECT max(number) FROM dag_version w WHERE w.dag_id = v.dag_id)",

    "CREATE VIEW v_attempt AS"
    " SELECT r.dag_id, r.run_id, t.task_id, a.number AS attempt, a.number = i.try_number AS counts, a.state,"
    "  a.reason, a.exit_code, a.signal, a.started_at, a.ended_at,"
    "  unixepoch(a.ended_at) - unixepoch(a.started_at)"
    "   + (substr(a.ended_at, 21, 6) - substr(a.started_at, 21, 6)) / 1e6 AS seconds,"
    "  a.cpu_us / 1e6 AS cpu_seconds, a.max_rss_bytes, a.pid,"
    "  a.attempt_key, i.instance_key, r.run_key"
    " FROM task_attempt a"
    " JOIN task_instance i USING (instance_key)"
    " JOIN task t USING (task_key)"
    " JOIN dag_run r ON r.run_key = i.run_key",

    "CREATE VIEW v_task AS"
    " SELECT r.dag_id, r.run_id, t.position, t.task_id, t.plugin, i.state, i.reason,"
    "  (SELECT count(*) FROM task_attempt a WHERE a.instance_key = i.instance_key) AS attempts, t.retries,"
    "  i.queued_at, i.started_at, i.ended_at, i.next_try_at,"
    "  unixepoch(i.ended_at) - unixepoch(i.started_at)"
    "   + (substr(i.ended_at, 21, 6) - substr(i.started_at, 21, 6)) / 1e6 AS seconds,"
    "  t.trigger_rule,"
    "  (SELECT group_concat(u.task_id, ', ') FROM task_upstream e JOIN task u ON u.task_key = e.upstream_key"
    "    WHERE e.task_key = t.task_key) AS upstream,"
    "  i.instance_key, t.task_key, r.run_key"
    " FROM task_instance i"
    " JOIN task t USING (task_key)"
    " JOIN dag_run r ON r.run_key = i.run_key",

    /* The results that count: those of each task's current attempt. */
    "CREATE VIEW v_expectation_result AS"
    " SELECT r.dag_id, r.run_id, r.logical_date, t.task_id, d.name AS dataset, e.suite, e.position,"
    "  e.expectation_id, e.expectation_type, e.column_name, e.severity, e.on_failure, x.outcome,"
    "  x.unexpected_count, x.element_count, x.missing_count, x.sentence, x.exception,"
    "  e.description, e.owner, e.kwargs, x.result, x.result_key, a.attempt_key, r.run_key"
    " FROM task_instance i"
    " JOIN task_attempt a ON a.instance_key = i.instance_key AND a.number = i.try_number"
    " JOIN expectation_result x USING (attempt_key)"
    " JOIN expectation e USING (expectation_key)"
    " JOIN dataset d USING (dataset_key)"
    " JOIN task t USING (task_key)"
    " JOIN dag_run r ON r.run_key = i.run_key",

    "CREATE VIEW v_failed_expectation AS"
    " SELECT dag_id, run_id, logical_date, task_id, dataset, severity, outcome,"
    "  coalesce(sentence, exception) AS what, column_name, unexpected_count, element_count,"
    "  expectation_id, expectation_type, suite, owner, result, result_key, run_key"
    " FROM v_expectation_result WHERE outcome <> 'passed'",

    "CREATE VIEW v_run AS"
    " SELECT r.dag_id, r.run_id, r.state, r.reason, r.run_type, r.logical_date, r.queued_at, r.started_at,"
    "  r.ended_at,"
    "  unixepoch(r.ended_at) - unixepoch(r.started_at)"
    "   + (substr(r.ended_at, 21, 6) - substr(r.started_at, 21, 6)) / 1e6 AS seconds,"
    "  (SELECT count(*) FROM task_instance i WHERE i.run_key = r.run_key) AS tasks,"
    "  (SELECT count(*) FROM task_instance i WHERE i.run_key = r.run_key AND i.state = 'success')"
    "   AS tasks_success,"
    "  (SELECT count(*) FROM task_instance i WHERE i.run_key = r.run_key"
    "    AND i.state IN ('failed', 'upstream_failed')) AS tasks_failed,"
    "  (SELECT count(*) FROM v_expectation_result x WHERE x.run_key = r.run_key) AS checks,"
    "  (SELECT count(*) FROM v_expectation_result x WHERE x.run_key = r.run_key AND x.outcome = 'failed')"
    "   AS checks_failed,"
    "  (SELECT count(*) FROM v_expectation_result x WHERE x.run_key = r.run_key AND x.outcome = 'error')"
    "   AS checks_error,"
    "  v.number AS dag_version, r.params, r.program, r.run_key"
    " FROM dag_run r JOIN dag_version v USING (version_key)",

    "CREATE VIEW v_dataset_event AS"
    " SELECT r.dag_id, r.run_id, t.task_id, a.number AS attempt, a.state AS attempt_state, v.operation,"
    "  d.name AS dataset, v.port, v.hash, v.row_count, v.byte_count, v.path, v.recorded_at,"
    "  v.event_key, d.dataset_key, a.attempt_key, r.run_key"
    " FROM dataset_event v"
    " JOIN dataset d USING (dataset_key)"
    " JOIN task_attempt a USING (attempt_key)"
    " JOIN task_instance i USING (instance_key)"
    " JOIN task t USING (task_key)"
    " JOIN dag_run r ON r.run_key = i.run_key",

    /* Who read what, and which attempt had last written that very content. */
    "CREATE VIEW v_lineage AS"
    " SELECT r.dag_id, d.name AS dataset, x.hash, x.row_count,"
    "  wr.run_id AS written_by_run, wt.task_id AS written_by_task, wa.number AS written_by_attempt,"
    "  w.recorded_at AS written_at,"
    "  r.run_id AS read_by_run, t.task_id AS read_by_task, a.number AS read_by_attempt,"
    "  x.recorded_at AS read_at, r.run_key"
    " FROM dag_run r"
    " JOIN task_instance i USING (run_key)"
    " JOIN task t USING (task_key)"
    " JOIN task_attempt a USING (instance_key)"
    " JOIN dataset_event x USING (attempt_key)"
    " JOIN dataset d USING (dataset_key)"
    " LEFT JOIN dataset_event w ON w.event_key ="
    "  (SELECT max(e.event_key) FROM dataset_event e"
    "    WHERE e.dataset_key = x.dataset_key AND e.hash = x.hash AND e.operation = 'write'"
    "     AND e.event_key < x.event_key)"
    " LEFT JOIN task_attempt wa ON wa.attempt_key = w.attempt_key"
    " LEFT JOIN task_instance wi ON wi.instance_key = wa.instance_key"
    " LEFT JOIN task wt ON wt.task_key = wi.task_key"
    " LEFT JOIN dag_run wr ON wr.run_key = wi.run_key"
    " WHERE x.operation = 'read'",

    "CREATE VIEW v_metric AS"
    " SELECT r.dag_id, r.run_id, r.logical_date, t.task_id, m.name, m.value, r.run_key"
    " FROM task_instance i"
    " JOIN task_attempt a ON a.instance_key = i.instance_key AND a.number = i.try_number"
    " JOIN metric m USING (attempt_key)"
    " JOIN task t USING (task_key)"
    " JOIN dag_run r ON r.run_key = i.run_key",

    /* One row per dataset and group; missing is 0 where the account adds up. */
    "CREATE VIEW v_row_account AS"
    " SELECT r.dag_id, r.run_id, r.logical_date, d.name AS dataset, c.group_name,"
    "  sum(iif(c.stage = 'raw', c.row_count, 0)) AS raw,"
    "  sum(iif(c.stage = 'clean', c.row_count, 0)) AS clean,"
    "  sum(iif(c.stage = 'quarantined', c.row_count, 0)) AS quarantined,"
    "  sum(iif(c.stage = 'duplicates', c.row_count, 0)) AS duplicates,"
    "  sum(iif(c.stage = 'raw', c.row_count, -c.row_count)) AS missing,"
    "  r.run_key"
    " FROM task_instance i"
    " JOIN task_attempt a ON a.instance_key = i.instance_key AND a.number = i.try_number"
    " JOIN row_account c USING (attempt_key)"
    " JOIN dataset d USING (dataset_key)"
    " JOIN dag_run r ON r.run_key = i.run_key"
    " GROUP BY r.run_key, d.dataset_key, c.group_name",
};

static const struct dr_migration migrations[] = {
    { version_1, sizeof(version_1) / sizeof(version_1[0]) },
};

const struct dr_migration *dr_state_migrations(int32_t *ret_n)
{
    *ret_n = sizeof(migrations) / sizeof(migrations[0]);
    return migrations;
}
