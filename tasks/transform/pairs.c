/* ordered_pair: of two measures with one key the low one must be below the high one.
 *
 * Rows are not joined: those of one key may be many on both sides, where a key stands for what is not
 * known, and their pairs would be more than any memory holds. Each row is held against the largest low
 * or the least high value of its key, which dr_row_marks finds. */
#include "transform.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a table that is held: to work in, beside it. */
enum { MARKS_MEMORY = 256 << 20 };

/* A bitmap of the rows whose text in `name` is `wanted`; malloc. */
static int32_t rows_of_name(struct work *w, const char *name, const char *wanted, uint8_t **ret)
{
    struct dr_column *names = NULL;
    DR_TRY(text_column(w, name, &names));
    int64_t row = 0, size = (int64_t)strlen(wanted);
    uint8_t *chosen = need(calloc(1, bitmap_bytes(dr_table_rows(w->table))));
    for (int32_t k = 0; k < dr_column_chunks(names); k++) {
        struct dr_chunk c;
        dr_column_chunk(names, k, &c);
        for (int64_t i = 0; i < c.length; i++, row++) {
            int64_t n = 0;
            const char *p =
                cell_present(&c, i) ? dr_column_dict_get(names, ((const int32_t *)c.values)[i], &n) : NULL;
            if (p && n == size && memcmp(p, wanted, (size_t)n) == 0)
                set_bit(chosen, row);
        }
    }
    dr_column_unref(names);
    *ret = chosen;
    return 0;
}

/* The rows in which no column of the key is missing: a missing one equals nothing. */
static uint8_t *rows_with_key(const struct work *w, const struct names *key)
{
    int64_t n = dr_table_rows(w->table);
    uint8_t *present = need(malloc((size_t)n + 1));
    memset(present, 1, (size_t)n);
    for (int32_t k = 0; k < key->n; k++) {
        const struct dr_column *c = dr_table_column(w->table, dr_table_find(w->table, key->items[k]));
        int64_t row = 0;
        for (int32_t j = 0; j < dr_column_chunks(c); j++) {
            struct dr_chunk chunk;
            dr_column_chunk(c, j, &chunk);
            for (int64_t i = 0; i < chunk.length; i++, row++)
                present[row] = (uint8_t)(present[row] && cell_present(&chunk, i));
        }
    }
    return present;
}

/* What rows of one side (bitmap) are compared by. */
static int32_t tell_of_side(struct work *w, struct dr_row_marks *marks, const uint8_t *side, int high,
                            const uint8_t *has_key, const struct dr_row_hash *keys,
                            const struct dr_column *value)
{
    int64_t row = 0;
    for (int32_t k = 0; k < dr_column_chunks(value); k++) {
        struct dr_chunk c;
        dr_column_chunk(value, k, &c);
        for (int64_t i = 0; i < c.length; i++, row++)
            if (get_bit(side, row) && has_key[row] && cell_present(&c, i))
                DR_TRY(dr_row_marks_add_side(marks, number_of(w, row), keys[row], high,
                                             ((const double *)c.values)[i], dr_task_err(w->t)));
    }
    return 0;
}

int32_t tell_of_pairs(struct work *w, struct dr_row_marks *marks, const struct names *key,
                      const struct dr_node *args)
{
    static const char *const ends[] = { "low", "high" };
    const struct dr_column *value = NULL;
    DR_TRY(number_column(w, arg_text(args, "value"), &value));
    struct dr_row_hash *keys = need(malloc(((size_t)dr_table_rows(w->table) + 1) * sizeof *keys));
    uint8_t *has_key = rows_with_key(w, key);
    int32_t rc = dr_table_hash(w->table, key->n, key->items, keys, dr_task_err(w->t));
    for (int high = 0; high < 2 && !rc; high++) {
        uint8_t *side = NULL;
        rc = rows_of_name(w, arg_text(args, "name"), arg_text(args, ends[high]), &side);
        if (!rc)
            rc = tell_of_side(w, marks, side, high, has_key, keys, value);
        free(side);
    }
    free(has_key);
    free(keys);
    return rc;
}

static const char *pair_reason(const struct dr_node *args, char ret[300])
{
    snprintf(ret, 300, "%.120s is not below %.120s of the same key", arg_text(args, "low"),
             arg_text(args, "high"));
    return ret;
}

/* The rows that were found to be at odds with others. */
void refuse_odds(struct work *w, const struct dr_row_marks *marks, const struct dr_node *args)
{
    char text[300];
    int32_t reason = reason_index(w, pair_reason(args, text));
    for (int64_t i = 0; i < dr_table_rows(w->table); i++)
        if (dr_row_marks_get(marks, number_of(w, i)) == DR_ROW_ODDS)
            refuse(w, i, reason);
}

static int32_t whole_pairs(struct work *w, const struct names *key, const struct dr_node *args)
{
    struct dr_row_marks *marks = NULL;
    DR_TRY(dr_row_marks_new(MARKS_MEMORY, dr_task_info(w->t)->work_dir, &marks, dr_task_err(w->t)));
    int32_t rc = tell_of_pairs(w, marks, key, args);
    if (!rc)
        rc = dr_row_marks_find_odds(marks, dr_task_err(w->t));
    if (!rc)
        refuse_odds(w, marks, args);
    dr_row_marks_free(marks);
    return rc;
}

/* Of two measures of one key, one must be below the other (diastolic below
 * systolic); where it is not, nobody can say which is wrong, so both are refused. */
int32_t step_ordered_pair(struct work *w, const struct dr_node *args)
{
    struct names key;
    const struct dr_column *c = NULL;
    if (!arg_text(args, "low") || !arg_text(args, "high"))
        return dr_task_fail_final(w->t,
                                  "step ordered_pair: give low and high, the names of the two measures");
    DR_TRY(settle(w));
    DR_TRY(number_column(w, arg_text(args, "value"), &c));
    DR_TRY(column_list(w, args, "key", &key));
    int32_t rc = w->stream ? stream_pairs(w, &key, args) : whole_pairs(w, &key, args);
    names_done(&key);
    return rc;
}
