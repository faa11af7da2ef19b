/* warehouse.h - tables in and out of an SQLite database, over base/sqlite.h.
 * Layer: data. The functions are in dagrun/table.h; here is what its two files
 * share.
 *
 * How values are stored: BOOL and INT64 as INTEGER, FLOAT64 as REAL, everything
 * else as TEXT (dates and times as ISO 8601, decimals with all their digits),
 * in STRICT tables. SQLite has no NaN: it becomes NULL. */
#ifndef DR_WAREHOUSE_H
#define DR_WAREHOUSE_H
#include "base/sqlite.h"
#include "data/column.h"

struct dr_db {
    struct dr_sql *sql; /* owned */
};
#endif
