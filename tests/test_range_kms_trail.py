"""What KMS leaves in the trail of the range."""

import json

import pytest

from iam_clients import UNCHECKED, account, refused  # noqa: F401
from kms_clients import DAY, Caller, advance, arn_of, key, kms, make, own_policy  # noqa: F401


@pytest.fixture
def trail(range):
    """The records of an event's name, the newest first."""
    cloudtrail = range.client("cloudtrail")

    def records(name):
        found = cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}])["Events"]
        return [json.loads(event["CloudTrailEvent"]) for event in found]

    return records


def resource(kms, key, account):
    return {"accountId": account, "type": "AWS::KMS::Key", "ARN": arn_of(kms, key)}


def test_the_use_of_a_key_shows_its_context_and_nothing_secret(kms, key, account, trail):
    arn, context = arn_of(kms, key), {"tenant": "a"}
    blob = kms.encrypt(KeyId=key, Plaintext=b"a-secret-text", EncryptionContext=context)["CiphertextBlob"]
    kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
    kms.generate_data_key(KeyId=arn, KeySpec="AES_256", EncryptionContext=context)
    material = {"keyMaterialId": kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]}
    for name, asked in [
        ("Encrypt", {"encryptionContext": context, "keyId": key, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"}),
        ("Decrypt", {"encryptionContext": context, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"}),
        ("GenerateDataKey", {"encryptionContext": context, "keyId": arn, "keySpec": "AES_256"}),
    ]:
        record = trail(name)[0]
        assert record["requestParameters"] == asked
        assert record["responseElements"] is None and record["readOnly"] is True and record["managementEvent"] is True
        assert record["resources"] == [resource(kms, key, account)]
        assert (record["eventSource"], record["additionalEventData"]) == ("kms.amazonaws.com", material)
        assert "a-secret-text" not in json.dumps(record)


def test_both_keys_of_a_move_are_named(kms, key, account, trail):
    other = make(kms)
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=other)
    record = trail("ReEncrypt")[0]
    assert record["resources"] == [resource(kms, key, account), resource(kms, other, account)]
    assert set(record["additionalEventData"]) == {"sourceKeyMaterialId", "destinationKeyMaterialId"}


def test_changes_name_their_key(kms, account, trail):
    key = kms.create_key(Description="told")["KeyMetadata"]["KeyId"]
    made = trail("CreateKey")[0]
    assert made["requestParameters"]["keySpec"] == "SYMMETRIC_DEFAULT" and made["requestParameters"]["description"] == "told"
    assert made["requestParameters"]["bypassPolicyLockoutSafetyCheck"] is False
    assert made["responseElements"]["keyMetadata"]["aWSAccountId"] == account
    assert made["resources"] == [resource(kms, key, account)] and made["readOnly"] is False
    kms.disable_key(KeyId=key)
    assert trail("DisableKey")[0]["responseElements"] == {"keyId": arn_of(kms, key)}
    kms.create_alias(AliasName="alias/told", TargetKeyId=key)
    assert trail("CreateAlias")[0]["resources"] == [resource(kms, key, account)]


def test_a_grants_token_is_not_told(kms, key, account, trail):
    made = kms.create_grant(KeyId=key, GranteePrincipal=f"arn:aws:iam::{account}:root", Operations=["Decrypt"])
    record = trail("CreateGrant")[0]
    assert record["responseElements"] == {"grantId": made["GrantId"], "keyId": arn_of(kms, key)}
    assert record["requestParameters"]["operations"] == ["Decrypt"]
    kms.retire_grant(GrantToken=made["GrantToken"])
    assert made["GrantToken"] not in json.dumps([record, trail("RetireGrant")[0]])


def test_a_refusal_is_told_with_its_key(range, kms, key, account, trail):
    anna = Caller(range)
    refused(anna.kms.encrypt, "AccessDeniedException", KeyId=key, Plaintext=b"x")
    record = trail("Encrypt")[0]
    assert record["errorCode"] == "AccessDenied" and "is not authorized to perform: kms:Encrypt" in record["errorMessage"]
    assert record["requestParameters"] is None and record["resources"] == [resource(kms, key, account)]
    kms.disable_key(KeyId=key)
    refused(kms.encrypt, "DisabledException", KeyId=key, Plaintext=b"x")
    record = trail("Encrypt")[0]
    assert record["errorCode"] == "DisabledException" and record["requestParameters"]["keyId"] == key


def test_what_the_clock_does_is_told_as_kms_own(range, kms, account, trail):
    rotated, gone = make(kms), make(kms)
    there = resource(kms, rotated, account)
    kms.enable_key_rotation(KeyId=rotated, RotationPeriodInDays=90)
    arn = arn_of(kms, gone)
    kms.schedule_key_deletion(KeyId=gone, PendingWindowInDays=7)
    advance(range, 91 * DAY)
    record = trail("RotateKey")[0]
    assert record["eventType"] == "AwsServiceEvent" and record["userIdentity"] == {"accountId": account, "invokedBy": "AWS Internal"}
    details = record["serviceEventDetails"]
    assert (details["rotationType"], details["keyOrigin"], details["keyId"]) == ("AUTOMATIC", "AWS_KMS", rotated)
    assert details["previousKeyMaterialId"] != details["currentKeyMaterialId"] and record["resources"] == [there]
    record = trail("DeleteKey")[0]
    assert record["serviceEventDetails"] == {"keyId": gone} and record["resources"][0]["ARN"] == arn
    assert (record["awsRegion"], record["sourceIPAddress"], record["readOnly"]) == ("us-east-1", "AWS Internal", False)
    kms.rotate_key_on_demand(KeyId=rotated)
    assert trail("RotateKey")[0]["serviceEventDetails"]["rotationType"] == "ON_DEMAND"


def test_events_are_told_in_their_region(range, account):
    there = range.client("kms", region="eu-west-1", config=UNCHECKED)
    key = make(there)
    there.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    advance(range, 8 * DAY)
    found = range.client("cloudtrail", region="eu-west-1").lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "DeleteKey"}])
    assert [json.loads(e["CloudTrailEvent"])["awsRegion"] for e in found["Events"]] == ["eu-west-1"]
