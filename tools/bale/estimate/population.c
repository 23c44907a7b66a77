/* tools/bale/estimate/population.c -- endings are counted, objects sorted by stratum. */
#include "tools/bale/estimate/population.h"

#include "codec/format/frame.h"
#include "runtime/base/assert.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t SIZES[POPULATION_SIZES - 1] = {4 << 10, 64 << 10, 1 << 20};
enum { OTHER_ENDING = POPULATION_ENDINGS, NO_STRATUM = POPULATION_STRATA };

void population_init(struct population *population)
{
    *population = (struct population){.classes = {"STANDARD"}, .classes_count = 1};
    buffer_init(&population->names, 0);
}

void population_free(struct population *population)
{
    free(population->objects);
    buffer_free(&population->names);
    *population = (struct population){0};
}

struct span population_name(const struct population *population, const struct population_object *object)
{
    return span_of(population->names.data + object->name, object->name_bytes);
}

/* A seventeenth class counts as the first. */
static uint8_t class_at(struct population *population, struct span name)
{
    if (name.size == 0 || name.size >= POPULATION_CLASS_BYTES)
        return 0;
    for (unsigned i = 0; i < population->classes_count; i++) {
        if (span_equal(name, span_from_string(population->classes[i])))
            return (uint8_t)i;
    }
    if (population->classes_count == POPULATION_CLASSES)
        return 0;
    memcpy(population->classes[population->classes_count], name.data, name.size);
    return (uint8_t)population->classes_count++;
}

void population_add(struct population *population, struct span name, uint64_t size, uint64_t stored,
                    struct span storage_class, bool is_unreadable)
{
    ASSERT(name.size <= UINT16_MAX);
    if (population->count == population->capacity) {
        population->capacity = population->capacity == 0 ? 1024 : 2 * population->capacity;
        population->objects = realloc(population->objects, population->capacity * sizeof population->objects[0]);
        ASSERT(population->objects != NULL);
    }
    population->objects[population->count++] = (struct population_object){
        .size = size,
        .stored = stored,
        .name = population->names.size,
        .name_bytes = (uint16_t)name.size,
        .class_at = class_at(population, storage_class),
        .is_unreadable = is_unreadable,
    };
    buffer_append(&population->names, name);
    population->bytes += size;
    population->stored += stored;
    population->unreadable_bytes += is_unreadable ? size : 0;
    population->unreadable_count += is_unreadable ? 1 : 0;
}

/* ---- endings ---- */

/* Digits alone, as logs have them that were rotated, say nothing of what is in it. */
static bool tells_something(struct span letters)
{
    bool has_letter = false;
    for (size_t i = 0; i < letters.size; i++) {
        uint8_t c = letters.data[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && (c < '0' || c > '9'))
            return false;
        has_letter = has_letter || is_letter;
    }
    return has_letter;
}

static void ending_of(struct span name, char ret_ending[POPULATION_ENDING_BYTES])
{
    size_t dot = name.size;
    memset(ret_ending, 0, POPULATION_ENDING_BYTES);
    while (dot > 0 && name.data[dot - 1] != '.' && name.data[dot - 1] != '/')
        dot--;
    if (dot < 2 || name.data[dot - 1] != '.' || name.data[dot - 2] == '/') /* none, or all of the file's name */
        return;
    struct span letters = span_skip(name, dot);
    if (letters.size > POPULATION_ENDING_BYTES - 2 || !tells_something(letters))
        return;
    ret_ending[0] = '.';
    for (size_t i = 0; i < letters.size; i++) {
        uint8_t c = letters.data[i];
        ret_ending[i + 1] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
}

/* All endings that there are: a table with open addressing, at most half full. */
struct endings {
    struct population_ending *slots;
    bool *is_used;
    size_t capacity; /* a power of two */
    size_t count;
};

static size_t slot_of(const struct endings *endings, const char *ending)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (const char *letter = ending; *letter != '\0'; letter++)
        hash = (hash ^ (uint8_t)*letter) * UINT64_C(1099511628211);
    size_t at = hash & (endings->capacity - 1);
    while (endings->is_used[at] && strcmp(endings->slots[at].text, ending) != 0)
        at = (at + 1) & (endings->capacity - 1);
    return at;
}

static void endings_allocate(struct endings *endings, size_t capacity)
{
    endings->capacity = capacity;
    endings->slots = calloc(capacity, sizeof endings->slots[0]);
    endings->is_used = calloc(capacity, sizeof endings->is_used[0]);
    ASSERT(endings->slots != NULL && endings->is_used != NULL);
}

static void endings_free(struct endings *endings)
{
    free(endings->slots);
    free(endings->is_used);
}

static void endings_grow(struct endings *endings)
{
    struct endings old = *endings;
    endings_allocate(endings, 2 * old.capacity);
    for (size_t i = 0; i < old.capacity; i++) {
        if (!old.is_used[i])
            continue;
        size_t at = slot_of(endings, old.slots[i].text);
        endings->slots[at] = old.slots[i];
        endings->is_used[at] = true;
    }
    endings_free(&old);
}

static void endings_count(struct endings *endings, const char *ending, uint64_t bytes)
{
    if (2 * endings->count >= endings->capacity)
        endings_grow(endings);
    size_t at = slot_of(endings, ending);
    if (!endings->is_used[at]) {
        endings->is_used[at] = true;
        endings->count++;
        memcpy(endings->slots[at].text, ending, POPULATION_ENDING_BYTES);
    }
    endings->slots[at].bytes += bytes;
}

static int compare_endings(const void *a, const void *b)
{
    const struct population_ending *left = a;
    const struct population_ending *right = b;
    if (left->bytes != right->bytes)
        return left->bytes > right->bytes ? -1 : 1;
    return strcmp(left->text, right->text);
}

static void choose_endings(struct population *population)
{
    struct endings endings = {0};
    char ending[POPULATION_ENDING_BYTES];
    endings_allocate(&endings, 64);
    for (size_t i = 0; i < population->count; i++) {
        const struct population_object *object = &population->objects[i];
        ending_of(population_name(population, object), ending);
        endings_count(&endings, ending, object->size);
    }
    qsort(endings.slots, endings.capacity, sizeof endings.slots[0], compare_endings);
    for (size_t i = 0; i < endings.capacity && i < POPULATION_ENDINGS && endings.slots[i].bytes > 0; i++)
        population->endings[population->endings_count++] = endings.slots[i];
    endings_free(&endings);
}

const char *population_ending_name(const struct population *population, unsigned ending)
{
    if (ending >= population->endings_count)
        return "others";
    return population->endings[ending].text[0] == '\0' ? "(none)" : population->endings[ending].text;
}

/* ---- strata ---- */

static unsigned ending_at(const struct population *population, const char *ending)
{
    for (unsigned i = 0; i < population->endings_count; i++) {
        if (strcmp(population->endings[i].text, ending) == 0)
            return i;
    }
    return OTHER_ENDING;
}

static uint8_t stratum_of(const struct population *population, const struct population_object *object)
{
    char ending[POPULATION_ENDING_BYTES];
    unsigned size = 0;
    if (object->is_unreadable || object->size == 0)
        return NO_STRATUM;
    while (size < POPULATION_SIZES - 1 && object->size > SIZES[size])
        size++;
    ending_of(population_name(population, object), ending);
    return (uint8_t)(ending_at(population, ending) * POPULATION_SIZES + size);
}

/* Names of one stratum keep their order, so that a seed draws the same of the same list. */
static int compare_objects(const void *a, const void *b)
{
    const struct population_object *left = a;
    const struct population_object *right = b;
    if (left->stratum != right->stratum)
        return left->stratum < right->stratum ? -1 : 1;
    return left->name < right->name ? -1 : left->name > right->name;
}

void population_settle(struct population *population)
{
    choose_endings(population);
    for (size_t i = 0; i < population->count; i++)
        population->objects[i].stratum = stratum_of(population, &population->objects[i]);
    if (population->count > 0)
        qsort(population->objects, population->count, sizeof population->objects[0], compare_objects);
    size_t at = 0;
    for (unsigned i = 0; i < POPULATION_STRATA; i++) {
        struct stratum *stratum = &population->strata[i];
        population->first[i] = at;
        for (; at < population->count && population->objects[at].stratum == i; at++) {
            struct population_object *object = &population->objects[at];
            stratum->bytes += object->size;
            stratum->frames += (object->size + FRAME_ORIGINAL_BYTES - 1) / FRAME_ORIGINAL_BYTES;
            object->end = stratum->bytes;
        }
    }
    population->first[POPULATION_STRATA] = at;
}

struct population_frame population_find_frame(struct population *population, unsigned stratum, uint64_t position)
{
    ASSERT(position < population->strata[stratum].bytes);
    size_t low = population->first[stratum];
    size_t high = population->first[stratum + 1] - 1;
    while (low < high) { /* the first object whose end lies behind the position */
        size_t middle = low + (high - low) / 2;
        if (population->objects[middle].end > position)
            high = middle;
        else
            low = middle + 1;
    }
    struct population_object *object = &population->objects[low];
    uint64_t within = position - (object->end - object->size);
    uint64_t offset = within - within % FRAME_ORIGINAL_BYTES;
    uint64_t left = object->size - offset;
    return (struct population_frame){
        .object = object,
        .offset = offset,
        .size = left < FRAME_ORIGINAL_BYTES ? (size_t)left : FRAME_ORIGINAL_BYTES,
    };
}
