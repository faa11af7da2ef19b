/* regex.c - see regex.h.
 *
 * Each pattern is compiled once, with JIT where the machine allows it. The
 * match limit bounds backtracking, the depth and heap limits bound memory of
 * the interpreter, and the JIT gets a stack of its own with a maximum. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "expect/regex.h"
#include <pcre2.h>

#define MATCH_LIMIT 2000000u
#define DEPTH_LIMIT 10000u
#define HEAP_LIMIT_KIB 20000u
#define JIT_STACK_MAX ((size_t)1 << 20)
#define PATTERN_MAX 65536u

struct dr_regex {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

static int32_t compile_failed(const char *pattern, int code, size_t offset, struct dr_err *err)
{
    unsigned char text[160];
    if (pcre2_get_error_message(code, text, sizeof text) < 0)
        text[0] = 0;
    return dr_fail(err, DR_EDEF, "the regular expression '%.80s' cannot be compiled: %s at character %zu",
                   pattern, (const char *)text, offset);
}

static void set_limits(struct dr_regex *r)
{
    r->context = pcre2_match_context_create(NULL);
    if (!r->context)
        dr_die_oom(sizeof *r);
    pcre2_set_match_limit(r->context, MATCH_LIMIT);
    pcre2_set_depth_limit(r->context, DEPTH_LIMIT);
    pcre2_set_heap_limit(r->context, HEAP_LIMIT_KIB);
    if (pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE) == 0) {
        r->stack = pcre2_jit_stack_create(32 * 1024, JIT_STACK_MAX, NULL);
        if (r->stack)
            pcre2_jit_stack_assign(r->context, NULL, r->stack);
    }
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
    r->match = pcre2_match_data_create_from_pattern(compiled, NULL);
    if (!r->match)
        dr_die_oom(sizeof *r);
    set_limits(r);
    *ret = r;
    return DR_OK;
}

void dr_regex_free(struct dr_regex *r)
{
    if (!r)
        return;
    pcre2_jit_stack_free(r->stack);
    pcre2_match_context_free(r->context);
    pcre2_match_data_free(r->match);
    pcre2_code_free(r->code);
    free(r);
}

static int run(struct dr_regex *r, struct dr_str text, uint32_t options, struct dr_err *err)
{
    const char *p = text.p ? text.p : "";
    int n = pcre2_match(r->code, (PCRE2_SPTR)p, text.n, 0, options, r->match, r->context);
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

int dr_regex_search(struct dr_regex *r, struct dr_str text, struct dr_err *err)
{
    return run(r, text, 0, err);
}

int dr_regex_match(struct dr_regex *r, struct dr_str text, struct dr_err *err)
{
    return run(r, text, PCRE2_ANCHORED, err);
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
