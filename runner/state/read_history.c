/* read_history.c - how each expectation of a run fared in the runs before it.
 *
 * One query walks the last runs, the one asked about first. Its rows, in the
 * order of dr_state_results, set up the histories; those of older runs find
 * theirs in a map by dataset and expectation id. Each run gives at least one
 * row (LEFT JOIN), so that a run in which nothing was checked is a point too. The
 * joins stand flat, one after the other: in brackets SQLite would first build
 * the join of all results there are. Of the results only a covering index is read. */
#include "state/store.h"
#include "base/hash.h"
#include <inttypes.h>

enum { RUNS_MAX = 1000 };

#define HISTORY_SQL                                                                                          \
    "WITH this AS (SELECT dag_id, logical_date, run_key FROM dag_run WHERE run_key = ?1),"                   \
    " recent AS MATERIALIZED (SELECT r.run_key, r.run_id, r.logical_date,"                                   \
    "   row_number() OVER (ORDER BY r.logical_date DESC, r.run_key DESC) - 1 AS age"                         \
    "  FROM this JOIN dag_run r ON r.dag_id = this.dag_id"                                                   \
    "  WHERE (r.logical_date, r.run_key) <= (this.logical_date, this.run_key)"                               \
    "   AND (r.state IN ('success', 'failed', 'cancelled') OR r.run_key = ?1)"                               \
    "  ORDER BY r.logical_date DESC, r.run_key DESC LIMIT ?2)"                                               \
    " SELECT r.age, r.run_id, r.logical_date, x.dataset_key, e.expectation_id, x.outcome,"                   \
    "  x.unexpected_count, x.element_count, d.name"                                                          \
    " FROM recent r"                                                                                         \
    " LEFT JOIN task_instance i ON i.run_key = r.run_key"                                                    \
    " LEFT JOIN task_attempt a ON a.instance_key = i.instance_key AND a.number = i.try_number"               \
    " LEFT JOIN expectation_result x USING (attempt_key)"                                                    \
    " LEFT JOIN task t USING (task_key)"                                                                     \
    " LEFT JOIN expectation e USING (expectation_key)"                                                       \
    " LEFT JOIN dataset d USING (dataset_key)"                                                               \
    " ORDER BY r.age, t.position, x.dataset_key, e.suite, e.position, x.result_key"

struct reading {
    struct dr_arena *arena; /* borrowed */
    int32_t limit;
    struct dr_history *histories; /* in the arena; n of cap */
    int32_t n, cap;
    /* Per run, newest first: what every history's point of it says. */
    struct dr_history_point *blank;
    int32_t runs;
    struct dr_map index; /* "DATASET_KEY EXPECTATION_ID" to place in histories + 1; keys in the arena */
};

static void note_run(struct reading *h, struct dr_sql_stmt *st, int32_t age)
{
    if (age < h->runs)
        return;
    h->blank[age] = (struct dr_history_point){ .run_id = dr_sql_text(st, 1, h->arena),
                                               .logical_us = dr_state_time(st, 2),
                                               .outcome = 3,
                                               .unexpected_count = -1,
                                               .element_count = -1 };
    h->runs = age + 1;
}

static struct dr_history_point *new_history(struct reading *h, struct dr_sql_stmt *st,
                                            struct dr_history_point *points)
{
    h->histories = dr_state_grow(h->arena, h->histories, h->n, &h->cap, sizeof(*h->histories));
    struct dr_history *added = &h->histories[h->n++];
    added->dataset = dr_sql_text(st, 8, h->arena);
    added->expectation_id = dr_sql_text(st, 4, h->arena);
    added->points = points ? points : dr_arena_array(h->arena, (size_t)h->limit, sizeof(*points));
    return added->points;
}

/* The points of this row's expectation, or NULL where the run asked about does
 * not have it. What that run checked twice is two histories with the same points. */
static struct dr_history_point *points_of(struct reading *h, struct dr_sql_stmt *st, int32_t age)
{
    struct dr_str id = dr_sql_str(st, 4);
    DR_AUTO_BUF key = { 0 };
    dr_buf_printf(&key, "%" PRId64 " ", dr_sql_int(st, 3));
    dr_buf_append(&key, id.p, id.n);
    int64_t *place = dr_map_get(&h->index, dr_buf_str(&key));
    struct dr_history_point *known = place ? h->histories[*place - 1].points : NULL;
    if (age > 0)
        return known;
    if (!place)
        *dr_map_put(&h->index, (struct dr_str){ dr_arena_dup(h->arena, key.p, key.n), key.n }, NULL) =
            h->n + 1;
    return new_history(h, st, known);
}

static int32_t outcome_of(struct dr_str name)
{
    return dr_str_eq(name, DR_LIT("passed")) ? 0 : dr_str_eq(name, DR_LIT("failed")) ? 1 : 2;
}

/* Points fill their array from its end, oldest first; a missing one has no run id yet. */
static void note_result(struct reading *h, struct dr_sql_stmt *st)
{
    int32_t age = (int32_t)dr_sql_int(st, 0);
    note_run(h, st, age);
    if (dr_sql_column_type(st, 5) == DR_SQL_NULL)
        return;
    struct dr_history_point *points = points_of(h, st, age);
    if (!points)
        return;
    struct dr_history_point *p = &points[h->limit - 1 - age];
    *p = h->blank[age];
    p->outcome = outcome_of(dr_sql_str(st, 5));
    p->unexpected_count = dr_state_count(st, 6);
    p->element_count = dr_state_count(st, 7);
}

/* Cut the unused start of the array off, and fill in the runs that did not check it. */
static void finish_history(const struct reading *h, struct dr_history *history)
{
    history->points += h->limit - h->runs;
    history->n = h->runs;
    for (int32_t i = 0; i < h->runs; i++)
        if (!history->points[i].run_id)
            history->points[i] = h->blank[h->runs - 1 - i];
}

static int32_t read_history(struct dr_state *s, struct reading *h, int64_t run, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    DR_TRY(dr_state_prepare(s, HISTORY_SQL, &st, err));
    dr_sql_bind_int(st, 1, run);
    dr_sql_bind_int(st, 2, h->limit);
    for (bool row;;) {
        DR_TRY(dr_state_step(s, st, &row, err));
        if (!row)
            break;
        note_result(h, st);
    }
    for (int32_t i = 0; i < h->n; i++)
        finish_history(h, &h->histories[i]);
    return DR_OK;
}

int32_t dr_state_histories(struct dr_state *s, struct dr_arena *a, int64_t run, int32_t limit,
                           struct dr_history **ret, int32_t *ret_n, struct dr_err *err)
{
    struct reading h = { .arena = a, .limit = limit < 1 ? 1 : limit > RUNS_MAX ? RUNS_MAX : limit };
    h.blank = dr_arena_array(a, (size_t)h.limit, sizeof(*h.blank));
    int32_t rc = read_history(s, &h, run, err);
    dr_map_done(&h.index);
    if (rc)
        return rc;
    *ret = h.histories;
    *ret_n = h.n;
    return DR_OK;
}
