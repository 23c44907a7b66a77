/* server/s3/operations.h -- the operations: one function each, in the file of the same name. */
#pragma once

#include "server/s3/request/request.h"

s3_handler s3_list_buckets;
s3_handler s3_create_bucket;
s3_handler s3_get_bucket_versioning;
s3_handler s3_put_bucket_versioning;
s3_handler s3_get_object_lock_configuration;
s3_handler s3_put_object_lock_configuration;
s3_handler s3_get_object_retention;
s3_handler s3_put_object_retention;
s3_handler s3_get_object_legal_hold;
s3_handler s3_put_object_legal_hold;
s3_handler s3_head_bucket;
s3_handler s3_get_bucket_location;
s3_handler s3_delete_bucket;
s3_handler s3_list_objects;
s3_handler s3_list_objects_v2;
s3_handler s3_list_object_versions;
s3_handler s3_put_object;
s3_handler s3_post_object; /* from a web form */
s3_handler s3_copy_object;
s3_handler s3_get_object;
s3_handler s3_head_object; /* in get_object.c */
s3_handler s3_delete_object;
s3_handler s3_delete_objects;
s3_handler s3_create_multipart_upload;
s3_handler s3_upload_part;
s3_handler s3_upload_part_copy;
s3_handler s3_complete_multipart_upload;
s3_handler s3_abort_multipart_upload;
s3_handler s3_list_parts;
s3_handler s3_list_multipart_uploads;
s3_handler s3_get_object_attributes;
s3_handler s3_get_object_tagging;    /* in object_tagging.c */
s3_handler s3_put_object_tagging;    /* in object_tagging.c */
s3_handler s3_delete_object_tagging; /* in object_tagging.c */
s3_handler s3_get_bucket_acl;        /* in access/bucket_acl.c, as is the next */
s3_handler s3_put_bucket_acl;
s3_handler s3_get_object_acl; /* in access/object_acl.c, as is the next */
s3_handler s3_put_object_acl;
s3_handler s3_get_bucket_ownership_controls; /* in access/ownership_controls.c, as are the next two */
s3_handler s3_put_bucket_ownership_controls;
s3_handler s3_delete_bucket_ownership_controls;
s3_handler s3_get_public_access_block; /* in access/public_access_block.c, as are the next two */
s3_handler s3_put_public_access_block;
s3_handler s3_delete_public_access_block;
s3_handler s3_get_bucket_policy; /* in access/bucket_policy.c, as are the next three */
s3_handler s3_put_bucket_policy;
s3_handler s3_delete_bucket_policy;
s3_handler s3_get_bucket_policy_status;
s3_handler s3_get_object_torrent;
s3_handler s3_get_bucket_setting; /* in bucket_setting.c, as are the next two: of each kind of document */
s3_handler s3_put_bucket_setting;
s3_handler s3_delete_bucket_setting;
s3_handler s3_unset_configuration; /* unset_configuration.c: reads of what was never set, and its removal */
s3_handler s3_unset_list;          /* likewise of settings of which there may be many */
s3_handler s3_misplaced_parameter; /* ?versions and ?uploads on a key */
s3_handler s3_preflight;           /* OPTIONS: before any signature, see handle.c */
