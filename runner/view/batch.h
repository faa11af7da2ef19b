/* batch.h - one file of FHIR resources as the rows of a set of views, ready to be
 * stored. Layer: view. */
#ifndef DR_VIEW_BATCH_H
#define DR_VIEW_BATCH_H
#include "view/run.h"
#include "view/view_set.h"

struct dr_batch_resource {
    struct dr_str type, key, last_updated; /* copies; last_updated empty where there is none */
    struct dr_str problem;                 /* why it is set aside, and has no rows; empty: it is not */
    uint64_t hash;                         /* of its text */
    int64_t entry;                         /* place in the file, from 0 */
    size_t first_row, n_rows;
};
struct dr_batch_row {
    int32_t table; /* of the set */
    size_t first_cell;
};
struct dr_batch_cell {
    enum dr_cell_kind kind;
    bool truth;
    uint32_t n;
    size_t at; /* of its text in .bytes */
};
/* Reused from file to file. */
struct dr_batch {
    const char *path, *name; /* borrowed; messages say the name */
    char hash[DR_HASH_HEX];  /* of the file */
    uint64_t size;
    bool unchanged;    /* its hash is the one that was known: nothing was read */
    struct dr_err err; /* why the file as a whole cannot be used; rc 0: it can */
    struct dr_batch_resource *resources;
    struct dr_batch_row *rows;
    struct dr_batch_cell *cells;
    size_t n, n_rows, n_cells; /* used */
    size_t cap, cap_rows, cap_cells;
    struct dr_buf text;    /* the file */
    struct dr_buf bytes;   /* texts of cells */
    struct dr_arena arena; /* texts of resources */
    struct dr_json_doc *doc;
    struct dr_bundle *bundle;
    struct dr_view_runner *runner;
};
void dr_batch_init(struct dr_batch *b);
void dr_batch_done(struct dr_batch *b);
/* Read the file and run every view over every resource of its type. known is the hash it had
 * when it was last read, or NULL. Never fails as such: what is wrong with the file is in
 * .err, what is wrong with a resource in its .problem. */
void dr_batch_read(struct dr_batch *b, const struct dr_view_set *set, const char *path, const char *name,
                   const char *known);
/* Read and parse the file alone, for whoever goes over .bundle himself. */
int32_t dr_batch_open(struct dr_batch *b, const char *path, struct dr_err *err);
static inline struct dr_str dr_batch_text(const struct dr_batch *b, const struct dr_batch_cell *c)
{
    return (struct dr_str){ dr_buf_cstr(&b->bytes) + c->at, c->n };
}
#define DR_FHIR_FILE_MAX ((size_t)1 << 30)
#endif
