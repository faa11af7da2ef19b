/* diag.c - diagnostics: collected in the order they are found, shown in the
 * order of their places. */
#include "model/diag.h"
#include "base/json.h"

static void grow(struct dr_diags *d)
{
    if (d->n < d->cap)
        return;
    int32_t cap = d->cap ? d->cap * 2 : 8;
    struct dr_diag *items = dr_arena_array(d->arena, (size_t)cap, sizeof(*items));
    if (d->n > 0)
        memcpy(items, d->items, (size_t)d->n * sizeof(*items));
    d->items = items;
    d->cap = cap;
}

/* The formatted message in the arena. Names from hostile files are quoted in
 * messages, so a message is bounded. */
static const char *format_message(struct dr_arena *a, const char *fmt, va_list ap) DR_PRINTF(2, 0);
static const char *format_message(struct dr_arena *a, const char *fmt, va_list ap)
{
    enum { MESSAGE_MAX = 2000 };
    DR_AUTO_BUF text = { 0 };
    DR_AUTO_BUF shown = { 0 };
    dr_buf_vprintf(&text, fmt, ap);
    dr_buf_put_visible(&shown, dr_buf_str(&text), MESSAGE_MAX);
    return dr_arena_dup(a, dr_buf_cstr(&shown), shown.n);
}

void dr_diag_add(struct dr_diags *d, enum dr_diag_level level, struct dr_mark mark, const char *hint,
                 const char *fmt, ...)
{
    if (level == DR_DIAG_ERROR)
        d->errors++;
    else
        d->warnings++;
    if (d->n >= DR_DIAG_MAX) {
        d->dropped++;
        return;
    }
    grow(d);
    va_list ap;
    va_start(ap, fmt);
    const char *message = format_message(d->arena, fmt, ap);
    va_end(ap);
    d->items[d->n++] = (struct dr_diag){ .level = level, .mark = mark, .message = message, .hint = hint };
}

const char *dr_diag_nearest(struct dr_diags *d, const char *word, const char *const *candidates, size_t n)
{
    enum { LONGEST = 100 }; /* bytes; and once no more is shown, nothing needs a hint */
    if (d->n >= DR_DIAG_MAX || strlen(word) > LONGEST)
        return NULL;
    const char *nearest = dr_nearest(word, candidates, n);
    return nearest ? dr_arena_printf(d->arena, "did you mean '%s'?", nearest) : NULL;
}

/* ---- showing ----------------------------------------------------------------- */

static int compare_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

static int compare_places(const void *pa, const void *pb)
{
    const struct dr_diag *a = *(const struct dr_diag *const *)pa;
    const struct dr_diag *b = *(const struct dr_diag *const *)pb;
    int by_file = compare_text(a->mark.file, b->mark.file);
    if (by_file)
        return by_file;
    if (a->mark.line != b->mark.line)
        return a->mark.line < b->mark.line ? -1 : 1;
    if (a->mark.column != b->mark.column)
        return a->mark.column < b->mark.column ? -1 : 1;
    return a < b ? -1 : a > b; /* qsort is not stable; found first, shown first */
}

static const struct dr_diag **in_order(const struct dr_diags *d)
{
    const struct dr_diag **order = dr_calloc((size_t)d->n + 1, sizeof(*order));
    for (int32_t i = 0; i < d->n; i++)
        order[i] = &d->items[i];
    qsort(order, (size_t)d->n, sizeof(*order), compare_places);
    return order;
}

static void put_place(struct dr_buf *out, struct dr_mark mark)
{
    if (!mark.file)
        return;
    dr_buf_put_visible(out, dr_str_of(mark.file), 0);
    if (mark.line > 0)
        dr_buf_printf(out, ":%d", (int)mark.line);
    if (mark.line > 0 && mark.column > 0)
        dr_buf_printf(out, ":%d", (int)mark.column);
    dr_buf_puts(out, ": ");
}

static const char *level_name(enum dr_diag_level level)
{
    return level == DR_DIAG_ERROR ? "error" : "warning";
}

void dr_diags_put_text(const struct dr_diags *d, struct dr_buf *out)
{
    DR_AUTO_FREE const struct dr_diag **order = in_order(d);
    for (int32_t i = 0; i < d->n; i++) {
        put_place(out, order[i]->mark);
        dr_buf_printf(out, "%s: %s\n", level_name(order[i]->level), order[i]->message);
        if (!order[i]->hint)
            continue;
        dr_buf_puts(out, "  ");
        dr_buf_put_visible(out, dr_str_of(order[i]->hint), 0);
        dr_buf_putc(out, '\n');
    }
    if (d->dropped > 0)
        dr_buf_printf(out, "(%d more not shown)\n", (int)d->dropped);
}

void dr_diags_put_json(const struct dr_diags *d, struct dr_buf *out)
{
    DR_AUTO_FREE const struct dr_diag **order = in_order(d);
    struct dr_json j = { .out = out };
    dr_json_array(&j);
    for (int32_t i = 0; i < d->n; i++) {
        const struct dr_diag *diag = order[i];
        dr_json_object(&j);
        dr_json_key(&j, "level");
        dr_json_cstr(&j, level_name(diag->level));
        dr_json_key(&j, "file");
        dr_json_cstr(&j, diag->mark.file);
        dr_json_key(&j, "line");
        dr_json_int(&j, diag->mark.line);
        dr_json_key(&j, "column");
        dr_json_int(&j, diag->mark.column);
        dr_json_key(&j, "message");
        dr_json_cstr(&j, diag->message);
        dr_json_key(&j, "hint");
        dr_json_cstr(&j, diag->hint);
        dr_json_end_object(&j);
    }
    dr_json_end_array(&j);
}

int32_t dr_diags_fail(const struct dr_diags *d, struct dr_err *err)
{
    if (d->errors == 0)
        return dr_fail(err, DR_EBUG, "a definition was refused without a reason");
    DR_AUTO_FREE const struct dr_diag **order = in_order(d);
    int32_t first = 0;
    while (first < d->n && order[first]->level != DR_DIAG_ERROR)
        first++;
    DR_AUTO_BUF text = { 0 };
    if (first < d->n) {
        put_place(&text, order[first]->mark);
        dr_buf_puts(&text, order[first]->message);
        if (order[first]->hint)
            dr_buf_printf(&text, " (%s)", order[first]->hint);
    }
    if (d->errors > 1)
        dr_buf_printf(&text, "; and %d more", (int)d->errors - 1);
    return dr_fail(err, DR_EDEF, "%s", dr_buf_cstr(&text));
}
