/* extract - rows from where they are kept: files and HTTP interfaces. See
 * docs/extract.md and, for how it works, extract/extract.h. */
#include "extract/extract.h"
#include <stdlib.h>
#include <string.h>

static const struct dr_param params[] = {
    { "source", DR_PARAM_STRING, DR_REQUIRED, NULL, "csv|api", "Where the rows are" },
    { "columns", DR_PARAM_MAP, 0, NULL, NULL,
      "Columns to keep, in this order: {name: type}; all without it" },
    { "key", DR_PARAM_LIST, 0, NULL, NULL,
      "Columns that identify a record; one that came twice is kept once" },
    { "conflicts", DR_PARAM_STRING, 0, "fail", "fail|keep|first|last",
      "What becomes of records with one key that differ" },
    { "count_mismatch", DR_PARAM_STRING, 0, "fail", "fail|warn",
      "When a source's own count is not the number of records that came" },
    { "csv", DR_PARAM_MAP, 0, NULL, NULL, "How to read CSV: {delimiter, encoding, missing}" },
    { "api", DR_PARAM_MAP, 0, NULL, NULL,
      "An HTTP interface: {url, auth, headers, pages, records, count, limits, ca_file, allow_plain_http}" },
    { 0 },
};
static const struct dr_port inputs[] = {
    { "file", 0, 0, "The file of the source csv" },
    { 0 },
};
static const struct dr_port outputs[] = {
    { "table", DR_REQUIRED, 0, "The rows" },
    { 0 },
};

static int32_t extract_csv(struct dr_task *t, struct extracted *ret)
{
    struct settings s;
    const char *delimiter, *encoding, *missing;
    DR_TRY(settings_of_task(t, "csv", "delimiter|encoding|missing", &s));
    DR_TRY(settings_text(&s, "delimiter", ",", &delimiter));
    DR_TRY(settings_text(&s, "encoding", NULL, &encoding));
    DR_TRY(settings_text(&s, "missing", NULL, &missing));
    if (strlen(delimiter) != 1)
        return settings_refuse(&s, "delimiter", "'%s' is not one character", delimiter);
    if (!dr_task_has_input(t, "file"))
        return dr_task_fail_final(t, "source: csv needs the input 'file'");
    struct dr_csv_options csv = { .size = sizeof csv,
                                  .delimiter = (uint8_t)delimiter[0],
                                  .encoding = encoding,
                                  .null_values = missing,
                                  .hide_text = 1 };
    return dr_task_read(t, "file", 0, &csv, &ret->table, NULL);
}

static int32_t extract(struct dr_task *t)
{
    struct extracted x = { .declared = -1 };
    const char *source = dr_node_str(dr_task_param(t, "source"), "");
    DR_TRY(strcmp(source, "api") == 0 ? extract_api(t, &x) : extract_csv(t, &x));
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
