/* piece.h - a piece of JSON text into chunks of columns. Layer: json.
 *
 * A unit is what came of one piece. Threads read pieces each with a worker of
 * its own; units are settled one after the other in the order of the text, so
 * that dictionaries, lines and messages do not depend on how it was cut. */
#ifndef DR_JSON_PIECE_H
#define DR_JSON_PIECE_H
#include "csv/values.h"
#include "data/bulk.h"
#include "data/input.h"
#include "json/direct.h"

enum dr_json_zone { DR_JSON_NO_TIME, DR_JSON_LOCAL, DR_JSON_ZONED };

/* Chunks of one table: after its columns come, in table 0, the line of each row and the rest of
 * its record or, where they are not wanted, NULL; in others the number of its record in the unit and its
 * position. */
struct dr_json_chunks {
    struct dr_array **arrays; /* owned: n * columns, chunk after chunk */
    uint8_t *zones;           /* owned: enum dr_json_zone of each column */
    bool *provisional;        /* owned: settling has work to do in a column */
    int32_t columns, n, cap;
    int64_t rows;
};
struct dr_json_reject {
    int64_t line; /* from 0 at the start of the unit */
    const char *reason;
    struct dr_str text;
};
struct dr_json_worker;
struct dr_json_unit {
    struct dr_json_chunks *tables; /* owned */
    int32_t n;
    int64_t start, end, lines; /* where in the text it lies; line ends in it */
    struct dr_json_reject *rejects;
    size_t rejects_n, rejects_cap;
    struct dr_arena arena;
    struct dr_json_worker *from; /* borrowed: who knows the provisional codes */
    int32_t rc;                  /* what ended the reading; then: */
    bool surprise;               /* a value does not fit what was found from the data */
    int32_t sys;
    int64_t fail_line, fail_column; /* line -1: none to name */
    char fail[400];
};
struct dr_json_unit *dr_json_unit_new(const struct dr_json_plan *p, int64_t start);
void dr_json_unit_free(struct dr_json_unit *u);
void dr_json_unit_reject(struct dr_json_unit *u, int64_t line, const char *reason, struct dr_str text);
void dr_json_unit_fail(struct dr_json_unit *u, int32_t rc, int64_t line, int64_t column, const char *why);

/* One thread's tools. */
struct dr_json_worker {
    const struct dr_json_plan *plan; /* borrowed */
    enum dr_json_isa isa;
    bool wide; /* the machine finds codes of eight texts at a time */
    bool forgiving, hide_text;
    bool final; /* what was found from the data stays: what does not fit it is wrong */
    struct dr_json_walk walk;
    struct dr_json_direct direct;
    struct dr_csv_values **values; /* owned: of each DICT column of each table */
    struct dr_buf scratch;
    struct dr_bulk memory;     /* that arrays are made of */
    bool lines;                /* the line of each record is wanted */
    const char *rest;          /* borrowed: the column for what else a record has; NULL: not wanted */
    struct dr_json_doc *doc;   /* owned: the record whose rest is looked for; NULL until needed */
    struct dr_json_unit *unit; /* being filled */
    const char **dead;         /* owned: of each record of the block, why it is refused */
    bool any_dead, surprised;
    size_t dead_at;                /* offset of the value that refused the first of them */
    int64_t before;                /* bytes before the text on its first line */
    struct dr_json_finder *finder; /* borrowed: records go there instead; or NULL */
    struct dr_input_range text;    /* for whoever reads pieces with this worker */
};
/* rows: how many are turned into columns at a time; 0: what suits the number of columns. */
void dr_json_worker_init(struct dr_json_worker *w, const struct dr_json_plan *p, enum dr_json_isa isa,
                         int32_t rows);
/* The dictionary of each DICT column of each table, which nobody adds to while pieces are read. */
void dr_json_worker_know(struct dr_json_worker *w, struct dr_dict **const *dicts);
void dr_json_worker_done(struct dr_json_worker *w);

/* Turn the rows of the walk into chunks of the unit, and forget them. False
 * where that ends the reading. */
bool dr_json_flush(struct dr_json_worker *w, struct dr_json_unit *u);

/* Whole lines: text[0, n), followed by DR_JSON_PADDING bytes. */
void dr_json_read_lines(struct dr_json_worker *w, const char *text, size_t n, struct dr_json_unit *u);

/* A document, read in sequence. */
struct dr_json_place_in {
    enum { DR_JSON_BEFORE, DR_JSON_FIRST, DR_JSON_NEXT, DR_JSON_BEHIND, DR_JSON_OVER } stage;
    int32_t depth; /* objects around the array */
    bool single;   /* the document is the one record */
};
/* Read the whole records of text[0, n); returns how many bytes are done with.
 * ended: nothing follows. 0 and no failure: more text is needed. */
size_t dr_json_read_array(struct dr_json_worker *w, struct dr_json_place_in *in, const char *text, size_t n,
                          bool ended, struct dr_json_unit *u);
#endif
