/* test_connection.c - connections.yaml, DAGRUN_CONN_*, and what is wrong with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/file.h"
#include "model/connection.h"
#include "temp_folder.h"

struct fixture {
    struct dr_arena arena;
    struct dr_home home;
    char dir[400];
};
static struct fixture *f;

static int setup(void **state)
{
    char path[500];
    f = dr_calloc(1, sizeof *f);
    *state = f;
    if (!make_temp_folder(f->dir, sizeof f->dir))
        return -1;
    snprintf(path, sizeof path, "%s/dags", f->dir);
    if (mkdir(path, 0777))
        return -1;
    unsetenv("DAGRUN_CONN_WAREHOUSE");
    unsetenv("DAGRUN_CONN_MY_DB_2");
    return dr_home_find(&f->arena, f->dir, &f->home, NULL);
}

static int teardown(void **state)
{
    (void)state;
    int32_t rc = dr_remove_tree(f->dir, NULL);
    dr_arena_done(&f->arena);
    free(f);
    return rc;
}

static void write_file(const char *text)
{
    char path[500];
    snprintf(path, sizeof path, "%s/connections.yaml", f->dir);
    assert_int_equal(dr_write_file(path, dr_str_of(text), NULL), 0);
}

static struct dr_connection found(const char *name)
{
    struct dr_connection c = { 0 };
    struct dr_err err = { 0 };
    if (dr_connection_find(&f->arena, &f->home, name, &c, &err))
        fail_msg("%s", err.msg);
    return c;
}

static void assert_refused(const char *name, const char *message)
{
    struct dr_connection c;
    struct dr_err err = { 0 };
    assert_int_equal(dr_connection_find(&f->arena, &f->home, name, &c, &err), DR_EDEF);
    if (!strstr(err.msg, message))
        fail_msg("'%s' does not say '%s'", err.msg, message);
}

static const char *setting(const struct dr_connection *c, const char *key)
{
    for (int32_t i = 0; i < c->n; i++)
        if (dr_streq(c->keys[i], key))
            return c->values[i];
    return NULL;
}

static void the_warehouse_is_always_there(void **state)
{
    (void)state;
    struct dr_connection c = found("warehouse");
    assert_false(c.postgresql);
    assert_string_equal(c.path, f->home.warehouse);
}

static void paths_start_at_the_home(void **state)
{
    (void)state;
    char expected[500];
    write_file("connections:\n  a: {type: sqlite, path: x/a.db}\n  b: {type: sqlite, path: /srv/b.db}\n"
               "  c: {type: postgresql, host: h, sslrootcert: certs/ca.pem}\n");
    snprintf(expected, sizeof expected, "%s/x/a.db", f->home.path);
    assert_string_equal(found("a").path, expected);
    assert_string_equal(found("b").path, "/srv/b.db");
    struct dr_connection c = found("c");
    snprintf(expected, sizeof expected, "%s/certs/ca.pem", f->home.path);
    assert_true(c.postgresql);
    assert_string_equal(setting(&c, "sslrootcert"), expected);
    assert_string_equal(setting(&c, "host"), "h");
}

static void variables_are_put_in_when_it_is_opened(void **state)
{
    (void)state;
    write_file("connections:\n  a: {type: postgresql, port: 5433, password: \"${env.TEST_CONN_SECRET}\"}\n");
    unsetenv("TEST_CONN_SECRET");
    assert_refused("a", "connections.yaml:2:");
    assert_refused("a", "TEST_CONN_SECRET");
    setenv("TEST_CONN_SECRET", "x y", 1);
    struct dr_connection c = found("a");
    assert_string_equal(setting(&c, "password"), "x y");
    assert_string_equal(setting(&c, "port"), "5433");
}

static void the_environment_takes_the_place_of_an_entry(void **state)
{
    (void)state;
    char expected[500];
    write_file("connections:\n  my-db.2: {type: sqlite, path: a.db}\n");
    setenv("DAGRUN_CONN_MY_DB_2", "postgresql://u:p@h/d", 1);
    struct dr_connection c = found("my-db.2");
    assert_true(c.postgresql);
    assert_string_equal(setting(&c, "dbname"), "postgresql://u:p@h/d");
    setenv("DAGRUN_CONN_MY_DB_2", "sqlite:///srv/z.db", 1);
    assert_string_equal(found("my-db.2").path, "/srv/z.db");
    setenv("DAGRUN_CONN_WAREHOUSE", "sqlite:w.db", 1);
    snprintf(expected, sizeof expected, "%s/w.db", f->home.path);
    assert_string_equal(found("warehouse").path, expected);
}

static void a_wrong_uri_is_not_quoted(void **state)
{
    (void)state;
    struct dr_connection c;
    struct dr_err err = { 0 };
    setenv("DAGRUN_CONN_MY_DB_2", "mysql://u:secret@h/d", 1);
    assert_int_equal(dr_connection_find(&f->arena, &f->home, "my-db.2", &c, &err), DR_EDEF);
    assert_non_null(strstr(err.msg, "DAGRUN_CONN_MY_DB_2"));
    assert_null(strstr(err.msg, "secret"));
    write_file("connections:\n  a: {type: postgresql, uri: \"sqlite:x.db\"}\n");
    assert_refused("a", "connections.yaml:2:6: a URI that begins with postgresql:// was expected");
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
    static const struct {
        const char *text, *message;
    } wrong[] = {
        { "connections:\n  a: {type: oracle}\n", "connections.yaml:2:13" },
        { "connections:\n  a: {path: x}\n", "has no type" },
        { "connections:\n  a: {type: sqlite}\n", "has no path" },
        { "connections:\n  a: {type: sqlite, path: x, host: y}\n", "unknown key 'host'" },
        { "connections:\n  a: {type: postgresql, database: y}\n", "dbname" },
        { "connections:\n  a: {type: sqlite, path: [x]}\n", "must be text" },
        { "connections:\n  a: {type: sqlite, path: \"${params.x}\"}\n", "only ${env.NAME}" },
        { "connections:\n  a: x\n", "must be a map" },
        { "connections: [a]\n", "a map of connections" },
        { "conections: {a: {type: sqlite, path: x}}\n", "unknown key 'conections'" },
        { "- a\n", "a map with the key 'connections'" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct dr_diags d = { .arena = &f->arena };
        DR_AUTO_BUF text = { 0 };
        write_file(wrong[i].text);
        dr_connections_check(&f->arena, &f->home, &d);
        dr_diags_put_text(&d, &text);
        if (d.errors == 0 || !strstr(dr_buf_cstr(&text), wrong[i].message))
            fail_msg("%s gave '%s'", wrong[i].text, dr_buf_cstr(&text));
        struct dr_connection c;
        struct dr_err err = { 0 };
        if (dr_connection_find(&f->arena, &f->home, "a", &c, &err) != DR_EDEF)
            fail_msg("%s is used", wrong[i].text);
    }
}

static void a_password_in_the_file_is_a_warning(void **state)
{
    (void)state;
    struct dr_diags d = { .arena = &f->arena };
    write_file("connections:\n  a: {type: postgresql, password: hunter2}\n  b: {type: postgresql, password: "
               "\"${env.X}\"}\n");
    dr_connections_check(&f->arena, &f->home, &d);
    assert_int_equal(d.errors, 0);
    assert_int_equal(d.warnings, 1);
    assert_null(strstr(d.items[0].message, "hunter2"));
}

static void an_unknown_name_gets_the_nearest(void **state)
{
    (void)state;
    write_file("connections:\n  archive: {type: sqlite, path: a.db}\n");
    assert_refused("archiv", "did you mean 'archive'?");
    assert_refused("zzz", "DAGRUN_CONN_ZZZ");
    assert_refused("../x", "cannot be the name");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(the_warehouse_is_always_there),
        T(paths_start_at_the_home),
        T(variables_are_put_in_when_it_is_opened),
        T(the_environment_takes_the_place_of_an_entry),
        T(a_wrong_uri_is_not_quoted),
        T(what_is_wrong_is_told_with_its_place),
        T(a_password_in_the_file_is_a_warning),
        T(an_unknown_name_gets_the_nearest),
    };
    return cmocka_run_group_tests_name("connection", tests, NULL, NULL);
}
