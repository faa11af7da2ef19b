/* table.c - a CSV read whole: as often as its types need.
 *
 * What the first rows say about a column may be wrong for the rest: a scale, an
 * offset, an inferred type. The reader then knows better at its end, and a file
 * is read again. Each time something is known for good (a scale only grows, an
 * inferred type only widens), so it ends after a few times; a pipe is read once,
 * and keeps what did not fit as refused. */
#include "csv/options.h"
#include "csv/reader.h"

enum { MOST_READS = 4 };

static int32_t read_once(const struct dr_csv_source *s, const struct dr_csv_options *opts,
                         const struct dr_csv_tuning *tuning, struct dr_csv_types *types,
                         struct dr_rejects *rejects, struct dr_table **ret, bool *ret_final,
                         struct dr_err *err)
{
    struct dr_input in;
    struct dr_reader *r;
    DR_TRY(s->open(s, &in, err));
    bool once = !in.repeatable;
    DR_TRY(dr_csv_open_input(&in, opts, tuning, types, rejects, &r, err));
    DR_TRY(dr_reader_collect(r, ret, err));
    dr_csv_types_learn_late(types, *ret);
    *ret_final = once || !types->again;
    return DR_OK;
}

static int32_t read_until_final(const struct dr_csv_source *s, const struct dr_csv_options *opts,
                                const struct dr_csv_tuning *tuning, struct dr_csv_types *types,
                                struct dr_table **ret, struct dr_table **ret_rejects, struct dr_err *err)
{
    bool final = false;
    *ret = *ret_rejects = NULL;
    for (int i = 0; i < MOST_READS && !final; i++) {
        struct dr_rejects rejects = { 0 };
        dr_table_unref(*ret);
        dr_table_unref(*ret_rejects);
        *ret = *ret_rejects = NULL;
        int32_t rc = read_once(s, opts, tuning, types, &rejects, ret, &final, err);
        int32_t aside_rc = dr_rejects_finish(&rejects, ret_rejects, rc ? NULL : err);
        if (rc || aside_rc)
            return rc ? rc : aside_rc;
    }
    return DR_OK;
}

int32_t dr_csv_read_source(const struct dr_csv_source *s, const struct dr_csv_options *opts,
                           const struct dr_csv_tuning *tuning, struct dr_table **ret,
                           struct dr_table **ret_rejects, struct dr_err *err)
{
    struct dr_csv_options copy;
    struct dr_csv_types types = { 0 };
    struct dr_table *t, *aside, *report = NULL;
    dr_csv_options_copy(opts, &copy);
    int32_t rc = read_until_final(s, &copy, tuning, &types, &t, &aside, err);
    if (!rc && copy.ret_types)
        rc = dr_csv_types_report(&types, t, copy.hide_text, &report, err);
    dr_csv_types_done(&types);
    if (!rc) {
        *ret = dr_table_ref(t);
        if (ret_rejects)
            *ret_rejects = dr_table_ref(aside);
        if (copy.ret_types)
            *copy.ret_types = report;
    }
    dr_table_unref(t);
    dr_table_unref(aside);
    return rc;
}

static int32_t open_path(const struct dr_csv_source *s, struct dr_input *ret, struct dr_err *err)
{
    return dr_input_open(ret, s->path, s->encoding, err);
}

int32_t dr_table_read_csv(const char *path, const struct dr_csv_options *opts, struct dr_table **ret,
                          struct dr_table **ret_rejects, struct dr_err *err)
{
    struct dr_csv_options copy;
    struct dr_csv_tuning tuning = dr_csv_tuning_default();
    dr_csv_options_copy(opts, &copy);
    struct dr_csv_source source = { .open = open_path, .path = path, .encoding = copy.encoding };
    return dr_csv_read_source(&source, &copy, &tuning, ret, ret_rejects, err);
}
