/* home.h - a dagrun home: the folder with dags/, expectations/, tasks/, data/,
 * reports/ and var/. Layer: model. */
#ifndef DR_HOME_H
#define DR_HOME_H
#include "model/diag.h"

struct dr_home {
    const char *path;                                        /* absolute, in arena */
    const char *dags, *expectations, *tasks, *reports, *var; /* absolute */
    const char *db;                                          /* var/dagrun.db */
    const char *warehouse;                                   /* var/warehouse.db */
    const char *plugin_dirs[4]; /* where NAME.so is looked for, in order: the home's
                                   build/tasks, then the installed ones; NULL ends */
};
/* `given` (--home) or DAGRUN_HOME or the nearest parent of the working folder
 * that has dags/; DR_ENOTFOUND says what was tried and how to make one. */
int32_t dr_home_find(struct dr_arena *a, const char *given, struct dr_home *ret, struct dr_err *err);
/* path made relative to the home where it lies in it: for messages. */
const char *dr_home_show(struct dr_arena *a, const struct dr_home *h, const char *path);
/* The .so behind a plugin name, absolute; DR_ENOTFOUND names the folders. */
int32_t dr_home_plugin(struct dr_arena *a, const struct dr_home *h, const char *name, const char **ret,
                       struct dr_err *err);
/* Names (without .so) of all plugins found, sorted, each once. */
int32_t dr_home_plugins(struct dr_arena *a, const struct dr_home *h, char ***ret, size_t *ret_n,
                        struct dr_err *err);
/* Ids of dags/NAME.yaml|yml and expectations/NAME.yaml|yml, sorted. */
int32_t dr_home_dags(struct dr_arena *a, const struct dr_home *h, char ***ret, size_t *ret_n,
                     struct dr_err *err);
int32_t dr_home_suites(struct dr_arena *a, const struct dr_home *h, char ***ret, size_t *ret_n,
                       struct dr_err *err);
#endif
