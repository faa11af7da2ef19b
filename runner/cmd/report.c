/* dagrun report: write a run's report again. */
#include "report/report.h"
#include "cmd/cmd.h"

int dr_verb_report(struct dr_cmd *c)
{
    struct dr_state *s = NULL;
    struct dr_run_row run;
    struct dr_err err = { 0 };
    const char *path = NULL;
    int rc = dr_cmd_open_state(c, &s);
    if (!rc)
        rc = dr_cmd_find_run(c, s, c->args.words[0], c->args.n_words > 1 ? c->args.words[1] : NULL, &run);
    if (rc)
        return rc;
    if (dr_report_write(s, &c->home, run.dag_id, run.run_id, &c->arena, &path, &err))
        return dr_cmd_fail(&err);
    /* The report comes first: where rows do not add up, it shows where. */
    puts(path);
    if (c->args.reconcile && dr_report_check_rows(s, run.key, &err))
        return dr_cmd_fail(&err);
    return DR_EXIT_OK;
}
