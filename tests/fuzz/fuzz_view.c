/* fuzz_view.c - any bytes as a FHIRPath expression or, where they begin with '{' or 'r', as a
 * ViewDefinition, over one small resource.
 *
 * Beyond not crashing or hanging: a refusal always says why, and evaluating twice gives the
 * same items. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "model/yaml.h"
#include "view/run.h"

#define TEXT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char resource[] = "{\"resourceType\": \"Patient\", \"id\": \"p\", \"active\": true, "
                               "\"birthDate\": \"1970-06\", \"n\": [1, 2.50, -3e2],"
                               " \"name\": [{\"family\": \"a\", \"given\": [\"b\", \"c\"]}, {\"use\": "
                               "\"old\"}], \"valueQuantity\": {\"value\": 1.0},"
                               " \"item\": [{\"item\": [{\"id\": \"x\"}]}], \"r\": {\"reference\": "
                               "\"Patient/1\"}, \"c\": [{\"reference\": \"#x\"}]}"
                               "                                                                ";

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_view: %s\n", what);
    abort();
}

static int32_t count_row(void *ctx, const struct dr_view *v, const struct dr_view_cell *cells,
                         struct dr_err *err)
{
    size_t *bytes = ctx;
    (void)err;
    for (int32_t i = 0; i < v->n_columns; i++)
        *bytes += cells[i].text.n + 1;
    return *bytes > 10000000 ? DR_ECANCEL : DR_OK;
}

static void try_view(struct dr_arena *a, struct dr_str text, struct dr_json_value value)
{
    struct dr_diags diags = { .arena = a };
    struct dr_err err = { 0 };
    size_t bytes = 0;
    struct dr_node *root = dr_yaml_parse(a, text, "fuzz", &diags);
    struct dr_view *v = root ? dr_view_from_node(a, root, "fuzz", &diags) : NULL;
    require(v || diags.errors, "a view is refused without a word");
    if (!v)
        return;
    struct dr_view_runner *r = dr_view_runner_new();
    int32_t rc = dr_view_run(r, v, value, DR_LIT("p"), NULL, count_row, &bytes, &err);
    require(!rc || rc == DR_ECANCEL || err.msg[0], "a run fails without a word");
    dr_view_runner_free(r);
}

static void try_path(struct dr_arena *a, struct dr_str text, struct dr_json_value value)
{
    struct dr_path_names names = { 0 };
    struct dr_path_scope scope = { .resource = value, .key = DR_LIT("p") };
    struct dr_err err = { 0 };
    const struct dr_path *p;
    size_t at = 0, sizes[2];
    if (dr_path_compile(a, text, &names, &p, &at, &err)) {
        require(err.msg[0] && at <= text.n, "a path is refused without a word or beyond its end");
        return;
    }
    struct dr_path_stack *s = dr_path_stack_new();
    for (int i = 0; i < 2; i++) {
        dr_path_stack_clear(s);
        int32_t rc = dr_path_eval(s, p, dr_item_node(value), &scope, &err);
        sizes[i] = dr_path_stack_size(s);
        require(rc ? err.msg[0] && sizes[i] == 0 : true, "an evaluation fails without a word");
    }
    require(sizes[0] == sizes[1], "two evaluations differ");
    dr_path_stack_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DR_AUTO_ARENA a = { 0 };
    struct dr_str text = { (const char *)data, size };
    struct dr_json_doc *doc = dr_json_doc_new();
    if (size > TEXT_MAX)
        text.n = TEXT_MAX;
    require(!dr_json_doc_parse(doc, "resource", resource, sizeof resource - 1 - DR_JSON_PADDING, NULL),
            "no resource");
    if (size && (data[0] == '{' || data[0] == 'r'))
        try_view(&a, text, dr_json_root(doc));
    else
        try_path(&a, text, dr_json_root(doc));
    dr_json_doc_free(doc);
    return 0;
}
