/* migrate.c - migrations.
 *
 *     dagrun_migration         what was applied: set, number, name, checksum, when
 *     dagrun_migration_object  what it made: the name, and the statement that drops it
 *
 * What a migration made is found by comparing the lists of objects before and after,
 * within its transaction. A teardown drops in the reverse order of making. */
#include "db/migrate.h"
#include "db/appended.h"
#include "db/script.h"
#include "base/date.h"
#include "base/file.h"
#include "base/num.h"

enum { MAX_BYTES = 16 << 20 };

const char *dr_migration_state_name(enum dr_migration_state s)
{
    static const char *const names[] = { "applied", "pending", "changed", "missing" };
    return names[s];
}

/* ---- files ------------------------------------------------------------------------ */

/* "003_views.postgresql.sql": number 3, name "003_views", variant "postgresql". */
struct file_name {
    int64_t number;
    struct dr_str name, variant;
};

static bool read_name(const char *file, struct file_name *ret)
{
    struct dr_str s = dr_str_of(file);
    const char *underscore = strchr(file, '_');
    s.n -= sizeof ".sql" - 1;
    *ret = (struct file_name){ .name = s };
    const char *dot = memrchr(s.p, '.', s.n);
    if (dot) {
        ret->variant = (struct dr_str){ dot + 1, (size_t)(s.p + s.n - dot - 1) };
        ret->name.n = (size_t)(dot - s.p);
        if (!dr_str_eq(ret->variant, DR_LIT("sqlite")) && !dr_str_eq(ret->variant, DR_LIT("postgresql")))
            return false;
    }
    return underscore && underscore < ret->name.p + ret->name.n - 1 &&
           dr_parse_i64((struct dr_str){ file, (size_t)(underscore - file) }, &ret->number) &&
           ret->number > 0;
}

static int compare_migrations(const void *pa, const void *pb)
{
    const struct dr_migration *a = pa, *b = pb;
    return (a->number > b->number) - (a->number < b->number);
}

static struct dr_migration *find_number(struct dr_migrations *m, int64_t number)
{
    for (int32_t i = 0; i < m->n; i++)
        if (m->items[i].number == number)
            return &m->items[i];
    return NULL;
}

/* Take a file into the list: the variant for this database wins over the plain one. A migration
 * with variants for other databases only stays without a path. */
static int32_t add_file(struct dr_arena *a, struct dr_migrations *m, const char *folder, const char *file,
                        const char *dialect, struct dr_err *err)
{
    struct file_name name;
    if (!read_name(file, &name))
        return dr_fail(
            err, DR_EDEF,
            "'%s/%s': a migration is named NNN_name.sql, NNN_name.sqlite.sql or NNN_name.postgresql.sql",
            folder, file);
    struct dr_migration *item = find_number(m, name.number);
    const char *word = dr_arena_dup(a, name.name.p, name.name.n);
    if (!item) {
        item = &m->items[m->n++];
        *item = (struct dr_migration){ .number = name.number, .name = word, .state = DR_MIGRATION_PENDING };
    }
    if (!dr_streq(item->name, word))
        return dr_fail(err, DR_EDEF, "'%s': two migrations have the number %lld: %s and %s", folder,
                       (long long)name.number, item->name, word);
    bool ours = name.variant.n > 0 && dr_str_eq(name.variant, dr_str_of(dialect));
    if (ours || (name.variant.n == 0 && !item->path))
        item->path = dr_arena_printf(a, "%s/%s", folder, file);
    return DR_OK;
}

static int32_t read_files(struct dr_arena *a, struct dr_migrations *m, const char *folder,
                          const char *dialect, struct dr_err *err)
{
    char **files;
    size_t n;
    DR_TRY(dr_list_dir(a, folder, ".sql", &files, &n, err));
    m->items = dr_arena_array(a, n + 1, sizeof *m->items);
    for (size_t i = 0; i < n; i++)
        DR_TRY(add_file(a, m, folder, files[i], dialect, err));
    for (int32_t i = 0; i < m->n; i++) {
        struct dr_migration *item = &m->items[i];
        if (!item->path)
            return dr_fail(err, DR_EDEF,
                           "'%s': the migration %s has no variant for %s; where there is nothing to do, "
                           "make an empty file",
                           folder, item->name, dialect);
        DR_TRY(dr_read_file(a, item->path, MAX_BYTES, &item->text, err));
        if (memchr(item->text.p, '\0', item->text.n))
            return dr_fail(err, DR_EDEF, "'%s' holds a NUL byte", item->path);
        dr_hash_hex(item->text.p, item->text.n, item->checksum);
    }
    return DR_OK;
}

/* ---- what the database knows --------------------------------------------------------- */

static struct dr_str cell(const struct dr_table *t, int32_t column, int64_t row)
{
    int32_t hint = 0;
    int64_t i;
    const struct dr_array *a = dr_column_at(t->columns[column], row, &hint, &i);
    return dr_array_str(a, i);
}

static int64_t cell_number(const struct dr_table *t, int32_t column, int64_t row)
{
    int32_t hint = 0;
    int64_t i;
    const struct dr_array *a = dr_column_at(t->columns[column], row, &hint, &i);
    return ((const int64_t *)a->values)[i];
}

static void note_applied(struct dr_arena *a, struct dr_migrations *m, const struct dr_table *known,
                         int64_t row)
{
    int64_t number = cell_number(known, 0, row);
    struct dr_str name = cell(known, 1, row), checksum = cell(known, 2, row), at = cell(known, 3, row);
    struct dr_migration *item = find_number(m, number);
    if (!item) {
        item = &m->items[m->n++];
        *item = (struct dr_migration){ .number = number, .name = dr_arena_dup(a, name.p, name.n) };
        item->state = DR_MIGRATION_MISSING;
    } else {
        bool same = dr_str_eq(checksum, dr_str_of(item->checksum));
        item->state = same ? DR_MIGRATION_APPLIED : DR_MIGRATION_CHANGED;
    }
    item->applied_at = dr_arena_dup(a, at.p, at.n);
}

static int32_t read_applied(struct dr_arena *a, struct dr_db *db, struct dr_migrations *m, struct dr_err *err)
{
    struct dr_table *known = NULL;
    struct dr_db_value values[] = { dr_db_text(m->set) };
    bool there;
    DR_TRY(dr_db_has_table(db, "dagrun_migration", &there, err));
    if (!there)
        return DR_OK;
    DR_TRY(dr_db_own_rows(
        db, "SELECT number, name, checksum, applied_at FROM dagrun_migration WHERE set_name = ?1 ORDER BY 1",
        1, values, &known, err));
    struct dr_migration *items = dr_arena_array(a, (size_t)m->n + (size_t)known->rows + 1, sizeof *items);
    if (m->n)
        memcpy(items, m->items, (size_t)m->n * sizeof *items);
    m->items = items;
    for (int64_t row = 0; row < known->rows; row++)
        note_applied(a, m, known, row);
    dr_table_unref(known);
    return DR_OK;
}

int32_t dr_migrations_find(struct dr_arena *a, struct dr_db *db, const char *set, const char *folder,
                           struct dr_migrations *ret, struct dr_err *err)
{
    struct dr_migrations m = { .set = set };
    if (!dr_path_is_dir(folder))
        return dr_fail(err, DR_ENOTFOUND, "there are no migrations '%s': '%s' is no folder", set, folder);
    DR_TRY(read_files(a, &m, folder, db->driver->dialect->name, err));
    DR_TRY(read_applied(a, db, &m, err));
    qsort(m.items, (size_t)m.n, sizeof *m.items, compare_migrations);
    *ret = m;
    return DR_OK;
}

/* ---- applying -------------------------------------------------------------------------- */

static int32_t make_tables(struct dr_db *db, struct dr_err *err)
{
    const struct dr_dialect *d = db->driver->dialect;
    DR_AUTO_BUF sql = { 0 };
    bool there;
    DR_TRY(dr_db_has_table(db, "dagrun_migration", &there, err));
    if (there)
        return DR_OK;
    dr_buf_printf(
        &sql,
        "CREATE TABLE dagrun_migration (set_name TEXT NOT NULL, number %s NOT NULL, name TEXT NOT NULL,"
        " checksum TEXT NOT NULL, applied_at TEXT NOT NULL, PRIMARY KEY (set_name, number))%s;"
        "CREATE TABLE dagrun_migration_object (set_name TEXT NOT NULL, number %s NOT NULL,"
        " place %s NOT NULL, name TEXT NOT NULL, drop_sql TEXT NOT NULL,"
        " PRIMARY KEY (set_name, number, place))%s",
        d->int_type, d->table_suffix, d->int_type, d->int_type, d->table_suffix);
    return db->driver->exec(db, dr_buf_cstr(&sql), err);
}

static bool was_there(const struct dr_table *before, struct dr_str drop_sql)
{
    for (int64_t row = 0; row < before->rows; row++)
        if (dr_str_eq(cell(before, 1, row), drop_sql))
            return true;
    return false;
}

static int32_t note_objects(struct dr_db *db, const char *set, int64_t number, const struct dr_table *before,
                            const struct dr_table *after, struct dr_err *err)
{
    for (int64_t row = 0; row < after->rows; row++) {
        struct dr_str name = cell(after, 0, row), drop_sql = cell(after, 1, row);
        if (was_there(before, drop_sql))
            continue;
        struct dr_db_value values[] = {
            dr_db_text(set),
            dr_db_int(number),
            dr_db_int(row),
            { .type = DR_TYPE_STRING, .p = name.p, .n = (int64_t)name.n },
            { .type = DR_TYPE_STRING, .p = drop_sql.p, .n = (int64_t)drop_sql.n }
        };
        DR_TRY(dr_db_own_run(db,
                             "INSERT INTO dagrun_migration_object (set_name, number, place, name, drop_sql)"
                             " VALUES (?1, ?2, ?3, ?4, ?5)",
                             5, values, NULL, err));
    }
    return DR_OK;
}

/* Rows may have moved under a migration: what was replaced or upserted is compared again by
 * the next load. Appended rows stay known, since to append them again would double them. */
static int32_t forget_loads(struct dr_db *db, struct dr_err *err)
{
    bool there;
    DR_TRY(dr_db_has_table(db, "dagrun_ledger", &there, err));
    return there ? db->driver->exec(db, "DELETE FROM dagrun_ledger WHERE mode <> 'append'", err) : DR_OK;
}

static int32_t note_migration(struct dr_db *db, const char *set, const struct dr_migration *m,
                              struct dr_err *err)
{
    char now[DR_TIME_TEXT];
    dr_format_timestamp(dr_now_us(), true, now);
    struct dr_db_value values[] = { dr_db_text(set), dr_db_int(m->number), dr_db_text(m->name),
                                    dr_db_text(m->checksum), dr_db_text(now) };
    return dr_db_own_run(db,
                         "INSERT INTO dagrun_migration (set_name, number, name, checksum, applied_at)"
                         " VALUES (?1, ?2, ?3, ?4, ?5)",
                         5, values, NULL, err);
}

static int32_t run_and_note(struct dr_db *db, const char *set, const struct dr_migration *m,
                            struct dr_err *err)
{
    struct dr_db_script script = { .size = sizeof script, .text = m->text.p, .file = m->path, .line = 1 };
    struct dr_table *before = NULL, *after = NULL;
    const char *objects = db->driver->dialect->objects_sql;
    DR_TRY(dr_db_own_rows(db, objects, 0, NULL, &before, err));
    int32_t rc = dr_db_run_script(db, &script, err);
    if (!rc)
        rc = dr_db_own_rows(db, objects, 0, NULL, &after, err);
    if (!rc)
        rc = note_objects(db, set, m->number, before, after, err);
    dr_table_unref(before);
    dr_table_unref(after);
    if (!rc)
        rc = forget_loads(db, err);
    return rc ? rc : note_migration(db, set, m, err);
}

/* Several may migrate at once: whoever comes second finds it done. */
static int32_t lock_and_look(struct dr_db *db, const char *set, int64_t number, bool *ret_done,
                             struct dr_err *err)
{
    const char *lock = db->driver->dialect->lock_sql;
    struct dr_db_value values[] = { dr_db_text(set), dr_db_int(number) };
    struct dr_table *known = NULL;
    if (lock)
        DR_TRY(db->driver->exec(db, lock, err));
    DR_TRY(make_tables(db, err));
    DR_TRY(dr_db_own_rows(db, "SELECT name FROM dagrun_migration WHERE set_name = ?1 AND number = ?2", 2,
                          values, &known, err));
    *ret_done = known->rows > 0;
    dr_table_unref(known);
    return DR_OK;
}

static int32_t apply(struct dr_db *db, const char *set, const struct dr_migration *m, struct dr_err *err)
{
    bool done = false;
    DR_TRY(db->driver->begin(db, true, err));
    int32_t rc = lock_and_look(db, set, m->number, &done, err);
    if (!rc && !done)
        rc = run_and_note(db, set, m, err);
    if (!rc)
        rc = db->driver->commit(db, err);
    if (rc)
        db->driver->rollback(db);
    return rc;
}

static int32_t check_applied(const struct dr_migrations *m, struct dr_err *err)
{
    for (int32_t i = 0; i < m->n; i++) {
        const struct dr_migration *item = &m->items[i];
        if (item->state == DR_MIGRATION_CHANGED)
            return dr_fail(err, DR_EDEF,
                           "'%s' is not the file that was applied on %s; put it back, and make the change "
                           "in a new migration",
                           item->path, item->applied_at);
        if (item->state == DR_MIGRATION_MISSING)
            return dr_fail(err, DR_EDEF,
                           "the migration %s of '%s' was applied on %s, but its file is not there",
                           item->name, m->set, item->applied_at);
    }
    return DR_OK;
}

int32_t dr_migrations_apply(struct dr_db *db, struct dr_migrations *m, int32_t *ret_applied,
                            struct dr_err *err)
{
    int32_t applied = 0;
    DR_TRY(check_applied(m, err));
    for (int32_t i = 0; i < m->n; i++) {
        if (m->items[i].state != DR_MIGRATION_PENDING)
            continue;
        DR_TRY(apply(db, m->set, &m->items[i], err));
        m->items[i].state = DR_MIGRATION_APPLIED;
        applied++;
    }
    *ret_applied = applied;
    return DR_OK;
}

/* ---- teardown ---------------------------------------------------------------------------- */

static int32_t forget_table(struct dr_db *db, struct dr_str name, bool ledger, struct dr_err *err)
{
    DR_AUTO_ARENA a = { 0 };
    static const char *const statements[] = {
        ("DELETE FROM dagrun_refused WHERE load_number IN"
         " (SELECT load_number FROM dagrun_ledger WHERE table_name = ?1)"),
        "DELETE FROM dagrun_ledger WHERE table_name = ?1",
        "DELETE FROM dagrun_table WHERE table_name = ?1",
    };
    struct dr_db_value values[] = { { .type = DR_TYPE_STRING, .p = name.p, .n = (int64_t)name.n } };
    for (size_t i = 0; i < 3 && ledger; i++)
        DR_TRY(dr_db_own_run(db, statements[i], 1, values, NULL, err));
    return dr_appended_forget(db, dr_arena_dup(&a, name.p, name.n), NULL, err);
}

static int32_t drop_objects(struct dr_db *db, const char *set, int32_t *ret_dropped, struct dr_err *err)
{
    struct dr_db_value values[] = { dr_db_text(set) };
    struct dr_table *objects = NULL;
    bool ledger;
    DR_TRY(dr_db_has_table(db, "dagrun_ledger", &ledger, err));
    DR_TRY(dr_db_own_rows(
        db,
        "SELECT name, drop_sql FROM dagrun_migration_object WHERE set_name = ?1 ORDER BY number DESC, "
        "place DESC",
        1, values, &objects, err));
    int32_t rc = DR_OK;
    for (int64_t row = 0; row < objects->rows && !rc; row++) {
        struct dr_str drop_sql = cell(objects, 1, row);
        DR_AUTO_BUF sql = { 0 };
        dr_buf_append(&sql, drop_sql.p, drop_sql.n);
        rc = db->driver->exec(db, dr_buf_cstr(&sql), err);
        if (!rc)
            rc = forget_table(db, cell(objects, 0, row), ledger, err);
    }
    *ret_dropped = (int32_t)objects->rows;
    dr_table_unref(objects);
    return rc;
}

static int32_t drop_and_forget(struct dr_db *db, const char *set, int32_t *ret_dropped, struct dr_err *err)
{
    struct dr_db_value values[] = { dr_db_text(set) };
    const char *before = db->driver->dialect->before_drop;
    DR_TRY(make_tables(db, err));
    if (before)
        DR_TRY(db->driver->exec(db, before, err));
    DR_TRY(drop_objects(db, set, ret_dropped, err));
    DR_TRY(
        dr_db_own_run(db, "DELETE FROM dagrun_migration_object WHERE set_name = ?1", 1, values, NULL, err));
    return dr_db_own_run(db, "DELETE FROM dagrun_migration WHERE set_name = ?1", 1, values, NULL, err);
}

int32_t dr_migrations_teardown(struct dr_db *db, const char *set, int32_t *ret_dropped, struct dr_err *err)
{
    DR_TRY(db->driver->begin(db, true, err));
    int32_t rc = drop_and_forget(db, set, ret_dropped, err);
    if (!rc)
        rc = db->driver->commit(db, err);
    if (rc)
        db->driver->rollback(db);
    return rc;
}
