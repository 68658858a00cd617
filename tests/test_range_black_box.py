"""The range as AWS's own clients find it, unchanged: what is refused, allowed and recorded, and what `hunt` finds in the trail's files."""

import json

import pytest

from conftest import run
from response import keys_of, policy, refusal

ACCOUNT = "123456789012"


@pytest.fixture(scope="module")
def low(range):
    """A user's key that may list users, and nothing else."""
    iam = range.client("iam")
    iam.create_user(UserName="low")
    iam.put_user_policy(UserName="low", PolicyName="own", PolicyDocument=policy("Allow", "iam:ListUsers"))
    key = iam.create_access_key(UserName="low")["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def cli_code(done):
    """The error code that the AWS CLI tells; none when the command succeeded."""
    if done.returncode == 0:
        return None
    return done.stderr.split("(", 1)[1].split(")", 1)[0]


def test_both_clients_are_refused_without_permission_and_allowed_with(range, low):
    key, secret = low
    assert refusal(range.client("iam", key, secret).list_users) is None
    assert refusal(range.client("iam", key, secret).list_roles) == "AccessDenied"
    allowed = range.cli("iam", "list-users", "--query", "Users[].UserName", "--output", "text", key=key, secret=secret)
    assert allowed.returncode == 0 and "low" in allowed.stdout.split(), allowed.stderr
    assert cli_code(range.cli("iam", "list-roles", key=key, secret=secret)) == "AccessDenied"
    assert cli_code(range.cli("s3api", "list-buckets", key=key, secret=secret)) == "AccessDenied"
    assert cli_code(range.cli("cloudtrail", "list-trails", key=key, secret=secret)) == "AccessDeniedException"


def test_both_clients_get_awss_codes_for_keys_that_are_no_good(fresh_range):
    range = fresh_range()
    iam = range.client("iam")
    iam.create_user(UserName="ann")
    iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=policy())
    made = iam.create_access_key(UserName="ann")["AccessKey"]
    key, secret = made["AccessKeyId"], made["SecretAccessKey"]
    session = keys_of(range.client("sts", key, secret).get_session_token(DurationSeconds=900)["Credentials"])

    def both(*credentials):
        names = dict(zip(("key", "secret", "token"), credentials))
        by_cli = cli_code(range.cli("sts", "get-caller-identity", **names))
        assert refusal(range.client("sts", *credentials).get_caller_identity) == by_cli, "both clients see the same"
        return by_cli, refusal(range.client("s3", *credentials).list_buckets)

    assert both(key, secret) == (None, None) == both(*session)
    assert both(key, "wrong" * 8) == ("SignatureDoesNotMatch", "SignatureDoesNotMatch")
    assert both("AKIAIOSFODNN7EXAMPLE", secret) == ("InvalidClientTokenId", "InvalidAccessKeyId")
    assert both(session[0], session[1], session[2][:-8] + "AAAAAAAA")[0] == "InvalidClientTokenId"
    iam.update_access_key(UserName="ann", AccessKeyId=key, Status="Inactive")
    assert both(key, secret) == ("InvalidClientTokenId", "InvalidAccessKeyId")
    assert both(*session) == (None, None), "an inactive key is not a dead session"
    range.control("clock", {"advance": "15m"})
    assert both(*session) == ("ExpiredToken", "ExpiredToken")


def test_each_call_is_found_with_who_where_and_how_it_ended(range, low):
    key, secret = low
    refusal(range.client("iam", key, secret).create_user, UserName="mallory")
    range.cli("sts", "get-caller-identity", key=key, secret=secret)
    by_key = [{"AttributeKey": "AccessKeyId", "AttributeValue": key}]
    pages = range.client("cloudtrail").get_paginator("lookup_events").paginate(LookupAttributes=by_key)
    events = [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]
    found = {event["eventName"]: event for event in events}
    refused = found["CreateUser"]
    assert refused["errorCode"] == "AccessDenied" and "not authorized to perform: iam:CreateUser" in refused["errorMessage"]
    assert refused["userIdentity"]["arn"] == f"arn:aws:iam::{ACCOUNT}:user/low" and refused["sourceIPAddress"] == "127.0.0.1"
    assert found["GetCallerIdentity"]["userAgent"].startswith(("aws-cli", "[aws-cli")), found["GetCallerIdentity"]["userAgent"]
    assert secret not in json.dumps(events)
    assert refusal(range.client("iam").get_user, UserName="mallory") == "NoSuchEntity"


def test_the_clocks_of_an_advanced_range_are_told_to_its_clients(fresh_range):
    range = fresh_range()
    iam = range.client("iam")
    iam.create_user(UserName="ann")
    made = iam.create_access_key(UserName="ann")["AccessKey"]
    iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=policy())
    range.control("clock", {"advance": "6h"})
    range.client("iam", made["AccessKeyId"], made["SecretAccessKey"]).list_users()
    told = range.stockade("triage", "user", "ann")
    # By its own clock the program would ask for the events of six hours ago, and miss what has just happened.
    assert f"{made['AccessKeyId']} arn:aws:iam::{ACCOUNT}:user/ann" in told.stdout, told.stdout
    assert "this machine's clock is 6h" in told.stderr
    assert told.returncode == 0, told.stdout


def test_an_attack_is_found_in_the_files_that_the_cli_copies(fresh_range, tmp_path):
    range = fresh_range()
    s3, cloudtrail, iam = range.client("s3"), range.client("cloudtrail"), range.client("iam")
    s3.create_bucket(Bucket="audit-logs")
    service = {"Service": "cloudtrail.amazonaws.com"}
    statements = [
        {"Effect": "Allow", "Principal": service, "Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::audit-logs"},
        {"Effect": "Allow", "Principal": service, "Action": "s3:PutObject", "Resource": "arn:aws:s3:::audit-logs/*"},
    ]
    s3.put_bucket_policy(Bucket="audit-logs", Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    cloudtrail.create_trail(Name="audit", S3BucketName="audit-logs", IsMultiRegionTrail=True)
    cloudtrail.start_logging(Name="audit")
    iam.create_user(UserName="worker")
    iam.put_user_policy(UserName="worker", PolicyName="own", PolicyDocument=policy())
    made = iam.create_access_key(UserName="worker")["AccessKey"]
    leaked = {"key": made["AccessKeyId"], "secret": made["SecretAccessKey"]}
    attacker = lambda *args: range.cli(*args, **leaked)  # noqa: E731
    assert attacker("iam", "create-user", "--user-name", "backdoor").returncode == 0
    administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
    assert attacker("iam", "attach-user-policy", "--user-name", "backdoor", "--policy-arn", administrator).returncode == 0
    assert attacker("iam", "create-access-key", "--user-name", "backdoor").returncode == 0
    assert attacker("cloudtrail", "stop-logging", "--name", "audit").returncode == 0
    range.control("clock", {"advance": "5m"})
    copied = range.cli("s3", "cp", "--recursive", "s3://audit-logs/", tmp_path / "logs")
    assert copied.returncode == 0, copied.stderr
    hunted = run("hunt", "--format", "json", tmp_path / "logs", env=range.env())
    assert hunted.returncode == 1, hunted.stderr
    told = json.loads(hunted.stdout)
    assert told["summary"]["complete"] and told["summary"]["skipped"] == 0
    by_worker = {f["title"] for f in told["findings"] if f["principal"] == f"arn:aws:iam::{ACCOUNT}:user/worker"}
    assert {"Access key made for another user", "User made, given rights and a key within minutes"} <= by_worker, by_worker
    assert "Administrator policy attached to a user" in by_worker
    # The same files tell a triage who the attacker is.
    triaged = range.stockade("triage", "user", "worker", "--logs", tmp_path / "logs", "--no-lookup")
    assert "SUSPECT" in triaged.stdout and "user backdoor" in triaged.stdout.split("Left behind:")[1]
    # So does the event history alone: nobody has files at three in the morning.
    bare = range.stockade("triage", "user", "worker")
    assert "SUSPECT" in bare.stdout
