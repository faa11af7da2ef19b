/* Colours and aligned tables. */
#include "cmd/cmd.h"
#include <limits.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

bool dr_color_wanted(const char *choice, int fd)
{
    if (choice && dr_streq(choice, "always"))
        return true;
    if (choice && dr_streq(choice, "never"))
        return false;
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fd) && !(no_color && *no_color) && term && !dr_streq(term, "dumb");
}

int dr_term_width(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 100;
}

int dr_term_height(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row ? size.ws_row : INT_MAX;
}

const char *dr_tint_on(bool color, enum dr_tint t)
{
    static const char *const codes[] = { "",        "\x1b[32m", "\x1b[31m", "\x1b[33m",
                                         "\x1b[2m", "\x1b[1m",  "\x1b[36m" };
    return color ? codes[t] : "";
}

const char *dr_tint_off(bool color, enum dr_tint t)
{
    return color && t != DR_TINT_NONE ? "\x1b[0m" : "";
}

/* The terminal columns of one code point; the locale of the C library is not
 * consulted, so combining marks and wide East Asian blocks are told here. */
static int code_width(uint32_t c)
{
    if ((c >= 0x300 && c <= 0x36F) || (c >= 0x200B && c <= 0x200F) || c == 0xFE0F)
        return 0;
    bool wide = (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) ||
                (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
                (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
                (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0x20000 && c <= 0x3FFFD);
    return wide ? 2 : 1;
}

int dr_text_width(const char *utf8)
{
    struct dr_str s = dr_str_of(utf8);
    int width = 0;
    while (s.n) {
        size_t n;
        width += code_width(dr_utf8_next(s, &n));
        s.p += n;
        s.n -= n;
    }
    return width;
}

void dr_text_cut(struct dr_buf *line, int width)
{
    struct dr_str s = dr_buf_str(line);
    int used = 0;
    size_t at = 0, n;
    while (at < s.n) {
        if (s.p[at] == '\x1b') { /* a colour takes no room */
            while (at < s.n && s.p[at] != 'm')
                at++;
            at += at < s.n;
            continue;
        }
        used += code_width(dr_utf8_next((struct dr_str){ s.p + at, s.n - at }, &n));
        if (used >= width) {
            line->n = at;
            (void)dr_buf_puts(line, "\x1b[0m");
            return;
        }
        at += n;
    }
}

void dr_grid_init(struct dr_grid *g, struct dr_arena *a, int n_columns, const char *const *titles,
                  const char *right)
{
    *g = (struct dr_grid){ .arena = a, .n_columns = n_columns };
    g->titles = dr_arena_array(a, (size_t)n_columns, sizeof *g->titles);
    g->right = dr_arena_array(a, (size_t)n_columns, sizeof *g->right);
    for (int i = 0; i < n_columns; i++) {
        g->titles[i] = titles[i];
        g->right[i] = right && i < (int)strlen(right) && right[i] == 'r';
    }
}

void dr_grid_add(struct dr_grid *g, enum dr_tint tint, const char *text)
{
    if (g->n == g->cap) {
        int cap = g->cap ? g->cap * 2 : 64;
        const char **cells = dr_arena_array(g->arena, (size_t)cap, sizeof *cells);
        enum dr_tint *tints = dr_arena_array(g->arena, (size_t)cap, sizeof *tints);
        for (int i = 0; i < g->n; i++) {
            cells[i] = g->cells[i];
            tints[i] = g->tints[i];
        }
        g->cells = cells;
        g->tints = tints;
        g->cap = cap;
    }
    DR_AUTO_BUF visible = { 0 };
    dr_buf_put_visible(&visible, dr_str_of(text ? text : ""), 400);
    g->tints[g->n] = tint;
    g->cells[g->n++] = dr_arena_strdup(g->arena, dr_buf_cstr(&visible));
}

static void put_cell(const struct dr_grid *g, int column, int width, const char *text, enum dr_tint tint,
                     bool color, FILE *out)
{
    int pad = width - dr_text_width(text);
    bool last = column == g->n_columns - 1;
    if (g->right[column])
        fprintf(out, "%*s", pad, "");
    fprintf(out, "%s%s%s", dr_tint_on(color, tint), text, dr_tint_off(color, tint));
    if (!last)
        fprintf(out, "%*s", (g->right[column] ? 0 : pad) + 2, "");
}

void dr_grid_print(const struct dr_grid *g, bool color, FILE *out)
{
    int *width = dr_arena_array(g->arena, (size_t)g->n_columns, sizeof *width);
    for (int i = 0; i < g->n_columns; i++)
        width[i] = dr_text_width(g->titles[i]);
    for (int i = 0; i < g->n; i++) {
        int w = dr_text_width(g->cells[i]);
        if (w > width[i % g->n_columns])
            width[i % g->n_columns] = w;
    }
    for (int i = 0; i < g->n_columns; i++)
        put_cell(g, i, width[i], g->titles[i], DR_TINT_BOLD, color, out);
    fputc('\n', out);
    for (int i = 0; i < g->n; i++) {
        int column = i % g->n_columns;
        put_cell(g, column, width[column], g->cells[i], g->tints[i], color, out);
        if (column == g->n_columns - 1)
            fputc('\n', out);
    }
}
