/* files.c - one file as a table, by its format. */
#include "extract.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool is_format(const char *name)
{
    return is_in_list("csv|json|jsonl|xml", name);
}

static int32_t read_csv(struct dr_task *t, const char *path, struct dr_table **ret, struct dr_err *err)
{
    struct settings s;
    const char *delimiter, *encoding, *missing;
    DR_TRY(settings_of_task(t, "csv", "delimiter|encoding|missing", &s));
    DR_TRY(settings_text(&s, "delimiter", ",", &delimiter));
    DR_TRY(settings_text(&s, "encoding", NULL, &encoding));
    DR_TRY(settings_text(&s, "missing", NULL, &missing));
    if (strlen(delimiter) != 1)
        return settings_refuse(&s, "delimiter", "'%s' is not one character", delimiter);
    struct dr_csv_options csv = { .size = sizeof csv,
                                  .delimiter = (uint8_t)delimiter[0],
                                  .encoding = encoding,
                                  .null_values = missing,
                                  .hide_text = 1 };
    return dr_table_read_csv(path, &csv, ret, NULL, err);
}

static int32_t read_json(struct dr_task *t, const char *path, struct dr_table **ret, struct dr_err *err)
{
    struct settings s;
    struct answer_paths paths = { 0 };
    struct page page = { 0 };
    const char *records;
    DR_TRY(settings_of_task(t, "json", "records", &s));
    DR_TRY(settings_text(&s, "records", "$", &records));
    DR_TRY(json_path(&s, "records", records, &paths.records));
    char *lines = text_of("%s/records.jsonl", dr_task_info(t)->work_dir);
    const char *problem = answer_split(path, lines, &paths, &page);
    int32_t rc = problem ? DR_EINPUT : answer_table(lines, ret, err);
    if (problem) {
        *err = (struct dr_err){ .rc = DR_EINPUT };
        snprintf(err->msg, sizeof err->msg, "%s", problem);
    }
    unlink(lines);
    free(lines);
    return rc;
}

int32_t read_format(struct dr_task *t, const char *format, const char *path, struct dr_table **ret,
                    struct dr_err *err)
{
    if (strcmp(format, "csv") == 0)
        return read_csv(t, path, ret, err);
    if (strcmp(format, "xml") == 0)
        return read_xml(t, path, ret, err);
    return strcmp(format, "json") == 0 ? read_json(t, path, ret, err) : answer_table(path, ret, err);
}
