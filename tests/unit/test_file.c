/* Files and folders: whole or not at all, and locks. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "temp_folder.h"

struct fixture {
    struct dr_arena arena;
    struct dr_err err;
    char dir[400];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    if (!make_temp_folder(f->dir, sizeof f->dir))
        return -1;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    dr_remove_tree(f->dir, NULL);
    dr_arena_done(&f->arena);
    free(f);
    return 0;
}

static char *in_dir(struct fixture *f, const char *name)
{
    return dr_path_join(&f->arena, f->dir, name);
}

static const char *content(struct fixture *f, const char *name)
{
    struct dr_str text = { NULL, 0 };
    assert_int_equal(dr_read_file(&f->arena, in_dir(f, name), 1 << 20, &text, &f->err), 0);
    return text.p;
}

static size_t count_entries(struct fixture *f)
{
    char **names;
    size_t n = 0;
    assert_int_equal(dr_list_dir(&f->arena, f->dir, NULL, &names, &n, &f->err), 0);
    return n;
}

static void paths_join_with_one_slash(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(dr_path_join(&f->arena, "a", "b"), "a/b");
    assert_string_equal(dr_path_join(&f->arena, "a/", "b"), "a/b");
    assert_string_equal(dr_path_join(&f->arena, "a", "/b"), "/b");
    assert_string_equal(dr_path_join(&f->arena, "", "b"), "b");
    assert_string_equal(dr_path_base("a/b.csv"), "b.csv");
    assert_string_equal(dr_path_base("b.csv"), "b.csv");
}

static void names_that_could_harm_are_refused(void **state)
{
    (void)state;
    char long_name[202];
    memset(long_name, 'a', 201);
    long_name[201] = '\0';
    assert_true(dr_name_ok("load_2024.v1-b"));
    assert_true(dr_name_ok(long_name + 1));
    static const char *const bad[] = { "", ".", "..", ".hidden", "-rf", "a/b", "a b", "a\n", "\xC3\xA9" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(dr_name_ok(bad[i]));
    assert_false(dr_name_ok(long_name));
}

static void folders_are_made_with_their_parents(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(dr_mkdirs(in_dir(f, "a//b/c/"), &f->err), 0);
    assert_true(dr_path_is_dir(in_dir(f, "a/b/c")));
    assert_int_equal(dr_mkdirs(in_dir(f, "a/b/c"), &f->err), 0);
}

static void a_file_in_the_way_of_a_folder_is_named(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(dr_write_file(in_dir(f, "x"), DR_LIT("1"), &f->err), 0);
    assert_int_equal(dr_mkdirs(in_dir(f, "x/y"), &f->err), DR_ESYS);
    assert_int_equal(dr_mkdirs(in_dir(f, "x"), &f->err), DR_ESYS);
    assert_int_equal(f->err.sys, ENOTDIR);
    assert_non_null(strstr(f->err.msg, "/x'"));
}

static void a_tree_is_removed_but_not_what_its_links_point_to(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(dr_mkdirs(in_dir(f, "kept"), &f->err), 0);
    assert_int_equal(dr_write_file(in_dir(f, "kept/file"), DR_LIT("1"), &f->err), 0);
    assert_int_equal(dr_mkdirs(in_dir(f, "tree/a/b"), &f->err), 0);
    assert_int_equal(dr_write_file(in_dir(f, "tree/a/b/file"), DR_LIT("1"), &f->err), 0);
    assert_int_equal(symlink("../kept", in_dir(f, "tree/link")), 0);
    assert_int_equal(chmod(in_dir(f, "tree/a/b"), 0500), 0);
    assert_int_equal(dr_remove_tree(in_dir(f, "tree"), &f->err), 0);
    assert_false(dr_path_exists(in_dir(f, "tree")));
    assert_true(dr_path_exists(in_dir(f, "kept/file")));
}

static void removing_a_link_leaves_its_target(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(dr_mkdirs(in_dir(f, "kept"), &f->err), 0);
    assert_int_equal(symlink("kept", in_dir(f, "link")), 0);
    assert_int_equal(dr_remove_tree(in_dir(f, "link"), &f->err), 0);
    assert_true(dr_path_is_dir(in_dir(f, "kept")));
    assert_int_equal(count_entries(f), 1);
}

static void removing_what_is_absent_is_fine(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(dr_remove_tree(in_dir(f, "nothing"), &f->err), 0);
}

static void a_file_reads_back_as_written(void **state)
{
    struct fixture *f = *state;
    struct dr_str text;
    assert_int_equal(dr_write_file(in_dir(f, "x"), DR_LIT("a\0b"), &f->err), 0);
    assert_int_equal(dr_read_file(&f->arena, in_dir(f, "x"), 100, &text, &f->err), 0);
    assert_int_equal(text.n, 3);
    assert_memory_equal(text.p, "a\0b", 4);
    assert_int_equal(count_entries(f), 1); /* no temporary is left */
}

static void an_empty_file_reads_as_empty_text(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(dr_write_file(in_dir(f, "x"), DR_LIT(""), &f->err), 0);
    assert_string_equal(content(f, "x"), "");
}

static void a_file_without_a_size_is_read_to_its_end(void **state)
{
    struct fixture *f = *state;
    struct dr_str text = { NULL, 0 };
    assert_int_equal(dr_read_file(&f->arena, "/proc/self/status", 1 << 20, &text, &f->err), 0);
    assert_true(text.n > 100);
}

static void a_file_may_be_just_as_large_as_the_limit(void **state)
{
    struct fixture *f = *state;
    struct dr_str text = { NULL, 0 };
    assert_int_equal(dr_write_file(in_dir(f, "x"), DR_LIT("12345"), &f->err), 0);
    assert_int_equal(dr_read_file(&f->arena, in_dir(f, "x"), 5, &text, &f->err), 0);
    assert_int_equal(text.n, 5);
    assert_int_equal(dr_read_file(&f->arena, in_dir(f, "x"), 4, &text, &f->err), DR_ELIMIT);
    assert_non_null(strstr(f->err.msg, "limit of 4 bytes"));
    assert_int_equal(dr_read_file(&f->arena, "/dev/zero", 100000, &text, &f->err), DR_ELIMIT);
}

static void reading_a_missing_file_or_a_folder_is_explained(void **state)
{
    struct fixture *f = *state;
    struct dr_str text;
    assert_int_equal(dr_read_file(&f->arena, in_dir(f, "no"), 5, &text, &f->err), DR_ESYS);
    assert_int_equal(f->err.sys, ENOENT);
    assert_int_equal(dr_read_file(&f->arena, f->dir, 5, &text, &f->err), DR_ESYS);
    assert_int_equal(f->err.sys, EISDIR);
}

static void an_aborted_file_leaves_the_old_one(void **state)
{
    struct fixture *f = *state;
    struct dr_out o;
    assert_int_equal(dr_write_file(in_dir(f, "x"), DR_LIT("old"), &f->err), 0);
    assert_int_equal(dr_out_open(&o, in_dir(f, "x"), &f->err), 0);
    assert_int_equal(dr_write_all(o.fd, "new", 3, &f->err), 0);
    dr_out_abort(&o);
    dr_out_abort(&o);
    assert_string_equal(content(f, "x"), "old");
    assert_int_equal(count_entries(f), 1);
}

static void a_file_appears_only_when_committed(void **state)
{
    struct fixture *f = *state;
    struct dr_out o;
    assert_int_equal(dr_out_open(&o, in_dir(f, "x"), &f->err), 0);
    assert_int_equal(dr_write_all(o.fd, "new", 3, &f->err), 0);
    assert_false(dr_path_exists(in_dir(f, "x")));
    assert_int_equal(dr_out_commit(&o, &f->err), 0);
    assert_string_equal(content(f, "x"), "new");
    dr_out_abort(&o);
    assert_string_equal(content(f, "x"), "new");
}

static void a_full_disk_is_told_and_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    DR_AUTO_FD full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (full < 0) {
        print_message("# skip: there is no /dev/full\n");
        skip();
    }
    assert_int_equal(dr_write_all(full, "x", 1, &f->err), DR_ESYS);
    assert_int_equal(f->err.sys, ENOSPC);
}

static void a_file_in_a_missing_folder_cannot_be_written(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(dr_write_file(in_dir(f, "no/x"), DR_LIT("1"), &f->err), DR_ESYS);
    assert_non_null(strstr(f->err.msg, "no/x"));
}

static void a_file_cannot_replace_a_folder(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(dr_mkdirs(in_dir(f, "x"), &f->err), 0);
    assert_int_equal(dr_write_file(in_dir(f, "x"), DR_LIT("1"), &f->err), DR_ESYS);
    assert_int_equal(f->err.sys, EISDIR);
    assert_int_equal(dr_symlink_swap("y", in_dir(f, "x"), &f->err), DR_ESYS);
    assert_int_equal(dr_symlink_swap("y", in_dir(f, "no/x"), &f->err), DR_ESYS);
    assert_int_equal(count_entries(f), 1); /* no temporary is left */
}

static void a_tree_too_deep_is_refused(void **state)
{
    struct fixture *f = *state;
    enum { DEPTH = 300 };
    DR_AUTO_BUF path = { 0 };
    dr_buf_puts(&path, in_dir(f, "deep"));
    for (int i = 0; i < DEPTH; i++)
        dr_buf_puts(&path, "/d");
    assert_int_equal(dr_mkdirs(dr_buf_cstr(&path), &f->err), 0);
    assert_int_equal(dr_remove_tree(in_dir(f, "deep"), &f->err), DR_ELIMIT);
    assert_non_null(strstr(f->err.msg, "256 folders deep"));
    path.p[path.n - 2 * (DEPTH - 100)] = '\0'; /* take it away in two steps */
    assert_int_equal(dr_remove_tree(path.p, &f->err), 0);
}

static void a_lock_in_a_missing_folder_is_explained(void **state)
{
    struct fixture *f = *state;
    int fd = -1;
    assert_int_equal(dr_lock_file(in_dir(f, "no/lock"), &fd, NULL, 0, &f->err), DR_ESYS);
    assert_non_null(strstr(f->err.msg, "no/lock"));
    assert_int_equal(dr_lock_note(-1, "x", &f->err), DR_ESYS);
}

static void a_link_is_swapped(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(dr_write_file(in_dir(f, "a"), DR_LIT("A"), &f->err), 0);
    assert_int_equal(dr_write_file(in_dir(f, "b"), DR_LIT("B"), &f->err), 0);
    assert_int_equal(dr_symlink_swap("a", in_dir(f, "current"), &f->err), 0);
    assert_string_equal(content(f, "current"), "A");
    assert_int_equal(dr_symlink_swap("b", in_dir(f, "current"), &f->err), 0);
    assert_string_equal(content(f, "current"), "B");
    assert_int_equal(count_entries(f), 3);
}

static void a_listing_is_sorted_and_filtered(void **state)
{
    struct fixture *f = *state;
    static const char *const made[] = { "c.yaml", "a.yaml", "b.txt", "B.yaml" };
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(dr_write_file(in_dir(f, made[i]), DR_LIT(""), &f->err), 0);
    char **names;
    size_t n;
    assert_int_equal(dr_list_dir(&f->arena, f->dir, ".yaml", &names, &n, &f->err), 0);
    assert_int_equal(n, 3);
    assert_string_equal(names[0], "B.yaml");
    assert_string_equal(names[1], "a.yaml");
    assert_string_equal(names[2], "c.yaml");
    assert_int_equal(dr_list_dir(&f->arena, in_dir(f, "no"), NULL, &names, &n, &f->err), DR_ESYS);
}

static void a_lock_keeps_others_out_and_names_its_holder(void **state)
{
    struct fixture *f = *state;
    int fd = -1, second = -1;
    char holder[64] = "";
    const char *path = in_dir(f, "lock");
    assert_int_equal(dr_lock_file(path, &fd, NULL, 0, &f->err), 0);
    assert_int_equal(dr_lock_note(fd, "pid 42\nmore", &f->err), 0);
    assert_int_equal(dr_lock_file(path, &second, holder, sizeof(holder), &f->err), DR_EBUSY);
    assert_string_equal(holder, "pid 42");
    assert_non_null(strstr(f->err.msg, "locked by pid 42"));
    assert_int_equal(second, -1);
    close(fd);
    assert_int_equal(dr_lock_file(path, &second, NULL, 0, &f->err), 0);
    assert_int_equal(fcntl(second, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(second);
}

static void a_lock_taken_anew_has_no_old_note(void **state)
{
    struct fixture *f = *state;
    int fd = -1, second = -1;
    char holder[8] = "x";
    const char *path = in_dir(f, "lock");
    assert_int_equal(dr_lock_file(path, &fd, NULL, 0, &f->err), 0);
    assert_int_equal(dr_lock_note(fd, "first", &f->err), 0);
    close(fd);
    assert_int_equal(dr_lock_file(path, &fd, NULL, 0, &f->err), 0);
    assert_int_equal(dr_lock_file(path, &second, holder, sizeof(holder), &f->err), DR_EBUSY);
    assert_string_equal(holder, "");
    assert_non_null(strstr(f->err.msg, "another process"));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(paths_join_with_one_slash, setup, teardown),
        cmocka_unit_test_setup_teardown(names_that_could_harm_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(folders_are_made_with_their_parents, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_in_the_way_of_a_folder_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tree_is_removed_but_not_what_its_links_point_to, setup, teardown),
        cmocka_unit_test_setup_teardown(removing_a_link_leaves_its_target, setup, teardown),
        cmocka_unit_test_setup_teardown(removing_what_is_absent_is_fine, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_reads_back_as_written, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_file_reads_as_empty_text, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_without_a_size_is_read_to_its_end, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_may_be_just_as_large_as_the_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(reading_a_missing_file_or_a_folder_is_explained, setup, teardown),
        cmocka_unit_test_setup_teardown(an_aborted_file_leaves_the_old_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_appears_only_when_committed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_is_told_and_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_in_a_missing_folder_cannot_be_written, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_cannot_replace_a_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tree_too_deep_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lock_in_a_missing_folder_is_explained, setup, teardown),
        cmocka_unit_test_setup_teardown(a_link_is_swapped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_listing_is_sorted_and_filtered, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lock_keeps_others_out_and_names_its_holder, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lock_taken_anew_has_no_old_note, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
