/* file_format.h - what a file holds, by its name. Layer: data. */
#ifndef DR_FILE_FORMAT_H
#define DR_FILE_FORMAT_H

enum dr_file_format {
    DR_FORMAT_UNKNOWN,
    DR_FORMAT_CSV, /* .csv, .txt */
    DR_FORMAT_TSV,
    DR_FORMAT_JSON,  /* .json, .jsonl, .ndjson */
    DR_FORMAT_ARROW, /* .arrow, .feather, .arrows: a file or a stream, which its bytes tell */
};
/* Of text formats .gz and .zst behind the ending are passed over: their readers unpack. */
enum dr_file_format dr_file_format_of(const char *path);
#define DR_FORMAT_ENDINGS                                                                                    \
    ".csv, .tsv, .txt, .json, .jsonl and .ndjson (with .gz or .zst behind, too), .arrow, .arrows and "       \
    ".feather"
#endif
