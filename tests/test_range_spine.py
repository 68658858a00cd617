"""Who may call the range, what is refused, and what every call leaves behind: STS, CloudTrail, boto3 and the AWS CLI."""

import gzip
import json
import time

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
import urllib3
from botocore.exceptions import ClientError

from conftest import eventually

ACCOUNT = "123456789012"


def policy(effect, action, **more):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": "*", **more}]})


def trust(principal):
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]}
    )


def refused(call, *args, **kwargs):
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    return caught.value.response["Error"]["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


def new_user(range, name, document=None):
    iam = range.client("iam")
    iam.create_user(UserName=name)
    if document:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"]


def events(range, key, value, **more):
    attributes = [{"AttributeKey": key, "AttributeValue": value}]
    pages = range.client("cloudtrail", **more).get_paginator("lookup_events").paginate(LookupAttributes=attributes)
    return [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]


def keys_of(credentials):
    return credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]


def test_the_administrator_knows_themselves(range):
    who = range.client("sts").get_caller_identity()
    assert (who["Account"], who["Arn"]) == (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/admin")


def test_a_low_user_is_refused_everything_and_a_granted_one_allowed_just_that(range):
    key, secret = new_user(range, "low")
    low = lambda service: range.client(service, key, secret)  # noqa: E731
    assert refused(low("iam").list_users) == ("AccessDenied", 403)
    assert refused(low("s3").list_buckets) == ("AccessDenied", 403)
    assert refused(low("cloudtrail").describe_trails)[0] == "AccessDeniedException"
    assert refused(low("organizations").list_accounts)[0] == "AccessDeniedException"
    assert low("sts").get_caller_identity()["Arn"].endswith(":user/low")
    range.client("iam").put_user_policy(UserName="low", PolicyName="list", PolicyDocument=policy("Allow", "iam:ListUsers"))
    assert low("iam").list_users()["Users"]
    assert refused(low("iam").list_roles) == ("AccessDenied", 403)
    with pytest.raises(ClientError) as caught:
        low("iam").list_roles()
    message = caught.value.response["Error"]["Message"]
    assert message.startswith(f"User: arn:aws:iam::{ACCOUNT}:user/low is not authorized to perform: iam:ListRoles")
    assert message.endswith("because no identity-based policy allows the iam:ListRoles action")


@pytest.mark.parametrize(
    "service, call, wrong, unknown",
    [
        ("sts", "get_caller_identity", "SignatureDoesNotMatch", "InvalidClientTokenId"),
        ("iam", "list_users", "SignatureDoesNotMatch", "InvalidClientTokenId"),
        ("cloudtrail", "describe_trails", "InvalidSignatureException", "UnrecognizedClientException"),
        ("organizations", "list_accounts", "InvalidSignatureException", "UnrecognizedClientException"),
        ("s3", "list_buckets", "SignatureDoesNotMatch", "InvalidAccessKeyId"),
    ],
)
def test_wrong_secrets_and_unknown_keys_get_awss_errors(range, service, call, wrong, unknown):
    assert refused(getattr(range.client(service, secret="wrong" * 8), call))[0] == wrong
    assert refused(getattr(range.client(service, key="AKIAIOSFODNN7EXAMPLE"), call))[0] == unknown


def test_a_key_made_inactive_fails_at_the_very_next_call(range):
    key, secret = new_user(range, "switched")
    sts = range.client("sts", key, secret)
    sts.get_caller_identity()
    range.client("iam").update_access_key(UserName="switched", AccessKeyId=key, Status="Inactive")
    assert refused(sts.get_caller_identity) == ("InvalidClientTokenId", 403)
    assert refused(range.client("s3", key, secret).list_buckets) == ("InvalidAccessKeyId", 403)


def test_a_key_made_inactive_fails_after_the_delay(fresh_range):
    range = fresh_range("--iam-delay", "2s")
    key, secret = new_user(range, "slow")
    sts = range.client("sts", key, secret)
    assert refused(sts.get_caller_identity)[0] == "InvalidClientTokenId"
    range.control("clock", {"advance": "2s"})
    sts.get_caller_identity()
    range.client("iam").update_access_key(UserName="slow", AccessKeyId=key, Status="Inactive")
    sts.get_caller_identity()
    range.control("clock", {"advance": "2s"})
    assert refused(sts.get_caller_identity)[0] == "InvalidClientTokenId"


def test_a_session_outlives_its_key_until_the_user_is_denied(range):
    key, secret = new_user(range, "leaked", policy("Allow", "s3:ListAllMyBuckets"))
    session = keys_of(range.client("sts", key, secret).get_session_token()["Credentials"])
    iam = range.client("iam")
    iam.update_access_key(UserName="leaked", AccessKeyId=key, Status="Inactive")
    s3 = range.client("s3", *session)
    s3.list_buckets()
    iam.put_user_policy(UserName="leaked", PolicyName="quarantine", PolicyDocument=policy("Deny", "*"))
    assert refused(s3.list_buckets) == ("AccessDenied", 403)


def test_a_revoked_role_session_is_dead_and_a_new_one_lives(fresh_range):
    range = fresh_range()
    iam = range.client("iam")
    role = iam.create_role(RoleName="app", AssumeRolePolicyDocument=trust({"AWS": ACCOUNT}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="app", PolicyName="own", PolicyDocument=policy("Allow", "s3:ListAllMyBuckets"))
    assume = lambda name: keys_of(range.client("sts").assume_role(RoleArn=role, RoleSessionName=name)["Credentials"])  # noqa: E731
    stolen = assume("stolen")
    range.client("s3", *stolen).list_buckets()
    range.control("clock", {"advance": "1m"})
    now = range.control("clock")["now"]
    revoke = policy("Deny", "*", Condition={"DateLessThan": {"aws:TokenIssueTime": now}})
    iam.put_role_policy(RoleName="app", PolicyName="AWSRevokeOlderSessions", PolicyDocument=revoke)
    assert refused(range.client("s3", *stolen).list_buckets)[0] == "AccessDenied"


def test_a_trust_policy_refuses_strangers(range):
    iam = range.client("iam")
    closed = iam.create_role(RoleName="closed", AssumeRolePolicyDocument=trust({"Service": "ec2.amazonaws.com"}))["Role"]["Arn"]
    assert refused(range.client("sts").assume_role, RoleArn=closed, RoleSessionName="session") == ("AccessDenied", 403)


def test_a_session_ends_by_the_ranges_clock(fresh_range):
    range = fresh_range()
    session = keys_of(range.client("sts").get_session_token(DurationSeconds=900)["Credentials"])
    range.client("sts", *session).get_caller_identity()
    range.control("clock", {"advance": "15m"})
    assert refused(range.client("sts", *session).get_caller_identity) == ("ExpiredToken", 403)
    assert refused(range.client("cloudtrail", *session).list_trails)[0] == "ExpiredTokenException"
    assert refused(range.client("s3", *session).list_buckets)[0] == "ExpiredToken"
    # Clients sign by the machine's clock, and are still heard.
    range.control("clock", {"advance": "24h"})
    assert range.client("sts").get_caller_identity()["Account"] == ACCOUNT


def test_validation_speaks_awss_words_and_comes_after_authentication(range):
    with pytest.raises(ClientError) as caught:
        range.client("iam").get_user(UserName="not a name!")
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationError"
    assert error["Message"].startswith("The specified value for userName is invalid. It must contain only")
    assert refused(range.client("iam", secret="wrong" * 8).get_user, UserName="not a name!")[0] == "SignatureDoesNotMatch"


def test_a_request_without_a_signature_is_refused(range):
    answer = urllib3.PoolManager().request(
        "POST",
        range.endpoint,
        body="Action=ListUsers&Version=2010-05-08",
        headers={"content-type": "application/x-www-form-urlencoded", "host": "iam.amazonaws.com"},
    )
    assert answer.status == 403
    assert b"<Code>MissingAuthenticationToken</Code>" in answer.data


def test_an_altered_body_is_refused(range):
    credentials = botocore.credentials.Credentials(range.key, range.secret)
    headers = {"content-type": "application/x-www-form-urlencoded"}
    body = "Action=CreateUser&Version=2010-05-08&UserName=harmless"
    request = botocore.awsrequest.AWSRequest("POST", range.endpoint + "/", data=body, headers=headers)
    botocore.auth.SigV4Auth(credentials, "iam", "us-east-1").add_auth(request)
    send = lambda body: urllib3.PoolManager().request("POST", range.endpoint + "/", body=body, headers=dict(request.headers))  # noqa: E731
    answer = send(body.replace("harmless", "backdoor"))
    assert answer.status == 403 and b"SignatureDoesNotMatch" in answer.data
    assert refused(range.client("iam").get_user, UserName="backdoor")[0] == "NoSuchEntity"
    assert send(body).status == 200


def test_every_call_is_found_by_what_it_was(range):
    key, secret = new_user(range, "watched", policy("Allow", "iam:ListGroups"))
    range.client("iam", key, secret).list_groups()
    refused(range.client("iam", key, secret).delete_user, UserName="admin")
    found = {event["eventName"]: event for event in events(range, "AccessKeyId", key)}
    assert set(found) == {"ListGroups", "DeleteUser"}
    assert found["DeleteUser"]["errorCode"] == "AccessDenied"
    assert found["ListGroups"]["userIdentity"]["arn"] == f"arn:aws:iam::{ACCOUNT}:user/watched"
    assert "Boto3" in found["ListGroups"]["userAgent"] or "Botocore" in found["ListGroups"]["userAgent"]
    assert {event["eventName"] for event in events(range, "Username", "watched")} == set(found)
    assert [event["eventName"] for event in events(range, "ResourceName", key)] == ["CreateAccessKey"]


def test_the_events_of_iam_are_in_us_east_1_alone(range):
    range.client("iam", region="eu-west-1").create_group(GroupName="somewhere")
    assert len(events(range, "EventName", "CreateGroup")) == 1
    assert events(range, "EventName", "CreateGroup", region="eu-west-1") == []


def test_a_trail_delivers_what_the_cli_then_copies(fresh_range, tmp_path):
    range = fresh_range()
    s3, cloudtrail = range.client("s3"), range.client("cloudtrail")
    s3.create_bucket(Bucket="audit-logs")
    assert (
        refused(cloudtrail.create_trail, Name="audit", S3BucketName="audit-logs")[0] == "InsufficientS3BucketPolicyException"
    )
    service = {"Service": "cloudtrail.amazonaws.com"}
    statements = [
        {"Effect": "Allow", "Principal": service, "Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::audit-logs"},
        {
            "Effect": "Allow",
            "Principal": service,
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::audit-logs/AWSLogs/{ACCOUNT}/*",
            "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}},
        },
    ]
    s3.put_bucket_policy(Bucket="audit-logs", Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    trail = cloudtrail.create_trail(Name="audit", S3BucketName="audit-logs", IsMultiRegionTrail=True)
    assert trail["TrailARN"] == f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/audit"
    cloudtrail.start_logging(Name="audit")
    range.client("iam").create_user(UserName="mallory")
    cloudtrail.stop_logging(Name="audit")
    range.client("iam").create_user(UserName="unseen")
    range.control("clock", {"advance": "5m"})
    status = cloudtrail.get_trail_status(Name="audit")
    assert status["IsLogging"] is False and status["LatestDeliveryTime"]
    copied = range.cli("s3", "cp", "--recursive", "s3://audit-logs/AWSLogs/", tmp_path / "logs")
    assert copied.returncode == 0, copied.stderr
    files = list((tmp_path / "logs").rglob("*.json.gz"))
    assert files and all(file.name.startswith(f"{ACCOUNT}_CloudTrail_us-east-1_") for file in files)
    records = [record for file in files for record in json.loads(gzip.decompress(file.read_bytes()))["Records"]]
    made = [r["requestParameters"]["userName"] for r in records if r["eventName"] == "CreateUser"]
    assert made == ["mallory"], "what happened after StopLogging is in no file"


def test_the_cli_sees_the_same(range):
    answer = range.cli("sts", "get-caller-identity", "--query", "Arn", "--output", "text")
    assert answer.stdout.strip() == f"arn:aws:iam::{ACCOUNT}:user/admin", answer.stderr
    denied = range.cli("iam", "list-users", secret="wrong" * 8)
    assert denied.returncode != 0 and "SignatureDoesNotMatch" in denied.stderr
    looked = range.cli(
        "cloudtrail", "lookup-events", "--lookup-attributes", "AttributeKey=EventName,AttributeValue=GetCallerIdentity", "--max-items", "1"
    )
    assert json.loads(looked.stdout)["Events"][0]["EventName"] == "GetCallerIdentity", looked.stderr


def test_last_used_is_kept_true(range):
    key, secret = new_user(range, "used", policy("Allow", "s3:ListAllMyBuckets"))
    iam = range.client("iam")
    assert iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"]["ServiceName"] == "N/A"
    range.client("s3", key, secret, region="eu-west-1").list_buckets()
    used = iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"]
    assert (used["ServiceName"], used["Region"]) == ("s3", "eu-west-1")


def test_the_range_stops_at_a_signal_and_answers_until_then(fresh_range):
    range = fresh_range()
    assert range.control("health")["status"] == "running"
    range.process.terminate()
    assert range.process.wait(10) == 0
    assert eventually(lambda: range.process.poll() is not None)


def test_the_first_answer_comes_soon(fresh_range):
    started = time.monotonic()
    fresh_range().client("sts").get_caller_identity()
    assert time.monotonic() - started < 5
