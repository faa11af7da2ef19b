/* write_record.c - what an attempt tells of itself: datasets read and written,
 * check results, metrics, accounts of rows.
 *
 * Names are stored once and referred to by key. An expectation's definition is
 * found again by a fingerprint of all its fields, so that a result never shows a
 * definition other than the one it was evaluated with, and a night that
 * changes nothing adds nothing but outcomes. */
#include "state/store.h"
#include "base/hash.h"
#include "base/date.h"
#include <inttypes.h>

/* ---- datasets -------------------------------------------------------------------- */

static int32_t find_dataset(struct dr_state *s, int64_t attempt, const char *name, int64_t *ret,
                            bool *ret_found, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    DR_TRY(dr_state_prepare(
        s,
        "SELECT dataset_key FROM task_attempt JOIN task_instance USING (instance_key)"
        " JOIN dag_run r USING (run_key) JOIN dataset d ON d.dag_id = r.dag_id AND d.name = ?2"
        " WHERE attempt_key = ?1",
        &st, err));
    dr_sql_bind_int(st, 1, attempt);
    dr_sql_bind_text(st, 2, name);
    return dr_state_fetch_int(s, st, ret, ret_found, err);
}

static int32_t insert_dataset(struct dr_state *s, int64_t attempt, const char *name, int64_t *ret,
                              struct dr_err *err)
{
    struct dr_sql_stmt *st;
    int64_t added;
    DR_TRY(dr_state_prepare(s,
                            "INSERT INTO dataset (dag_id, name) SELECT dag_id, ?2 FROM task_attempt"
                            " JOIN task_instance USING (instance_key) JOIN dag_run USING (run_key)"
                            " WHERE attempt_key = ?1",
                            &st, err));
    dr_sql_bind_int(st, 1, attempt);
    dr_sql_bind_text(st, 2, name);
    DR_TRY(dr_state_finish(s, st, &added, err));
    if (added != 1)
        return dr_fail(err, DR_ENOTFOUND, "there is no attempt with key %" PRId64, attempt);
    *ret = dr_sql_last_id(s->db);
    return DR_OK;
}

static void remember_dataset(struct dr_state *s, int64_t attempt, const char *name, int64_t key)
{
    free(s->last_dataset.name);
    s->last_dataset.name = dr_strdup(name);
    s->last_dataset.attempt = attempt;
    s->last_dataset.key = key;
}

/* The key of a dataset of the attempt's DAG, new where nobody named it before. */
static int32_t dataset_key(struct dr_state *s, int64_t attempt, const char *name, int64_t *ret,
                           struct dr_err *err)
{
    if (!name)
        return dr_fail(err, DR_EBUG, "a dataset without a name cannot be recorded");
    bool found =
        s->last_dataset.name && s->last_dataset.attempt == attempt && dr_streq(s->last_dataset.name, name);
    if (found) {
        *ret = s->last_dataset.key;
        return DR_OK;
    }
    int64_t key;
    DR_TRY(find_dataset(s, attempt, name, &key, &found, err));
    if (!found)
        DR_TRY(insert_dataset(s, attempt, name, &key, err));
    remember_dataset(s, attempt, name, key);
    *ret = key;
    return DR_OK;
}

static int32_t put_dataset(struct dr_state *s, int64_t attempt, const struct dr_dataset_record *d,
                           struct dr_err *err)
{
    struct dr_sql_stmt *st;
    int64_t key;
    DR_TRY(dataset_key(s, attempt, d->name, &key, err));
    DR_TRY(
        dr_state_prepare(s,
                         "INSERT INTO dataset_event (attempt_key, dataset_key, operation, port, path, hash,"
                         " columns, row_count, byte_count, recorded_at)"
                         " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                         &st, err));
    dr_sql_bind_int(st, 1, attempt);
    dr_sql_bind_int(st, 2, key);
    dr_sql_bind_text(st, 3, d->output ? "write" : "read");
    dr_sql_bind_text(st, 4, d->port);
    dr_sql_bind_text(st, 5, d->path);
    dr_sql_bind_text(st, 6, d->hash);
    dr_sql_bind_text(st, 7, d->schema);
    dr_state_bind_count(st, 8, d->rows);
    dr_state_bind_count(st, 9, d->bytes);
    dr_state_bind_instant(st, 10, dr_now_us());
    return dr_state_finish(s, st, NULL, err);
}

int32_t dr_state_put_dataset(struct dr_state *s, int64_t attempt, const struct dr_dataset_record *d,
                             struct dr_err *err)
{
    bool began;
    DR_TRY(dr_state_enter(s, &began, err));
    return dr_state_leave(s, began, put_dataset(s, attempt, d, err), err);
}

/* ---- check results ----------------------------------------------------------------- */

static void put_field(struct dr_buf *b, const char *text)
{
    /* The length before the bytes keeps ("ab", "c") and ("a", "bc") apart. */
    if (text)
        dr_buf_printf(b, "%zu:%s", strlen(text), text);
    else
        dr_buf_putc(b, '-');
}

static void definition_fingerprint(const struct dr_result_record *r, char ret[DR_HASH_HEX])
{
    const char *const fields[] = { r->suite,  r->suite_hash, r->expectation_id, r->expectation_type,
                                   r->column, r->severity,   r->on_failure,     r->description,
                                   r->owner,  r->kwargs };
    DR_AUTO_BUF all = { 0 };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        put_field(&all, fields[i]);
    dr_buf_printf(&all, "@%" PRId32, r->position);
    dr_hash_hex(dr_buf_cstr(&all), all.n, ret);
}

static int32_t find_expectation(struct dr_state *s, const char *fingerprint, int64_t *ret, bool *ret_found,
                                struct dr_err *err)
{
    struct dr_sql_stmt *st;
    DR_TRY(dr_state_prepare(s, "SELECT expectation_key FROM expectation WHERE fingerprint = ?1", &st, err));
    dr_sql_bind_text(st, 1, fingerprint);
    return dr_state_fetch_int(s, st, ret, ret_found, err);
}

static int32_t insert_expectation(struct dr_state *s, const struct dr_result_record *r,
                                  const char *fingerprint, int64_t *ret, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    DR_TRY(
        dr_state_prepare(s,
                         "INSERT INTO expectation (fingerprint, suite, suite_hash, position, expectation_id,"
                         " expectation_type, column_name, severity, on_failure, description, owner, kwargs)"
                         " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                         &st, err));
    dr_sql_bind_text(st, 1, fingerprint);
    dr_sql_bind_text(st, 2, r->suite);
    dr_sql_bind_text(st, 3, r->suite_hash);
    dr_sql_bind_int(st, 4, r->position);
    dr_sql_bind_text(st, 5, r->expectation_id);
    dr_sql_bind_text(st, 6, r->expectation_type);
    dr_sql_bind_text(st, 7, r->column);
    dr_sql_bind_text(st, 8, r->severity);
    dr_sql_bind_text(st, 9, r->on_failure);
    dr_sql_bind_text(st, 10, r->description);
    dr_sql_bind_text(st, 11, r->owner);
    dr_sql_bind_text(st, 12, r->kwargs);
    DR_TRY(dr_state_finish(s, st, NULL, err));
    *ret = dr_sql_last_id(s->db);
    return DR_OK;
}

static int32_t expectation_key(struct dr_state *s, const struct dr_result_record *r, int64_t *ret,
                               struct dr_err *err)
{
    char fingerprint[DR_HASH_HEX];
    bool found;
    definition_fingerprint(r, fingerprint);
    DR_TRY(find_expectation(s, fingerprint, ret, &found, err));
    return found ? DR_OK : insert_expectation(s, r, fingerprint, ret, err);
}

static int32_t put_result(struct dr_state *s, int64_t attempt, const struct dr_result_record *r,
                          struct dr_err *err)
{
    struct dr_sql_stmt *st;
    int64_t expectation, dataset;
    DR_TRY(expectation_key(s, r, &expectation, err));
    DR_TRY(dataset_key(s, attempt, r->dataset, &dataset, err));
    DR_TRY(
        dr_state_prepare(s,
                         "INSERT INTO expectation_result (attempt_key, expectation_key, dataset_key, outcome,"
                         " element_count, unexpected_count, missing_count, sentence, exception, result)"
                         " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                         &st, err));
    dr_sql_bind_int(st, 1, attempt);
    dr_sql_bind_int(st, 2, expectation);
    dr_sql_bind_int(st, 3, dataset);
    dr_sql_bind_text(st, 4, r->exception ? "error" : r->success ? "passed" : "failed");
    dr_state_bind_count(st, 5, r->element_count);
    dr_state_bind_count(st, 6, r->unexpected_count);
    dr_state_bind_count(st, 7, r->missing_count);
    dr_sql_bind_text(st, 8, r->sentence);
    dr_sql_bind_text(st, 9, r->exception);
    dr_sql_bind_text(st, 10, r->result);
    return dr_state_finish(s, st, NULL, err);
}

int32_t dr_state_put_result(struct dr_state *s, int64_t attempt, const struct dr_result_record *r,
                            struct dr_err *err)
{
    bool began;
    DR_TRY(dr_state_enter(s, &began, err));
    return dr_state_leave(s, began, put_result(s, attempt, r, err), err);
}

/* ---- metrics and accounts ------------------------------------------------------------ */

int32_t dr_state_put_metric(struct dr_state *s, int64_t attempt, const char *name, double value,
                            struct dr_err *err)
{
    struct dr_sql_stmt *st;
    DR_TRY(dr_state_prepare(s,
                            "INSERT INTO metric (attempt_key, name, value) VALUES (?1, ?2, ?3)"
                            " ON CONFLICT (attempt_key, name) DO UPDATE SET value = excluded.value",
                            &st, err));
    dr_sql_bind_int(st, 1, attempt);
    dr_sql_bind_text(st, 2, name);
    dr_sql_bind_float(st, 3, value);
    return dr_state_finish(s, st, NULL, err);
}

static int32_t put_account(struct dr_state *s, int64_t attempt, const char *dataset, const char *group,
                           const char *stage, int64_t rows, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    int64_t key;
    DR_TRY(dataset_key(s, attempt, dataset, &key, err));
    DR_TRY(dr_state_prepare(s,
                            "INSERT INTO row_account (attempt_key, dataset_key, group_name, stage, row_count)"
                            " VALUES (?1, ?2, coalesce(?3, ''), ?4, ?5)"
                            " ON CONFLICT (attempt_key, dataset_key, group_name, stage)"
                            " DO UPDATE SET row_count = row_count + excluded.row_count",
                            &st, err));
    dr_sql_bind_int(st, 1, attempt);
    dr_sql_bind_int(st, 2, key);
    dr_sql_bind_text(st, 3, group);
    dr_sql_bind_text(st, 4, stage);
    dr_sql_bind_int(st, 5, rows);
    return dr_state_finish(s, st, NULL, err);
}

int32_t dr_state_put_account(struct dr_state *s, int64_t attempt, const char *dataset, const char *group,
                             const char *stage, int64_t rows, struct dr_err *err)
{
    bool began;
    DR_TRY(dr_state_enter(s, &began, err));
    return dr_state_leave(s, began, put_account(s, attempt, dataset, group, stage, rows, err), err);
}
