/* stretch.c - the last row says what a stretch looks like, and those before it that its
 * strings have one length each. */
#include "json/stretch.h"

/* The cell of a member in the last row. */
static const struct dr_json_cell *last_cell(const struct dr_json_place *m, const struct dr_json_rows *rows)
{
    return rows->cells + (size_t)m->column * (size_t)rows->cap + rows->n - 1;
}

static void look_at_values(struct dr_json_place *m, const struct dr_json_rows *rows)
{
    const struct dr_json_cell *cells = last_cell(m, rows);
    bool steady = true, string = dr_cell_kind(*cells) == DR_JSON_STRING;
    for (int32_t i = 1; i < DR_JSON_STRETCH_SAMPLE; i++)
        steady &= cells[-i].size == cells->size;
    uint32_t quotes = string ? 2 : 0, written = dr_cell_length(*cells) + quotes;
    bool brief = string && m->expected_n > 0 && m->expected_n + written <= DR_JSON_BLOCK;
    m->steady = steady ? written : 0;
    m->way = brief ? DR_JSON_BRIEF : DR_JSON_ANYHOW;
}

/* In the last row: where the member's key would start, written as is expected, and past its value. */
struct extent {
    const char *start, *end;
};
static struct extent extent_of(const struct dr_json_place *m, const struct dr_json_rows *rows,
                               const char *text)
{
    struct dr_json_cell cell = *last_cell(m, rows);
    const char *value = text + cell.at - 1;
    return (struct extent){ value - m->expected_n, value + m->steady };
}

/* Whether the member's strings have one length, and the last is where that extent says. */
static bool may_be_part(const struct dr_json_place *m, const struct dr_json_rows *rows, const char *text)
{
    if (m->column < 0 || m->steady == 0 || m->expected_n == 0)
        return false;
    struct dr_json_cell cell = *last_cell(m, rows);
    return dr_cell_kind(cell) == DR_JSON_STRING && cell.at > m->expected_n &&
           memcmp(text + cell.at - 1 - m->expected_n, m->expected, m->expected_n) == 0;
}

/* Whether what starts there comes next after what ended here. */
static bool follows(const char *end, const char *start)
{
    if (start <= end || *end != ',')
        return false;
    while (++end < start && (*end == ' ' || *end == '\t'))
        ;
    return end == start;
}

static void add_member(struct dr_json_stretch *s, const struct dr_json_place *m, struct dr_json_cell cell,
                       const char *from, const char *text)
{
    cell.at -= (uint32_t)(from - text);
    for (uint32_t i = 0; i < dr_cell_length(cell); i++)
        s->block[(cell.at + i) / DR_JSON_BLOCK].value[(cell.at + i) % DR_JSON_BLOCK] = (char)0xFF;
    s->cell[s->members].offset = m->offset;
    memcpy(&s->cell[s->members++].cell, &cell, sizeof cell);
    s->n = cell.at + dr_cell_length(cell) + 1;
}

/* The stretch that starts with that member, of members before `end`; of one, or none, where there is none. */
static void make_stretch(struct dr_json_stretch *s, const struct dr_json_place *m,
                         const struct dr_json_place *end, const struct dr_json_rows *rows, const char *text)
{
    struct extent before = { 0 };
    const char *from = NULL;
    memset(s, 0, sizeof *s);
    for (; m < end && s->members < DR_JSON_STRETCH_MEMBERS && may_be_part(m, rows, text); m++) {
        struct extent this = extent_of(m, rows, text);
        from = from ? from : this.start;
        if (this.end - from > (ptrdiff_t)sizeof s->block[0].text * DR_JSON_STRETCH_BLOCKS ||
            (s->members > 0 && !follows(before.end, this.start)))
            break;
        add_member(s, m, *last_cell(m, rows), from, text);
        before = this;
    }
    s->blocks = (s->n + DR_JSON_BLOCK - 1) / DR_JSON_BLOCK;
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t k = i % DR_JSON_BLOCK;
        s->block[i / DR_JSON_BLOCK].text[k] = from[i];
        s->block[i / DR_JSON_BLOCK].same[k] = (char)~s->block[i / DR_JSON_BLOCK].value[k];
    }
}

void dr_json_stretch_find(struct dr_arena *a, struct dr_json_place *o, const struct dr_json_rows *rows,
                          const char *text)
{
    struct dr_json_place *end = o->members + o->n_members;
    for (struct dr_json_place *m = o->members; m < end; m++) {
        dr_json_stretch_find(a, m, rows, text);
        if (m->column >= 0)
            look_at_values(m, rows);
    }
    for (struct dr_json_place *m = o->members; m + 1 < end; m++) {
        if (!may_be_part(m, rows, text) || !may_be_part(m + 1, rows, text))
            continue;
        if (!m->stretch)
            m->stretch = DR_NEW(a, struct dr_json_stretch);
        make_stretch(m->stretch, m, end, rows, text);
        if (m->stretch->members < 2)
            continue;
        m->way = DR_JSON_STRETCH;
        m += m->stretch->members - 1;
    }
}
