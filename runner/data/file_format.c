/* file_format.c - see file_format.h. */
#include "data/file_format.h"
#include "base/str.h"

enum dr_file_format dr_file_format_of(const char *path)
{
    static const struct {
        const char *ending;
        enum dr_file_format format;
    } known[] = { { ".csv", DR_FORMAT_CSV },      { ".txt", DR_FORMAT_CSV },
                  { ".tsv", DR_FORMAT_TSV },      { ".json", DR_FORMAT_JSON },
                  { ".jsonl", DR_FORMAT_JSON },   { ".ndjson", DR_FORMAT_JSON },
                  { ".arrow", DR_FORMAT_ARROW },  { ".arrows", DR_FORMAT_ARROW },
                  { ".feather", DR_FORMAT_ARROW } };
    struct dr_str name = dr_str_of(path);
    size_t packed = dr_str_ends(name, DR_LIT(".gz")) ? 3 : dr_str_ends(name, DR_LIT(".zst")) ? 4 : 0;
    name.n -= packed;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (dr_str_ends(name, dr_str_of(known[i].ending)))
            return packed && known[i].format == DR_FORMAT_ARROW ? DR_FORMAT_UNKNOWN : known[i].format;
    return DR_FORMAT_UNKNOWN;
}
