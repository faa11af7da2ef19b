/* test_compose.c - compose.yaml says what it should, read by our own reader of YAML. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "model/yaml.h"

static struct dr_arena arena;
static const struct dr_node *compose;

static int setup(void **state)
{
    struct dr_diags d = { .arena = &arena };
    (void)state;
    compose = dr_yaml_load(&arena, SOURCE_DIR "/compose.yaml", "compose.yaml", &d);
    return compose && d.n == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    dr_arena_done(&arena);
    return 0;
}

static const struct dr_node *service(const char *name, const char *key)
{
    const struct dr_node *n = dr_node_get(dr_node_get(dr_node_get(compose, "services"), name), key);
    assert_non_null(n);
    return n;
}

/* "name:/path" names a volume that is declared. */
static void every_volume_is_declared(void **state)
{
    static const char *const services[] = { "postgres", "nightly" };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct dr_node *volumes = service(services[i], "volumes");
        assert_true(dr_node_size(volumes) > 0);
        for (int64_t k = 0; k < dr_node_size(volumes); k++) {
            const char *text = dr_node_str(dr_node_at(volumes, k), ""), *colon = strchr(text, ':');
            assert_non_null(colon);
            const char *name = dr_arena_dup(&arena, text, (size_t)(colon - text));
            assert_true(dr_node_index(dr_node_get(compose, "volumes"), name) >= 0);
        }
    }
}

static void the_nightly_run_waits_for_a_healthy_database(void **state)
{
    (void)state;
    const struct dr_node *on = dr_node_get(service("nightly", "depends_on"), "postgres");
    assert_string_equal(dr_node_str(dr_node_get(on, "condition"), ""), "service_healthy");
    assert_non_null(dr_node_get(service("postgres", "healthcheck"), "test"));
}

static void the_nightly_run_asks_what_is_due(void **state)
{
    (void)state;
    const char *command = dr_node_str(dr_node_at(service("nightly", "command"), 0), "");
    assert_non_null(strstr(command, "dagrun run"));
    assert_non_null(strstr(command, "--if-due"));
    assert_string_equal(dr_node_str(service("nightly", "build"), ""), ".");
}

static void no_password_stands_in_it(void **state)
{
    (void)state;
    const char *password =
        dr_node_str(dr_node_get(service("postgres", "environment"), "POSTGRES_PASSWORD"), "");
    const char *uri = dr_node_str(dr_node_get(service("nightly", "environment"), "DAGRUN_CONN_POSTGRES"), "");
    assert_true(dr_str_starts(dr_str_of(password), DR_LIT("${POSTGRES_PASSWORD")));
    assert_non_null(strstr(uri, "postgresql://dagrun:${POSTGRES_PASSWORD"));
    assert_non_null(strstr(uri, "@postgres/dagrun"));
}

static void it_has_no_more_rights_than_it_needs(void **state)
{
    (void)state;
    assert_true(dr_node_bool(service("nightly", "read_only"), 0));
    assert_string_equal(dr_node_str(dr_node_at(service("nightly", "cap_drop"), 0), ""), "ALL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_volume_is_declared),
        cmocka_unit_test(the_nightly_run_waits_for_a_healthy_database),
        cmocka_unit_test(the_nightly_run_asks_what_is_due),
        cmocka_unit_test(no_password_stands_in_it),
        cmocka_unit_test(it_has_no_more_rights_than_it_needs),
    };
    return cmocka_run_group_tests_name("compose", tests, setup, teardown);
}
