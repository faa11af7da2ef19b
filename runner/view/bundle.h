/* bundle.h - the resources of one file, and the keys that references in them stand for.
 * Layer: view.
 *
 * Keys, as getResourceKey and getReferenceKey give them:
 *   a resource               its id; without one, the last part of its fullUrl
 *   urn:uuid:X, a fullUrl    the key of the entry that has it; X where the bundle lacks it
 *   Patient/1, http://.../Patient/1, .../_history/2   1
 *   #x (contained)           KEY#x, where KEY is the containing resource's key; # alone KEY
 *   Practitioner?identifier=S|V (conditional)   the text itself
 *   no reference, but type and identifier       Practitioner?identifier=S|V */
#ifndef DR_VIEW_BUNDLE_H
#define DR_VIEW_BUNDLE_H
#include "json/doc.h"

struct dr_bundle_entry {
    struct dr_json_value resource; /* an object with a resourceType */
    struct dr_str type, key;       /* borrowed from the document; key may be empty */
    struct dr_str problem;         /* why it cannot be used; empty: it can */
};
struct dr_bundle;
struct dr_bundle *dr_bundle_new(void);
void dr_bundle_free(struct dr_bundle *b);
/* Take a parsed document, which must outlive its use: a Bundle, or one resource. What
 * is no resource at all is DR_EINPUT; an entry that is none becomes an entry with a problem. */
int32_t dr_bundle_read(struct dr_bundle *b, struct dr_json_value root, struct dr_err *err);
size_t dr_bundle_size(const struct dr_bundle *b);
const struct dr_bundle_entry *dr_bundle_at(const struct dr_bundle *b, size_t i);

/* What a Reference points to. */
struct dr_reference {
    struct dr_str type;          /* empty: not known */
    struct dr_str key;           /* after '#' where it is contained */
    struct dr_str system, value; /* of a logical reference, whose key is empty */
    bool contained, self, logical;
};
/* b may be NULL; resource is the one that holds the reference. False where it points
 * nowhere that can be told. */
bool dr_reference_read(const struct dr_bundle *b, struct dr_json_value resource, struct dr_str resource_type,
                       struct dr_json_value reference, struct dr_reference *ret);
#endif
