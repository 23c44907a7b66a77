/* tests/sim/world/damage.c -- bytes that are not what was written. */
#include "tests/sim/world/damage.h"

#include "journal/format/segment.h"
#include "tests/sim/coverage.h"
#include "tests/sim/world/world.h"

void damage_body(struct buffer *body)
{
    switch (body->size == 0 ? 0 : world_below(3)) {
    case 0:
        body->size = 0;
        COVER(damaged_empty);
        break;
    case 1:
        body->size = (size_t)world_below(body->size);
        COVER(damaged_cut);
        break;
    default:
        body->data[world_below(body->size)] ^= (uint8_t)(1U << world_below(8));
        COVER(damaged_bit);
        break;
    }
}

void damage_object(struct object *object)
{
    switch (world_below(3)) {
    case 0:
        damage_body(&object->body);
        break;
    case 1:
        object->is_unreadable = true;
        COVER(unreadable_with_etag);
        break;
    default:
        object->is_unreadable = object->hides_etag = true;
        COVER(unreadable_without_etag);
        break;
    }
}

/* Sound, and as long; one bit of the last value is another. */
static bool change_a_bit(struct span bytes, struct buffer *ret_body)
{
    struct error error;
    size_t begin = frame_begin(ret_body);
    buffer_append(ret_body, span_skip(bytes, FRAME_HEADER_BYTES));
    ret_body->data[ret_body->size - 1] ^= 1;
    return frame_end(ret_body, begin, SEGMENT_MAGIC, &error);
}

bool damage_into_foreign(struct span bytes, struct buffer *ret_body)
{
    struct segment segment;
    struct error error;
    if (!segment_decode(bytes, &segment, &error))
        return false;
    if (world_below(2)) {
        COVER(foreign_of_equal_length);
        return change_a_bit(bytes, ret_body);
    }
    segment_begin(ret_body, &segment);
    return segment_end(ret_body, &error);
}
