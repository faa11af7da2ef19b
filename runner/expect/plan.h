/* plan.h - what the expectations of one run share: columns as the suite means
 * them, sets of rows that conditions keep, and what was measured. Layer: expect.
 *
 * Everything here is made on first use and kept until the run ends, so that a
 * second expectation on a column finds its values converted, its missing rows
 * marked, its sum and its order known. Rows are looked at last: a check that the
 * distinct values of a dictionary pass, or the extremes of a block of rows,
 * reads no row at all.
 *
 * One thread uses a plan. Within a pass over rows it shares the work with the
 * pool's threads, block by block; blocks do not depend on how many threads
 * there are, and neither do results. */
#ifndef DR_PLAN_H
#define DR_PLAN_H
#include "base/hash.h"
#include "expect/bits.h"
#include "expect/expect.h"
#include "expect/value.h"

enum dr_class {
    DR_CLASS_EMPTY,  /* no value at all */
    DR_CLASS_NUMBER, /* BOOL too */
    DR_CLASS_TIME,   /* dates and timestamps */
    DR_CLASS_TEXT,
    DR_CLASS_MIXED /* numbers and texts in one column */
};

/* What is known by dictionary code: a DICT column is converted, compared and
 * counted once for each distinct value. */
struct dr_codes {
    struct dr_column *raw;   /* owned: row k is the text of code k, null where no row has it */
    struct dr_column *typed; /* owned: the same as the declared type, or raw again */
    int64_t n, n_used;
    int64_t *count;          /* rows of each code that are not missing; a missing spelling counts none */
    uint64_t *used;          /* codes with such a row */
    uint64_t *refused;       /* codes whose text does not spell the declared type; NULL: none */
    struct dr_odd_rows *odd; /* owned: rows that differed from most so far; NULL: none */
};

/* A column as expectations see it. */
struct dr_source {
    struct dr_source *next;
    struct dr_view *views; /* of it, one for each domain that was asked for */
    const char *name;
    const struct dr_suite_column *declared; /* or NULL */
    const struct dr_column *raw;            /* borrowed from the table */
    int32_t type;                           /* of its values: raw's, or the declared type */
    bool zoned;                             /* TIMESTAMP */
    const struct dr_column *typed;          /* NULL until dr_source_typed asks for it */
    struct dr_column *owned[2];             /* the cast, the dictionary of a STRING column */
    enum dr_class class;
    bool sensitive;
    bool as_times; /* made by dr_plan_times */
    int64_t rows, n_null, n_refused;
    uint64_t *null;           /* rows without a value; NULL: none */
    uint64_t *refused;        /* see dr_source_refused */
    struct dr_codes *codes;   /* NULL where the column has no dictionary, or one far larger than itself */
    struct dr_value *of_code; /* MIXED: the value of each dictionary code */
    struct dr_zone *zones;    /* see dr_source_zones */
    int32_t n_ranges;         /* how often dr_scan_range was asked of it */
    struct dr_mem
        *hashes; /* owned: 8 bytes of each text without dictionary; NULL until repeats.c needs them */
};

/* The extremes of a block of rows. */
struct dr_zone {
    uint64_t min, max; /* order keys; min > max: no value */
};

/* The rows that a row_condition keeps. */
struct dr_domain {
    struct dr_domain *next;
    const char *condition; /* NULL: all rows */
    uint64_t *rows;        /* NULL: all rows */
    int64_t n;
};

/* A column within a domain, and what is known of it. */
struct dr_view {
    struct dr_view *next;
    struct dr_source *source;
    const struct dr_domain *domain;
    uint64_t *rows;    /* the domain's rows with a value of the column's type */
    int64_t *count;    /* owned, see dr_view_counts; NULL until counted or where codes know it */
    int64_t n;         /* how many */
    int64_t n_refused; /* rows of the domain that do not spell the type */
    bool has_moments, has_distinct;
    double sum, mean, m2;            /* m2: sum of squared differences from the mean */
    struct dr_value exact_sum;       /* INT where all values are integers and no overflow came up */
    uint64_t *sorted;                /* n order keys, ascending; numbers and times only */
    struct dr_ranks *ranks;          /* see dr_view_nth */
    struct dr_value_count *distinct; /* ascending; refused texts among them */
    int64_t n_distinct;
};
struct dr_value_count {
    struct dr_value value;
    int64_t count;
};

struct dr_plan {
    struct dr_arena *arena;  /* the results': what is kept */
    struct dr_arena scratch; /* dies with the plan */
    const struct dr_suite *suite;
    const struct dr_table *table;
    const struct dr_expect_options *opts;
    struct dr_source *sources;
    struct dr_source **of_column; /* by the table's column; NULL until the first is asked for */
    struct dr_map columns;        /* owned: what column of the table has a name */
    struct dr_map declared;       /* owned: what column of the suite has a name */
    struct dr_domain *domains;
    struct dr_bits_spare *spare;      /* row sets to use again */
    struct dr_mem *tables;            /* owned; see repeats.c */
    struct dr_repeat_answer *answers; /* likewise */
    uint8_t *nothing;                 /* the empty row set of checks that found nothing; in arena */
    struct dr_counting *countings;    /* see dr_plan_count_values */
};
void dr_plan_done(struct dr_plan *p);

/* rows_counts.c: when all checks have been evaluated, fill their lists of unexpected values. */
void dr_plan_count_values(struct dr_plan *p);

/* ---- blocks.c: passes over rows on all threads ---- */
#define DR_BLOCK_ROWS 65536
static inline int64_t dr_blocks(int64_t rows)
{
    return (rows + DR_BLOCK_ROWS - 1) / DR_BLOCK_ROWS;
}
/* fn for each block of rows [from, to), in any order and on any thread. `from`
 * is a multiple of 64: blocks share no word of a row set. */
typedef void (*dr_block_fn)(void *ctx, int64_t block, int64_t from, int64_t to);
void dr_each_block(int64_t rows, dr_block_fn fn, void *ctx);
/* The rows cut into as many slices of whole blocks as threads can share: for
 * what each thread gathers on its own, where the order of merging is no matter. */
int64_t dr_slices(int64_t rows);
void dr_slice(int64_t rows, int64_t slices, int64_t slice, int64_t *ret_from, int64_t *ret_to);
/* fn for each run of rows of [from, to) that lie in one array and in one word of a row set. */
typedef void (*dr_run_fn)(void *ctx, const struct dr_array *a, int64_t i, int m, int64_t row);
void dr_each_run(const struct dr_column *c, int64_t from, int64_t to, dr_run_fn fn, void *ctx);

/* The column of that name; DR_ENOTFOUND names it and the nearest. */
int32_t dr_plan_source(struct dr_plan *p, const char *name, struct dr_source **ret, struct dr_err *err);
/* A text column read as times by the rules of dateutil (parse_strings_as_datetimes);
 * any other column is itself. */
int32_t dr_plan_times(struct dr_plan *p, struct dr_source *s, struct dr_source **ret, struct dr_err *err);
/* The domain of a condition; NULL or "" keeps every row. */
int32_t dr_plan_domain(struct dr_plan *p, const char *condition, const struct dr_domain **ret,
                       struct dr_err *err);
struct dr_view *dr_plan_view(struct dr_plan *p, struct dr_source *s, const struct dr_domain *d);
void dr_view_done(struct dr_view *v);
/* A set of rows, empty; it lives as long as the plan unless given back. */
uint64_t *dr_plan_bits(struct dr_plan *p);
void dr_plan_bits_back(struct dr_plan *p, uint64_t *bits); /* NULL is fine */

/* The value of a row: NULL where missing, the text where it does not spell its
 * type. *hint speeds up ascending rows; start with 0. */
struct dr_value dr_source_value(const struct dr_source *s, int64_t row, int32_t *hint);
/* The row as it stands in the file, typed or not. */
struct dr_value dr_source_raw_value(const struct dr_source *s, int64_t row, int32_t *hint);
/* The raw column with its texts as a dictionary (STRING columns are converted once). */
const struct dr_column *dr_source_dict(struct dr_source *s);
/* Whether two rows have the same raw value; missing ones do. */
bool dr_source_same(const struct dr_source *s, int64_t x, int64_t y);
/* fn for each row of `in`, ascending, on the caller's thread. Rows with the same raw values,
 * missing ones among them, have the same hash; exact: other rows have not. The plan's thread may
 * go on meanwhile; kept: dr_hashes_kept said there that texts need not be hashed again. */
typedef void (*dr_hash_fn)(void *ctx, int64_t row, uint64_t hash, bool exact);
void dr_each_hash(const struct dr_plan *p, int32_t n, struct dr_source *const *columns, bool kept,
                  const uint64_t *in, dr_hash_fn fn, void *ctx);
bool dr_hashes_kept(int32_t n, struct dr_source *const *columns);
const char *dr_class_name(enum dr_class c); /* "numbers", "text", ... */
/* Rows whose text does not spell the declared type; NULL: none. */
const uint64_t *dr_source_refused(struct dr_plan *p, struct dr_source *s);
/* All rows as their type: raw, or the cast to the declared type. */
const struct dr_column *dr_source_typed(struct dr_source *s);

/* ---- codes.c: by dictionary code ---- */
/* The dictionary of a column and what its rows use of it; NULL where it has none. */
struct dr_codes *dr_codes_new(const struct dr_column *raw);
void dr_codes_done(struct dr_codes *c);
/* Codes of the set are missing values after all. */
void dr_codes_drop(struct dr_codes *c, const uint64_t *missing);
uint64_t *dr_codes_bits(const struct dr_codes *c); /* an empty set of codes; the caller frees it */
/* Rows whose code is in the set, those without a value aside (they are
 * arbitrary). out is empty. Reads rows only where some codes are in it and some are not, and
 * then only those that differed from most before where these are all that do again. */
void dr_codes_spread(struct dr_source *s, const uint64_t *codes, uint64_t *out);
/* fn for these rows, ascending, with their codes, where earlier spreads have come upon all of
 * them and none lacks a value; else false, and the column has to be looked at. */
typedef void (*dr_code_fn)(void *ctx, int64_t row, int32_t code);
bool dr_codes_each_known(const struct dr_source *s, const struct dr_odd_rows *odd, const uint64_t *rows,
                         dr_code_fn fn, void *ctx);
/* What earlier spreads have come upon, which later ones do not change; NULL: nothing. References
 * are taken and given back on the plan's thread. */
struct dr_odd_rows *dr_codes_odd(const struct dr_source *s);
void dr_odd_unref(struct dr_odd_rows *odd);
/* How many rows have a code of the set. */
int64_t dr_codes_rows(const struct dr_codes *c, const uint64_t *set);
/* The value of a code, as dr_source_value gives it. */
struct dr_value dr_codes_value(const struct dr_source *s, int64_t code);
/* How often each code of dr_source_dict occurs in the view's domain, refused texts included. */
const int64_t *dr_view_counts(struct dr_plan *p, struct dr_view *v);

/* ---- view.c, distinct.c: measures ---- */
/* Extremes of each block of rows; numbers, dates and times without dictionary. */
const struct dr_zone *dr_source_zones(struct dr_plan *p, struct dr_source *s);
void dr_view_moments(struct dr_plan *p, struct dr_view *v); /* numbers */
void dr_view_sort(struct dr_plan *p, struct dr_view *v);    /* numbers and times */
/* The value behind sorted[i]. */
struct dr_value dr_view_sorted_value(const struct dr_view *v, int64_t i);
/* Whether the column came as texts that repeat: then counting by code is cheap. */
bool dr_view_has_few(const struct dr_view *v);
void dr_view_distinct(struct dr_plan *p, struct dr_view *v);
int64_t dr_view_count_of(const struct dr_view *v, const struct dr_value *value); /* after it; 0: not there */
int64_t dr_view_count_distinct(struct dr_plan *p,
                               struct dr_view *v); /* without listing them where that is cheaper */
/* The value of rank i among the view's numbers or times, 0 <= i < n. */
struct dr_value dr_view_nth(struct dr_plan *p, struct dr_view *v, int64_t i);
struct dr_value dr_view_nth_distinct(struct dr_plan *p, struct dr_view *v, int64_t i);
void dr_ranks_done(struct dr_ranks *r); /* NULL is fine */
/* Smallest and largest text, by bytes; the view is not empty. */
void dr_view_text_extremes(struct dr_plan *p, struct dr_view *v, struct dr_value *ret_min,
                           struct dr_value *ret_max);
/* Smallest and largest of a column with codes that is no text; the view is not empty. */
bool dr_view_code_extremes(struct dr_plan *p, struct dr_view *v, struct dr_value *ret_min,
                           struct dr_value *ret_max);
/* Smallest and largest; false where the view is empty or holds mixed kinds. */
bool dr_view_extremes(struct dr_plan *p, struct dr_view *v, struct dr_value *ret_min,
                      struct dr_value *ret_max);

/* ---- scan.c, range.c: one pass over a column ---- */
/* Bits of m <= 64 rows of an array from row i on; called on any thread. */
typedef uint64_t (*dr_scan_fn)(const struct dr_array *a, int64_t i, int m, const void *ctx);
void dr_scan(const struct dr_column *c, dr_scan_fn fn, const void *ctx, uint64_t *out);

struct dr_range {
    bool has_min, has_max, strict_min, strict_max;
    struct dr_value min, max;
};
/* The rows within the range; those under a null are arbitrary. An error where
 * the column's values and the bounds cannot be compared. */
int32_t dr_scan_range(struct dr_plan *p, struct dr_source *s, const struct dr_range *r, uint64_t *in,
                      struct dr_err *err);
bool dr_range_holds(const struct dr_range *r, const struct dr_value *v, bool *ret_comparable);

/* Whether a text passes: 1 or 0, -1 with err. A pure function of the text, called on any thread. */
typedef int (*dr_text_fn)(void *ctx, struct dr_str text, struct dr_err *err);
/* The rows whose text passes: asked once for each distinct text of a dictionary.
 * Values that are not text are asked as Python's str() shows them. Texts are
 * those of the file, whatever type the suite declares. */
int32_t dr_scan_text(struct dr_plan *p, struct dr_source *s, dr_text_fn fn, void *ctx, uint64_t *in,
                     struct dr_err *err);
struct dr_pattern;
/* The same where texts of a pattern pass; fn tells of those of which the pattern cannot. NULL: of all. */
int32_t dr_scan_pattern(struct dr_plan *p, struct dr_source *s, const struct dr_pattern *pattern,
                        dr_text_fn fn, void *ctx, uint64_t *in, struct dr_err *err);

/* Whether two values pass: 1 or 0, -1 with err. A pure function of its values,
 * called on any thread; scratch is for its own use. */
typedef int (*dr_pair_fn)(void *ctx, const struct dr_value *a, const struct dr_value *b,
                          struct dr_buf *scratch, struct dr_err *err);
/* The rows whose two values pass, missing ones included. */
int32_t dr_scan_pairs(struct dr_source *a, struct dr_source *b, dr_pair_fn fn, void *ctx, uint64_t *in,
                      struct dr_err *err);

/* The rows of `in` whose raw values, together, occur in another row of `in`; how many such values
 * there are. Missing values equal each other. */
int64_t dr_scan_repeats(struct dr_plan *p, int32_t n, struct dr_source *const *columns, const uint64_t *in,
                        uint64_t *out);

/* A set of values given as an argument. */
struct dr_value_set {
    struct dr_value *items; /* as given, texts turned into times for a time column */
    int32_t n;
    struct dr_map texts;
    double *numbers;       /* sorted */
    int64_t *ints, *times; /* sorted */
    int32_t n_numbers, n_ints, n_times;
    bool has_null;
};
void dr_value_set_init(struct dr_value_set *set, struct dr_arena *a, const struct dr_node *list,
                       enum dr_class class);
void dr_value_set_done(struct dr_value_set *set);
bool dr_value_set_has(const struct dr_value_set *set, const struct dr_value *v);
/* The rows whose value is in the set; those without one are arbitrary. */
void dr_scan_set(struct dr_plan *p, struct dr_source *s, const struct dr_value_set *set, uint64_t *in);
#endif
