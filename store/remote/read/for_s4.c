/* store/remote/read/for_s4.c -- what S4 needs to find beside an object that Bale wrote: an index of its own. */
#include "codec/format/sidecar.h"
#include "store/remote/read/object.h"
#include "store/remote/read/s4_object.h"

bool remote_tells_s4(const struct bucket_object *base)
{
    const struct remote_object *object = (const struct remote_object *)base;
    return !object->state.object.is_stamped || object->state.object.stamp.trailer != STAMP_TRAILER_SAYS;
}

SUSPENDS bool remote_write_sidecar(struct bucket_object *base, bool *ret_written, struct error *error)
{
    struct remote_object *object = (struct remote_object *)base;
    struct buffer plain;
    struct buffer bound;
    *ret_written = false;
    buffer_init(&plain, SIDECAR_BYTES_MAX);
    buffer_init(&bound, SIDECAR_BYTES_MAX);
    bool done = !object->state.object.is_stamped || remote_read_sidecar(base, &plain, error);
    bool is_wanted =
        done && plain.size > 0 && object->key.backend.key.size + sizeof ".s4index" - 1 <= OBJECT_KEY_BYTES_MAX &&
        sidecar_rebind(buffer_span(&plain), remote_object_etag(object), base->attributes.stored_size, &bound);
    if (is_wanted) {
        done = s4_object_write_sidecar(&object->key, buffer_span(&bound), error);
        *ret_written = done;
    }
    buffer_free(&plain);
    buffer_free(&bound);
    return done;
}
