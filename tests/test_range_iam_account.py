"""Settings of the account in the range, and the reports over an organisation."""

import json

import pytest

from conftest import eventually
from iam_clients import account, iam, low_client, refused


def test_the_token_version_of_the_global_endpoint(range, iam):
    def version():
        return iam.get_account_summary()["SummaryMap"]["GlobalEndpointTokenVersion"]

    assert version() == 1
    iam.set_security_token_service_preferences(GlobalEndpointTokenVersion="v2Token")
    assert version() == 2
    refused(iam.set_security_token_service_preferences, "ValidationError", status=400, GlobalEndpointTokenVersion="v3Token")
    done = range.cli("iam", "set-security-token-service-preferences", "--global-endpoint-token-version", "v1Token")
    assert done.returncode == 0 and version() == 1, done.stderr


def test_account_properties(range, iam):
    assert iam.get_account_properties()["Properties"] == {"RoleManager/Enabled": "false"}
    iam.put_account_properties(Properties={"RoleManager/Enabled": "true"})
    assert iam.get_account_properties()["Properties"] == {"RoleManager/Enabled": "true"}
    for bad in ({"RoleManager/Enabled": "perhaps"}, {"RoleManager/Colour": "red"}, {"RoleManager": "true"}):
        refused(iam.put_account_properties, "InvalidInput", status=400, Properties=bad)
    low = low_client(range, iam, "looker")
    for call in (low.get_account_properties, low.get_account_summary, low.generate_credential_report):
        refused(call, "AccessDenied", status=403)


def test_bad_markers_and_ids(iam):
    for call in (iam.list_account_aliases, iam.list_groups, iam.list_users, iam.list_roles, iam.list_policies):
        refused(call, "ValidationError", "Invalid Marker.", 400, Marker="!!!")
    refused(iam.get_access_key_last_used, "ValidationError", status=400, AccessKeyId="short")
    unknown = refused(iam.get_access_key_last_used, "AccessDenied", status=403, AccessKeyId="AKIAIOSFODNN7EXAMPLE")
    assert unknown.endswith("is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key AKIAIOSFODNN7EXAMPLE")


@pytest.fixture(scope="module")
def organization(range):
    """An organisation with one member: the path of its root, and the member's id and keys."""
    organizations = range.client("organizations")
    made = organizations.create_organization()["Organization"]
    request = organizations.create_account(AccountName="member", Email="member@example.com")["CreateAccountStatus"]["Id"]
    member = eventually(
        lambda: organizations.describe_create_account_status(CreateAccountRequestId=request)["CreateAccountStatus"].get("AccountId")
    )
    root = organizations.list_roots()["Roots"][0]["Id"]
    organizations.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    role = f"arn:aws:iam::{member}:role/OrganizationAccountAccessRole"
    keys = range.client("sts").assume_role(RoleArn=role, RoleSessionName="audit")["Credentials"]
    return f"{made['Id']}/{root}", member, keys


def test_access_reports_over_an_organisation(range, iam, organization):
    root, member, keys = organization
    session = (keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    range.client("iam", *session, region="us-east-1").list_users()
    job = iam.generate_organizations_access_report(EntityPath=f"{root}/{member}")["JobId"]
    report = iam.get_organizations_access_report(JobId=job, SortKey="LAST_AUTHENTICATED_TIME_DESCENDING")
    assert report["JobStatus"] == "COMPLETED"
    first = report["AccessDetails"][0]
    assert (first["ServiceNamespace"], first["EntityPath"], first["TotalAuthenticatedEntities"]) == ("iam", f"{root}/{member}/", 1)
    assert report["NumberOfServicesAccessible"] - report["NumberOfServicesNotAccessed"] == 1
    unused = [s for s in report["AccessDetails"] if s["ServiceNamespace"] == "guardduty"]
    assert unused == [{"ServiceName": "Amazon GuardDuty", "ServiceNamespace": "guardduty", "TotalAuthenticatedEntities": 0}]

    deny = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "guardduty:*", "Resource": "*"}]})
    organizations = range.client("organizations")
    scp = organizations.create_policy(Name="no-guardduty", Description="", Type="SERVICE_CONTROL_POLICY", Content=deny)
    organizations.attach_policy(PolicyId=scp["Policy"]["PolicySummary"]["Id"], TargetId=member)
    job = iam.generate_organizations_access_report(EntityPath=f"{root}/{member}")["JobId"]
    services = iam.get_organizations_access_report(JobId=job)["AccessDetails"]
    assert "guardduty" not in {s["ServiceNamespace"] for s in services}

    job = iam.generate_organizations_access_report(EntityPath=f"{root}/999999999999")["JobId"]
    failed = iam.get_organizations_access_report(JobId=job)
    assert (failed["JobStatus"], failed["ErrorDetails"]["Code"]) == ("FAILED", "NoSuchEntity")
    refused(iam.get_organizations_access_report, "NoSuchEntity", status=404, JobId="00000000-0000-0000-0000-000000000000")
    refused(iam.generate_organizations_access_report, "ValidationError", EntityPath="nowhere")
