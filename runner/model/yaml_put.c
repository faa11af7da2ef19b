/* yaml_put.c - a value tree as YAML in block style. A text stays plain only
 * where it is plainly harmless; everything else is double-quoted. */
#include "model/yaml.h"
#include "model/yaml_scalar.h"
#include "base/num.h"
#include <math.h>

/* libyaml reads an implicit key only up to this many characters. */
enum { KEY_MAX = 1000, INDENT_STEP = 2 };

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool may_be_plain(struct dr_str s)
{
    if (s.n == 0 || !is_word_byte(s.p[0]) || s.p[s.n - 1] == ' ' || !dr_yaml_is_text(s))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_word_byte(s.p[i]) && !strchr(" ./-+", s.p[i]))
            return false;
    return memchr(s.p, '\0', s.n) == NULL;
}

static void put_escaped(struct dr_buf *b, uint32_t c, struct dr_str bytes)
{
    if (c == '"' || c == '\\')
        dr_buf_printf(b, "\\%c", (char)c);
    else if (c == '\n')
        dr_buf_puts(b, "\\n");
    else if (c == '\t')
        dr_buf_puts(b, "\\t");
    else if (c < 0x20 || c == 0x7f)
        dr_buf_printf(b, "\\x%02X", (unsigned)c);
    else if ((c >= 0x80 && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff || c >= 0xfffe)
        dr_buf_printf(b, "\\U%08X", (unsigned)c);
    else
        dr_buf_append(b, bytes.p, bytes.n);
}

static void put_text(struct dr_buf *b, struct dr_str s)
{
    if (may_be_plain(s)) {
        dr_buf_append(b, s.p, s.n);
        return;
    }
    dr_buf_putc(b, '"');
    for (size_t at = 0; at < s.n;) {
        size_t n = 0;
        struct dr_str rest = { s.p + at, s.n - at };
        uint32_t c = dr_utf8_next(rest, &n);
        put_escaped(b, c, (struct dr_str){ rest.p, n });
        at += n;
    }
    dr_buf_putc(b, '"');
}

static void put_float(struct dr_buf *b, double v)
{
    char text[DR_F64_TEXT];
    if (isnan(v)) {
        dr_buf_puts(b, ".nan");
    } else if (isinf(v)) {
        dr_buf_puts(b, v < 0 ? "-.inf" : ".inf");
    } else {
        size_t n = dr_format_f64(v, text);
        dr_buf_append(b, text, n);
        if (!strpbrk(text, ".e"))
            dr_buf_puts(b, ".0"); /* stays a float */
    }
}

static void put_scalar(struct dr_buf *b, const struct dr_node *n)
{
    switch (dr_node_kind(n)) {
    case DR_NODE_BOOL:
        dr_buf_puts(b, n->i ? "true" : "false");
        break;
    case DR_NODE_INT:
        dr_buf_printf(b, "%lld", (long long)n->i);
        break;
    case DR_NODE_FLOAT:
        put_float(b, n->f);
        break;
    case DR_NODE_STRING:
        put_text(b, n->text);
        break;
    case DR_NODE_LIST:
        dr_buf_puts(b, "[]");
        break;
    case DR_NODE_MAP:
        dr_buf_puts(b, "{}");
        break;
    default:
        dr_buf_puts(b, "null");
    }
}

static void put_indent(struct dr_buf *b, int indent)
{
    for (int i = 0; i < indent; i++)
        dr_buf_putc(b, ' ');
}

static void put_block(struct dr_buf *b, const struct dr_node *n, int indent);

/* What follows "key:" or "-": a scalar on the same line, or a block below. */
static void put_value(struct dr_buf *b, const struct dr_node *n, int indent)
{
    if (dr_node_size(n) > 0) {
        dr_buf_putc(b, '\n');
        put_block(b, n, indent);
        return;
    }
    dr_buf_putc(b, ' ');
    put_scalar(b, n);
    dr_buf_putc(b, '\n');
}

static void put_key(struct dr_buf *b, struct dr_str key, int indent)
{
    size_t start = b->n;
    put_text(b, key);
    if (b->n - start > KEY_MAX && dr_buf_ok(b)) {
        b->n = start;
        dr_buf_puts(b, "? ");
        put_text(b, key);
        dr_buf_putc(b, '\n');
        put_indent(b, indent);
    }
    dr_buf_putc(b, ':');
}

static void put_block(struct dr_buf *b, const struct dr_node *n, int indent)
{
    for (int32_t i = 0; i < n->n; i++) {
        put_indent(b, indent);
        if (n->kind == DR_NODE_MAP)
            put_key(b, n->keys[i], indent);
        else
            dr_buf_putc(b, '-');
        put_value(b, n->items[i], indent + INDENT_STEP);
    }
}

void dr_yaml_put_node(struct dr_buf *b, const struct dr_node *n, int indent)
{
    if (dr_node_size(n) > 0) {
        put_block(b, n, indent);
        return;
    }
    put_indent(b, indent);
    put_scalar(b, n);
    dr_buf_putc(b, '\n');
}
