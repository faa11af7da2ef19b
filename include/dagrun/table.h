/* dagrun/table.h - tables, columns and the kernels on them: public ABI.
 *
 * A table is a list of named columns of equal length. A column is a list of
 * chunks in Arrow's memory layout; all columns of a table share the same chunk
 * boundaries. Tables and columns are immutable once made and counted by
 * reference, so that threads may share them and a projection copies nothing.
 *
 * Ownership: a function that gives a table or column through ret_* gives one
 * reference, which the caller drops with dr_table_unref or dr_column_unref. A
 * plain return of a pointer (dr_table_column) lends it for as long as its
 * parent lives. ret_* is written only on success.
 *
 * Errors: int32_t functions return 0 (DR_OK) or a code of enum dr_rc, and then
 * err says what failed, on which name, and why. err may be NULL.
 *
 * Only fixed-width types cross this boundary. Functions and enum values are
 * appended, never changed; see docs/plugins.md for the compatibility rule. */
#ifndef DAGRUN_TABLE_H
#define DAGRUN_TABLE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define DR_API __attribute__((visibility("default")))
#define DR_CHECK __attribute__((warn_unused_result))
#define DR_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define DR_API
#define DR_CHECK
#define DR_PRINTF(f, a)
#endif

/* ---- errors ------------------------------------------------------------ */

enum dr_rc {
    DR_OK = 0,
    DR_EINPUT = 1,    /* the data given is not what it must be */
    DR_EDEF = 2,      /* a definition (DAG, suite, parameter) is wrong */
    DR_ENOTFOUND = 3, /* a file, column, dataset or run that is not there */
    DR_ESYS = 4,      /* the operating system refused; sys holds errno */
    DR_EDB = 5,       /* the database refused */
    DR_EPLUGIN = 6,   /* a plugin broke its contract */
    DR_ELIMIT = 7,    /* a declared limit was reached */
    DR_EBUSY = 8,     /* somebody else holds the lock */
    DR_ECANCEL = 9,   /* asked to stop */
    DR_EBUG = 10      /* an invariant of ours does not hold */
};

/* Filled by whoever fails first. Callers may prefix context. */
struct dr_err {
    int32_t rc;  /* enum dr_rc */
    int32_t sys; /* errno where rc is DR_ESYS, else 0 */
    char msg[504];
};

/* ---- the Arrow C Data Interface (Apache Arrow format, version 1) -------- */

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4
struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};
struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
#endif
#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};
#endif

/* ---- types ------------------------------------------------------------- */

enum dr_type {
    DR_TYPE_NULL = 0,      /* every value missing; no buffers */
    DR_TYPE_BOOL = 1,      /* bitmap, least significant bit first */
    DR_TYPE_INT64 = 2,     /* int64_t */
    DR_TYPE_FLOAT64 = 3,   /* double */
    DR_TYPE_DATE = 4,      /* Arrow date32: int32_t days since 1970-01-01 */
    DR_TYPE_TIMESTAMP = 5, /* int64_t microseconds since 1970-01-01T00:00:00,
                              UTC or, where the column has no zone, local */
    DR_TYPE_DECIMAL = 6,   /* Arrow decimal128: 16 bytes little-endian */
    DR_TYPE_STRING = 7,    /* Arrow large_utf8: int64_t offsets, then bytes */
    DR_TYPE_DICT = 8       /* Arrow dictionary<int32, utf8>: int32_t codes */
};

/* One chunk, lent: valid for as long as its column lives. The layout of each
 * buffer is Arrow's. Offsets are always 0. */
struct dr_chunk {
    int32_t type;            /* enum dr_type */
    int32_t scale;           /* DECIMAL only */
    int64_t length;          /* rows */
    int64_t null_count;      /* exact */
    const uint8_t *validity; /* bitmap, 1 = present; NULL = no nulls */
    const void *values;      /* see enum dr_type; codes for DICT */
    const char *bytes;       /* STRING only */
};

struct dr_table;
struct dr_column;

DR_API struct dr_table *dr_table_ref(const struct dr_table *t);
DR_API void dr_table_unref(struct dr_table *t); /* NULL is fine */
DR_API int64_t dr_table_rows(const struct dr_table *t);
DR_API int32_t dr_table_columns(const struct dr_table *t);
DR_API const char *dr_table_column_name(const struct dr_table *t, int32_t i);
/* The index of the column of that name, or -1. */
DR_API int32_t dr_table_find(const struct dr_table *t, const char *name);
DR_API const struct dr_column *dr_table_column(const struct dr_table *t, int32_t i);

DR_API struct dr_column *dr_column_ref(const struct dr_column *c);
DR_API void dr_column_unref(struct dr_column *c);
DR_API int32_t dr_column_type(const struct dr_column *c); /* enum dr_type */
DR_API int64_t dr_column_rows(const struct dr_column *c);
DR_API int64_t dr_column_nulls(const struct dr_column *c);
DR_API int32_t dr_column_chunks(const struct dr_column *c);
/* Lend chunk i, 0 <= i < dr_column_chunks. */
DR_API void dr_column_chunk(const struct dr_column *c, int32_t i, struct dr_chunk *ret);
/* DICT only: how many distinct values, and the bytes of one (not
 * NUL-terminated), lent for as long as the column lives. A dictionary may hold
 * values that no row uses. */
DR_API int32_t dr_column_dict_size(const struct dr_column *c);
DR_API const char *dr_column_dict_get(const struct dr_column *c, int32_t code, int64_t *ret_n);

/* ---- making columns and tables ----------------------------------------- */

/* A growing column. Values are copied in; finish gives the column and frees
 * the builder; free drops an unfinished one (NULL is fine). For STRING and
 * DICT use append_bytes. Out of memory ends the process. */
struct dr_builder;
DR_API struct dr_builder *dr_builder_new(int32_t type);
DR_API void dr_builder_free(struct dr_builder *b);
DR_API void dr_builder_append_null(struct dr_builder *b);
DR_API void dr_builder_append_int(struct dr_builder *b, int64_t v);  /* BOOL, INT64, DATE, TIMESTAMP */
DR_API void dr_builder_append_float(struct dr_builder *b, double v); /* FLOAT64 */
DR_API void dr_builder_append_bytes(struct dr_builder *b, const char *p, int64_t n);
DR_API struct dr_column *dr_builder_finish(struct dr_builder *b);

/* A table of n columns; takes no references, adds its own. Names are copied
 * and must be unique; chunk boundaries are aligned where they differ. */
DR_API DR_CHECK int32_t dr_table_new(int32_t n, const char *const *names,
                                     const struct dr_column *const *columns, struct dr_table **ret,
                                     struct dr_err *err);

/* Arrow C Data in and out. import takes over and releases the stream; export
 * shares the table's buffers, which live until the consumer's release. */
DR_API DR_CHECK int32_t dr_table_import(struct ArrowArrayStream *in, struct dr_table **ret,
                                        struct dr_err *err);
DR_API DR_CHECK int32_t dr_table_export(const struct dr_table *t, struct ArrowArrayStream *ret,
                                        struct dr_err *err);

/* ---- kernels on tables -------------------------------------------------- */

/* Columns by name, in that order. */
DR_API DR_CHECK int32_t dr_table_select(const struct dr_table *t, int32_t n, const char *const *names,
                                        struct dr_table **ret, struct dr_err *err);
/* t with column `name` replaced where it exists, appended where it does not. */
DR_API DR_CHECK int32_t dr_table_with(const struct dr_table *t, const char *name, const struct dr_column *c,
                                      struct dr_table **ret, struct dr_err *err);
/* The rows whose bit is 1. bitmap holds (rows + 7) / 8 bytes. */
DR_API DR_CHECK int32_t dr_table_filter(const struct dr_table *t, const uint8_t *bitmap,
                                        struct dr_table **ret, struct dr_err *err);
/* rows[i] is the row of t that becomes row i; 0 <= rows[i] < rows of t. */
DR_API DR_CHECK int32_t dr_table_take(const struct dr_table *t, int64_t n, const int64_t *rows,
                                      struct dr_table **ret, struct dr_err *err);
/* The tables one below the other; same names and types, in the same order
 * (DICT and STRING mix, and give STRING). */
DR_API DR_CHECK int32_t dr_table_concat(int32_t n, const struct dr_table *const *tables,
                                        struct dr_table **ret, struct dr_err *err);

/* The tables one below the other, columns matched by name, in the order in which
 * they first appear; what a table lacks is missing. A column that is of type NULL
 * in one table fits any type. */
DR_API DR_CHECK int32_t dr_table_union(int32_t n, const struct dr_table *const *tables, struct dr_table **ret,
                                       struct dr_err *err);

enum dr_sort_flags { DR_SORT_DESC = 1, DR_SORT_NULLS_FIRST = 2 };
struct dr_sort_key {
    const char *column;
    int32_t flags; /* enum dr_sort_flags; nulls sort last without NULLS_FIRST */
    int32_t pad;
};
/* Stable. Strings compare by bytes; NaN sorts above every number. */
DR_API DR_CHECK int32_t dr_table_sort(const struct dr_table *t, int32_t n, const struct dr_sort_key *keys,
                                      struct dr_table **ret, struct dr_err *err);

/* The first `limit` rows that dr_table_sort would give (all where there are fewer),
 * without sorting the others. */
DR_API DR_CHECK int32_t dr_table_top(const struct dr_table *t, int32_t n, const struct dr_sort_key *keys,
                                     int64_t limit, struct dr_table **ret, struct dr_err *err);

enum dr_keep { DR_KEEP_FIRST = 0, DR_KEEP_LAST = 1, DR_KEEP_NONE = 2 };
/* One row for each distinct key, in the order of the rows kept. ret_kept (may
 * be NULL) receives for each row of t: -1 where it was kept, else the row of t
 * that was kept in its place (or, with DR_KEEP_NONE, the first of its group);
 * the caller allocates rows of t entries. Nulls equal each other. n = 0 means
 * all columns. */
DR_API DR_CHECK int32_t dr_table_distinct(const struct dr_table *t, int32_t n, const char *const *keys,
                                          int32_t keep, int64_t *ret_kept, struct dr_table **ret,
                                          struct dr_err *err);

enum dr_agg_fn {
    DR_AGG_COUNT = 0,          /* non-null values; of rows where column is NULL */
    DR_AGG_COUNT_DISTINCT = 1, /* non-null */
    DR_AGG_SUM = 2,            /* null where no value */
    DR_AGG_MEAN = 3,
    DR_AGG_STDDEV = 4, /* sample, n - 1; null where n < 2 */
    DR_AGG_VARIANCE = 5,
    DR_AGG_MIN = 6,
    DR_AGG_MAX = 7,
    DR_AGG_QUANTILE = 8, /* arg in [0, 1]; linear, Hyndman and Fan type 7 */
    DR_AGG_MEDIAN = 9,
    DR_AGG_SHARE = 10, /* BOOL: true / non-null */
    DR_AGG_FIRST = 11,
    DR_AGG_LAST = 12,
    DR_AGG_QUANTILE_BY = 32 /* + 1 to 9: arg in [0, 1], by that definition of Hyndman and Fan */
};
struct dr_agg {
    int32_t fn; /* enum dr_agg_fn */
    int32_t pad;
    const char *column; /* NULL only for DR_AGG_COUNT */
    const char *name;   /* of the result column */
    double arg;
};
/* One row for each distinct key (a null is a key), ordered by key ascending,
 * nulls last; then one column for each aggregate. */
DR_API DR_CHECK int32_t dr_table_group_by(const struct dr_table *t, int32_t n_keys, const char *const *keys,
                                          int32_t n_aggs, const struct dr_agg *aggs, struct dr_table **ret,
                                          struct dr_err *err);

/* A column that makes groups in one pass over a file (dr_task_rollup). */
struct dr_rollup_group {
    const char *column;
    const char *name; /* of the result's column; NULL: the column's */
    int32_t month;    /* 1, of a DATE column: "2024-03" in place of the day */
    int32_t pad;
};
struct dr_rollup_counts {
    int64_t rows;           /* read */
    int64_t selected;       /* of those, not refused */
    int64_t duplicate_rows; /* rows whose key occurs more than once, refused or not */
    int64_t duplicate_keys; /* such keys */
    int64_t kept;           /* keys with a row that was not refused, of which the first counts */
};

enum dr_join { DR_JOIN_INNER = 0, DR_JOIN_LEFT = 1, DR_JOIN_SEMI = 2, DR_JOIN_ANTI = 3 };
/* Equal keys; null never equals. Columns of right that are not keys follow
 * those of left; a name that both have gets the suffix "_right". Rows come in
 * left's order, then right's. */
DR_API DR_CHECK int32_t dr_table_join(const struct dr_table *left, const struct dr_table *right,
                                      int32_t n_keys, const char *const *left_keys,
                                      const char *const *right_keys, int32_t how, struct dr_table **ret,
                                      struct dr_err *err);

/* ---- tables that need not fit into memory ---------------------------------- */

struct dr_row_hash {
    uint64_t low, high;
};
/* For each row of t, 128 bits of a hash of its key under a secret of the process. Rows that
 * dr_table_distinct takes for equal have equal ones; of 10^8 different keys two have the same with a chance
 * of 10^-22, whoever made them. n = 0 means all columns. The caller allocates rows of t entries. */
DR_API DR_CHECK int32_t dr_table_hash(const struct dr_table *t, int32_t n, const char *const *keys,
                                      struct dr_row_hash *ret, struct dr_err *err);

/* Which rows of a table are at odds with others, found without holding it: what is told of each row goes
 * to a temporary file; when all have been told of, two bits for each are held. Of one thread at a time. */
struct dr_row_marks;
enum dr_row_mark {
    DR_ROW_STAYS = 0,
    DR_ROW_REPEATS = 1, /* its content is that of an earlier row */
    DR_ROW_YIELDS = 2,  /* another row of its key stays, or with DR_KEEP_NONE nobody */
    DR_ROW_ODDS = 3     /* its value is not below, or above, one of its key on the other side */
};
/* memory: bytes to work in, about, beside those two bits. folder: of the file, NULL for TMPDIR or /tmp; it
 * has no name and takes up to 80 bytes for each row. */
DR_API DR_CHECK int32_t dr_row_marks_new(int64_t memory, const char *folder, struct dr_row_marks **ret,
                                         struct dr_err *err);
/* Tell of n rows, whose numbers ascend over all calls: for dr_row_marks_find_repeats. */
DR_API DR_CHECK int32_t dr_row_marks_add(struct dr_row_marks *m, int64_t n, const int64_t *rows,
                                         const struct dr_row_hash *content, const struct dr_row_hash *key,
                                         struct dr_err *err);
/* Tell of a row's value on the low or the high side of its key: for dr_row_marks_find_odds. */
DR_API DR_CHECK int32_t dr_row_marks_add_side(struct dr_row_marks *m, int64_t row, struct dr_row_hash key,
                                              int32_t high, double value, struct dr_err *err);
/* All rows have been told of. Of those with equal content the first stays; of what is left, of those with
 * equal keys one by `keep` (enum dr_keep). */
DR_API DR_CHECK int32_t dr_row_marks_find_repeats(struct dr_row_marks *m, int32_t keep, struct dr_err *err);
/* All rows have been told of. A low value that is not below every high one of its key is at odds with those
 * that it is not below, and they with it; a NaN is with all. */
DR_API DR_CHECK int32_t dr_row_marks_find_odds(struct dr_row_marks *m, struct dr_err *err);
/* After that: enum dr_row_mark of a row; DR_ROW_STAYS of one that was not told of. */
DR_API int32_t dr_row_marks_get(const struct dr_row_marks *m, int64_t row);
DR_API void dr_row_marks_free(struct dr_row_marks *m); /* NULL is fine */

/* The rows of a table in the order of dr_table_sort, without holding it: sorted pieces in temporary files
 * are merged. Of one thread at a time. */
struct dr_sorter;
/* keys are borrowed until it is freed; memory and folder as for dr_row_marks_new. */
DR_API DR_CHECK int32_t dr_sorter_new(int32_t n, const struct dr_sort_key *keys, int64_t memory,
                                      const char *folder, struct dr_sorter **ret, struct dr_err *err);
/* Batches of one schema, at least one. */
DR_API DR_CHECK int32_t dr_sorter_add(struct dr_sorter *s, const struct dr_table *batch, struct dr_err *err);
/* When all have been added: the next rows in order, at least once a batch, which may have no rows; *ret is
 * NULL after the last. */
DR_API DR_CHECK int32_t dr_sorter_next(struct dr_sorter *s, struct dr_table **ret, struct dr_err *err);
DR_API void dr_sorter_free(struct dr_sorter *s); /* NULL is fine */

/* ---- kernels on columns -------------------------------------------------- */

/* One cell given to, or received from, a map function. */
struct dr_cell {
    int32_t state; /* 0 missing, 1 a value; a map function may also return 2:
                      refused, which gives null and sets the bit in ret_refused */
    int32_t pad;
    int64_t i;     /* BOOL, INT64, DATE, TIMESTAMP */
    double f;      /* FLOAT64 */
    const char *p; /* STRING, DICT: borrowed; out: copied at once */
    int64_t n;
};
typedef void (*dr_map_fn)(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret);
/* Apply fn to each row of n_args columns of equal length, giving a column of
 * ret_type. fn must be a pure function of its cells: where every argument is a
 * DICT, it is called once for each combination of values that occurs. Missing
 * arguments are passed on to fn. ret_refused (may be NULL) is a bitmap of
 * (rows + 7) / 8 bytes, cleared here, whose bit is 1 where fn refused. */
DR_API DR_CHECK int32_t dr_column_map(int32_t n_args, const struct dr_column *const *args, dr_map_fn fn,
                                      void *ctx, int32_t ret_type, uint8_t *ret_refused,
                                      struct dr_column **ret, struct dr_err *err);
/* Convert to another type; text must spell the value exactly (see
 * docs/tables.md). What cannot be converted is null and its bit in ret_refused
 * (may be NULL) is set. */
DR_API DR_CHECK int32_t dr_column_cast(const struct dr_column *c, int32_t type, uint8_t *ret_refused,
                                       struct dr_column **ret, struct dr_err *err);

/* How many values of a column read as a type were text that does not spell it. They
 * are missing from the column. Known of a column as a reader gave it: what a
 * kernel made of it has none. */
DR_API int64_t dr_column_refused(const struct dr_column *c);
/* The text of such a value, lent for as long as the column lives and not
 * NUL-terminated; NULL where the row was not refused. */
DR_API const char *dr_column_refused_text(const struct dr_column *c, int64_t row, int64_t *ret_n);

/* ---- files ---------------------------------------------------------------- */

/* What the text of a CSV column is read as; see docs/csv.md. */
struct dr_csv_type {
    const char *column;
    int32_t type; /* enum dr_type, not DR_TYPE_NULL */
    int32_t pad;
};

struct dr_csv_options {
    uint32_t size;        /* sizeof(struct dr_csv_options) */
    uint8_t delimiter;    /* 0 means ',' */
    uint8_t quote;        /* 0 means '"' */
    uint8_t no_header;    /* 1: columns are named column_1, column_2, ... */
    uint8_t forgiving;    /* 1: records with too few or many fields, bad UTF-8 and
                             stray quotes are kept aside (ret_rejects) rather
                             than refusing the file */
    const char *encoding; /* NULL or "utf-8", "utf-16", "utf-16le", "utf-16be", "latin-1", "windows-1252" */
    const char *line_column; /* NULL, or the name of an INT64 column to append
                                that holds each record's first line, from 1;
                                a column of that name in the header stays instead */
    const char *null_values; /* NULL: an empty unquoted or quoted field is missing.
                                Else a newline-separated list of spellings that
                                also mean missing */
    int64_t max_field;       /* bytes; 0 means 16 MiB; a longer field is DR_ELIMIT */
    int64_t max_record;      /* bytes; 0 means 64 MiB */
    uint8_t keep_empty;      /* 1: a quoted empty field ("") is an empty text, not missing,
                                which is how dr_table_write_csv tells them apart */
    uint8_t hide_text;       /* 1: an error about a record does not quote it, since it
                                may hold what nobody who reads messages may see */
    uint8_t infer;           /* 1: the type of a column not in `types` is found from its values */
    uint8_t pad[5];
    /* Columns read as a type rather than as text. A value that does not spell it
     * (as dr_column_cast has it) is missing, and dr_column_refused_text has its text. */
    const struct dr_csv_type *types;
    int64_t n_types;
    /* NULL, or receives a table `column`, `type`, `reason` (STRING) that says of
     * each column what it was read as and why; written only on success. */
    struct dr_table **ret_types;
};
/* Read a CSV file (RFC 4180; "-" is standard input). Columns without a type are text:
 * DICT, or STRING where values hardly repeat. ret_rejects (may be NULL) receives in
 * forgiving mode a table line INT64, reason STRING, text STRING of the records
 * kept aside. opts may be NULL. An error names file, line and column. */
DR_API DR_CHECK int32_t dr_table_read_csv(const char *path, const struct dr_csv_options *opts,
                                          struct dr_table **ret, struct dr_table **ret_rejects,
                                          struct dr_err *err);
/* RFC 4180 with LF line ends and a header; a missing value is an empty field,
 * an empty string is "". Numbers are the shortest text that reads back equal.
 * Written beside path and renamed into place. */
DR_API DR_CHECK int32_t dr_table_write_csv(const struct dr_table *t, const char *path, struct dr_err *err);
/* Arrow IPC file format. The file is mapped, checked, and not trusted. */
DR_API DR_CHECK int32_t dr_table_read_arrow(const char *path, struct dr_table **ret, struct dr_err *err);
DR_API DR_CHECK int32_t dr_table_write_arrow(const struct dr_table *t, const char *path, struct dr_err *err);

/* ---- databases ------------------------------------------------------------- */

/* A connection, owned by its opener and used by one thread. */
struct dr_db;
/* path: an SQLite file, made where absent. */
DR_API DR_CHECK int32_t dr_db_open(const char *path, struct dr_db **ret, struct dr_err *err);
DR_API void dr_db_close(struct dr_db *db); /* rolls back; NULL is fine */
/* One or more statements without results. */
DR_API DR_CHECK int32_t dr_db_exec(struct dr_db *db, const char *sql, struct dr_err *err);
DR_API DR_CHECK int32_t dr_db_begin(struct dr_db *db, struct dr_err *err);
DR_API DR_CHECK int32_t dr_db_commit(struct dr_db *db, struct dr_err *err);
DR_API void dr_db_rollback(struct dr_db *db);
/* A table named `name` with exactly these rows: an existing one is emptied and
 * refilled, and made anew where its columns differ. Dates and timestamps are
 * stored as ISO 8601 text. Call between begin and commit. */
DR_API DR_CHECK int32_t dr_db_replace(struct dr_db *db, const char *name, const struct dr_table *t,
                                      int32_t n_keys, const char *const *keys, struct dr_err *err);
/* Register t as a temporary table that queries of this connection can read. */
DR_API DR_CHECK int32_t dr_db_attach_table(struct dr_db *db, const char *name, const struct dr_table *t,
                                           struct dr_err *err);
/* The rows of one SELECT. A column's type is that of its first non-null value,
 * and STRING where values of different types meet. */
DR_API DR_CHECK int32_t dr_db_query(struct dr_db *db, const char *sql, struct dr_table **ret,
                                    struct dr_err *err);

/* A type by its name in docs/tables.md: enum dr_type, or -1. */
DR_API int32_t dr_type_parse(const char *name);

/* "sqlite" or "postgresql". A connection from dr_task_connect may be either; all
 * functions here take both. */
DR_API const char *dr_db_type(const struct dr_db *db);

/* A value bound to a parameter of a statement: never pasted into its text. */
struct dr_db_value {
    const char *name; /* of the parameter, without the colon */
    int32_t type;     /* DR_TYPE_NULL, BOOL, INT64, FLOAT64 or STRING */
    int32_t pad;
    int64_t i;
    double f;
    const char *p; /* STRING: borrowed */
    int64_t n;
};
/* One or more statements, separated by semicolons, with parameters written
 * :name. In text and comments a colon means nothing. */
struct dr_db_script {
    uint32_t size; /* sizeof(struct dr_db_script) */
    int32_t n_values;
    const char *text;
    const char *file; /* shown in errors, with the line; or NULL */
    int32_t line;     /* of the text's first line in file */
    int32_t pad;
    const struct dr_db_value *values;
    /* Called with each result, numbered from 0, lent for the call; what it returns other
     * than 0 ends the script. NULL: results are not read. */
    int32_t (*on_result)(void *ctx, int32_t i, const struct dr_table *result, struct dr_err *err);
    void *ctx;
};
/* Run them in order, in the caller's transaction where there is one. An error
 * names file and line of the statement and says what the database says. */
DR_API DR_CHECK int32_t dr_db_run_script(struct dr_db *db, const struct dr_db_script *script,
                                         struct dr_err *err);

enum dr_load_mode {
    DR_LOAD_REPLACE = 0, /* the table holds exactly these rows afterwards */
    DR_LOAD_APPEND = 1,  /* these rows are added */
    DR_LOAD_UPSERT = 2   /* rows whose key is there are updated, others added */
};
/* One table of a load. */
struct dr_db_load {
    uint32_t size; /* sizeof(struct dr_db_load) */
    int32_t mode;  /* enum dr_load_mode */
    const char *name;
    const struct dr_table *rows; /* borrowed */
    int32_t n_keys;              /* 0: the primary key of the table that is there */
    int32_t n_scope;
    const char *const *keys;
    const char *newer_wins;   /* UPSERT: a row is updated only where this column is greater */
    const char *const *scope; /* columns: rows that have their values in these, and no row here, are
                                 deleted; they say which parents the rows are complete for */
    const char *scope_of;     /* the table of this load, before this one, whose rows name those
                                 parents (NULL: this table's own rows); rows of a parent
                                 that was older than what is there are left out */
    int32_t insert_only;      /* UPSERT: rows whose key is there stay as they are */
    int32_t remake;           /* REPLACE: a table with other columns is made anew, whoever made it */
    int32_t no_ledger;        /* load also what was loaded before */
    int32_t strict;           /* a row that the database refuses fails the load */
    /* Set by dr_db_load: */
    int32_t skipped; /* the ledger knows these rows: nothing was done */
    int64_t inserted, updated, deleted;
    int64_t unchanged;        /* there already, or older than what is there */
    struct dr_table *refused; /* NULL, or the rows that the database refused, with a column
                                 _reason; the caller drops it */
};
/* Load n tables in the order given, all in one transaction, through staging tables.
 * Rows that a constraint refuses are kept apart; the rest is loaded. ret_lock_us (may be
 * NULL): how long other writers may have had to wait. Outside of a transaction. */
DR_API DR_CHECK int32_t dr_db_load(struct dr_db *db, int32_t n, struct dr_db_load *tables,
                                   int64_t *ret_lock_us, struct dr_err *err);
/* The same, but 1,000 rows or more that go into tables that are there, by key or appended, are committed in
 * pieces of some milliseconds each: others read some of them before the others come, but rows that belong to
 * a parent (scope_of) with it. The last commit notes the load; one that is killed before it is done by
 * loading the same again. */
DR_API DR_CHECK int32_t dr_db_load_in_pieces(struct dr_db *db, int32_t n, struct dr_db_load *tables,
                                             int64_t *ret_lock_us, struct dr_err *err);
/* ---- JSON -------------------------------------------------------------------- */

/* A column read from JSON. path leads from the record to the value: names joined
 * by '.', [N] for the item N of an array (from 0), ["..."] for a name that holds
 * '.' or '['; "" is the record itself. */
struct dr_json_column {
    const char *name; /* NULL: the path */
    const char *path; /* NULL: the name */
    int32_t type;     /* enum dr_type; -1: found from the data */
    int32_t scale;    /* DECIMAL: digits after the point */
};
/* A table of the items of an array that lies in each record. Its columns are
 * the parent's columns named in keys, position (from 0), then those of the items. */
struct dr_json_child {
    const char *name;     /* of the table, in messages and in columns of dr_json_extras */
    const char *path;     /* of the array, from the record */
    const char *position; /* the name of the position's column; NULL: "position" */
    const char *const *keys;
    const struct dr_json_column *columns; /* paths start at the item */
    int32_t n_keys;
    int32_t n_columns; /* 0: found from the data */
};
enum dr_json_layout {
    DR_JSON_AUTO = 0,    /* an array where the text starts with '[' or records is set; lines
                            where its first line is a whole value; else one record */
    DR_JSON_LINES = 1,   /* one record on each line */
    DR_JSON_DOCUMENT = 2 /* one JSON text: an array of records, or the array at the path records */
};
struct dr_json_options {
    uint32_t size;     /* sizeof(struct dr_json_options) */
    uint8_t layout;    /* enum dr_json_layout */
    uint8_t forgiving; /* 1: lines that are not JSON and records whose values do not fit
                          their columns are kept aside rather than refusing the file */
    uint8_t hide_text; /* 1: messages quote no value */
    uint8_t pad;
    const char *records;                  /* where in the document the array of records is: "data.items" */
    const char *encoding;                 /* as for CSV */
    const char *line_column;              /* NULL, or the name of an INT64 column to append that holds the
                                             line on which each record starts, from 1; a
                                             column of that name stays instead */
    const struct dr_json_column *columns; /* other members are passed over */
    const struct dr_json_child *children;
    int32_t n_columns; /* 0: found from the data: every member, objects flattened with '.' */
    int32_t n_children;
    int64_t max_record;      /* bytes; 0 means 64 MiB, at most 255 MiB */
    int64_t infer_bytes;     /* how much of the text is looked at first to find columns; 0 means 4 MiB */
    const char *rest_column; /* NULL, or the name of a STRING column to append that holds, as a JSON
                                object, the members of each record that no column and no child table takes;
                                missing where there are none. Needs declared columns */
};
/* What else comes of a read. Set size before the call; what is not NULL
 * afterwards is the caller's to drop. */
struct dr_json_extras {
    uint32_t size;
    int32_t n_children;         /* room in children; those of the options beyond it are dropped */
    struct dr_table **children; /* caller's array */
    struct dr_table *rejects;   /* line INT64, reason STRING, text STRING */
    struct dr_table *columns;   /* table, column, path, type, reason, all STRING but mixed BOOL (its
                                  texts are JSON scalars of several kinds): what each column is and why */
};
/* Read JSON lines or a JSON document ("-" is standard input). What the columns
 * found from the data are, see docs/json.md. opts and ret_extras may be NULL. An
 * error names file, line and column. */
DR_API DR_CHECK int32_t dr_table_read_json(const char *path, const struct dr_json_options *opts,
                                           struct dr_table **ret, struct dr_json_extras *ret_extras,
                                           struct dr_err *err);
/* JSON lines: one object for each row, every column a member, a missing value
 * null. Numbers are the shortest text that reads back equal, decimals exact, NaN and
 * infinities are refused; dates and times are ISO 8601 texts. Written beside path and renamed into
 * place. */
DR_API DR_CHECK int32_t dr_table_write_json(const struct dr_table *t, const char *path, struct dr_err *err);
/* Arrow IPC streaming format, for readers that take no file format. dr_table_read_arrow
 * tells the two apart by itself. */
DR_API DR_CHECK int32_t dr_table_write_arrow_stream(const struct dr_table *t, const char *path,
                                                    struct dr_err *err);

#ifdef __cplusplus
}
#endif
#endif
