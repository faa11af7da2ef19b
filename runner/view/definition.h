/* definition.h - a ViewDefinition (SQL on FHIR v2) as checked: what it selects, from
 * what, under which conditions. Lives in the arena given; read-only afterwards, so that
 * threads may share it. Layer: view. */
#ifndef DR_VIEW_DEFINITION_H
#define DR_VIEW_DEFINITION_H
#include "base/hash.h"
#include "model/diag.h"
#include "view/path.h"

/* One column of the result. */
struct dr_view_column {
    const char *name;
    const char *declared;    /* the declared type, or NULL */
    const char *description; /* or NULL */
    const char *sql_type;    /* of the tag ansi/type, or NULL */
    uint8_t type;            /* of types.h: declared, or what the path tells; 0 unknown */
    bool collection;
};
/* How a column is computed in one select. Branches of a unionAll fill the same columns. */
struct dr_view_field {
    const struct dr_path *path;
    int32_t column; /* of the view */
};
enum dr_view_each { DR_EACH_FOCUS, DR_EACH_FOR, DR_EACH_OR_NULL, DR_EACH_REPEAT };
struct dr_view_select {
    enum dr_view_each each;
    const struct dr_path *const *paths; /* one of forEach, forEachOrNull; all of repeat */
    int32_t n_paths;
    const struct dr_view_field *fields;
    int32_t n_fields;
    const struct dr_view_select *selects; /* crossed with each other */
    int32_t n_selects;
    const struct dr_view_select *unions; /* one after the other, crossed with the selects */
    int32_t n_unions;
    int32_t first, n_columns; /* the columns that it fills, itself and within */
};
struct dr_view {
    const char *name;     /* as its table is called; "" where it has none */
    const char *resource; /* Patient */
    const char *description;
    const struct dr_path *const *where;
    int32_t n_where;
    struct dr_view_select root; /* its selects are the view's */
    struct dr_view_column *columns;
    int32_t n_columns;
    const char *path;       /* of the file, for messages */
    char hash[DR_HASH_HEX]; /* of what it says, however it is written: comments and layout do not count */
};
#define DR_VIEW_COLUMNS_MAX 1000

/* From a tree of YAML or JSON. NULL where d got errors, each with its place, the view, the
 * column and the path. path is the file's name in messages. */
struct dr_view *dr_view_from_node(struct dr_arena *a, const struct dr_node *root, const char *path,
                                  struct dr_diags *d);
/* From a file, .yaml, .yml or .json; a view without a name is called as its file. */
struct dr_view *dr_view_load(struct dr_arena *a, const char *path, const char *shown_as, struct dr_diags *d);
#endif
