"""IAM in the range, as boto3 sees it: every operation by good and by bad input."""

import base64
import csv
import hashlib
import hmac
import io
import itertools
import json
import struct
import time

import pytest

from iam_clients import ALL, EC2_TRUST, READ_ONLY, UNCHECKED, account, certificate, group, iam, low_client, pages, refused, role, user

def test_users(iam, account):
    made = iam.create_user(UserName="Anna.B", Path="/staff/", Tags=[{"Key": "team", "Value": "red"}])["User"]
    assert made["Arn"] == f"arn:aws:iam::{account}:user/staff/Anna.B"
    assert made["UserId"].startswith("AIDA") and len(made["UserId"]) == 21
    assert iam.get_user(UserName="anna.b")["User"]["Tags"] == [{"Key": "team", "Value": "red"}]
    assert [u["UserName"] for u in iam.list_users(PathPrefix="/staff/")["Users"]] == ["Anna.B"]
    refused(iam.create_user, "EntityAlreadyExists", "User with name ANNA.B already exists.", 409, UserName="ANNA.B")
    refused(iam.create_user, "ValidationError", UserName="not allowed!")
    refused(iam.create_user, "ValidationError", UserName="x" * 65)
    iam.update_user(UserName="Anna.B", NewUserName="Berta", NewPath="/")
    refused(iam.update_user, "NoSuchEntity", UserName="Anna.B", NewPath="/")
    refused(iam.get_user, "NoSuchEntity", "The user with name Anna.B cannot be found.", 404, UserName="Anna.B")
    iam.delete_user(UserName="Berta")
    refused(iam.delete_user, "NoSuchEntity", UserName="Berta")
    assert iam.get_user()["User"]["Arn"].startswith(f"arn:aws:iam::{account}:")


def test_pages(iam):
    for n in range_(25):
        iam.create_user(UserName=f"page-{n:02}", Path="/pages/")
    found = pages(iam, "list_users", "Users", PathPrefix="/pages/", PaginationConfig={"PageSize": 7})
    assert [u["UserName"] for u in found] == [f"page-{n:02}" for n in range_(25)]
    refused(iam.list_users, "ValidationError", Marker="!!!")
    refused(iam.list_users, "ValidationError", MaxItems=1001)


def range_(n):
    # `range` is the fixture's name.
    return list(itertools.islice(itertools.count(), n))


def test_access_keys(range, iam, user):
    key = iam.create_access_key(UserName=user)["AccessKey"]
    assert key["AccessKeyId"].startswith("AKIA") and len(key["SecretAccessKey"]) == 40
    second = iam.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"]
    refused(iam.create_access_key, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2", 409, UserName=user)
    unused = iam.get_access_key_last_used(AccessKeyId=second)["AccessKeyLastUsed"]
    assert unused == {"ServiceName": "N/A", "Region": "N/A"}
    range.client("sts", key["AccessKeyId"], key["SecretAccessKey"], region="eu-west-1").get_caller_identity()
    used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
    assert used["UserName"] == user
    assert (used["AccessKeyLastUsed"]["ServiceName"], used["AccessKeyLastUsed"]["Region"]) == ("sts", "eu-west-1")
    refused(iam.get_access_key_last_used, "AccessDenied", AccessKeyId="AKIAAAAAAAAAAAAAAAAA")

    iam.update_access_key(UserName=user, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    shut = range.client("sts", key["AccessKeyId"], key["SecretAccessKey"]).get_caller_identity
    refused(shut, "InvalidClientTokenId", status=403)
    iam.update_access_key(UserName=user, AccessKeyId=key["AccessKeyId"], Status="Active")
    shut()
    refused(iam.update_access_key, "ValidationError", UserName=user, AccessKeyId=second, Status="Broken")
    assert {k["AccessKeyId"] for k in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]} == {key["AccessKeyId"], second}
    refused(iam.list_access_keys, "NoSuchEntity", UserName="nobody")
    iam.delete_access_key(UserName=user, AccessKeyId=second)
    gone = f"The Access Key with id {second} cannot be found."
    refused(iam.delete_access_key, "NoSuchEntity", gone, 404, UserName=user, AccessKeyId=second)


def test_groups(iam, user, group, account):
    assert iam.get_group(GroupName=group)["Group"]["Arn"] == f"arn:aws:iam::{account}:group/{group}"
    refused(iam.create_group, "EntityAlreadyExists", f"Group with name {group} already exists.", GroupName=group)
    refused(iam.add_user_to_group, "NoSuchEntity", "The group with name none cannot be found.", GroupName="none", UserName=user)
    refused(iam.add_user_to_group, "NoSuchEntity", "The user with name nobody cannot be found.", GroupName="none", UserName="nobody")
    iam.add_user_to_group(GroupName=group, UserName=user)
    assert [u["UserName"] for u in iam.get_group(GroupName=group)["Users"]] == [user]
    assert [g["GroupName"] for g in iam.list_groups_for_user(UserName=user)["Groups"]] == [group]
    assert group in [g["GroupName"] for g in pages(iam, "list_groups", "Groups")]
    refused(iam.delete_group, "DeleteConflict", "Cannot delete entity, must remove users from group first.", 409, GroupName=group)
    iam.update_group(GroupName=group, NewGroupName=f"{group}-new")
    refused(iam.update_group, "NoSuchEntity", GroupName=group, NewPath="/x/")
    iam.remove_user_from_group(GroupName=f"{group}-new", UserName=user)
    iam.remove_user_from_group(GroupName=f"{group}-new", UserName=user)
    refused(iam.remove_user_from_group, "NoSuchEntity", GroupName=group, UserName=user)
    iam.delete_group(GroupName=f"{group}-new")
    refused(iam.list_groups_for_user, "NoSuchEntity", UserName="nobody")
    refused(iam.get_group, "NoSuchEntity", GroupName=group)


def test_roles(iam, role, account):
    made = iam.get_role(RoleName=role)["Role"]
    assert made["Arn"] == f"arn:aws:iam::{account}:role/{role}" and made["RoleId"].startswith("AROA")
    assert made["AssumeRolePolicyDocument"] == json.loads(EC2_TRUST)
    assert made["MaxSessionDuration"] == 3600 and made["RoleLastUsed"] == {}
    refused(iam.create_role, "EntityAlreadyExists", f"Role with name {role} already exists.", 409, RoleName=role, AssumeRolePolicyDocument=EC2_TRUST)
    refused(iam.create_role, "MalformedPolicyDocument", status=400, RoleName="bad", AssumeRolePolicyDocument="{")
    refused(iam.create_role, "MalformedPolicyDocument", RoleName="bad", AssumeRolePolicyDocument=ALL)
    nobody = f"arn:aws:iam::{account}:user/nobody"
    trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": nobody}, "Action": "sts:AssumeRole"}]})
    refused(iam.create_role, "MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{nobody}"', RoleName="bad", AssumeRolePolicyDocument=trust)
    refused(iam.create_role, "ValidationError", RoleName="bad", AssumeRolePolicyDocument=EC2_TRUST, MaxSessionDuration=60)
    iam.update_role(RoleName=role, Description="one", MaxSessionDuration=7200)
    refused(iam.update_role, "NoSuchEntity", RoleName="none")
    assert iam.update_role_description(RoleName=role, Description="two")["Role"]["Description"] == "two"
    refused(iam.update_role_description, "NoSuchEntity", RoleName="none", Description="")
    root = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}]})
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=root)
    refused(iam.update_assume_role_policy, "MalformedPolicyDocument", RoleName=role, PolicyDocument=ALL)
    assert role in [r["RoleName"] for r in pages(iam, "list_roles", "Roles")]
    refused(iam.list_roles, "ValidationError", MaxItems=0)
    iam.attach_role_policy(RoleName=role, PolicyArn=READ_ONLY)
    refused(iam.delete_role, "DeleteConflict", "Cannot delete entity, must detach all policies first.", 409, RoleName=role)
    iam.detach_role_policy(RoleName=role, PolicyArn=READ_ONLY)
    iam.delete_role(RoleName=role)
    refused(iam.get_role, "NoSuchEntity", f"The role with name {role} cannot be found.", 404, RoleName=role)


@pytest.mark.parametrize("kind", ["user", "group", "role"])
def test_inline_and_attached_policies(iam, kind, request):
    name = request.getfixturevalue(kind)
    who = {f"{kind.title()}Name": name}
    call = lambda verb, what="policy": getattr(iam, f"{verb}_{kind}_{what}")
    call("put")(**who, PolicyName="p", PolicyDocument=ALL)
    got = call("get")(**who, PolicyName="p")
    assert got["PolicyDocument"] == json.loads(ALL) and got[f"{kind.title()}Name"] == name
    assert call("list", "policies")(**who)["PolicyNames"] == ["p"]
    refused(call("put"), "MalformedPolicyDocument", status=400, **who, PolicyName="bad", PolicyDocument='{"Version": "2012-10-17"}')
    refused(call("get"), "NoSuchEntity", f"The {kind} policy with name q cannot be found.", 404, **who, PolicyName="q")
    refused(call("list", "policies"), "NoSuchEntity", **{f"{kind.title()}Name": "none"})
    call("delete")(**who, PolicyName="p")
    refused(call("delete"), "NoSuchEntity", **who, PolicyName="p")

    call("attach")(**who, PolicyArn=READ_ONLY)
    attached = getattr(iam, f"list_attached_{kind}_policies")
    assert attached(**who)["AttachedPolicies"] == [{"PolicyName": "ReadOnlyAccess", "PolicyArn": READ_ONLY}]
    refused(attached, "NoSuchEntity", **{f"{kind.title()}Name": "none"})
    holders = iam.list_entities_for_policy(PolicyArn=READ_ONLY, EntityFilter=kind.title())
    assert name in [holder[f"{kind.title()}Name"] for holder in holders[f"Policy{kind.title()}s"]]
    missing = "arn:aws:iam::aws:policy/NoSuchPolicy"
    refused(call("attach"), "NoSuchEntity", f"Policy {missing} does not exist or is not attachable.", **who, PolicyArn=missing)
    refused(call("attach"), "InvalidInput", **who, PolicyArn="arn:aws:iam::aws:user/anna")
    call("detach")(**who, PolicyArn=READ_ONLY)
    refused(call("detach"), "NoSuchEntity", f"Policy {READ_ONLY} was not found.", 404, **who, PolicyArn=READ_ONLY)


def test_managed_policies(iam, user):
    made = iam.create_policy(PolicyName="Managed", PolicyDocument=ALL, Description="d", Path="/p/")["Policy"]
    arn = made["Arn"]
    assert made["DefaultVersionId"] == "v1" and made["PolicyId"].startswith("ANPA")
    duplicate = "A policy called Managed already exists. Duplicate names are not allowed."
    refused(iam.create_policy, "EntityAlreadyExists", duplicate, 409, PolicyName="Managed", PolicyDocument=ALL)
    refused(iam.create_policy, "MalformedPolicyDocument", PolicyName="bad", PolicyDocument="[]")
    long = json.loads(ALL)
    long["Statement"][0]["Resource"] = [f"arn:aws:s3:::bucket-{n:04}" for n in range_(300)]
    refused(iam.create_policy, "LimitExceeded", "Cannot exceed quota for PolicySize: 6144", 409, PolicyName="long", PolicyDocument=json.dumps(long))
    assert iam.get_policy(PolicyArn=arn)["Policy"]["Description"] == "d"
    refused(iam.get_policy, "NoSuchEntity", f"Policy {arn}x was not found.", 404, PolicyArn=arn + "x")
    assert [p["Arn"] for p in pages(iam, "list_policies", "Policies", Scope="Local", PathPrefix="/p/")] == [arn]
    refused(iam.list_policies, "ValidationError", Scope="Nowhere")

    for n in range_(4):
        version = iam.create_policy_version(PolicyArn=arn, PolicyDocument=ALL, SetAsDefault=n == 0)["PolicyVersion"]
        assert version["IsDefaultVersion"] == (n == 0)
    refused(iam.create_policy_version, "LimitExceeded", status=409, PolicyArn=arn, PolicyDocument=ALL)
    assert [v["VersionId"] for v in iam.list_policy_versions(PolicyArn=arn)["Versions"]] == ["v5", "v4", "v3", "v2", "v1"]
    refused(iam.list_policy_versions, "NoSuchEntity", PolicyArn=arn + "x")
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]["Document"] == json.loads(ALL)
    refused(iam.get_policy_version, "NoSuchEntity", PolicyArn=arn, VersionId="v9")
    refused(iam.delete_policy_version, "DeleteConflict", "Cannot delete the default version of a policy.", PolicyArn=arn, VersionId="v2")
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    refused(iam.set_default_policy_version, "NoSuchEntity", PolicyArn=arn, VersionId="v9")
    refused(iam.delete_policy, "DeleteConflict", status=409, PolicyArn=arn)
    for n in range_(4):
        iam.delete_policy_version(PolicyArn=arn, VersionId=f"v{n + 2}")
    iam.attach_user_policy(UserName=user, PolicyArn=arn)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    refused(iam.delete_policy, "DeleteConflict", "Cannot delete a policy attached to entities.", PolicyArn=arn)
    refused(iam.delete_user, "DeleteConflict", "Cannot delete entity, must detach all policies first.", UserName=user)
    iam.detach_user_policy(UserName=user, PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)
    refused(iam.list_entities_for_policy, "NoSuchEntity", PolicyArn=arn)


def test_policies_of_aws(iam):
    policies = pages(iam, "list_policies", "Policies", Scope="AWS")
    assert len(policies) == 1587 and len({p["PolicyId"] for p in policies}) == 1587
    administrator = iam.get_policy(PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")["Policy"]
    document = iam.get_policy_version(PolicyArn=administrator["Arn"], VersionId=administrator["DefaultVersionId"])
    assert document["PolicyVersion"]["Document"] == json.loads(ALL)


def test_boundaries(range, iam, user, role):
    key = iam.create_access_key(UserName=user)["AccessKey"]
    iam.put_user_policy(UserName=user, PolicyName="all", PolicyDocument=ALL)
    theirs = range.client("iam", key["AccessKeyId"], key["SecretAccessKey"])
    theirs.list_users()
    boundary = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    iam.put_user_permissions_boundary(UserName=user, PermissionsBoundary=boundary)
    assert "permissions boundary" in refused(theirs.list_users, "AccessDenied", status=403)
    assert iam.get_user(UserName=user)["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    iam.delete_user_permissions_boundary(UserName=user)
    theirs.list_users()
    iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=boundary)
    assert iam.get_role(RoleName=role)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    iam.delete_role_permissions_boundary(RoleName=role)
    for call, who in [(iam.put_user_permissions_boundary, {"UserName": user}), (iam.put_role_permissions_boundary, {"RoleName": role})]:
        refused(call, "NoSuchEntity", **who, PermissionsBoundary=READ_ONLY + "x")
    refused(iam.delete_user_permissions_boundary, "NoSuchEntity", UserName="nobody")
    refused(iam.delete_role_permissions_boundary, "NoSuchEntity", RoleName="none")


def test_login_profiles_and_password_policy(iam, user, account):
    missing = f"The Password Policy with domain name {account} cannot be found."
    refused(iam.get_account_password_policy, "NoSuchEntity", missing, 404)
    nothing = "The account policy with name PasswordPolicy cannot be found."
    refused(iam.delete_account_password_policy, "NoSuchEntity", nothing, 404)
    refused(iam.update_account_password_policy, "ValidationError", MinimumPasswordLength=3)
    iam.update_account_password_policy(MinimumPasswordLength=14, RequireSymbols=True, MaxPasswordAge=90)
    policy = iam.get_account_password_policy()["PasswordPolicy"]
    assert (policy["MinimumPasswordLength"], policy["ExpirePasswords"], policy["RequireNumbers"]) == (14, True, False)
    refused(iam.create_login_profile, "PasswordPolicyViolation", status=400, UserName=user, Password="short")
    made = iam.create_login_profile(UserName=user, Password="long enough! yes", PasswordResetRequired=True)["LoginProfile"]
    assert made["PasswordResetRequired"] is True
    refused(iam.create_login_profile, "EntityAlreadyExists", UserName=user, Password="long enough! yes")
    iam.update_login_profile(UserName=user, Password="another one! yes", PasswordResetRequired=False)
    assert iam.get_login_profile(UserName=user)["LoginProfile"]["PasswordResetRequired"] is False
    refused(iam.delete_user, "DeleteConflict", "Cannot delete entity, must delete login profile first.", UserName=user)
    iam.delete_login_profile(UserName=user)
    gone = f"Login Profile for User {user} cannot be found."
    for call in (iam.get_login_profile, iam.delete_login_profile):
        refused(call, "NoSuchEntity", gone, 404, UserName=user)
    refused(iam.update_login_profile, "NoSuchEntity", UserName=user)
    iam.delete_account_password_policy()


def test_tags(iam, user, role):
    arn = iam.create_policy(PolicyName="tagged", PolicyDocument=ALL)["Policy"]["Arn"]
    iam.create_instance_profile(InstanceProfileName="tagged")
    serial = iam.create_virtual_mfa_device(VirtualMFADeviceName="tagged")["VirtualMFADevice"]["SerialNumber"]
    kinds = {
        "user": {"UserName": user},
        "role": {"RoleName": role},
        "policy": {"PolicyArn": arn},
        "instance_profile": {"InstanceProfileName": "tagged"},
        "mfa_device": {"SerialNumber": serial},
    }
    for kind, who in kinds.items():
        tag, untag, tags = (getattr(iam, name) for name in (f"tag_{kind}", f"untag_{kind}", f"list_{kind}_tags"))
        tag(**who, Tags=[{"Key": "Team", "Value": "red"}, {"Key": "a", "Value": ""}])
        tag(**who, Tags=[{"Key": "team", "Value": "blue"}])
        twice = [{"Key": "x", "Value": "1"}, {"Key": "x", "Value": "2"}]
        # Users and roles alone have keys without regard to case.
        if kind in ("user", "role"):
            assert tags(**who)["Tags"] == [{"Key": "a", "Value": ""}, {"Key": "team", "Value": "blue"}], kind
            twice[1]["Key"] = "X"
            refused(tag, "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.", **who, Tags=twice)
            untag(**who, TagKeys=["TEAM"])
            assert [t["Key"] for t in tags(**who)["Tags"]] == ["a"]
        else:
            assert [t["Key"] for t in tags(**who)["Tags"]] == ["a", "Team", "team"], kind
            refused(tag, "InvalidInput", "Duplicate tag keys found.", **who, Tags=twice)
            untag(**who, TagKeys=["team"])
            assert [t["Key"] for t in tags(**who)["Tags"]] == ["a", "Team"]
        (member, value), = who.items()
        other = {member: value + "x"}
        refused(tags, "NoSuchEntity", **other)
        refused(untag, "NoSuchEntity", **other, TagKeys=["a"])


def test_instance_profiles(iam, role, account):
    made = iam.create_instance_profile(InstanceProfileName="web", Path="/app/")["InstanceProfile"]
    assert made["Arn"] == f"arn:aws:iam::{account}:instance-profile/app/web" and made["Roles"] == []
    refused(iam.create_instance_profile, "EntityAlreadyExists", "Instance Profile web already exists.", InstanceProfileName="web")
    iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName=role)
    full = "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"
    refused(iam.add_role_to_instance_profile, "LimitExceeded", full, InstanceProfileName="web", RoleName=role)
    assert iam.get_instance_profile(InstanceProfileName="WEB")["InstanceProfile"]["Roles"][0]["RoleName"] == role
    assert [p["InstanceProfileName"] for p in iam.list_instance_profiles_for_role(RoleName=role)["InstanceProfiles"]] == ["web"]
    assert [p["InstanceProfileName"] for p in iam.list_instance_profiles(PathPrefix="/app/")["InstanceProfiles"]] == ["web"]
    refused(iam.delete_role, "DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.", RoleName=role)
    refused(iam.delete_instance_profile, "DeleteConflict", InstanceProfileName="web")
    iam.remove_role_from_instance_profile(InstanceProfileName="web", RoleName=role)
    refused(iam.remove_role_from_instance_profile, "NoSuchEntity", InstanceProfileName="web", RoleName=role)
    iam.delete_instance_profile(InstanceProfileName="web")
    refused(iam.get_instance_profile, "NoSuchEntity", "Instance Profile web cannot be found.", 404, InstanceProfileName="web")
    refused(iam.list_instance_profiles_for_role, "NoSuchEntity", RoleName="none")
    refused(iam.list_instance_profiles, "ValidationError", PathPrefix="app")


def totp(seed, step):
    digest = hmac.new(base64.b32decode(seed), struct.pack(">q", step), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


def test_mfa_devices(iam, user, account):
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]
    serial, seed = made["SerialNumber"], made["Base32StringSeed"]
    assert serial == f"arn:aws:iam::{account}:mfa/phone"
    refused(iam.create_virtual_mfa_device, "EntityAlreadyExists", VirtualMFADeviceName="phone")
    codes = lambda first, second: {"UserName": user, "SerialNumber": serial, "AuthenticationCode1": first, "AuthenticationCode2": second}
    refused(iam.enable_mfa_device, "InvalidAuthenticationCode", status=403, **codes("000000", "000000"))
    step = int(time.time()) // 30
    good = codes(totp(seed, step - 1), totp(seed, step))
    iam.enable_mfa_device(**good)
    refused(iam.enable_mfa_device, "EntityAlreadyExists", **good)
    assert iam.list_mfa_devices(UserName=user)["MFADevices"][0]["SerialNumber"] == serial
    assert iam.get_mfa_device(SerialNumber=serial)["UserName"] == user
    assigned = iam.list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"]
    assert [d["User"]["UserName"] for d in assigned if d["SerialNumber"] == serial] == [user]
    iam.resync_mfa_device(**good)
    refused(iam.resync_mfa_device, "InvalidAuthenticationCode", **codes("000000", "000000"))
    refused(iam.delete_virtual_mfa_device, "DeleteConflict", SerialNumber=serial)
    refused(iam.delete_user, "DeleteConflict", "Cannot delete entity, must delete MFA device first.", UserName=user)
    iam.deactivate_mfa_device(UserName=user, SerialNumber=serial)
    refused(iam.deactivate_mfa_device, "NoSuchEntity", UserName=user, SerialNumber=serial)
    iam.delete_virtual_mfa_device(SerialNumber=serial)
    refused(iam.delete_virtual_mfa_device, "NoSuchEntity", SerialNumber=serial)
    refused(iam.get_mfa_device, "NoSuchEntity", SerialNumber=serial)
    refused(iam.list_mfa_devices, "NoSuchEntity", UserName="nobody")
    refused(iam.list_virtual_mfa_devices, "ValidationError", AssignmentStatus="Maybe")


def test_service_specific_credentials(iam, user, account):
    service = "codecommit.amazonaws.com"
    made = iam.create_service_specific_credential(UserName=user, ServiceName=service)["ServiceSpecificCredential"]
    assert made["ServiceUserName"] == f"{user}-at-{account}" and made["ServicePassword"]
    one = {"UserName": user, "ServiceSpecificCredentialId": made["ServiceSpecificCredentialId"]}
    refused(iam.create_service_specific_credential, "NotSupportedService", status=404, UserName=user, ServiceName="x.amazonaws.com")
    again = iam.reset_service_specific_credential(**one)["ServiceSpecificCredential"]
    assert again["ServicePassword"] != made["ServicePassword"]
    iam.update_service_specific_credential(**one, Status="Inactive")
    listed, = iam.list_service_specific_credentials(UserName=user, ServiceName=service)["ServiceSpecificCredentials"]
    assert listed["Status"] == "Inactive" and "ServicePassword" not in listed
    refused(iam.list_service_specific_credentials, "NoSuchEntity", UserName="nobody")
    iam.delete_service_specific_credential(**one)
    refused(iam.delete_service_specific_credential, "NoSuchEntity", **one)
    refused(iam.reset_service_specific_credential, "NoSuchEntity", **one)
    refused(iam.update_service_specific_credential, "NoSuchEntity", **one, Status="Active")


def ssh_key(bits=2048):
    field = lambda value: struct.pack(">I", len(value)) + value
    modulus = b"\0\x9d" + b"\7" * (bits // 8 - 1)
    return "ssh-rsa " + base64.b64encode(field(b"ssh-rsa") + field(b"\1\0\1") + field(modulus)).decode()


def test_ssh_public_keys(iam, user):
    made = iam.upload_ssh_public_key(UserName=user, SSHPublicKeyBody=ssh_key())["SSHPublicKey"]
    one = {"UserName": user, "SSHPublicKeyId": made["SSHPublicKeyId"]}
    assert made["SSHPublicKeyId"].startswith("APKA") and made["Status"] == "Active"
    refused(iam.upload_ssh_public_key, "DuplicateSSHPublicKey", status=400, UserName=user, SSHPublicKeyBody=ssh_key())
    refused(iam.upload_ssh_public_key, "InvalidPublicKey", UserName=user, SSHPublicKeyBody=ssh_key(1024))
    refused(iam.upload_ssh_public_key, "UnrecognizedPublicKeyEncoding", UserName=user, SSHPublicKeyBody="hello")
    pem = iam.get_ssh_public_key(**one, Encoding="PEM")["SSHPublicKey"]["SSHPublicKeyBody"]
    assert pem.startswith("-----BEGIN PUBLIC KEY-----")
    assert iam.get_ssh_public_key(**one, Encoding="SSH")["SSHPublicKey"]["SSHPublicKeyBody"] == ssh_key()
    iam.update_ssh_public_key(**one, Status="Inactive")
    assert iam.list_ssh_public_keys(UserName=user)["SSHPublicKeys"][0]["Status"] == "Inactive"
    refused(iam.list_ssh_public_keys, "NoSuchEntity", UserName="nobody")
    iam.delete_ssh_public_key(**one)
    refused(iam.get_ssh_public_key, "NoSuchEntity", **one, Encoding="SSH")
    refused(iam.update_ssh_public_key, "NoSuchEntity", **one, Status="Active")
    refused(iam.delete_ssh_public_key, "NoSuchEntity", **one)


def test_signing_certificates(iam, user):
    body, _ = certificate("signer")
    made = iam.upload_signing_certificate(UserName=user, CertificateBody=body)["Certificate"]
    one = {"UserName": user, "CertificateId": made["CertificateId"]}
    refused(iam.upload_signing_certificate, "DuplicateCertificate", status=409, UserName=user, CertificateBody=body)
    refused(iam.upload_signing_certificate, "MalformedCertificate", status=400, UserName=user, CertificateBody="hello")
    iam.update_signing_certificate(**one, Status="Inactive")
    listed, = iam.list_signing_certificates(UserName=user)["Certificates"]
    assert (listed["Status"], listed["CertificateBody"]) == ("Inactive", body)
    refused(iam.list_signing_certificates, "NoSuchEntity", UserName="nobody")
    iam.delete_signing_certificate(**one)
    refused(iam.delete_signing_certificate, "NoSuchEntity", **one)
    refused(iam.update_signing_certificate, "NoSuchEntity", **one, Status="Active")


def test_account_alias_and_summary(iam):
    assert iam.list_account_aliases()["AccountAliases"] == []
    iam.create_account_alias(AccountAlias="stockade-range")
    assert iam.list_account_aliases()["AccountAliases"] == ["stockade-range"]
    refused(iam.create_account_alias, "EntityAlreadyExists", AccountAlias="stockade-range")
    refused(iam.create_account_alias, "ValidationError", AccountAlias="Not An Alias")
    refused(iam.delete_account_alias, "NoSuchEntity", AccountAlias="other")
    iam.delete_account_alias(AccountAlias="stockade-range")
    before = iam.get_account_summary()["SummaryMap"]
    iam.create_user(UserName="counted")
    after = iam.get_account_summary()["SummaryMap"]
    assert after["Users"] == before["Users"] + 1 and after["UsersQuota"] == 5000


def test_credential_report(range, fresh_range):
    cloud = fresh_range()
    iam = cloud.client("iam")
    refused(iam.get_credential_report, "ReportNotPresent", status=410)
    iam.create_user(UserName="anna")
    key = iam.create_access_key(UserName="anna")["AccessKey"]
    cloud.client("sts", key["AccessKeyId"], key["SecretAccessKey"], region="eu-west-1").get_caller_identity()
    assert iam.generate_credential_report()["State"] == "STARTED"
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    rows = {row["user"]: row for row in csv.DictReader(io.StringIO(iam.get_credential_report()["Content"].decode()))}
    anna = rows["anna"]
    assert anna["password_enabled"] == "false" and anna["access_key_1_active"] == "true"
    assert (anna["access_key_1_last_used_service"], anna["access_key_1_last_used_region"]) == ("sts", "eu-west-1")
    assert anna["access_key_2_active"] == "false" and "<root_account>" in rows


def test_authorization_details(iam, user):
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=ALL)
    users = pages(iam, "get_account_authorization_details", "UserDetailList", Filter=["User"], PaginationConfig={"PageSize": 3})
    found, = [u for u in users if u["UserName"] == user]
    assert found["UserPolicyList"] == [{"PolicyName": "p", "PolicyDocument": json.loads(ALL)}]
    assert {u["UserName"] for u in users} == {u["UserName"] for u in pages(iam, "list_users", "Users")}
    refused(iam.get_account_authorization_details, "ValidationError", Filter=["Everything"])


def test_access_advisor(range, iam, account):
    theirs = low_client(range, iam, "advised", "iam", {"Effect": "Allow", "Action": ["iam:ListUsers", "s3:*"], "Resource": "*"})
    theirs.list_users()
    refused(theirs.list_roles, "AccessDenied")
    arn = f"arn:aws:iam::{account}:user/advised"
    job = iam.generate_service_last_accessed_details(Arn=arn, Granularity="ACTION_LEVEL")["JobId"]
    services = {s["ServiceNamespace"]: s for s in iam.get_service_last_accessed_details(JobId=job)["ServicesLastAccessed"]}
    assert services["iam"]["LastAuthenticatedEntity"] == arn
    assert "ListUsers" in [a["ActionName"] for a in services["iam"]["TrackedActionsLastAccessed"]]
    assert services["s3"]["TotalAuthenticatedEntities"] == 0
    entities = iam.get_service_last_accessed_details_with_entities(JobId=job, ServiceNamespace="iam")["EntityDetailsList"]
    assert entities[0]["EntityInfo"]["Arn"] == arn
    granting = iam.list_policies_granting_service_access(Arn=arn, ServiceNamespaces=["s3"])["PoliciesGrantingServiceAccess"]
    assert granting[0]["Policies"][0]["PolicyName"] == "own"
    nobody = f"arn:aws:iam::{account}:user/nobody"
    refused(iam.generate_service_last_accessed_details, "NoSuchEntity", Arn=nobody)
    refused(iam.list_policies_granting_service_access, "NoSuchEntity", Arn=nobody, ServiceNamespaces=["s3"])
    missing = "00000000-0000-0000-0000-000000000000"
    refused(iam.get_service_last_accessed_details, "NoSuchEntity", JobId=missing)
    refused(iam.get_service_last_accessed_details_with_entities, "NoSuchEntity", JobId=missing, ServiceNamespace="iam")


def test_a_user_without_permissions_is_refused_everything(range, iam, account):
    low = low_client(range, iam, "lowest")
    arn = f"arn:aws:iam::{account}:user/lowest"
    wanted = f"User: {arn} is not authorized to perform: iam:GetUser on resource: {arn} because no identity-based policy allows the iam:GetUser action"
    refused(low.get_user, "AccessDenied", wanted, 403)
    refused(low.get_user, "AccessDenied", wanted, 403, UserName="lowest")
    for call, input in [
        (low.list_users, {}),
        (low.create_user, {"UserName": "more"}),
        (low.create_access_key, {"UserName": "admin"}),
        (low.attach_user_policy, {"UserName": "lowest", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
        (low.put_user_policy, {"UserName": "lowest", "PolicyName": "p", "PolicyDocument": ALL}),
        (low.create_login_profile, {"UserName": "lowest", "Password": "long enough! yes"}),
        (low.update_assume_role_policy, {"RoleName": "r", "PolicyDocument": EC2_TRUST}),
        (low.get_account_authorization_details, {}),
    ]:
        refused(call, "AccessDenied", status=403, **input)


def test_secrets_leave_no_trace_in_the_trail(range, iam):
    iam.create_user(UserName="secretive")
    key = iam.create_access_key(UserName="secretive")["AccessKey"]
    iam.create_login_profile(UserName="secretive", Password="do-not-write-me-down-1!")
    seed = iam.create_virtual_mfa_device(VirtualMFADeviceName="secretive")["VirtualMFADevice"]["Base32StringSeed"]
    credential = iam.create_service_specific_credential(UserName="secretive", ServiceName="codecommit.amazonaws.com")
    trail = range.client("cloudtrail")
    text = json.dumps(pages(trail, "lookup_events", "Events", PaginationConfig={"MaxItems": 200}), default=str)
    for name in ("CreateAccessKey", "CreateLoginProfile", "CreateVirtualMFADevice", "CreateServiceSpecificCredential"):
        assert name in text
    for secret in (key["SecretAccessKey"], "do-not-write-me-down", seed.decode(), credential["ServiceSpecificCredential"]["ServicePassword"]):
        assert secret not in text
