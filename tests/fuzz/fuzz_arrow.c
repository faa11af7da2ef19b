/* fuzz_arrow.c - any bytes given to the Arrow reader: an error, or a table whose
 * every cell can be read. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "arrow/ipc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void release(struct dr_mem *m)
{
    free(m->p);
}

/* Memory of exactly size bytes, so that a sanitizer sees any access past them. */
static struct dr_mem *exact_memory(const uint8_t *data, size_t size)
{
    struct dr_mem *m = dr_malloc(sizeof *m);
    *m = (struct dr_mem){ .p = dr_malloc(size), .n = size, .release = release };
    atomic_init(&m->refs, 1);
    if (size)
        memcpy(m->p, data, size);
    return m;
}

static void read_every_cell(const struct dr_table *t)
{
    struct dr_buf text = { 0 };
    for (int32_t i = 0; i < t->n; i++) {
        for (int32_t k = 0; k < t->columns[i]->n; k++) {
            const struct dr_array *a = t->columns[i]->chunk[k];
            for (int64_t row = 0; row < a->n; row++) {
                dr_buf_clear(&text);
                dr_array_put_text(a, row, &text);
            }
        }
    }
    dr_buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dr_mem *m = exact_memory(data, size);
    struct dr_reader *r = NULL;
    struct dr_err err = { 0 };
    int32_t rc = dr_arrow_open_mem(m, "input", &r, &err);
    dr_mem_unref(m);
    while (!rc) {
        struct dr_table *t = NULL;
        rc = r->next(r, &t, &err);
        if (rc || !t)
            break;
        read_every_cell(t);
        dr_table_unref(t);
    }
    if (rc && (err.rc != rc || !err.msg[0]))
        abort();
    dr_reader_close(r);
    return 0;
}
