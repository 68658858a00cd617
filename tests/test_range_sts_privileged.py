"""STS in the range: acting as another account's root, what a partner was delegated, and why a call was refused."""

import itertools
import json

import pytest

from iam_clients import UNCHECKED, low_client, refused

numbers = itertools.count()
TASK = "arn:aws:iam::aws:policy/root-task/"


def allow(*actions, **more):
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"} | more


def as_session(cloud, answer, service="sts", **more):
    given = answer["Credentials"]
    return cloud.client(service, given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], **more)


def newest(client, name):
    found = client.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}])
    return json.loads(found["Events"][0]["CloudTrailEvent"])


def add_account(cloud, name):
    organizations = cloud.client("organizations")
    made = organizations.create_account(AccountName=name, Email=f"{name}@example.com")["CreateAccountStatus"]
    return organizations.describe_create_account_status(CreateAccountRequestId=made["Id"])["CreateAccountStatus"]["AccountId"]


def administer(cloud, account, service):
    """A client of the administrator of a member account."""
    answer = cloud.client("sts").assume_role(RoleArn=f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole", RoleSessionName="admin")
    return as_session(cloud, answer, service)


@pytest.fixture
def organisation(fresh_range):
    """A range with an organisation of two more accounts."""
    cloud = fresh_range()
    cloud.client("organizations").create_organization()
    return cloud, add_account(cloud, "member"), add_account(cloud, "security")


def switch_on(cloud):
    cloud.client("organizations").enable_aws_service_access(ServicePrincipal="iam.amazonaws.com")
    iam = cloud.client("iam")
    iam.enable_organizations_root_credentials_management()
    iam.enable_organizations_root_sessions()


def test_a_members_bucket_is_unlocked_by_its_root_and_nothing_else(organisation):
    cloud, member, _ = organisation
    sts = cloud.client("sts")
    ask = {"TargetPrincipal": member, "TaskPolicyArn": {"arn": TASK + "S3UnlockBucketPolicy"}}
    refused(sts.assume_root, "AccessDenied", status=403, **ask)
    switch_on(cloud)
    s3 = administer(cloud, member, "s3")
    s3.create_bucket(Bucket="locked-bucket")
    s3.put_bucket_policy(Bucket="locked-bucket", Policy=json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::locked-bucket", "arn:aws:s3:::locked-bucket/*"]}],
    }))
    refused(s3.delete_bucket_policy, "AccessDenied", Bucket="locked-bucket")
    answer = sts.assume_root(**ask)
    root = as_session(cloud, answer)
    assert root.get_caller_identity()["Arn"] == f"arn:aws:iam::{member}:root"
    unlocking = as_session(cloud, answer, "s3")
    refused(unlocking.create_bucket, "AccessDenied", Bucket="more-than-the-task")
    refused(as_session(cloud, answer, "iam").list_users, "AccessDenied")
    unlocking.delete_bucket_policy(Bucket="locked-bucket")
    s3.delete_bucket(Bucket="locked-bucket")

    # Both accounts see who took it; and what was done with it.
    ours, theirs = newest(cloud.client("cloudtrail"), "AssumeRoot"), newest(administer(cloud, member, "cloudtrail"), "AssumeRoot")
    assert ours["sharedEventID"] == theirs["sharedEventID"] and theirs["userIdentity"]["type"] == "AWSAccount"
    assert ours["requestParameters"] == {"targetPrincipal": member, "taskPolicyArn": {"arn": ask["TaskPolicyArn"]["arn"]}}
    assert ours["readOnly"] is False and "secretAccessKey" not in json.dumps(ours)
    done = newest(administer(cloud, member, "cloudtrail"), "DeleteBucketPolicy")["userIdentity"] if False else newest(administer(cloud, member, "cloudtrail"), "GetCallerIdentity")["userIdentity"]
    assert done["type"] == "Root" and done["sessionContext"]["assumedRoot"] == "true" and done["accountId"] == member


def test_a_root_sessions_condition_key_is_seen_by_scps(organisation):
    cloud, member, _ = organisation
    switch_on(cloud)
    organizations = cloud.client("organizations")
    root = organizations.list_roots()["Roots"][0]["Id"]
    organizations.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:AssumedRoot": "true"}}}]}
    policy = organizations.create_policy(Name="no-root", Description="", Type="SERVICE_CONTROL_POLICY", Content=json.dumps(document))
    organizations.attach_policy(PolicyId=policy["Policy"]["PolicySummary"]["Id"], TargetId=member)
    answer = cloud.client("sts").assume_root(TargetPrincipal=f"arn:aws:iam::{member}:root", TaskPolicyArn={"arn": TASK + "IAMAuditRootUserCredentials"})
    message = refused(as_session(cloud, answer, "iam").list_access_keys, "AccessDenied")
    assert "with an explicit deny in a service control policy" in message


def test_only_the_management_and_its_delegate_take_a_members_root(organisation):
    cloud, member, security = organisation
    switch_on(cloud)
    task = {"arn": TASK + "IAMAuditRootUserCredentials"}
    management = cloud.client("sts").get_caller_identity()["Account"]
    sts = cloud.client("sts", config=UNCHECKED)
    refused(sts.assume_root, "AccessDenied", TargetPrincipal=management, TaskPolicyArn=task)
    refused(sts.assume_root, "AccessDenied", TargetPrincipal="999988887777", TaskPolicyArn=task)
    delegate = administer(cloud, security, "sts")
    refused(delegate.assume_root, "AccessDenied", TargetPrincipal=member, TaskPolicyArn=task)
    cloud.client("organizations").register_delegated_administrator(AccountId=security, ServicePrincipal="iam.amazonaws.com")
    answer = delegate.assume_root(TargetPrincipal=member, TaskPolicyArn=task, DurationSeconds=60)
    assert as_session(cloud, answer, "iam").list_access_keys()["AccessKeyMetadata"] == []
    refused(administer(cloud, member, "sts").assume_root, "AccessDenied", TargetPrincipal=security, TaskPolicyArn=task)
    low = low_client(cloud, cloud.client("iam"), "low", "sts")
    message = refused(low.assume_root, "AccessDenied", TargetPrincipal=member, TaskPolicyArn=task)
    assert f"is not authorized to perform: sts:AssumeRoot on resource: arn:aws:iam::{member}:root" in message
    only = allow("sts:AssumeRoot", Condition={"StringEquals": {"sts:TaskPolicyArn": task["arn"]}})
    some = low_client(cloud, cloud.client("iam"), "some", "sts", only)
    assert some.assume_root(TargetPrincipal=member, TaskPolicyArn=task)
    refused(some.assume_root, "AccessDenied", TargetPrincipal=member, TaskPolicyArn={"arn": TASK + "S3UnlockBucketPolicy"})
    for wrong in [
        {"TargetPrincipal": "not-an-account"},
        {"TargetPrincipal": f"arn:aws:iam::{member}:user/somebody"},
        {"TaskPolicyArn": {"arn": "arn:aws:iam::aws:policy/AdministratorAccess"}},
        {"DurationSeconds": 901},
    ]:
        refused(sts.assume_root, "ValidationError", status=400, **({"TargetPrincipal": member, "TaskPolicyArn": task} | wrong))
    cloud.client("iam").disable_organizations_root_credentials_management()
    refused(sts.assume_root, "AccessDenied", TargetPrincipal=member, TaskPolicyArn=task)


def test_what_is_delegated_is_exchanged_by_the_partner_alone(organisation):
    cloud, partner, other = organisation
    iam, owner = cloud.client("iam"), cloud.client("sts").get_caller_identity()["Account"]
    theirs = administer(cloud, partner, "iam")
    document = {"Version": "2012-10-17", "Statement": [allow("s3:ListAllMyBuckets")]}
    template = theirs.create_policy(PolicyName="look", PolicyDocument=json.dumps(document))["Policy"]["Arn"]
    made = theirs.create_delegation_request(
        OwnerAccountId=owner, Description="Looks at your buckets.", Permissions={"PolicyTemplateArn": template},
        RequestorWorkflowId="workflow-1", NotificationChannel="arn:aws:sns:us-east-1:111122223333:partner", SessionDuration=900,
    )
    one = {"DelegationRequestId": made["DelegationRequestId"]}
    iam.associate_delegation_request(**one)
    iam.accept_delegation_request(**one)
    iam.send_delegation_token(**one)
    token = cloud.control("notifications")["notifications"][0]["message"]["exchangeToken"]
    invalid = "The trade-in token is not valid."
    refused(administer(cloud, other, "sts").get_delegated_access_token, "ValidationError", invalid, 400, TradeInToken=token)
    refused(cloud.client("sts").get_delegated_access_token, "ValidationError", invalid, 400, TradeInToken=token)
    answer = administer(cloud, partner, "sts").get_delegated_access_token(TradeInToken=token)
    approver = cloud.client("sts").get_caller_identity()["Arn"]
    assert answer["AssumedPrincipal"] == approver and answer["PackedPolicySize"] >= 1
    as_session(cloud, answer, "s3").list_buckets()
    message = refused(as_session(cloud, answer, "s3").create_bucket, "AccessDenied", Bucket="not-delegated")
    assert "session policy" in message
    assert as_session(cloud, answer).get_caller_identity()["Arn"] == approver
    identity = newest(cloud.client("cloudtrail"), "GetCallerIdentity")["userIdentity"]
    assert identity["arn"] == approver and identity["invokedByDelegate"] == {"accountId": partner}
    record = newest(administer(cloud, partner, "cloudtrail"), "GetDelegatedAccessToken")
    assert token not in json.dumps(record) and "secretAccessKey" not in json.dumps(record)
    cloud.control("clock", {"advance": "PT16M"})
    refused(administer(cloud, partner, "sts").get_delegated_access_token, "ExpiredTradeInTokenException", status=400, TradeInToken=token)
