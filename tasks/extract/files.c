/* files.c - one file as a table, by its format. */
#include "extract.h"
#include <string.h>

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

char *file_problem(const char *name, const char *path, const struct dr_err *err)
{
    size_t n = strlen(path);
    if (strncmp(err->msg, path, n) == 0 && err->msg[n] == ':')
        return text_of("%s%s", name, err->msg + n);
    return text_of("%s: %s", name, err->msg);
}

int32_t read_format(struct dr_task *t, const char *format, const char *path, struct extracted *ret,
                    struct dr_err *err)
{
    if (strcmp(format, "csv") == 0)
        return read_csv(t, path, &ret->table, err);
    if (strcmp(format, "xml") == 0)
        return read_xml(t, path, &ret->table, err);
    return read_json(t, path, strcmp(format, "json") == 0 ? DR_JSON_DOCUMENT : DR_JSON_LINES, ret, err);
}
