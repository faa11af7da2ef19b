/* expect_pass.c - see expect_pass.h. */
#include "cmd/expect_pass.h"
#include <sys/stat.h>
#include "base/file.h"
#include "base/num.h"
#include "base/resident.h"
#include "cmd/table_file.h"
#include "data/scratch.h"
#include "expect/pass.h"

/* A table takes up to this many times the bytes of its file, and packed ones so much more. */
enum { TABLE_OF_FILE = 3, PACKED = 8 };
enum { MIB = 1 << 20 };

/* ---- how much ---- */

/* A number in a file of the control group, or UINT64_MAX where it says "max" or nothing. */
static uint64_t group_number(const char *path)
{
    DR_AUTO_ARENA arena = { 0 };
    struct dr_str text;
    int64_t n;
    if (dr_read_file(&arena, path, 100, &text, NULL))
        return UINT64_MAX;
    while (text.n && text.p[text.n - 1] == '\n')
        text.n--;
    return dr_parse_i64(text, &n) ? (uint64_t)n : UINT64_MAX;
}

/* What is left of the machine's memory, or of the container's. */
static uint64_t available(void)
{
    uint64_t machine = dr_memory_available(), most = group_number("/sys/fs/cgroup/memory.max");
    uint64_t used = group_number("/sys/fs/cgroup/memory.current");
    uint64_t group = most == UINT64_MAX || used > most ? UINT64_MAX : most - used;
    return group < machine ? group : machine;
}

/* What the table of a file may take, as far as its size tells. */
static uint64_t table_of(const char *path)
{
    struct dr_str name = dr_str_of(path);
    struct stat st;
    bool packed = dr_str_ends(name, DR_LIT(".gz")) || dr_str_ends(name, DR_LIT(".zst"));
    if (stat(path, &st) || !S_ISREG(st.st_mode))
        return 0;
    return (uint64_t)st.st_size * TABLE_OF_FILE * (packed ? PACKED : 1);
}

int dr_expect_memory(struct dr_cmd *c, const char *path, uint64_t *ret, bool *ret_asked)
{
    struct dr_err err = { 0 };
    uint64_t limit, has;
    *ret = 0;
    *ret_asked = c->args.memory;
    if (c->args.memory)
        return dr_parse_size(dr_str_of(c->args.memory), ret)
                   ? 0
                   : dr_cmd_usage("--memory: '%s' is not a size such as 300MB", c->args.memory);
    if (dr_scratch_limit(&limit, &err))
        return dr_cmd_usage("%s", err.msg);
    has = limit ? limit : available();
    if (has && table_of(path) > has)
        *ret = limit ? limit : has / 2 + 1;
    return 0;
}

int dr_cmd_warn_held(const char *path, const char *what)
{
    struct dr_err err = { 0 };
    uint64_t limit, has, needed = table_of(path);
    if (dr_scratch_limit(&limit, &err))
        return dr_cmd_usage("%s", err.msg);
    has = limit ? limit : available();
    if (has && needed > has)
        fprintf(stderr,
                "dagrun: warning: %s holds all of %s, which may take %llu MB; %s %llu MB. Give it a part of "
                "the file's rows, or more memory.\n",
                what, path, (unsigned long long)(needed / MIB),
                limit ? "DAGRUN_MEMORY_LIMIT is" : "available are", (unsigned long long)(has / MIB));
    return 0;
}

/* ---- checking ---- */

/* Another look at a JSON file, with more of it to find its columns from; false: that would be too much. */
static bool look_further(struct dr_stream *s, uint64_t memory)
{
    s->infer_bytes = s->infer_bytes ? s->infer_bytes * 8 : (int64_t)32 << 20;
    return (uint64_t)s->infer_bytes <= memory / 2;
}

static void say(struct dr_cmd *c, const struct dr_suite *suite, struct dr_stream *s, const char *file,
                const struct dr_table *columns)
{
    struct dr_table *rejects = NULL;
    int64_t n = s->rejects.n;
    if (!dr_rejects_finish(&s->rejects, &rejects, NULL))
        dr_cmd_say_unread(file, n, rejects, "checked");
    dr_table_unref(rejects);
    if (!dr_cmd_is_json(c, file))
        dr_cmd_hint_delimiter(columns, file);
    dr_expect_warn_absent(c, suite, columns, file);
}

/* A limit is a promise: where it could not be kept, that is said. */
static void say_peak(const struct dr_pass_peak *peak, uint64_t memory, const char *file)
{
    const char *column = peak->of ? dr_node_str(dr_node_get(peak->of->kwargs, "column"), NULL) : NULL;
    if (peak->bytes <= memory)
        return;
    uint64_t took = (peak->bytes + MIB - 1) / MIB, limit = memory / MIB;
    fprintf(stderr,
            "dagrun: warning: %s took %llu MB of memory, %llu MB more than its limit of %llu MB: most for "
            "%s%s%s\n",
            file, (unsigned long long)took, (unsigned long long)(took - limit), (unsigned long long)limit,
            peak->of ? peak->of->type : "reading it", column ? " of " : "", column ? column : "");
}

/* One try. DR_ECANCEL: see dr_cmd_open_stream. */
static int32_t try_stream(struct dr_cmd *c, const struct dr_suite *suite, const struct dr_expect_options *o,
                          uint64_t memory, struct dr_checked *file, struct dr_stream *s, struct dr_err *err)
{
    struct dr_table *columns = NULL;
    struct dr_expect_options of_file = *o;
    struct dr_pass_peak peak = { 0 };
    struct dr_pass_options pass = { .expect = &of_file, .memory = memory, .ret_peak = &peak };
    int32_t rc = dr_cmd_open_stream(c, file->file, suite, s, err);
    of_file.mixed_columns = s->mixed;
    if (!rc)
        rc = dr_expect_pass(suite, s->reader, &pass, &file->results, &columns, err);
    dr_reader_close(s->reader);
    s->reader = NULL;
    if (!rc) {
        file->results->unread = s->rejects.n;
        say(c, suite, s, file->file, columns);
        say_peak(&peak, memory, file->file);
        dr_table_unref(columns);
    }
    dr_rejects_clear(&s->rejects);
    return rc;
}

int dr_expect_stream(struct dr_cmd *c, const struct dr_suite *suite, const struct dr_expect_options *o,
                     uint64_t memory, struct dr_checked *file, bool *ret_gave_up)
{
    struct dr_stream s = { 0 };
    struct dr_err err = { 0 };
    int32_t rc;
    do
        rc = try_stream(c, suite, o, memory, file, &s, &err);
    while (rc == DR_ECANCEL && look_further(&s, memory));
    if (ret_gave_up && (*ret_gave_up = rc == DR_ECANCEL))
        return 0;
    if (rc == DR_ECANCEL) {
        struct dr_err more = { 0 };
        dr_fail(&more, DR_ELIMIT,
                "%s\nthe records before it, which half of --memory may hold, do not show that; give more, or "
                "leave it out",
                err.msg);
        err = more;
    }
    return rc ? dr_cmd_fail_reading(c, file->file, &err) : 0;
}
