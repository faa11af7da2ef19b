/* extract - rows from where they are kept: files and HTTP interfaces. See
 * docs/extract.md and, for how it works, extract/extract.h. */
#include "extract/extract.h"
#include <stdlib.h>
#include <string.h>

static const struct dr_param params[] = {
    { "source", DR_PARAM_STRING, DR_REQUIRED, NULL, "csv|json|jsonl|xml|folder|api", "Where the rows are" },
    { "columns", DR_PARAM_MAP, 0, NULL, NULL,
      "Columns to keep, in this order: {name: type}; all without it" },
    { "csv", DR_PARAM_MAP, 0, NULL, NULL, "How to read CSV: {delimiter, encoding, missing}" },
    { "json", DR_PARAM_MAP, 0, NULL, NULL,
      "JSON: {records, paths, optional, children, rest}; all but records also of api" },
    { "xml", DR_PARAM_MAP, 0, NULL, NULL, "How to read XML: {row, columns}" },
    { "folder", DR_PARAM_MAP, 0, NULL, NULL,
      "Files: {path, pattern, format, order, ledger, settle, bad_files}" },
    { "api", DR_PARAM_MAP, 0, NULL, NULL,
      "An HTTP interface: {url, auth, headers, pages, records, count, key, conflicts, count_mismatch, "
      "limits, "
      "ca_file, allow_plain_http}" },
    { 0 },
};
static const struct dr_port inputs[] = {
    { "file", 0, 0, "The file of the sources csv, json, jsonl, xml" },
    { 0 },
};
static const struct dr_port outputs[] = {
    { "table", DR_REQUIRED, 0, "The rows" },
    { "children", DR_MANY, 0, "The tables of json.children, by their names" },
    { "files", 0, 0, "Source folder: what became of each file" },
    { 0 },
};

static int32_t extract_file(struct dr_task *t, const char *format, struct extracted *ret)
{
    if (!dr_task_has_input(t, "file"))
        return dr_task_fail_final(t, "source: %s needs the input 'file'", format);
    struct dr_err err = { 0 };
    const char *path = dr_task_input_path(t, "file", 0), *name = dr_task_input_name(t, "file", 0);
    int32_t rc = read_format(t, format, path, ret, &err);
    if (rc)
        return err.rc ? dr_task_fail_final(t, "%s", file_problem(name, path, &err)) : rc;
    return dr_task_record_input(t, "file", 0, ret->table);
}

static int32_t write_children(struct dr_task *t, struct extracted *x)
{
    int32_t n = dr_task_output_count(t, "children");
    for (int32_t i = 0; i < n; i++) {
        const char *name = dr_task_output_name(t, "children", i);
        int32_t k = 0;
        while (k < x->n_children && strcmp(x->child_names[k], name) != 0)
            k++;
        if (k == x->n_children)
            return dr_task_fail_final(t, "the output '%s' is none of json.children", name);
        DR_TRY(dr_task_write(t, name, x->children[k]));
    }
    if (n < x->n_children)
        return dr_task_fail_final(t, "json.children has %d tables, the output children %d",
                                  (int)x->n_children, (int)n);
    return 0;
}

static int32_t extract(struct dr_task *t)
{
    struct extracted x = { .declared = -1 };
    const char *source = dr_node_str(dr_task_param(t, "source"), "");
    DR_TRY(strcmp(source, "api") == 0      ? extract_api(t, &x)
           : strcmp(source, "folder") == 0 ? extract_folder(t, &x)
                                           : extract_file(t, source, &x));
    DR_TRY(rows_finish(t, &x));
    DR_TRY(dr_task_write(t, "table", x.table));
    DR_TRY(write_children(t, &x));
    dr_table_unref(x.table);
    if (x.progress)
        progress_forget(x.progress);
    return 0;
}

/* ---- before a run ---- */

/* Says what columns the table will have: the declared ones, the rest of the records, the file's name. */
static void promise_columns(struct dr_task *t, const char *rest, bool folder)
{
    const struct dr_node *columns = dr_task_param(t, "columns");
    int64_t n = dr_node_size(columns);
    const char **names = calloc((size_t)n + 2, sizeof *names);
    if (!names)
        abort();
    for (int64_t i = 0; i < n; i++)
        names[i] = dr_node_key(columns, i);
    if (rest)
        names[n++] = rest;
    if (folder)
        names[n++] = "_file";
    if (dr_node_size(columns) > 0)
        dr_task_promise(t, "table", names, (int32_t)n);
    free(names);
}

static int32_t check_types(struct dr_task *t)
{
    const struct dr_node *columns = dr_task_param(t, "columns");
    int32_t type;
    for (int64_t i = 0; i < dr_node_size(columns); i++)
        DR_TRY(rows_type(t, dr_node_at(columns, i), &type));
    return 0;
}

/* The types, and the settings of JSON and XML, can be told wrong before the source is seen. */
static int32_t check(struct dr_task *t)
{
    const char *source = dr_node_str(dr_task_param(t, "source"), ""), *rest = NULL;
    bool folder = strcmp(source, "folder") == 0;
    const struct dr_node *format = dr_node_get(dr_task_param(t, "folder"), "format");
    const char *kind = folder ? dr_node_str(format, "") : source;
    DR_TRY(is_in_list("json|jsonl|api", kind) ? check_json(t, &rest) : check_types(t));
    if (strcmp(kind, "xml") == 0)
        DR_TRY(check_xml(t));
    promise_columns(t, rest, folder);
    return 0;
}

DR_PLUGIN(.name = "extract", .summary = "Rows from files and HTTP interfaces",
          .doc = "See docs/extract.md. Secrets come from environment variables or files, never from the DAG.",
          .params = params, .inputs = inputs, .outputs = outputs, .run = extract, .check = check);
