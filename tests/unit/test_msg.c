#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "exec/msg.h"

struct pipe_fixture {
    int from;
    struct dr_msg_writer writer;
    struct dr_msg_reader reader;
    struct dr_err err;
};

static int setup(void **state)
{
    struct pipe_fixture *f = test_calloc(1, sizeof(*f));
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0 || fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
        return -1;
    f->from = fds[0];
    *state = f;
    return dr_msg_writer_init(&f->writer, fds[1], &f->err);
}

static int teardown(void **state)
{
    struct pipe_fixture *f = *state;
    dr_msg_writer_done(&f->writer);
    dr_msg_reader_done(&f->reader);
    close(f->from);
    test_free(f);
    return 0;
}

static struct dr_msg receive(struct pipe_fixture *f)
{
    struct dr_msg m;
    bool any;
    ssize_t n;
    assert_int_equal(DR_OK, dr_msg_fill(&f->reader, f->from, &n, &f->err));
    if (dr_msg_next(&f->reader, &m, &any, &f->err))
        fail_msg("%s", f->err.msg);
    assert_true(any);
    return m;
}

static struct dr_msg through(struct pipe_fixture *f, struct dr_msg m)
{
    assert_int_equal(DR_OK, dr_msg_send(&f->writer, &m, &f->err));
    return receive(f);
}

/* Bytes that no writer of ours sent. */
static int32_t receive_raw(struct pipe_fixture *f, const void *bytes, size_t n, bool *ret_any)
{
    struct dr_msg m;
    ssize_t got;
    assert_int_equal((ssize_t)n, write(f->writer.fd, bytes, n));
    assert_int_equal(DR_OK, dr_msg_fill(&f->reader, f->from, &got, &f->err));
    return dr_msg_next(&f->reader, &m, ret_any, &f->err);
}

static void numbers_and_texts_arrive_as_sent(void **state)
{
    struct pipe_fixture *f = *state;
    struct dr_msg m =
        through(f, (struct dr_msg){ .type = DR_MSG_METRIC, .metric = { "rows \xc3\xa9", -0.125 } });
    assert_string_equal("rows \xc3\xa9", m.metric.name);
    assert_true(m.metric.value == -0.125);
    m = through(f, (struct dr_msg){ .type = DR_MSG_PROGRESS, .progress = { INT64_MAX, -1 } });
    assert_true(m.progress.done == INT64_MAX && m.progress.total == -1);
    m = through(f, (struct dr_msg){ .type = DR_MSG_ACCOUNT, .account = { "d", NULL, "raw", 7 } });
    assert_null(m.account.group);
    assert_int_equal(7, m.account.rows);
}

static void a_dataset_record_arrives_whole(void **state)
{
    struct pipe_fixture *f = *state;
    struct dr_msg m = through(f, (struct dr_msg){ .type = DR_MSG_DATASET,
                                                  .dataset = { .name = "n",
                                                               .path = "p",
                                                               .port = "t",
                                                               .schema = "[]",
                                                               .rows = -1,
                                                               .bytes = 5,
                                                               .output = true } });
    assert_string_equal("p", m.dataset.path);
    assert_null(m.dataset.hash);
    assert_string_equal("[]", m.dataset.schema);
    assert_true(m.dataset.output && m.dataset.rows == -1 && m.dataset.bytes == 5);
}

static void a_result_arrives_whole(void **state)
{
    struct pipe_fixture *f = *state;
    struct dr_msg sent = { .type = DR_MSG_RESULT,
                           .result = { .suite = "s",
                                       .dataset = "d",
                                       .expectation_id = "i",
                                       .expectation_type = "t",
                                       .severity = "info",
                                       .on_failure = "record",
                                       .kwargs = "{}",
                                       .result = "{}",
                                       .sentence = "all well",
                                       .success = true,
                                       .element_count = 9,
                                       .unexpected_count = -1,
                                       .missing_count = 3,
                                       .position = 4 } };
    struct dr_msg m = through(f, sent);
    assert_string_equal("all well", m.result.sentence);
    assert_null(m.result.exception);
    assert_true(m.result.success && m.result.element_count == 9 && m.result.unexpected_count == -1);
    assert_int_equal(4, m.result.position);
}

static void the_final_message_arrives(void **state)
{
    struct pipe_fixture *f = *state;
    struct dr_msg m =
        through(f, (struct dr_msg){ .type = DR_MSG_END, .end = { DR_END_SKIPPED, "why", true } });
    assert_int_equal(DR_END_SKIPPED, m.end.how);
    assert_string_equal("why", m.end.reason);
    assert_true(m.end.has_outputs);
}

static void text_that_is_not_utf8_is_made_visible(void **state)
{
    struct dr_msg m = through(*state, (struct dr_msg){ .type = DR_MSG_METRIC, .metric = { "a\xff", 0 } });
    assert_string_equal("a\\xFF", m.metric.name);
}

static void a_message_in_pieces_waits_for_the_rest(void **state)
{
    struct pipe_fixture *f = *state;
    struct dr_msg m;
    bool any;
    ssize_t n;
    int fds[2];
    struct dr_msg_writer other;
    char frame[200];
    assert_int_equal(0, pipe2(fds, O_CLOEXEC));
    assert_int_equal(DR_OK, dr_msg_writer_init(&other, fds[1], &f->err));
    struct dr_msg metric = { .type = DR_MSG_METRIC, .metric = { "pieces", 1 } };
    assert_int_equal(DR_OK, dr_msg_send(&other, &metric, &f->err));
    ssize_t size = read(fds[0], frame, sizeof(frame));
    for (ssize_t i = 0; i < size; i++) {
        assert_int_equal(1, write(f->writer.fd, frame + i, 1));
        assert_int_equal(DR_OK, dr_msg_fill(&f->reader, f->from, &n, &f->err));
        assert_int_equal(DR_OK, dr_msg_next(&f->reader, &m, &any, &f->err));
        assert_int_equal(i == size - 1, any);
    }
    assert_string_equal("pieces", m.metric.name);
    dr_msg_writer_done(&other);
    close(fds[0]);
}

static void bytes_of_no_known_type_are_refused(void **state)
{
    struct pipe_fixture *f = *state;
    bool any;
    assert_int_equal(DR_EPLUGIN, receive_raw(f, "hello world!", 12, &any));
    assert_non_null(strstr(f->err.msg, "no message"));
}

static void a_size_beyond_the_limit_is_refused_before_it_is_read(void **state)
{
    static const unsigned char header[] = { DR_MSG_METRIC, 0, 0, 0, 1, 0, 0, 1 }; /* 16 MiB and a byte */
    bool any;
    assert_int_equal(DR_EPLUGIN, receive_raw(*state, header, sizeof(header), &any));
}

static void a_text_longer_than_its_message_is_refused(void **state)
{
    static const unsigned char frame[] = { DR_MSG_METRIC, 0, 0, 0, 6, 0, 0, 0, 200, 0, 0, 0, 'x', 0 };
    bool any;
    assert_int_equal(DR_EPLUGIN, receive_raw(*state, frame, sizeof(frame), &any));
}

static void left_over_bytes_in_a_message_are_refused(void **state)
{
    unsigned char frame[8 + 17] = { DR_MSG_PROGRESS, 0, 0, 0, 17, 0, 0, 0 };
    bool any;
    assert_int_equal(DR_EPLUGIN, receive_raw(*state, frame, sizeof(frame), &any));
}

static void a_nul_within_a_text_is_refused(void **state)
{
    static const unsigned char frame[] = { DR_MSG_METRIC, 0, 0,   0, 16, 0, 0, 0, 3, 0, 0, 0,
                                           'a',           0, 'b', 0, 0,  0, 0, 0, 0, 0, 0, 0 };
    bool any;
    assert_int_equal(DR_EPLUGIN, receive_raw(*state, frame, sizeof(frame), &any));
}

static void an_end_of_an_unknown_kind_is_refused(void **state)
{
    unsigned char frame[8 + 20] = { DR_MSG_END, 0, 0, 0, 20, 0, 0, 0, 9 };
    memset(frame + 16, 0xff, 4); /* no reason */
    bool any;
    assert_int_equal(DR_EPLUGIN, receive_raw(*state, frame, sizeof(frame), &any));
}

static void random_bytes_never_harm_the_reader(void **state)
{
    struct pipe_fixture *f = *state;
    uint64_t seed = 42;
    unsigned char bytes[256];
    for (int round = 0; round < 2000; round++) {
        for (size_t i = 0; i < sizeof(bytes); i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            bytes[i] = (unsigned char)(seed >> 56);
        }
        /* A plausible header, so that the payload is looked at. */
        memset(bytes, 0, 8);
        bytes[0] = (unsigned char)(1 + round % 6);
        bytes[4] = (unsigned char)(round % 248);
        bool any;
        (void)receive_raw(f, bytes, sizeof(bytes), &any);
        dr_msg_reader_done(&f->reader);
    }
}

static void a_closed_pipe_is_told_apart_from_an_empty_one(void **state)
{
    struct pipe_fixture *f = *state;
    ssize_t n;
    assert_int_equal(DR_OK, dr_msg_fill(&f->reader, f->from, &n, &f->err));
    assert_int_equal(0, n);
    dr_msg_writer_done(&f->writer);
    assert_int_equal(DR_OK, dr_msg_fill(&f->reader, f->from, &n, &f->err));
    assert_int_equal(-1, n);
}

static void the_writer_does_not_write_into_a_file_that_got_its_number(void **state)
{
    struct pipe_fixture *f = *state;
    int other[2];
    assert_int_equal(0, pipe2(other, O_CLOEXEC));
    assert_true(dup2(other[1], f->writer.fd) >= 0); /* as a plugin's close and open would */
    struct dr_msg m = { .type = DR_MSG_METRIC, .metric = { "x", 0 } };
    assert_int_equal(DR_EPLUGIN, dr_msg_send(&f->writer, &m, &f->err));
    close(other[0]);
    close(other[1]);
}

static void a_message_beyond_the_limit_is_not_sent(void **state)
{
    struct pipe_fixture *f = *state;
    char *huge = test_malloc(DR_MSG_MAX + 1);
    memset(huge, 'x', DR_MSG_MAX);
    huge[DR_MSG_MAX] = '\0';
    struct dr_msg m = { .type = DR_MSG_METRIC, .metric = { huge, 0 } };
    assert_int_equal(DR_ELIMIT, dr_msg_send(&f->writer, &m, &f->err));
    test_free(huge);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(numbers_and_texts_arrive_as_sent),
        TEST(a_dataset_record_arrives_whole),
        TEST(a_result_arrives_whole),
        TEST(the_final_message_arrives),
        TEST(text_that_is_not_utf8_is_made_visible),
        TEST(a_message_in_pieces_waits_for_the_rest),
        TEST(bytes_of_no_known_type_are_refused),
        TEST(a_size_beyond_the_limit_is_refused_before_it_is_read),
        TEST(a_text_longer_than_its_message_is_refused),
        TEST(left_over_bytes_in_a_message_are_refused),
        TEST(a_nul_within_a_text_is_refused),
        TEST(an_end_of_an_unknown_kind_is_refused),
        TEST(random_bytes_never_harm_the_reader),
        TEST(a_closed_pipe_is_told_apart_from_an_empty_one),
        TEST(the_writer_does_not_write_into_a_file_that_got_its_number),
        TEST(a_message_beyond_the_limit_is_not_sent),
    };
    return cmocka_run_group_tests_name("msg", tests, NULL, NULL);
}
