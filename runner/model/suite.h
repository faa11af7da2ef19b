/* suite.h - an expectation suite as declared. Lives in the arena given to
 * dr_suite_load; read-only afterwards. The file reference is docs/suites.md.
 * Layer: model. */
#ifndef DR_SUITE_H
#define DR_SUITE_H
#include "model/home.h"

enum dr_severity { DR_SEVERITY_INFO, DR_SEVERITY_WARNING, DR_SEVERITY_CRITICAL };
enum dr_on_failure { DR_ON_FAILURE_RECORD, DR_ON_FAILURE_QUARANTINE, DR_ON_FAILURE_FAIL };
const char *dr_severity_name(enum dr_severity s);
const char *dr_on_failure_name(enum dr_on_failure f);

/* How much may be unexpected: a number of rows, or a share of those that count. */
struct dr_threshold {
    bool given, is_count;
    double value;
};
struct dr_expectation {
    const char *id;                /* stable: given, or made from type, columns and kwargs */
    const char *type;              /* expect_column_values_to_... */
    const struct dr_node *kwargs;  /* MAP: GX's keyword arguments; row_condition,
                                      mostly, result_format stand here too */
    enum dr_severity severity;     /* default warning */
    enum dr_on_failure on_failure; /* default record */
    const char *description;       /* or NULL */
    const char *owner;             /* or NULL */
    const struct dr_node *meta;    /* or NULL */
    /* A failure is of the severity whose threshold is passed; `severity` is then
     * the worst that is given. Expectations about rows only. */
    struct dr_threshold warning, critical;
    struct dr_mark mark;
};
struct dr_suite_column {
    const char *name;
    bool sensitive;     /* masked in every report, log and export */
    int32_t type;       /* enum dr_type that text is read as, or -1 */
    const char *format; /* strptime format of a date or timestamp, or NULL */
    const char *description;
};
struct dr_suite {
    const char *name, *description, *owner;
    const char *const *key; /* columns that name a row; may be empty */
    int32_t n_key;
    struct dr_suite_column *columns;
    int32_t n_columns;
    const char *const *null_values; /* spellings that also mean missing, or NULL */
    int32_t n_null_values;
    struct dr_expectation *expectations; /* in order of the file */
    int32_t n;
    const struct dr_node *evaluation_parameters; /* MAP or NULL: {"$PARAMETER": name} */
    const char *path;
    char hash[40];
};
/* What an expectation type declares, asked of the expect layer: so that the
 * loader can check names, arguments and types with their places. */
struct dr_expectation_source {
    /* Adds diagnostics for one entry; unknown types get the nearest name. */
    void (*check)(void *ctx, const struct dr_expectation *e, struct dr_diags *d);
    void *ctx;
};
/* expectations/NAME.yaml; NULL where d holds errors. source may be NULL. */
struct dr_suite *dr_suite_load(struct dr_arena *a, const struct dr_home *h, const char *name,
                               const struct dr_expectation_source *source, struct dr_diags *d);
/* The same from any file (dagrun expect). */
struct dr_suite *dr_suite_load_file(struct dr_arena *a, const char *path, const char *shown_as,
                                    const struct dr_expectation_source *source, struct dr_diags *d);
/* From a tree (conformance cases). */
struct dr_suite *dr_suite_from_node(struct dr_arena *a, const struct dr_node *root,
                                    const struct dr_expectation_source *source, struct dr_diags *d);
#endif
