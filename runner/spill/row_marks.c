/* row_marks.c - which rows repeat others, share a key or contradict each other.
 *
 *   rows --by content--> parts --first of each--> by key --> parts --> marks
 *
 * A partition is looked at as a whole: what is known of each of its hashes is one slot of a table. Where
 * a partition has more entries than the table has room for, it is read once for each slice of its hashes,
 * so that neither many rows nor many rows of one key take more memory. Equal hashes are equal values, as
 * dagrun/table.h says. */
#include "base/mem.h"
#include "spill/parts.h"
#include <math.h>
#include <stdlib.h>

enum { SLOTS_LEAST = 1 << 10 };
/* Of the memory given, for the table: the rest is the blocks of two sets of partitions. */
enum { TABLE_OF_MEMORY = 2 };

struct slot {
    struct dr_row_hash hash;
    union {
        struct {
            int64_t winner; /* row */
            int64_t n;      /* rows */
        } of_key;
        double end[2]; /* the largest low value, the least high one */
    };
    uint32_t state; /* 0: free */
};
enum { USED = 1, HAS_LOW = 2, HAS_HIGH = 4, NAN_LOW = 8, NAN_HIGH = 16 };

struct table {
    struct slot *slots; /* owned */
    int64_t mask;
    int64_t room; /* hashes that it takes */
};

struct dr_row_marks {
    int64_t memory;
    char *folder;                 /* owned, or NULL */
    struct dr_spill_parts by_row; /* what was told, by content or, of sides, by key */
    struct dr_spill_parts by_key; /* rows that repeat none */
    int64_t rows;                 /* the last told of, and 1 */
    uint8_t *marks;               /* owned: two bits for each row; NULL until all are told of */
    struct table table;
    int32_t keep;
    uint64_t slices, slice; /* of the partition at work */
};

int32_t dr_row_marks_new(int64_t memory, const char *folder, struct dr_row_marks **ret, struct dr_err *err)
{
    if (memory < 0)
        return dr_fail(err, DR_EINPUT, "marks: a memory of %lld bytes", (long long)memory);
    struct dr_row_marks *m = dr_calloc(1, sizeof(*m));
    m->memory = memory;
    m->folder = folder ? dr_strdup(folder) : NULL;
    dr_spill_parts_init(&m->by_row, m->folder);
    dr_spill_parts_init(&m->by_key, m->folder);
    *ret = m;
    return DR_OK;
}

void dr_row_marks_free(struct dr_row_marks *m)
{
    if (!m)
        return;
    dr_spill_parts_done(&m->by_row);
    dr_spill_parts_done(&m->by_key);
    free(m->table.slots);
    free(m->marks);
    free(m->folder);
    free(m);
}

/* ---- telling ---------------------------------------------------------------------- */

static int32_t tell(struct dr_row_marks *m, const struct dr_spill_entry *e, struct dr_err *err)
{
    if (m->marks || e->row < 0)
        return dr_fail(err, DR_EPLUGIN, "marks: row %lld %s", (long long)e->row,
                       m->marks ? "comes after all had been told of" : "is no number of a row");
    m->rows = e->row >= m->rows ? e->row + 1 : m->rows;
    return dr_spill_put(&m->by_row, e, err);
}

int32_t dr_row_marks_add(struct dr_row_marks *m, int64_t n, const int64_t *rows,
                         const struct dr_row_hash *content, const struct dr_row_hash *key, struct dr_err *err)
{
    for (int64_t i = 0; i < n; i++)
        DR_TRY(tell(m, &(struct dr_spill_entry){ content[i], key[i], rows[i] }, err));
    return DR_OK;
}

int32_t dr_row_marks_add_side(struct dr_row_marks *m, int64_t row, struct dr_row_hash key, int32_t high,
                              double value, struct dr_err *err)
{
    struct dr_spill_entry e = { .by = key, .other = { .high = high != 0 }, .row = row };
    memcpy(&e.other.low, &value, sizeof(value));
    return tell(m, &e, err);
}

/* ---- the table of a partition ------------------------------------------------------- */

static void mark(struct dr_row_marks *m, int64_t row, enum dr_row_mark mark)
{
    m->marks[row / 4] |= (uint8_t)(mark << row % 4 * 2);
}

int32_t dr_row_marks_get(const struct dr_row_marks *m, int64_t row)
{
    return m->marks && row >= 0 && row < m->rows ? m->marks[row / 4] >> row % 4 * 2 & 3 : DR_ROW_STAYS;
}

static bool is_of_slice(const struct dr_row_marks *m, const struct dr_spill_entry *e)
{
    return m->slices == 1 || (e->by.high & UINT32_MAX) % m->slices == m->slice;
}

/* The slot of a hash, or the free one where it goes. */
static struct slot *slot_of(const struct table *t, struct dr_row_hash hash)
{
    int64_t i = (int64_t)hash.low & t->mask;
    while (t->slots[i].state && (t->slots[i].hash.low != hash.low || t->slots[i].hash.high != hash.high))
        i = (i + 1) & t->mask;
    return &t->slots[i];
}

static struct slot *take_slot(struct table *t, struct dr_row_hash hash, bool *ret_new)
{
    struct slot *s = slot_of(t, hash);
    *ret_new = !s->state;
    s->hash = hash;
    s->state |= USED;
    return s;
}

/* As large as the largest partition needs, or as memory has room for; kept at most two thirds full. */
static void make_table(struct dr_row_marks *m, const struct dr_spill_parts *p)
{
    int64_t most = 0, slots = SLOTS_LEAST;
    for (int32_t i = 0; i < DR_SPILL_PARTS; i++)
        most = p->part[i].n > most ? p->part[i].n : most;
    while (slots * 2 / 3 < most && slots * 2 * (int64_t)sizeof(struct slot) <= m->memory / TABLE_OF_MEMORY)
        slots *= 2;
    free(m->table.slots);
    m->table = (struct table){ .slots = dr_calloc((size_t)slots, sizeof(struct slot)), .mask = slots - 1 };
    m->table.room = slots * 2 / 3;
}

/* Gather what is known of each hash, and judge the entries by it (NULL: they were judged as they came). */
static int32_t each_part(struct dr_row_marks *m, const struct dr_spill_parts *p, dr_spill_fn gather,
                         dr_spill_fn judge, struct dr_err *err)
{
    make_table(m, p);
    for (int32_t part = 0; part < DR_SPILL_PARTS; part++) {
        m->slices = (uint64_t)(p->part[part].n / m->table.room) + 1;
        for (m->slice = 0; m->slice < m->slices && p->part[part].n > 0; m->slice++) {
            memset(m->table.slots, 0, (size_t)(m->table.mask + 1) * sizeof(struct slot));
            DR_TRY(dr_spill_each(p, part, gather, m, err));
            if (judge)
                DR_TRY(dr_spill_each(p, part, judge, m, err));
        }
    }
    return DR_OK;
}

static int32_t start_marks(struct dr_row_marks *m, struct dr_err *err)
{
    if (m->marks)
        return dr_fail(err, DR_EPLUGIN, "marks: they are found once");
    m->marks = dr_calloc((size_t)m->rows / 4 + 1, 1);
    return DR_OK;
}

/* ---- repeats ------------------------------------------------------------------------ */

/* Rows come in their order: the first of its content goes on to its key. */
static int32_t pass_on_first(void *ctx, const struct dr_spill_entry *e, int64_t n, struct dr_err *err)
{
    struct dr_row_marks *m = ctx;
    for (int64_t i = 0; i < n; i++) {
        bool is_new;
        if (!is_of_slice(m, &e[i]))
            continue;
        (void)take_slot(&m->table, e[i].by, &is_new);
        if (is_new)
            DR_TRY(dr_spill_put(&m->by_key, &(struct dr_spill_entry){ e[i].other, { 0, 0 }, e[i].row }, err));
        else
            mark(m, e[i].row, DR_ROW_REPEATS);
    }
    return DR_OK;
}

/* By now their order is that of the partitions by content. */
static int32_t find_winner(void *ctx, const struct dr_spill_entry *e, int64_t n, struct dr_err *err)
{
    struct dr_row_marks *m = ctx;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        bool is_new, wins;
        if (!is_of_slice(m, &e[i]))
            continue;
        struct slot *s = take_slot(&m->table, e[i].by, &is_new);
        wins = m->keep == DR_KEEP_LAST ? e[i].row > s->of_key.winner : e[i].row < s->of_key.winner;
        if (is_new || wins)
            s->of_key.winner = e[i].row;
        s->of_key.n++;
    }
    return DR_OK;
}

static int32_t mark_losers(void *ctx, const struct dr_spill_entry *e, int64_t n, struct dr_err *err)
{
    struct dr_row_marks *m = ctx;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        if (!is_of_slice(m, &e[i]))
            continue;
        const struct slot *s = slot_of(&m->table, e[i].by);
        if (s->of_key.n > 1 && (m->keep == DR_KEEP_NONE || s->of_key.winner != e[i].row))
            mark(m, e[i].row, DR_ROW_YIELDS);
    }
    return DR_OK;
}

int32_t dr_row_marks_find_repeats(struct dr_row_marks *m, int32_t keep, struct dr_err *err)
{
    if (keep < DR_KEEP_FIRST || keep > DR_KEEP_NONE)
        return dr_fail(err, DR_EINPUT, "marks: keep %d", (int)keep);
    DR_TRY(start_marks(m, err));
    m->keep = keep;
    DR_TRY(each_part(m, &m->by_row, pass_on_first, NULL, err));
    dr_spill_parts_done(&m->by_row);
    DR_TRY(each_part(m, &m->by_key, find_winner, mark_losers, err));
    dr_spill_parts_done(&m->by_key);
    free(m->table.slots);
    m->table = (struct table){ 0 };
    return DR_OK;
}

/* ---- sides --------------------------------------------------------------------------- */

static double value_of(const struct dr_spill_entry *e)
{
    double v;
    memcpy(&v, &e->other.low, sizeof(v));
    return v;
}

static int32_t find_ends(void *ctx, const struct dr_spill_entry *e, int64_t n, struct dr_err *err)
{
    struct dr_row_marks *m = ctx;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        bool is_new, high = e[i].other.high != 0;
        double v = value_of(&e[i]);
        if (!is_of_slice(m, &e[i]))
            continue;
        struct slot *s = take_slot(&m->table, e[i].by, &is_new);
        uint32_t has = high ? HAS_HIGH : HAS_LOW;
        if (isnan(v))
            s->state |= high ? NAN_HIGH : NAN_LOW;
        else if (!(s->state & has) || (high ? v < s->end[1] : v > s->end[0]))
            s->end[high] = v;
        s->state |= isnan(v) ? 0 : has;
    }
    return DR_OK;
}

static bool is_at_odds(const struct slot *s, bool high, double v)
{
    uint32_t others = high ? HAS_LOW : HAS_HIGH, nan = high ? NAN_LOW : NAN_HIGH;
    if (s->state & nan)
        return true;
    if (!(s->state & others))
        return false;
    return high ? !(s->end[0] < v) : !(v < s->end[1]);
}

static int32_t mark_odds(void *ctx, const struct dr_spill_entry *e, int64_t n, struct dr_err *err)
{
    struct dr_row_marks *m = ctx;
    (void)err;
    for (int64_t i = 0; i < n; i++)
        if (is_of_slice(m, &e[i]) &&
            is_at_odds(slot_of(&m->table, e[i].by), e[i].other.high != 0, value_of(&e[i])))
            mark(m, e[i].row, DR_ROW_ODDS);
    return DR_OK;
}

int32_t dr_row_marks_find_odds(struct dr_row_marks *m, struct dr_err *err)
{
    DR_TRY(start_marks(m, err));
    DR_TRY(each_part(m, &m->by_row, find_ends, mark_odds, err));
    dr_spill_parts_done(&m->by_row);
    free(m->table.slots);
    m->table = (struct table){ 0 };
    return DR_OK;
}
