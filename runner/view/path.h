/* path.h - FHIRPath, the part of it that SQL on FHIR asks for and what people use
 * beside it (docs/views.md lists it): compile an expression once, evaluate it on many
 * resources. Layer: view. */
#ifndef DR_VIEW_PATH_H
#define DR_VIEW_PATH_H
#include "json/doc.h"
#include "view/types.h"

/* One item of a collection. */
enum dr_item_kind {
    DR_ITEM_NODE,   /* a value of the resource: .node */
    DR_ITEM_BOOL,   /* .truth */
    DR_ITEM_NUMBER, /* .text, as written or computed */
    DR_ITEM_TEXT    /* .text: strings, dates and times */
};
struct dr_item {
    union {
        struct dr_json_value node;
        struct dr_str text;
        bool truth;
    };
    uint8_t kind; /* enum dr_item_kind */
    uint8_t type; /* of types.h, where it is known: from a choice element's name or ofType */
};

struct dr_path;
/* %name. Read-only while paths are compiled; values must outlive the paths. */
struct dr_path_constant {
    struct dr_str name;
    struct dr_item value;
};
struct dr_path_names {
    const struct dr_path_constant *constants;
    int32_t n;
    uint8_t wanted; /* the type that the result is declared to have, or 0: tells
                       lowBoundary a date from a dateTime */
};
/* Compile text, of which the path keeps its own copy. *ret_at (may be NULL) is set on
 * failure: the offset in text of what is wrong. The message names it too. */
int32_t dr_path_compile(struct dr_arena *a, struct dr_str text, const struct dr_path_names *names,
                        const struct dr_path **ret, size_t *ret_at, struct dr_err *err);
struct dr_str dr_path_text(const struct dr_path *p);
/* The type of what it yields, as far as the expression tells; else 0. */
uint8_t dr_path_type(const struct dr_path *p);
bool dr_path_is_row_index(const struct dr_path *p); /* %rowIndex and nothing else */

/* What an expression sees besides its focus. */
struct dr_bundle;
struct dr_path_scope {
    struct dr_json_value resource;  /* %resource; holds contained resources */
    struct dr_str key;              /* of the resource; empty where it has none */
    const struct dr_bundle *bundle; /* resolves references; or NULL */
    int64_t row_index;              /* %rowIndex */
};

/* The stack that expressions are evaluated on, and the texts that they make. Used by
 * one thread; reused, so that a loop over resources allocates nothing. */
struct dr_path_stack;
struct dr_path_stack *dr_path_stack_new(void);
void dr_path_stack_free(struct dr_path_stack *s);
/* Empty it; texts made so far are gone. */
void dr_path_stack_clear(struct dr_path_stack *s);
size_t dr_path_stack_size(const struct dr_path_stack *s);
void dr_path_stack_cut(struct dr_path_stack *s, size_t size); /* to a former size; texts stay */
/* Borrowed until something is evaluated. */
const struct dr_item *dr_path_stack_at(const struct dr_path_stack *s, size_t i);
/* Room for n bytes that last until the stack is cleared. */
char *dr_path_stack_room(struct dr_path_stack *s, size_t n);
/* Push what the path yields for the focus: the items from the stack's former size on.
 * On failure the stack is as it was, and err names the path and the place in it. */
int32_t dr_path_eval(struct dr_path_stack *s, const struct dr_path *p, struct dr_item focus,
                     const struct dr_path_scope *scope, struct dr_err *err);

/* An item as a plain value. */
enum dr_scalar_kind { DR_SCALAR_BOOL, DR_SCALAR_NUMBER, DR_SCALAR_TEXT, DR_SCALAR_OBJECT };
struct dr_scalar {
    enum dr_scalar_kind kind;
    bool truth;
    struct dr_str text; /* NUMBER, TEXT */
};
struct dr_scalar dr_item_scalar(struct dr_item item);
static inline struct dr_item dr_item_node(struct dr_json_value v)
{
    return (struct dr_item){ .node = v, .kind = DR_ITEM_NODE };
}
static inline struct dr_item dr_item_bool(bool b)
{
    return (struct dr_item){ .truth = b, .kind = DR_ITEM_BOOL, .type = DR_FHIR_BOOLEAN };
}
#endif
