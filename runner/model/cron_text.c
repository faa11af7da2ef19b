/* cron_text.c - a schedule in English. */
#include "model/cron.h"

#define ALL_MINUTES ((UINT64_C(1) << 60) - 1)
#define ALL_HOURS ((UINT64_C(1) << 24) - 1)

static int first_bit(uint64_t bits)
{
    return __builtin_ctzll(bits);
}

static int count_bits(uint64_t bits)
{
    return __builtin_popcountll(bits);
}

/* The step of a set 0, k, 2k, ... below n with k dividing n; 0 for any other. */
static int step_of(uint64_t bits, int n)
{
    int count = count_bits(bits);
    if (count < 2 || n % count != 0)
        return 0;
    int step = n / count;
    for (int v = 0; v < n; v++)
        if ((bits >> v & 1) != (v % step == 0))
            return 0;
    return step;
}

static void put_value(struct dr_buf *out, int v, const char *const *names)
{
    if (names)
        dr_buf_puts(out, names[v]);
    else
        dr_buf_printf(out, "%d", v);
}

/* "1, 3 and 5 to 9" */
static void put_set(struct dr_buf *out, uint64_t bits, const char *const *names)
{
    bool first = true;
    while (bits) {
        int from = first_bit(bits), to = from;
        while (to < 63 && bits >> (to + 1) & 1)
            to++;
        if (to < from + 2)
            to = from; /* a pair reads better as two */
        for (int v = from; v <= to; v++)
            bits &= ~(UINT64_C(1) << v);
        if (!first)
            dr_buf_puts(out, bits ? ", " : " and ");
        first = false;
        put_value(out, from, names);
        if (to > from) {
            dr_buf_puts(out, " to ");
            put_value(out, to, names);
        }
    }
}

/* "at 02:30, 14:30" where there are few times a day. */
static bool put_few_times(const struct dr_cron *c, struct dr_buf *out)
{
    enum { FEW = 6 };
    int n = count_bits(c->minute) * count_bits(c->hour);
    if (n > FEW)
        return false;
    dr_buf_puts(out, "at ");
    int done = 0;
    for (int v = 0; v < 24 * 60; v++)
        if ((c->hour >> v / 60 & 1) && (c->minute >> v % 60 & 1))
            dr_buf_printf(out, "%s%02d:%02d", done++ ? done == n ? " and " : ", " : "", v / 60, v % 60);
    return true;
}

static void put_minutes(const struct dr_cron *c, struct dr_buf *out)
{
    int step = step_of(c->minute, 60);
    if (c->minute == ALL_MINUTES) {
        dr_buf_puts(out, "every minute");
    } else if (step) {
        dr_buf_printf(out, "every %d minutes", step);
    } else if (c->minute == 1) {
        dr_buf_puts(out, "on the hour");
    } else {
        dr_buf_puts(out, count_bits(c->minute) == 1 ? "at minute " : "at minutes ");
        put_set(out, c->minute, NULL);
    }
}

/* Returns whether the times are so few that "every day" helps. */
static bool put_times(const struct dr_cron *c, struct dr_buf *out)
{
    if (put_few_times(c, out))
        return true;
    int hour_step = step_of(c->hour, 24);
    if (c->hour == ALL_HOURS && c->minute == 1) {
        dr_buf_puts(out, "every hour");
        return false;
    }
    put_minutes(c, out);
    if (c->hour == ALL_HOURS) {
        if (count_bits(c->minute) < 60 && !step_of(c->minute, 60))
            dr_buf_puts(out, " of every hour");
        return false;
    }
    if (hour_step) {
        dr_buf_printf(out, " of every %d hours", hour_step);
        return false;
    }
    dr_buf_puts(out, count_bits(c->hour) == 1 ? " in hour " : " in hours ");
    put_set(out, c->hour, NULL);
    return true;
}

static void put_days(const struct dr_cron *c, bool say_every_day, struct dr_buf *out)
{
    static const char *const names[] = { "Sunday",   "Monday", "Tuesday", "Wednesday",
                                         "Thursday", "Friday", "Saturday" };
    bool every_dom = c->dom == 0xfffffffeu, every_dow = c->dow == 127;
    if (every_dom && every_dow && say_every_day)
        dr_buf_puts(out, " every day");
    if (!every_dom) {
        dr_buf_puts(out, count_bits(c->dom) == 1 ? " on day " : " on days ");
        put_set(out, c->dom, NULL);
        dr_buf_puts(out, " of the month");
    }
    if (!every_dom && !every_dow)
        dr_buf_puts(out, c->dom_star || c->dow_star ? " if it is" : " or");
    if (!every_dow) {
        dr_buf_puts(out, !every_dom && (c->dom_star || c->dow_star) ? " " : " on ");
        put_set(out, c->dow, names);
    }
}

void dr_cron_describe(const struct dr_cron *c, struct dr_buf *out)
{
    static const char *const names[] = { "",        "January",  "February", "March",  "April",
                                         "May",     "June",     "July",     "August", "September",
                                         "October", "November", "December" };
    bool few = put_times(c, out);
    put_days(c, few, out);
    if (c->month != 0x1ffe) {
        dr_buf_puts(out, " in ");
        put_set(out, c->month, names);
    }
}
