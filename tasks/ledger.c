/* ledger - remember files as done, so that `extract` does not read them again from a
 * folder. It stands where the work on them ends: behind a load, say. */
#include <dagrun/task.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct dr_param params[] = {
    { "ledger", DR_PARAM_STRING, DR_REQUIRED, NULL, NULL,
      "The name that the extract task gives as folder.ledger" },
    { 0 },
};
static const struct dr_port inputs[] = {
    { "files", DR_REQUIRED, 0, "The output `files` of extract" },
    { 0 },
};

/* As extract reads it: see tasks/extract/folder.c. */
static const char schema[] =
    "CREATE TABLE IF NOT EXISTS file_ledger (ledger TEXT NOT NULL, hash TEXT NOT NULL, bytes INTEGER NOT "
    "NULL, file TEXT NOT NULL, run_id TEXT NOT NULL, done_at TEXT NOT NULL, PRIMARY KEY (ledger, hash, "
    "bytes)) STRICT";

static bool is_plain(const char *s)
{
    return s[0] &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == strlen(s);
}

static int32_t remember(struct dr_task *t, struct dr_db *db, const struct dr_table *files)
{
    const char *ledger = dr_node_str(dr_task_param(t, "ledger"), "");
    char sql[1024];
    DR_TRY(dr_db_attach_table(db, "files_of_run", files, dr_task_err(t)));
    snprintf(sql, sizeof sql,
             "INSERT OR IGNORE INTO file_ledger SELECT '%.200s', hash, bytes, file, '%.300s',"
             " strftime('%%Y-%%m-%%dT%%H:%%M:%%fZ') FROM files_of_run WHERE state = 'read'",
             ledger, dr_task_info(t)->run_id);
    DR_TRY(dr_db_begin(db, dr_task_err(t)));
    DR_TRY(dr_db_exec(db, schema, dr_task_err(t)));
    DR_TRY(dr_db_exec(db, sql, dr_task_err(t)));
    return dr_db_commit(db, dr_task_err(t));
}

static int32_t ledger(struct dr_task *t)
{
    char path[4096];
    struct dr_table *files = NULL;
    struct dr_db *db = NULL;
    if (!is_plain(dr_node_str(dr_task_param(t, "ledger"), "")))
        return dr_task_fail_final(t, "ledger: must be a name of letters, digits, _ . and -");
    snprintf(path, sizeof path, "%s/var/ledger.db", dr_task_info(t)->home);
    DR_TRY(dr_task_read(t, "files", 0, NULL, &files, NULL));
    DR_TRY(dr_db_open(path, &db, dr_task_err(t)));
    int32_t rc = remember(t, db, files);
    dr_db_close(db);
    dr_table_unref(files);
    return rc;
}

DR_PLUGIN(.name = "ledger", .summary = "Remember the files of a folder as done",
          .doc = "See docs/extract.md. Files that were refused or not read are not remembered.",
          .params = params, .inputs = inputs, .run = ledger);
