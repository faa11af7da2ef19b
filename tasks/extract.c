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
    { "json", DR_PARAM_MAP, 0, NULL, NULL, "How to read JSON: {records}" },
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
    { "files", 0, 0, "Source folder: what became of each file" },
    { 0 },
};

static int32_t extract_file(struct dr_task *t, const char *format, struct extracted *ret)
{
    if (!dr_task_has_input(t, "file"))
        return dr_task_fail_final(t, "source: %s needs the input 'file'", format);
    struct dr_err err = { 0 };
    int32_t rc = read_format(t, format, dr_task_input_path(t, "file", 0), &ret->table, &err);
    if (rc)
        return err.rc ? dr_task_fail_final(t, "%s: %s", dr_task_input_name(t, "file", 0), err.msg) : rc;
    return dr_task_record_input(t, "file", 0, ret->table);
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
    dr_table_unref(x.table);
    if (x.progress)
        progress_forget(x.progress);
    return 0;
}

DR_PLUGIN(.name = "extract", .summary = "Rows from files and HTTP interfaces",
          .doc = "See docs/extract.md. Secrets come from environment variables or files, never from the DAG.",
          .params = params, .inputs = inputs, .outputs = outputs, .run = extract);
