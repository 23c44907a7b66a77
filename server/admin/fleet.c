/* server/admin/fleet.c -- who serves the bucket. */
#include "server/admin/fleet.h"

#include "journal/fleet/fleet_report.h"
#include "server/admin/family.h"

#include <inttypes.h>
#include <stdio.h>

static void answer(struct http_exchange *exchange, int status, bool is_text, struct span body)
{
    struct error error;
    http_response_begin(exchange, status);
    http_response_field_string(exchange, "Content-Type", is_text ? "text/plain; charset=utf-8" : "application/json");
    http_response_field_string(exchange, "Vary", "Accept");
    (void)http_response_finish(exchange, body, &error); /* whoever asked has gone */
}

static bool wants_text(const struct http_head *head)
{
    struct span accepted;
    return http_head_find(head, "accept", &accepted) && span_starts_with(accepted, SPAN("text/plain"));
}

SUSPENDS void admin_answer_fleet(struct http_exchange *exchange, const struct admin_view *view)
{
    struct card_list list;
    struct error error;
    struct buffer text;
    const struct journal_id *own = &view->member->options.identity->id;
    bool is_text = wants_text(exchange->head);
    buffer_init(&text, 0);
    if (!fleet_member_show(view->member, &list, &error)) {
        buffer_append_format(&text, "the cards of the fleet cannot be read: %s\n", error.message);
        answer(exchange, 503, true, buffer_span(&text));
    } else {
        if (is_text)
            fleet_put_table(&list, own, &text);
        else
            fleet_put_json(&list, own, &text);
        card_list_free(&list);
        answer(exchange, 200, is_text, buffer_span(&text));
    }
    buffer_free(&text);
}

void admin_write_fleet_metrics(const struct fleet_member *member, struct buffer *to)
{
    static const struct cards_counters none;
    const struct cards_counters *counters = member->room == NULL ? &none : cards_room_counters(member->room);
    admin_write_family(to, "bale_fleet_requests_total", "counter",
                       "Requests about the cards of replicas: what a quiet one asks beside the journal's polls.");
    buffer_append_format(to,
                         "bale_fleet_requests_total{kind=\"write\"} %" PRIu64 "\n"
                         "bale_fleet_requests_total{kind=\"read\"} %" PRIu64 "\n"
                         "bale_fleet_requests_total{kind=\"list\"} %" PRIu64 "\n"
                         "bale_fleet_requests_total{kind=\"delete\"} %" PRIu64 "\n",
                         counters->writes, counters->reads, counters->lists, counters->deletes);
    admin_write_family(to, "bale_fleet_copies_total", "counter",
                       "Times that another process was found to run with a copy of this one's state folder.");
    buffer_append_format(to, "bale_fleet_copies_total %" PRIu64 "\n", member->copies);
    admin_write_family(to, "bale_fleet_has_older", "gauge",
                       "1: processes of an older Bale may run here, so what they could not read is not written.");
    buffer_append_format(to, "bale_fleet_has_older %d\n", member->has_older ? 1 : 0);
}
