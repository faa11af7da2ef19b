/* kinds.c - the plugins of a run, and where the workers of each come from.
 *
 * Loading a plugin is half the cost of a small task. So once some attempts of a plugin
 * have succeeded, and many more are to come, a forker is made that has it loaded. Until
 * that one has a worker to offer, and after it has failed, workers come from the
 * common forker, and where that has failed, from a fork of the runner (attempt.c). */
#include "exec/runner.h"

enum {
    PROVEN_BY = 4, /* successes, before a plugin is loaded in a process that others depend on */
    WORTH_FOR = 16 /* tasks still to start: a forker costs about as much as two */
};

static struct dr_kind *find_or_add(struct dr_runner *r, const struct dr_plugin_spec *spec)
{
    int32_t i = 0;
    while (i < r->n_kinds && r->kinds[i].spec != spec)
        i++;
    if (i == r->n_kinds)
        r->kinds[r->n_kinds++] = (struct dr_kind){ .spec = spec, .forker = { .control = -1 } };
    return &r->kinds[i];
}

void dr_kinds_init(struct dr_runner *r)
{
    r->kinds = dr_arena_array(&r->arena, (size_t)r->dag->n_tasks, sizeof(*r->kinds));
    for (int32_t i = 0; i < r->dag->n_tasks; i++) {
        r->tasks[i].kind = find_or_add(r, r->dag->tasks[i].spec);
        r->tasks[i].kind->to_start++;
    }
}

void dr_kinds_done(struct dr_runner *r)
{
    for (int32_t i = 0; i < r->n_kinds; i++)
        dr_forker_stop(&r->kinds[i].forker);
}

int32_t dr_kinds_take(struct dr_runner *r, int32_t task, struct dr_spare *ret, struct dr_err *err)
{
    struct dr_kind *k = r->tasks[task].kind;
    k->to_start--;
    if (k->forker.control >= 0 && !k->ready)
        k->ready = dr_forker_ready(&k->forker);
    if (k->ready && dr_forker_take(&k->forker, ret, err) == DR_OK)
        return DR_OK;
    k->ready = false;
    return dr_forker_take(&r->forker, ret, err);
}

void dr_kinds_succeeded(struct dr_runner *r, int32_t task)
{
    r->tasks[task].kind->succeeded++;
}

static bool wants_forker(const struct dr_runner *r, const struct dr_kind *k)
{
    return !k->tried && k->succeeded >= PROVEN_BY && k->to_start >= WORTH_FOR && r->forker.owed;
}

void dr_kinds_next(struct dr_runner *r, int32_t started)
{
    struct dr_kind *k = r->tasks[started].kind;
    struct dr_err err;
    if (wants_forker(r, k)) {
        k->tried = true;
        if (dr_forker_start_for(&r->forker, started, &k->forker, &err))
            dr_runner_trace(r, "no forker of its own for plugin %s: %s", k->spec->name, err.msg);
    }
    dr_forker_next(&k->forker);
    dr_forker_next(&r->forker);
}
