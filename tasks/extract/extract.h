/* extract.h - what the files of the extract plugin share.
 *
 *     settings.c   maps of `with:` read and checked, secrets looked up
 *     http.c       libcurl: one request, one answer; URLs
 *     auth.c       the Authorization header: basic, bearer, a token asked for
 *     fetch.c      one request until it is answered: pauses, retries, redirects
 *     answer.c     what a page of JSON says: its rows, its count, what comes next
 *     progress.c   the pages fetched so far, kept for the next attempt
 *     pages.c      all pages of a list
 *     files.c      a file of CSV; which format is which
 *     json.c       JSON and JSON lines, arrays in records as child tables
 *     xml.c        libxml2: the rows of an XML file
 *     folder.c     the files of a folder, without those that were read before
 *     rows.c       declared columns, duplicates, counts
 *
 * Everything here runs in a task attempt's process, which ends with the task:
 * what lives as long as the attempt is not freed. */
#ifndef EXTRACT_H
#define EXTRACT_H
#include <dagrun/task.h>
#include <stdarg.h>
#include <stdbool.h>

/* ---- settings.c ---------------------------------------------------------------- */

/* A map of `with:`, or one below it, and its name for messages ("api.limits"). A
 * map that is left out reads as an empty one. */
struct settings {
    struct dr_task *t;
    const struct dr_node *map;
    const char *what;
};

/* The map `key` of the task's parameters, or of `in`. known lists its keys,
 * "a|b|c"; any other key is refused, with its place. */
DR_CHECK int32_t settings_of_task(struct dr_task *t, const char *key, const char *known,
                                  struct settings *ret);
DR_CHECK int32_t settings_below(const struct settings *in, const char *key, const char *known,
                                struct settings *ret);
bool settings_has(const struct settings *s, const char *key);
/* A value that is wrong fails the task for good, naming its place. The value
 * given is used where the key is absent; REQUIRED_TEXT means that it may not be. */
#define REQUIRED_TEXT ((const char *)-1)
DR_CHECK int32_t settings_text(const struct settings *s, const char *key, const char *otherwise,
                               const char **ret);
DR_CHECK int32_t settings_count(const struct settings *s, const char *key, int64_t low, int64_t high,
                                int64_t otherwise, int64_t *ret);
DR_CHECK int32_t settings_share(const struct settings *s, const char *key, double low, double high,
                                double otherwise, double *ret);
DR_CHECK int32_t settings_ms(const struct settings *s, const char *key, int64_t otherwise, int64_t *ret);
DR_CHECK int32_t settings_bytes(const struct settings *s, const char *key, int64_t otherwise, int64_t *ret);
/* A secret is never written in a DAG: NAME_env names an environment variable
 * that holds it, NAME_file a file. */
DR_CHECK int32_t settings_secret(const struct settings *s, const char *name, const char **ret);
/* Fails for good, with the place of `key` (or of the map, where it is NULL). */
int32_t settings_refuse(const struct settings *s, const char *key, const char *fmt, ...) DR_PRINTF(3, 4);

/* Whether word stands in "a|b|c". */
bool is_in_list(const char *list, const char *word);
/* Formatted text that lives as long as the attempt. */
char *text_of(const char *fmt, ...) DR_PRINTF(1, 2);
char *text_of_args(const char *fmt, va_list ap);
/* path itself where it is absolute, else below the home. */
char *home_path(struct dr_task *t, const char *path);

/* ---- http.c ---------------------------------------------------------------------- */

struct http; /* a libcurl handle: connections stay open from one call to the next */

struct http_limits {
    int64_t connect_ms, request_ms;
    int64_t answer_bytes; /* after decompression */
    const char *ca_file;  /* PEM; NULL: the system's */
};
struct http_call {
    const char *url;
    const char *const *headers; /* "Name: value", NULL-terminated */
    const char *body;           /* of a POST; NULL: GET */
    const char *path;           /* the file that receives the answer's body; NULL: memory */
};
enum http_kind {
    HTTP_ANSWERED,  /* a whole answer of whatever status */
    HTTP_TRY_AGAIN, /* no answer, or part of one: it may go better next time */
    HTTP_REFUSED    /* no repetition will help */
};
struct http_answer {
    enum http_kind kind;
    const char *url; /* of the call: after redirects, where it came from */
    long status;
    char type[80]; /* content type in lower case, without parameters */
    int64_t bytes; /* of the body */
    int64_t wait_ms;
    char problem[400]; /* unless HTTP_ANSWERED */
    char *redirect;    /* owned: absolute URL, or NULL */
    char *body;        /* owned, NUL-terminated: where path is NULL */
};
DR_CHECK int32_t http_open(struct dr_task *t, const struct http_limits *limits, struct http **ret);
void http_close(struct http *h);
void http_send(struct http *h, const struct http_call *call, struct http_answer *ret);
void http_answer_done(struct http_answer *a);

/* Why a URL cannot be used, or NULL: it must be http or https, hold neither user,
 * password nor, where it is ours and not the server's, a query parameter that is a secret by its name. */
const char *url_problem(const char *url, bool ours);
/* Same scheme, host and port. */
bool url_same_origin(const char *a, const char *b);
/* Whether what is sent there can be read on the way: http, and not this machine. */
bool url_is_exposed(const char *url);
/* `to` seen from `from`; NULL where it is no URL. */
char *url_resolve(const char *from, const char *to);
/* url with the query parameter set (added, or its value replaced). */
char *url_with(const char *url, const char *name, const char *value);
/* For messages and files: user, password, fragment and secret query values masked. */
char *url_shown(const char *url);

/* ---- auth.c ----------------------------------------------------------------------- */

enum auth_kind { AUTH_NONE, AUTH_BASIC, AUTH_BEARER, AUTH_TOKEN };
enum { SECRETS_MAX = 8 };

struct auth {
    enum auth_kind kind;
    const char *username, *password; /* BASIC, TOKEN */
    const char *bearer;              /* BEARER */
    struct {
        const char *url, *form, *username_field, *password_field, *field, *scheme;
    } token;
    char *header; /* "Authorization: ..."; NULL until it is known */
};
DR_CHECK int32_t auth_read(const struct settings *api, struct auth *ret);

/* ---- fetch.c ----------------------------------------------------------------------- */

struct fetcher {
    struct dr_task *t;
    struct http *http;
    struct http_limits limits;
    const char *origin; /* the URL whose host no request leaves */
    const char *headers[34];
    int n_headers; /* given ones; the rest is for Authorization, its end for NULL */
    struct auth auth;
    int64_t retries, wait_ms, longest_wait_ms, total_ms;
    double per_second;
    int64_t began_ms, next_ms; /* monotonic */
    uint64_t random;
    const char *secrets[SECRETS_MAX]; /* never shown */
    int n_secrets;
    int64_t n_requests, n_retried, n_renewed; /* metrics */
};
/* Looks at a body that came with status 200. NULL, or why it will not do; then the
 * request is made again. */
typedef const char *(*fetch_accept)(void *ctx, const struct http_answer *a);

DR_CHECK int32_t fetch_open(const struct settings *api, struct fetcher *ret);
/* GET url, with the body in the file at path. ret_status may be NULL: then any status but 200
 * fails; else 404 gives 0 too. */
DR_CHECK int32_t fetch_get(struct fetcher *f, const char *url, const char *path, fetch_accept accept,
                           void *ctx, long *ret_status);
void fetch_close(struct fetcher *f);
/* auth.c, with the means of fetch.c: sets f->auth.header. */
DR_CHECK int32_t auth_renew(struct fetcher *f);
DR_CHECK int32_t fetch_token(struct fetcher *f, const char *url, const char *body, const char *type,
                             fetch_accept accept, void *ctx);
void fetch_keep_secret(struct fetcher *f, const char *secret);
/* dr_task_fail and dr_task_fail_final of a text without secrets. */
int32_t fetch_fail(struct fetcher *f, bool final, const char *fmt, ...) DR_PRINTF(3, 4);

/* ---- answer.c ----------------------------------------------------------------------- */

/* Where things stand in a page: SQLite JSON paths, made by json_path; NULL: nowhere. */
struct answer_paths {
    const char *records, *count, *next;
};
/* What a page said. */
struct page {
    int64_t rows;
    int64_t count; /* -1: not said */
    int64_t bytes; /* of its rows file */
    uint64_t hash; /* of its rows file */
    char *next;    /* owned: the next link or cursor; NULL: none */
    char problem[300];
};
/* "a.b" as a JSON path. */
DR_CHECK int32_t json_path(const struct settings *s, const char *key, const char *dotted, const char **ret);
/* Read the JSON of `from`, write its records to the file `to`, one a line. NULL, or why the page will
 * not do (in ret->problem). */
const char *answer_split(const char *from, const char *to, const struct answer_paths *paths,
                         struct page *ret);
/* The text at a path of a JSON text; NULL where it is not there. Caller frees. */
char *answer_text(const char *json, const char *path);

/* ---- progress.c ----------------------------------------------------------------------- */

/* The pages of an attempt that are safe on disk, in a folder that outlives it. */
struct progress {
    struct dr_task *t;
    const char *folder; /* STATE/api */
    int fd;             /* the list of pages */
    int64_t n_pages;
    struct kept_page {
        char *url, *next; /* next: "" where the list ended there */
        int64_t rows, count, bytes;
        uint64_t hash;
    } * pages; /* owned */
};
/* Take up what an earlier attempt with the same settings (told by the fingerprint) left, where its last page
 * is not older than that, or begin anew. */
DR_CHECK int32_t progress_open(struct dr_task *t, const char *fingerprint, int64_t oldest_ms,
                               struct progress *ret);
char *progress_rows_path(const struct progress *p, int64_t page);
/* The rows file of page p->n_pages is complete: keep it. */
DR_CHECK int32_t progress_add(struct progress *p, const char *url, const struct page *page);
/* Nothing of it can be trusted, or is needed: the next attempt begins anew. */
void progress_forget(struct progress *p);
uint64_t hash_bytes(uint64_t hash, const void *p, size_t n); /* FNV-1a; begin with HASH_BASIS */
#define HASH_BASIS UINT64_C(0xcbf29ce484222325)

/* ---- the sources -------------------------------------------------------------------------- */

enum { CHILDREN_MAX = 16 };

/* What a source gives: a table, those of the arrays in its records, and what is to be held against it. */
struct extracted {
    struct dr_table *children[CHILDREN_MAX]; /* owned */
    const char *child_names[CHILDREN_MAX];
    int32_t child_keys[CHILDREN_MAX]; /* their first columns are so many of the record's, then the position */
    int32_t n_children;
    struct dr_table *table;    /* owned */
    const struct dr_node *key; /* LIST: columns that identify a record; NULL: none */
    const char *conflicts;     /* of records with one key that differ: fail, keep, first, last */
    bool may_differ;           /* from the declared number: that is a warning */
    int64_t declared;          /* rows, as the source says; -1: it does not */
    const char *counted_by;    /* who says so, for messages */
    bool has_columns;          /* the declared ones already */
    bool decimals_wait;        /* as text: their scale is that of the values of all files */
    const char *rest;          /* the column beside them with what else the records have, or NULL */
    struct progress *progress; /* forgotten where the rows do not fit the count; NULL: none */
};
DR_CHECK int32_t extract_api(struct dr_task *t, struct extracted *ret);
DR_CHECK int32_t extract_folder(struct dr_task *t, struct extracted *ret);

/* The task `ledger` writes this table; tasks/ledger.c has the same text. */
#define LEDGER_SCHEMA                                                                                        \
    "CREATE TABLE IF NOT EXISTS file_ledger (ledger TEXT NOT NULL, hash TEXT NOT NULL, bytes INTEGER NOT "   \
    "NULL, file TEXT NOT NULL, run_id TEXT NOT NULL, done_at TEXT NOT NULL, PRIMARY KEY (ledger, hash, "     \
    "bytes)) STRICT"

/* files.c: one file in one of the formats. What is wrong with the file is in err; with a
 * setting, the task has failed and err is empty. */
#define FORMATS "csv, json, jsonl, xml"
bool is_format(const char *name);
DR_CHECK int32_t read_format(struct dr_task *t, const char *format, const char *path, struct extracted *ret,
                             struct dr_err *err);
/* "NAME:2:7: what is wrong": readers name the whole path. */
char *file_problem(const char *name, const char *path, const struct dr_err *err);
/* layout: enum dr_json_layout. */
DR_CHECK int32_t read_json(struct dr_task *t, const char *path, uint8_t layout, struct extracted *ret,
                           struct dr_err *err);
/* What is wrong with the settings of JSON, before a run; see the plugin's check. */
DR_CHECK int32_t check_json(struct dr_task *t, const char **ret_rest);
DR_CHECK int32_t read_xml(struct dr_task *t, const char *path, struct dr_table **ret, struct dr_err *err);
/* As check_json. */
DR_CHECK int32_t check_xml(struct dr_task *t);
/* What a file without rows gives: the columns. */
DR_CHECK int32_t no_xml(struct dr_task *t, struct dr_table **ret);

/* rows.c: the declared columns in their types, errors as above; and, of the whole, rows that came
 * twice, and the count. */
/* The type that a DAG names; the columns of a table, ", " between (caller frees). */
DR_CHECK int32_t rows_type(struct dr_task *t, const struct dr_node *n, int32_t *ret);
char *rows_names(const struct dr_table *table);
DR_CHECK int32_t declare_columns(struct dr_task *t, struct extracted *x, struct dr_err *err);
/* Those that waited. */
DR_CHECK int32_t declare_decimals(struct dr_task *t, struct extracted *x, struct dr_err *err);
DR_CHECK int32_t rows_finish(struct dr_task *t, struct extracted *x);
#endif
