/* server/fleet/self.h -- what this process says of itself in its card, from its options. */
#pragma once

#include "journal/fleet/card.h"
#include "server/config/config.h"

/* Ports 0: not known yet, then the addresses are left out. */
void fleet_describe_self(const struct config *config, uint16_t s3_port, uint16_t admin_port,
                         struct fleet_card *ret_card);
