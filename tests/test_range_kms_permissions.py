"""Who may use a key in the range: key policies, IAM policies, grants, other accounts, conditions, AWS's own keys."""

import json

import pytest

from iam_clients import UNCHECKED, account, refused  # noqa: F401
from kms_clients import Caller, NOBODY, advance, arn_of, document, key, kms, make, own_policy, statement  # noqa: F401

USE = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"]


@pytest.fixture
def anna(range):
    """A user who may use no key."""
    return Caller(range)


def not_allowed(caller, action, arn, kind="identity-based"):
    return f"User: {caller.arn} is not authorized to perform: {action} on resource: {arn} because no {kind} policy allows the {action} action"


def test_a_policy_of_iam_counts_where_the_key_leaves_it_to_the_account(range, kms, account, anna):
    key = make(kms)
    arn = arn_of(kms, key)
    refused(anna.kms.encrypt, "AccessDeniedException", not_allowed(anna, "kms:Encrypt", arn), 400, KeyId=key, Plaintext=b"x")
    bert = Caller(range, statement(USE, arn))
    blob = bert.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert bert.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    # Who names no key is told of none.
    words = f"User: {anna.arn} is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext because no identity-based policy allows the kms:Decrypt action"
    refused(anna.kms.decrypt, "AccessDeniedException", words, CiphertextBlob=blob)
    refused(anna.kms.decrypt, "AccessDeniedException", not_allowed(anna, "kms:Decrypt", arn), CiphertextBlob=blob, KeyId=key)
    # Once the key does not leave it to the account, what IAM allows is nothing.
    closed = document(statement("kms:*", Principal={"AWS": anna.arn}))
    kms.put_key_policy(KeyId=key, Policy=closed, BypassPolicyLockoutSafetyCheck=True)
    words = not_allowed(bert, "kms:Encrypt", arn, "resource-based")
    refused(bert.kms.encrypt, "AccessDeniedException", words, KeyId=key, Plaintext=b"x")
    refused(kms.encrypt, "AccessDeniedException", KeyId=key, Plaintext=b"x")
    assert anna.kms.encrypt(KeyId=key, Plaintext=b"x")["KeyId"] == arn
    # A denial of the key's policy stands above all.
    denied = own_policy(account, statement("kms:Encrypt", effect="Deny", Principal={"AWS": bert.arn}))
    anna.kms.put_key_policy(KeyId=key, Policy=denied, BypassPolicyLockoutSafetyCheck=True)
    assert "with an explicit deny in a resource-based policy" in refused(bert.kms.encrypt, "AccessDeniedException", KeyId=key, Plaintext=b"x")
    assert bert.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_a_key_policy_is_kept_shown_and_checked(range, kms, account, key, anna):
    usual = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    assert usual["Id"] == "key-default-1" and usual["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{account}:root"}
    assert kms.list_key_policies(KeyId=key)["PolicyNames"] == ["default"]
    text = own_policy(account, statement("kms:Decrypt", Principal={"AWS": anna.arn}))
    kms.put_key_policy(KeyId=key, Policy=text, PolicyName="default")
    assert json.loads(kms.get_key_policy(KeyId=key)["Policy"]) == json.loads(text)
    # Who is deleted is shown by the id, and who comes after is a stranger.
    iam = range.client("iam")
    for access in iam.list_access_keys(UserName=anna.name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=anna.name, AccessKeyId=access["AccessKeyId"])
    iam.delete_user(UserName=anna.name)
    assert json.loads(kms.get_key_policy(KeyId=key)["Policy"])["Statement"][1]["Principal"]["AWS"].startswith("AIDA")
    put = kms.put_key_policy
    lockout = "The new key policy will not allow you to update the key policy in the future."
    refused(put, "MalformedPolicyDocumentException", lockout, KeyId=key, Policy=document(statement("kms:Decrypt", Principal="*")))
    refused(put, "MalformedPolicyDocumentException", KeyId=key, Policy="{}")
    refused(put, "ValidationException", KeyId=key, Policy=text, PolicyName="other")
    refused(put, "NotFoundException", KeyId=NOBODY, Policy=text)
    refused(kms.get_key_policy, "NotFoundException", "No such policy exists", KeyId=key, PolicyName="other")
    refused(kms.list_key_policies, "NotFoundException", KeyId=NOBODY)


CONDITIONS = [
    ({"StringEquals": {"kms:EncryptionContext:tenant": "a"}}, {"EncryptionContext": {"tenant": "a"}}, {"EncryptionContext": {"tenant": "b"}}),
    ({"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["tenant"]}, "Null": {"kms:EncryptionContextKeys": "false"}},
     {"EncryptionContext": {"tenant": "a"}}, {"EncryptionContext": {"tenant": "a", "more": "b"}}),
    ({"StringEquals": {"kms:RequestAlias": "alias/conditions"}}, {"KeyId": "alias/conditions"}, {}),
    ({"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/conditions"}}, {}, None),
    ({"StringEquals": {"kms:EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}}, None, {}),
    ({"StringEquals": {"kms:KeySpec": "SYMMETRIC_DEFAULT", "kms:KeyUsage": "ENCRYPT_DECRYPT", "kms:KeyOrigin": "AWS_KMS"}}, {}, None),
    ({"Bool": {"kms:MultiRegion": "true"}}, None, {}),
    ({"StringEquals": {"aws:ResourceTag/team": "red"}}, {}, None),
    ({"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}, None, {}),
    ({"Null": {"kms:ViaService": "true", "kms:RecipientAttestation:PCR0": "true"}}, {}, None),
]


@pytest.fixture(scope="module")
def conditioned(kms):
    key = make(kms, Tags=[{"TagKey": "team", "TagValue": "red"}])
    kms.create_alias(AliasName="alias/conditions", TargetKeyId=key)
    return key


@pytest.mark.parametrize("condition, allowed, denied", CONDITIONS)
def test_conditions_hold_a_caller(range, conditioned, condition, allowed, denied):
    caller = Caller(range, statement("kms:Encrypt", Condition=condition))
    call = lambda more: caller.kms.encrypt(**{"KeyId": conditioned, "Plaintext": b"x", **more})  # noqa: E731
    if allowed is not None:
        call(allowed)
    if denied is not None:
        refused(call, "AccessDeniedException", more=denied)


def test_conditions_of_administration(range, kms, account):
    key = make(kms)
    sign = make(kms, "RSA_2048", "SIGN_VERIFY")
    days = statement("kms:ScheduleKeyDeletion", Condition={"NumericGreaterThanEquals": {"kms:ScheduleKeyDeletionPendingWindowInDays": "20"}})
    by = statement("kms:Sign", Condition={"StringEquals": {"kms:SigningAlgorithm": "RSASSA_PSS_SHA_256", "kms:MessageType": "RAW"}})
    grants = statement("kms:CreateGrant", Condition={"ForAllValues:StringEquals": {"kms:GrantOperations": ["Decrypt"]}})
    period = statement("kms:EnableKeyRotation", Condition={"NumericLessThanEquals": {"kms:RotationPeriodInDays": "180"}})
    made = statement("kms:CreateKey", Condition={"StringEquals": {"kms:KeySpec": "ECC_NIST_P256"}, "Bool": {"kms:MultiRegion": "false"}})
    tag = statement("kms:TagResource", Condition={"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}})
    low = Caller(range, days, by, grants, period, made, tag).kms
    refused(low.schedule_key_deletion, "AccessDeniedException", KeyId=key, PendingWindowInDays=7)
    low.sign(KeyId=sign, Message=b"x", SigningAlgorithm="RSASSA_PSS_SHA_256")
    refused(low.sign, "AccessDeniedException", KeyId=sign, Message=b"x", SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256")
    grantee = f"arn:aws:iam::{account}:root"
    low.create_grant(KeyId=key, GranteePrincipal=grantee, Operations=["Decrypt"])
    refused(low.create_grant, "AccessDeniedException", KeyId=key, GranteePrincipal=grantee, Operations=["Decrypt", "Encrypt"])
    refused(low.enable_key_rotation, "AccessDeniedException", KeyId=key, RotationPeriodInDays=365)
    low.enable_key_rotation(KeyId=key, RotationPeriodInDays=180)
    low.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", Tags=[{"TagKey": "team", "TagValue": "x"}])
    refused(low.create_key, "AccessDeniedException", KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", Tags=[{"TagKey": "other", "TagValue": "x"}])
    refused(low.create_key, "AccessDeniedException")
    low.schedule_key_deletion(KeyId=key)


def test_an_alias_and_its_key_must_both_be_allowed(range, kms, account, key):
    alias = f"arn:aws:kms:us-east-1:{account}:alias/both"
    for low in [Caller(range, statement("kms:CreateAlias", alias)), Caller(range, statement("kms:CreateAlias", arn_of(kms, key)))]:
        refused(low.kms.create_alias, "AccessDeniedException", AliasName="alias/both", TargetKeyId=key)
    both = Caller(range, statement(["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"], [alias, arn_of(kms, key)]))
    both.kms.create_alias(AliasName="alias/both", TargetKeyId=key)
    refused(both.kms.update_alias, "AccessDeniedException", AliasName="alias/both", TargetKeyId=make(kms))
    # What an alias allows goes with it to another key.
    by_alias = Caller(range, statement("kms:Encrypt", Condition={"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/both"}}))
    other = make(kms)
    by_alias.kms.encrypt(KeyId=key, Plaintext=b"x")
    kms.update_alias(AliasName="alias/both", TargetKeyId=other)
    refused(by_alias.kms.encrypt, "AccessDeniedException", KeyId=key, Plaintext=b"x")
    by_alias.kms.encrypt(KeyId=other, Plaintext=b"x")
    kms.update_alias(AliasName="alias/both", TargetKeyId=key)
    both.kms.delete_alias(AliasName="alias/both")
    refused(by_alias.kms.encrypt, "AccessDeniedException", KeyId=key, Plaintext=b"x")


def test_a_grant_allows_what_it_says_as_long_as_it_stands(kms, account, key, anna):
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"tenant": "a", "n": "1"})["CiphertextBlob"]
    subset = {"EncryptionContextSubset": {"tenant": "a"}}
    asked = {"KeyId": key, "GranteePrincipal": anna.arn, "Operations": ["Decrypt", "DescribeKey"], "Constraints": subset, "Name": "mine"}
    made = kms.create_grant(**asked)
    again = kms.create_grant(**asked)
    assert again["GrantId"] == made["GrantId"] and again["GrantToken"] != made["GrantToken"]
    assert kms.create_grant(**{**asked, "Operations": ["Decrypt"]})["GrantId"] != made["GrantId"]
    listed = {g["GrantId"]: g for g in kms.list_grants(KeyId=key)["Grants"]}
    told = listed[made["GrantId"]]
    assert (told["Name"], told["GranteePrincipal"], told["Constraints"]) == ("mine", anna.arn, subset)
    assert told["IssuingAccount"] == f"arn:aws:iam::{account}:root" and told["Operations"] == ["Decrypt", "DescribeKey"]
    context = {"tenant": "a", "n": "1"}
    assert anna.kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"x"
    assert anna.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyId"] == key
    refused(anna.kms.decrypt, "AccessDeniedException", CiphertextBlob=blob, EncryptionContext={"n": "1"})
    refused(anna.kms.encrypt, "AccessDeniedException", KeyId=key, Plaintext=b"x", EncryptionContext=context)
    for grant in listed:
        kms.revoke_grant(KeyId=key, GrantId=grant)
    refused(anna.kms.decrypt, "AccessDeniedException", CiphertextBlob=blob, EncryptionContext=context)
    refused(kms.revoke_grant, "NotFoundException", KeyId=key, GrantId=made["GrantId"])
    refused(kms.revoke_grant, "InvalidGrantIdException", KeyId=key, GrantId="x")
    refused(kms.decrypt, "InvalidGrantTokenException", CiphertextBlob=blob, EncryptionContext=context, GrantTokens=["x"])


def test_an_equal_context_is_that_context_and_no_more(kms, key, anna):
    kms.create_grant(KeyId=key, GranteePrincipal=anna.arn, Operations=["GenerateDataKey"], Constraints={"EncryptionContextEquals": {"a": "b"}})
    anna.kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext={"a": "b"})
    refused(anna.kms.generate_data_key, "AccessDeniedException", KeyId=key, KeySpec="AES_256", EncryptionContext={"a": "b", "c": "d"})
    refused(anna.kms.generate_data_key, "AccessDeniedException", KeyId=key, KeySpec="AES_256")


def test_who_grants_by_a_grant_grants_no_more(range, kms, key, anna):
    bert = Caller(range)
    limited = {"EncryptionContextSubset": {"a": "b"}}
    kms.create_grant(KeyId=key, GranteePrincipal=anna.arn, Operations=["CreateGrant", "Decrypt"], Constraints=limited)
    grant = anna.kms.create_grant
    refused(grant, "AccessDeniedException", KeyId=key, GranteePrincipal=bert.arn, Operations=["Decrypt"])
    refused(grant, "AccessDeniedException", KeyId=key, GranteePrincipal=bert.arn, Operations=["Encrypt"], Constraints=limited)
    narrower = {"EncryptionContextSubset": {"a": "b", "c": "d"}}
    grant(KeyId=key, GranteePrincipal=bert.arn, Operations=["Decrypt"], Constraints=narrower)
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "b", "c": "d"})["CiphertextBlob"]
    assert bert.kms.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "b", "c": "d"})["Plaintext"] == b"x"


def test_a_denial_stands_above_a_grant(range, kms, key):
    bert = Caller(range, statement("kms:Decrypt", effect="Deny"))
    kms.create_grant(KeyId=key, GranteePrincipal=bert.arn, Operations=["Decrypt", "Encrypt"])
    blob = bert.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert "explicit deny in an identity-based policy" in refused(bert.kms.decrypt, "AccessDeniedException", CiphertextBlob=blob)


def test_a_grant_is_retired_by_its_sides(range, kms, key, anna):
    bert = Caller(range)
    asked = {"KeyId": key, "GranteePrincipal": anna.arn, "RetiringPrincipal": bert.arn}
    made = kms.create_grant(Operations=["Decrypt"], **asked)
    retirable = Caller(range, statement("kms:ListRetirableGrants")).kms.list_retirable_grants
    assert [g["GrantId"] for g in retirable(RetiringPrincipal=bert.arn)["Grants"]] == [made["GrantId"]]
    refused(retirable, "ValidationException")
    refused(retirable, "InvalidArnException", RetiringPrincipal="anna")
    refused(anna.kms.retire_grant, "AccessDeniedException", KeyId=key, GrantId=made["GrantId"])
    bert.kms.retire_grant(KeyId=arn_of(kms, key), GrantId=made["GrantId"])
    made = kms.create_grant(Operations=["Decrypt", "RetireGrant"], **asked)
    anna.kms.retire_grant(GrantToken=made["GrantToken"])
    assert kms.list_grants(KeyId=key)["Grants"] == []
    refused(anna.kms.retire_grant, "InvalidGrantTokenException", GrantToken=made["GrantToken"])
    refused(anna.kms.retire_grant, "ValidationException", KeyId=key)


def test_what_is_no_grant_is_refused(kms, account, key, anna):
    create = kms.create_grant
    asked = {"KeyId": key, "GranteePrincipal": anna.arn}
    refused(create, "ValidationException", Operations=["Sign"], **asked)
    refused(create, "ValidationException", Operations=[], **asked)
    refused(create, "ValidationException", Operations=["Fly"], **asked)
    refused(create, "ValidationException", KeyId=key, Operations=["Decrypt"])
    refused(create, "InvalidArnException", KeyId=key, GranteePrincipal=f"arn:aws:iam::{account}:user/nobody", Operations=["Decrypt"])
    refused(create, "InvalidArnException", KeyId=key, GranteePrincipal="arn:aws:s3:::bucket", Operations=["Decrypt"])
    refused(create, "NotFoundException", KeyId=NOBODY, GranteePrincipal=anna.arn, Operations=["Decrypt"])
    sign = make(kms, "RSA_2048", "SIGN_VERIFY")
    refused(create, "ValidationException", KeyId=sign, GranteePrincipal=anna.arn, Operations=["Sign"], Constraints={"EncryptionContextSubset": {"a": "b"}})
    refused(kms.list_grants, "NotFoundException", KeyId=NOBODY)
    refused(kms.list_grants, "InvalidGrantIdException", KeyId=key, GrantId="x")


def test_a_grant_spreads_with_time_or_by_its_token(fresh_range):
    range = fresh_range("--iam-delay", "30s")
    kms = range.client("kms")
    anna = Caller(range)
    advance(range, 60)
    key = make(kms)
    made = kms.create_grant(KeyId=key, GranteePrincipal=anna.arn, Operations=["Encrypt"])
    refused(anna.kms.encrypt, "AccessDeniedException", KeyId=key, Plaintext=b"x")
    assert anna.kms.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=[made["GrantToken"]])["CiphertextBlob"]
    advance(range, 60)
    assert anna.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]


class Elsewhere:
    """A role in another account of the organisation."""

    def __init__(self, range, *statements):
        org = range.client("organizations")
        org.create_organization(FeatureSet="ALL")
        made = org.create_account(AccountName="other", Email="other@stockade.example")["CreateAccountStatus"]
        self.account = org.describe_create_account_status(CreateAccountRequestId=made["Id"])["CreateAccountStatus"]["AccountId"]
        self.range = range
        self.admin = self.session("OrganizationAccountAccessRole")
        iam = self.client("iam", self.admin)
        trust = document({"Effect": "Allow", "Principal": {"AWS": self.account}, "Action": "sts:AssumeRole"})
        self.arn = iam.create_user(UserName="far")["User"]["Arn"]
        key = iam.create_access_key(UserName="far")["AccessKey"]
        self.iam, self.trust = iam, trust
        self.user = range.client("kms", key["AccessKeyId"], key["SecretAccessKey"], config=UNCHECKED)

    def allow(self, *statements):
        self.iam.put_user_policy(UserName="far", PolicyName="own", PolicyDocument=document(*statements))

    def session(self, role):
        return self.range.client("sts").assume_role(RoleArn=f"arn:aws:iam::{self.account}:role/{role}", RoleSessionName="session")["Credentials"]

    def client(self, service, credentials):
        return self.range.client(service, credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"], config=UNCHECKED)


def test_another_account_uses_a_key_by_its_arn_where_both_sides_allow_it(fresh_range):
    range = fresh_range()
    kms, account = range.client("kms"), range.client("sts").get_caller_identity()["Account"]
    far = Elsewhere(range)
    key = make(kms)
    arn = arn_of(kms, key)
    far.allow(statement("kms:*"))
    unseen = "because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
    words = f"User: {far.arn} is not authorized to perform: kms:Encrypt on resource: {arn} {unseen}"
    refused(far.user.encrypt, "AccessDeniedException", words, KeyId=arn, Plaintext=b"x")
    # A key that there is not looks the same.
    nobody = arn.replace(key, NOBODY)
    refused(far.user.encrypt, "AccessDeniedException", words.replace(arn, nobody), KeyId=nobody, Plaintext=b"x")
    far_may = statement(["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey", "kms:CreateGrant", "kms:DisableKey"], Principal={"AWS": far.account})
    kms.put_key_policy(KeyId=key, Policy=own_policy(account, far_may))
    blob = far.user.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    assert far.user.decrypt(CiphertextBlob=blob)["KeyId"] == arn
    refused(far.user.encrypt, "NotFoundException", KeyId=key, Plaintext=b"x")
    # Administration is for the key's own account.
    refused(far.user.disable_key, "AccessDeniedException", KeyId=arn)
    far.allow(statement("kms:Encrypt"))
    assert "because no identity-based policy allows the kms:Decrypt action" in refused(far.user.decrypt, "AccessDeniedException", CiphertextBlob=blob)
    # Both accounts have the record.
    far_trail, own_trail = far.client("cloudtrail", far.admin), range.client("cloudtrail")
    events = [t.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "Encrypt"}])["Events"] for t in [far_trail, own_trail]]
    shared = [{json.loads(e["CloudTrailEvent"]).get("sharedEventID") for e in found} - {None} for found in events]
    assert shared[0] & shared[1]


def test_a_grant_lets_another_account_in_by_itself(fresh_range):
    range = fresh_range()
    kms, far = range.client("kms"), Elsewhere(range)
    key = make(kms)
    arn = arn_of(kms, key)
    kms.create_grant(KeyId=key, GranteePrincipal=far.arn, Operations=["Encrypt", "Decrypt"])
    blob = far.user.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    assert far.user.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    refused(far.user.generate_data_key, "AccessDeniedException", KeyId=arn, KeySpec="AES_256")


def test_aws_own_keys_are_made_on_first_look_and_are_nobodys_to_change(range, kms, account):
    assert not [a for a in kms.list_aliases()["Aliases"] if a["AliasName"] == "alias/aws/s3"]
    told = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
    assert (told["KeyManager"], told["KeyState"]) == ("AWS", "Enabled")
    assert told["Description"] == "Default key that protects my S3 objects when no other key is defined"
    assert kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["KeyId"] == told["KeyId"]
    assert [a["TargetKeyId"] for a in kms.list_aliases()["Aliases"] if a["AliasName"] == "alias/aws/s3"] == [told["KeyId"]]
    policy = json.loads(kms.get_key_policy(KeyId=told["KeyId"])["Policy"])
    via = policy["Statement"][0]["Condition"]["StringEquals"]
    assert via == {"kms:CallerAccount": account, "kms:ViaService": "s3.us-east-1.amazonaws.com"}
    assert kms.get_key_rotation_status(KeyId=told["KeyId"])["KeyRotationEnabled"] is True
    arn = told["Arn"]
    for call, more in [
        (kms.encrypt, {"Plaintext": b"x"}),
        (kms.put_key_policy, {"Policy": own_policy(account)}),
        (kms.schedule_key_deletion, {}),
        (kms.disable_key, {}),
        (kms.create_grant, {"GranteePrincipal": "arn:aws:iam::444455556666:root", "Operations": ["Decrypt"]}),
        (kms.tag_resource, {"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
    ]:
        assert "because no resource-based policy allows" in refused(call, "AccessDeniedException", KeyId=arn, **more)
    refused(kms.describe_key, "NotFoundException", KeyId="alias/aws/nothing")
