/* plan.h - which values of a record go into which columns of which tables:
 * declared by options or found from the data. Layer: json.
 *
 * Table 0 holds the records; the others, in the options' order, the items of an
 * array in each record. A plan is read-only once made, so threads share it. */
#ifndef DR_JSON_PLAN_H
#define DR_JSON_PLAN_H
#include "base/hash.h"

#define DR_JSON_MAX_RECORD ((int64_t)64 << 20)
#define DR_JSON_RECORD_LIMIT ((int64_t)255 << 20) /* a cell's length has 28 bits */
#define DR_JSON_INFER ((int64_t)4 << 20)
enum {
    DR_JSON_MEMBERS_MAX = 16384, /* found from the data */
    DR_JSON_FEW_MEMBERS = 32     /* of an object that are looked at one after the other; more have a map */
};
enum { DR_JSON_UNDECIDED = -1 }; /* the type of a column before its values were seen */

/* A column: what its cells become. */
struct dr_json_field {
    const char *name, *path; /* in the plan's arena */
    int32_t type;            /* enum dr_type */
    int32_t scale;
    uint8_t zone; /* TIMESTAMP: enum dr_json_zone where it is known already */
    bool mixed;   /* json, and only scalars */
    bool json;    /* texts are JSON as written: numbers and strings mixed, arrays, objects */
    bool numbers; /* texts are the digits of numbers as written */
    bool found;   /* from the data, hence to be looked at again where a value does not fit */
    const char *reason;
};
/* A place in a record. */
struct dr_json_node {
    struct dr_str key;    /* the member's name; of items of arrays: empty */
    struct dr_str quoted; /* the name in quotes as most texts have it, 16 readable bytes */
    int64_t index;        /* of an item of an array */
    int32_t column;       /* -1: none */
    int32_t child;        /* the table whose rows the array's items are; -1: none */
    bool object;          /* found to be an object wherever it occurs */
    struct dr_json_node **members, **items;
    int32_t n_members, n_items;
    struct dr_map numbers; /* owned: of each member, where they are not few */
};
struct dr_json_table_plan {
    const char *name; /* "" of table 0 */
    const char *path;
    const char *position;
    const char *const *keys;
    int32_t n_keys;
    struct dr_json_node *root; /* of a record, or an item */
    struct dr_json_field *fields;
    int32_t n;
    struct dr_map names; /* owned: of its columns */
    bool found;          /* the columns are those of the data: another member is a surprise */
};
struct dr_json_plan {
    struct dr_arena arena;
    struct dr_json_table_plan *tables;
    int32_t n;
    const char **records; /* names that lead to the array of records, NULL-terminated */
    bool undecided;       /* the data has to be looked at before reading */
    bool any_child;
};
/* What the options declare. err names the column. opts is complete (see
 * dr_json_options_copy) and may be dropped afterwards. */
DR_CHECK int32_t dr_json_plan_init(struct dr_json_plan *p, const struct dr_json_options *opts,
                                   struct dr_err *err);
void dr_json_plan_done(struct dr_json_plan *p);
/* The options a caller of whatever age gave, with defaults. opts may be NULL. */
void dr_json_options_copy(const struct dr_json_options *opts, struct dr_json_options *ret);

/* Building: the member or item of a node, made where it is not there. */
struct dr_json_node *dr_json_node_new(struct dr_json_plan *p);
struct dr_json_node *dr_json_node_member(struct dr_json_plan *p, struct dr_json_node *n, struct dr_str key);
/* The number of the member of that name, looked for from `guess` (at most n_members)
 * on; -1: there is none. */
int32_t dr_json_node_find(const struct dr_json_node *n, struct dr_str key, int32_t guess);
/* The item of that index; NULL where no column is asked of it. */
struct dr_json_node *dr_json_node_item(const struct dr_json_node *n, int64_t index);
/* Add a column at a place; -1 and nothing added where one of its name is there. */
int32_t dr_json_plan_add(struct dr_json_plan *p, struct dr_json_table_plan *t, const char *name,
                         const char *path);

/* Find the columns of undecided tables and the types of undecided columns from
 * records, given one after the other; finish decides. */
struct dr_json_finder;
struct dr_json_finder *dr_json_finder_new(struct dr_json_plan *p);
/* A record as dr_json_shapes_look takes it. */
void dr_json_finder_look(struct dr_json_finder *f, const char *text, size_t n, int64_t line);
/* all: there are no records beyond those. Frees f. */
DR_CHECK int32_t dr_json_finder_finish(struct dr_json_finder *f, bool all, struct dr_err *err);
#endif
