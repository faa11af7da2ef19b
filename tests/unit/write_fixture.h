/* write_fixture.h - what the tests of the writers share: tables from columns, and what a file holds.
 * Include it after cmocka.h. */
#ifndef DR_TEST_WRITE_FIXTURE_H
#define DR_TEST_WRITE_FIXTURE_H
#include "base/file.h"
#include "temp_folder.h"
#include <dagrun/table.h>

/* Takes the columns. */
static inline struct dr_table *table_of(int32_t n, const char *const *names, struct dr_column **columns)
{
    struct dr_table *t;
    assert_int_equal(dr_table_new(n, names, (const struct dr_column *const *)columns, &t, NULL), 0);
    for (int32_t i = 0; i < n; i++)
        dr_column_unref(columns[i]);
    return t;
}

static inline void check_file(const char *path, const char *expected)
{
    DR_AUTO_ARENA arena = { 0 };
    struct dr_str bytes;
    struct dr_err err = { 0 };
    assert_int_equal(dr_read_file(&arena, path, 1 << 20, &bytes, &err), 0);
    assert_string_equal(bytes.p, expected);
}
#endif
