"""Organizations in the range, as boto3 sees it: every operation by good and by bad input, and what its policies stop."""

import datetime
import itertools
import json

import botocore.config
import pytest
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
SCP, RCP = "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"
# Bad input must reach the range: botocore checks nothing.
UNCHECKED = botocore.config.Config(parameter_validation=False, retries={"total_max_attempts": 1})
numbers = itertools.count()


def document(effect, action, resource="*", **more):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": resource, **more}]})


def refused(call, code, reason=None, status=400, **input):
    """The call fails with this code, and with this reason where it has one; hands back the message."""
    with pytest.raises(ClientError) as caught:
        call(**input)
    error = caught.value.response
    assert error["Error"]["Code"] == code, error
    assert error["ResponseMetadata"]["HTTPStatusCode"] == status, error
    if reason:
        assert error["Reason"] == reason, error
    return error["Error"]["Message"]


def pages(client, operation, key, **input):
    return [item for page in client.get_paginator(operation).paginate(**input) for item in page[key]]


class Company:
    """A range with an organisation of all features, and its management account's client."""

    def __init__(self, range):
        self.range = range
        self.org = range.client("organizations", config=UNCHECKED)
        self.id = self.org.create_organization(FeatureSet="ALL")["Organization"]["Id"]
        self.root = self.org.list_roots()["Roots"][0]["Id"]

    def account(self, name=None):
        name = name or f"account-{next(numbers)}"
        asked = self.org.create_account(AccountName=name, Email=f"{name}@stockade.example")["CreateAccountStatus"]
        assert asked["State"] == "IN_PROGRESS"
        made = self.org.describe_create_account_status(CreateAccountRequestId=asked["Id"])["CreateAccountStatus"]
        assert made["State"] == "SUCCEEDED", made
        return made["AccountId"]

    def unit(self, parent=None, **more):
        made = self.org.create_organizational_unit(ParentId=parent or self.root, Name=f"unit-{next(numbers)}", **more)
        return made["OrganizationalUnit"]["Id"]

    def move(self, account, to):
        source = self.org.list_parents(ChildId=account)["Parents"][0]["Id"]
        self.org.move_account(AccountId=account, SourceParentId=source, DestinationParentId=to)

    def policy(self, content, kind=SCP, **more):
        content = content if isinstance(content, str) else json.dumps(content)
        made = self.org.create_policy(Content=content, Description="", Name=f"policy-{next(numbers)}", Type=kind, **more)
        return made["Policy"]["PolicySummary"]["Id"]

    def attach(self, content, target, kind=SCP):
        id = self.policy(content, kind)
        self.org.attach_policy(PolicyId=id, TargetId=target)
        return id

    def into(self, account, service="organizations", role="OrganizationAccountAccessRole"):
        """A client of the management account's way into a member."""
        return self.range.client(service, *self.session(account, role), config=UNCHECKED)

    def session(self, account, role="OrganizationAccountAccessRole"):
        arn = f"arn:aws:iam::{account}:role/{role}"
        given = self.range.client("sts").assume_role(RoleArn=arn, RoleSessionName="in")["Credentials"]
        return given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]

    def user(self, account, name, *statements):
        """A client maker of a new user in a member: call it with a service."""
        iam = self.into(account, "iam")
        iam.create_user(UserName=name)
        if statements:
            iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return lambda service: self.range.client(service, key["AccessKeyId"], key["SecretAccessKey"], config=UNCHECKED)

    def events(self, name, client=None):
        trail = client or self.range.client("cloudtrail")
        found = pages(trail, "lookup_events", "Events", LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}])
        return [json.loads(event["CloudTrailEvent"]) for event in found]

    def advance(self, by):
        self.range.control("clock", {"advance": by})


@pytest.fixture(scope="module")
def company(range):
    return Company(range)


@pytest.fixture
def fresh(fresh_range):
    return Company(fresh_range())


# Founding and dissolving


def test_an_organisation_is_founded_and_dissolved(fresh):
    org = fresh.org
    refused(org.create_organization, "AlreadyInOrganizationException")
    shown = org.describe_organization()["Organization"]
    assert (shown["Id"], shown["FeatureSet"], shown["MasterAccountId"]) == (fresh.id, "ALL", ACCOUNT)
    assert shown["Arn"] == f"arn:aws:organizations::{ACCOUNT}:organization/{fresh.id}"
    assert shown["MasterAccountArn"] == f"arn:aws:organizations::{ACCOUNT}:account/{fresh.id}/{ACCOUNT}"
    unit = fresh.unit()
    refused(org.delete_organization, "OrganizationNotEmptyException")
    org.delete_organizational_unit(OrganizationalUnitId=unit)
    org.delete_organization()
    for call in (org.describe_organization, org.list_roots, org.delete_organization):
        refused(call, "AWSOrganizationsNotInUseException")
    refused(org.create_organization, "InvalidInputException", FeatureSet="SOME")
    assert org.create_organization()["Organization"]["FeatureSet"] == "ALL"
    joined = fresh.events("AccountJoinedOrganization")
    assert [event["serviceEventDetails"]["accountId"] for event in joined] == [ACCOUNT, ACCOUNT]
    assert fresh.events("AccountDepartedOrganization")[0]["serviceEventDetails"]["departureMethod"] == "LEFT"


# Accounts


def test_an_account_is_made_and_can_be_entered_at_once(company):
    org = company.org
    asked = org.create_account(
        AccountName="Sales", Email="Sales@stockade.example", RoleName="Doorway", IamUserAccessToBilling="DENY", Tags=[{"Key": "team", "Value": "red"}]
    )["CreateAccountStatus"]
    assert asked["State"] == "IN_PROGRESS" and asked["Id"].startswith("car-") and "AccountId" not in asked
    made = org.describe_create_account_status(CreateAccountRequestId=asked["Id"])["CreateAccountStatus"]
    id = made["AccountId"]
    assert company.into(id, "sts", role="Doorway").get_caller_identity()["Account"] == id
    shown = org.describe_account(AccountId=id)["Account"]
    assert (shown["Status"], shown["State"], shown["JoinedMethod"]) == ("ACTIVE", "ACTIVE", "CREATED")
    assert (shown["Email"], shown["Name"], shown["Paths"]) == ("Sales@stockade.example", "Sales", [f"{company.id}/{company.root}/{id}/"])
    assert org.list_tags_for_resource(ResourceId=id)["Tags"] == [{"Key": "team", "Value": "red"}]
    names = {role["RoleName"] for role in pages(company.into(id, "iam", role="Doorway"), "list_roles", "Roles")}
    assert names == {"Doorway", "AWSServiceRoleForOrganizations"}
    twin = org.create_account(AccountName="Twin", Email="sales@stockade.example")["CreateAccountStatus"]["Id"]
    failed = org.describe_create_account_status(CreateAccountRequestId=twin)["CreateAccountStatus"]
    assert (failed["State"], failed["FailureReason"]) == ("FAILED", "EMAIL_ALREADY_EXISTS")
    refused(org.create_account, "InvalidInputException", AccountName="x", Email="no address")
    refused(org.create_account, "InvalidInputException", "INVALID_ROLE_NAME", AccountName="x", Email="x@stockade.example", RoleName="AWSServiceRoleForX")
    refused(org.create_account, "InvalidInputException", AccountName="", Email="x@stockade.example")
    refused(org.describe_create_account_status, "CreateAccountStatusNotFoundException", CreateAccountRequestId="car-" + "0" * 32)
    assert twin in {status["Id"] for status in org.list_create_account_status(States=["FAILED"])["CreateAccountStatuses"]}
    refused(org.list_create_account_status, "InvalidInputException", States=["DONE"])
    refused(org.list_create_account_status, "InvalidInputException", MaxResults=21)


def test_the_trail_tells_of_an_account_and_not_whose_it_is(company):
    id = company.account("discreet")
    asked = next(e for e in company.events("CreateAccount") if e["responseElements"] and e["requestParameters"].get("roleName") is None)
    assert asked["requestParameters"]["email"] == "****" and asked["requestParameters"]["accountName"] == "****"
    assert asked["responseElements"]["createAccountStatus"]["accountName"] == "****"
    result = company.events("CreateAccountResult")[0]
    assert result["userIdentity"] == {"accountId": ACCOUNT, "invokedBy": "AWS Internal"}
    assert (result["eventType"], result["sourceIPAddress"], result["recipientAccountId"]) == ("AwsServiceEvent", "AWS Internal", ACCOUNT)
    status = result["serviceEventDetails"]["createAccountStatus"]
    assert (status["accountId"], status["state"], status["accountName"]) == (id, "SUCCEEDED", "****")
    joined = company.events("AccountJoinedOrganization")[0]["serviceEventDetails"]
    assert (joined["accountId"], joined["joinedMethod"]) == (id, "CREATED")
    assert "discreet" not in json.dumps(company.events("CreateAccount") + company.events("CreateAccountResult"))


def test_a_partition_that_is_not_there_has_no_accounts(company):
    refused(company.org.create_gov_cloud_account, "ConstraintViolationException", "MASTER_ACCOUNT_NOT_GOVCLOUD_ENABLED", AccountName="x", Email="gov@stockade.example")
    refused(company.org.create_gov_cloud_account, "InvalidInputException", AccountName="", Email="gov@stockade.example")


def test_accounts_are_listed_page_by_page(company):
    ids = {company.account() for _ in "abc"}
    unit = company.unit()
    for id in ids:
        company.move(id, unit)
    org = company.org
    assert {a["Id"] for a in pages(org, "list_accounts_for_parent", "Accounts", ParentId=unit, PaginationConfig={"PageSize": 2})} == ids
    assert ids | {ACCOUNT} <= {a["Id"] for a in pages(org, "list_accounts", "Accounts", PaginationConfig={"PageSize": 2})}
    refused(org.list_accounts, "InvalidInputException", "INVALID_NEXT_TOKEN", NextToken="not a token")
    refused(org.list_accounts, "InvalidInputException", MaxResults=0)
    refused(org.list_roots, "InvalidInputException", "INVALID_NEXT_TOKEN", NextToken="not a token")


def test_accounts_leave_and_are_taken_out(fresh):
    org = fresh.org
    leaver, removed = fresh.account("leaver"), fresh.account("removed")
    refused(org.leave_organization, "MasterCannotLeaveOrganizationException")
    refused(org.remove_account_from_organization, "MasterCannotLeaveOrganizationException", AccountId=ACCOUNT)
    for call, input in [(fresh.into(leaver).leave_organization, {}), (org.remove_account_from_organization, {"AccountId": removed})]:
        refused(call, "ConstraintViolationException", "WAIT_PERIOD_ACTIVE", **input)
    fresh.advance("96h")
    fresh.into(leaver).leave_organization()
    org.remove_account_from_organization(AccountId=removed)
    refused(org.remove_account_from_organization, "AccountNotFoundException", AccountId=removed)
    assert [a["Id"] for a in pages(org, "list_accounts", "Accounts")] == [ACCOUNT]
    # The door that the management account had is still there: an account that leaves keeps its roles.
    refused(fresh.into(leaver).describe_organization, "AWSOrganizationsNotInUseException")
    how = {e["serviceEventDetails"]["accountId"]: e["serviceEventDetails"]["departureMethod"] for e in fresh.events("AccountDepartedOrganization")}
    assert how == {leaver: "LEFT", removed: "REMOVED"}


def test_a_closed_account_is_dead_and_in_the_end_gone(fresh):
    org = fresh.org
    id = fresh.account("doomed")
    session = fresh.session(id)
    user = fresh.user(id, "inside", {"Effect": "Allow", "Action": "*", "Resource": "*"})
    user("s3").create_bucket(Bucket="doomed-bucket")
    for call in (user("iam").list_users, fresh.range.client("sts", *session).get_caller_identity):
        call()
    refused(org.close_account, "ConstraintViolationException", "CANNOT_CLOSE_MANAGEMENT_ACCOUNT", AccountId=ACCOUNT)
    refused(org.close_account, "AccountNotFoundException", AccountId="999999999999")
    org.close_account(AccountId=id)
    assert org.describe_account(AccountId=id)["Account"]["Status"] == "PENDING_CLOSURE"
    refused(org.close_account, "ConflictException", AccountId=id, status=400)
    fresh.advance("2m")
    shown = org.describe_account(AccountId=id)["Account"]
    assert (shown["Status"], shown["State"]) == ("SUSPENDED", "CLOSED")
    refused(org.close_account, "AccountAlreadyClosedException", AccountId=id)
    refused(user("iam").list_users, "InvalidClientTokenId", status=403)
    refused(fresh.range.client("sts", *session).get_caller_identity, "InvalidClientTokenId", status=403)
    with pytest.raises(ClientError) as caught:
        fresh.session(id)
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    refused(fresh.range.client("s3").list_objects_v2, "AllAccessDisabled", status=403, Bucket="doomed-bucket")
    refused(org.register_delegated_administrator, "ConstraintViolationException", "CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR", AccountId=id, ServicePrincipal="config.amazonaws.com")
    result = fresh.events("CloseAccountResult")[0]
    assert result["serviceEventDetails"]["closeAccountStatus"]["accountId"] == id
    assert result["userIdentity"]["invokedBy"] == "organizations.amazonaws.com"
    fresh.advance("2160h")
    refused(org.describe_account, "AccountNotFoundException", AccountId=id)
    assert fresh.events("AccountDepartedOrganization")[0]["serviceEventDetails"]["departureMethod"] == "CLEANED"


def test_three_accounts_are_closed_at_once(fresh):
    ids = [fresh.account() for _ in "abcd"]
    for id in ids[:3]:
        fresh.org.close_account(AccountId=id)
    refused(fresh.org.close_account, "ConstraintViolationException", "CLOSE_ACCOUNT_REQUESTS_LIMIT_EXCEEDED", AccountId=ids[3])
    fresh.advance("2m")
    fresh.org.close_account(AccountId=ids[3])


# The tree


def test_units(company):
    org = company.org
    made = org.create_organizational_unit(ParentId=company.root, Name="tree", Tags=[{"Key": "k", "Value": "v"}])["OrganizationalUnit"]
    id = made["Id"]
    assert made["Arn"] == f"arn:aws:organizations::{ACCOUNT}:ou/{company.id}/{id}" and made["Path"] == f"{company.id}/{company.root}/{id}/"
    assert org.list_tags_for_resource(ResourceId=id)["Tags"] == [{"Key": "k", "Value": "v"}]
    refused(org.create_organizational_unit, "DuplicateOrganizationalUnitException", ParentId=company.root, Name="tree")
    refused(org.create_organizational_unit, "ParentNotFoundException", ParentId="r-0000", Name="x")
    org.update_organizational_unit(OrganizationalUnitId=id, Name="wood")
    assert org.describe_organizational_unit(OrganizationalUnitId=id)["OrganizationalUnit"]["Name"] == "wood"
    line = [id]
    for _ in "abcd":
        line.append(company.unit(line[-1]))
    refused(org.create_organizational_unit, "ConstraintViolationException", "OU_DEPTH_LIMIT_EXCEEDED", ParentId=line[-1], Name="deep")
    account = company.account()
    company.move(account, line[-1])
    assert org.describe_account(AccountId=account)["Account"]["Paths"] == [f"{company.id}/{company.root}/{'/'.join(line)}/{account}/"]
    assert [u["Id"] for u in pages(org, "list_organizational_units_for_parent", "OrganizationalUnits", ParentId=id)] == [line[1]]
    assert org.list_children(ParentId=line[-1], ChildType="ACCOUNT")["Children"] == [{"Id": account, "Type": "ACCOUNT"}]
    assert org.list_parents(ChildId=account)["Parents"] == [{"Id": line[-1], "Type": "ORGANIZATIONAL_UNIT"}]
    refused(org.delete_organizational_unit, "OrganizationalUnitNotEmptyException", OrganizationalUnitId=line[-1])
    refused(org.move_account, "DuplicateAccountException", AccountId=account, SourceParentId=line[-1], DestinationParentId=line[-1])
    refused(org.move_account, "DestinationParentNotFoundException", AccountId=account, SourceParentId=line[-1], DestinationParentId="r-0000")
    refused(org.move_account, "SourceParentNotFoundException", AccountId=account, SourceParentId=id, DestinationParentId=company.root)


# Policies


def test_policies_of_every_type(company):
    org = company.org
    org.enable_aws_service_access(ServicePrincipal="securityhub.amazonaws.com")
    good = {
        RCP: {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}]},
        "TAG_POLICY": {"tags": {"cc": {"tag_key": {"@@assign": "CC"}}}},
        "BACKUP_POLICY": {"plans": {"p": {"rules": {"r": {"target_backup_vault_name": {"@@assign": "v"}}}}}},
        "AISERVICES_OPT_OUT_POLICY": {"services": {"default": {"opt_out_policy": {"@@assign": "optOut"}}}},
        "CHATBOT_POLICY": {"chatbot": {"platforms": {"slack": {"client": {"@@assign": "disabled"}}}}},
        "DECLARATIVE_POLICY_EC2": {"ec2_attributes": {"serial_console_access": {"status": {"@@assign": "disabled"}}}},
        "SECURITYHUB_POLICY": {"securityhub": {"enable_in_regions": {"@@assign": ["ALL_SUPPORTED"]}}},
        "S3_POLICY": {"s3_attributes": {"public_access_block_configuration": {"@@assign": "all"}}},
    }
    for kind, content in good.items():
        refused(org.create_policy, "MalformedPolicyDocumentException", Content='{"x": 1}', Description="", Name="bad", Type=kind)
        id = company.policy(content, kind)
        refused(org.attach_policy, "PolicyTypeNotEnabledException", PolicyId=id, TargetId=company.root)
        org.enable_policy_type(RootId=company.root, PolicyType=kind)
        refused(org.enable_policy_type, "PolicyTypeAlreadyEnabledException", RootId=company.root, PolicyType=kind)
        org.attach_policy(PolicyId=id, TargetId=company.unit())
        described = org.describe_policy(PolicyId=id)["Policy"]
        assert (described["PolicySummary"]["Type"], json.loads(described["Content"])) == (kind, content)
        assert described["PolicySummary"]["Arn"] == f"arn:aws:organizations::{ACCOUNT}:policy/{company.id}/{kind.lower()}/{id}"
        assert id in {p["Id"] for p in pages(org, "list_policies", "Policies", Filter=kind)}
        org.disable_policy_type(RootId=company.root, PolicyType=kind)
        refused(org.disable_policy_type, "PolicyTypeNotEnabledException", RootId=company.root, PolicyType=kind)
    refused(org.create_policy, "InvalidInputException", Content="{}", Description="", Name="bad", Type="NO_POLICY")
    refused(org.enable_policy_type, "RootNotFoundException", RootId="r-0000", PolicyType=SCP)
    refused(org.enable_policy_type, "ConstraintViolationException", "SERVICE_ACCESS_NOT_ENABLED", RootId=company.root, PolicyType="INSPECTOR_POLICY")
    org.enable_policy_type(RootId=company.root, PolicyType="SECURITYHUB_POLICY")
    refused(org.disable_aws_service_access, "ConstraintViolationException", "POLICY_TYPE_ENABLED_FOR_THIS_SERVICE", ServicePrincipal="securityhub.amazonaws.com")
    org.disable_policy_type(RootId=company.root, PolicyType="SECURITYHUB_POLICY")


def test_policies_have_awss_limits(fresh):
    org = fresh.org
    org.enable_policy_type(RootId=fresh.root, PolicyType=SCP)
    allow = document("Allow", "*")
    fresh.policy(allow + " " * (10_240 - len(allow)))
    refused(org.create_policy, "ConstraintViolationException", "POLICY_CONTENT_LIMIT_EXCEEDED", Content=allow + " " * 10_240, Description="", Name="long", Type=SCP)
    unit = fresh.unit()
    for _ in "123456789":
        last = fresh.attach(allow, unit)
    refused(org.attach_policy, "ConstraintViolationException", "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", PolicyId=fresh.policy(allow), TargetId=unit)
    refused(org.attach_policy, "DuplicatePolicyAttachmentException", PolicyId=last, TargetId=unit)
    refused(org.delete_policy, "PolicyInUseException", PolicyId=last)
    refused(org.update_policy, "InvalidInputException", "IMMUTABLE_POLICY", PolicyId="p-FullAWSAccess", Name="x")
    refused(org.detach_policy, "ConstraintViolationException", "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", PolicyId="p-FullAWSAccess", TargetId=fresh.root)
    org.enable_policy_type(RootId=fresh.root, PolicyType=RCP)
    refused(org.detach_policy, "InvalidInputException", "NON_DETACHABLE_POLICY", PolicyId="p-RCPFullAWSAccess", TargetId=fresh.root)


def test_where_a_policy_stands_is_told_from_both_ends(company):
    org = company.org
    org.enable_policy_type(RootId=company.root, PolicyType=SCP)
    unit = company.unit()
    id = company.policy(document("Deny", "iam:*"), Tags=[{"Key": "k", "Value": "v"}])
    assert org.list_tags_for_resource(ResourceId=id)["Tags"] == [{"Key": "k", "Value": "v"}]
    org.attach_policy(PolicyId=id, TargetId=unit)
    targets = pages(org, "list_targets_for_policy", "Targets", PolicyId=id)
    assert [(t["TargetId"], t["Type"]) for t in targets] == [(unit, "ORGANIZATIONAL_UNIT")]
    here = pages(org, "list_policies_for_target", "Policies", TargetId=unit, Filter=SCP)
    assert {(p["Id"], p["AwsManaged"]) for p in here} == {("p-FullAWSAccess", True), (id, False)}
    refused(org.create_policy, "DuplicatePolicyException", Content=document("Allow", "*"), Description="", Name="FullAWSAccess", Type=SCP)
    refused(org.update_policy, "MalformedPolicyDocumentException", PolicyId=id, Content="{}")
    org.update_policy(PolicyId=id, Name="renamed", Description="why")
    shown = org.describe_policy(PolicyId=id)["Policy"]["PolicySummary"]
    assert (shown["Name"], shown["Description"]) == ("renamed", "why")
    org.detach_policy(PolicyId=id, TargetId=unit)
    refused(org.detach_policy, "PolicyNotAttachedException", PolicyId=id, TargetId=unit)
    org.delete_policy(PolicyId=id)
    for call in (org.describe_policy, org.delete_policy, org.list_targets_for_policy, org.update_policy):
        refused(call, "PolicyNotFoundException", PolicyId=id)
    refused(org.attach_policy, "PolicyNotFoundException", PolicyId=id, TargetId=unit)
    refused(org.attach_policy, "TargetNotFoundException", PolicyId="p-FullAWSAccess", TargetId="999999999999")
    refused(org.list_policies_for_target, "TargetNotFoundException", TargetId="999999999999", Filter=SCP)
    refused(org.list_policies, "InvalidInputException", Filter="NO_SUCH_POLICY")
    refused(org.list_children, "ParentNotFoundException", ParentId="r-0000", ChildType="ACCOUNT")
    refused(org.list_parents, "ChildNotFoundException", ChildId="999999999999")
    refused(org.list_accounts_for_parent, "ParentNotFoundException", ParentId="r-0000")
    refused(org.list_organizational_units_for_parent, "ParentNotFoundException", ParentId="r-0000")
    refused(org.describe_organizational_unit, "OrganizationalUnitNotFoundException", OrganizationalUnitId="ou-none-00000000")
    refused(org.update_organizational_unit, "OrganizationalUnitNotFoundException", OrganizationalUnitId="ou-none-00000000", Name="x")
    refused(org.describe_account, "AccountNotFoundException", AccountId="999999999999")


def test_service_control_policies_bind_at_every_level(fresh):
    org = fresh.org
    org.enable_policy_type(RootId=fresh.root, PolicyType=SCP)
    outer = fresh.unit()
    inner = fresh.unit(outer)
    account = fresh.account()
    fresh.move(account, inner)
    users = fresh.into(account, "iam").list_users
    users()
    for target in (fresh.root, outer, inner, account):
        deny = fresh.attach(document("Deny", "iam:ListUsers"), target)
        message = refused(users, "AccessDenied", status=403)
        assert "with an explicit deny in a service control policy" in message
        # The management account is not bound, wherever the policy stands.
        fresh.range.client("iam").list_users()
        org.detach_policy(PolicyId=deny, TargetId=target)
        users()
        allow = fresh.attach(document("Allow", "sts:*"), target)
        org.detach_policy(PolicyId="p-FullAWSAccess", TargetId=target)
        assert "because no service control policy allows the iam:ListUsers action" in refused(users, "AccessDenied", status=403)
        org.attach_policy(PolicyId="p-FullAWSAccess", TargetId=target)
        org.detach_policy(PolicyId=allow, TargetId=target)
        users()
    # A member's root user is bound too; a service's own role is not (it is nobody's to take).
    fresh.attach(document("Deny", "*", Condition={"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/OrganizationAccountAccessRole"}}), outer)
    users()


def test_what_an_scp_says_spreads_with_the_delay(fresh_range):
    company = Company(fresh_range("--iam-delay", "4s"))
    company.org.enable_policy_type(RootId=company.root, PolicyType=SCP)
    account = company.account()
    company.advance("5s")
    users = company.into(account, "iam").list_users
    deny = company.attach(document("Deny", "iam:ListUsers"), account)
    users()
    company.advance("4s")
    refused(users, "AccessDenied", status=403)
    company.org.update_policy(PolicyId=deny, Content=document("Deny", "iam:ListRoles"))
    refused(users, "AccessDenied", status=403)
    company.advance("4s")
    users()


def test_resource_control_policies_bind_strangers_and_owners(fresh):
    org = fresh.org
    org.enable_policy_type(RootId=fresh.root, PolicyType=RCP)
    owner, stranger = fresh.account(), fresh.account()
    s3 = fresh.into(owner, "s3")
    s3.create_bucket(Bucket="shared-bucket")
    s3.put_bucket_policy(Bucket="shared-bucket", Policy=document("Allow", "s3:ListBucket", "arn:aws:s3:::shared-bucket", Principal={"AWS": stranger}))
    theirs = fresh.into(stranger, "s3")
    list_theirs = lambda: theirs.list_objects_v2(Bucket="shared-bucket")  # noqa: E731
    list_ours = lambda: s3.list_objects_v2(Bucket="shared-bucket")  # noqa: E731
    list_theirs(), list_ours()
    only_own = document("Deny", "s3:ListBucket", Principal="*", Condition={"StringNotEquals": {"aws:PrincipalAccount": owner}})
    id = fresh.attach(only_own, owner, RCP)
    list_ours()
    refused(list_theirs, "AccessDenied", status=403)
    org.update_policy(PolicyId=id, Content=document("Deny", "s3:*", Principal="*"))
    assert "with an explicit deny in a resource control policy" in refused(list_ours, "AccessDenied", status=403)
    # Roles are resources too: nobody comes in any more.
    org.update_policy(PolicyId=id, Content=document("Deny", "sts:AssumeRole", Principal="*"))
    list_theirs(), list_ours()
    with pytest.raises(ClientError) as caught:
        fresh.session(owner)
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    # What is the management account's own is not bound.
    org.attach_policy(PolicyId=id, TargetId=fresh.root)
    fresh.range.client("s3").create_bucket(Bucket="own-bucket")
    fresh.range.client("s3").list_objects_v2(Bucket="own-bucket")


# Effective policies


def test_an_effective_policy_is_inherited(company):
    org = company.org
    kind = "AISERVICES_OPT_OUT_POLICY"
    unit, account = company.unit(), company.account()
    company.move(account, unit)
    refused(org.describe_effective_policy, "EffectivePolicyNotFoundException", PolicyType=kind, TargetId=account)
    org.enable_policy_type(RootId=company.root, PolicyType=kind)
    lock = {"@@operators_allowed_for_child_policies": ["@@none"]}
    company.attach({"services": {"default": {"opt_out_policy": {"@@assign": "optOut", **lock}}}}, company.root, kind)
    company.attach({"services": {"default": {"opt_out_policy": {"@@assign": "optIn"}}, "lex": {"opt_out_policy": {"@@assign": "optIn"}}}}, unit, kind)
    shown = org.describe_effective_policy(PolicyType=kind, TargetId=account)["EffectivePolicy"]
    assert json.loads(shown["PolicyContent"]) == {"services": {"default": {"opt_out_policy": "optOut"}, "lex": {"opt_out_policy": "optIn"}}}
    assert (shown["TargetId"], shown["PolicyType"]) == (account, kind)
    theirs = company.into(account)
    assert theirs.describe_effective_policy(PolicyType=kind)["EffectivePolicy"]["PolicyContent"] == shown["PolicyContent"]
    refused(theirs.describe_effective_policy, "AccessDeniedException", PolicyType=kind, TargetId=ACCOUNT)
    refused(org.describe_effective_policy, "InvalidInputException", "TARGET_NOT_SUPPORTED", PolicyType=kind, TargetId=unit)
    refused(org.describe_effective_policy, "InvalidInputException", PolicyType=SCP)
    assert org.list_accounts_with_invalid_effective_policy(PolicyType=kind)["Accounts"] == []
    refused(org.list_accounts_with_invalid_effective_policy, "InvalidInputException", PolicyType=RCP)
    assert org.list_effective_policy_validation_errors(AccountId=account, PolicyType=kind)["EffectivePolicyValidationErrors"] == []
    refused(org.list_effective_policy_validation_errors, "AccountNotFoundException", AccountId="999999999999", PolicyType=kind)


def test_a_backup_plan_that_cannot_work_is_told(company):
    org = company.org
    kind = "BACKUP_POLICY"
    account = company.account()
    org.enable_policy_type(RootId=company.root, PolicyType=kind)
    id = company.attach({"plans": {"daily": {"rules": {"r": {"lifecycle": {"delete_after_days": {"@@assign": "7"}}}}, "regions": {"@@append": []}}}}, account, kind)
    assert [a["Id"] for a in org.list_accounts_with_invalid_effective_policy(PolicyType=kind)["Accounts"]] == [account]
    told = org.list_effective_policy_validation_errors(AccountId=account, PolicyType=kind)
    assert told["Path"].endswith(f"/{account}/")
    found = {(e["ErrorCode"], e["ErrorMessage"], e["PathToError"]) for e in told["EffectivePolicyValidationErrors"]}
    assert found == {
        ("KEY_REQUIRED", "'selections' is missing", "plans/daily"),
        ("ELEMENTS_TOO_FEW", "'regions' is less than the allowed minimum limit 1", "plans/daily/regions"),
        ("KEY_REQUIRED", "'target_backup_vault_name' is missing", "plans/daily/rules/r"),
    }
    assert all(e["ContributingPolicies"] == [id] for e in told["EffectivePolicyValidationErrors"])
    broken = company.events("EffectivePolicyValidation")[0]
    assert broken["readOnly"] is True and broken["eventType"] == "AwsServiceEvent"
    details = broken["serviceEventDetails"]
    assert (details["accountId"], details["policyType"], details["state"]) == (account, kind, "INVALID")
    assert {e["errorCode"] for e in details["validationErrors"]} == {"KEY_REQUIRED", "ELEMENTS_TOO_FEW"}
    org.detach_policy(PolicyId=id, TargetId=account)
    assert company.events("EffectivePolicyValidation")[0]["serviceEventDetails"]["state"] == "VALID"


# Handshakes


def standalone(company):
    """An account that is in no organisation, and a way to make clients of it."""
    id = company.account()
    user = company.user(id, "alone", {"Effect": "Allow", "Action": "*", "Resource": "*"})
    company.advance("96h")
    company.org.remove_account_from_organization(AccountId=id)
    return id, user


def test_an_invitation_is_accepted(fresh):
    org = fresh.org
    id, user = standalone(fresh)
    theirs = user("organizations")
    sent = org.invite_account_to_organization(Target={"Type": "ACCOUNT", "Id": id}, Notes="Join us", Tags=[{"Key": "k", "Value": "v"}])["Handshake"]
    assert (sent["Action"], sent["State"]) == ("INVITE", "OPEN")
    assert sent["Arn"] == f"arn:aws:organizations::{ACCOUNT}:handshake/{fresh.id}/invite/{sent['Id']}"
    assert sent["Parties"] == [{"Id": fresh.id, "Type": "ORGANIZATION"}, {"Id": id, "Type": "ACCOUNT"}]
    assert sent["ExpirationTimestamp"] - sent["RequestedTimestamp"] == datetime.timedelta(days=15)
    assert {"Type": "NOTES", "Value": "Join us"} in sent["Resources"]
    refused(org.invite_account_to_organization, "DuplicateHandshakeException", Target={"Type": "ACCOUNT", "Id": id})
    assert [h["Id"] for h in theirs.list_handshakes_for_account()["Handshakes"]] == [sent["Id"]]
    assert [h["Id"] for h in org.list_handshakes_for_organization(Filter={"ActionType": "INVITE"})["Handshakes"]] == [sent["Id"]]
    assert theirs.describe_handshake(HandshakeId=sent["Id"])["Handshake"]["State"] == "OPEN"
    refused(org.accept_handshake, "AccessDeniedException", HandshakeId=sent["Id"])
    refused(theirs.cancel_handshake, "AccessDeniedException", HandshakeId=sent["Id"])
    assert theirs.accept_handshake(HandshakeId=sent["Id"])["Handshake"]["State"] == "ACCEPTED"
    refused(theirs.accept_handshake, "HandshakeAlreadyInStateException", HandshakeId=sent["Id"])
    refused(theirs.decline_handshake, "InvalidHandshakeTransitionException", HandshakeId=sent["Id"])
    shown = org.describe_account(AccountId=id)["Account"]
    assert shown["JoinedMethod"] == "INVITED"
    assert org.list_tags_for_resource(ResourceId=id)["Tags"] == [{"Key": "k", "Value": "v"}]
    refused(org.invite_account_to_organization, "HandshakeConstraintViolationException", "ALREADY_IN_AN_ORGANIZATION", Target={"Type": "ACCOUNT", "Id": id})
    # Both sides have the record, under one shared id; who they are is in neither.
    here, there = fresh.events("AcceptHandshake")[0], next(e for e in fresh.events("AcceptHandshake", user("cloudtrail")) if e["responseElements"])
    assert here["sharedEventID"] == there["sharedEventID"] and here["eventID"] != there["eventID"]
    assert (here["recipientAccountId"], there["recipientAccountId"]) == (ACCOUNT, id)
    assert here["userIdentity"]["type"] == "AWSAccount" and here["userIdentity"]["accountId"] == id
    assert "Join us" not in json.dumps([here, there, fresh.events("InviteAccountToOrganization")])
    joined = fresh.events("AccountJoinedOrganization")[0]["serviceEventDetails"]
    assert (joined["accountId"], joined["joinedMethod"]) == (id, "INVITED")
    fresh.advance("720h")
    refused(org.describe_handshake, "HandshakeNotFoundException", HandshakeId=sent["Id"])


def test_invitations_are_declined_cancelled_and_forgotten(fresh):
    org = fresh.org
    id, user = standalone(fresh)
    theirs = user("organizations")
    invite = lambda: org.invite_account_to_organization(Target={"Type": "EMAIL", "Id": address})["Handshake"]["Id"]  # noqa: E731
    address = "account@nowhere.example"
    stranger = invite()
    assert stranger not in {h["Id"] for h in theirs.list_handshakes_for_account()["Handshakes"]}
    for call in (theirs.describe_handshake, theirs.accept_handshake, theirs.decline_handshake, theirs.cancel_handshake):
        refused(call, "HandshakeNotFoundException", HandshakeId=stranger)
    declined = org.invite_account_to_organization(Target={"Type": "ACCOUNT", "Id": id})["Handshake"]["Id"]
    assert theirs.decline_handshake(HandshakeId=declined)["Handshake"]["State"] == "DECLINED"
    refused(org.cancel_handshake, "InvalidHandshakeTransitionException", HandshakeId=declined)
    cancelled = org.invite_account_to_organization(Target={"Type": "ACCOUNT", "Id": id})["Handshake"]["Id"]
    assert org.cancel_handshake(HandshakeId=cancelled)["Handshake"]["State"] == "CANCELED"
    refused(theirs.accept_handshake, "InvalidHandshakeTransitionException", HandshakeId=cancelled)
    late = org.invite_account_to_organization(Target={"Type": "ACCOUNT", "Id": id})["Handshake"]["Id"]
    fresh.advance("360h")
    assert org.describe_handshake(HandshakeId=late)["Handshake"]["State"] == "EXPIRED"
    refused(theirs.accept_handshake, "InvalidHandshakeTransitionException", HandshakeId=late)
    refused(org.invite_account_to_organization, "InvalidInputException", "INVALID_PARTY_TYPE_TARGET", Target={"Type": "ORGANIZATION", "Id": fresh.id})
    refused(org.invite_account_to_organization, "InvalidInputException", "INVALID_EMAIL_ADDRESS_TARGET", Target={"Type": "EMAIL", "Id": "nobody"})
    refused(theirs.list_handshakes_for_account, "InvalidInputException", "MAX_LIMIT_EXCEEDED_FILTER", Filter={"ActionType": "INVITE", "ParentHandshakeId": "h-00000000"})
    refused(org.list_handshakes_for_organization, "InvalidInputException", Filter={"ActionType": "NOTHING"})
    for n in itertools.islice(itertools.count(), 20):
        address = f"guest{n}@nowhere.example"
        invite()
    address = "one-more@nowhere.example"
    refused(invite, "ConstraintViolationException", "HANDSHAKE_RATE_LIMIT_EXCEEDED")
    fresh.advance("24h")
    invite()


def test_all_features_need_everybody_who_was_invited(fresh_range):
    first = Company(fresh_range())
    id, user = standalone(first)
    first.org.delete_organization()
    org = first.org
    org.create_organization(FeatureSet="CONSOLIDATED_BILLING")
    root = org.list_roots()["Roots"][0]["Id"]
    refused(org.enable_policy_type, "PolicyTypeNotAvailableForOrganizationException", RootId=root, PolicyType=SCP)
    refused(org.create_policy, "PolicyTypeNotAvailableForOrganizationException", Content=document("Allow", "*"), Description="", Name="x", Type=SCP)
    refused(org.enable_aws_service_access, "ConstraintViolationException", "ORGANIZATION_NOT_IN_ALL_FEATURES_MODE", ServicePrincipal="config.amazonaws.com")
    theirs = user("organizations")
    theirs.accept_handshake(HandshakeId=org.invite_account_to_organization(Target={"Type": "ACCOUNT", "Id": id})["Handshake"]["Id"])
    parent = org.enable_all_features()["Handshake"]
    assert (parent["Action"], parent["State"]) == ("ENABLE_ALL_FEATURES", "REQUESTED")
    refused(org.enable_all_features, "HandshakeConstraintViolationException", "ORGANIZATION_IS_ALREADY_PENDING_ALL_FEATURES_MIGRATION")
    refused(org.invite_account_to_organization, "HandshakeConstraintViolationException", "INVITE_DISABLED_DURING_ENABLE_ALL_FEATURES", Target={"Type": "EMAIL", "Id": "a@nowhere.example"})
    refused(org.accept_handshake, "InvalidHandshakeTransitionException", HandshakeId=parent["Id"])
    children = org.list_handshakes_for_organization(Filter={"ParentHandshakeId": parent["Id"]})["Handshakes"]
    assert [(c["Action"], c["Parties"][1]["Id"]) for c in children] == [("APPROVE_ALL_FEATURES", id)]
    theirs.accept_handshake(HandshakeId=children[0]["Id"])
    assert org.describe_handshake(HandshakeId=parent["Id"])["Handshake"]["State"] == "OPEN"
    org.accept_handshake(HandshakeId=parent["Id"])
    assert org.describe_organization()["Organization"]["FeatureSet"] == "ALL"
    org.enable_policy_type(RootId=root, PolicyType=SCP)
    refused(org.enable_all_features, "HandshakeConstraintViolationException", "ORGANIZATION_ALREADY_HAS_ALL_FEATURES")


def test_an_account_goes_from_one_organisation_to_another(fresh):
    other, user = standalone(fresh)
    theirs = user("organizations")
    second = theirs.create_organization()["Organization"]["Id"]
    mover = fresh.account()
    fresh.advance("96h")
    sent = theirs.invite_account_to_organization(Target={"Type": "ACCOUNT", "Id": mover})["Handshake"]["Id"]
    fresh.into(mover).accept_handshake(HandshakeId=sent)
    assert fresh.into(mover).describe_organization()["Organization"]["Id"] == second
    assert mover not in {a["Id"] for a in pages(fresh.org, "list_accounts", "Accounts")}
    departed = fresh.events("AccountDepartedOrganization")[0]["serviceEventDetails"]
    assert (departed["accountId"], departed["departureMethod"]) == (mover, "LEFT")
    # A management account goes nowhere while it has an organisation.
    back = fresh.org.invite_account_to_organization(Target={"Type": "ACCOUNT", "Id": other})["Handshake"]["Id"]
    refused(theirs.accept_handshake, "MasterCannotLeaveOrganizationException", HandshakeId=back)


# Trusted access and delegated administrators


def test_services_are_trusted_and_administered(company):
    org = company.org
    config, trail = "config.amazonaws.com", "cloudtrail.amazonaws.com"
    account = company.account()
    refused(org.register_delegated_administrator, "ConstraintViolationException", "SERVICE_ACCESS_NOT_ENABLED", AccountId=account, ServicePrincipal=config)
    for service in (config, trail):
        org.enable_aws_service_access(ServicePrincipal=service)
    assert {config, trail} <= {s["ServicePrincipal"] for s in pages(org, "list_aws_service_access_for_organization", "EnabledServicePrincipals")}
    for call in (org.enable_aws_service_access, org.disable_aws_service_access):
        refused(call, "InvalidInputException", "UNRECOGNIZED_SERVICE_PRINCIPAL", ServicePrincipal="nothing.amazonaws.com")
    refused(org.list_aws_service_access_for_organization, "InvalidInputException", MaxResults=99)
    pair = {"AccountId": account, "ServicePrincipal": config}
    org.register_delegated_administrator(**pair)
    refused(org.register_delegated_administrator, "AccountAlreadyRegisteredException", **pair)
    message = refused(org.register_delegated_administrator, "ConstraintViolationException", "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR", AccountId=ACCOUNT, ServicePrincipal=config)
    assert message == "You cannot register management account/yourself as delegated administrator for your organization."
    listed = org.list_delegated_administrators(ServicePrincipal=config)["DelegatedAdministrators"]
    assert [(d["Id"], d["State"]) for d in listed] == [(account, "ACTIVE")] and listed[0]["DelegationEnabledDate"]
    refused(org.list_delegated_administrators, "InvalidInputException", "UNRECOGNIZED_SERVICE_PRINCIPAL", ServicePrincipal="nothing.amazonaws.com")
    assert [s["ServicePrincipal"] for s in org.list_delegated_services_for_account(AccountId=account)["DelegatedServices"]] == [config]
    refused(org.list_delegated_services_for_account, "AccountNotRegisteredException", AccountId=company.account())
    refused(org.disable_aws_service_access, "ConstraintViolationException", ServicePrincipal=config)
    # It may look at everything, and change nothing.
    theirs = company.into(account)
    assert theirs.list_accounts()["Accounts"] and theirs.list_roots()["Roots"]
    refused(theirs.create_organizational_unit, "AccessDeniedException", ParentId=company.root, Name="mine")
    refused(theirs.create_account, "AccessDeniedException", AccountName="x", Email="x@nowhere.example")
    company.advance("96h")
    refused(org.remove_account_from_organization, "ConstraintViolationException", "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG", AccountId=account)
    org.deregister_delegated_administrator(**pair)
    refused(org.deregister_delegated_administrator, "AccountNotRegisteredException", **pair)
    assert "permissions to access this resource" in refused(company.into(account).list_accounts, "AccessDeniedException")
    org.disable_aws_service_access(ServicePrincipal=config)
    org.enable_aws_service_access(ServicePrincipal="guardduty.amazonaws.com")
    org.register_delegated_administrator(AccountId=account, ServicePrincipal="guardduty.amazonaws.com")
    refused(
        org.register_delegated_administrator, "ConstraintViolationException", "DELEGATED_ADMINISTRATOR_EXISTS_FOR_THIS_SERVICE",
        AccountId=company.account(), ServicePrincipal="guardduty.amazonaws.com",
    )
    org.deregister_delegated_administrator(AccountId=account, ServicePrincipal="guardduty.amazonaws.com")


def test_an_organisation_trail_needs_trust(fresh):
    s3, trail = fresh.range.client("s3"), fresh.range.client("cloudtrail")
    s3.create_bucket(Bucket="organisation-trail")
    statement = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:*", "Resource": ["arn:aws:s3:::organisation-trail", "arn:aws:s3:::organisation-trail/*"]}
    s3.put_bucket_policy(Bucket="organisation-trail", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    input = {"Name": "all", "S3BucketName": "organisation-trail", "IsOrganizationTrail": True}
    refused(trail.create_trail, "CloudTrailAccessNotEnabledException", **input)
    fresh.org.enable_aws_service_access(ServicePrincipal="cloudtrail.amazonaws.com")
    assert trail.create_trail(**input)["IsOrganizationTrail"]


def test_the_resource_policy_lets_members_manage_policies(company):
    org = company.org
    account, other = company.account(), company.account()
    theirs = company.into(account)
    for call in (org.describe_resource_policy, org.delete_resource_policy):
        refused(call, "ResourcePolicyNotFoundException")
    listing = lambda: theirs.list_policies(Filter=SCP)  # noqa: E731
    refused(listing, "AccessDeniedException")
    allow = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": ["organizations:List*", "organizations:CreatePolicy", "organizations:DeletePolicy"],
        "Resource": "*",
        "Condition": {"StringLikeIfExists": {"organizations:PolicyType": SCP}},
    }
    put = lambda **change: org.put_resource_policy(Content=json.dumps({"Version": "2012-10-17", "Statement": [{**allow, **change}]}))  # noqa: E731
    made = put()["ResourcePolicy"]
    summary = made["ResourcePolicySummary"]
    assert summary["Arn"] == f"arn:aws:organizations::{ACCOUNT}:resourcepolicy/{company.id}/{summary['Id']}"
    assert org.describe_resource_policy()["ResourcePolicy"] == made
    listing()
    made = theirs.create_policy(Content=document("Deny", "s3:*"), Description="", Name="theirs", Type=SCP)["Policy"]["PolicySummary"]["Id"]
    theirs.delete_policy(PolicyId=made)
    # Not another type, not another operation, not another account, and not whom the account's own policies do not let.
    refused(theirs.create_policy, "AccessDeniedException", Content='{"tags":{}}', Description="", Name="theirs", Type="TAG_POLICY")
    refused(theirs.update_policy, "AccessDeniedException", PolicyId="p-FullAWSAccess", Name="x")
    refused(theirs.create_organizational_unit, "AccessDeniedException", ParentId=company.root, Name="mine")
    refused(company.into(other).list_policies, "AccessDeniedException", Filter=SCP)
    low = company.user(account, "low")("organizations")
    assert "no identity-based policy allows" in refused(low.list_policies, "AccessDeniedException", Filter=SCP)
    refused(lambda: put(Action="organizations:CreateAccount"), "InvalidInputException", "UNSUPPORTED_ACTION_IN_RESOURCE_POLICY")
    refused(lambda: put(Principal={"AWS": "999999999999"}), "InvalidInputException", "INVALID_PRINCIPAL")
    refused(org.put_resource_policy, "InvalidInputException", "INVALID_RESOURCE_POLICY_JSON", Content="{")
    org.tag_resource(ResourceId=summary["Id"], Tags=[{"Key": "k", "Value": "v"}])
    assert org.list_tags_for_resource(ResourceId=summary["Id"])["Tags"] == [{"Key": "k", "Value": "v"}]
    org.delete_resource_policy()
    refused(listing, "AccessDeniedException")


# Responsibility transfers


def test_a_responsibility_is_transferred_and_taken_back(fresh):
    org = fresh.org
    id, user = standalone(fresh)
    theirs = user("organizations")
    theirs.create_organization()
    now = datetime.datetime.fromisoformat(fresh.range.control("clock")["now"])
    start = (now.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + datetime.timedelta(days=40)).replace(day=1)
    input = {"Type": "BILLING", "Target": {"Type": "ACCOUNT", "Id": id}, "SourceName": "Daughter", "StartTimestamp": start, "Notes": "Let us pay"}
    for change, reason in [
        ({"StartTimestamp": start + datetime.timedelta(hours=1)}, "START_DATE_NOT_BEGINNING_OF_DAY"),
        ({"StartTimestamp": start + datetime.timedelta(days=1)}, "START_DATE_NOT_BEGINNING_OF_MONTH"),
        ({"StartTimestamp": datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)}, "START_DATE_TOO_EARLY"),
        ({"Target": {"Type": "ORGANIZATION", "Id": fresh.id}}, "INVALID_PARTY_TYPE_TARGET"),
    ]:
        refused(org.invite_organization_to_transfer_responsibility, "InvalidInputException", reason, **{**input, **change})
    sent = org.invite_organization_to_transfer_responsibility(**input)["Handshake"]
    assert sent["Action"] == "TRANSFER_RESPONSIBILITY"
    listed = org.list_inbound_responsibility_transfers(Type="BILLING")["ResponsibilityTransfers"]
    transfer = listed[0]["Id"]
    assert (listed[0]["Status"], listed[0]["Name"], listed[0]["ActiveHandshakeId"]) == ("REQUESTED", "Daughter", sent["Id"])
    refused(org.terminate_responsibility_transfer, "InvalidResponsibilityTransferTransitionException", Id=transfer)
    refused(org.delete_organization, "ConstraintViolationException", "ACTIVE_RESPONSIBILITY_TRANSFER_PROCESS")
    assert theirs.list_outbound_responsibility_transfers(Type="BILLING")["ResponsibilityTransfers"] == []
    theirs.accept_handshake(HandshakeId=sent["Id"])
    shown = theirs.list_outbound_responsibility_transfers(Type="BILLING")["ResponsibilityTransfers"][0]
    assert (shown["Status"], shown["Source"]["ManagementAccountId"], shown["Target"]["ManagementAccountId"]) == ("ACCEPTED", id, ACCOUNT)
    assert "/billing/outbound/" in shown["Arn"]
    assert org.update_responsibility_transfer(Id=transfer, Name="Child")["ResponsibilityTransfer"]["Name"] == "Child"
    refused(theirs.update_responsibility_transfer, "AccessDeniedException", Id=transfer, Name="x")
    refused(org.terminate_responsibility_transfer, "InvalidInputException", "END_DATE_NOT_END_OF_MONTH", Id=transfer, EndTimestamp=start)
    assert org.terminate_responsibility_transfer(Id=transfer)["ResponsibilityTransfer"]["Status"] == "WITHDRAWN"
    refused(org.terminate_responsibility_transfer, "ResponsibilityTransferAlreadyInStatusException", Id=transfer)
    refused(org.update_responsibility_transfer, "ConstraintViolationException", "TRANSFER_RESPONSIBILITY_UPDATE_NOT_ALLOWED", Id=transfer, Name="x")
    assert org.describe_responsibility_transfer(Id=transfer)["ResponsibilityTransfer"]["Status"] == "WITHDRAWN"
    for call in (org.describe_responsibility_transfer, org.terminate_responsibility_transfer):
        refused(call, "ResponsibilityTransferNotFoundException", Id="rt-00000000")
    refused(org.list_inbound_responsibility_transfers, "InvalidInputException", Type="HUGS")
    refused(theirs.list_outbound_responsibility_transfers, "InvalidInputException", Type="HUGS")
    for name in ("ResponsibilityTransferAccepted", "ResponsibilityTransferTerminated"):
        for trail in (None, user("cloudtrail")):
            assert fresh.events(name, trail)[0]["serviceEventDetails"]["responsibilityTransfer"]["id"] == transfer


# Who may


def test_members_see_their_organisation_and_nothing_else_of_it(company):
    account = company.account()
    theirs = company.into(account)
    assert theirs.describe_organization()["Organization"]["Id"] == company.id
    assert theirs.list_handshakes_for_account()["Handshakes"] == []
    for call, input in [
        (theirs.list_accounts, {}),
        (theirs.list_roots, {}),
        (theirs.describe_account, {"AccountId": account}),
        (theirs.create_policy, {"Content": document("Allow", "*"), "Description": "", "Name": "x", "Type": SCP}),
        (theirs.enable_aws_service_access, {"ServicePrincipal": "config.amazonaws.com"}),
        (theirs.list_delegated_administrators, {}),
        (theirs.list_handshakes_for_organization, {}),
        (theirs.close_account, {"AccountId": ACCOUNT}),
    ]:
        assert refused(call, "AccessDeniedException", **input) == "You don't have permissions to access this resource."


def test_tags_decide_who_may_make_what(company):
    iam = company.range.client("iam")
    iam.create_user(UserName="tagger")
    statements = [
        {"Effect": "Allow", "Action": ["organizations:CreateOrganizationalUnit", "organizations:TagResource"], "Resource": "*", "Condition": {"StringEqualsIfExists": {"aws:RequestTag/team": "red"}}},
        {"Effect": "Allow", "Action": "organizations:DeleteOrganizationalUnit", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "red"}}},
    ]
    iam.put_user_policy(UserName="tagger", PolicyName="own", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    key = iam.create_access_key(UserName="tagger")["AccessKey"]
    theirs = company.range.client("organizations", key["AccessKeyId"], key["SecretAccessKey"])
    make = lambda name, team: theirs.create_organizational_unit(ParentId=company.root, Name=name, Tags=[{"Key": "team", "Value": team}])["OrganizationalUnit"]["Id"]  # noqa: E731
    refused(lambda: make("blue", "blue"), "AccessDeniedException")
    red = make("red", "red")
    blue = company.unit(Tags=[{"Key": "team", "Value": "blue"}])
    refused(theirs.delete_organizational_unit, "AccessDeniedException", OrganizationalUnitId=blue)
    theirs.delete_organizational_unit(OrganizationalUnitId=red)
    # Who may make, but not tag, makes nothing with tags.
    statements[0]["Action"] = "organizations:CreateOrganizationalUnit"
    iam.put_user_policy(UserName="tagger", PolicyName="own", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    assert "organizations:TagResource" in refused(lambda: make("red", "red"), "AccessDeniedException")


def test_tags_have_their_rules(company):
    org = company.org
    for id in (company.root, company.unit(), company.account(), company.policy(document("Allow", "*"))):
        org.tag_resource(ResourceId=id, Tags=[{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}])
        assert org.list_tags_for_resource(ResourceId=id)["Tags"] == [{"Key": "A", "Value": "2"}, {"Key": "a", "Value": "1"}]
        org.untag_resource(ResourceId=id, TagKeys=["a", "A", "none"])
        assert org.list_tags_for_resource(ResourceId=id)["Tags"] == []
    refused(org.tag_resource, "InvalidInputException", "DUPLICATE_TAG_KEY", ResourceId=company.root, Tags=[{"Key": "a", "Value": ""}] * 2)
    refused(org.tag_resource, "InvalidInputException", "INVALID_SYSTEM_TAGS_PARAMETER", ResourceId=company.root, Tags=[{"Key": "aws:a", "Value": ""}])
    many = [{"Key": f"k{n}", "Value": ""} for n in itertools.islice(itertools.count(), 51)]
    refused(org.tag_resource, "ConstraintViolationException", "MAX_TAG_LIMIT_EXCEEDED", ResourceId=company.root, Tags=many)
    for call, input in [(org.tag_resource, {"Tags": [{"Key": "k", "Value": "v"}]}), (org.untag_resource, {"TagKeys": ["k"]}), (org.list_tags_for_resource, {})]:
        refused(call, "TargetNotFoundException", ResourceId="p-00000000", **input)
