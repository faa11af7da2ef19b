/* fuzz_yaml.c - any bytes as YAML, as a DAG file and as an expectation suite.
 *
 * Beyond not crashing: what is read is written and read again equal, a refusal
 * always says why, and an accepted DAG's order respects its edges. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/json.h"
#include "model/dag.h"
#include "model/suite.h"
#include "model/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_yaml: %s\n", what);
    abort();
}

/* A home in a temporary folder, made at the first input and removed at exit. */
static char home_dir[64];

static void remove_home(void)
{
    dr_remove_tree(home_dir, NULL);
}

static void make_home(struct dr_arena *a)
{
    if (home_dir[0])
        return;
    snprintf(home_dir, sizeof(home_dir), "%s",
             access("/dev/shm", W_OK) ? "/tmp/fuzz-yaml-XXXXXX" : "/dev/shm/fuzz-yaml-XXXXXX");
    require(mkdtemp(home_dir) && !dr_mkdirs(dr_path_join(a, home_dir, "dags"), NULL), "no temporary folder");
    atexit(remove_home);
}

static void check_round_trip(struct dr_arena *a, const struct dr_node *n)
{
    struct dr_diags d = { .arena = a };
    DR_AUTO_BUF text = { .max = 64 << 20 };
    dr_yaml_put_node(&text, n, 0);
    if (!dr_buf_ok(&text) || text.n > DR_YAML_MAX_BYTES)
        return;
    const struct dr_node *back = dr_yaml_parse(a, dr_buf_str(&text), "again.yaml", &d);
    require(back && dr_node_equal(n, back), "written YAML does not read back equal");
}

static void check_order(const struct dr_dag *dag)
{
    int32_t *place = dr_calloc((size_t)dag->n_tasks + 1, sizeof(*place));
    for (int32_t i = 0; i < dag->n_tasks; i++)
        place[dag->topo[i]] = i;
    for (int32_t i = 0; i < dag->n_tasks; i++)
        for (int32_t k = 0; k < dag->tasks[i].n_upstream; k++)
            require(place[dag->tasks[i].upstream[k]] < place[i], "a task stands before its upstream");
    free(place);
}

static void try_dag(struct dr_arena *a, struct dr_str text)
{
    struct dr_diags d = { .arena = a };
    struct dr_home home;
    make_home(a);
    require(!dr_home_find(a, home_dir, &home, NULL), "the home is lost");
    require(!dr_write_file(dr_path_join(a, home.dags, "etl.yaml"), text, NULL), "cannot write the DAG");
    const struct dr_dag *dag = dr_dag_load(a, &home, "etl", NULL, &d);
    require((dag == NULL) == (d.errors > 0), "a DAG is refused without a reason, or taken with an error");
    if (!dag)
        return;
    struct dr_node *params;
    struct dr_err err = { 0 };
    int64_t next;
    check_order(dag);
    if (dag->has_schedule)
        require(dr_cron_next(&dag->schedule, dag->zone, 0, &next), "an accepted schedule never fires");
    if (dr_dag_params(a, dag, NULL, &params, &err))
        require(err.msg[0] != '\0', "an error without a message");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dr_arena a = { 0 };
    struct dr_diags d = { .arena = &a };
    DR_AUTO_BUF out = { 0 };
    struct dr_str text = { (const char *)data, size };
    const struct dr_node *root = dr_yaml_parse(&a, text, "fuzz.yaml", &d);
    require((root == NULL) == (d.errors > 0), "a text is refused without a reason, or taken with an error");
    if (root) {
        check_round_trip(&a, root);
        dr_suite_from_node(&a, root, NULL, &d);
        try_dag(&a, text);
    }
    dr_diags_put_text(&d, &out);
    dr_diags_put_json(&d, &out);
    dr_arena_done(&a);
    return 0;
}
