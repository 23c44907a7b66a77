/* store/remote/uploads/pieces.c -- lists of parts, from the names of objects. */
#include "runtime/base/hex.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/uploads/upload.h"

#include <stdio.h>

enum { LIST_ARENA_BYTES = 64 << 20, PAGE_ARENA_BYTES = 8 << 20, FRAMES_CONTENT_BYTES_MAX = 1 << 20 };

/* ---- lists ---- */

void piece_list_init(struct piece_list *list)
{
    *list = (struct piece_list){0};
    arena_init(&list->arena, LIST_ARENA_BYTES);
}

void piece_list_free(struct piece_list *list)
{
    arena_free(&list->arena);
    buffer_free(&list->pieces);
    buffer_free(&list->frames);
}

static bool take_name(struct piece_list *list, struct span name, struct error *error)
{
    struct piece piece = {.frames_at = list->frames.size};
    if (!facts_decode(name, &piece.facts, &list->frames))
        return error_set(error, ERROR_DAMAGED, S3_InternalError, "The bucket holds something that is no part.");
    piece.frames_size = list->frames.size - piece.frames_at;
    piece.name = arena_copy(&list->arena, name);
    if (piece.name.data == NULL)
        return error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for so many parts.");
    /* by number, as names sort; within a number by the clock of who took the part */
    unsigned count = piece_count(list);
    buffer_append(&list->pieces, span_of(&piece, sizeof piece));
    for (unsigned i = count; i > 0; i--) {
        struct piece *before = piece_at(list, i - 1);
        if (before->facts.part.number != piece.facts.part.number ||
            before->facts.part.modified_ms <= piece.facts.part.modified_ms)
            break;
        *piece_at(list, i) = *before;
        *before = piece;
    }
    return true;
}

static unsigned count_numbers(const struct piece_list *list)
{
    unsigned numbers = 0;
    for (unsigned i = 0; i < piece_count(list); i++)
        numbers += i == 0 || piece_at(list, i)->facts.part.number != piece_at(list, i - 1)->facts.part.number;
    return numbers;
}

/* One page: the first behind a key, later ones by the backend's token. A backend may begin earlier than it was asked
 * to. */
struct page_position {
    struct buffer after;
    struct buffer token;
};

SUSPENDS static bool load_page(struct piece_list *list, const struct upload_place *place,
                               struct page_position *position, bool *ret_is_truncated, struct error *error)
{
    char prefix_text[UPLOAD_KEY_BYTES];
    struct span prefix = upload_backend_key(place, SPAN("p/"), prefix_text);
    struct arena arena;
    struct s3_list_page page;
    struct s3_answer answer;
    const struct s3_call call = {.bucket = place->backend_bucket, .repeat = S3_REPEAT};
    const struct s3_list_request request = {
        .prefix = prefix,
        .after = position->token.size > 0 ? SPAN_EMPTY : buffer_span(&position->after),
        .continuation = buffer_span(&position->token),
    };
    arena_init(&arena, PAGE_ARENA_BYTES);
    bool done = s3_client_list_objects(place->shard->client, &call, &request, &arena, &page, &answer, error);
    done = remote_answered(place->shard, S3_LIST_OBJECTS, &answer, done, error);
    for (unsigned i = 0; done && i < page.count; i++) {
        if (span_compare(page.entries[i].key, buffer_span(&position->after)) > 0)
            done = take_name(list, span_skip(page.entries[i].key, prefix.size), error);
    }
    *ret_is_truncated = done && page.is_truncated && page.continuation.size > 0;
    buffer_clear(&position->token);
    if (done)
        buffer_append(&position->token, page.continuation);
    arena_free(&arena);
    return done;
}

SUSPENDS bool piece_list_load(struct piece_list *list, const struct upload_place *place, unsigned after,
                              unsigned parts_max, struct error *error)
{
    char first_text[UPLOAD_KEY_BYTES];
    char number[16];
    struct page_position position = {0};
    bool goes_on = true;
    bool done = true;
    int size = snprintf(number, sizeof number, "p/%05u/", after); /* behind "NNNNN.": '/' sorts behind '.' */
    buffer_append(&position.after, upload_backend_key(place, span_of(number, (size_t)size), first_text));
    while (done && goes_on && (parts_max == 0 || count_numbers(list) <= parts_max))
        done = load_page(list, place, &position, &goes_on, error);
    buffer_free(&position.after);
    buffer_free(&position.token);
    return done;
}

SUSPENDS bool piece_load_frames(struct piece_list *list, const struct upload_place *place, unsigned index,
                                struct error *error)
{
    char text[FACTS_NAME_BYTES_MAX + 8];
    struct buffer bytes;
    bool found;
    struct piece *piece = piece_at(list, index);
    if (piece->facts.has_frames || piece->frames_size > 0)
        return true;
    int size = snprintf(text, sizeof text, "p/%.*s", SPAN_FORMAT(piece->name));
    buffer_init(&bytes, FRAMES_CONTENT_BYTES_MAX);
    bool done = upload_get(place, span_of(text, (size_t)size), &bytes, &found, error);
    piece->frames_at = list->frames.size;
    if (done && (!found || !facts_decode_frames(buffer_span(&bytes), &list->frames)))
        done = error_set(error, ERROR_CONFLICT, S3_InvalidPart, "A part was replaced meanwhile.");
    piece->frames_size = list->frames.size - piece->frames_at;
    buffer_free(&bytes);
    return done;
}

struct span piece_body_suffix(const struct piece *piece, char *ret_text)
{
    int size;
    if (piece->facts.is_apart) {
        char name[2 * BODY_NAME_BYTES];
        hex_encode(span_of(piece->facts.body, BODY_NAME_BYTES), name);
        size = snprintf(ret_text, UPLOAD_KEY_BYTES, "b/%.*s", (int)sizeof name, name);
    } else {
        size = snprintf(ret_text, UPLOAD_KEY_BYTES, "p/%.*s", SPAN_FORMAT(piece->name));
    }
    return span_of(ret_text, (size_t)size);
}

/* The newest of each number. */
static bool is_newest(const struct piece_list *list, unsigned index)
{
    return index + 1 == piece_count(list) ||
           piece_at(list, index + 1)->facts.part.number != piece_at(list, index)->facts.part.number;
}

SUSPENDS static bool show_part(struct piece_list *list, const struct upload_place *place, unsigned index,
                               struct arena *arena, struct part_attributes *ret_part, struct error *error)
{
    if (!piece_load_frames(list, place, index, error))
        return false;
    const struct piece *piece = piece_at(list, index);
    *ret_part = piece->facts.part;
    ret_part->seal = arena_copy(arena, facts_seal(&piece->facts));
    ret_part->frames = arena_copy(arena, piece_frames(list, piece));
    return (ret_part->seal.data != NULL && ret_part->frames.data != NULL) ||
           error_set(error, ERROR_BUSY, S3_SlowDown, "The request's memory is used up.");
}

SUSPENDS static bool show_parts(struct piece_list *list, const struct upload_place *place, unsigned parts_max,
                                struct arena *arena, struct part_attributes *parts, unsigned *ret_count,
                                bool *ret_truncated, struct error *error)
{
    for (unsigned i = 0; i < piece_count(list); i++) {
        if (!is_newest(list, i))
            continue;
        if (*ret_count == parts_max) {
            *ret_truncated = true;
            return true;
        }
        if (!show_part(list, place, i, arena, &parts[*ret_count], error))
            return false;
        (*ret_count)++;
    }
    return true;
}

SUSPENDS bool remote_list_parts(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                unsigned after, unsigned parts_max, struct arena *arena,
                                struct part_attributes **ret_parts, unsigned *ret_count, bool *ret_truncated,
                                struct error *error)
{
    struct upload_place place;
    struct upload_record record;
    struct piece_list list;
    struct buffer bytes = {0};
    piece_list_init(&list);
    *ret_count = 0;
    *ret_truncated = false;
    bool done = upload_place_init(store, name->bucket, upload_id, &place, error) &&
                upload_recall(&place, name->key, &bytes, &record, error) &&
                piece_list_load(&list, &place, after, parts_max, error);
    unsigned most = piece_count(&list) < parts_max ? piece_count(&list) : parts_max;
    *ret_parts = done ? arena_allocate(arena, (most + 1) * sizeof **ret_parts) : NULL;
    if (*ret_parts != NULL)
        done = show_parts(&list, &place, parts_max, arena, *ret_parts, ret_count, ret_truncated, error);
    else if (done)
        done = error_set(error, ERROR_BUSY, S3_SlowDown, "The request's memory is used up.");
    piece_list_free(&list);
    buffer_free(&bytes);
    return done;
}
