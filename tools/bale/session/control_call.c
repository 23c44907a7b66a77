/* tools/bale/session/control_call.c -- one request over libcurl. */
#include "tools/bale/session/control_call.h"

#include "runtime/base/assert.h"
#include "runtime/base/buffer.h"
#include "server/process/control_file.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

enum { ANSWER_BYTES_MAX = 16 << 20, TIMEOUT_S = 600, CONNECT_S = 5 };

static size_t take_body(char *bytes, size_t one, size_t size, void *context)
{
    struct buffer *body = context;
    buffer_append(body, span_of(bytes, one * size));
    return body->overflow ? 0 : one * size;
}

/* The certificate is the one that the server itself uses, so whatever name it bears is right. */
static void set_certificate(CURL *curl, const struct control_file *file)
{
    if (file->certificate[0] == '\0')
        return;
    (void)curl_easy_setopt(curl, CURLOPT_CAINFO, file->certificate);
    (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
}

static struct curl_slist *set_headers(CURL *curl, const struct control_file *file)
{
    char header[CONTROL_WORD_BYTES + 64];
    (void)snprintf(header, sizeof header, "Authorization: Bearer %s", file->word);
    struct curl_slist *headers = file->word[0] == '\0' ? NULL : curl_slist_append(NULL, header);
    ASSERT(headers != NULL || file->word[0] == '\0');
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    return headers;
}

static bool transfer(const struct control_file *file, const char *socket, const char *method,
                     struct span path_and_query, struct span sent, struct buffer *body, long *ret_status,
                     struct error *error)
{
    char reason[CURL_ERROR_SIZE] = "";
    struct buffer url = {0};
    buffer_append_string(&url, file->url);
    buffer_append(&url, path_and_query);
    buffer_append_byte(&url, '\0');
    CURL *curl = curl_easy_init();
    ASSERT(curl != NULL);
    struct curl_slist *headers = set_headers(curl, file);
    set_certificate(curl, file);
    if (socket != NULL)
        (void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
    (void)curl_easy_setopt(curl, CURLOPT_URL, (const char *)url.data);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    if (strcmp(method, "POST") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)sent.size);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, sent.size > 0 ? (const char *)sent.data : "");
    }
    CURLcode code = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    buffer_free(&url);
    return code == CURLE_OK ||
           error_set(error, ERROR_CLOSED, NULL, "no server answers on %s: %s", socket != NULL ? socket : file->url,
                     reason[0] != '\0' ? reason : curl_easy_strerror(code));
}

static struct json_object *refuse(struct json_object *document, long status, struct error *error)
{
    struct json_object *sentence;
    if (document != NULL && json_object_object_get_ex(document, "error", &sentence))
        (void)error_set(error, ERROR_IO, NULL, "%s", json_object_get_string(sentence));
    else
        (void)error_set(error, ERROR_IO, NULL, "the server answers with status %ld", status);
    json_object_put(document);
    return NULL;
}

/* Who connects to the socket needs no word. */
static bool find_server(const struct control_place *place, struct control_file *ret_file, struct error *error)
{
    if (place->socket != NULL) {
        *ret_file = (struct control_file){.url = "http://localhost"};
        return true;
    }
    return control_file_read(place->folder, ret_file, error) ||
           error_prepend(error, "baled must run for this, in the folder that --backend or --state names");
}

static struct json_object *call(const struct control_place *place, const char *method, struct span path_and_query,
                                struct span sent, struct error *error)
{
    static struct control_file file;
    struct buffer body;
    long status = 0;
    struct json_object *document = NULL;
    if (!find_server(place, &file, error))
        return NULL;
    buffer_init(&body, ANSWER_BYTES_MAX);
    bool is_answered = transfer(&file, place->socket, method, path_and_query, sent, &body, &status, error);
    if (is_answered) {
        buffer_append_byte(&body, '\0');
        document = json_tokener_parse((const char *)body.data);
    }
    buffer_free(&body);
    if (!is_answered)
        return NULL;
    return status == 200 && document != NULL ? document : refuse(document, status, error);
}

struct json_object *control_call(const struct control_place *place, const char *method, struct span path_and_query,
                                 struct error *error)
{
    return call(place, method, path_and_query, SPAN_EMPTY, error);
}

struct json_object *control_send(const struct control_place *place, struct span path_and_query, struct span body,
                                 struct error *error)
{
    return call(place, "POST", path_and_query, body, error);
}
