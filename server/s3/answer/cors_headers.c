/* server/s3/answer/cors_headers.c -- what an answer says to a browser about pages of other origins. */
#include "server/s3/answer/cors_headers.h"

const struct cors *s3_cors_of(const struct s3_request *request)
{
    return settings_compiled(request->bucket_settings, SETTING_CORS);
}

static void answer_list(struct s3_request *request, const char *header, const struct document_texts *texts)
{
    struct buffer list;
    if (texts->count == 0)
        return;
    buffer_init(&list, 0);
    for (unsigned i = 0; i < texts->count; i++) {
        buffer_append_string(&list, i == 0 ? "" : ", ");
        buffer_append(&list, texts->items[i]);
    }
    http_response_field(request->exchange, header, buffer_span(&list));
    buffer_free(&list);
}

void s3_answer_cors_rule(struct s3_request *request, const struct cors_rule *rule, struct span origin, bool is_any)
{
    struct http_exchange *exchange = request->exchange;
    http_response_field(exchange, "Access-Control-Allow-Origin", is_any ? SPAN("*") : origin);
    answer_list(request, "Access-Control-Allow-Methods", &rule->methods);
    answer_list(request, "Access-Control-Expose-Headers", &rule->expose_headers);
    if (!is_any)
        http_response_field(exchange, "Access-Control-Allow-Credentials", SPAN("true"));
    http_response_field(exchange, "Vary",
                        SPAN("Origin, Access-Control-Request-Headers, Access-Control-Request-Method"));
}

void s3_answer_cors(struct s3_request *request)
{
    const struct http_head *head = request->exchange->head; /* a form has replaced request->head */
    const struct cors *cors = s3_cors_of(request);
    const struct cors_rule *rule = NULL;
    struct span origin;
    struct span method;
    bool is_any = false;
    if (cors == NULL || request->outcome.operation == S3_Preflight)
        return;
    if (!http_head_find(head, "access-control-request-method", &method))
        method = head->method;
    if (http_head_find(head, "origin", &origin))
        rule = cors_match(cors, origin, method, SPAN_EMPTY, &is_any);
    if (rule != NULL)
        s3_answer_cors_rule(request, rule, origin, is_any);
    else
        http_response_field(request->exchange, "Vary", SPAN("Origin"));
}
