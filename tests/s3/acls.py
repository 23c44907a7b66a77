"""tests/s3/acls.py -- documents of access: lists of grants, ownership, the public access block, policies."""

import json

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED_USERS = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
LOG_DELIVERY = "http://acs.amazonaws.com/groups/s3/LogDelivery"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
PERMISSIONS = ("READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL")
BLOCK = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
ANONYMOUS = {"auth": None, "payload": "unsigned"}


def grantee(who, kind=None):
    """An id, an address with @, or a group's URI, as a Grantee element."""
    kind = kind or ("Group" if who.startswith("http:") else "AmazonCustomerByEmail" if "@" in who else "CanonicalUser")
    element = {"Group": "URI", "AmazonCustomerByEmail": "EmailAddress"}.get(kind, "ID")
    return f'<Grantee xmlns:xsi="{XSI}" xsi:type="{kind}"><{element}>{who}</{element}></Grantee>'


def grant(who, permission, kind=None):
    return f"<Grant>{grantee(who, kind)}<Permission>{permission}</Permission></Grant>"


def acl(owner, *grants):
    """Grants are pairs (who, permission), or whole elements."""
    inner = "".join(item if isinstance(item, str) else grant(*item) for item in grants)
    return (f"<AccessControlPolicy><Owner><ID>{owner}</ID></Owner><AccessControlList>{inner}</AccessControlList>"
            f"</AccessControlPolicy>")


def grants_of(answer):
    """What an AccessControlPolicy says, in its order: pairs (id or URI, permission)."""
    return [(item.findtext("Grantee/ID") or item.findtext("Grantee/URI"), item.findtext("Permission"))
            for item in answer.xml.findall("AccessControlList/Grant")]


def ownership(value):
    return f"<OwnershipControls><Rule><ObjectOwnership>{value}</ObjectOwnership></Rule></OwnershipControls>"


def block(*names):
    inner = "".join(f"<{name}>true</{name}>" for name in names)
    return f"<PublicAccessBlockConfiguration>{inner}</PublicAccessBlockConfiguration>"


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def statement(effect, principal, action, resource, **conditions):
    made = {"Effect": effect, "Principal": principal, "Action": action, "Resource": resource}
    if conditions:
        made["Condition"] = conditions
    return made


def arn(bucket, key=None):
    return f"arn:aws:s3:::{bucket}" + (f"/{key}" if key is not None else "")
