/* dagrun db: the schemas of databases. */
#include "cmd/cmd.h"
#include "base/file.h"
#include "db/migrate.h"
#include "db/unfinished.h"
#include "model/connection.h"

struct work {
    struct dr_cmd *c;
    struct dr_db *db;
    const char *connection;
    const char **sets;
    size_t n_sets;
};

static void print_wait(void *ctx, const char *text)
{
    (void)ctx;
    fprintf(stderr, "dagrun: %s\n", text);
}

/* Who only asks makes no database: one that is not there yet has nothing in it. */
static int32_t connect_db(struct work *w, bool reads, struct dr_err *err)
{
    struct dr_connection c;
    w->connection = w->c->args.connection ? w->c->args.connection : "warehouse";
    DR_TRY(dr_connection_find(&w->c->arena, &w->c->home, w->connection, &c, err));
    struct dr_db_target where = {
        .postgresql = c.postgresql, .path = c.path, .keys = c.keys, .values = c.values, .n = c.n
    };
    if (reads && !c.postgresql && !dr_path_exists(c.path))
        return dr_db_open(":memory:", &w->db, err);
    if (dr_db_connect(&where, &w->db, err))
        return dr_err_prefix(err, "connection '%s'", w->connection);
    dr_db_on_wait(w->db, print_wait, NULL);
    return DR_OK;
}

static const char *set_folder(struct work *w, const char *set)
{
    return dr_arena_printf(&w->c->arena, "%s/migrations/%s", w->c->home.path, set);
}

/* The sets that words name, else all there are. */
static int32_t find_sets(struct work *w, struct dr_err *err)
{
    struct dr_cmd *c = w->c;
    const char *folder = dr_path_join(&c->arena, c->home.path, "migrations");
    char **names = NULL;
    size_t n = 0;
    if (dr_path_is_dir(folder))
        DR_TRY(dr_list_dir(&c->arena, folder, NULL, &names, &n, err));
    w->sets = dr_arena_array(&c->arena, n + 16, sizeof *w->sets);
    for (int i = 1; i < c->args.n_words; i++) {
        const char *near = dr_nearest(c->args.words[i], (const char *const *)names, n);
        if (!dr_name_ok(c->args.words[i]) || !dr_path_is_dir(set_folder(w, c->args.words[i])))
            return dr_fail(err, DR_ENOTFOUND, "there are no migrations '%s'%s%s%s", c->args.words[i],
                           near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        w->sets[w->n_sets++] = c->args.words[i];
    }
    for (size_t i = 0; i < n && c->args.n_words == 1; i++)
        if (dr_path_is_dir(set_folder(w, names[i])))
            w->sets[w->n_sets++] = names[i];
    if (w->n_sets == 0)
        return dr_fail(err, DR_ENOTFOUND, "there are no migrations: '%s' has no folder", folder);
    return DR_OK;
}

static int32_t find_migrations(struct work *w, size_t i, struct dr_migrations *ret, struct dr_err *err)
{
    struct dr_cmd *c = w->c;
    return dr_migrations_find(&c->arena, w->db, w->sets[i], set_folder(w, w->sets[i]), ret, err);
}

/* ---- migrate --------------------------------------------------------------------- */

static int32_t migrate(struct work *w, struct dr_err *err)
{
    int32_t all = 0;
    for (size_t i = 0; i < w->n_sets; i++) {
        struct dr_migrations m;
        int32_t applied;
        DR_TRY(find_migrations(w, i, &m, err));
        DR_TRY(dr_migrations_apply(w->db, &m, &applied, err));
        for (int32_t k = 0; k < m.n; k++)
            if (!m.items[k].applied_at)
                printf("%s: applied %s\n", m.set, m.items[k].name);
        all += applied;
    }
    if (all == 0)
        printf("nothing to do: connection '%s' is up to date\n", w->connection);
    return DR_OK;
}

/* ---- status ---------------------------------------------------------------------- */

static enum dr_tint tint_of(enum dr_migration_state s)
{
    return s == DR_MIGRATION_APPLIED ? DR_TINT_GOOD : s == DR_MIGRATION_PENDING ? DR_TINT_WARN : DR_TINT_BAD;
}

static void show_set(const struct dr_migrations *m, struct dr_grid *grid)
{
    for (int32_t i = 0; i < m->n; i++) {
        const struct dr_migration *item = &m->items[i];
        dr_grid_add(grid, DR_TINT_NONE, m->set);
        dr_grid_add(grid, DR_TINT_NONE, item->name);
        dr_grid_add(grid, tint_of(item->state), dr_migration_state_name(item->state));
        dr_grid_add(grid, DR_TINT_DIM, item->applied_at ? item->applied_at : "-");
    }
}

static void put_set(const struct dr_migrations *m, struct dr_json *j)
{
    for (int32_t i = 0; i < m->n; i++) {
        const struct dr_migration *item = &m->items[i];
        dr_json_object(j);
        dr_json_key(j, "set");
        dr_json_cstr(j, m->set);
        dr_json_key(j, "number");
        dr_json_int(j, item->number);
        dr_json_key(j, "name");
        dr_json_cstr(j, item->name);
        dr_json_key(j, "state");
        dr_json_cstr(j, dr_migration_state_name(item->state));
        dr_json_key(j, "applied_at");
        dr_json_cstr(j, item->applied_at);
        dr_json_end_object(j);
    }
}

/* On standard error: it is no migration. */
static void note_unfinished(const struct work *w, const struct dr_unfinished *u)
{
    const char *begun = u->begun_at ? dr_arena_printf(&w->c->arena, " begun at %s", u->begun_at) : "";
    if (u->runs)
        fprintf(stderr, "dagrun: note: a load of '%s'%s is under way\n", u->table, begun);
    else if (u->beside)
        fprintf(stderr,
                "dagrun: note: a load of '%s' was killed and left the table '%s'; the next load into this "
                "database removes it\n",
                u->table, u->beside);
    else if (u->content)
        fprintf(
            stderr,
            "dagrun: note: the load of '%s'%s was not finished: it appended %lld rows, and others only the "
            "same load again can\n",
            u->table, begun, (long long)u->rows);
    else
        fprintf(
            stderr,
            "dagrun: note: the load of '%s'%s was not finished: some of its rows are there and others are "
            "not; run it again\n",
            u->table, begun);
}

static int32_t tell_unfinished(struct work *w, struct dr_err *err)
{
    struct dr_unfinished_list list;
    DR_TRY(dr_unfinished_find(w->db, &w->c->arena, &list, err));
    for (int32_t i = 0; i < list.n; i++)
        note_unfinished(w, &list.items[i]);
    return DR_OK;
}

static int32_t status(struct work *w, bool *ret_wrong, struct dr_err *err)
{
    static const char *const titles[] = { "set", "migration", "state", "applied" };
    struct dr_buf text = { 0 };
    struct dr_json j = { .out = &text };
    struct dr_grid grid;
    dr_grid_init(&grid, &w->c->arena, 4, titles, "");
    dr_json_array(&j);
    for (size_t i = 0; i < w->n_sets; i++) {
        struct dr_migrations m;
        int32_t rc = find_migrations(w, i, &m, err);
        if (rc) {
            dr_buf_done(&text);
            return rc;
        }
        show_set(&m, &grid);
        put_set(&m, &j);
        for (int32_t k = 0; k < m.n; k++)
            *ret_wrong |= m.items[k].state >= DR_MIGRATION_CHANGED;
    }
    dr_json_end_array(&j);
    if (w->c->args.json && dr_print_json(&text))
        return dr_fail(err, DR_ESYS, "standard output");
    if (!w->c->args.json) {
        dr_buf_done(&text);
        dr_grid_print(&grid, w->c->color, stdout);
    }
    return tell_unfinished(w, err);
}

/* ---- teardown --------------------------------------------------------------------- */

static int32_t teardown(struct work *w, struct dr_err *err)
{
    int32_t left;
    int64_t lock_us = 0;
    for (size_t i = w->n_sets; i-- > 0;) {
        int32_t dropped = 0;
        DR_TRY(dr_migrations_teardown(w->db, w->sets[i], &dropped, err));
        printf("%s: dropped %d tables, views and the like from connection '%s'\n", w->sets[i], (int)dropped,
               w->connection);
    }
    DR_TRY(dr_unfinished_remove(w->db, &left, &lock_us, err));
    if (left)
        printf("dropped %d tables that killed loads had left\n", (int)left);
    return DR_OK;
}

static int32_t do_work(struct work *w, const char *what, bool *ret_wrong, struct dr_err *err)
{
    DR_TRY(find_sets(w, err));
    DR_TRY(connect_db(w, dr_streq(what, "status"), err));
    if (dr_streq(what, "migrate"))
        return migrate(w, err);
    return dr_streq(what, "status") ? status(w, ret_wrong, err) : teardown(w, err);
}

int dr_verb_db(struct dr_cmd *c)
{
    static const char *const verbs[] = { "migrate", "status", "teardown" };
    const char *what = c->args.words[0], *near = dr_nearest(what, verbs, 3);
    struct work w = { .c = c };
    struct dr_err err = { 0 };
    bool wrong = false;
    if (!dr_streq(what, verbs[0]) && !dr_streq(what, verbs[1]) && !dr_streq(what, verbs[2]))
        return dr_cmd_usage("'%s' is not migrate, status or teardown%s%s%s", what,
                            near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    if (dr_streq(what, "teardown") && c->args.n_words == 1)
        return dr_cmd_usage("say whose tables to drop: dagrun db teardown SET --yes");
    if (dr_streq(what, "teardown") && !c->args.yes)
        return dr_cmd_usage("teardown drops tables with all that is in them; add --yes if that is meant");
    int32_t rc = do_work(&w, what, &wrong, &err);
    dr_db_close(w.db);
    if (rc)
        return dr_cmd_fail(&err);
    return wrong ? DR_EXIT_FAILED : DR_EXIT_OK;
}
