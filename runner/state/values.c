/* values.c - how states, instants and counts stand in the database, and which
 * moves there are. */
#include "state/store.h"
#include "base/date.h"

/* ---- states ------------------------------------------------------------------- */

static const char *const run_names[] = {
    [DR_RUN_QUEUED] = "queued", [DR_RUN_RUNNING] = "running",     [DR_RUN_SUCCESS] = "success",
    [DR_RUN_FAILED] = "failed", [DR_RUN_CANCELLED] = "cancelled",
};
static const char *const task_names[] = {
    [DR_TASK_NONE] = "none",
    [DR_TASK_QUEUED] = "queued",
    [DR_TASK_RUNNING] = "running",
    [DR_TASK_UP_FOR_RETRY] = "up_for_retry",
    [DR_TASK_SUCCESS] = "success",
    [DR_TASK_FAILED] = "failed",
    [DR_TASK_UPSTREAM_FAILED] = "upstream_failed",
    [DR_TASK_SKIPPED] = "skipped",
    [DR_TASK_CANCELLED] = "cancelled",
};
enum {
    N_RUN = sizeof(run_names) / sizeof(run_names[0]),
    N_TASK = sizeof(task_names) / sizeof(task_names[0])
};

const char *dr_run_state_name(enum dr_run_state s)
{
    return (unsigned)s < N_RUN ? run_names[s] : "unknown";
}

const char *dr_task_state_name(enum dr_task_state s)
{
    return (unsigned)s < N_TASK ? task_names[s] : "unknown";
}

bool dr_task_state_final(enum dr_task_state s)
{
    return s >= DR_TASK_SUCCESS;
}

static int find_name(const char *const *names, int n, struct dr_str name)
{
    for (int i = 0; i < n; i++)
        if (dr_str_eq(name, dr_str_of(names[i])))
            return i;
    return -1;
}

bool dr_run_state_parse(const char *name, enum dr_run_state *ret)
{
    int i = find_name(run_names, N_RUN, dr_str_of(name));
    if (i >= 0)
        *ret = (enum dr_run_state)i;
    return i >= 0;
}

/* CHECK constraints leave no other names than ours. */
enum dr_task_state dr_state_task_state(struct dr_sql_stmt *st, int i)
{
    int found = find_name(task_names, N_TASK, dr_sql_str(st, i));
    return found < 0 ? DR_TASK_NONE : (enum dr_task_state)found;
}

enum dr_run_state dr_state_run_state(struct dr_sql_stmt *st, int i)
{
    int found = find_name(run_names, N_RUN, dr_sql_str(st, i));
    return found < 0 ? DR_RUN_QUEUED : (enum dr_run_state)found;
}

/* ---- moves ---------------------------------------------------------------------- */

#define BIT(state) (1u << (state))

bool dr_run_move_ok(enum dr_run_state from, enum dr_run_state to)
{
    static const unsigned to_of[N_RUN] = {
        [DR_RUN_QUEUED] = BIT(DR_RUN_RUNNING) | BIT(DR_RUN_FAILED) | BIT(DR_RUN_CANCELLED),
        [DR_RUN_RUNNING] = BIT(DR_RUN_SUCCESS) | BIT(DR_RUN_FAILED) | BIT(DR_RUN_CANCELLED),
        [DR_RUN_FAILED] = BIT(DR_RUN_QUEUED),
        [DR_RUN_CANCELLED] = BIT(DR_RUN_QUEUED),
    };
    return (unsigned)from < N_RUN && (unsigned)to < N_RUN && (to_of[from] & BIT(to));
}

/* Into and out of RUNNING only attempts lead, and back to NONE only a reset. */
bool dr_task_move_ok(enum dr_task_state from, enum dr_task_state to)
{
    enum { ENDED = BIT(DR_TASK_FAILED) | BIT(DR_TASK_SKIPPED) | BIT(DR_TASK_CANCELLED) };
    static const unsigned to_of[N_TASK] = {
        [DR_TASK_NONE] = BIT(DR_TASK_QUEUED) | BIT(DR_TASK_UPSTREAM_FAILED) | ENDED,
        [DR_TASK_QUEUED] = BIT(DR_TASK_UP_FOR_RETRY) | ENDED,
        [DR_TASK_UP_FOR_RETRY] = BIT(DR_TASK_QUEUED) | ENDED,
    };
    return (unsigned)from < N_TASK && (unsigned)to < N_TASK && (to_of[from] & BIT(to));
}

/* ---- instants ------------------------------------------------------------------- */

static char *put_digits(char *p, int32_t v, int n, char after)
{
    for (int i = n - 1; i >= 0; i--, v /= 10)
        p[i] = (char)('0' + v % 10);
    p[n] = after;
    return p + n + 1;
}

/* Years that four digits cannot say become the first or last instant there is. */
static int64_t clamp_us(int64_t us)
{
    static const int64_t first = -INT64_C(719162) * DR_US_PER_DAY;    /* 0001-01-01 */
    static const int64_t last = INT64_C(2932897) * DR_US_PER_DAY - 1; /* 9999-12-31T23:59:59.999999 */
    return us < first ? first : us > last ? last : us;
}

void dr_state_time_text(int64_t us, char ret[DR_STATE_TIME_TEXT])
{
    struct dr_civil c;
    dr_civil_from_us(clamp_us(us), &c);
    char *p = put_digits(ret, c.year, 4, '-');
    p = put_digits(p, c.month, 2, '-');
    p = put_digits(p, c.day, 2, 'T');
    p = put_digits(p, c.hour, 2, ':');
    p = put_digits(p, c.minute, 2, ':');
    p = put_digits(p, c.second, 2, '.');
    p = put_digits(p, c.micro, 6, 'Z');
    *p = '\0';
}

void dr_state_bind_instant(struct dr_sql_stmt *st, int i, int64_t us)
{
    char text[DR_STATE_TIME_TEXT];
    dr_state_time_text(us, text);
    dr_sql_bind_str(st, i, (struct dr_str){ text, DR_STATE_TIME_TEXT - 1 });
}

void dr_state_bind_time(struct dr_sql_stmt *st, int i, int64_t us)
{
    if (us)
        dr_state_bind_instant(st, i, us);
    else
        dr_sql_bind_null(st, i);
}

int64_t dr_state_time(struct dr_sql_stmt *st, int i)
{
    int64_t us = 0;
    bool zoned;
    if (dr_sql_column_type(st, i) != DR_SQL_TEXT || !dr_parse_timestamp(dr_sql_str(st, i), &us, &zoned))
        return 0;
    return us;
}

/* ---- other values ----------------------------------------------------------------- */

void dr_state_bind_count(struct dr_sql_stmt *st, int i, int64_t v)
{
    if (v < 0)
        dr_sql_bind_null(st, i);
    else
        dr_sql_bind_int(st, i, v);
}

int64_t dr_state_count(struct dr_sql_stmt *st, int i)
{
    return dr_sql_column_type(st, i) == DR_SQL_NULL ? -1 : dr_sql_int(st, i);
}

void *dr_state_grow(struct dr_arena *a, void *items, int32_t n, int32_t *cap, size_t size)
{
    if (n < *cap)
        return items;
    int32_t larger = *cap ? *cap * 2 : 16;
    void *moved = dr_arena_array(a, (size_t)larger, size);
    if (n > 0)
        memcpy(moved, items, (size_t)n * size);
    *cap = larger;
    return moved;
}
