/* journal/bucket_call.h -- what the files behind bucket_store.h share: the bucket, one call of it, and the verbs that
 * carry calls out. bucket_of_store.c has those over store/bucket.h, bucket_of_s3.c those over requests of S3. */
#pragma once

#include "journal/bucket_store.h"
#include "runtime/fiber/fiber.h"

enum { KEY_BYTES_MAX = JOURNAL_PREFIX_BYTES_MAX + JOURNAL_NAME_BYTES };

/* Its own memory holds all that it needs: the caller may be gone before it ends. */
struct journal_call {
    struct journal_bucket *bucket;
    enum journal_request kind;
    char name[JOURNAL_NAME_BYTES]; /* LIST: the names' beginning */
    char after[JOURNAL_NAME_BYTES];
    struct store_etag etag; /* that is known or replaced; then the one that is there */
    struct buffer body;     /* to be written, or what was read */
    struct store_page *page;
    char (*names)[JOURNAL_NAME_BYTES];
    unsigned names_count;
    deadline_t deadline;
    enum store_answer answer;
    bool is_done;
    bool is_abandoned;
    struct wait_queue done;
    struct fiber *fiber; /* that carries it out, once it runs */
};

typedef SUSPENDS enum store_answer journal_verb(struct journal_call *call);

struct journal_verbs {
    journal_verb *verbs[JOURNAL_REQUEST_COUNT];
    void (*close)(struct journal_bucket *bucket);
    bool is_cut; /* who waits for it no more cancels it: then it ends soon */
};

struct journal_bucket {
    struct journal_store base;
    const struct journal_verbs *verbs;
    struct bucket_store *store; /* bucket_of_store.c */
    struct s3_client *client;   /* bucket_of_s3.c, as what follows */
    bool labels_hold;
    bool has_md5_etags; /* the last body that was written got its MD5 as ETag */
    bool keeps_versions;
    struct journal_bucket_counters counters;
    unsigned under_way; /* calls, those included that nobody waits for */
    size_t bucket_bytes;
    size_t prefix_bytes;
    char bucket[BUCKET_NAME_BYTES_MAX];
    char prefix[JOURNAL_PREFIX_BYTES_MAX];
};

struct journal_bucket *journal_bucket_new(const struct journal_verbs *verbs, struct span bucket, struct span prefix);
struct span journal_bucket_name(const struct journal_bucket *bucket);
/* The whole key of a name. */
struct span journal_bucket_key(const struct journal_bucket *bucket, const char *name, char ret_key[KEY_BYTES_MAX]);

bool journal_call_is_late(const struct journal_call *call);
/* Puts a listed key on the call's page, as a name; what is left of a damaged one with '?' for what is no letter. Keys
 * that are none of a journal are left out. */
void journal_call_take_key(struct journal_call *call, struct span key, bool is_damaged);
