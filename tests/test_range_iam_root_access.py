"""Central root access in the range: the two features, who may switch them, and what must be there first."""

import pytest

from conftest import eventually
from iam_clients import UNCHECKED, account, iam, refused

SWITCHES = (
    "enable_organizations_root_credentials_management",
    "enable_organizations_root_sessions",
    "disable_organizations_root_credentials_management",
    "disable_organizations_root_sessions",
)


@pytest.fixture(scope="module")
def member(range, iam):
    """An organisation's member: its id, and a client of its administrator."""
    organizations = range.client("organizations")
    for name in (*SWITCHES, "list_organizations_features"):
        refused(getattr(iam, name), "OrganizationNotFoundException", status=400)
    organizations.create_organization()
    request = organizations.create_account(AccountName="member", Email="member@example.com")["CreateAccountStatus"]["Id"]
    id = eventually(
        lambda: organizations.describe_create_account_status(CreateAccountRequestId=request)["CreateAccountStatus"].get("AccountId")
    )
    role = f"arn:aws:iam::{id}:role/OrganizationAccountAccessRole"
    keys = range.client("sts").assume_role(RoleArn=role, RoleSessionName="member")["Credentials"]
    return id, range.client("iam", keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], config=UNCHECKED)


def test_features_are_switched_by_the_management_account_alone(range, iam, member):
    id, client = member
    organizations = range.client("organizations")
    for name in (*SWITCHES, "list_organizations_features"):
        refused(getattr(client, name), "AccountNotManagementOrDelegatedAdministratorException", status=400)
        refused(getattr(iam, name), "ServiceAccessNotEnabledException", status=400)
    organizations.enable_aws_service_access(ServicePrincipal="iam.amazonaws.com")
    assert iam.list_organizations_features()["EnabledFeatures"] == []
    on = iam.enable_organizations_root_credentials_management()
    assert on["OrganizationId"].startswith("o-") and on["EnabledFeatures"] == ["RootCredentialsManagement"]
    sts = range.client("sts")

    def root(task):
        arn = {"arn": f"arn:aws:iam::aws:policy/root-task/{task}"}
        return sts.assume_root(TargetPrincipal=id, TaskPolicyArn=arn, DurationSeconds=900)["Credentials"]

    keys = root("IAMAuditRootUserCredentials")
    audit = range.client("iam", keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    assert audit.get_account_summary()["SummaryMap"]["AccountAccessKeysPresent"] == 0
    refused(audit.list_roles, "AccessDenied")
    refused(lambda: root("S3UnlockBucketPolicy"), "AccessDenied", status=403)
    assert iam.enable_organizations_root_sessions()["EnabledFeatures"] == ["RootCredentialsManagement", "RootSessions"]
    root("S3UnlockBucketPolicy")
    organizations.register_delegated_administrator(AccountId=id, ServicePrincipal="iam.amazonaws.com")
    assert client.list_organizations_features()["EnabledFeatures"] == ["RootCredentialsManagement", "RootSessions"]
    refused(client.disable_organizations_root_sessions, "CallerIsNotManagementAccountException", status=400)
    assert iam.disable_organizations_root_sessions()["EnabledFeatures"] == ["RootCredentialsManagement"]
    assert iam.disable_organizations_root_credentials_management()["EnabledFeatures"] == []
    done = range.cli("iam", "list-organizations-features", "--query", "EnabledFeatures", "--output", "json")
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
