/* dagrun check: everything that is wrong with the definitions of a home. */
#include "cmd/cmd.h"
#include "exec/task_plan.h"
#include "expect/expect.h"
#include "model/connection.h"
#include "model/suite.h"
#include "model/yaml.h"

struct checking {
    struct dr_cmd *c;
    struct dr_plugins *plugins;
    struct dr_diags all;
    int dags, suites;
};

static int32_t check_dag(struct checking *k, const char *dag_id, struct dr_err *err)
{
    struct dr_spec_source source = dr_plugins_source(k->plugins);
    const struct dr_dag *dag = dr_dag_load(&k->c->arena, &k->c->home, dag_id, &source, &k->all);
    k->dags++;
    if (dag && dr_task_plan_check(&k->c->home, dag, &k->all, err))
        return err->rc;
    if (dag && k->c->args.n_words)
        dr_cmd_check_suites(k->c, dag, &k->all);
    return DR_OK;
}

static int32_t check_everything(struct checking *k, struct dr_err *err)
{
    struct dr_cmd *c = k->c;
    char **ids = NULL;
    size_t n = 0;
    dr_connections_check(&c->arena, &c->home, &k->all);
    DR_TRY(dr_home_dags(&c->arena, &c->home, &ids, &n, err));
    for (size_t i = 0; i < n; i++)
        DR_TRY(check_dag(k, ids[i], err));
    DR_TRY(dr_home_suites(&c->arena, &c->home, &ids, &n, err));
    for (size_t i = 0; i < n; i++) {
        dr_cmd_check_suite(c, ids[i], &k->all);
        k->suites++;
    }
    return DR_OK;
}

static int32_t check_named(struct checking *k, struct dr_err *err)
{
    struct dr_cmd *c = k->c;
    char **ids = NULL;
    size_t n = 0;
    DR_TRY(dr_home_dags(&c->arena, &c->home, &ids, &n, err));
    for (int w = 0; w < c->args.n_words; w++) {
        bool found = false;
        for (size_t i = 0; i < n; i++)
            found |= dr_streq(ids[i], c->args.words[w]);
        if (!found) {
            const char *near = dr_nearest(c->args.words[w], (const char *const *)ids, n);
            return dr_fail(err, DR_ENOTFOUND, "there is no DAG '%s'%s%s%s", c->args.words[w],
                           near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        }
        DR_TRY(check_dag(k, c->args.words[w], err));
    }
    return DR_OK;
}

int dr_verb_check(struct dr_cmd *c)
{
    struct checking k = { .c = c, .all = { .arena = &c->arena } };
    struct dr_err err = { 0 };
    if (dr_plugins_load(&c->arena, &c->home, NULL, 0, &k.plugins, &err))
        return dr_cmd_fail(&err);
    if (c->args.n_words ? check_named(&k, &err) : check_everything(&k, &err))
        return dr_cmd_fail(&err);
    if (k.all.n || c->args.json)
        dr_cmd_diags(c, &k.all);
    if (!c->args.json && !k.all.errors)
        printf("%d DAG%s and %d suite%s are right%s\n", k.dags, k.dags == 1 ? "" : "s", k.suites,
               k.suites == 1 ? "" : "s", k.all.warnings ? ", with warnings" : "");
    return k.all.errors ? DR_EXIT_DEFINITION : DR_EXIT_OK;
}
