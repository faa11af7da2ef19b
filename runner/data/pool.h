/* pool.h - a parallel for over the process's threads. Layer: data.
 *
 * The pool belongs to a worker process: the runner, which forks, never starts
 * one. Without dr_pool_init everything runs on the calling thread. */
#ifndef DR_POOL_H
#define DR_POOL_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Use that many threads, the caller's included (fewer where the system refuses
 * more). They start with the first run that has work for them. Replaces an
 * earlier setting; not while work runs. */
void dr_pool_init(int32_t threads);
void dr_pool_done(void); /* ends the threads; safe without init */
int32_t dr_pool_threads(void);
/* Call fn(ctx, i) once for each i in [0, n), in any order and on any thread;
 * returns when all are done. From within fn it runs on the calling thread. */
void dr_pool_run(int64_t n, void (*fn)(void *ctx, int64_t i), void *ctx);

/* Something to be done when a thread has nothing else to do. It must stay where it is until it is
 * finished, and runs nothing on the pool itself. */
struct dr_pool_job {
    void (*fn)(void *ctx);
    void *ctx;
    struct dr_pool_job *next; /* the pool's own, as the state is */
    bool done;
};
void dr_pool_later(struct dr_pool_job *job);
/* Returns when the job is done; the calling thread does what nobody has begun. */
void dr_pool_finish(struct dr_pool_job *job);

/* Numbers that the tasks of one run share out among themselves: a task for each
 * thread (dr_pool_run(dr_pool_threads(), ...)) keeps what it needs from one
 * number to the next. */
struct dr_share {
    atomic_int_least64_t next;
    int64_t n;
};
static inline void dr_share_start(struct dr_share *s, int64_t n)
{
    atomic_store_explicit(&s->next, 0, memory_order_relaxed);
    s->n = n;
}
/* The next of 0..n-1, or -1. */
static inline int64_t dr_share_next(struct dr_share *s)
{
    int64_t i = atomic_fetch_add_explicit(&s->next, 1, memory_order_relaxed);
    return i < s->n ? i : -1;
}
#endif
