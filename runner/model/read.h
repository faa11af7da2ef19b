/* read.h - reading typed values out of a YAML map, with diagnostics at the
 * value's place. Every function accepts NULL for a map; a key that is absent or null
 * gives `otherwise`, and so does a wrong value, which is recorded. Layer: model. */
#ifndef DR_READ_H
#define DR_READ_H
#include "model/diag.h"

struct dr_reader {
    struct dr_arena *a;
    struct dr_diags *d;
};
/* A word that people write where another is meant. */
struct dr_alias {
    const char *written, *meant;
};
/* Every key of the map must be among known (NULL ends it). aliases, which an entry
 * with NULL ends, may be NULL. what names the place: "a task". */
void dr_read_keys(struct dr_reader *r, const struct dr_node *map, const char *what, const char *const *known,
                  const struct dr_alias *aliases);
/* The value of key where it is present, not null and of that kind (enum
 * dr_node_kind); else NULL. expected: "a map of ...". */
const struct dr_node *dr_read_kind(struct dr_reader *r, const struct dr_node *map, const char *key,
                                   int32_t kind, const char *expected);
/* A scalar's text as written. */
const char *dr_read_text(struct dr_reader *r, const struct dr_node *map, const char *key,
                         const char *otherwise);
bool dr_read_bool(struct dr_reader *r, const struct dr_node *map, const char *key, bool otherwise);
int32_t dr_read_int(struct dr_reader *r, const struct dr_node *map, const char *key, int32_t lowest,
                    int32_t highest, int32_t otherwise);
int64_t dr_read_duration(struct dr_reader *r, const struct dr_node *map, const char *key, int64_t otherwise);
int64_t dr_read_size(struct dr_reader *r, const struct dr_node *map, const char *key, int64_t otherwise);
/* The index of a word among names (NULL ends it). */
int32_t dr_read_choice(struct dr_reader *r, const struct dr_node *map, const char *key,
                       const char *const *names, int32_t otherwise);
/* A text or a list of texts; NULL and 0 where absent. */
const char *const *dr_read_texts(struct dr_reader *r, const struct dr_node *map, const char *key,
                                 int32_t *ret_n);
/* The texts of one node, which is a text or a list of texts. */
const char *const *dr_texts_of(struct dr_reader *r, const struct dr_node *n, const char *name,
                               int32_t *ret_n);
/* "a number", "text", "a list": what a node is, for messages. */
const char *dr_kind_text(const struct dr_node *n);
#endif
