/* server/s3/access/access_settings.c -- storing a setting, and saying so. */
#include "server/s3/access/access_settings.h"

#include "server/s3/answer/answer.h"

SUSPENDS bool access_setting_store(struct s3_request *request, enum bucket_setting setting, struct span document,
                                   struct error *error)
{
    struct settings *settings = request->settings->bucket_settings;
    if (document.size == 0)
        return settings_delete(settings, &request->bucket_info, setting, error);
    return settings_put(settings, &request->bucket_info, setting, document, error);
}

SUSPENDS bool access_setting_answer(struct s3_request *request, enum bucket_setting setting, struct span document,
                                    int status, struct error *error)
{
    if (!access_setting_store(request, setting, document, error))
        return false;
    s3_answer_begin(request, status);
    return s3_answer_empty(request, error);
}
