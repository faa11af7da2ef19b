/* walk.h - from the tokens of records to cells: where in the text the value
 * of each column lies, and what it is. Layer: json. */
#ifndef DR_JSON_WALK_H
#define DR_JSON_WALK_H
#include "json/doc.h"
#include "json/plan.h"
#include "json/token.h"

enum { DR_JSON_ESCAPED = DR_JSON_OBJECT + 1 }; /* a string with escapes */
struct dr_json_cell {
    uint32_t at;   /* offset of the value; of a string, past its quote */
    uint32_t size; /* its length (28 bits) and, in the low 4, enum dr_json_kind */
};
#define DR_JSON_LENGTH_MAX ((1 << 28) - 1)
static inline uint32_t dr_cell_kind(struct dr_json_cell c)
{
    return c.size & 15;
}
static inline uint32_t dr_cell_length(struct dr_json_cell c)
{
    return c.size >> 4;
}

/* Rows of one table, column by column. */
struct dr_json_rows {
    struct dr_json_cell *cells; /* owned: column c of row i is cells[c * cap + i]; all 0: absent */
    int32_t *record;            /* owned, child tables: the row of table 0 it lies in */
    int32_t *position;          /* owned, child tables */
    int32_t columns, n, cap;
};
/* Where a record lies. */
struct dr_json_span {
    uint32_t start, end;
    int32_t line; /* from 0 at the start of the piece */
};

/* What went wrong with a record. */
struct dr_json_trouble {
    int32_t rc;    /* 0: nothing */
    bool surprise; /* it does not fit what was found from the data */
    size_t at;     /* offset */
    size_t reach;  /* the text up to here was looked at to say so */
    char why[240];
};

struct dr_json_walk {
    const struct dr_json_plan *plan; /* borrowed */
    struct dr_json_tokens tokens;
    struct dr_json_rows *rows;  /* owned: plan->n */
    struct dr_json_span *spans; /* owned: of the rows of table 0 */
    struct dr_json_trouble bad; /* of the record that failed */
    int32_t depth;
    int64_t max_record; /* bytes */
    bool whole;         /* cells are not wanted, only spans */
};
void dr_json_walk_init(struct dr_json_walk *w, const struct dr_json_plan *p, int32_t rows);
void dr_json_walk_done(struct dr_json_walk *w);
/* Start on a text (see dr_json_scan_begin) at an offset. */
void dr_json_walk_begin(struct dr_json_walk *w, enum dr_json_isa isa, bool lines, const char *text, size_t n,
                        size_t at);
/* Go on at an offset that lies outside tokens. */
void dr_json_walk_go(struct dr_json_walk *w, size_t at);
/* Forget all rows. */
void dr_json_walk_clear(struct dr_json_walk *w);
/* There is no room for another record, or enough to be turned into columns. */
bool dr_json_walk_full(const struct dr_json_walk *w);
/* The record whose first token lies at `at` and has been taken. On success it is
 * a row that commit keeps; on failure bad says why, and nothing of it remains. */
bool dr_json_walk_record(struct dr_json_walk *w, uint32_t at);
/* False where it is longer than max_record; then nothing of it remains. */
bool dr_json_walk_commit(struct dr_json_walk *w, struct dr_json_span span);
void dr_json_walk_rollback(struct dr_json_walk *w);
/* Pass a value over, checking it; its first token has been taken. *ret_end is past it. */
bool dr_json_walk_skip(struct dr_json_walk *w, uint32_t at, uint32_t *ret_end);
/* From the '{' at *at to the value of the first member of that name, whose first
 * token *at then is; false where there is none (bad.rc 0) or the text is wrong. */
bool dr_json_walk_seek(struct dr_json_walk *w, const char *name, uint32_t *at);
/* After a member's value: to the end of its object, past the members that follow. */
bool dr_json_walk_leave(struct dr_json_walk *w);
/* The offset past the value whose last token was just taken. */
size_t dr_json_walk_end(const struct dr_json_walk *w);
/* Record that a token was not what had to be there; false. */
bool dr_json_walk_expected(struct dr_json_walk *w, size_t at, const char *expected);
#endif
