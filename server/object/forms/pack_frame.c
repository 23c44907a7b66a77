/* server/object/forms/pack_frame.c -- a packer's slices, between which other fibers have their turn. */
#include "server/object/forms/pack_frame.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "s3client/wire/s3_error.h"

/* On a thread beside the shards: for levels above CODEC_LEVEL_INLINE_MAX, and in the background. */
struct pack_work {
    struct packer *packer;
    enum codec_step step;
    struct encoded packed;
};

static void pack_all(void *argument)
{
    struct pack_work *work = argument;
    do
        work->step = packer_step(work->packer, &work->packed);
    while (work->step == CODEC_MORE);
}

SUSPENDS bool pack_frame(struct object_codecs *codecs, struct packer *packer, const struct packer_job *job,
                         struct encoded *ret_packed, struct error *error)
{
    const struct object_settings *settings = &codecs->settings;
    struct pack_work work = {.packer = packer, .step = CODEC_MORE};
    bool has_run;
    packer_begin(packer, job);
    if (!codecs_compute_aside(codecs, pack_all, &work, &has_run, error))
        return false;
    if (!has_run && job->frame.level > CODEC_LEVEL_INLINE_MAX) {
        ASSERT(settings->offload != NULL);
        if (!offload_run(settings->offload, pack_all, &work, error))
            return error->kind == ERROR_BUSY
                       ? error_set(error, ERROR_BUSY, S3_SlowDown, "The compression threads have too much to do.")
                       : false;
    } else {
        while (work.step == CODEC_MORE) {
            work.step = packer_step(packer, &work.packed);
            fiber_yield_if_due();
        }
    }
    if (work.step == CODEC_FAILED)
        return error_set(error, ERROR_IO, S3_InternalError, "The compressor failed.");
    *ret_packed = work.packed;
    return true;
}
