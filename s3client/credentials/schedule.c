/* s3client/credentials/schedule.c -- jitter keeps the replicas of a fleet from asking all at once. */
#include "s3client/credentials/schedule.h"

#include "s3client/credentials/credentials.h"

enum {
    SECOND_MS = 1000,
    MINUTE_MS = 60 * SECOND_MS,
    AHEAD_MS = 15 * MINUTE_MS,
    DELAY_MS_MIN = 200,
};

/* `most`, less up to a tenth of it. */
static int64_t jittered(int64_t most, const struct random_source *random)
{
    return most - (int64_t)random_below(random, (uint64_t)most / 10 + 1);
}

int64_t schedule_renewal_ms(int64_t now_ms, int64_t expires_ms, const struct random_source *random)
{
    if (expires_ms == CREDENTIALS_NEVER_EXPIRE)
        return SCHEDULE_NEVER;
    if (expires_ms <= now_ms)
        return now_ms + 5 * MINUTE_MS + (int64_t)random_below(random, 5 * MINUTE_MS + 1);
    int64_t left_ms = expires_ms - now_ms;
    int64_t delay_ms = left_ms < 2 * AHEAD_MS ? jittered(left_ms / 2, random)
                                              : left_ms - AHEAD_MS - (AHEAD_MS - jittered(AHEAD_MS, random));
    return now_ms + (delay_ms < DELAY_MS_MIN ? DELAY_MS_MIN : delay_ms);
}

int64_t schedule_attempt_ms(int64_t now_ms, int64_t expires_ms, unsigned failures, const struct random_source *random)
{
    int64_t limit_ms = expires_ms <= now_ms ? 5 * SECOND_MS : (expires_ms - now_ms) / 4;
    int64_t most_ms = failures < 7 ? (int64_t)SECOND_MS << (failures - 1) : MINUTE_MS;
    if (most_ms > MINUTE_MS)
        most_ms = MINUTE_MS;
    if (most_ms > limit_ms)
        most_ms = limit_ms;
    int64_t delay_ms = most_ms / 2 + (int64_t)random_below(random, (uint64_t)most_ms / 2 + 1);
    return now_ms + (delay_ms < DELAY_MS_MIN ? DELAY_MS_MIN : delay_ms);
}
