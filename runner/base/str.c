/* str.c - byte views, buffers, UTF-8, edit distance and glob patterns. */
#include "base/str.h"
#include <stdio.h>
#include <stdlib.h>

bool dr_str_starts(struct dr_str s, struct dr_str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool dr_str_ends(struct dr_str s, struct dr_str suffix)
{
    return s.n >= suffix.n && (suffix.n == 0 || memcmp(s.p + (s.n - suffix.n), suffix.p, suffix.n) == 0);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct dr_str dr_str_trim(struct dr_str s)
{
    while (s.n > 0 && is_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

int dr_str_cmp(struct dr_str a, struct dr_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

bool dr_str_take(struct dr_str *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    s->p++;
    s->n--;
    return true;
}

bool dr_str_split(struct dr_str *rest, char sep, struct dr_str *ret)
{
    if (!rest->p)
        return false;
    const char *end = rest->n ? memchr(rest->p, sep, rest->n) : NULL;
    if (!end) {
        *ret = *rest;
        *rest = (struct dr_str){ NULL, 0 };
        return true;
    }
    size_t n = (size_t)(end - rest->p);
    *ret = (struct dr_str){ rest->p, n };
    *rest = (struct dr_str){ end + 1, rest->n - n - 1 };
    return true;
}

/* ---- buffers ------------------------------------------------------------ */

void dr_buf_done(struct dr_buf *b)
{
    free(b->p);
    *b = (struct dr_buf){ .max = b->max };
}

void dr_cleanup_buf(struct dr_buf *b)
{
    dr_buf_done(b);
}

void dr_buf_clear(struct dr_buf *b)
{
    b->n = 0;
    b->failed = false;
    if (b->p)
        b->p[0] = '\0';
}

/* Make cap at least need (which counts the NUL). */
static bool buf_grow(struct dr_buf *b, size_t need)
{
    size_t cap = b->cap < 64 ? 64 : b->cap;
    while (cap < need)
        cap += cap / 2 + 64;
    char *p = realloc(b->p, cap);
    if (!p)
        return false;
    b->p = p;
    b->cap = cap;
    return true;
}

char *dr_buf_reserve(struct dr_buf *b, size_t n)
{
    size_t max = b->max ? b->max : DR_BUF_MAX;
    if (max > SIZE_MAX / 2) /* so that no sum below overflows */
        max = SIZE_MAX / 2;
    if (b->failed)
        return NULL;
    if (n > max || b->n > max - n || (b->cap < b->n + n + 1 && !buf_grow(b, b->n + n + 1))) {
        b->failed = true;
        return NULL;
    }
    return b->p + b->n;
}

int32_t dr_buf_append(struct dr_buf *b, const void *p, size_t n)
{
    char *end = dr_buf_reserve(b, n);
    if (!end)
        return DR_ELIMIT;
    if (n > 0)
        memcpy(end, p, n);
    end[n] = '\0';
    b->n += n;
    return DR_OK;
}

int32_t dr_buf_puts(struct dr_buf *b, const char *s)
{
    return dr_buf_append(b, s, strlen(s));
}

int32_t dr_buf_putc(struct dr_buf *b, char c)
{
    return dr_buf_append(b, &c, 1);
}

int32_t dr_buf_printf(struct dr_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int32_t rc = dr_buf_vprintf(b, fmt, ap);
    va_end(ap);
    return rc;
}

int32_t dr_buf_vprintf(struct dr_buf *b, const char *fmt, va_list ap)
{
    char small[256];
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof(small), fmt, again);
    va_end(again);
    if (n < 0) {
        b->failed = true;
        return DR_ELIMIT;
    }
    if ((size_t)n < sizeof(small))
        return dr_buf_append(b, small, (size_t)n);
    char *end = dr_buf_reserve(b, (size_t)n);
    if (!end)
        return DR_ELIMIT;
    vsnprintf(end, (size_t)n + 1, fmt, ap);
    b->n += (size_t)n;
    return DR_OK;
}

/* ---- UTF-8 -------------------------------------------------------------- */

/* The bytes of the well-formed sequence at p (n > 0 bytes are there), or 0:
 * table 3-7 of the Unicode standard. */
static size_t sequence_length(const unsigned char *p, size_t n)
{
    unsigned char lead = p[0], low = 0x80, high = 0xBF;
    size_t need;
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    if (lead < 0xE0) {
        need = 2;
    } else if (lead < 0xF0) {
        need = 3;
        low = lead == 0xE0 ? 0xA0 : 0x80;  /* overlong */
        high = lead == 0xED ? 0x9F : 0xBF; /* surrogates */
    } else {
        need = 4;
        low = lead == 0xF0 ? 0x90 : 0x80;  /* overlong */
        high = lead == 0xF4 ? 0x8F : 0xBF; /* past U+10FFFF */
    }
    if (n < need || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return need;
}

/* How many bytes at p are ASCII, counted eight at a time while all are. */
static size_t ascii_prefix(const unsigned char *p, size_t n)
{
    size_t i = 0;
    for (uint64_t word; i + 8 <= n; i += 8) {
        memcpy(&word, p + i, 8);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    while (i < n && p[i] < 0x80)
        i++;
    return i;
}

size_t dr_utf8_valid_prefix(struct dr_str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0;
    while (i < s.n) {
        if (p[i] < 0x80) {
            i += ascii_prefix(p + i, s.n - i);
            continue;
        }
        size_t n = sequence_length(p + i, s.n - i);
        if (n == 0)
            break;
        i += n;
    }
    return i;
}

int64_t dr_utf8_length(struct dr_str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    int64_t count = 0;
    size_t i = 0;
    while (i < s.n) {
        if (p[i] < 0x80) {
            size_t n = ascii_prefix(p + i, s.n - i);
            count += (int64_t)n;
            i += n;
            continue;
        }
        size_t n = sequence_length(p + i, s.n - i);
        i += n ? n : 1;
        count++;
    }
    return count;
}

uint32_t dr_utf8_next(struct dr_str s, size_t *ret_n)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t n = sequence_length(p, s.n);
    *ret_n = n ? n : 1;
    switch (n) {
    case 1:
        return p[0];
    case 2:
        return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    case 3:
        return (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    case 4:
        return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 | (uint32_t)(p[2] & 0x3F) << 6 |
               (p[3] & 0x3F);
    default:
        return 0xFFFD;
    }
}

/* Code points that hide, reorder or break what is on a line. */
static bool is_deceptive(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x061C || /* controls, Arabic letter mark */
           (c >= 0x200B && c <= 0x200F) ||                       /* zero width, marks of direction */
           (c >= 0x2028 && c <= 0x202E) ||                       /* separators, embeddings, overrides */
           (c >= 0x2060 && c <= 0x206F) ||                       /* word joiner, isolates */
           c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) || (c >= 0xE0000 && c <= 0xE007F);
}

void dr_buf_put_visible(struct dr_buf *b, struct dr_str s, size_t max)
{
    size_t shown = 0, n;
    for (; s.n > 0; s.p += n, s.n -= n, shown++) {
        if (max && shown == max) {
            dr_buf_puts(b, "...");
            return;
        }
        uint32_t c = dr_utf8_next(s, &n);
        if (n == 1 && (c >= 0x80 || is_deceptive(c)))
            dr_buf_printf(b, "\\x%02X", (unsigned)(unsigned char)s.p[0]);
        else if (is_deceptive(c))
            dr_buf_printf(b, "\\u{%04X}", (unsigned)c);
        else
            dr_buf_append(b, s.p, n);
    }
}

/* ---- edit distance --------------------------------------------------------- */

static int min3(int a, int b, int c)
{
    int least = a < b ? a : b;
    return least < c ? least : c;
}

/* Fill row i of the table of distances between prefixes; returns its least value. */
static int distance_row(struct dr_str a, struct dr_str b, size_t i, const int *before, const int *above,
                        int *row)
{
    int least = row[0] = (int)i;
    for (size_t j = 1; j <= b.n; j++) {
        int cost = a.p[i - 1] != b.p[j - 1];
        row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + cost);
        bool swapped = i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1];
        if (swapped && before[j - 2] + 1 < row[j])
            row[j] = before[j - 2] + 1;
        if (row[j] < least)
            least = row[j];
    }
    return least;
}

int dr_edit_distance(struct dr_str a, struct dr_str b, int max)
{
    size_t gap = a.n > b.n ? a.n - b.n : b.n - a.n;
    if (max < 0 || gap > (size_t)max)
        return max + 1;
    size_t width = b.n + 1;
    DR_AUTO_FREE int *rows = dr_calloc(width * 3, sizeof(int));
    int *before = rows, *above = rows + width, *row = rows + 2 * width;
    for (size_t j = 0; j < width; j++)
        above[j] = (int)j;
    int last_least = 0;
    for (size_t i = 1; i <= a.n; i++) {
        int least = distance_row(a, b, i, before, above, row);
        if (least > max && last_least > max) /* a swap looks back two rows */
            return max + 1;
        last_least = least;
        int *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b.n] <= max ? above[b.n] : max + 1;
}

const char *dr_nearest(const char *word, const char *const *candidates, size_t n)
{
    enum { WORD_MAX = 200 }; /* longer ones are no typing mistakes, and cost n^2 */
    struct dr_str w = dr_str_of(word);
    if (w.n > WORD_MAX)
        return NULL;
    int max = w.n / 3 > 1 ? (int)(w.n / 3) : 1;
    const char *best = NULL;
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(word, candidates[i]) == 0)
            return candidates[i];
    for (size_t i = 0; i < n && max >= 0; i++) {
        int distance = dr_edit_distance(w, dr_str_of(candidates[i]), max);
        if (distance <= max) {
            best = candidates[i];
            max = distance - 1; /* from now on only a nearer one */
        }
    }
    return best;
}

/* ---- glob -------------------------------------------------------------------- */

/* Match c against the set after '['; *ret_end is past its ']'. NULL end: no set. */
static bool set_matches(struct dr_str set, uint32_t c, const char **ret_end)
{
    struct dr_str rest = set;
    bool negate = rest.n > 0 && (rest.p[0] == '!' || rest.p[0] == '^');
    if (negate)
        rest = (struct dr_str){ rest.p + 1, rest.n - 1 };
    bool found = false;
    *ret_end = NULL;
    for (bool first = true; rest.n > 0; first = false) {
        if (rest.p[0] == ']' && !first) {
            *ret_end = rest.p + 1;
            return found != negate;
        }
        size_t n;
        uint32_t low = dr_utf8_next(rest, &n), high = low;
        rest = (struct dr_str){ rest.p + n, rest.n - n };
        if (rest.n > 1 && rest.p[0] == '-' && rest.p[1] != ']') {
            high = dr_utf8_next((struct dr_str){ rest.p + 1, rest.n - 1 }, &n);
            rest = (struct dr_str){ rest.p + 1 + n, rest.n - 1 - n };
        }
        found = found || (c >= low && c <= high);
    }
    return false;
}

/* Match one element of the pattern (not '*') against one code point; both advance. */
static bool glob_one(struct dr_str *pattern, struct dr_str *text)
{
    size_t n;
    uint32_t c = dr_utf8_next(*text, &n);
    const char *next = pattern->p + 1;
    if (pattern->p[0] == '[') {
        const char *end;
        bool in = set_matches((struct dr_str){ pattern->p + 1, pattern->n - 1 }, c, &end);
        if (end && !in)
            return false;
        if (!end && c != '[') /* without its ']' it stands for itself */
            return false;
        next = end ? end : next;
    } else if (pattern->p[0] != '?') {
        n = 1;
        if (text->p[0] != pattern->p[0])
            return false;
    }
    pattern->n -= (size_t)(next - pattern->p);
    pattern->p = next;
    text->p += n;
    text->n -= n;
    return true;
}

bool dr_glob(const char *pattern, const char *text)
{
    struct dr_str p = dr_str_of(pattern), t = dr_str_of(text);
    /* On a mismatch only the last '*' can take more: an earlier one taking more
     * would match nothing that the last cannot. */
    struct dr_str star_p = { NULL, 0 }, star_t = { NULL, 0 };
    while (t.n > 0 || p.n > 0) {
        if (p.n > 0 && p.p[0] == '*') {
            p = (struct dr_str){ p.p + 1, p.n - 1 };
            star_p = p;
            star_t = t;
        } else if (p.n == 0 || t.n == 0 || !glob_one(&p, &t)) {
            if (!star_p.p || star_t.n == 0)
                return false;
            size_t n;
            dr_utf8_next(star_t, &n);
            star_t = (struct dr_str){ star_t.p + n, star_t.n - n };
            p = star_p;
            t = star_t;
        }
    }
    return true;
}
