/* server/fleet/self.c -- name, version and addresses of this process. */
#include "server/fleet/self.h"

#include "runtime/base/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void find_name(const struct config *config, char ret_name[CARD_TEXT_BYTES])
{
    char host[CARD_TEXT_BYTES] = "";
    (void)gethostname(host, sizeof host - 1);
    (void)snprintf(ret_name, CARD_TEXT_BYTES, "%s", config->replica_name[0] != '\0' ? config->replica_name : host);
}

/* An address of all interfaces is told as the host, by which others reach it. */
static void find_address(const char *listen, uint16_t port, char ret_address[CARD_TEXT_BYTES])
{
    char host[CARD_TEXT_BYTES] = "";
    int size = (int)(strrchr(listen, ':') - listen);
    bool is_any = size == 0 || strncmp(listen, "0.0.0.0:", 8) == 0 || strncmp(listen, "[::]:", 5) == 0;
    (void)gethostname(host, sizeof host - 1);
    if (port != 0 && is_any)
        (void)snprintf(ret_address, CARD_TEXT_BYTES, "%s:%u", host, port);
    else if (port != 0)
        (void)snprintf(ret_address, CARD_TEXT_BYTES, "%.*s:%u", size, listen, port);
}

void fleet_describe_self(const struct config *config, uint16_t s3_port, uint16_t admin_port,
                         struct fleet_card *ret_card)
{
    *ret_card = (struct fleet_card){
        .version = BALE_VERSION,
        .started_ms = clock_wall_ms(clock_system()),
        .written_ms = clock_wall_ms(clock_system()),
        .every_ms = config->fleet_card_ms,
    };
    find_name(config, ret_card->name);
    find_address(config->listen, s3_port, ret_card->s3);
    find_address(config->admin, admin_port, ret_card->admin);
}
