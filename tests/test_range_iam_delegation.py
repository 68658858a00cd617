"""Delegation requests in the range: a partner asks, a customer decides, a token goes out."""

import itertools
import json

import pytest

from conftest import eventually
from iam_clients import UNCHECKED, account, iam, low_client, refused

workflows = itertools.count()
TEMPLATE = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": ["arn:aws:s3:::@{bucket}", "arn:aws:s3:::@{bucket}/*"]}],
    }
)


@pytest.fixture(scope="module")
def partner(range, iam):
    """A client in another account of the range, whose managed policy is the template of what it asks for."""
    organizations = range.client("organizations")
    organizations.create_organization()
    made = organizations.create_account(AccountName="partner", Email="partner@example.com")["CreateAccountStatus"]
    done = eventually(
        lambda: organizations.describe_create_account_status(CreateAccountRequestId=made["Id"])["CreateAccountStatus"].get("AccountId")
    )
    role = f"arn:aws:iam::{done}:role/OrganizationAccountAccessRole"
    keys = range.client("sts").assume_role(RoleArn=role, RoleSessionName="partner")["Credentials"]
    client = range.client("iam", keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], config=UNCHECKED)
    client.template = client.create_policy(PolicyName="backup", PolicyDocument=TEMPLATE)["Policy"]["Arn"]
    return client


def asked(partner, **more):
    """What a partner asks for."""
    request = {
        "Description": "Backups of your bucket.",
        "Permissions": {
            "PolicyTemplateArn": partner.template,
            "Parameters": [{"Name": "@{bucket}", "Values": ["one", "two"], "Type": "stringList"}],
        },
        "RequestorWorkflowId": f"workflow-{next(workflows)}",
        "NotificationChannel": "arn:aws:sns:us-east-1:111122223333:partner",
        "SessionDuration": 3600,
    }
    return request | more


def state(iam, id):
    return iam.get_delegation_request(DelegationRequestId=id)["DelegationRequest"]["State"]


def test_a_request_from_its_making_to_its_token(range, iam, partner, account):
    request = asked(partner, OwnerAccountId=account, RequestMessage="please")
    made = partner.create_delegation_request(**request)
    id = made["DelegationRequestId"]
    assert made["ConsoleDeepLink"].endswith(id)
    one = {"DelegationRequestId": id}
    refused(partner.create_delegation_request, "EntityAlreadyExists", status=409, **request)
    shown = iam.get_delegation_request(**one, DelegationPermissionCheck=True)
    assert (shown["PermissionCheckStatus"], shown["PermissionCheckResult"]) == ("COMPLETE", "ALLOWED")
    asks = json.loads(shown["DelegationRequest"]["PermissionPolicy"])["Statement"][0]["Resource"]
    assert asks == ["arn:aws:s3:::one", "arn:aws:s3:::two", "arn:aws:s3:::one/*", "arn:aws:s3:::two/*"]
    assert "OwnerId" not in shown["DelegationRequest"] and shown["DelegationRequest"]["State"] == "UNASSIGNED"
    assert iam.list_delegation_requests()["DelegationRequests"] == []
    # It is for one account: the partner itself does not see it.
    refused(partner.get_delegation_request, "NoSuchEntity", status=404, **one)
    refused(iam.accept_delegation_request, "InvalidInput", status=400, **one)

    iam.associate_delegation_request(**one)
    refused(iam.associate_delegation_request, "InvalidInput", **one)
    iam.update_delegation_request(**one, Notes="for the administrator")
    assert state(iam, id) == "PENDING_APPROVAL"
    refused(iam.send_delegation_token, "InvalidInput", status=400, **one)
    iam.accept_delegation_request(**one)
    iam.send_delegation_token(**one)
    assert state(iam, id) == "FINALIZED"
    refused(iam.update_delegation_request, "InvalidInput", **one)
    sent, = [n for n in range.control("notifications")["notifications"] if n["message"]["delegationRequestId"] == id]
    assert sent["topicArn"] == request["NotificationChannel"] and len(sent["message"]["exchangeToken"]) > 100
    listed, = iam.list_delegation_requests()["DelegationRequests"]
    assert (listed["Notes"], listed["OwnerId"]) == ("for the administrator", f"arn:aws:iam::{account}:user/admin")
    assert sent["message"]["exchangeToken"] not in json.dumps(listed, default=str)
    refused(iam.list_delegation_requests, "ValidationError", Marker="!!!")

    arn = f"arn:aws:iam::{account}:delegation-request/{id}"
    summary = iam.get_human_readable_summary(EntityArn=arn)
    assert summary["SummaryState"] == "AVAILABLE" and "Amazon S3: GetObject, ListBucket" in summary["SummaryContent"]
    refused(iam.get_human_readable_summary, "InvalidInput", EntityArn=f"arn:aws:iam::{account}:user/admin")
    refused(iam.get_human_readable_summary, "NoSuchEntity", EntityArn=arn + "0")


def test_what_is_refused_stays_refused(iam, partner):
    id = partner.create_delegation_request(**asked(partner))["DelegationRequestId"]
    one = {"DelegationRequestId": id}
    refused(iam.reject_delegation_request, "InvalidInput", **one)
    iam.associate_delegation_request(**one)
    iam.reject_delegation_request(**one, Notes="too much")
    shown = iam.get_delegation_request(**one)["DelegationRequest"]
    assert (shown["State"], shown["RejectionReason"]) == ("REJECTED", "too much")
    refused(iam.accept_delegation_request, "InvalidInput", **one)
    none = {"DelegationRequestId": "00000000-0000-0000-0000-000000000000"}
    for call in (
        iam.accept_delegation_request,
        iam.associate_delegation_request,
        iam.get_delegation_request,
        iam.reject_delegation_request,
        iam.send_delegation_token,
        iam.update_delegation_request,
    ):
        refused(call, "NoSuchEntity", status=404, **none)


def test_what_is_asked_for_must_be_sound(partner):
    create = partner.create_delegation_request
    refused(create, "InvalidInput", **asked(partner, NotificationChannel="arn:aws:sqs:us-east-1:111122223333:q"))
    refused(create, "InvalidInput", **asked(partner, Permissions={"PolicyTemplateArn": partner.template}))
    refused(create, "InvalidInput", **asked(partner, Permissions={"PolicyTemplateArn": partner.template + "-none"}))
    refused(create, "ValidationError", **asked(partner, SessionDuration=10))


def test_the_owner_alone_looks_without_a_policy_and_may_be_the_only_sender(range, iam, partner):
    id = partner.create_delegation_request(**asked(partner, OnlySendByOwner=True))["DelegationRequestId"]
    one = {"DelegationRequestId": id}
    take = {"Effect": "Allow", "Action": "iam:AssociateDelegationRequest", "Resource": "*"}
    owner = low_client(range, iam, "owner", "iam", take)
    other = low_client(range, iam, "other", "iam", take)
    refused(owner.get_delegation_request, "AccessDenied", **one)
    owner.associate_delegation_request(**one)
    shown = owner.get_delegation_request(**one, DelegationPermissionCheck=True)
    assert shown["PermissionCheckResult"] == "DENIED"
    refused(other.get_delegation_request, "AccessDenied", **one)
    refused(owner.accept_delegation_request, "AccessDenied", **one)
    owner.update_delegation_request(**one)
    iam.accept_delegation_request(**one)
    only = f"Only the owner of delegation request {id} may send its token."
    refused(iam.send_delegation_token, "AccessDenied", only, 403, **one)
