/* node.h - a tree of values read from YAML or JSON, each with the place it was
 * written at. Layer: base. The accessors are public (dagrun/task.h).
 *
 * A tree lives in one arena and is read-only once built. */
#ifndef DR_NODE_H
#define DR_NODE_H
#include <dagrun/task.h>
#include "base/str.h"

struct dr_mark {
    const char *file;     /* NULL: none */
    int32_t line, column; /* from 1; 0: unknown */
};
struct dr_node {
    int32_t kind; /* enum dr_node_kind */
    bool quoted;  /* a scalar that was written in quotes or as a block */
    struct dr_mark mark;
    struct dr_str text;        /* scalars: as written, NUL-terminated (INT and FLOAT keep
                                  their digits); strings: the bytes */
    int64_t i;                 /* BOOL, INT */
    double f;                  /* INT, FLOAT */
    int32_t n;                 /* LIST, MAP */
    struct dr_node **items;    /* values */
    struct dr_str *keys;       /* MAP; NUL-terminated */
    struct dr_mark *key_marks; /* MAP */
};
struct dr_node *dr_node_new(struct dr_arena *a, int32_t kind);
struct dr_node *dr_node_new_str(struct dr_arena *a, struct dr_str s);
struct dr_node *dr_node_new_int(struct dr_arena *a, int64_t v);
struct dr_node *dr_node_new_float(struct dr_arena *a, double v);
struct dr_node *dr_node_new_bool(struct dr_arena *a, bool v);
void dr_node_add(struct dr_arena *a, struct dr_node *list, struct dr_node *item);
void dr_node_set(struct dr_arena *a, struct dr_node *map, struct dr_str key,
                 struct dr_node *value); /* replaces */
/* The index of key in a map, or -1. */
int32_t dr_node_index(const struct dr_node *map, const char *key);
bool dr_node_equal(const struct dr_node *a, const struct dr_node *b); /* 1 equals 1.0; map order is free */
#endif
