/* runtime/base/list.h -- an intrusive doubly linked list: the link lives in the element, nothing is allocated.
 *
 * A list head is a link that points to itself when empty. An element is in at most one list per link; a link that is
 * in no list is zeroed or points to itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list_link {
    struct list_link *next;
    struct list_link *previous;
};

#define LIST_ELEMENT(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void list_init(struct list_link *list)
{
    list->next = list;
    list->previous = list;
}

static inline bool list_is_empty(const struct list_link *list)
{
    return list->next == list;
}

static inline void list_append(struct list_link *list, struct list_link *link)
{
    link->next = list;
    link->previous = list->previous;
    list->previous->next = link;
    list->previous = link;
}

static inline void list_prepend(struct list_link *list, struct list_link *link)
{
    list_append(list->next, link);
}

static inline void list_remove(struct list_link *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    list_init(link);
}

/* NULL when empty. */
static inline struct list_link *list_take_first(struct list_link *list)
{
    if (list_is_empty(list))
        return NULL;
    struct list_link *first = list->next;
    list_remove(first);
    return first;
}
