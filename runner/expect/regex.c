/* regex.c - see regex.h.
 *
 * Each pattern is compiled once, with JIT where the machine allows it. The
 * match limit bounds backtracking, the depth and heap limits bound memory of
 * the interpreter, and the JIT gets a stack of its own with a maximum.
 *
 * Threads share the compiled pattern. What a match writes to is a matcher; a
 * thread takes one that is free, and the first to need one more makes it. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "expect/regex.h"
#include "expect/pattern.h"
#include <pcre2.h>
#include <stdatomic.h>
#include <sched.h>

#define MATCH_LIMIT 2000000u
#define DEPTH_LIMIT 10000u
#define HEAP_LIMIT_KIB 20000u
#define JIT_STACK_MAX ((size_t)1 << 20)
#define PATTERN_MAX 65536u

#define MATCHERS 16 /* a thread that finds none free waits for one */

struct matcher {
    atomic_flag busy;
    pcre2_match_data *match; /* NULL until first taken */
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};
struct dr_regex {
    pcre2_code *code;
    bool jit;
    bool plain; /* pattern says what it matches */
    struct dr_pattern pattern;
    struct matcher matchers[MATCHERS];
};

static int32_t compile_failed(const char *pattern, int code, size_t offset, struct dr_err *err)
{
    unsigned char text[160];
    if (pcre2_get_error_message(code, text, sizeof text) < 0)
        text[0] = 0;
    return dr_fail(err, DR_EDEF, "the regular expression '%.80s' cannot be compiled: %s at character %zu",
                   pattern, (const char *)text, offset);
}

static void matcher_init(const struct dr_regex *r, struct matcher *m)
{
    m->match = pcre2_match_data_create_from_pattern(r->code, NULL);
    m->context = pcre2_match_context_create(NULL);
    if (!m->match || !m->context)
        dr_die_oom(sizeof *m);
    pcre2_set_match_limit(m->context, MATCH_LIMIT);
    pcre2_set_depth_limit(m->context, DEPTH_LIMIT);
    pcre2_set_heap_limit(m->context, HEAP_LIMIT_KIB);
    if (!r->jit)
        return;
    m->stack = pcre2_jit_stack_create(32 * 1024, JIT_STACK_MAX, NULL);
    if (m->stack)
        pcre2_jit_stack_assign(m->context, NULL, m->stack);
}

static struct matcher *take_matcher(struct dr_regex *r)
{
    for (;; sched_yield())
        for (int k = 0; k < MATCHERS; k++) {
            struct matcher *m = &r->matchers[k];
            if (atomic_flag_test_and_set_explicit(&m->busy, memory_order_acquire))
                continue;
            if (!m->match)
                matcher_init(r, m);
            return m;
        }
}

static void give_back(struct matcher *m)
{
    atomic_flag_clear_explicit(&m->busy, memory_order_release);
}

int32_t dr_regex_new(const char *pattern, struct dr_regex **ret, struct dr_err *err)
{
    if (strlen(pattern) > PATTERN_MAX)
        return dr_fail(err, DR_ELIMIT, "a regular expression has more than %u bytes", PATTERN_MAX);
    int code;
    PCRE2_SIZE offset;
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP,
                                         &code, &offset, NULL);
    if (!compiled)
        return compile_failed(pattern, code, offset, err);
    struct dr_regex *r = dr_calloc(1, sizeof *r);
    r->code = compiled;
    r->plain = dr_pattern_parse(pattern, &r->pattern);
    r->jit = pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE) == 0;
    *ret = r;
    return DR_OK;
}

void dr_regex_free(struct dr_regex *r)
{
    if (!r)
        return;
    for (int k = 0; k < MATCHERS; k++) {
        pcre2_jit_stack_free(r->matchers[k].stack);
        pcre2_match_context_free(r->matchers[k].context);
        pcre2_match_data_free(r->matchers[k].match);
    }
    pcre2_code_free(r->code);
    free(r);
}

static int run(struct dr_regex *r, struct dr_str text, uint32_t options, struct dr_err *err)
{
    const char *p = text.p ? text.p : "";
    struct matcher *m = take_matcher(r);
    int n = pcre2_match(r->code, (PCRE2_SPTR)p, text.n, 0, options, m->match, m->context);
    give_back(m);
    if (n >= 0)
        return 1;
    if (n == PCRE2_ERROR_NOMATCH)
        return 0;
    unsigned char reason[160];
    if (pcre2_get_error_message(n, reason, sizeof reason) < 0)
        reason[0] = 0;
    dr_fail(err, n == PCRE2_ERROR_MATCHLIMIT || n == PCRE2_ERROR_JIT_STACKLIMIT ? DR_ELIMIT : DR_EINPUT,
            "the regular expression could not be matched against a value: %s", (const char *)reason);
    return -1;
}

const struct dr_pattern *dr_regex_pattern(const struct dr_regex *r)
{
    return r->plain && r->pattern.from_start ? &r->pattern : NULL;
}

int dr_regex_search(struct dr_regex *r, struct dr_str text, struct dr_err *err)
{
    const struct dr_pattern *p = dr_regex_pattern(r);
    int plain = p ? dr_pattern_match(p, text) : -1;
    return plain >= 0 ? plain : run(r, text, 0, err);
}

int dr_regex_match(struct dr_regex *r, struct dr_str text, struct dr_err *err)
{
    int plain = r->plain ? dr_pattern_match(&r->pattern, text) : -1;
    return plain >= 0 ? plain : run(r, text, PCRE2_ANCHORED, err);
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* Bytes of the character at text[i]; at least 1. */
static size_t char_size(struct dr_str text, size_t i)
{
    size_t n;
    dr_utf8_next((struct dr_str){ text.p + i, text.n - i }, &n);
    return n;
}

bool dr_like(struct dr_str pattern, struct dr_str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, mark = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '%') {
            star = p++;
            mark = t;
        } else if (p < pattern.n && pattern.p[p] == '_') {
            t += char_size(text, t);
            p++;
        } else if (p < pattern.n && lower(pattern.p[p]) == lower(text.p[t])) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            mark += char_size(text, mark);
            p = star + 1;
            t = mark;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '%')
        p++;
    return p == pattern.n;
}
