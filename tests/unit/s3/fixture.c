/* tests/unit/s3/fixture.c -- requests without a connection, and what stands in for the rooms around. */
#include "tests/unit/s3/fixture.h"

#include "runtime/base/assert.h"
#include "server/s3/access_log/request_lines.h"
#include "server/s3/answer/setting_headers.h"
#include "server/s3/headers/encryption.h"
#include "server/s3/rights/authorize.h"

#include <stdio.h>

struct error fixture_error;

static struct http_head head;
static struct http_exchange exchange;
static struct arena arena;
static struct s3_settings settings;
static struct s3_request request;

static struct {
    char name[64];
    char value[512];
} answered[64];
static unsigned answered_count;

struct s3_request *fixture_request(const char *text, const char *domain)
{
    static char kept[8192]; /* the head points into it */
    size_t size;
    ASSERT(strlen(text) < sizeof kept);
    strcpy(kept, text);
    fixture_error = (struct error){0};
    answered_count = 0;
    arena_free(&arena);
    arena_init(&arena, 1 << 20);
    enum http_parse parsed = http_head_parse(span_from_string(kept), &head, &size, &fixture_error);
    ASSERT(parsed == HTTP_PARSE_DONE);
    exchange = (struct http_exchange){.head = &head, .arena = &arena};
    settings = (struct s3_settings){.domain = domain, .region = "us-east-1", .host_id = "host"};
    request = (struct s3_request){.settings = &settings, .exchange = &exchange, .head = &head, .arena = &arena};
    return s3_request_resolve(&request, &fixture_error) ? &request : NULL;
}

static const char *text_of(struct span span)
{
    static char text[512];
    (void)snprintf(text, sizeof text, "%.*s", SPAN_FORMAT(span));
    return text;
}

const char *fixture_detail(const struct s3_request *of, const char *name)
{
    for (unsigned i = 0; i < of->details.count; i++)
        if (strcmp(of->details.items[i].name, name) == 0)
            return text_of(of->details.items[i].value);
    return "";
}

const char *fixture_answered(const char *name)
{
    for (unsigned i = 0; i < answered_count; i++)
        if (strcmp(answered[i].name, name) == 0)
            return answered[i].value;
    return NULL;
}

/* ---- the rooms around ---- */

void http_response_field_of(struct http_exchange *to, struct span name, struct span value)
{
    (void)to;
    ASSERT(answered_count < 64);
    (void)snprintf(answered[answered_count].name, sizeof answered[0].name, "%.*s", SPAN_FORMAT(name));
    (void)snprintf(answered[answered_count].value, sizeof answered[0].value, "%.*s", SPAN_FORMAT(value));
    answered_count++;
}

bool bucket_find(struct bucket_store *store, struct span bucket, struct bucket_info *ret_info, struct error *error)
{
    (void)store;
    *ret_info = (struct bucket_info){.owner = "owner"};
    memcpy(ret_info->name, bucket.data, bucket.size);
    (void)error;
    return true;
}

/* ---- whoever asks may ---- */

bool settings_pin(struct settings *shards, const struct bucket_info *bucket, const struct bucket_settings **ret,
                  struct error *error)
{
    (void)shards, (void)bucket, (void)error;
    *ret = NULL;
    return true;
}

void settings_unpin(struct settings *shards, const struct bucket_settings *pinned)
{
    (void)shards, (void)pinned;
}

void s3_log_source(struct s3_request *asking, const struct bucket_info *bucket, const struct bucket_settings *pinned,
                   const struct object_name *name, const struct object_attributes *attributes,
                   const struct error *error)
{
    (void)asking, (void)bucket, (void)pinned, (void)name, (void)attributes, (void)error;
}

bool settings_are_whole(const struct bucket_settings *pinned, struct error *error)
{
    (void)pinned, (void)error;
    return true;
}

bool s3_check_payer(struct s3_request *asking, const struct bucket_info *bucket, const struct bucket_settings *pinned,
                    struct error *error)
{
    (void)asking, (void)bucket, (void)pinned, (void)error;
    return true;
}

void s3_access_of(const struct bucket_info *info, const struct bucket_settings *pinned,
                  struct access_bucket *ret_access)
{
    (void)info, (void)pinned;
    *ret_access = (struct access_bucket){.ownership = OWNERSHIP_ENFORCED};
}

bool s3_authorize_action(struct s3_request *asking, const struct s3_target *target, enum s3_action action,
                         struct error *error)
{
    (void)asking, (void)target, (void)action, (void)error;
    return true;
}

bool s3_judge_opened(struct s3_request *asking, const struct s3_target *target, enum s3_action action,
                     const struct object_attributes *attributes, struct error *error)
{
    (void)asking, (void)target, (void)action, (void)attributes, (void)error;
    return true;
}

bool s3_authorize_opened(struct s3_request *asking, const struct s3_target *target, enum s3_action action,
                         const struct object_attributes *attributes, struct error *error)
{
    (void)asking, (void)target, (void)action, (void)attributes, (void)error;
    return true;
}

bool s3_authorize_new(struct s3_request *asking, enum s3_action action, struct error *error)
{
    (void)asking, (void)action, (void)error;
    return true;
}

bool s3_hide_missing(struct s3_request *asking, const struct s3_target *target, struct error *error)
{
    (void)asking, (void)target, (void)error;
    return false;
}

bool encryption_take_of_source(struct s3_request *asking, struct error *error)
{
    (void)asking, (void)error;
    return true;
}

bool encryption_prove(struct s3_request *asking, const struct object_name *name, const struct customer_key *customer,
                      const struct object_attributes *attributes, struct object_secret *ret_secret, struct error *error)
{
    (void)asking, (void)name, (void)customer, (void)attributes, (void)ret_secret, (void)error;
    return true;
}

bool encryption_open(struct s3_request *asking, const struct object_name *name,
                     const struct object_attributes *attributes, struct customer_key **key, struct error *error)
{
    (void)asking, (void)name, (void)attributes, (void)key, (void)error;
    return true;
}

bool object_codecs_read_s4(const struct object_codecs *codecs)
{
    (void)codecs;
    return false;
}
