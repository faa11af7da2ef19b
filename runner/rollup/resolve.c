/* resolve.c - equal keys, partition by partition.
 *
 * Whatever their worker, the entries of a partition are looked at in the order of their
 * rows: batch by batch, since the entries of a batch lie together. So the first selected
 * entry of a key is the one that counts, it goes to its group at once, and only keys are
 * kept. Packed ones are slots of a table themselves. Others lie in an array; a slot of their table is a
 * number in it below some bits of the hash, which spare nearly all comparisons of different keys.
 *
 * Tables are made for as many keys as there are entries where memory allows. Else, since keys may repeat
 * much, it is estimated how many there are; they are looked at in passes by bits of their hashes if they do
 * not fit together, and tables grow where the estimate was too low. */
#include "data/pool.h"
#include "rollup/impl.h"
#include "rollup/sketch.h"

enum { REPEATED = 1, KEPT = 2 };
enum { LEAST_TABLES = 64 << 10, PASSES_MAX = 1024, PASS_SHIFT = 36 };
/* The same of a packed key, and that there is one; beside its bits. */
#define SLOT_USED (UINT64_C(1) << 63)
#define SLOT_REPEATED (UINT64_C(1) << 62)
#define SLOT_KEPT (UINT64_C(1) << 61)

/* The keys of a partition. */
struct distinct {
    uint32_t *keys;
    uint8_t *seen; /* REPEATED, KEPT */
    uint32_t *slots;
    size_t n, cap, n_slots, slots_cap;
    int32_t words;   /* of a key */
    uint32_t number; /* the bits of a slot that number a key, from 1 */
    uint32_t *mask;  /* of each word of a key: without the flag */
};
/* The packed keys of a partition. */
struct packed_keys {
    uint64_t *slots;
    size_t n, n_slots, cap;
    uint64_t mask; /* of a slot: the bits of its key */
};
/* How far the entries of a worker in the partition were looked at. */
struct cursor {
    const char *p;
    size_t left; /* bytes of the block */
    uint32_t block;
    bool open;
    char *buf; /* owned: a block that was in the file */
};
/* What a thread works with. */
struct resolver {
    struct dr_rollup *r;
    struct dr_rollup_worker *me;
    struct distinct d;
    struct packed_keys packed;
    size_t tables;                          /* bytes that tables of keys should take; 0: whatever they need */
    size_t counted;                         /* bytes that they take */
    uint64_t passes, pass;                  /* through the partition: each looks at keys with other bits */
    struct dr_sketch *sketch;               /* borrowed: keys are only counted */
    struct cursor *cursors;                 /* of each worker */
    const char *waiting[DR_ROLLUP_AT_ONCE]; /* entries that are to go to their groups */
    int32_t n_waiting;
};
struct resolution {
    struct dr_rollup *r;
    struct dr_rollup_mark *marks; /* all batches by their first rows */
    int32_t n_marks;
    struct dr_share parts;
};

/* ---- groups ------------------------------------------------------------------------ */

static int32_t flush(struct resolver *x)
{
    int32_t n = x->n_waiting;
    x->n_waiting = 0;
    x->me->counts.kept += n;
    return x->r->only_counts ? DR_OK : dr_rollup_groups_add(&x->me->groups, x->waiting, n, &x->me->err);
}

/* ---- keys -------------------------------------------------------------------------- */

static size_t power_of_two(size_t least)
{
    size_t n = 1024;
    while (n < least)
        n *= 2;
    return n;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t power_within(size_t most)
{
    return most < 1024 ? 1024 : (size_t)1 << (63 - __builtin_clzll(most));
}

static size_t key_bytes(const struct distinct *d)
{
    return (size_t)d->words * sizeof(*d->keys) + sizeof(*d->seen);
}

/* The store knows of all tables. */
static void count_tables(struct resolver *x)
{
    size_t now = x->d.cap * key_bytes(&x->d) + x->d.slots_cap * sizeof(*x->d.slots) +
                 x->packed.cap * sizeof(*x->packed.slots);
    dr_rollup_store_count(&x->r->store, now, x->counted);
    x->counted = now;
}

static void clear_slots(struct distinct *d, size_t n)
{
    d->n_slots = n;
    d->number = (uint32_t)n - 1;
    if (n > d->slots_cap) {
        free(d->slots);
        d->slots_cap = n;
        d->slots = dr_malloc(n * sizeof(*d->slots));
    }
    memset(d->slots, 0, n * sizeof(*d->slots));
}

/* Half of the tables' bytes are for keys, half for slots. */
static size_t keys_that_fit(const struct resolver *x)
{
    return least(x->tables / 2 / key_bytes(&x->d), power_within(x->tables / 2 / sizeof(*x->d.slots)) / 4 * 3);
}

static void make_room(struct resolver *x, size_t rows)
{
    struct distinct *d = &x->d;
    size_t slots = power_of_two(rows * 2);
    if (x->tables > 0)
        slots = least(slots, power_within(x->tables / 2 / sizeof(*d->slots)));
    d->n = 0;
    if (rows + DR_ROLLUP_AT_ONCE > d->cap) {
        d->cap = rows + rows / 4 + DR_ROLLUP_AT_ONCE;
        free(d->keys);
        free(d->seen);
        d->keys = dr_malloc(d->cap * (size_t)d->words * sizeof(*d->keys));
        d->seen = dr_malloc(d->cap);
    }
    clear_slots(d, slots);
    count_tables(x);
}

static inline uint32_t tag_of(const struct distinct *d, uint64_t hash)
{
    return (uint32_t)(hash >> 20) & ~d->number;
}

static void widen_slots(struct distinct *d)
{
    clear_slots(d, d->n_slots * 2);
    for (size_t i = 0; i < d->n; i++) {
        uint64_t hash = dr_rollup_hash(d->keys + i * (size_t)d->words, d->words);
        size_t s = (size_t)hash & (d->n_slots - 1);
        while (d->slots[s] != 0)
            s = (s + 1) & (d->n_slots - 1);
        d->slots[s] = tag_of(d, hash) | (uint32_t)(i + 1);
    }
}

/* Room for a few keys more. */
static __attribute__((noinline)) int32_t widen(struct resolver *x)
{
    struct distinct *d = &x->d;
    if (d->n >= UINT32_MAX / 4)
        return dr_fail(&x->me->err, DR_ELIMIT,
                       "too many keys for as many partitions; state how many rows to expect");
    if (d->n + DR_ROLLUP_AT_ONCE > d->cap) {
        d->cap += d->cap / 2 + DR_ROLLUP_AT_ONCE;
        d->keys = dr_realloc(d->keys, d->cap * (size_t)d->words * sizeof(*d->keys));
        d->seen = dr_realloc(d->seen, d->cap);
    }
    if ((d->n + DR_ROLLUP_AT_ONCE) * 4 > d->n_slots * 3)
        widen_slots(d);
    count_tables(x);
    return DR_OK;
}

static inline bool is_room(const struct distinct *d)
{
    size_t n = d->n + DR_ROLLUP_AT_ONCE;
    return n <= d->cap && n * 4 <= d->n_slots * 3;
}

/* Whether keys of this hash are for this pass. */
static inline bool is_turn(const struct resolver *x, uint64_t hash)
{
    return (hash >> PASS_SHIFT & (x->passes - 1)) == x->pass;
}

/* Two words at a time, as they will be read. */
static inline __attribute__((always_inline)) void load_key(const uint32_t *mask, const char *p, int32_t words,
                                                           uint32_t *key)
{
    int32_t k = 0;
#pragma GCC unroll 8
    for (; k + 2 <= words; k += 2) {
        uint64_t two = dr_rollup_load8(p + (size_t)k * sizeof(*key)) & dr_rollup_load8(mask + k);
        memcpy(key + k, &two, sizeof(two));
    }
    if (k < words)
        key[k] = dr_rollup_load4(p + (size_t)k * sizeof(*key)) & mask[k];
}

/* The number of a key; new ones are added. */
static inline __attribute__((always_inline)) size_t find_key(struct distinct *d, const uint32_t *key,
                                                             uint64_t hash, int32_t words, bool *ret_new)
{
    uint32_t *slots = d->slots, number = d->number, tag = tag_of(d, hash);
    size_t last = d->n_slots - 1, s = (size_t)hash & last;
    for (uint32_t slot; (slot = slots[s]) != 0; s = (s + 1) & last) {
        size_t known = (slot & number) - 1;
        if ((slot & ~number) == tag &&
            dr_rollup_same((const char *)(d->keys + known * (size_t)words), (const char *)key, words))
            return known;
    }
    *ret_new = true;
    memcpy(d->keys + d->n * (size_t)words, key, (size_t)words * sizeof(*key));
    d->seen[d->n] = 0;
    slots[s] = tag | (uint32_t)(d->n + 1);
    return d->n++;
}

static inline void note_repeat(uint8_t *seen, struct dr_rollup_counts *counts)
{
    counts->duplicate_rows += *seen & REPEATED ? 1 : 2;
    counts->duplicate_keys += !(*seen & REPEATED);
    *seen |= REPEATED;
}

/* An entry whose key has this number. */
static inline void take_key(struct resolver *x, size_t known, bool is_new, bool selected, const char *entry)
{
    uint8_t *seen = &x->d.seen[known];
    if (!is_new)
        note_repeat(seen, &x->me->counts);
    if (selected && !(*seen & KEPT)) {
        *seen |= KEPT;
        x->waiting[x->n_waiting++] = entry;
    }
}

/* n <= DR_ROLLUP_AT_ONCE entries: their slots are asked for before the first is needed. */
static inline __attribute__((always_inline)) int32_t take_some(struct resolver *x, const char *p, int32_t n,
                                                               size_t entry, int32_t values, int32_t words)
{
    if (__builtin_expect(!is_room(&x->d), 0))
        DR_TRY(widen(x));
    struct distinct *d = &x->d;
    uint32_t keys[DR_ROLLUP_AT_ONCE][DR_ROLLUP_WORDS];
    uint64_t hash[DR_ROLLUP_AT_ONCE];
    const uint32_t *slots = d->slots, *mask = d->mask;
    size_t last = d->n_slots - 1;
    uint32_t flag_at = (uint32_t)((size_t)values * sizeof(double) + (size_t)x->r->flag * sizeof(uint32_t));
    for (int32_t i = 0; i < n; i++) {
        load_key(mask, p + (size_t)i * entry + (size_t)values * sizeof(double), words, keys[i]);
        hash[i] = dr_rollup_hash(keys[i], words);
        __builtin_prefetch(&slots[hash[i] & last]);
    }
    for (int32_t i = 0; x->sketch && i < n; i++)
        dr_sketch_add(x->sketch, hash[i]);
    for (int32_t i = 0; !x->sketch && i < n; i++, p += entry) {
        bool is_new = false, selected = dr_rollup_load4(p + flag_at) & DR_ROLLUP_FLAG;
        if (!is_turn(x, hash[i]))
            continue;
        size_t known = find_key(d, keys[i], hash[i], words, &is_new);
        take_key(x, known, is_new, selected, p);
    }
    return DR_OK;
}

static inline __attribute__((always_inline)) int32_t take_shape(struct resolver *x, const char *p, size_t n,
                                                                int32_t values, int32_t words, int32_t others)
{
    size_t entry = (size_t)values * sizeof(double) + (size_t)(words + others) * sizeof(uint32_t);
    for (size_t done = 0; done < n;) {
        int32_t room = DR_ROLLUP_AT_ONCE - x->n_waiting,
                some = n - done < (size_t)room ? (int32_t)(n - done) : room;
        DR_TRY(take_some(x, p + done * entry, some, entry, values, words));
        done += (size_t)some;
        if (x->n_waiting > DR_ROLLUP_AT_ONCE / 2)
            DR_TRY(flush(x));
    }
    return DR_OK;
}

/* ---- packed keys ------------------------------------------------------------------- */

static size_t packed_keys_that_fit(const struct resolver *x)
{
    return power_within(x->tables / sizeof(*x->packed.slots)) / 4 * 3;
}

static void make_packed_room(struct resolver *x, size_t rows)
{
    struct packed_keys *k = &x->packed;
    size_t slots = power_of_two(rows * 5 / 2); /* a third full: hardly a key lies past its first slot */
    k->n = 0;
    k->n_slots = x->tables > 0 ? least(slots, power_within(x->tables / sizeof(*k->slots))) : slots;
    if (k->n_slots > k->cap) {
        free(k->slots);
        k->cap = k->n_slots;
        k->slots = dr_malloc(k->cap * sizeof(*k->slots));
        count_tables(x);
    }
    memset(k->slots, 0, k->n_slots * sizeof(*k->slots));
}

static __attribute__((noinline)) void widen_packed(struct resolver *x)
{
    struct packed_keys *k = &x->packed;
    uint64_t *old = k->slots;
    size_t n = k->n_slots, last = n * 2 - 1;
    k->cap = k->n_slots = n * 2;
    k->slots = dr_calloc(k->n_slots, sizeof(*k->slots));
    for (size_t i = 0; i < n; i++) {
        size_t s = (size_t)dr_rollup_hash_step(DR_ROLLUP_HASH, old[i] & k->mask) & last;
        while (old[i] != 0 && k->slots[s] != 0)
            s = (s + 1) & last;
        if (old[i] != 0)
            k->slots[s] = old[i];
    }
    free(old);
    count_tables(x);
}

/* Whether an entry with this key is the one that counts. */
static inline bool take_packed_key(struct resolver *x, uint64_t key, uint64_t hash, bool selected)
{
    uint64_t *slots = x->packed.slots;
    size_t last = x->packed.n_slots - 1, s = (size_t)hash & last;
    key |= SLOT_USED;
    while (slots[s] != 0 && (slots[s] & ~(SLOT_REPEATED | SLOT_KEPT)) != key)
        s = (s + 1) & last;
    uint64_t before = slots[s];
    if (before == 0) {
        x->packed.n++;
        slots[s] = key | (selected ? SLOT_KEPT : 0);
        return selected;
    }
    x->me->counts.duplicate_rows += before & SLOT_REPEATED ? 1 : 2;
    x->me->counts.duplicate_keys += !(before & SLOT_REPEATED);
    slots[s] = before | SLOT_REPEATED | (selected ? SLOT_KEPT : 0);
    return selected && !(before & SLOT_KEPT);
}

/* n <= DR_ROLLUP_AT_ONCE entries that no whole one follows. */
static int32_t take_packed_some(struct resolver *x, const char *p, int32_t n)
{
    const struct dr_rollup *r = x->r;
    if (__builtin_expect((x->packed.n + DR_ROLLUP_AT_ONCE) * 4 > x->packed.n_slots * 3, 0))
        widen_packed(x);
    uint64_t word[DR_ROLLUP_AT_ONCE], hash[DR_ROLLUP_AT_ONCE], key_mask = r->pack.key_mask;
    const char *entries[DR_ROLLUP_AT_ONCE];
    int32_t kept = 0;
    for (int32_t i = 0; i < n; i++) {
        word[i] = dr_rollup_load8(p + (size_t)i * r->pack.entry);
        hash[i] = dr_rollup_hash_step(DR_ROLLUP_HASH, word[i] & key_mask);
        __builtin_prefetch(&x->packed.slots[hash[i] & (x->packed.n_slots - 1)]);
    }
    for (int32_t i = 0; i < n; i++) {
        if (!is_turn(x, hash[i]))
            continue;
        bool counts = take_packed_key(x, word[i] & key_mask, hash[i], word[i] & DR_ROLLUP_SELECTED);
        entries[kept] = p + (size_t)i * r->pack.entry;
        word[kept] = word[i];
        kept += counts;
    }
    x->me->counts.kept += kept;
    return r->only_counts || kept == 0
               ? DR_OK
               : dr_rollup_groups_add_packed(&x->me->groups, word, entries, kept, &x->me->err);
}

static void sketch_packed(struct resolver *x, const char *p, int32_t n)
{
    for (int32_t i = 0; i < n; i++, p += x->r->pack.entry)
        dr_sketch_add(x->sketch,
                      dr_rollup_hash_step(DR_ROLLUP_HASH, dr_rollup_load8(p) & x->r->pack.key_mask));
}

/* A row that did not fit its packed word, or only its values did not. */
static int32_t take_whole(struct resolver *x, const char *p)
{
    const struct dr_rollup *r = x->r;
    uint64_t word = dr_rollup_load8(p), key = word & r->pack.key_mask;
    uint64_t hash = dr_rollup_hash_step(DR_ROLLUP_HASH, key);
    const char *entry = p + sizeof(word);
    bool is_new = false, selected = word & DR_ROLLUP_SELECTED;
    uint32_t words[DR_ROLLUP_WORDS];
    if (word & DR_ROLLUP_NO_KEY) {
        load_key(x->d.mask, entry + (size_t)r->n_values * sizeof(double), r->key_words, words);
        hash = dr_rollup_hash(words, r->key_words);
    }
    if (x->sketch)
        dr_sketch_add(x->sketch, hash);
    if (x->sketch || !is_turn(x, hash))
        return DR_OK;
    if (word & DR_ROLLUP_NO_KEY) {
        if (!is_room(&x->d))
            DR_TRY(widen(x));
        size_t known = find_key(&x->d, words, hash, r->key_words, &is_new);
        take_key(x, known, is_new, selected, entry);
    } else {
        if ((x->packed.n + DR_ROLLUP_AT_ONCE) * 4 > x->packed.n_slots * 3)
            widen_packed(x);
        if (take_packed_key(x, key, hash, selected))
            x->waiting[x->n_waiting++] = entry;
    }
    return x->n_waiting == DR_ROLLUP_AT_ONCE ? flush(x) : DR_OK;
}

/* How many entries up to `end` no whole one follows, and no end of the block. */
static int32_t count_packed(const struct dr_rollup *r, const char *p, const char *end)
{
    int32_t n = 0;
    size_t entry = r->pack.entry;
    for (; n < DR_ROLLUP_AT_ONCE && (size_t)(end - p) >= entry; n++, p += entry)
        if (dr_rollup_load8(p) & DR_ROLLUP_WHOLE)
            break;
    return n;
}

static int32_t take_packed(struct resolver *x, const char *p, size_t bytes)
{
    const char *end = p + bytes;
    while ((size_t)(end - p) >= sizeof(uint64_t)) {
        int32_t n = count_packed(x->r, p, end);
        if (n > 0) {
            if (x->sketch)
                sketch_packed(x, p, n);
            else
                DR_TRY(take_packed_some(x, p, n));
            p += (size_t)n * x->r->pack.entry;
        } else if (dr_rollup_load8(p) == DR_ROLLUP_GAP) {
            break;
        } else {
            DR_TRY(take_whole(x, p));
            p += x->r->whole;
        }
    }
    return DR_OK;
}

/* ---- entries ------------------------------------------------------------------------ */

/* The shapes that are common: one column to aggregate, and a key of three to six words with the
 * groups. */
static int32_t take_entries(struct resolver *x, const char *p, size_t bytes)
{
    const struct dr_rollup *r = x->r;
    if (r->pack.on)
        return take_packed(x, p, bytes);
    size_t n = bytes / r->entry;
    switch (r->n_values == 1 && r->words == r->key_words ? r->words : 0) {
    case 3:
        return take_shape(x, p, n, 1, 3, 0);
    case 4:
        return take_shape(x, p, n, 1, 4, 0);
    case 5:
        return take_shape(x, p, n, 1, 5, 0);
    case 6:
        return take_shape(x, p, n, 1, 6, 0);
    default:
        return take_shape(x, p, n, r->n_values, r->key_words, r->words - r->key_words);
    }
}

/* ---- a partition --------------------------------------------------------------------- */

static int32_t open_block(struct resolver *x, struct dr_rollup_worker *w, size_t part, struct cursor *c)
{
    DR_TRY(dr_rollup_list_block(&w->parts[part], &w->pool, c->block, c->buf, &c->p, &c->left, &x->me->err));
    c->open = true;
    return DR_OK;
}

/* A block that was looked at for the last time becomes this thread's. */
static int32_t close_block(struct resolver *x, struct dr_rollup_worker *w, size_t part, struct cursor *c)
{
    DR_TRY(flush(x));
    if (!x->sketch && x->pass + 1 == x->passes)
        dr_rollup_list_drop(&w->parts[part], &x->me->pool, c->block);
    c->block++;
    c->open = false;
    return DR_OK;
}

/* What a batch has in the partition. */
static size_t batch_bytes(const struct dr_rollup *r, const struct dr_rollup_mark *mark, size_t part)
{
    const struct dr_rollup_worker *w = &r->workers[mark->worker];
    return (size_t)(dr_rollup_units_before(r, w, part, mark->at + 1) -
                    dr_rollup_units_before(r, w, part, mark->at)) *
           DR_ROLLUP_UNIT;
}

/* Ask for the entries of a batch that comes later: they lie elsewhere than those before them. */
static void prefetch_batch(const struct resolver *x, const struct dr_rollup_mark *mark, size_t part)
{
    const struct cursor *c = &x->cursors[mark->worker];
    size_t n = batch_bytes(x->r, mark, part);
    for (size_t at = 0; c->open && at < n && at < c->left; at += 64)
        __builtin_prefetch(c->p + at);
}

static int32_t take_batch(struct resolver *x, const struct dr_rollup_mark *mark, size_t part)
{
    struct dr_rollup_worker *w = &x->r->workers[mark->worker];
    struct cursor *c = &x->cursors[mark->worker];
    size_t n = batch_bytes(x->r, mark, part);
    while (n > 0) {
        if (!c->open)
            DR_TRY(open_block(x, w, part, c));
        size_t some = c->left < n ? c->left : n;
        DR_TRY(take_entries(x, c->p, some));
        c->p += some;
        c->left -= some;
        n -= some;
        if (c->left == 0)
            DR_TRY(close_block(x, w, part, c));
    }
    return DR_OK;
}

/* How many entries may become keys of either table. */
struct part_rows {
    size_t packed, whole;
};

static struct part_rows rows_of(const struct dr_rollup *r, size_t part)
{
    size_t bytes = 0, wholes = 0;
    for (int32_t i = 0; i < r->o->workers; i++) {
        const struct dr_rollup_worker *w = &r->workers[i];
        bytes += (size_t)dr_rollup_units_before(r, w, part, INT32_MAX) * DR_ROLLUP_UNIT;
        wholes += w->wholes[part];
    }
    if (!r->pack.on)
        return (struct part_rows){ 0, bytes / r->entry };
    return (struct part_rows){ bytes / r->pack.entry - wholes * (r->whole / r->pack.entry - 1), wholes };
}

static bool do_fit(const struct resolver *x, struct part_rows rows)
{
    return x->tables == 0 || (rows.packed <= packed_keys_that_fit(x) && rows.whole <= keys_that_fit(x));
}

/* Look at all entries of a partition, in the order of their rows. */
static int32_t go_through(struct resolver *x, const struct resolution *whole, size_t part)
{
    for (int32_t i = 0; i < x->r->o->workers; i++) {
        struct dr_rollup_worker *w = &x->r->workers[i];
        w->parts[part].used = (uint32_t)(w->pool.full - dr_rollup_room_left(w, part));
        x->cursors[i] = (struct cursor){ .buf = x->cursors[i].buf };
    }
    for (int32_t i = 0; i < whole->n_marks; i++) {
        if (i + 1 < whole->n_marks)
            prefetch_batch(x, &whole->marks[i + 1], part);
        DR_TRY(take_batch(x, &whole->marks[i], part));
    }
    return flush(x);
}

/* In how many passes the keys of a partition fit that has too many entries; how many each pass has. */
static int32_t plan_passes(struct resolver *x, const struct resolution *whole, size_t part,
                           struct part_rows *rows)
{
    struct dr_sketch sketch = { 0 };
    x->sketch = &sketch;
    make_room(x, 0);
    int32_t rc = go_through(x, whole, part);
    x->sketch = NULL;
    size_t keys = (size_t)(dr_sketch_count(&sketch) * 1.1) + 1; /* hashes do not spread evenly */
    *rows = (struct part_rows){ least(rows->packed, keys), least(rows->whole, keys) };
    for (; !do_fit(x, *rows) && x->passes < PASSES_MAX; x->passes *= 2)
        *rows = (struct part_rows){ rows->packed / 2 + 1, rows->whole / 2 + 1 };
    return rc;
}

static int32_t take_part(struct resolver *x, const struct resolution *whole, size_t part)
{
    struct part_rows rows = rows_of(x->r, part);
    x->passes = 1;
    x->pass = 0;
    if (!do_fit(x, rows))
        DR_TRY(plan_passes(x, whole, part, &rows));
    for (; x->pass < x->passes; x->pass++) {
        if (x->r->pack.on)
            make_packed_room(x, rows.packed);
        make_room(x, rows.whole);
        DR_TRY(go_through(x, whole, part));
    }
    return DR_OK;
}

/* ---- all partitions ------------------------------------------------------------------- */

static void resolver_init(struct resolver *x, struct dr_rollup *r, struct dr_rollup_worker *me)
{
    *x = (struct resolver){ .r = r, .me = me, .d.words = r->key_words, .packed.mask = r->pack.key_mask };
    if (r->o->memory_limit > 0) {
        size_t each = r->o->memory_limit / 8 / (size_t)r->o->workers;
        x->tables = each > LEAST_TABLES ? each : LEAST_TABLES;
    }
    x->cursors = dr_calloc((size_t)r->o->workers, sizeof(*x->cursors));
    for (int32_t i = 0; i < r->o->workers; i++)
        x->cursors[i].buf = dr_malloc(me->pool.block);
    x->d.mask = dr_malloc((size_t)r->words * sizeof(*x->d.mask));
    for (int32_t k = 0; k < r->words; k++)
        x->d.mask[k] = k == r->flag ? ~DR_ROLLUP_FLAG : UINT32_MAX;
}

static void resolver_done(struct resolver *x)
{
    dr_rollup_store_count(&x->r->store, 0, x->counted);
    for (int32_t i = 0; i < x->r->o->workers; i++)
        free(x->cursors[i].buf);
    free(x->cursors);
    free(x->d.keys);
    free(x->d.seen);
    free(x->d.slots);
    free(x->d.mask);
    free(x->packed.slots);
}

static void resolve_some(void *ctx, int64_t thread)
{
    struct resolution *whole = ctx;
    struct resolver x;
    resolver_init(&x, whole->r, &whole->r->workers[thread]);
    for (int64_t part; x.me->err.rc == DR_OK && (part = dr_share_next(&whole->parts)) >= 0;)
        (void)take_part(&x, whole, (size_t)part);
    resolver_done(&x);
}

static int by_first_row(const void *a, const void *b)
{
    const struct dr_rollup_mark *x = a, *y = b;
    return (x->first_row > y->first_row) - (x->first_row < y->first_row);
}

static void collect_marks(struct resolution *x)
{
    const struct dr_rollup *r = x->r;
    size_t n = 0;
    for (int32_t i = 0; i < r->o->workers; i++)
        n += (size_t)r->workers[i].n_batches;
    x->marks = dr_malloc((n + 1) * sizeof(*x->marks));
    for (int32_t i = 0; i < r->o->workers; i++)
        for (int32_t k = 0; k < r->workers[i].n_batches; k++)
            x->marks[x->n_marks++] = (struct dr_rollup_mark){ r->workers[i].batches[k], i, k };
    qsort(x->marks, n, sizeof(*x->marks), by_first_row);
}

int32_t dr_rollup_resolve(struct dr_rollup *r, struct dr_err *err)
{
    struct resolution x = { .r = r };
    int32_t threads = dr_pool_threads() < r->o->workers ? dr_pool_threads() : r->o->workers;
    collect_marks(&x);
    dr_share_start(&x.parts, INT64_C(1) << r->part_bits);
    dr_pool_run(threads, resolve_some, &x);
    free(x.marks);
    for (int32_t i = 0; i < threads; i++) {
        if (r->workers[i].err.rc && err)
            *err = r->workers[i].err;
        DR_TRY(r->workers[i].err.rc);
    }
    return DR_OK;
}
