/* Hashes and the map. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"
#include "base/hash.h"

static void hashes_are_those_of_xxh3(void **state)
{
    (void)state;
    char hex[DR_HASH_HEX];
    assert_true(dr_hash("", 0) == UINT64_C(0x2d06800538d394c2));
    assert_true(dr_hash(NULL, 0) == UINT64_C(0x2d06800538d394c2));
    dr_hash_hex("", 0, hex);
    assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
}

static void a_stream_hashes_as_its_whole(void **state)
{
    (void)state;
    char bytes[5000], whole[DR_HASH_HEX], streamed[DR_HASH_HEX];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 31);
    dr_hash_hex(bytes, sizeof(bytes), whole);
    struct dr_hasher *h = dr_hasher_new();
    for (size_t at = 0, step = 1; at < sizeof(bytes); at += step, step = step * 2 % 701 + 1) {
        size_t left = sizeof(bytes) - at;
        dr_hasher_update(h, bytes + at, step < left ? step : left);
    }
    dr_hasher_hex(h, streamed);
    dr_hasher_free(h);
    assert_string_equal(streamed, whole);
}

static void a_file_hashes_as_its_bytes(void **state)
{
    (void)state;
    char path[200], of_file[DR_HASH_HEX], of_bytes[DR_HASH_HEX];
    const char *tmp = getenv("TMPDIR");
    snprintf(path, sizeof(path), "%.100s/hashXXXXXX", tmp ? tmp : "/tmp");
    DR_AUTO_FD fd = mkstemp(path);
    assert_true(fd >= 0);
    int32_t written = dr_write_all(fd, "some bytes", 10, NULL);
    uint64_t size = 0;
    int32_t rc = dr_hash_file(path, of_file, &size, NULL);
    unlink(path);
    dr_hash_hex("some bytes", 10, of_bytes);
    assert_int_equal(written, 0);
    assert_int_equal(rc, 0);
    assert_int_equal(size, 10);
    assert_string_equal(of_file, of_bytes);
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    char hex[DR_HASH_HEX];
    struct dr_err err;
    assert_int_equal(dr_hash_file("/nonexistent/x", hex, NULL, &err), DR_ESYS);
    assert_int_equal(err.sys, ENOENT);
    assert_non_null(strstr(err.msg, "/nonexistent/x"));
}

struct fixture {
    struct dr_map map;
    struct dr_arena arena;
};

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    dr_map_done(&f->map);
    dr_arena_done(&f->arena);
    free(f);
    return 0;
}

static void an_empty_map_holds_nothing(void **state)
{
    struct fixture *f = *state;
    assert_null(dr_map_get(&f->map, DR_LIT("x")));
    assert_null(dr_map_get(&f->map, DR_LIT("")));
}

static void a_new_key_starts_at_zero(void **state)
{
    struct fixture *f = *state;
    bool is_new;
    int64_t *v = dr_map_put(&f->map, DR_LIT("x"), &is_new);
    assert_true(is_new);
    assert_int_equal(*v, 0);
    *v = 7;
    assert_int_equal(*dr_map_put(&f->map, DR_LIT("x"), &is_new), 7);
    assert_false(is_new);
    assert_int_equal(f->map.n, 1);
}

static void many_keys_are_all_found_after_growing(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 20000; i++)
        *dr_map_put(&f->map, dr_str_of(dr_arena_printf(&f->arena, "key %d", i)), NULL) = i;
    assert_int_equal(f->map.n, 20000);
    assert_true(f->map.n * 3 <= f->map.cap * 2);
    char key[32];
    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof(key), "key %d", i);
        int64_t *v = dr_map_get(&f->map, dr_str_of(key));
        assert_non_null(v);
        assert_int_equal(*v, i);
    }
    assert_null(dr_map_get(&f->map, DR_LIT("key 20000")));
}

static void the_empty_key_is_a_key(void **state)
{
    struct fixture *f = *state;
    *dr_map_put(&f->map, (struct dr_str){ NULL, 0 }, NULL) = 5;
    assert_int_equal(*dr_map_get(&f->map, DR_LIT("")), 5);
    assert_int_equal(f->map.n, 1);
}

static void keys_may_hold_any_byte(void **state)
{
    struct fixture *f = *state;
    *dr_map_put(&f->map, DR_LIT("a\0b"), NULL) = 1;
    *dr_map_put(&f->map, DR_LIT("a\0c"), NULL) = 2;
    assert_int_equal(*dr_map_get(&f->map, DR_LIT("a\0b")), 1);
    assert_int_equal(*dr_map_get(&f->map, DR_LIT("a\0c")), 2);
    assert_null(dr_map_get(&f->map, DR_LIT("a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_those_of_xxh3),
        cmocka_unit_test(a_stream_hashes_as_its_whole),
        cmocka_unit_test(a_file_hashes_as_its_bytes),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test_setup_teardown(an_empty_map_holds_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_key_starts_at_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(many_keys_are_all_found_after_growing, setup, teardown),
        cmocka_unit_test_setup_teardown(the_empty_key_is_a_key, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_may_hold_any_byte, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
