"""STS in the range: every way to temporary credentials for those who have credentials, with good and bad input."""

import base64
import builtins
import datetime
import hmac
import itertools
import json
import random
import string
import struct
import time

import pytest

from iam_clients import UNCHECKED, account, iam, low_client, refused

numbers = itertools.count()
TEN = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]


def trust(account, actions=("sts:AssumeRole",), condition=None, principal=None):
    statement = {"Effect": "Allow", "Principal": {"AWS": principal or account}, "Action": list(actions)}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def allow(*actions, **more):
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"} | more


def make_role(iam, document, *statements, **more):
    name = f"sts-role-{next(numbers)}"
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **more)["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
    return arn


def as_session(range, answer, service="sts", **more):
    given = answer["Credentials"]
    return range.client(service, given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], **more)


@pytest.fixture
def sts(range):
    return range.client("sts", config=UNCHECKED)


@pytest.fixture
def caller(range, iam):
    """STS of a user who may do all of STS."""
    return low_client(range, iam, f"sts-user-{next(numbers)}", "sts", allow("sts:*"))


def events(range, name):
    found = range.client("cloudtrail").lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}])
    return [json.loads(event["CloudTrailEvent"]) for event in found["Events"]]


def code_of(seed, at=None):
    """The code of a virtual MFA device, by RFC 6238."""
    step = int((at or time.time()) // 30)
    digest = hmac.digest(base64.b32decode(seed), struct.pack(">Q", step), "sha1")
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def test_assume_role_shows_what_was_handed_out(range, iam, sts, account):
    role = make_role(iam, trust(account, TEN))
    user = low_client(range, iam, f"sts-user-{next(numbers)}", "sts", allow("sts:*"))
    answer = user.assume_role(RoleArn=role, RoleSessionName="build", Tags=[{"Key": "team", "Value": "red"}], SourceIdentity="anna")
    assert answer["AssumedRoleUser"]["Arn"].endswith("/build") and answer["AssumedRoleUser"]["AssumedRoleId"].startswith("AROA")
    assert answer["SourceIdentity"] == "anna" and answer["PackedPolicySize"] >= 1
    token = answer["Credentials"]["SessionToken"]
    assert answer["SessionTokenSize"] == len(token) and answer["SessionTokenUtilization"] == len(token) * 100 // 4096
    long = user.assume_role(RoleArn=role, RoleSessionName="build", MinimumSessionTokenSize=3000)
    assert len(long["Credentials"]["SessionToken"]) >= 3000
    assert as_session(range, long).get_caller_identity()["Account"] == account
    event = events(range, "AssumeRole")[0]
    assert event["readOnly"] is True and event["responseElements"]["credentials"]["accessKeyId"].startswith("ASIA")
    assert "secretAccessKey" not in json.dumps(event)
    assert event["additionalEventData"]["RequestDetails"] == {"awsServingRegion": "us-east-1", "endpointType": "regional"}


def test_assume_role_refuses_bad_input(range, iam, sts, caller, account):
    role = make_role(iam, trust(account, TEN), MaxSessionDuration=7200)
    good = {"RoleArn": role, "RoleSessionName": "build"}
    name = f"sts-user-{next(numbers)}"
    low_client(range, iam, name, "sts", allow("sts:*"))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    ask = range.client("sts", key["AccessKeyId"], key["SecretAccessKey"], config=UNCHECKED)
    for wrong, code in [
        ({"RoleArn": "arn:aws:iam::123456789012:user/not-a-role"}, "ValidationError"),
        ({"RoleArn": "this is no arn at all"}, "ValidationError"),
        ({"RoleSessionName": "a b"}, "ValidationError"),
        ({"DurationSeconds": 899}, "ValidationError"),
        ({"DurationSeconds": 7201}, "ValidationError"),
        ({"Policy": "{}"}, "MalformedPolicyDocument"),
        ({"Tags": [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]}, "InvalidParameterValue"),
        ({"Tags": [{"Key": "aws:x", "Value": "1"}]}, "InvalidParameterValue"),
        ({"Tags": [{"Key": "a", "Value": "1"}], "TransitiveTagKeys": ["b"]}, "InvalidParameterValue"),
        ({"ProvidedContexts": [{"ProviderArn": "arn:aws:iam::aws:contextProvider/IdentityCenter", "ContextAssertion": "eyJ"}]}, "ValidationError"),
        ({"SerialNumber": "arn:aws:iam::123456789012:mfa/none"}, "AccessDenied"),
        ({"SerialNumber": "arn:aws:iam::123456789012:mfa/none", "TokenCode": "123456"}, "AccessDenied"),
    ]:
        refused(ask.assume_role, code, **(good | wrong))
    random.seed(1)
    letters = string.ascii_letters + string.digits
    big = [{"Key": f"k{n}", "Value": "".join(random.choices(letters, k=256))} for n in builtins.range(50)]
    message = refused(ask.assume_role, "PackedPolicyTooLarge", status=400, **good, Tags=big)
    assert message.startswith("Packed size of session tags consumes ")
    assert refused(ask.assume_role, "ValidationError", DurationSeconds=7201, **good) == "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    refused(ask.assume_role, "AccessDenied", RoleArn=role + "-not", RoleSessionName="build")


def test_session_policies_only_cut_down(range, iam, caller, account):
    role = make_role(iam, trust(account), allow("iam:*", "s3:*"))
    only_s3 = json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:*", "ec2:*")]})
    answer = caller.assume_role(RoleArn=role, RoleSessionName="cut", Policy=only_s3)
    as_session(range, answer, "s3").list_buckets()
    message = refused(as_session(range, answer, "iam").list_users, "AccessDenied")
    assert message.endswith("because no session policy allows the iam:ListUsers action")
    by_arn = caller.assume_role(RoleArn=role, RoleSessionName="cut", PolicyArns=[{"arn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}])
    as_session(range, by_arn, "s3").list_buckets()
    refused(as_session(range, by_arn, "s3").create_bucket, "AccessDenied", Bucket="not-by-this-session")
    refused(caller.assume_role, "MalformedPolicyDocument", RoleArn=role, RoleSessionName="cut", PolicyArns=[{"arn": "arn:aws:iam::aws:policy/NoSuchPolicyAtAll"}])


def test_a_third_party_needs_its_external_id(range, iam, caller, account):
    role = make_role(iam, trust(account, condition={"StringEquals": {"sts:ExternalId": "unique-7"}}))
    assert caller.assume_role(RoleArn=role, RoleSessionName="third", ExternalId="unique-7")
    refused(caller.assume_role, "AccessDenied", RoleArn=role, RoleSessionName="third", ExternalId="unique-8")
    refused(caller.assume_role, "AccessDenied", RoleArn=role, RoleSessionName="third")


def test_mfa_is_real_and_a_code_is_good_once(range, iam, account):
    name = f"sts-mfa-{next(numbers)}"
    client = low_client(range, iam, name, "sts", allow("sts:*"))
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
    serial, seed = device["SerialNumber"], device["Base32StringSeed"]
    seed = seed.decode() if isinstance(seed, bytes) else seed
    now = time.time()
    iam.enable_mfa_device(UserName=name, SerialNumber=serial, AuthenticationCode1=code_of(seed, now - 30), AuthenticationCode2=code_of(seed, now))
    role = make_role(iam, trust(account, condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}, "NumericLessThan": {"aws:MultiFactorAuthAge": "300"}}), allow("iam:ListUsers"))
    ask = {"RoleArn": role, "RoleSessionName": "with-mfa"}
    refused(client.assume_role, "AccessDenied", **ask)
    both = "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."
    refused(client.assume_role, "AccessDenied", both, 403, SerialNumber=serial, **ask)
    wrong = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
    right = code_of(seed)
    refused(client.assume_role, "AccessDenied", wrong, 403, SerialNumber=serial, TokenCode=f"{(int(right) + 1) % 1_000_000:06}", **ask)
    stranger = "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user."
    refused(client.assume_role, "AccessDenied", stranger, 403, SerialNumber=serial + "x", TokenCode=right, **ask)
    answer = client.assume_role(SerialNumber=serial, TokenCode=right, **ask)
    as_session(range, answer, "iam").list_users()
    assert events(range, "ListUsers")[0]["userIdentity"]["sessionContext"]["attributes"]["mfaAuthenticated"] == "true"
    # Whoever looked over the shoulder comes too late.
    refused(client.assume_role, "AccessDenied", wrong, SerialNumber=serial, TokenCode=right, **ask)
    refused(client.get_session_token, "AccessDenied", wrong, SerialNumber=serial, TokenCode=right)
    session = client.get_session_token(SerialNumber=serial, TokenCode=code_of(seed, time.time() + 30))
    # The session of a user with MFA may assume the role, and call IAM.
    assert as_session(range, session).assume_role(**ask)
    refused(as_session(range, session, "iam").list_users, "AccessDenied")
    assert "HIDDEN_DUE_TO_SECURITY_REASONS" in json.dumps(events(range, "GetSessionToken")[0]) or right not in json.dumps(events(range, "GetSessionToken"))


def test_chained_roles_last_an_hour_and_keep_what_is_sticky(range, iam, caller, account):
    first = make_role(iam, trust(account, TEN), allow(*TEN), MaxSessionDuration=43200)
    second = make_role(iam, trust(account, TEN), allow("iam:ListUsers", Condition={"StringEquals": {"aws:PrincipalTag/team": "red", "aws:SourceIdentity": "anna"}}), MaxSessionDuration=43200)
    tags = [{"Key": "team", "Value": "red"}, {"Key": "job", "Value": "7"}]
    answer = caller.assume_role(RoleArn=first, RoleSessionName="one", Tags=tags, TransitiveTagKeys=["team"], SourceIdentity="anna", DurationSeconds=43200)
    chained = as_session(range, answer)
    ask = {"RoleArn": second, "RoleSessionName": "two"}
    too_long = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
    refused(chained.assume_role, "ValidationError", too_long, 400, DurationSeconds=3601, **ask)
    conflict = "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session."
    refused(chained.assume_role, "InvalidParameterValue", conflict, 400, Tags=[{"Key": "TEAM", "Value": "blue"}], **ask)
    refused(chained.assume_role, "AccessDenied", SourceIdentity="mallory", **ask)
    final = chained.assume_role(**ask)
    assert final["SourceIdentity"] == "anna"
    as_session(range, final, "iam").list_users()
    lasts = final["Credentials"]["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
    assert lasts <= datetime.timedelta(hours=1)
    event = events(range, "AssumeRole")[0]
    assert event["requestParameters"]["incomingTransitiveTags"] == {"team": "red"}
    assert event["userIdentity"]["sessionContext"]["sourceIdentity"] == "anna"
    # A role that may not tag takes nobody who brings tags.
    plain = make_role(iam, trust(account))
    refused(chained.assume_role, "AccessDenied", RoleArn=plain, RoleSessionName="two")


def test_a_role_in_another_account_needs_both_sides(fresh_range):
    cloud = fresh_range()
    iam, organizations = cloud.client("iam"), cloud.client("organizations")
    organizations.create_organization()
    made = organizations.create_account(AccountName="other", Email="other@example.com")["CreateAccountStatus"]
    other = organizations.describe_create_account_status(CreateAccountRequestId=made["Id"])["CreateAccountStatus"]["AccountId"]
    own = cloud.client("sts").get_caller_identity()["Account"]
    there = cloud.client("sts").assume_role(RoleArn=f"arn:aws:iam::{other}:role/OrganizationAccountAccessRole", RoleSessionName="setup")
    remote = as_session(cloud, there, "iam")
    role = remote.create_role(RoleName="shared", AssumeRolePolicyDocument=trust(own))["Role"]["Arn"]
    ask = {"RoleArn": role, "RoleSessionName": "visit"}
    nobody = low_client(cloud, iam, "nobody", "sts")
    message = refused(nobody.assume_role, "AccessDenied", **ask)
    assert message.startswith(f"User: arn:aws:iam::{own}:user/nobody is not authorized to perform: sts:AssumeRole on resource: {role}")
    somebody = low_client(cloud, iam, "somebody", "sts", allow("sts:AssumeRole"))
    answer = somebody.assume_role(**ask)
    assert as_session(cloud, answer).get_caller_identity()["Account"] == other
    ours = events(cloud, "AssumeRole")[0]
    found = as_session(cloud, there, "cloudtrail").lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "AssumeRole"}])
    theirs = json.loads(found["Events"][0]["CloudTrailEvent"])
    assert ours["sharedEventID"] == theirs["sharedEventID"] and ours["eventID"] != theirs["eventID"]
    assert ours["userIdentity"]["type"] == "IAMUser"
    assert theirs["userIdentity"] == {"type": "AWSAccount", "principalId": ours["userIdentity"]["principalId"], "accountId": own}
    assert theirs["recipientAccountId"] == other and theirs["resources"][0]["ARN"] == role
    untrusted = remote.create_role(RoleName="closed", AssumeRolePolicyDocument=trust(other))["Role"]["Arn"]
    refused(somebody.assume_role, "AccessDenied", RoleArn=untrusted, RoleSessionName="visit")


def test_session_tokens(range, iam, caller, account):
    answer = caller.get_session_token(DurationSeconds=900)
    session = as_session(range, answer)
    assert session.get_caller_identity()["Arn"] == caller.get_caller_identity()["Arn"]
    refused(session.get_session_token, "AccessDenied", "Cannot call GetSessionToken with session credentials", 403)
    refused(session.get_federation_token, "AccessDenied", Name="some")
    refused(as_session(range, answer, "iam").list_users, "InvalidClientTokenId")
    unchecked = range.client("sts", config=UNCHECKED)
    for wrong in (899, 129601):
        refused(unchecked.get_session_token, "ValidationError", status=400, DurationSeconds=wrong)
    event = events(range, "GetSessionToken")[0]
    assert event["eventName"] == "GetSessionToken" and "secretAccessKey" not in json.dumps(event)


def test_federated_users(range, iam, account):
    name = f"sts-broker-{next(numbers)}"
    client = low_client(range, iam, name, "sts", allow("sts:*"), allow("s3:*"))
    s3_only = json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:ListAllMyBuckets", Condition={"StringEquals": {"aws:PrincipalTag/team": "red"}})]})
    answer = client.get_federation_token(Name="anna", Policy=s3_only, Tags=[{"Key": "team", "Value": "red"}])
    assert answer["FederatedUser"] == {"FederatedUserId": f"{account}:anna", "Arn": f"arn:aws:sts::{account}:federated-user/anna"}
    as_session(range, answer, "s3").list_buckets()
    refused(as_session(range, answer, "s3").create_bucket, "AccessDenied", Bucket="not-by-anna")
    refused(as_session(range, answer).get_session_token, "AccessDenied")
    assert as_session(range, answer).get_caller_identity()["Arn"].endswith("federated-user/anna")
    bare = client.get_federation_token(Name="bare")
    refused(as_session(range, bare, "s3").list_buckets, "AccessDenied")
    event = events(range, "GetCallerIdentity")[0]["userIdentity"]
    assert event["type"] == "FederatedUser" and event["sessionContext"]["sessionIssuer"]["userName"] == name
    unchecked = range.client("sts", config=UNCHECKED)
    for wrong, code in [
        ({"Name": "a"}, "ValidationError"),
        ({"Name": "a b"}, "ValidationError"),
        ({"Name": "x" * 33}, "ValidationError"),
        ({"Name": "anna", "DurationSeconds": 1}, "ValidationError"),
        ({"Name": "anna", "Policy": "not json"}, "MalformedPolicyDocument"),
        ({"Name": "anna", "Tags": [{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}]}, "InvalidParameterValue"),
    ]:
        refused(unchecked.get_federation_token, code, **wrong)


def test_a_keys_account_is_told_by_its_id(range, iam, sts, account):
    key = range.client("iam").create_access_key(UserName=iam.create_user(UserName=f"keyed-{next(numbers)}")["User"]["UserName"])["AccessKey"]
    assert sts.get_access_key_info(AccessKeyId=key["AccessKeyId"])["Account"] == account
    # As scanners do it, without asking anybody.
    bits = int.from_bytes(base64.b32decode(key["AccessKeyId"][4:])[:6], "big")
    assert f"{(bits & 0x7FFFFFFFFF80) >> 7:012}" == account
    assert sts.get_access_key_info(AccessKeyId="ASIAQNZGKIQY56JQ7WML")["Account"] == "029608264753"
    for wrong in ("AKIA", "AKIA!!!!!!!!!!!!!!!!", "x" * 200):
        refused(sts.get_access_key_info, "ValidationError", status=400, AccessKeyId=wrong)
    low = low_client(range, iam, f"low-{next(numbers)}", "sts")
    refused(low.get_access_key_info, "AccessDenied", AccessKeyId=key["AccessKeyId"])


def test_tokens_go_with_their_keys_alone(range, iam, caller, account):
    one, two = caller.get_session_token()["Credentials"], caller.get_session_token()["Credentials"]
    mixed = range.client("sts", one["AccessKeyId"], one["SecretAccessKey"], two["SessionToken"])
    refused(mixed.get_caller_identity, "InvalidClientTokenId", status=403)
    without = range.client("sts", one["AccessKeyId"], one["SecretAccessKey"])
    refused(without.get_caller_identity, "InvalidClientTokenId")


def test_a_message_that_is_none_is_not_decoded(range, iam, sts):
    for wrong in ("x", "not a message", "A" * 5000):
        refused(sts.decode_authorization_message, "InvalidAuthorizationMessageException", "Message is not valid." if len(wrong) < 10240 else None, 400, EncodedMessage=wrong)
    refused(sts.decode_authorization_message, "ValidationError", EncodedMessage="")
    low = low_client(range, iam, f"low-{next(numbers)}", "sts")
    refused(low.decode_authorization_message, "AccessDenied", EncodedMessage="x")


def test_a_trade_in_token_that_is_none_gets_nothing(range, iam, sts):
    refused(sts.get_delegated_access_token, "ValidationError", "The trade-in token is not valid.", 400, TradeInToken="not-one")
    low = low_client(range, iam, f"low-{next(numbers)}", "sts")
    refused(low.get_delegated_access_token, "AccessDenied", TradeInToken="not-one")


def test_a_context_provider_must_be_let_by_the_trust_policy(range, iam, account, caller):
    provider = "arn:aws:iam::aws:contextProvider/IdentityCenter"
    given = [{"ProviderArn": provider, "ContextAssertion": "not-of-any-identity-center"}]
    plain = make_role(iam, trust(account))
    told = refused(caller.assume_role, "AccessDenied", status=403, RoleArn=plain, RoleSessionName="s1", ProvidedContexts=given)
    assert f"is not authorized to perform: sts:SetContext on resource: {plain}" in told
    condition = {"ForAnyValue:ArnEquals": {"sts:RequestContextProviders": [provider]}}
    statement = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:SetContext", "Condition": condition}
    document = json.loads(trust(account))
    document["Statement"].append(statement)
    enhanced = make_role(iam, json.dumps(document))
    # Let through; but no identity center of the range can have signed it.
    refused(caller.assume_role, "ValidationError", "The context assertion that was provided is not valid.", 400,
            RoleArn=enhanced, RoleSessionName="s1", ProvidedContexts=given)
    for wrong in ({"ProviderArn": "arn:aws:iam::aws:contextProvider/Other", "ContextAssertion": "eyJh"},):
        refused(caller.assume_role, "AccessDenied", status=403, RoleArn=enhanced, RoleSessionName="s1", ProvidedContexts=[wrong])
    wrong = {"ProviderArn": f"arn:aws:iam::{account}:role/not-a-provider", "ContextAssertion": "eyJh"}
    refused(caller.assume_role, "ValidationError", status=400, RoleArn=enhanced, RoleSessionName="s1", ProvidedContexts=[wrong])


def test_tokens_of_the_global_endpoint_by_their_version(range, iam, sts):
    def by_global_endpoint(client):
        client.meta.events.register("before-sign.sts", lambda request, **_: request.headers.add_header("Host", "sts.amazonaws.com"))
        return client.get_session_token()

    user = f"global-{next(numbers)}"
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    own = (key["AccessKeyId"], key["SecretAccessKey"])
    first = by_global_endpoint(range.client("sts", *own))
    regional = range.client("sts", *own).get_session_token()
    iam.set_security_token_service_preferences(GlobalEndpointTokenVersion="v2Token")
    second = by_global_endpoint(range.client("sts", *own))
    iam.set_security_token_service_preferences(GlobalEndpointTokenVersion="v1Token")
    for region in ("us-east-1", "eu-central-1", "ap-northeast-3"):
        assert as_session(range, first, region=region).get_caller_identity()["Arn"].endswith(user)
    # Regions that an account must ask for take the tokens of version 2, and those that a region handed out.
    for region in ("eu-south-1", "me-central-1"):
        told = refused(as_session(range, first, region=region).get_caller_identity, "InvalidClientTokenId", status=403)
        assert told == "The security token included in the request is invalid."
        for good in (second, regional):
            assert as_session(range, good, region=region).get_caller_identity()["Arn"].endswith(user)
