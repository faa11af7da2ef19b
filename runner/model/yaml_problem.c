/* yaml_problem.c - libyaml's messages are written for its authors; here they
 * become words for the author of a file, with what to do about it. */
#include "model/yaml_problem.h"

struct translation {
    const char *problem; /* a part of libyaml's message */
    const char *message, *hint;
};
static const struct translation translations[] = {
    { "tab character", "a tab is used to indent", "indent with spaces" },
    { "mapping values are not allowed", "a ':' cannot stand here",
      "put text that holds ': ' in quotes, or check how the line is indented" },
    { "mapping keys are not allowed", "a key cannot start here", "check how the line is indented" },
    { "block sequence entries are not allowed", "a list item '- ' cannot start here",
      "put it on a line of its own, under its key" },
    { "could not find expected ':'", "a key without ':'",
      "write 'key: value'; is a colon or a quote missing?" },
    { "did not find expected key", "expected a key here",
      "the line is indented differently from the ones before it, or text after a closing quote needs "
      "quotes" },
    { "did not find expected '-' indicator", "expected a list item '- ' here",
      "indent the items of one list alike" },
    { "did not find expected ',' or ']'", "expected ',' or ']'", "is a comma or the closing ']' missing?" },
    { "did not find expected ',' or '}'", "expected ',' or '}'", "is a comma or the closing '}' missing?" },
    { "found unexpected end of stream", "the file ends inside quoted text", "is the closing quote missing?" },
    { "found unknown escape character", "an unknown escape after '\\' in double quotes",
      "write '\\\\' for a backslash, or use single quotes (as for regular expressions)" },
    { "hexdecimal number", "expected hexadecimal digits after the escape", NULL },
    { "invalid Unicode character escape", "the escape does not name a Unicode character", NULL },
    { "did not find expected alphabetic or numeric", "expected a name after '*' or '&'",
      "put text that starts with '*' or '&' in quotes" },
    { "did not find expected node content", "expected a value here",
      "put text with special characters in quotes" },
    { "found undefined tag handle", "an unknown tag", "put text that starts with '!' in quotes" },
    { "did not find expected <document start>", "expected the end of the file",
      "text after the first value; check how the line is indented" },
    { "found unexpected document indicator", "'---' or '...' inside quoted text",
      "is the closing quote missing?" },
    { "did not find expected comment or line break", "unexpected text after '|' or '>'",
      "the text of a block starts on the next line" },
    { "control characters are not allowed", "a control character", "remove it, or write it as \"\\x..\"" },
};

struct dr_mark dr_yaml_mark_of_byte(const char *file, struct dr_str text, size_t offset)
{
    struct dr_mark m = { file, 1, 1 };
    size_t line_start = 0;
    for (size_t i = 0; i < offset && i < text.n; i++) {
        if (text.p[i] != '\n')
            continue;
        m.line++;
        line_start = i + 1;
    }
    size_t end = offset < text.n ? offset : text.n;
    m.column = 1 + (int32_t)dr_utf8_length((struct dr_str){ text.p + line_start, end - line_start });
    return m;
}

static char char_at(struct dr_str text, struct dr_mark mark)
{
    struct dr_str rest = text;
    struct dr_str line = { 0 };
    for (int32_t i = 0; i < mark.line; i++)
        if (!dr_str_split(&rest, '\n', &line))
            return '\0';
    for (int32_t i = 1; i < mark.column && line.n > 0; i++) {
        size_t n = 0;
        dr_utf8_next(line, &n);
        line = (struct dr_str){ line.p + n, line.n - n };
    }
    return line.n > 0 ? line.p[0] : '\0';
}

static void add_bad_start(struct dr_diags *d, struct dr_mark mark, char c)
{
    if (c == '\t')
        dr_diag_add(d, DR_DIAG_ERROR, mark, "indent with spaces", "a tab is used to indent");
    else
        dr_diag_add(d, DR_DIAG_ERROR, mark, "put the text in quotes", "a value cannot start with '%c'",
                    c ? c : '?');
}

static const struct translation *find_translation(const char *problem)
{
    for (size_t i = 0; i < sizeof(translations) / sizeof(translations[0]); i++)
        if (strstr(problem, translations[i].problem))
            return &translations[i];
    return NULL;
}

void dr_yaml_add_problem(struct dr_diags *d, struct dr_str text, struct dr_mark mark, struct dr_mark context,
                         const char *problem)
{
    if (strstr(problem, "cannot start any token")) {
        add_bad_start(d, mark, char_at(text, mark));
        return;
    }
    const struct translation *t = find_translation(problem);
    const char *message = t ? t->message : problem;
    const char *hint = t ? t->hint : NULL;
    if (context.line < mark.line)
        dr_diag_add(d, DR_DIAG_ERROR, mark, hint, "%s (what it belongs to starts at line %d, column %d)",
                    message, (int)context.line, (int)context.column);
    else
        dr_diag_add(d, DR_DIAG_ERROR, mark, hint, "%s", message);
}
