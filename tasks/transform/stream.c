/* A table that is read in batches, none of which is kept.
 *
 * A step that looks at one row at a time is applied to each batch. One that compares rows needs all of
 * them first: so the input is read once for each such step, up to it, where the rows tell what they are
 * compared by, and then once more to the end; what was found is two bits for each row. The rows that
 * reach a step are the same each time, and the outputs are those of a table that is held. Sorted rows are
 * gathered in temporary files. */
#include "transform.h"
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* Of the memory given: a batch, of which steps make some copies; what kernels work in; what a step that
 * compares rows works in; and the sorter. */
enum { BATCH_OF_MEMORY = 24, KERNELS_OF_MEMORY = 8, MARKS_OF_MEMORY = 4, SORTER_OF_MEMORY = 2 };
enum { BATCH_LEAST = 1 << 20 };
enum { CLEAN, REJECTED, DUPLICATES, OUTPUTS };
static const char *const outputs[] = { "clean", "rejected", "duplicates" };
static const char *const stages[] = { "clean", "quarantined", "duplicates" };

struct stream {
    struct work w;
    int64_t memory;
    struct dr_row_marks **marks;   /* owned: of each step that compares rows */
    int32_t *keep;                 /* owned: of each, the rule of a distinct, or -1 of an ordered_pair */
    int32_t n, known;              /* such steps, and those whose marks were found by passes before */
    int32_t at;                    /* the one that the batch at hand comes to next */
    int waits;                     /* the batch at hand has come to the step that this pass is for */
    int64_t first_row;             /* of the batch at hand */
    int64_t rows;                  /* of the first pass; -1: not known yet */
    struct dr_sorter *sorter;      /* owned, or NULL */
    struct dr_sort_key *sort_keys; /* owned */
    struct outcome outcome;
    int begun[OUTPUTS];
};

int stream_waits(const struct work *w)
{
    return w->stream->waits;
}

static const char *folder_of(const struct dr_task *t)
{
    return dr_task_info(t)->work_dir;
}

/* ---- rows by number ---------------------------------------------------------------- */

int64_t number_of(const struct work *w, int64_t row)
{
    return (w->stream ? w->stream->first_row : 0) + origin_of(w, row);
}

/* Whether the pass is for this step, whose marks it then gathers. Counts the step as met. */
static int32_t meet(struct work *w, int32_t keep, struct dr_row_marks **ret, int *ret_gathers)
{
    struct stream *s = w->stream;
    int32_t i = s->at++;
    *ret_gathers = s->waits = i == s->known;
    s->keep[i] = keep;
    if (!s->marks[i])
        DR_TRY(
            dr_row_marks_new(s->memory / MARKS_OF_MEMORY, folder_of(w->t), &s->marks[i], dr_task_err(w->t)));
    *ret = s->marks[i];
    return 0;
}

/* ---- distinct ------------------------------------------------------------------------ */

static int32_t tell_of_rows(struct work *w, struct dr_row_marks *marks, const struct names *content,
                            const struct names *key)
{
    int64_t n = dr_table_rows(w->table);
    struct dr_row_hash *contents = need(malloc(((size_t)n + 1) * sizeof *contents));
    struct dr_row_hash *keys = need(malloc(((size_t)n + 1) * sizeof *keys));
    int64_t *rows = need(malloc(((size_t)n + 1) * sizeof *rows));
    for (int64_t i = 0; i < n; i++)
        rows[i] = number_of(w, i);
    int32_t rc = dr_table_hash(w->table, content->n, content->items, contents, dr_task_err(w->t));
    if (!rc)
        rc = dr_table_hash(w->table, key->n, key->items, keys, dr_task_err(w->t));
    if (!rc)
        rc = dr_row_marks_add(marks, n, rows, contents, keys, dr_task_err(w->t));
    free(contents);
    free(keys);
    free(rows);
    return rc;
}

/* Rows with a mark leave. */
static int32_t drop_marked(struct work *w, const struct dr_row_marks *marks, int32_t keep)
{
    int64_t rows = dr_table_rows(w->table), kept = 0;
    uint8_t *stay = need(calloc(1, bitmap_bytes(rows)));
    int64_t *origin = need(malloc(((size_t)rows + 1) * sizeof *origin));
    struct dr_table *left = NULL;
    for (int64_t i = 0; i < rows; i++) {
        uint8_t mark = (uint8_t)dr_row_marks_get(marks, number_of(w, i));
        if (mark) {
            note_repeat(w, i, mark, keep);
            continue;
        }
        set_bit(stay, i);
        origin[kept++] = origin_of(w, i);
    }
    int32_t rc = dr_table_filter(w->table, stay, &left, dr_task_err(w->t));
    free(stay);
    free(w->origin);
    w->origin = origin;
    return replace_table(w, rc, left);
}

int32_t stream_distinct(struct work *w, const struct names *content, const struct names *key, int32_t keep)
{
    struct dr_row_marks *marks;
    int gathers;
    DR_TRY(meet(w, keep, &marks, &gathers));
    return gathers ? tell_of_rows(w, marks, content, key) : drop_marked(w, marks, keep);
}

/* ---- ordered_pair ---------------------------------------------------------------------- */

int32_t stream_pairs(struct work *w, const struct names *key, const struct dr_node *args)
{
    struct dr_row_marks *marks;
    int gathers;
    DR_TRY(meet(w, -1, &marks, &gathers));
    if (gathers)
        return tell_of_pairs(w, marks, key, args);
    refuse_odds(w, marks, args);
    return 0;
}

/* ---- sort --------------------------------------------------------------------------------- */

/* It is the last step: the rows go to the sorter rather than to the output. */
int32_t stream_sort(struct work *w, const struct names *columns)
{
    struct stream *s = w->stream;
    if (s->sorter)
        return 0;
    s->sort_keys = need(calloc((size_t)columns->n, sizeof *s->sort_keys));
    for (int32_t i = 0; i < columns->n; i++)
        s->sort_keys[i].column = columns->items[i];
    return dr_sorter_new(columns->n, s->sort_keys, s->memory / SORTER_OF_MEMORY, folder_of(w->t), &s->sorter,
                         dr_task_err(w->t));
}

/* ---- the last pass -------------------------------------------------------------------------- */

static int32_t append(struct stream *s, int output, const struct dr_table *rows)
{
    struct dr_task *t = s->w.t;
    if (!dr_task_has_output(t, outputs[output]) || (s->begun[output] && dr_table_rows(rows) == 0))
        return 0;
    s->begun[output] = 1;
    return dr_task_append(t, outputs[output], rows);
}

static int32_t put_out(struct stream *s, int output, const struct dr_table *rows)
{
    struct dr_task *t = s->w.t;
    DR_TRY(account_rows(&s->w, stages[output], rows));
    if (output == CLEAN && s->sorter)
        return dr_sorter_add(s->sorter, rows, dr_task_err(t));
    return append(s, output, rows);
}

static int32_t put_out_batch(struct stream *s)
{
    struct work *w = &s->w;
    struct dr_table *rejected = NULL, *duplicates = NULL;
    int32_t rc = noted_rows(w, &w->rejected, &rejected);
    if (!rc)
        rc = noted_rows(w, &w->duplicates, &duplicates);
    if (!rc)
        rc = put_out(s, CLEAN, w->table);
    if (!rc)
        rc = put_out(s, REJECTED, rejected);
    if (!rc)
        rc = put_out(s, DUPLICATES, duplicates);
    if (!rc) {
        s->outcome.in += dr_table_rows(w->input);
        s->outcome.clean += dr_table_rows(w->table);
        s->outcome.rejected += dr_table_rows(rejected);
        s->outcome.duplicates += dr_table_rows(duplicates);
    }
    dr_table_unref(rejected);
    dr_table_unref(duplicates);
    return rc;
}

static int32_t put_out_sorted(struct stream *s)
{
    struct dr_table *rows = NULL;
    int32_t rc = 0;
    while (!rc && s->sorter) {
        rc = dr_sorter_next(s->sorter, &rows, dr_task_err(s->w.t));
        if (rc || !rows)
            break;
        rc = append(s, CLEAN, rows);
        dr_table_unref(rows);
    }
    return rc;
}

static int32_t end_outputs(struct stream *s)
{
    DR_TRY(check_outcome(&s->w, &s->outcome));
    DR_TRY(put_out_sorted(s));
    for (int i = 0; i < OUTPUTS; i++)
        if (dr_task_has_output(s->w.t, outputs[i]))
            DR_TRY(dr_task_append_end(s->w.t, outputs[i]));
    return 0;
}

/* ---- passes ----------------------------------------------------------------------------------- */

/* Progress in parts of a thousand of all passes. */
static void tell_progress(const struct stream *s, int64_t done, int64_t total)
{
    if (total > 0)
        dr_task_progress(s->w.t, s->known * 1000 + (int64_t)(1000 * (double)done / (double)total),
                         (s->n + 1) * INT64_C(1000));
}

static int32_t take_batch(void *ctx, const struct dr_table *batch, int64_t done, int64_t total)
{
    struct stream *s = ctx;
    s->at = 0;
    s->waits = 0;
    work_start(&s->w, batch);
    DR_TRY(apply_steps(&s->w));
    if (s->known == s->n)
        DR_TRY(put_out_batch(s));
    s->first_row += dr_table_rows(batch);
    tell_progress(s, done, total);
    return 0;
}

static int32_t pass(struct stream *s)
{
    struct dr_task *t = s->w.t;
    int64_t bytes = s->memory / BATCH_OF_MEMORY;
    s->first_row = 0;
    DR_TRY(
        dr_task_read_batches(t, "table", 0, NULL, bytes > BATCH_LEAST ? bytes : BATCH_LEAST, take_batch, s));
    if (s->rows >= 0 && s->first_row != s->rows)
        return dr_task_fail(t, "%s had %lld rows, and %lld when it was read again: it was changed meanwhile",
                            dr_task_input_name(t, "table", 0), (long long)s->rows, (long long)s->first_row);
    s->rows = s->first_row;
    if (s->known == s->n)
        return end_outputs(s);
    struct dr_row_marks *marks = s->marks[s->known];
    int32_t keep = s->keep[s->known++];
    return keep < 0 ? dr_row_marks_find_odds(marks, dr_task_err(t))
                    : dr_row_marks_find_repeats(marks, keep, dr_task_err(t));
}

static int32_t passes(struct stream *s)
{
    int32_t rc = 0;
    for (int32_t i = 0; i <= s->n && !rc; i++) {
        work_forget_counts(&s->w); /* the last pass comes to all steps, and counts */
        rc = pass(s);
    }
    return rc;
}

static int32_t count_comparing(struct dr_task *t)
{
    const struct dr_node *list = dr_task_param(t, "steps");
    int32_t n = 0;
    for (int64_t i = 0; i < dr_node_size(list); i++) {
        const char *name = dr_node_key(dr_node_at(list, i), 0);
        n += strcmp(name, "distinct") == 0 || strcmp(name, "ordered_pair") == 0;
    }
    return n;
}

/* A limit that is not kept is told. */
static void tell_of_excess(const struct stream *s)
{
    struct rusage used;
    if (getrusage(RUSAGE_SELF, &used) != 0 || used.ru_maxrss <= s->memory / 1024)
        return;
    dr_task_log(s->w.t, DR_WARN,
                "memory: %lld bytes were not enough, and up to %lld were resident: reading, the steps on one "
                "batch, and dictionaries of columns take what they need",
                (long long)s->memory, (long long)used.ru_maxrss * 1024);
}

int32_t transform_stream(struct dr_task *t, int64_t memory)
{
    struct stream s = { .memory = memory, .n = count_comparing(t), .rows = -1 };
    work_init(&s.w, t);
    s.w.stream = &s;
    s.marks = need(calloc((size_t)s.n + 1, sizeof *s.marks));
    s.keep = need(calloc((size_t)s.n + 1, sizeof *s.keep));
    dr_task_limit_kernels(t, memory / KERNELS_OF_MEMORY);
    int32_t rc = passes(&s);
    if (!rc)
        tell_of_excess(&s);
    for (int32_t i = 0; i < s.n; i++)
        dr_row_marks_free(s.marks[i]);
    dr_sorter_free(s.sorter);
    free(s.sort_keys);
    free(s.marks);
    free(s.keep);
    work_done(&s.w);
    return rc;
}
