/* task_fhir.c - loading FHIR files, in the worker: the views of the home, the store, the
 * account of resources. The work itself is the view layer's. */
#include "exec/task_impl.h"
#include "base/date.h"
#include "base/file.h"
#include "view/ingest.h"
#include <dagrun/task.h>

enum { SCRIPT_MAX = 16 << 20 };

/* A load as it goes on. */
struct loading {
    struct dr_task *t;
    size_t n;
};

static bool progress(void *ctx, size_t done, const char *name, const char *problem)
{
    struct loading *l = ctx;
    (void)name; /* the problem begins with it */
    if (problem)
        dr_task_log(l->t, DR_ERROR, "set aside: %s", problem);
    dr_task_progress(l->t, (int64_t)done, (int64_t)l->n);
    return !dr_task_cancelled(l->t);
}

static const char *from_home(struct dr_task *t, const char *path)
{
    return dr_path_join(&t->arena, t->job->home->path, path);
}

static int32_t load_views(struct dr_task *t, const char *folder, const struct dr_view_set **ret)
{
    struct dr_diags diags = { .arena = &t->arena };
    DR_AUTO_BUF text = { 0 };
    *ret = dr_view_set_load(&t->arena, from_home(t, folder), folder, &diags);
    if (*ret)
        return DR_OK;
    dr_diags_put_text(&diags, &text);
    dr_task_log(t, DR_ERROR, "%s", dr_buf_cstr(&text));
    return dr_diags_fail(&diags, &t->err);
}

/* A type's resources are raw; those loaded or the same as before are clean, those in an older
 * version than another are duplicates. */
static void account(struct dr_task *t, const struct dr_fhir_counts *counts, struct dr_fhir_load *load)
{
    for (int32_t i = 0; i < counts->n; i++) {
        const struct dr_fhir_count *c = &counts->types[i];
        dr_task_account(t, "fhir", c->type, "raw", c->resources);
        dr_task_account(t, "fhir", c->type, "clean", c->loaded + c->unchanged);
        dr_task_account(t, "fhir", c->type, "quarantined", c->quarantined);
        dr_task_account(t, "fhir", c->type, "duplicates", c->superseded);
        load->quarantined += c->quarantined;
    }
}

static int32_t run_scripts(struct dr_task *t, struct dr_fhir_store *store, const struct dr_fhir_load *load)
{
    for (int32_t i = 0; i < load->n_scripts; i++) {
        struct dr_str sql;
        DR_TRY(dr_read_file(&t->arena, from_home(t, load->scripts[i]), SCRIPT_MAX, &sql, &t->err));
        if (dr_fhir_store_script(store, sql.p, &t->err))
            return dr_err_prefix(&t->err, "%s", load->scripts[i]);
    }
    return DR_OK;
}

static int32_t load_files(struct dr_task *t, const struct dr_view_set *set, struct dr_fhir_store *store,
                          struct dr_fhir_load *load)
{
    struct loading loading = { t, (size_t)load->n_files };
    const char **paths = dr_arena_array(&t->arena, (size_t)load->n_files, sizeof *paths);
    struct dr_fhir_result *result = DR_NEW(&t->arena, struct dr_fhir_result);
    for (int32_t i = 0; i < load->n_files; i++)
        paths[i] = from_home(t, load->files[i]);
    struct dr_fhir_job job = { .set = set,
                               .store = store,
                               .paths = paths,
                               .names = load->files,
                               .n = loading.n,
                               .progress = progress,
                               .ctx = &loading };
    DR_TRY(dr_fhir_ingest(&job, result, &t->err));
    load->files_read = result->files_read;
    load->files_unchanged = result->files_unchanged;
    load->files_refused = result->files_refused;
    load->bytes = result->bytes;
    account(t, &result->counts, load);
    DR_TRY(run_scripts(t, store, load));
    DR_TRY(dr_fhir_summary(result, &load->summary, &t->err));
    return dr_fhir_store_quarantine(store, &load->quarantine, &t->err);
}

int32_t dr_task_load_fhir(struct dr_task *t, struct dr_fhir_load *load)
{
    const struct dr_view_set *set;
    struct dr_fhir_store *store;
    char now[DR_TIME_TEXT];
    if (load->size != sizeof *load)
        return dr_fail(&t->err, DR_EPLUGIN, "struct dr_fhir_load has %zu bytes here, not %u", sizeof *load,
                       load->size);
    load->quarantined = 0;
    DR_TRY(load_views(t, load->views, &set));
    (void)dr_format_timestamp(dr_now_us(), true, now);
    DR_TRY(dr_fhir_store_open(from_home(t, load->database), set, load->rebuild != 0, now, &store, &t->err));
    int32_t rc = load_files(t, set, store, load);
    dr_fhir_store_close(store);
    return rc;
}
