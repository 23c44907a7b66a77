/* store/remote/write/place.c -- from the class that clients see to the one that the backend is told. */
#include "store/remote/write/place.h"

static const struct span standard = SPAN("STANDARD");

bool place_is_kept(const struct remote *remote, const struct storage_class *class)
{
    enum verdict verdict;
    return verdict_of_class(span_from_string(class->name), &verdict) && verdict_holds(&remote->verdicts, verdict);
}

/* Empty: it is not one that --class names a place for, or the object would cost more there than in STANDARD. */
static struct span named_place(const struct remote *remote, struct span shown, uint64_t stored_bytes,
                               bool *ret_is_named)
{
    const struct storage_class *place = NULL;
    *ret_is_named = class_places_find(remote->settings.places, shown, &place);
    if (place == NULL || stored_bytes < place->least_bytes || !place_is_kept(remote, place))
        return SPAN_EMPTY;
    return span_from_string(place->name);
}

struct span place_choose(const struct remote *remote, struct span shown, uint64_t stored_bytes)
{
    bool is_named;
    if (span_equal(shown, standard))
        return span_from_string(remote->settings.default_class != NULL ? remote->settings.default_class : "");
    struct span place = named_place(remote, shown, stored_bytes, &is_named);
    const struct storage_class *class = storage_class_find(shown);
    bool is_backends = !is_named && class != NULL && place_is_kept(remote, class);
    return is_backends ? span_from_string(class->name) : place;
}

struct span place_choose_again(const struct remote *remote, struct span now, struct span shown_before,
                               struct span shown, uint64_t stored_bytes)
{
    bool is_named;
    struct span place =
        span_equal(shown, shown_before) ? SPAN_EMPTY : named_place(remote, shown, stored_bytes, &is_named);
    return place.size > 0 ? place : now;
}

void place_note(struct span place, struct span shown, char ret_storage_class[STORAGE_CLASS_BYTES])
{
    ret_storage_class[0] = '\0';
    if (span_equal(shown, standard) || span_equal(shown, place) || shown.size >= STORAGE_CLASS_BYTES)
        return;
    memcpy(ret_storage_class, shown.data, shown.size);
    ret_storage_class[shown.size] = '\0';
}

bool place_is_lacking(const struct remote *remote, struct error *ret_reason)
{
    const struct class_places *places = remote->settings.places;
    for (unsigned i = 0; places != NULL && i < places->count; i++) {
        const struct storage_class *place = places->entries[i].place;
        enum verdict verdict;
        if (place != NULL && !place_is_kept(remote, place) && verdict_of_class(span_from_string(place->name), &verdict))
            return !error_set(ret_reason, ERROR_UNSUPPORTED, NULL,
                              "the backend %s the storage class %s (bale backend): what goes to %s stays in STANDARD "
                              "there",
                              verdict_word_of_class(&remote->verdicts, verdict), place->name,
                              places->entries[i].class->name);
    }
    return false;
}
