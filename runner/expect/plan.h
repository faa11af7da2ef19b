/* plan.h - what the expectations of one run share: columns as the suite means
 * them, sets of rows that conditions keep, and what was measured. Layer: expect.
 *
 * Everything here is made on first use and kept until the run ends, so that a
 * second expectation on a column finds its values converted, its missing rows
 * marked, its sum and its order known. One thread uses a plan. */
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

/* A column as expectations see it. */
struct dr_source {
    struct dr_source *next;
    const char *name;
    const struct dr_suite_column *declared; /* or NULL */
    const struct dr_column *raw;            /* borrowed from the table */
    const struct dr_column *typed;          /* raw, or the cast to the declared type */
    struct dr_column *owned[2];             /* the cast, the dictionary of a STRING column */
    enum dr_class class;
    bool sensitive;
    bool as_times; /* made by dr_plan_times */
    int64_t rows, n_null, n_refused;
    uint64_t *null;           /* rows without a value; NULL: none */
    uint64_t *refused;        /* rows whose text does not spell the declared type; NULL: none */
    struct dr_value *of_code; /* MIXED: the value of each dictionary code */
    uint64_t *keys;           /* see dr_source_keys */
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
    int64_t n;         /* how many */
    int64_t n_refused; /* rows of the domain that do not spell the type */
    bool has_moments, has_distinct;
    double sum, mean, m2;            /* m2: sum of squared differences from the mean */
    struct dr_value exact_sum;       /* INT where all values are integers and no overflow came up */
    uint64_t *sorted;                /* n order keys, ascending; numbers and times only */
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
    struct dr_domain *domains;
    struct dr_view *views;
};
void dr_plan_done(struct dr_plan *p);

/* The column of that name; DR_ENOTFOUND names it and the nearest. */
int32_t dr_plan_source(struct dr_plan *p, const char *name, struct dr_source **ret, struct dr_err *err);
/* A text column read as times by the rules of dateutil (parse_strings_as_datetimes);
 * any other column is itself. */
int32_t dr_plan_times(struct dr_plan *p, struct dr_source *s, struct dr_source **ret, struct dr_err *err);
/* The domain of a condition; NULL or "" keeps every row. */
int32_t dr_plan_domain(struct dr_plan *p, const char *condition, const struct dr_domain **ret,
                       struct dr_err *err);
struct dr_view *dr_plan_view(struct dr_plan *p, struct dr_source *s, const struct dr_domain *d);
uint64_t *dr_plan_bits(struct dr_plan *p); /* zeroed, one bit a row, in scratch */

/* The value of a row: NULL where missing, the text where it does not spell its
 * type. *hint speeds up ascending rows; start with 0. */
struct dr_value dr_source_value(const struct dr_source *s, int64_t row, int32_t *hint);
/* The row as it stands in the file, typed or not. */
struct dr_value dr_source_raw_value(const struct dr_source *s, int64_t row, int32_t *hint);
/* The raw column with its texts as a dictionary (STRING columns are converted once). */
const struct dr_column *dr_source_dict(struct dr_source *s);
/* A number for each row, equal where the raw values are equal; 0 under a null. */
const uint64_t *dr_source_keys(struct dr_plan *p, struct dr_source *s);
const char *dr_class_name(enum dr_class c); /* "numbers", "text", ... */

/* ---- view.c, distinct.c: measures ---- */
void dr_view_moments(struct dr_plan *p, struct dr_view *v); /* numbers */
void dr_view_sort(struct dr_plan *p, struct dr_view *v);    /* numbers and times */
/* The value behind sorted[i]. */
struct dr_value dr_view_sorted_value(const struct dr_view *v, int64_t i);
/* Whether the column came as texts that repeat: then counting by code is cheap. */
bool dr_view_has_few(const struct dr_view *v);
void dr_view_distinct(struct dr_plan *p, struct dr_view *v);
int64_t dr_view_count_distinct(struct dr_plan *p,
                               struct dr_view *v); /* without listing them where that is cheaper */
/* The value of rank i among the view's numbers or times, 0 <= i < n. */
struct dr_value dr_view_nth(struct dr_plan *p, struct dr_view *v, int64_t i);
/* Smallest and largest text, by bytes; the view is not empty. */
void dr_view_text_extremes(struct dr_view *v, struct dr_value *ret_min, struct dr_value *ret_max);
/* Smallest and largest; false where the view is empty or holds mixed kinds. */
bool dr_view_extremes(struct dr_plan *p, struct dr_view *v, struct dr_value *ret_min,
                      struct dr_value *ret_max);

/* ---- scan.c: one pass over a column ---- */
/* Bits of m <= 64 rows of an array from row i on. */
typedef uint64_t (*dr_scan_fn)(const struct dr_array *a, int64_t i, int m, const void *ctx);
void dr_scan(const struct dr_column *c, dr_scan_fn fn, const void *ctx, uint64_t *out);
/* Bits by dictionary code. */
void dr_scan_codes(const struct dr_column *c, const uint8_t *by_code, uint64_t *out);

struct dr_range {
    bool has_min, has_max, strict_min, strict_max;
    struct dr_value min, max;
};
/* The rows within the range; those under a null are arbitrary. An error where
 * the column's values and the bounds cannot be compared. */
int32_t dr_scan_range(struct dr_plan *p, struct dr_source *s, const struct dr_range *r, uint64_t *in,
                      struct dr_err *err);
bool dr_range_holds(const struct dr_range *r, const struct dr_value *v, bool *ret_comparable);

/* Whether a text passes: 1 or 0, -1 with err. */
typedef int (*dr_text_fn)(void *ctx, struct dr_str text, struct dr_err *err);
/* The rows whose text passes: asked once for each distinct text of a dictionary.
 * Values that are not text are asked as Python's str() shows them. Texts are
 * those of the file, whatever type the suite declares. */
int32_t dr_scan_text(struct dr_plan *p, struct dr_source *s, dr_text_fn fn, void *ctx, uint64_t *in,
                     struct dr_err *err);

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
void dr_scan_set(struct dr_plan *p, struct dr_source *s, const struct dr_value_set *set, uint64_t *in);
#endif
