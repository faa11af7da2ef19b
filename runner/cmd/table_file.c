/* Any file as a table, for the verbs that need no DAG, and the threads to work on it. */
#include "cmd/table_file.h"
#include <sys/stat.h>
#include <unistd.h>
#include "base/num.h"
#include "data/pool.h"

static bool has_sensitive(const struct dr_suite *suite)
{
    for (int32_t i = 0; suite && i < suite->n_columns; i++)
        if (suite->columns[i].sensitive)
            return true;
    return false;
}

int dr_cmd_read_table(struct dr_cmd *c, const char *path, const struct dr_suite *suite, struct dr_table **ret,
                      struct dr_table **ret_rejects)
{
    struct dr_err err = { 0 };
    struct dr_str name = dr_str_of(path);
    int32_t rc;
    if (dr_str_ends(name, DR_LIT(".arrow")) || dr_str_ends(name, DR_LIT(".feather"))) {
        rc = dr_table_read_arrow(path, ret, &err);
    } else {
        DR_AUTO_BUF nulls = { 0 };
        for (int32_t i = 0; suite && i < suite->n_null_values; i++)
            (void)dr_buf_printf(&nulls, "%s%s", i ? "\n" : "", suite->null_values[i]);
        bool tab = dr_str_ends(name, DR_LIT(".tsv"));
        struct dr_csv_options csv = { .size = sizeof csv,
                                      .delimiter = (uint8_t)(c->args.delimiter ? c->args.delimiter[0]
                                                             : tab             ? '\t'
                                                                               : ','),
                                      .forgiving = !c->args.no_forgiving,
                                      .encoding = c->args.encoding,
                                      .line_column = "_line",
                                      .hide_text = has_sensitive(suite),
                                      .null_values = nulls.n ? dr_buf_cstr(&nulls) : NULL };
        rc = dr_table_read_csv(path, &csv, ret, ret_rejects, &err);
    }
    return rc ? dr_cmd_fail(&err) : 0;
}

#define SMALL_FILE (1 << 20) /* starting threads takes longer than they would save */

/* As many threads as asked for, by option or DAGRUN_THREADS, or as there are processors. */
int dr_cmd_start_threads(struct dr_cmd *c, const char *path)
{
    struct stat st;
    const char *named = getenv("DAGRUN_THREADS");
    int64_t threads = c->args.threads;
    if (!threads && named && (!dr_parse_i64(dr_str_of(named), &threads) || threads < 1))
        return dr_cmd_usage("DAGRUN_THREADS: '%s' is not a number of threads", named);
    if (!threads)
        threads = sysconf(_SC_NPROCESSORS_ONLN);
    bool small = stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < SMALL_FILE;
    if (threads > 1 && !small)
        dr_pool_init((int32_t)threads);
    return 0;
}
