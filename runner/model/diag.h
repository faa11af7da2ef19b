/* diag.h - what is wrong with a definition, all of it, each with its place.
 * Layer: model. */
#ifndef DR_DIAG_H
#define DR_DIAG_H
#include "base/node.h"

enum dr_diag_level { DR_DIAG_ERROR, DR_DIAG_WARNING };
struct dr_diag {
    enum dr_diag_level level;
    struct dr_mark mark;
    const char *message; /* what is wrong, what was expected */
    const char *hint;    /* what to do, "did you mean 'x'?"; or NULL */
};
/* Collects in an arena; at most DR_DIAG_MAX, further ones are counted. */
#define DR_DIAG_MAX 200
struct dr_diags {
    struct dr_arena *arena; /* borrowed */
    struct dr_diag *items;
    int32_t n, cap, errors, warnings, dropped;
};
void dr_diag_add(struct dr_diags *d, enum dr_diag_level level, struct dr_mark mark, const char *hint,
                 const char *fmt, ...) DR_PRINTF(5, 6);
/* "did you mean 'x'?" in the arena, or NULL where nothing is near. */
const char *dr_diag_nearest(struct dr_diags *d, const char *word, const char *const *candidates, size_t n);
/* "dags/x.yaml:12:7: error: ...\n  hint\n" for each, in order of place. */
void dr_diags_put_text(const struct dr_diags *d, struct dr_buf *out);
/* A JSON array of {level, file, line, column, message, hint}. */
void dr_diags_put_json(const struct dr_diags *d, struct dr_buf *out);
/* The first error as a struct dr_err with DR_EDEF ("...; and 3 more"). */
int32_t dr_diags_fail(const struct dr_diags *d, struct dr_err *err);
#endif
