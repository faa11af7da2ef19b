/* pool.c - threads that take task numbers from a shared counter.
 *
 * A run is announced by a new generation number under the lock; a helper that is idle
 * joins a generation once, draws numbers until none is left, and says so. The
 * caller draws too, closes the run when none is left and waits for the helpers that have
 * joined, not for one that is still busy or has not woken up. So a run is over for all
 * when it is over for the caller. Only one run is in progress: one that starts
 * meanwhile (nested, or on another thread) does its work inline.
 *
 * Jobs wait in a list, in order, for a helper that finds no run to join, or for the
 * thread that wants them finished. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include "base/mem.h"
#include "data/pool.h"

#define MAX_THREADS 256

static struct {
    pthread_mutex_t lock;
    pthread_cond_t work, idle;
    pthread_t thread[MAX_THREADS];
    int32_t wanted;      /* threads besides the caller, */
    int32_t helpers;     /* and how many of them have been started */
    int32_t working;     /* helpers that have joined the run and not left it */
    uint64_t generation; /* of the run announced last */
    bool open;           /* it may still be joined */
    bool stop;
    struct dr_pool_job *first_job, **last_job; /* last_job: where the next one is put */
    atomic_bool running;
    void (*fn)(void *, int64_t);
    void *ctx;
    int64_t n;
    atomic_int_least64_t next;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER,
           .work = PTHREAD_COND_INITIALIZER,
           .idle = PTHREAD_COND_INITIALIZER,
           .last_job = &pool.first_job };

static void draw_tasks(void)
{
    for (;;) {
        int64_t i = atomic_fetch_add_explicit(&pool.next, 1, memory_order_relaxed);
        if (i >= pool.n)
            return;
        pool.fn(pool.ctx, i);
    }
}

/* With the lock held, as the next two. */
static void join_run(void)
{
    pool.working++;
    pthread_mutex_unlock(&pool.lock);
    draw_tasks();
    pthread_mutex_lock(&pool.lock);
    if (--pool.working == 0)
        pthread_cond_broadcast(&pool.idle);
}

static void do_first_job(void)
{
    struct dr_pool_job *job = pool.first_job;
    pool.first_job = job->next;
    if (!pool.first_job)
        pool.last_job = &pool.first_job;
    pthread_mutex_unlock(&pool.lock);
    job->fn(job->ctx);
    pthread_mutex_lock(&pool.lock);
    job->done = true;
    pthread_cond_broadcast(&pool.idle);
}

static void *helper_main(void *start)
{
    uint64_t seen = *(uint64_t *)start;
    free(start);
    pthread_mutex_lock(&pool.lock);
    while (!pool.stop) {
        if (pool.open && pool.generation != seen) {
            seen = pool.generation;
            join_run();
        } else if (pool.first_job) {
            do_first_job();
        } else {
            pthread_cond_wait(&pool.work, &pool.lock);
        }
    }
    pthread_mutex_unlock(&pool.lock);
    return NULL;
}

void dr_pool_later(struct dr_pool_job *job)
{
    job->next = NULL;
    job->done = false;
    pthread_mutex_lock(&pool.lock);
    *pool.last_job = job;
    pool.last_job = &job->next;
    pthread_cond_signal(&pool.work);
    pthread_mutex_unlock(&pool.lock);
}

void dr_pool_finish(struct dr_pool_job *job)
{
    pthread_mutex_lock(&pool.lock);
    while (!job->done)
        if (pool.first_job)
            do_first_job();
        else
            pthread_cond_wait(&pool.idle, &pool.lock);
    pthread_mutex_unlock(&pool.lock);
}

void dr_pool_done(void)
{
    pthread_mutex_lock(&pool.lock);
    pool.stop = true;
    pthread_cond_broadcast(&pool.work);
    pthread_mutex_unlock(&pool.lock);
    for (int32_t i = 0; i < pool.helpers; i++)
        pthread_join(pool.thread[i], NULL);
    pool.helpers = pool.wanted = 0;
    pool.stop = false;
}

void dr_pool_init(int32_t threads)
{
    if (pool.helpers > 0)
        dr_pool_done();
    pool.wanted = threads > MAX_THREADS ? MAX_THREADS - 1 : threads > 1 ? threads - 1 : 0;
}

/* Threads start with the first work that they can share: most workers have none. */
static void start_helpers(void)
{
    /* Signals are for the thread that started the pool. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool.helpers < pool.wanted) {
        uint64_t *start = dr_malloc(sizeof *start);
        *start = pool.generation;
        if (pthread_create(&pool.thread[pool.helpers], NULL, helper_main, start)) {
            free(start);
            pool.wanted = pool.helpers;
            break;
        }
        pool.helpers++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int32_t dr_pool_threads(void)
{
    return pool.wanted + 1;
}

static void run_shared(int64_t n, void (*fn)(void *, int64_t), void *ctx)
{
    pthread_mutex_lock(&pool.lock);
    pool.fn = fn;
    pool.ctx = ctx;
    pool.n = n;
    atomic_store(&pool.next, 0);
    pool.generation++;
    pool.open = true;
    pthread_cond_broadcast(&pool.work);
    pthread_mutex_unlock(&pool.lock);
    draw_tasks();
    pthread_mutex_lock(&pool.lock);
    pool.open = false;
    while (pool.working)
        pthread_cond_wait(&pool.idle, &pool.lock);
    pthread_mutex_unlock(&pool.lock);
}

void dr_pool_run(int64_t n, void (*fn)(void *ctx, int64_t i), void *ctx)
{
    if (n > 1 && pool.wanted && !atomic_exchange(&pool.running, true)) {
        if (pool.helpers < pool.wanted)
            start_helpers();
        run_shared(n, fn, ctx);
        atomic_store(&pool.running, false);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        fn(ctx, i);
}
