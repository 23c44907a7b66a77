/* store/embedded/catalogue/later_look.c -- a thread that walks over the pages of one reading transaction.
 *
 * The transaction keeps those pages from being used again, so the catalogue grows by what is replaced meanwhile: a
 * second's worth for some millions of objects, and no more than INSPECTION_MS_MAX for any number. */
#include "store/embedded/catalogue/later_look.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/thread.h"
#include "runtime/log/log.h"
#include "s3client/wire/s3_error.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { NICENESS = 10 /* requests, and the rest of a start, go before */ };

struct later_look {
    const struct catalogue *catalogue;
    struct inspecting *inspecting;
    MDB_txn *reader; /* the thread's */
    pthread_t thread;
    _Atomic bool is_stopped;
    _Atomic bool has_damaged_page;
    bool has_damaged_row; /* the thread's, until it has ended */
};

static void tell(struct later_look *look, bool is_sound, struct inspection *found, const struct error *error)
{
    if (!is_sound) {
        atomic_store(&look->has_damaged_page, true);
        log_message(LOG_ERROR, "%s Nothing is written there any more.", error->message);
        return;
    }
    look->has_damaged_row = found->damaged_rows > 0;
    found->is_cut_off = found->is_cut_off && !atomic_load(&look->is_stopped); /* that ends quietly */
    inspection_tell(found, look->catalogue->path);
}

static void *run(void *argument)
{
    struct later_look *look = argument;
    struct inspection found;
    struct error error;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS); /* of this thread alone, as Linux has it */
    bool is_sound = inspecting_walk(look->inspecting, inspection_until_ns(), &look->is_stopped, &found, &error);
    mdb_txn_abort(look->reader);
    tell(look, is_sound, &found, &error);
    return NULL;
}

struct later_look *later_look_start(const struct catalogue *catalogue, struct error *error)
{
    struct later_look *look = calloc(1, sizeof *look);
    ASSERT(look != NULL);
    look->catalogue = catalogue;
    int result = mdb_txn_begin(catalogue->env, NULL, MDB_RDONLY, &look->reader);
    if (result != 0) {
        (void)catalogue_failed(result, error, "begin");
    } else if ((look->inspecting = inspecting_begin(catalogue->path, error)) == NULL ||
               !thread_start("catalogue-look", run, look, &look->thread, error)) {
        mdb_txn_abort(look->reader);
        inspecting_end(look->inspecting);
    } else {
        return look;
    }
    free(look);
    return NULL;
}

bool later_look_forbids_writes(const struct later_look *look, struct error *error)
{
    return look != NULL && atomic_load_explicit(&look->has_damaged_page, memory_order_relaxed) &&
           !error_set(error, ERROR_DAMAGED, S3_ServiceUnavailable,
                      "The catalogue is damaged: nothing is written there any more.");
}

bool later_look_end(struct later_look *look)
{
    if (look == NULL)
        return true;
    atomic_store(&look->is_stopped, true);
    (void)pthread_join(look->thread, NULL);
    inspecting_end(look->inspecting);
    bool is_sound = !atomic_load(&look->has_damaged_page) && !look->has_damaged_row;
    free(look);
    return is_sound;
}
