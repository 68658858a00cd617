"""The global condition keys that the range can answer, and whom an organisation's policies bind; by real clients."""

import datetime
import json

import pytest

from conftest import eventually
from iam_clients import account, iam, low_client, numbers, refused



def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def when(operator, key, value, effect="Allow", action="iam:GetUser"):
    return {"Effect": effect, "Action": action, "Resource": "*", "Condition": {operator: {key: value}}}


class Asker:
    """A user whose only policy changes, and the same user's clients."""

    def __init__(self, range, iam):
        self.range, self.admin, self.name = range, iam, f"asker-{next(numbers)}"
        iam.create_user(UserName=self.name, Tags=[{"Key": "team", "Value": "red"}])
        self.id = iam.get_user(UserName=self.name)["User"]["UserId"]
        self.key = iam.create_access_key(UserName=self.name)["AccessKey"]

    def client(self, service="iam", **more):
        return self.range.client(service, self.key["AccessKeyId"], self.key["SecretAccessKey"], **more)

    def may(self, operator, key, value, client=None):
        """Whether a call is allowed by a policy with just this condition."""
        self.admin.put_user_policy(UserName=self.name, PolicyName="own", PolicyDocument=document(when(operator, key, value)))
        try:
            (client or self.client()).get_user(UserName=self.name)
        except Exception as error:
            assert error.response["Error"]["Code"] == "AccessDenied", error
            return False
        return True


@pytest.fixture(scope="module")
def asker(range, iam):
    return Asker(range, iam)


def test_keys_of_a_user(range, asker, account):
    arn = f"arn:aws:iam::{account}:user/{asker.name}"
    for operator, key, right, wrong in (
        ("StringEquals", "aws:PrincipalArn", arn, arn + "x"),
        ("ArnLike", "aws:PrincipalArn", f"arn:aws:iam::*:user/{asker.name}", "arn:aws:iam::*:role/*"),
        ("StringEquals", "aws:PrincipalAccount", account, "999999999999"),
        ("StringEquals", "aws:PrincipalType", "User", "AssumedRole"),
        ("StringEquals", "aws:PrincipalTag/team", "red", "blue"),
        ("StringEquals", "aws:username", asker.name, "somebody"),
        ("StringEquals", "aws:userid", asker.id, asker.name),
        ("Bool", "aws:PrincipalIsAWSService", "false", "true"),
        ("Bool", "aws:ViaAWSService", "false", "true"),
        ("Bool", "aws:SecureTransport", "false", "true"),
        ("IpAddress", "aws:SourceIp", "127.0.0.0/8", "10.0.0.0/8"),
        ("StringLike", "aws:UserAgent", "Boto3/*", "aws-cli/*"),
        ("StringEquals", "aws:RequestedRegion", "us-east-1", "eu-west-1"),
        ("StringEquals", "aws:ResourceAccount", account, "999999999999"),
        ("DateGreaterThan", "aws:CurrentTime", "2020-01-01T00:00:00Z", "2120-01-01T00:00:00Z"),
        ("NumericGreaterThan", "aws:EpochTime", "1577836800", "4733510400"),
    ):
        assert asker.may(operator, key, right), (key, right)
        assert not asker.may(operator, key, wrong), (key, wrong)
    # What a long-term key outside of an organisation does not carry.
    for key in (
        "aws:TokenIssueTime", "aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge", "aws:SourceIdentity", "aws:FederatedProvider",
        "aws:AssumedRoot", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:ResourceOrgID", "aws:ResourceOrgPaths", "aws:CalledVia",
        "aws:SourceArn", "aws:SourceAccount", "aws:PrincipalServiceName", "aws:SourceVpc", "aws:SourceVpce", "aws:referer",
    ):
        assert asker.may("Null", key, "true"), key
        assert not asker.may("Null", key, "false"), key


def test_keys_of_the_request(range, asker):
    client = asker.client()
    client.meta.events.register("before-sign.iam", lambda request, **_: request.headers.add_header("Referer", "https://console.example/"))
    assert asker.may("StringLike", "aws:referer", "https://console.example/*", client)
    client = asker.client()
    client.meta.events.register("before-sign.iam", lambda request, **_: request.headers.add_header("X-Stockade-Source-Ip", "203.0.113.9"))
    assert asker.may("IpAddress", "aws:SourceIp", "203.0.113.0/24", client)


def test_keys_of_a_role_session(range, iam, account, asker):
    name = f"role-{next(numbers)}"
    trust = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust), Tags=[{"Key": "team", "Value": "blue"}])
    role = iam.get_role(RoleName=name)["Role"]
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=1)
    keys = range.client("sts").assume_role(
        RoleArn=role["Arn"], RoleSessionName="night", SourceIdentity="anna", Tags=[{"Key": "shift", "Value": "night"}]
    )["Credentials"]
    client = range.client("iam", keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])

    def may(operator, key, value):
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(when(operator, key, value)))
        try:
            client.get_user(UserName=asker.name)
        except client.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDenied"
            return False
        return True

    for operator, key, right, wrong in (
        ("StringEquals", "aws:PrincipalArn", role["Arn"], f"arn:aws:sts::{account}:assumed-role/{name}/night"),
        ("StringEquals", "aws:PrincipalType", "AssumedRole", "User"),
        ("StringEquals", "aws:userid", f"{role['RoleId']}:night", role["RoleId"]),
        ("StringEquals", "aws:PrincipalTag/team", "blue", "red"),
        ("StringEquals", "aws:PrincipalTag/shift", "night", "day"),
        ("StringEquals", "aws:SourceIdentity", "anna", "bob"),
        ("DateGreaterThan", "aws:TokenIssueTime", before.strftime("%Y-%m-%dT%H:%M:%SZ"), "2120-01-01T00:00:00Z"),
        ("Bool", "aws:MultiFactorAuthPresent", "false", "true"),
    ):
        assert may(operator, key, right), (key, right)
        assert not may(operator, key, wrong), (key, wrong)
    for key in ("aws:username", "aws:AssumedRoot", "aws:FederatedProvider", "aws:MultiFactorAuthAge"):
        assert may("Null", key, "true"), key


def test_who_asks_without_a_name(range):
    s3 = range.client("s3")
    s3.create_bucket(Bucket="conditions")
    s3.delete_public_access_block(Bucket="conditions")
    s3.put_object(Bucket="conditions", Key="k", Body=b"x")

    def seen(operator, key, value):
        public = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::conditions/*"}
        s3.put_bucket_policy(Bucket="conditions", Policy=document({**public, "Condition": {operator: {key: value}}}))
        import botocore

        nobody = range.client("s3", config=botocore.config.Config(signature_version=botocore.UNSIGNED, s3={"addressing_style": "path"}))
        try:
            nobody.get_object(Bucket="conditions", Key="k")
        except nobody.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDenied"
            return False
        return True

    for operator, key, value in (
        ("StringEquals", "aws:PrincipalType", "Anonymous"),
        ("StringEquals", "aws:userid", "anonymous"),
        ("StringEquals", "aws:PrincipalAccount", "anonymous"),
        ("Null", "aws:PrincipalArn", "true"),
        ("Null", "aws:PrincipalIsAWSService", "true"),
        ("Null", "aws:PrincipalOrgID", "true"),
    ):
        assert seen(operator, key, value), key


@pytest.fixture(scope="module")
def organisation(tmp_path_factory):
    """A range of its own with an organisation: the cloud, its member, the path to it, and a client of the member's administrator."""
    from conftest import start_range, stop

    cloud = start_range(tmp_path_factory.mktemp("organisation"))
    organizations = cloud.client("organizations")
    made = organizations.create_organization()["Organization"]["Id"]
    request = organizations.create_account(AccountName="member", Email="member@example.com")["CreateAccountStatus"]["Id"]
    member = eventually(
        lambda: organizations.describe_create_account_status(CreateAccountRequestId=request)["CreateAccountStatus"].get("AccountId")
    )
    root = organizations.list_roots()["Roots"][0]["Id"]
    for kind in ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"):
        organizations.enable_policy_type(RootId=root, PolicyType=kind)
    yield cloud, member, f"{made}/{root}/"
    stop(cloud.process)


def administer(cloud, member, service):
    keys = cloud.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{member}:role/OrganizationAccountAccessRole", RoleSessionName="admin"
    )["Credentials"]
    return cloud.client(service, keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])


def attached(cloud, target, kind, content):
    organizations = cloud.client("organizations")
    made = organizations.create_policy(Name=f"policy-{next(numbers)}", Description="", Type=kind, Content=content)
    policy = made["Policy"]["PolicySummary"]["Id"]
    organizations.attach_policy(PolicyId=policy, TargetId=target)
    return lambda: organizations.detach_policy(PolicyId=policy, TargetId=target)


def test_keys_of_an_organisation(organisation):
    cloud, member, root = organisation
    iam = administer(cloud, member, "iam")
    iam.create_user(UserName="anna")
    key = iam.create_access_key(UserName="anna")["AccessKey"]
    anna = cloud.client("iam", key["AccessKeyId"], key["SecretAccessKey"])
    path = f"{root}{member}/"

    def may(operator, key, value):
        iam.put_user_policy(UserName="anna", PolicyName="own", PolicyDocument=document(when(operator, key, value)))
        try:
            anna.get_user(UserName="anna")
        except anna.exceptions.ClientError:
            return False
        return True

    organization = root.split("/")[0]
    for key in ("aws:PrincipalOrgID", "aws:ResourceOrgID"):
        assert may("StringEquals", key, organization) and not may("StringEquals", key, "o-another"), key
    for key in ("aws:PrincipalOrgPaths", "aws:ResourceOrgPaths"):
        told = [may("ForAnyValue:StringLike", key, value) for value in (root + "*", "o-another/*")]
        assert told == [True, False], (key, path)


def test_whom_service_control_policies_bind(organisation):
    cloud, member, _ = organisation
    iam = administer(cloud, member, "iam")
    linked = iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")["Role"]["Arn"]
    admin = f"arn:aws:iam::{member}:role/OrganizationAccountAccessRole"
    management = cloud.client("iam")
    deny = document({"Effect": "Deny", "Action": ["ec2:*", "iam:CreateUser"], "Resource": "*"})
    loose = [attached(cloud, target, "SERVICE_CONTROL_POLICY", deny) for target in (member,)]
    root = cloud.client("organizations").list_roots()["Roots"][0]["Id"]
    loose.append(attached(cloud, root, "SERVICE_CONTROL_POLICY", deny))

    # A member's administrator is stopped, the management account is not, and neither is a role that is linked to a service.
    told = refused(iam.create_user, "AccessDenied", status=403, UserName="nobody")
    assert "with an explicit deny in a service control policy" in told
    management.create_user(UserName=f"somebody-{next(numbers)}")

    def simulated(source):
        (result,) = iam.simulate_principal_policy(PolicySourceArn=source, ActionNames=["ec2:DescribeInstances"])["EvaluationResults"]
        return result["EvalDecision"], result["OrganizationsDecisionDetail"]["AllowedByOrganizations"]

    assert simulated(admin) == ("explicitDeny", False)
    assert simulated(linked) == ("allowed", True)
    case = {
        "request": {"principal": linked, "action": "ec2:DescribeInstances", "resource": {"resource": "*", "accountId": member}},
        "identityPolicies": [json.loads(document({"Effect": "Allow", "Action": "*", "Resource": "*"}))],
        "serviceControlPolicies": [{"orgIdentifier": "o", "policies": [json.loads(deny)]}],
        "resourceControlPolicies": [],
    }
    for principal, decision in ((linked, "Allowed"), (admin, "ExplicitlyDenied")):
        case["request"]["principal"] = principal
        done = cloud.stockade("policy", "simulate", "-", input=json.dumps(case))
        assert json.loads(done.stdout)["decision"] == decision, done.stdout
    for detach in loose:
        detach()
    iam.create_user(UserName="somebody")


def test_what_resource_control_policies_bind(organisation):
    cloud, member, _ = organisation
    s3, sts = administer(cloud, member, "s3"), administer(cloud, member, "sts")
    bucket = f"rcp-{member}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    queues = administer(cloud, member, "dynamodb")
    deny = document({"Effect": "Deny", "Principal": "*", "Action": ["s3:GetObject", "dynamodb:ListTables", "sts:AssumeRole"], "Resource": "*"})
    detach = attached(cloud, member, "RESOURCE_CONTROL_POLICY", deny)
    told = refused(s3.get_object, "AccessDenied", status=403, Bucket=bucket, Key="k")
    assert "with an explicit deny in a resource control policy" in told
    # A service that joined later; and one that no such policy binds.
    told = refused(queues.list_tables, "AccessDeniedException", status=400)
    assert "with an explicit deny in a resource control policy" in told
    refused(cloud.client("sts").assume_role, "AccessDenied", status=403,
            RoleArn=f"arn:aws:iam::{member}:role/OrganizationAccountAccessRole", RoleSessionName="visit")
    sts.get_caller_identity()
    detach()
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    refused(queues.list_tables, "NotImplemented", status=501)
    # Not of the management account's own.
    own = cloud.client("s3")
    own.create_bucket(Bucket=f"own-{member}")
    root = cloud.client("organizations").list_roots()["Roots"][0]["Id"]
    detach = attached(cloud, root, "RESOURCE_CONTROL_POLICY", document({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}))
    own.put_object(Bucket=f"own-{member}", Key="k", Body=b"x")
    refused(s3.get_object, "AccessDenied", status=403, Bucket=bucket, Key="k")
    detach()


def test_a_members_root_needs_trusted_access(organisation):
    cloud, member, _ = organisation
    organizations, iam, sts = (cloud.client(service) for service in ("organizations", "iam", "sts"))
    organizations.enable_aws_service_access(ServicePrincipal="iam.amazonaws.com")
    iam.enable_organizations_root_credentials_management()
    ask = {"TargetPrincipal": member, "TaskPolicyArn": {"arn": "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"}}
    assert sts.assume_root(**ask)["Credentials"]
    organizations.disable_aws_service_access(ServicePrincipal="iam.amazonaws.com")
    caller = sts.get_caller_identity()["Arn"]
    told = f"User: {caller} is not authorized to perform: sts:AssumeRoot on resource: arn:aws:iam::{member}:root"
    refused(sts.assume_root, "AccessDenied", told, 403, **ask)
    management = caller.split(":")[4]
    told = f"Trusted Access for IAM not enabled by organization of input account {management}."
    refused(iam.list_organizations_features, "ServiceAccessNotEnabledException", told, 400)
    low = low_client(cloud, iam, f"low-{next(numbers)}", "sts", {"Effect": "Deny", "Action": "sts:AssumeRoot", "Resource": "*"})
    arn = low.get_caller_identity()["Arn"]
    refused(low.assume_root, "AccessDenied", f"User: {arn} is not authorized to perform: sts:AssumeRoot on resource: arn:aws:iam::{member}:root", 403, **ask)
