/* place.c - places of a plan, and a table of the keys of each. */
#include "json/place.h"
#include "json/walk.h"

enum { MOST_WHITE = 30 }; /* around a ':' */

/* Whether a text holds the key as it is. */
static bool is_plain(struct dr_str key)
{
    for (size_t i = 0; i < key.n; i++)
        if ((unsigned char)key.p[i] < 0x20 || key.p[i] == '"' || key.p[i] == '\\')
            return false;
    return dr_utf8_valid(key);
}

static void add_slot(struct dr_json_place *o, struct dr_str key, uint32_t number)
{
    uint32_t last = (UINT32_C(1) << (64 - o->shift)) - 1;
    uint64_t i = dr_json_key_hash(key.p, key.n) >> o->shift;
    while (o->slots[i & last])
        i++;
    o->slots[i & last] = number + 1;
}

/* As most are written: without white space. */
static void name_place(struct dr_arena *a, struct dr_json_place *m, struct dr_str quoted)
{
    char *copy = dr_arena_alloc(a, quoted.n + DR_JSON_BLOCK);
    memcpy(copy, quoted.p, quoted.n);
    m->quoted = copy;
    m->quoted_n = (uint32_t)quoted.n;
    m->expected = dr_arena_alloc(a, quoted.n + 1 + MOST_WHITE + DR_JSON_BLOCK);
    memcpy(m->expected, quoted.p, quoted.n);
    m->expected[quoted.n] = ':';
    dr_json_place_expect(m, m->expected, quoted.n + 1);
}

static void fill(struct dr_arena *a, struct dr_json_place *p, const struct dr_json_node *node, int32_t cap)
{
    static char never[DR_JSON_BLOCK] = "\n";
    int32_t n = node->n_members;
    *p =
        (struct dr_json_place){ .column = node->column, .object = node->object, .n_members = n, .shift = 61 };
    p->offset = node->column < 0 ? 0 : (size_t)node->column * (size_t)cap * sizeof(struct dr_json_cell);
    p->items = node->n_items > 0 || node->child > 0;
    p->expected = never;
    p->expected_mask = 1;
    p->members = dr_arena_array(a, (size_t)n + 1, sizeof *p->members);
    p->members[n] = (struct dr_json_place){ .expected = never, .expected_mask = 1, .column = -1 };
    while (n > 1 << (63 - p->shift))
        p->shift--;
    p->slots = dr_arena_array(a, (size_t)1 << (64 - p->shift), sizeof *p->slots);
    for (int32_t i = 0; i < n; i++) {
        struct dr_str key = node->members[i]->key;
        fill(a, &p->members[i], node->members[i], cap);
        if (!is_plain(key))
            continue;
        name_place(a, &p->members[i], node->members[i]->quoted);
        add_slot(p, (struct dr_str){ node->members[i]->quoted.p + 1, key.n }, (uint32_t)i);
    }
}

struct dr_json_place *dr_json_place_tree(struct dr_arena *a, const struct dr_json_node *root, int32_t cap)
{
    struct dr_json_place *p = DR_NEW(a, struct dr_json_place);
    fill(a, p, root, cap);
    return p;
}

void dr_json_place_expect(struct dr_json_place *m, const char *p, size_t n)
{
    m->way = DR_JSON_ANYHOW;
    if (n > m->quoted_n + 1 + MOST_WHITE) {
        m->expected[0] = '\n';
        m->expected_n = 0;
        m->expected_mask = 1;
        return;
    }
    memmove(m->expected, p, n);
    m->expected_n = (uint32_t)n;
    m->expected_mask = n < DR_JSON_BLOCK ? (UINT32_C(1) << n) - 1 : UINT32_MAX;
}
