/* ipc.h - what the parts of the Arrow IPC reader and writer share: the
 * numbers of the format, the schema, and one record batch. Layer: arrow. The
 * functions for everybody else are in stream.h and dagrun/table.h.
 *
 * A message is 0xFFFFFFFF, an int32 metadata length, the metadata (a FlatBuffers
 * table, padded), and a body of buffers. A stream is a schema message, then
 * dictionary batches and record batches. A file is "ARROW1", a stream, and a
 * footer that repeats the schema and says where each batch lies. */
#ifndef DR_ARROW_IPC_H
#define DR_ARROW_IPC_H
#include "arrow/flatbuf.h"
#include "data/stream.h"

#define DR_ARROW_MAGIC "ARROW1"
#define DR_ARROW_MAX_COLUMNS 65536

enum { DR_ARROW_V4 = 3, DR_ARROW_V5 = 4 };                                   /* MetadataVersion */
enum { DR_ARROW_SCHEMA = 1, DR_ARROW_DICTIONARY = 2, DR_ARROW_RECORDS = 3 }; /* MessageHeader */
enum dr_arrow_type {                                                         /* Type */
                     DR_ARROW_NULL = 1,
                     DR_ARROW_INT = 2,
                     DR_ARROW_FLOAT = 3,
                     DR_ARROW_UTF8 = 5,
                     DR_ARROW_BOOL = 6,
                     DR_ARROW_DECIMAL = 7,
                     DR_ARROW_DATE = 8,
                     DR_ARROW_TIMESTAMP = 10,
                     DR_ARROW_LARGE_UTF8 = 20,
                     DR_ARROW_UTF8_VIEW = 24
};
enum { DR_ARROW_DAY = 0, DR_ARROW_DATE_MS = 1 };                                 /* DateUnit */
enum { DR_ARROW_SECOND = 0, DR_ARROW_MS = 1, DR_ARROW_US = 2, DR_ARROW_NS = 3 }; /* TimeUnit */

/* Slots of the metadata's tables. */
enum { DR_MESSAGE_VERSION, DR_MESSAGE_TYPE, DR_MESSAGE_HEADER, DR_MESSAGE_BODY };
enum { DR_SCHEMA_ENDIAN, DR_SCHEMA_FIELDS };
enum {
    DR_FIELD_NAME,
    DR_FIELD_NULLABLE,
    DR_FIELD_TYPE,
    DR_FIELD_DETAIL,
    DR_FIELD_DICTIONARY,
    DR_FIELD_CHILDREN
};
enum { DR_INT_BITS, DR_INT_SIGNED };
enum { DR_DECIMAL_PRECISION, DR_DECIMAL_SCALE, DR_DECIMAL_BITS };
enum { DR_TIMESTAMP_UNIT, DR_TIMESTAMP_ZONE };
enum { DR_DICTIONARY_ID, DR_DICTIONARY_INDEX };
enum { DR_RECORDS_LENGTH, DR_RECORDS_NODES, DR_RECORDS_BUFFERS, DR_RECORDS_COMPRESSION, DR_RECORDS_VARIADIC };
enum { DR_DICTBATCH_ID, DR_DICTBATCH_DATA, DR_DICTBATCH_DELTA };
enum { DR_FOOTER_VERSION, DR_FOOTER_SCHEMA, DR_FOOTER_DICTIONARIES, DR_FOOTER_RECORDS };

/* Where a message lies in a file, as the footer has it. */
struct dr_arrow_block {
    int64_t offset;
    int32_t metadata_n, pad;
    int64_t body_n;
};
_Static_assert(sizeof(struct dr_arrow_block) == 24, "written as it lies in memory");

/* One column as a schema describes it. */
struct dr_arrow_field {
    char *name;   /* owned by the schema */
    int32_t type; /* enum dr_type of the column that we make of it */
    /* The values as they lie in the file (for a dictionary those of it). */
    int32_t stored; /* enum dr_arrow_type */
    int32_t bits;   /* INT, FLOAT, DECIMAL */
    bool is_signed; /* INT */
    int32_t unit;   /* DATE, TIMESTAMP */
    int32_t scale;  /* DECIMAL */
    bool zoned;     /* TIMESTAMP */
    bool dictionary;
    int64_t dictionary_id;
    int32_t index_bits;
    bool index_signed;
};
struct dr_arrow_schema {
    struct dr_arrow_field *fields; /* owned */
    int32_t n;
};
void dr_arrow_schema_done(struct dr_arrow_schema *s);
/* Read a Schema table; err names the column that dagrun cannot hold. */
int32_t dr_arrow_schema_read(struct dr_fb_table t, struct dr_arrow_schema *ret, struct dr_err *err);
/* Add a Schema table. */
dr_fb_ref dr_arrow_schema_write(struct dr_fbb *b, const struct dr_arrow_schema *s);
/* The schema of a table as we write it; dictionary ids are column numbers. */
void dr_arrow_schema_of(const struct dr_table *t, struct dr_arrow_schema *ret);
/* The first value that no calendar year from 1 to 9999 holds, or -1; DATE and
 * TIMESTAMP only. Such a value could be stored, but never shown or compared. */
int64_t dr_arrow_out_of_range(const struct dr_array *a);

/* A buffer of a body; p is NULL where n is 0. */
struct dr_arrow_buffer {
    const uint8_t *p; /* borrowed */
    int64_t n;
};
/* One record batch being decoded: what its nodes and buffers describe, taken
 * column by column in order. */
struct dr_arrow_batch {
    struct dr_mem *mem; /* borrowed: the memory that body lies in */
    struct dr_arrow_buffer body;
    int64_t rows;
    struct dr_fb_vec nodes, buffers, variadic;
    size_t node, buffer, view; /* the next of each */
    struct dr_mem *expanded;   /* owned: a compressed body made plain; else NULL */
    int64_t *places;           /* owned: offset and length of each buffer there */
};
/* What a file may still claim, so that a small one cannot ask for much memory. */
struct dr_arrow_budget {
    int64_t rows;  /* that take at least a bit in the file, or a few that take nothing */
    int64_t bytes; /* of what was compressed */
};
/* A dictionary of a file, as loaded so far. A file's codes are the places of
 * its values; ours differ where the file's repeat or are missing. */
struct dr_arrow_dict {
    int64_t id;
    const struct dr_arrow_field *field; /* of the first column that uses it */
    struct dr_dict *dict;               /* text: owned; NULL until a batch is loaded */
    int32_t *codes;                     /* owned: our code of each of the file's, -1 a null; NULL: the same */
    struct dr_column *values;           /* other than text: owned */
    int64_t n;                          /* values in the file */
};
/* Read a RecordBatch table and expand a compressed body; takes from the budget. */
int32_t dr_arrow_batch_read(struct dr_fb_table t, struct dr_mem *mem, struct dr_arrow_buffer body,
                            struct dr_arrow_budget *budget, struct dr_arrow_batch *ret, struct dr_err *err);
void dr_arrow_batch_done(struct dr_arrow_batch *b);
/* The next column of the batch; of a dictionary-encoded field its values
 * (text as STRING). */
int32_t dr_arrow_decode(struct dr_arrow_batch *b, const struct dr_arrow_field *f, struct dr_array **ret,
                        struct dr_err *err);
/* The next column of the batch, codes of d. */
int32_t dr_arrow_decode_codes(struct dr_arrow_batch *b, const struct dr_arrow_field *f,
                              const struct dr_arrow_dict *d, struct dr_array **ret, struct dr_err *err);
/* Make `values` d's values, or add them after those it has (delta). Takes a
 * reference of its own. */
int32_t dr_arrow_dict_load(struct dr_arrow_dict *d, struct dr_array *values, bool delta, struct dr_err *err);
void dr_arrow_dict_done(struct dr_arrow_dict *d);

/* Pieces of the decoder, which lies in three files. */
/* Expand the batch's buffers into memory of its own; what it makes, also where
 * it fails, goes with dr_arrow_batch_done. */
int32_t dr_arrow_expand(struct dr_arrow_batch *b, int32_t codec, int64_t *budget, struct dr_err *err);
/* An array of the batch's rows with its nulls read, without values. */
int32_t dr_arrow_decode_start(struct dr_arrow_batch *b, int32_t type, struct dr_array **ret,
                              struct dr_err *err);
/* Read the text of a, stored as one of Arrow's three text types. */
int32_t dr_arrow_decode_text(struct dr_arrow_batch *b, int32_t stored, struct dr_array *a,
                             struct dr_err *err);
int32_t dr_arrow_next_buffer(struct dr_arrow_batch *b, struct dr_arrow_buffer *ret, struct dr_err *err);
/* DR_OK where buf has n bytes; `what` is plural. */
int32_t dr_arrow_need(const struct dr_arrow_buffer *buf, int64_t n, const char *what, struct dr_err *err);
/* Let a's mem[slot] hold n bytes at p where they lie, or a copy where p is not
 * aligned; gives where they are. */
const void *dr_arrow_adopt(struct dr_arrow_batch *b, struct dr_array *a, int slot, const void *p, int64_t n,
                           uintptr_t align);
/* New memory of n bytes for a's values, in place of what it has. */
void *dr_arrow_fresh_values(struct dr_array *a, int64_t n);
/* Make every value under a null 0, in a copy where it is not. */
void dr_arrow_clear_nulls(struct dr_array *a, size_t width);
/* Integers of 8 to 64 bits, perhaps unaligned, as int64_t; an unsigned one
 * that does not fit comes out negative. */
void dr_arrow_widen(const uint8_t *p, int32_t bits, bool is_signed, int64_t n, int64_t *ret);
/* "row N of the batch " and the problem. */
int32_t dr_arrow_fail_row(int64_t row, const char *problem, struct dr_err *err);

/* As dr_arrow_open, over bytes in memory; takes its own reference. */
int32_t dr_arrow_open_mem(struct dr_mem *mem, const char *name, struct dr_reader **ret, struct dr_err *err);
#endif
