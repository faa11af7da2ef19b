/* dagrun crontab: the lines that make cron run every scheduled DAG.
 *
 * Overlap: a run takes its DAG's lock, so a line that fires while the last run goes on
 * ends at once with exit code 5 and a line in the log. Zone: Debian's cron knows
 * only the machine's. A line for a DAG in another zone fires at every quarter of
 * an hour that can be right, and `dagrun run --if-due` decides by the DAG's own
 * schedule, which knows its zone's summer time. It also knows the start_date and
 * end_date, of which cron knows nothing. */
#include "cmd/cmd.h"
#include <inttypes.h>
#include <pwd.h>
#include <unistd.h>

#include "base/date.h"
#include "base/file.h"

/* A word for /bin/sh, in single quotes where it needs them; % is cron's line end. */
static const char *shell_word(struct dr_cmd *c, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+=:@,";
    if (text[0] && strspn(text, plain) == strlen(text))
        return text;
    DR_AUTO_BUF out = { 0 };
    (void)dr_buf_putc(&out, '\'');
    for (; *text; text++)
        (void)dr_buf_puts(&out, *text == '\'' ? "'\\''" : *text == '%' ? "\\%" : (char[]){ *text, 0 });
    (void)dr_buf_putc(&out, '\'');
    return dr_arena_strdup(&c->arena, dr_buf_cstr(&out));
}

static const char *program_path(struct dr_cmd *c)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    return n > 0 ? dr_arena_dup(&c->arena, path, (size_t)n) : "dagrun";
}

/* Without the file it is UTC; "" where the file does not say its name. */
static const char *system_zone(struct dr_cmd *c)
{
    static const char file[] = "/etc/localtime";
    char path[4096];
    ssize_t n = readlink(file, path, sizeof path - 1);
    if (n < 0)
        return access(file, F_OK) == 0 ? "" : "UTC";
    path[n] = 0;
    const char *at = strstr(path, "zoneinfo/");
    return at ? dr_arena_strdup(&c->arena, at + strlen("zoneinfo/")) : "";
}

static bool same_zone(const char *a, const char *b)
{
    static const char *const utc[] = { "UTC", "Etc/UTC", "Etc/UCT", "GMT", "Etc/GMT", "Zulu", "Universal" };
    bool a_utc = false, b_utc = false;
    for (size_t i = 0; i < sizeof utc / sizeof utc[0]; i++) {
        a_utc |= dr_streq(a, utc[i]);
        b_utc |= dr_streq(b, utc[i]);
    }
    return dr_streq(a, b) || (a_utc && b_utc);
}

/* The machine's zone, as cron follows it. That of this shell may be another one, and nobody would notice. */
static const char *machine_zone(struct dr_cmd *c)
{
    const char *tz = getenv("TZ"), *zone = system_zone(c);
    if (!tz || !*tz)
        return zone;
    tz += tz[0] == ':';
    if (zone[0] && !same_zone(tz, zone))
        fprintf(
            stderr,
            "dagrun: warning: TZ is %s here, and /etc/localtime says %s: the lines are right for a cron that "
            "has this TZ; for another one unset it\n",
            tz, zone);
    return tz;
}

static void put_list(struct dr_buf *b, uint64_t bits, int low, int high)
{
    bool first = true;
    for (int i = low; i <= high; i++) {
        if (!(bits >> i & 1))
            continue;
        (void)dr_buf_printf(b, "%s%d", first ? "" : ",", i);
        first = false;
    }
}

static uint64_t every(int step, int low, int high)
{
    uint64_t bits = 0;
    for (int i = low; i <= high; i += step)
        bits |= UINT64_C(1) << i;
    return bits;
}

/* The n of which the values are every nth, from the first of the field; 0: of none. */
static int step_of(uint64_t bits, int low, int high)
{
    for (int step = 1; step <= high - low; step++)
        if (bits == every(step, low, high))
            return step;
    return 0;
}

/* A field as a cron of Vixie's line reads it: whether it begins with a star says how the two fields of
 * days go together, and what becomes of a time that clocks pass over. */
static void put_bits(struct dr_buf *b, uint64_t bits, int low, int high, bool star)
{
    int step = step_of(bits, low, high);
    if (!star && bits == every(1, low, high)) {
        (void)dr_buf_printf(b, "%d-%d", low, high);
        return;
    }
    if (!star || !(bits >> low & 1)) {
        put_list(b, bits, low, high);
        return;
    }
    (void)dr_buf_putc(b, '*');
    if (step != 1)
        (void)dr_buf_printf(b, "/%d", step ? step : high - low + 1);
    if (step || bits == UINT64_C(1) << low)
        return;
    (void)dr_buf_putc(b, ','); /* that step gives the first value alone */
    put_list(b, bits & ~(UINT64_C(1) << low), low, high);
}

/* The five fields spelled out, so that @daily and names need no support. */
static const char *fields(struct dr_cmd *c, const struct dr_cron *k)
{
    DR_AUTO_BUF b = { 0 };
    bool by_hour = step_of(k->hour, 0, 23) > 0, by_minute = step_of(k->minute, 0, 59) > 0 || !by_hour;
    put_bits(&b, k->minute, 0, 59, k->wild_time && by_minute);
    (void)dr_buf_putc(&b, ' ');
    put_bits(&b, k->hour, 0, 23, k->wild_time && by_hour);
    (void)dr_buf_putc(&b, ' ');
    put_bits(&b, k->dom, 1, 31, k->dom_star);
    (void)dr_buf_putc(&b, ' ');
    put_bits(&b, k->month, 1, 12, k->month == every(1, 1, 12));
    (void)dr_buf_putc(&b, ' ');
    put_bits(&b, k->dow, 0, 6, k->dow_star);
    return dr_arena_strdup(&c->arena, dr_buf_cstr(&b));
}

/* Fields for a DAG in another zone: offsets between zones are whole quarters of
 * an hour, so any of its minutes may come at four minutes of any hour. */
static const char *wide_fields(struct dr_cmd *c, const struct dr_cron *k)
{
    DR_AUTO_BUF b = { 0 };
    uint64_t minutes = 0;
    for (int i = 0; i < 60; i++)
        if (k->minute >> i & 1)
            for (int quarter = 0; quarter < 60; quarter += 15)
                minutes |= UINT64_C(1) << (i + quarter) % 60;
    put_bits(&b, minutes, 0, 59, minutes == every(1, 0, 59));
    (void)dr_buf_puts(&b, " * * * *");
    return dr_arena_strdup(&c->arena, dr_buf_cstr(&b));
}

static void put_line(struct dr_cmd *c, const struct dr_dag *dag, const char *user, const char *zone)
{
    DR_AUTO_BUF words = { 0 };
    bool same = same_zone(zone, dr_zone_name(dag->zone));
    bool bounded = dag->start_us > dr_now_us() || dag->end_us != INT64_MAX;
    char *log = dr_arena_printf(&c->arena, "%s/log/%s.log", c->home.var, dag->dag_id);
    dr_cron_describe(&dag->schedule, &words);
    printf("# %s: %s, %s\n", dag->dag_id, dr_buf_cstr(&words), dr_zone_name(dag->zone));
    printf("%s %s%s%s --home %s run %s --plain%s >>%s 2>&1\n",
           same ? fields(c, &dag->schedule) : wide_fields(c, &dag->schedule), user ? user : "",
           user ? " " : "", shell_word(c, program_path(c)), shell_word(c, c->home.path), dag->dag_id,
           same && !bounded ? "" : " --if-due", shell_word(c, log));
}

static int load_scheduled(struct dr_cmd *c, const char *id, const struct dr_dag **ret)
{
    struct dr_diags found = { .arena = &c->arena };
    *ret = dr_dag_load(&c->arena, &c->home, id, NULL, &found);
    if (!*ret) {
        dr_cmd_diags(c, &found);
        return DR_EXIT_DEFINITION;
    }
    return 0;
}

static bool chosen(const struct dr_cmd *c, const char *id)
{
    for (int i = 0; i < c->args.n_words; i++)
        if (dr_streq(c->args.words[i], id))
            return true;
    return c->args.n_words == 0;
}

static int check_words(struct dr_cmd *c, char **ids, size_t n)
{
    for (int w = 0; w < c->args.n_words; w++) {
        bool known = false;
        for (size_t i = 0; i < n && !known; i++)
            known = dr_streq(ids[i], c->args.words[w]);
        if (!known)
            return dr_cmd_no_such_dag(c, c->args.words[w]);
    }
    return 0;
}

/* The scheduled DAGs among those that are wanted. Nothing is printed before all
 * of them are known to be right: what comes out may be on its way to replace a crontab. */
static int load_all(struct dr_cmd *c, char **ids, size_t n, const struct dr_dag **ret, size_t *ret_n)
{
    int rc = check_words(c, ids, n);
    for (size_t i = 0; i < n && !rc; i++) {
        const struct dr_dag *dag = NULL;
        if (!chosen(c, ids[i]))
            continue;
        rc = load_scheduled(c, ids[i], &dag);
        if (!rc && dag->has_schedule)
            ret[(*ret_n)++] = dag;
    }
    return rc;
}

int dr_verb_crontab(struct dr_cmd *c)
{
    struct dr_err err = { 0 };
    char **ids = NULL;
    size_t n = 0, lines = 0;
    struct passwd *me = c->args.user_lines ? getpwuid(getuid()) : NULL;
    const char *zone = machine_zone(c), *path = getenv("PATH");
    if (dr_home_dags(&c->arena, &c->home, &ids, &n, &err) ||
        dr_mkdirs(dr_arena_printf(&c->arena, "%s/log", c->home.var), &err))
        return dr_cmd_fail(&err);
    const struct dr_dag **dags = dr_arena_array(&c->arena, n + 1, sizeof *dags);
    int rc = load_all(c, ids, n, dags, &lines);
    if (rc)
        return rc;
    printf("# dagrun: every scheduled DAG of %s\nSHELL=/bin/sh\nPATH=%s\n", c->home.path,
           path && !strchr(path, '\n') ? path : "/usr/local/bin:/usr/bin:/bin");
    for (size_t i = 0; i < lines; i++)
        put_line(c, dags[i], me ? me->pw_name : c->args.user_lines ? "root" : NULL, zone);
    if (!lines)
        fputs("# no DAG has a schedule\n", stdout);
    return DR_EXIT_OK;
}
