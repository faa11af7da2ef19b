/* temp_folder.h - a folder of a test's own, below TMPDIR. */
#ifndef DR_TEST_TEMP_FOLDER_H
#define DR_TEST_TEMP_FOLDER_H
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/file.h"
#include "base/mem.h"

/* A new one, its path in ret; false where there can be none. dr_remove_tree removes it. */
static inline bool make_temp_folder(char *ret, size_t size)
{
    const char *tmp = getenv("TMPDIR");
    int n = snprintf(ret, size, "%s/dagrun-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    return n > 0 && (size_t)n < size && mkdtemp(ret);
}

/* For tests that write one file: cmocka's set-up and tear-down. */
struct temp_file {
    char folder[400], path[420];
};
static inline int make_temp_file(void **state)
{
    struct temp_file *f = dr_calloc(1, sizeof *f);
    *state = f;
    if (!make_temp_folder(f->folder, sizeof f->folder))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/file", f->folder);
    return 0;
}
static inline int remove_temp_file(void **state)
{
    struct temp_file *f = *state;
    int rc = dr_remove_tree(f->folder, NULL);
    free(f);
    return rc;
}
#endif
