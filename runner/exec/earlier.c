/* earlier.c - see earlier.h. The file:
 *
 *     {"run": "...", "results": {"id": {...}}, "before": {"run": "...", "results": {...}}} */
#include "exec/earlier.h"
#include "base/file.h"
#include "base/json.h"

#define FILE_MAX_BYTES ((size_t)64 << 20)

static const struct dr_node *read_file(struct dr_arena *a, const char *path)
{
    struct dr_str text;
    struct dr_node *root;
    if (!dr_path_exists(path) || dr_read_file(a, path, FILE_MAX_BYTES, &text, NULL) ||
        dr_json_parse(a, text, path, false, &root, NULL))
        return NULL;
    return root;
}

/* Of the file, the part that another run than run_id wrote. */
static const struct dr_node *of_other_run(const struct dr_node *root, const char *run_id)
{
    if (!root || !dr_streq(dr_node_str(dr_node_get(root, "run"), ""), run_id))
        return root;
    return dr_node_get(root, "before");
}

const struct dr_node *dr_earlier_load(struct dr_arena *a, const char *path, const char *run_id)
{
    return dr_node_get(of_other_run(read_file(a, path), run_id), "results");
}

/* What a check found, or, where it could not be evaluated, what it had found before. */
static const struct dr_node *found_by(const struct dr_check *c, const struct dr_node *before)
{
    bool nothing = c->exception && dr_node_size(c->result) == 0;
    return nothing ? dr_node_get(before, c->expectation->id) : c->result;
}

static void put_results(struct dr_json *j, const struct dr_results *r, const struct dr_node *before)
{
    dr_json_key(j, "results");
    dr_json_object(j);
    for (int32_t k = 0; k < r->n; k++) {
        const struct dr_check *c = &r->checks[k];
        const struct dr_node *found = found_by(c, before);
        if (!found || !dr_expect_uses_history(c->expectation->type))
            continue;
        dr_json_key(j, c->expectation->id);
        dr_json_node(j, found);
    }
    dr_json_end_object(j);
}

int32_t dr_earlier_save(const char *path, const char *run_id, const struct dr_results *r, struct dr_err *err)
{
    DR_AUTO_ARENA a = { 0 };
    DR_AUTO_BUF text = { 0 };
    struct dr_json j = { .out = &text };
    const struct dr_node *before = of_other_run(read_file(&a, path), run_id);
    char *folder = dr_arena_strdup(&a, path);
    *strrchr(folder, '/') = 0;
    dr_json_object(&j);
    dr_json_key(&j, "run");
    dr_json_cstr(&j, run_id);
    put_results(&j, r, dr_node_get(before, "results"));
    if (before) {
        dr_json_key(&j, "before");
        dr_json_object(&j);
        dr_json_key(&j, "run");
        dr_json_cstr(&j, dr_node_str(dr_node_get(before, "run"), ""));
        dr_json_key(&j, "results");
        dr_json_node(&j, dr_node_get(before, "results"));
        dr_json_end_object(&j);
    }
    dr_json_end_object(&j);
    DR_TRY(dr_mkdirs(folder, err));
    return dr_write_file(path, dr_buf_str(&text), err);
}
