/* server/maintenance/first_frame.c -- reads, packs for a try, compares. */
#include "server/maintenance/first_frame.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GIB 1073741824.0
#define HOUR_NS 3.6e12

/* ---- the trial ---- */

static uint64_t processor_ns(void *context)
{
    struct timespec now;
    (void)context;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

struct trial *first_frame_trial(bool has_columns, int level)
{
    static const struct clock processor = {.monotonic_ns = processor_ns};
    const struct trial_settings settings = {
        .way = has_columns ? TRIAL_COLUMNS : TRIAL_ZSTD, .level = level, .clock = &processor};
    return trial_create(&settings);
}

/* Original bytes [0, size) into memory. */
SUSPENDS static bool read_start(struct object_codecs *codecs, struct bucket_object *object,
                                const struct object_name *name, uint8_t *bytes, size_t size, struct error *error)
{
    struct object_reader *reader;
    struct span piece = SPAN_EMPTY;
    size_t taken = 0;
    if (!object_reader_begin(codecs, object, name, NULL, 0, size, &reader, error))
        return false;
    bool done;
    do {
        done = object_reader_next(reader, &piece, error);
        if (done)
            memcpy(bytes + taken, piece.data, piece.size);
        taken += done ? piece.size : 0;
    } while (done && piece.size > 0);
    object_reader_end(reader);
    return done && (taken == size || error_set(error, ERROR_CHANGED, NULL, "it has become shorter"));
}

/* How densely the first frame is packed now. */
SUSPENDS static bool look_at_stored(struct bucket_object *object, double *ret_part, struct error *error)
{
    const struct object_attributes *attributes = &object->attributes;
    uint8_t head[FRAME_HEADER_BYTES];
    struct frame_header header;
    struct error ignored;
    *ret_part = (double)attributes->stored_size / (double)attributes->original_size;
    if (attributes->layout != LAYOUT_FRAMED || attributes->stored_size < sizeof head)
        return true;
    if (!bucket_read(object, 0, head, sizeof head, error))
        return false;
    if (frame_header_decode(span_of(head, sizeof head), attributes->stored_size, &header, &ignored) &&
        header.kind == FRAME_DATA && header.original_size > 0)
        *ret_part = (double)(header.payload_size + FRAME_HEADER_BYTES) / (double)header.original_size;
    return true;
}

struct packing {
    struct trial *trial;
    struct span bytes;
    struct trial_result result;
    bool done;
    struct error error;
};

static void pack(void *argument)
{
    struct packing *packing = argument;
    trial_begin(packing->trial);
    packing->done = trial_add(packing->trial, packing->bytes, true, &packing->error);
    if (packing->done)
        packing->result = trial_end(packing->trial);
}

/* At a high level that takes long. */
SUSPENDS static bool pack_elsewhere(struct offload *threads, struct packing *packing, struct error *error)
{
    if (!offload_run(threads, pack, packing, error))
        return false;
    if (!packing->done)
        *error = packing->error;
    return packing->done;
}

SUSPENDS bool first_frame_try(struct offload *threads, struct object_codecs *codecs, struct bucket_object *object,
                              const struct object_name *name, struct trial *trial, struct first_frame *ret_frame,
                              struct error *error)
{
    uint64_t original = object->attributes.original_size;
    size_t size = original < FRAME_ORIGINAL_BYTES ? (size_t)original : FRAME_ORIGINAL_BYTES;
    uint8_t *bytes = malloc(size);
    if (bytes == NULL)
        return error_set(error, ERROR_BUSY, NULL, "there is no memory for a frame");
    struct packing packing = {.trial = trial, .bytes = span_of(bytes, size)};
    bool done = look_at_stored(object, &ret_frame->before, error) &&
                read_start(codecs, object, name, bytes, size, error) && pack_elsewhere(threads, &packing, error);
    free(bytes);
    if (!done)
        return false;
    ret_frame->after = (double)packing.result.stored_bytes / (double)size;
    ret_frame->ns_for_byte = (double)packing.result.in_ns / (double)size;
    return true;
}

/* ---- is it worth it? ---- */

bool first_frame_gains(const struct first_frame *frame, uint64_t least_gain)
{
    return frame->after <= frame->before * (1 - (double)least_gain / 100);
}

bool first_frame_pays(const struct first_frame *frame, const struct object_attributes *attributes,
                      const struct prices *prices, bool costs_requests, uint64_t months)
{
    char name[PRICES_CLASS_BYTES] = "";
    const struct storage_class *place = storage_class_of(attributes->place);
    struct span shown = metadata_storage_class(attributes->metadata);
    struct span of_backend = place == NULL ? SPAN("STANDARD") : span_from_string(place->name);
    struct span billed = span_take(costs_requests ? of_backend : shown, sizeof name - 1);
    memcpy(name, billed.data, billed.size);
    const struct class_price *price = prices_find(prices, name);
    double original = (double)attributes->original_size;
    double before = fmax((double)attributes->stored_size, price->least_size);
    double after = fmax((double)attributes->stored_size * frame->after / frame->before, price->least_size);
    double once = original * frame->ns_for_byte / HOUR_NS * prices->core_hour;
    if (costs_requests)
        once += price->get / 1000 + price->put / 1000 +
                (double)attributes->stored_size / GIB * (price->retrieval + prices->egress);
    return once <= (before - after) / GIB * price->month * (double)months;
}
