"""CloudTrail in the range, as boto3 sees it: every operation by good and by bad input, and what the event history tells."""

import datetime
import itertools
import json
import urllib.request

import botocore.config
import pytest
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
# Bad input must reach the range: botocore checks nothing.
UNCHECKED = botocore.config.Config(parameter_validation=False, retries={"total_max_attempts": 1})
BUCKET = "trail-of-the-tests"
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
numbers = itertools.count()


def refused(call, code, status=None, **input):
    """The call fails with this code; hands back the message."""
    with pytest.raises(ClientError) as caught:
        call(**input)
    error = caught.value.response
    assert error["Error"]["Code"] == code, error
    if status:
        assert error["ResponseMetadata"]["HTTPStatusCode"] == status, error
    return error["Error"]["Message"]


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def lookup(trail, key=None, value=None, **more):
    """The events with this attribute, newest first, as LookupEvents shows them."""
    if key:
        more["LookupAttributes"] = [{"AttributeKey": key, "AttributeValue": value}]
    return [event for page in trail.get_paginator("lookup_events").paginate(**more) for event in page["Events"]]


def records(trail, key, value):
    return [json.loads(event["CloudTrailEvent"]) for event in lookup(trail, key, value)]


def new_user(range, name, *statements):
    iam = range.client("iam")
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


@pytest.fixture(scope="module")
def trail(range):
    return range.client("cloudtrail", config=UNCHECKED)


@pytest.fixture(scope="module")
def bucket(range):
    s3 = range.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    open_to = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": ["s3:GetBucketAcl", "s3:PutObject"]}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=document({**open_to, "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]}))
    return BUCKET


@pytest.fixture
def name(trail, bucket):
    """A new trail's name."""
    name = f"trail-{next(numbers)}"
    trail.create_trail(Name=name, S3BucketName=bucket)
    yield name
    trail.delete_trail(Name=name)


# Trails


def test_a_trail_lives_and_dies(trail, bucket):
    made = trail.create_trail(Name="life", S3BucketName=bucket, IsMultiRegionTrail=True, TagsList=[{"Key": "k", "Value": "v"}])
    arn = made["TrailARN"]
    assert arn == f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/life"
    refused(trail.create_trail, "TrailAlreadyExistsException", Name="life", S3BucketName=bucket)
    refused(trail.create_trail, "InvalidTrailNameException", Name="a", S3BucketName=bucket)
    refused(trail.create_trail, "S3BucketDoesNotExistException", Name="other", S3BucketName="no-such-bucket-anywhere")
    assert trail.get_trail(Name=arn)["Trail"]["HomeRegion"] == "us-east-1"
    assert "life" in {t["Name"] for t in trail.describe_trails(trailNameList=["life"])["trailList"]}
    assert arn in {t["TrailARN"] for t in trail.list_trails()["Trails"]}
    trail.update_trail(Name="life", S3KeyPrefix="logs")
    assert trail.get_trail(Name="life")["Trail"]["S3KeyPrefix"] == "logs"
    trail.start_logging(Name="life")
    assert trail.get_trail_status(Name="life")["IsLogging"] is True
    trail.stop_logging(Name=arn)
    assert trail.get_trail_status(Name="life")["IsLogging"] is False
    trail.delete_trail(Name="life")
    for call in (trail.get_trail, trail.get_trail_status, trail.update_trail, trail.delete_trail, trail.start_logging, trail.stop_logging):
        assert refused(call, "TrailNotFoundException", 400, Name="life") == f"Unknown trail: {arn} for the user: {ACCOUNT}"
        refused(call, "InvalidTrailNameException", Name="no name")
        refused(call, "CloudTrailARNInvalidException", Name="arn:aws:s3:::bucket")
    refused(trail.describe_trails, "InvalidTrailNameException", trailNameList=["!"])
    refused(trail.list_trails, "InvalidNextTokenException", NextToken="none was given")


def test_a_trail_is_tagged(trail, name):
    arn = trail.get_trail(Name=name)["Trail"]["TrailARN"]
    trail.add_tags(ResourceId=arn, TagsList=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    trail.remove_tags(ResourceId=arn, TagsList=[{"Key": "a"}])
    assert trail.list_tags(ResourceIdList=[arn])["ResourceTagList"][0]["TagsList"] == [{"Key": "b", "Value": "2"}]
    gone = arn + "-gone"
    for call, input in [
        (trail.add_tags, {"ResourceId": gone, "TagsList": [{"Key": "a", "Value": "1"}]}),
        (trail.remove_tags, {"ResourceId": gone, "TagsList": [{"Key": "a"}]}),
        (trail.list_tags, {"ResourceIdList": [gone]}),
    ]:
        refused(call, "ResourceNotFoundException", **input)
    refused(trail.add_tags, "InvalidTagParameterException", ResourceId=arn, TagsList=[{"Key": "aws:a", "Value": "1"}])
    refused(trail.list_tags, "CloudTrailARNInvalidException", ResourceIdList=[name])


def test_a_trail_selects(trail, name):
    assert trail.get_event_selectors(TrailName=name)["EventSelectors"][0]["IncludeManagementEvents"] is True
    only_writes = [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True, "DataResources": [], "ExcludeManagementEventSources": []}]
    trail.put_event_selectors(TrailName=name, EventSelectors=only_writes)
    assert trail.get_event_selectors(TrailName=name)["EventSelectors"] == only_writes
    refused(trail.put_event_selectors, "ValidationException", TrailName=name, EventSelectors=[{"ReadWriteType": "Sometimes"}])
    nothing = [{"ReadWriteType": "All", "DataResources": [{"Type": "AWS::Nothing::AtAll", "Values": ["arn:aws:s3"]}]}]
    refused(trail.put_event_selectors, "InvalidEventSelectorsException", TrailName=name, EventSelectors=nothing)
    for call, input in [(trail.get_event_selectors, {}), (trail.put_event_selectors, {"EventSelectors": only_writes})]:
        refused(call, "TrailNotFoundException", TrailName="no-such-trail", **input)


# The event history


def test_an_event_is_found_by_each_of_its_attributes(range, trail):
    key, secret = new_user(range, "found", EVERYTHING)
    range.client("iam", key, secret).create_group(GroupName="found-group")
    event = lookup(trail, "ResourceName", "found-group")[0]
    record = json.loads(event["CloudTrailEvent"])
    assert event["Resources"] == [{"ResourceType": "AWS::IAM::Group", "ResourceName": "found-group"}]
    assert (event["Username"], event["AccessKeyId"], event["ReadOnly"], event["EventSource"]) == ("found", key, "false", "iam.amazonaws.com")
    assert (record["eventID"], record["eventName"]) == (event["EventId"], "CreateGroup")
    for attribute, value in [
        ("EventId", event["EventId"]),
        ("EventName", "CreateGroup"),
        ("ReadOnly", "false"),
        ("Username", "found"),
        ("ResourceType", "AWS::IAM::Group"),
        ("ResourceName", "found-group"),
        ("EventSource", "iam.amazonaws.com"),
        ("AccessKeyId", key),
    ]:
        assert event["EventId"] in {e["EventId"] for e in lookup(trail, attribute, value)}, attribute
        assert lookup(trail, attribute, value + "x") == [], attribute
    both = [{"AttributeKey": "EventName", "AttributeValue": "CreateGroup"}, {"AttributeKey": "Username", "AttributeValue": "found"}]
    refused(trail.lookup_events, "InvalidLookupAttributesException", LookupAttributes=both)
    for wrong in [{"AttributeKey": "EventName", "AttributeValue": ""}, {"AttributeKey": "Colour", "AttributeValue": "red"}]:
        refused(trail.lookup_events, "ValidationException", LookupAttributes=[wrong])
    assert trail.lookup_events(EventCategory="insight")["Events"] == []


def test_pages_belong_to_their_search(range, trail):
    sts = range.client("sts")
    for _ in "1234567":
        sts.get_caller_identity()
    attributes = [{"AttributeKey": "EventName", "AttributeValue": "GetCallerIdentity"}]
    first = trail.lookup_events(LookupAttributes=attributes, MaxResults=3)
    assert len(first["Events"]) == 3
    sts.get_caller_identity()
    second = trail.lookup_events(LookupAttributes=attributes, MaxResults=3, NextToken=first["NextToken"])
    ids = [e["EventId"] for page in (first, second) for e in page["Events"]]
    assert len(set(ids)) == 6, "what happens meanwhile moves no page"
    times = [e["EventTime"] for page in (first, second) for e in page["Events"]]
    assert times == sorted(times, reverse=True)
    refused(trail.lookup_events, "InvalidNextTokenException", NextToken=first["NextToken"])
    refused(trail.lookup_events, "InvalidNextTokenException", LookupAttributes=attributes, NextToken="none of ours")
    for wrong in (51, 0):
        refused(trail.lookup_events, "ValidationException", MaxResults=wrong)


def test_times_and_regions_bound_the_history(fresh_range):
    range = fresh_range()
    trail = range.client("cloudtrail", config=UNCHECKED)
    range.client("iam").create_group(GroupName="early")
    range.client("s3", region="eu-west-1").create_bucket(Bucket="european", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    range.control("clock", {"advance": "1h"})
    now = datetime.datetime.fromisoformat(range.control("clock")["now"])
    range.client("iam").create_group(GroupName="late")
    names = lambda **more: [json.loads(e["CloudTrailEvent"])["requestParameters"]["groupName"] for e in lookup(trail, "EventName", "CreateGroup", **more)]  # noqa: E731
    half = now - datetime.timedelta(minutes=30)
    assert (names(), names(StartTime=half), names(EndTime=half)) == (["late", "early"], ["late"], ["early"])
    refused(trail.lookup_events, "InvalidTimeRangeException", StartTime=now, EndTime=half)
    there = range.client("cloudtrail", region="eu-west-1")
    assert lookup(there, "EventName", "CreateGroup") == [], "IAM is in us-east-1 alone"
    assert len(lookup(there, "EventName", "CreateBucket")) == 1 and lookup(trail, "EventName", "CreateBucket") == []
    range.control("clock", {"advance": "2159h"})
    assert names() == ["late"]
    range.control("clock", {"advance": "2h"})
    assert names() == []


def test_large_input_is_left_out_and_long_texts_are_cut(range, trail):
    large = "x" * 120_000
    iam = range.client("iam", config=UNCHECKED)
    with pytest.raises(ClientError):
        iam.create_policy(PolicyName="large", PolicyDocument=large)
    record = records(trail, "EventName", "CreatePolicy")[0]
    assert record["requestParameters"] == {"omitted": True}
    agent = "a" * 5_000
    config = botocore.config.Config(user_agent=agent, retries={"total_max_attempts": 1})
    range.client("iam", config=config).list_server_certificates()
    cut = records(trail, "EventName", "ListServerCertificates")[0]
    assert cut["userAgent"] == "a" * 1_024


def test_a_caller_on_this_machine_may_say_where_it_is(range, trail):
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    body = "Action=ListAccountAliases&Version=2010-05-08"
    headers = {"content-type": "application/x-www-form-urlencoded", "x-stockade-source-ip": "203.0.113.7"}
    request = AWSRequest("POST", range.endpoint + "/", data=body, headers=headers)
    SigV4Auth(Credentials(range.key, range.secret), "iam", "us-east-1").add_auth(request)
    urllib.request.urlopen(urllib.request.Request(range.endpoint + "/", data=body.encode(), headers=dict(request.headers)), timeout=30)
    assert records(trail, "EventName", "ListAccountAliases")[0]["sourceIPAddress"] == "203.0.113.7"


# What the range must show, and its record


def test_whoever_is_refused_is_remembered(fresh_range):
    """A stranger to every permission, one with just one, a role that does not trust, an SCP over an administrator."""
    range = fresh_range()
    trail = range.client("cloudtrail")
    none, secret_of_none = new_user(range, "low")
    one, secret_of_one = new_user(range, "granted", {"Effect": "Allow", "Action": ["iam:ListUsers", "sts:AssumeRole"], "Resource": "*"})
    low = lambda service: range.client(service, none, secret_of_none)  # noqa: E731
    granted = lambda service: range.client(service, one, secret_of_one)  # noqa: E731
    calls = [
        ("iam", "ListUsers", lambda c: c.list_users()),
        ("iam", "CreateUser", lambda c: c.create_user(UserName="x")),
        ("s3", "ListBuckets", lambda c: c.list_buckets()),
        ("cloudtrail", "DescribeTrails", lambda c: c.describe_trails()),
        ("organizations", "CreateOrganization", lambda c: c.create_organization()),
    ]
    for service, name, call in calls:
        refused(lambda: call(low(service)), "AccessDenied" if service in ("iam", "s3") else "AccessDeniedException")
        record = next(r for r in records(trail, "Username", "low") if r["eventName"] == name)
        assert record["errorCode"] == "AccessDenied" and f"{service}:" in record["errorMessage"]
        assert (record["userIdentity"]["userName"], record["userIdentity"]["accessKeyId"]) == ("low", none)
    granted("iam").list_users()
    refused(granted("iam").list_roles, "AccessDenied")
    theirs = {r["eventName"]: r.get("errorCode") for r in records(trail, "AccessKeyId", one)}
    assert theirs == {"ListUsers": None, "ListRoles": "AccessDenied"}
    trust = document({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
    closed = range.client("iam").create_role(RoleName="closed", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    refused(granted("sts").assume_role, "AccessDenied", 403, RoleArn=closed, RoleSessionName="session")
    record = records(trail, "EventName", "AssumeRole")[0]
    assert record["errorCode"] == "AccessDenied" and closed in record["errorMessage"]

    org = range.client("organizations")
    org.create_organization()
    root = org.list_roots()["Roots"][0]["Id"]
    org.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    asked = org.create_account(AccountName="member", Email="member@stockade.example")["CreateAccountStatus"]["Id"]
    member = org.describe_create_account_status(CreateAccountRequestId=asked)["CreateAccountStatus"]["AccountId"]
    arn = f"arn:aws:iam::{member}:role/OrganizationAccountAccessRole"
    given = range.client("sts").assume_role(RoleArn=arn, RoleSessionName="admin")["Credentials"]
    inside = lambda service: range.client(service, given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])  # noqa: E731
    deny = {"Effect": "Deny", "Action": "iam:CreateUser", "Resource": "*"}
    policy = org.create_policy(Content=document(deny), Description="", Name="no-users", Type="SERVICE_CONTROL_POLICY")["Policy"]["PolicySummary"]["Id"]
    org.attach_policy(PolicyId=policy, TargetId=member)
    assert "service control policy" in refused(inside("iam").create_user, "AccessDenied", UserName="x")
    stopped = records(inside("cloudtrail"), "EventName", "CreateUser")[0]
    assert "with an explicit deny in a service control policy" in stopped["errorMessage"]
    assert (stopped["recipientAccountId"], stopped["userIdentity"]["type"]) == (member, "AssumedRole")
    assert stopped["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"] == "OrganizationAccountAccessRole"
    # The door into the member is in both logs, under one shared id.
    here = next(r for r in records(trail, "EventName", "AssumeRole") if not r.get("errorCode"))
    there = records(inside("cloudtrail"), "EventName", "AssumeRole")[0]
    assert here["sharedEventID"] == there["sharedEventID"] and there["userIdentity"]["type"] == "AWSAccount"


def test_who_proves_nothing_is_in_no_trail_and_in_the_ranges_own_list(fresh_range):
    """A wrong secret, an unknown, an inactive and a deleted key, an ended session: refused, each in AWS's words."""
    range = fresh_range()
    iam, trail = range.client("iam"), range.client("cloudtrail")
    key, secret = new_user(range, "switched", EVERYTHING)
    session = range.client("sts", key, secret).get_session_token(DurationSeconds=900)["Credentials"]
    ended = range.client("sts", session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    ended.get_caller_identity()
    refused(range.client("sts", key, "wrong" * 8).get_caller_identity, "SignatureDoesNotMatch", 403)
    refused(range.client("sts", "AKIAIOSFODNN7EXAMPLE", secret).get_caller_identity, "InvalidClientTokenId", 403)
    iam.update_access_key(UserName="switched", AccessKeyId=key, Status="Inactive")
    refused(range.client("sts", key, secret).get_caller_identity, "InvalidClientTokenId", 403)
    range.control("clock", {"advance": "15m"})
    refused(ended.get_caller_identity, "ExpiredToken", 403)
    assert [r["userIdentity"]["accessKeyId"] for r in records(trail, "EventName", "GetCallerIdentity")] == [session["AccessKeyId"]]
    seen = [(r["accessKeyId"], r["errorCode"]) for r in range.control("requests")["requests"] if r["action"] == "sts:GetCallerIdentity"]
    assert seen == [
        (session["AccessKeyId"], None),
        (key, "SignatureDoesNotMatch"),
        ("AKIAIOSFODNN7EXAMPLE", "InvalidClientTokenId"),
        (key, "InvalidClientTokenId"),
        (session["AccessKeyId"], "ExpiredToken"),
    ]


def test_what_was_used_is_told_true_and_asking_is_remembered(fresh_range):
    """Last used, credential report and Access Advisor say what a key did; the trail says who asked."""
    range = fresh_range()
    iam, trail = range.client("iam"), range.client("cloudtrail")
    key, secret = new_user(range, "worker", {"Effect": "Allow", "Action": ["s3:ListAllMyBuckets", "iam:ListUsers"], "Resource": "*"})
    range.control("clock", {"advance": "1h"})
    range.client("s3", key, secret, region="eu-west-1").list_buckets()
    used = iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"]
    assert (used["ServiceName"], used["Region"]) == ("s3", "eu-west-1")
    now = datetime.datetime.fromisoformat(range.control("clock")["now"])
    assert abs(now - used["LastUsedDate"]) < datetime.timedelta(minutes=5)
    range.control("clock", {"advance": "5h"})
    iam.generate_credential_report()
    lines = iam.get_credential_report()["Content"].decode().splitlines()
    row = dict(zip(lines[0].split(","), next(line for line in lines if line.startswith("worker,")).split(",")))
    assert (row["access_key_1_active"], row["access_key_1_last_used_service"], row["access_key_1_last_used_region"]) == ("true", "s3", "eu-west-1")
    job = iam.generate_service_last_accessed_details(Arn=f"arn:aws:iam::{ACCOUNT}:user/worker")["JobId"]
    services = {s["ServiceNamespace"]: s for s in iam.get_service_last_accessed_details(JobId=job)["ServicesLastAccessed"]}
    assert services["s3"]["TotalAuthenticatedEntities"] == 1 and "LastAuthenticated" not in services["iam"]
    for name in (
        "GetAccessKeyLastUsed", "GenerateCredentialReport", "GetCredentialReport", "GenerateServiceLastAccessedDetails", "GetServiceLastAccessedDetails",
    ):
        assert [e["Username"] for e in lookup(trail, "EventName", name)] == ["admin"], name
