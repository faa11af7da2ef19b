/* values.c - adding, growing and settling of one column's values. */
#include "csv/values.h"
#include "base/hash.h"
#include "csv/cells.h"
#include "csv/front.h"
#include <sys/mman.h>
#include <sys/random.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FIRST_BYTES(n) ((UINT64_C(1) << 8 * ((n)&7)) - 1)
#else
#define FIRST_BYTES(n) ~(UINT64_MAX >> 8 * ((n)&7))
#endif
#define BYTES(n) ((n) <= 0 ? 0 : (n) >= 8 ? UINT64_MAX : FIRST_BYTES(n))
#define ROW(n)                                                                                               \
    {                                                                                                        \
        BYTES(n), BYTES((n)-8), BYTES((n)-16), 0                                                             \
    }
const uint64_t dr_csv_mask[DR_CSV_SHORT + 1][4] = { ROW(0),  ROW(1),  ROW(2),  ROW(3),  ROW(4),
                                                    ROW(5),  ROW(6),  ROW(7),  ROW(8),  ROW(9),
                                                    ROW(10), ROW(11), ROW(12), ROW(13), ROW(14),
                                                    ROW(15), ROW(16), ROW(17), ROW(18), ROW(19),
                                                    ROW(20), ROW(21), ROW(22), ROW(23), ROW(24) };

/* Digits of pi and of the golden ratio: no more than well mixed. */
#define FALLBACK_SEED                                                                                        \
    ((const uint64_t[]){ UINT64_C(0x9E3779B97F4A7C15), UINT64_C(0x243F6A8885A308D3),                         \
                         UINT64_C(0x13198A2E03707344) })

enum { UNSETTLED = -2, FIRST_SLOT_BITS = 6, ROOMY_SLOT_BITS = 11, FIRST_LONGS = 64 };

/* ---- values by id ---------------------------------------------------------- */

static void note_unsettled(struct dr_csv_values *v, int32_t id)
{
    if (v->unsettled_n == v->unsettled_cap) {
        v->unsettled_cap = v->unsettled_cap ? v->unsettled_cap * 2 : 64;
        v->unsettled = dr_realloc(v->unsettled, (size_t)v->unsettled_cap * sizeof *v->unsettled);
    }
    v->unsettled[v->unsettled_n++] = id;
}

/* What another thread met is known already. */
static int32_t known_code(const struct dr_csv_values *v, struct dr_str s)
{
    int32_t code = v->known ? dr_dict_look_up(v->known, s) : -1;
    return code < 0 ? UNSETTLED : code;
}

/* A new value; returns its id. */
static int32_t add_value(struct dr_csv_values *v, struct dr_str s, bool missing)
{
    if (v->n == v->cap) {
        if (v->cap >= DR_CSV_PROVISIONAL / 2)
            dr_die_oom((size_t)v->cap * sizeof *v->all);
        v->cap = v->cap ? v->cap * 2 : 64;
        v->all = dr_realloc(v->all, (size_t)v->cap * sizeof *v->all);
    }
    int32_t id = v->n++;
    v->all[id].code = missing ? DR_CSV_NULL : known_code(v, s);
    v->all[id].text = (struct dr_str){ s.n ? dr_arena_dup(&v->bytes, s.p, s.n) : "", s.n };
    if (v->all[id].code == UNSETTLED)
        note_unsettled(v, id);
    return id;
}

static int32_t code_of(const struct dr_csv_values *v, int32_t id)
{
    int32_t code = v->all[id].code;
    return code == UNSETTLED ? id | DR_CSV_PROVISIONAL : code;
}

/* ---- short texts ------------------------------------------------------------- */

/* A large table is asked in no order: huge pages spare most of the address
 * translations that would miss. */
static struct dr_csv_slot *new_slots(size_t n)
{
    enum { HUGE_PAGE = 2 << 20, LINE = 64 };
    size_t bytes = n * sizeof(struct dr_csv_slot);
    struct dr_csv_slot *slots = aligned_alloc(bytes < HUGE_PAGE ? LINE : HUGE_PAGE, bytes);
    if (!slots)
        dr_die_oom(bytes);
    if (bytes >= HUGE_PAGE)
        (void)madvise(slots, bytes, MADV_HUGEPAGE); /* a wish */
    for (size_t i = 0; i < n; i++)
        slots[i] = (struct dr_csv_slot){ .code = DR_CSV_NULL };
    return slots;
}

static size_t home_of(const struct dr_csv_values *v, const struct dr_csv_key *key)
{
    return key->hash >> v->shift;
}

/* The slot of a key: where it is, or the free one where it belongs. */
static struct dr_csv_slot *own_slot(struct dr_csv_values *v, const struct dr_csv_key *key)
{
    size_t last = ((size_t)1 << (64 - v->shift)) - 1, home = home_of(v, key);
    for (size_t i = home;; i = dr_csv_next_slot(home, i, last))
        if (v->slots[i].word[0] == 0 || dr_csv_is_slot_of(v->slots + i, key))
            return v->slots + i;
}

static void grow_slots(struct dr_csv_values *v)
{
    struct dr_csv_slot *old = v->slots;
    size_t n = (size_t)1 << (64 - v->shift);
    v->slots = new_slots(n * 2);
    v->shift--;
    struct dr_csv_finder f = dr_csv_finder_of(v);
    for (size_t i = 0; i < n; i++) {
        if (old[i].word[0]) {
            struct dr_csv_key key = dr_csv_key_of(&f, (const char *)old[i].word, DR_CSV_SHORT);
            *own_slot(v, &key) = old[i];
        }
    }
    free(old);
}

/* Whether a new key wants a larger table. A small one must be roomy, and each
 * key lie in its first slot: in a column of few values one that does not costs
 * a wrong guess of the processor in every row that has it. */
static bool is_crowded(struct dr_csv_values *v, const struct dr_csv_key *key)
{
    int bits = 64 - v->shift;
    bool small = bits < ROOMY_SLOT_BITS;
    if (v->used + 1 > (uint32_t)1 << (bits - (small ? 3 : 1)))
        return true;
    return small && v->slots[home_of(v, key)].word[0] != 0;
}

static int32_t add_short(struct dr_csv_values *v, struct dr_str s, const struct dr_csv_key *key)
{
    while (is_crowded(v, key))
        grow_slots(v);
    bool missing = dr_csv_is_null(v->format, s);
    int32_t code = missing ? DR_CSV_NULL : known_code(v, s);
    if (code == UNSETTLED)
        code = code_of(v, add_value(v, s, false));
    *own_slot(v, key) = (struct dr_csv_slot){ { key->a, key->b, key->c }, code };
    v->used++;
    int32_t words = (int32_t)(s.n + 7) / 8;
    v->words = words > v->words ? words : v->words;
    return code;
}

int32_t dr_csv_values_probe(struct dr_csv_values *v, struct dr_str s)
{
    struct dr_csv_finder f = dr_csv_finder_of(v);
    struct dr_csv_key key = dr_csv_key_of(&f, s.p, s.n);
    const struct dr_csv_slot *slot = own_slot(v, &key);
    return slot->word[0] || s.n == 0 ? slot->code : add_short(v, s, &key);
}

static void set_short_code(struct dr_csv_values *v, struct dr_str s, int32_t code)
{
    char text[DR_CSV_SHORT] = { 0 };
    struct dr_csv_finder f = dr_csv_finder_of(v);
    memcpy(text, s.p, s.n);
    struct dr_csv_key key = dr_csv_key_of(&f, text, s.n);
    own_slot(v, &key)->code = code;
}

/* ---- long texts --------------------------------------------------------------- */

static void grow_longs(struct dr_csv_values *v)
{
    struct dr_csv_long_slot *old = v->longs;
    uint32_t n = v->longs_cap;
    v->longs_cap = n ? n * 2 : FIRST_LONGS;
    v->longs = dr_calloc(v->longs_cap, sizeof *v->longs);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t to = (uint32_t)old[i].hash & (v->longs_cap - 1);
        if (!old[i].id)
            continue;
        while (v->longs[to].id)
            to = (to + 1) & (v->longs_cap - 1);
        v->longs[to] = old[i];
    }
    free(old);
}

int32_t dr_csv_values_long(struct dr_csv_values *v, struct dr_str s)
{
    if (v->longs_used >= v->longs_cap / 2)
        grow_longs(v);
    uint64_t hash = dr_hash(s.p, s.n) ^ v->seed[0];
    uint32_t i = (uint32_t)hash & (v->longs_cap - 1);
    for (; v->longs[i].id; i = (i + 1) & (v->longs_cap - 1))
        if (v->longs[i].hash == hash && dr_str_eq(v->all[v->longs[i].id - 1].text, s))
            return code_of(v, v->longs[i].id - 1);
    int32_t id = add_value(v, s, dr_csv_is_null(v->format, s));
    v->longs[i] = (struct dr_csv_long_slot){ hash, id + 1 };
    v->longs_used++;
    return code_of(v, id);
}

int32_t dr_csv_values_empty(struct dr_csv_values *v)
{
    if (!v->empty)
        v->empty = add_value(v, DR_LIT(""), false) + 1;
    return code_of(v, v->empty - 1);
}

/* ---- life ----------------------------------------------------------------------- */

void dr_csv_values_init(struct dr_csv_values *v, const struct dr_csv_format *f)
{
    *v = (struct dr_csv_values){ .format = f, .words = 1, .shift = 64 - FIRST_SLOT_BITS };
    v->slots = new_slots((size_t)1 << FIRST_SLOT_BITS);
    /* Unforeseeable, so that a file cannot be made whose values all collide. */
    if (getrandom(v->seed, sizeof v->seed, GRND_NONBLOCK) != (ssize_t)sizeof v->seed)
        memcpy(v->seed, FALLBACK_SEED, sizeof v->seed);
    for (int i = 0; i < 3; i++)
        v->seed[i] |= 1; /* else the top bits of a word would be lost */
}

void dr_csv_values_done(struct dr_csv_values *v)
{
    free(v->all);
    free(v->slots);
    free(v->longs);
    free(v->unsettled);
    dr_csv_front_free(v->front);
    dr_arena_done(&v->bytes);
    *v = (struct dr_csv_values){ 0 };
}

void dr_csv_values_refresh(struct dr_csv_values *v)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < v->unsettled_n; i++) {
        int32_t id = v->unsettled[i];
        int32_t code = code_of(v, id);
        struct dr_str text = v->all[id].text;
        if (code & DR_CSV_PROVISIONAL) {
            v->unsettled[kept++] = id;
            continue;
        }
        if (text.n > 0 && text.n <= DR_CSV_SHORT)
            set_short_code(v, text, code);
        if (v->front)
            dr_csv_front_set(v->front, text, code);
    }
    v->unsettled_n = kept;
}

int32_t dr_csv_values_settle(struct dr_csv_values *v, int32_t code, struct dr_dict *dict)
{
    struct dr_csv_value *value = v->all + (code & ~DR_CSV_PROVISIONAL);
    if (value->code == UNSETTLED)
        value->code = dr_dict_put(dict, value->text);
    return value->code;
}
