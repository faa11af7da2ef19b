/* path_tree.h - what the files of FHIRPath share: tokens, the tree, the stack.
 * Layer: view, private to path_*.c. */
#ifndef DR_VIEW_PATH_TREE_H
#define DR_VIEW_PATH_TREE_H
#include "base/mem.h"
#include "view/number.h"
#include "view/path.h"

/* ---- tokens (path_lex.c) ---- */

enum path_token_kind {
    PATH_END,
    PATH_WORD,     /* an identifier or a word of the language: .text */
    PATH_QUOTED,   /* `identifier` */
    PATH_STRING,   /* .text, unescaped */
    PATH_NUMBER,   /* .text as written */
    PATH_TIME,     /* @2010-01-01T..., @T10:30: .text without @ */
    PATH_VARIABLE, /* %name: .text */
    PATH_SPECIAL,  /* $this, $index, $total: .text without $ */
    PATH_SYMBOL    /* .text: . , ( ) [ ] { } = != ~ !~ < <= > >= + - * / | & */
};
struct path_token {
    enum path_token_kind kind;
    struct dr_str text;
    size_t at; /* offset in the expression */
};
struct path_lexer {
    struct dr_arena *a;
    struct dr_str all;
    size_t at;      /* of the next byte */
    size_t fail_at; /* of what is wrong */
    struct dr_err *err;
};
int32_t path_next(struct path_lexer *l, struct path_token *ret);
/* Records the message with the place at and the expression. */
int32_t path_fail(struct path_lexer *l, size_t at, const char *fmt, ...) DR_PRINTF(3, 4);

/* ---- the tree (path_parse.c) ---- */

enum path_op {
    PATH_THIS,      /* the focus */
    PATH_LITERAL,   /* .literal */
    PATH_EMPTY,     /* {} */
    PATH_MEMBER,    /* input.name; choice elements by their stem */
    PATH_CHOICE,    /* input.name.ofType(type), of a choice element or not */
    PATH_ROOT_TYPE, /* Patient at the beginning: the focus, where it is one */
    PATH_AT,        /* input[arg 0] */
    PATH_ROW_INDEX,
    PATH_RESOURCE, /* %resource, %context, %rootResource */
    PATH_INDEX,    /* $index */
    PATH_CALL,     /* input.fn(args) */
    PATH_NEGATE,   /* -arg 0 */
    PATH_BINARY,   /* arg 0 .word arg 1 */
    PATH_IS,       /* arg 0 is type */
    PATH_AS        /* arg 0 as type */
};
enum path_binary {
    PATH_MUL,
    PATH_DIVIDE,
    PATH_DIV,
    PATH_MOD,
    PATH_ADD,
    PATH_SUB,
    PATH_CONCAT,
    PATH_UNION,
    PATH_LT,
    PATH_LE,
    PATH_GT,
    PATH_GE,
    PATH_EQ,
    PATH_NE,
    PATH_SAME,
    PATH_UNLIKE,
    PATH_IN,
    PATH_CONTAINS,
    PATH_AND,
    PATH_OR,
    PATH_XOR,
    PATH_IMPLIES
};
#define PATH_ARGS_MAX 4
struct path_function;
struct path_node {
    enum path_op op;
    enum path_binary binary;
    struct path_node *input; /* NULL: the focus */
    struct path_node *args[PATH_ARGS_MAX];
    int n_args;
    const struct path_function *fn;
    struct dr_str name;
    struct dr_str shadow;  /* MEMBER: "_name", where extensions of a primitive are asked for */
    struct dr_str *choice; /* CHOICE: names of elements to try, valueCode for ofType(code); in order */
    uint8_t *choice_types;
    int n_choice;
    uint8_t type;       /* of IS, AS, CHOICE and type arguments; 0 where it is a resource's */
    struct dr_str spec; /* that type's name */
    struct dr_item literal;
    size_t at; /* offset in the expression */
};
struct dr_path {
    struct dr_str text;
    const struct path_node *root;
    uint8_t wanted; /* the type that the result is declared to have, or 0 */
};

/* ---- functions (path_fn.c) ---- */

struct path_machine;
/* The input collection is stack[base .. n); the function leaves its result there. */
typedef int32_t (*path_fn)(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                           size_t base);
struct path_function {
    const char *name;
    path_fn run;
    int8_t least, most; /* arguments */
    bool type_arg;      /* the first argument is a type */
    uint8_t yields;     /* its type, or 0 */
};
const struct path_function *path_function_find(struct dr_str name);
/* Every name, for "did you mean". */
const char *const *path_function_names(size_t *ret_n);
extern const struct path_function path_collection_functions[], path_text_functions[], path_fhir_functions[];
extern const int path_n_collection_functions, path_n_text_functions, path_n_fhir_functions;

/* ---- evaluation (path_eval.c) ---- */

struct path_room; /* a block of texts */
struct dr_path_stack {
    struct dr_item *items; /* owned; never NULL */
    size_t n, cap;
    struct path_room *room; /* blocks, the one in use first; owned */
    size_t room_at;
};
struct path_machine {
    struct dr_path_stack *s;
    const struct dr_path *path;
    const struct dr_path_scope *scope;
    int64_t index; /* $index */
    size_t work;   /* nodes evaluated */
    struct dr_err *err;
};
int32_t path_eval(struct path_machine *m, const struct path_node *n, struct dr_item focus);
int32_t path_push(struct path_machine *m, struct dr_item item);
int32_t path_push_bool(struct path_machine *m, bool b);
/* Copies the text. */
int32_t path_push_text(struct path_machine *m, struct dr_str text, uint8_t type);
int32_t path_push_int(struct path_machine *m, int64_t v);
int32_t path_push_number(struct path_machine *m, struct dr_number v, uint8_t type);
/* The children of an item by name. */
int32_t path_push_members(struct path_machine *m, struct dr_item item, struct dr_str name, uint8_t type);
int32_t path_error(struct path_machine *m, const struct path_node *n, const char *fmt, ...) DR_PRINTF(3, 4);
/* Evaluate and take off: a truth value (1, 0; -1 for nothing) of stack[base .. n) or of an
 * argument; one item of an argument (false in *ret_any for nothing). */
int32_t path_take_truth(struct path_machine *m, const struct path_node *n, size_t base, int *ret);
int32_t path_arg_truth(struct path_machine *m, const struct path_node *n, struct dr_item focus, int *ret);
int32_t path_arg_one(struct path_machine *m, const struct path_node *n, struct dr_item focus, bool *ret_any,
                     struct dr_item *ret);
int32_t path_arg_text(struct path_machine *m, const struct path_node *n, struct dr_item focus, bool *ret_any,
                      struct dr_str *ret);
int32_t path_arg_int(struct path_machine *m, const struct path_node *n, struct dr_item focus, bool *ret_any,
                     int64_t *ret);
static inline struct dr_item path_item(const struct path_machine *m, size_t i)
{
    return m->s->items[i];
}
/* Whether an item is of the node's type (.type, or the resource type .spec). */
bool path_is_type(struct dr_item item, const struct path_node *n);

/* ---- operators (path_ops.c) ---- */

int32_t path_binary(struct path_machine *m, const struct path_node *n, struct dr_item focus);
int32_t path_negate(struct path_machine *m, const struct path_node *n, struct dr_item focus);
enum path_equal { PATH_DIFFERENT, PATH_EQUAL, PATH_UNKNOWN };
/* Equality (=), or, with like, equivalence (~). */
/* Fails where comparing each of a items with each of b would take too long. */
int32_t path_check_pairs(struct path_machine *m, const struct path_node *n, size_t a, size_t b);
enum path_equal path_items_equal(struct dr_item a, struct dr_item b, bool like);
/* Whether stack[from .. to) has an item equal to this one. */
bool path_holds(const struct path_machine *m, size_t from, size_t to, struct dr_item item);
#endif
