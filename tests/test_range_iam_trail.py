"""What the trail says of IAM calls: parameters and answers as AWS shows them, and no secret anywhere."""

import json

import pytest

from iam_clients import certificate, iam, key_pem, low_client, refused

SECRETS = ("G00d-enough!", "An0ther-one!", "PRIVATE KEY")


@pytest.fixture(scope="module")
def events(range, iam):
    """Calls with secrets in them, as the event history shows them: the last of each name."""
    low = low_client(range, iam, "secretive", "iam", {"Effect": "Allow", "Action": "iam:ChangePassword", "Resource": "*"})
    iam.create_login_profile(UserName="secretive", Password="G00d-enough!")
    low.change_password(OldPassword="G00d-enough!", NewPassword="An0ther-one!")
    refused(low.change_password, "AccessDenied", OldPassword="G00d-enough!", NewPassword="An0ther-one!")
    iam.update_login_profile(UserName="secretive", Password="G00d-enough!", PasswordResetRequired=True)
    body, key = certificate("trail.example")
    iam.upload_server_certificate(ServerCertificateName="trail", CertificateBody=body, PrivateKey=key_pem(key))
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]
    credential = iam.create_service_specific_credential(UserName="secretive", ServiceName="codecommit.amazonaws.com")
    credential = credential["ServiceSpecificCredential"]
    task = iam.create_service_linked_role(AWSServiceName="ecs.amazonaws.com")["Role"]["RoleName"]
    iam.delete_service_linked_role(RoleName=task)
    secrets = SECRETS + (device["Base32StringSeed"].decode(), credential["ServicePassword"])
    pages = range.client("cloudtrail").get_paginator("lookup_events").paginate()
    found = [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]
    text = json.dumps(found)
    for secret in secrets:
        assert secret not in text
    return {event["eventName"]: event for event in reversed(found)}


def test_passwords_leave_no_trace(events):
    created = events["CreateLoginProfile"]
    assert created["requestParameters"] == {"userName": "secretive"}
    assert created["responseElements"]["loginProfile"]["userName"] == "secretive"
    changed = events["ChangePassword"]
    assert changed["requestParameters"] is None and changed["responseElements"] is None
    assert (changed["errorCode"], changed["errorMessage"]) == ("AccessDenied", "The old password was incorrect.")
    assert events["UpdateLoginProfile"]["requestParameters"] == {"userName": "secretive", "passwordResetRequired": True}


def test_certificates_are_shown_without_their_keys(events):
    uploaded = events["UploadServerCertificate"]
    assert set(uploaded["requestParameters"]) == {"serverCertificateName", "certificateBody"}
    assert uploaded["responseElements"]["serverCertificateMetadata"]["serverCertificateName"] == "trail"


def test_seeds_and_service_passwords_are_left_out(events):
    device = events["CreateVirtualMFADevice"]["responseElements"]["virtualMFADevice"]
    assert set(device) == {"serialNumber"}
    credential = events["CreateServiceSpecificCredential"]["responseElements"]["serviceSpecificCredential"]
    assert credential["serviceName"] == "codecommit.amazonaws.com" and "servicePassword" not in credential


def test_writes_show_their_answers_and_reads_do_not(events):
    made = events["CreateServiceLinkedRole"]
    assert made["requestParameters"] == {"aWSServiceName": "ecs.amazonaws.com"}
    assert made["responseElements"]["role"]["roleName"] == "AWSServiceRoleForECS"
    assert events["DeleteServiceLinkedRole"]["responseElements"]["deletionTaskId"].startswith("task/aws-service-role/")
    assert made["readOnly"] is False and made["awsRegion"] == "us-east-1" and made["eventSource"] == "iam.amazonaws.com"
