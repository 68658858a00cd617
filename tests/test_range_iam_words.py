"""The words of IAM's refusals, as AWS was seen to say them."""

import json

from iam_clients import ALL, EC2_TRUST, account, iam, refused, role, user

PATH = "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters."
NAME = "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"


def fault(*faults):
    plural = "s" if len(faults) > 1 else ""
    told = "; ".join(f"Value at '{where}' failed to satisfy constraint: Member must {rule}" for where, rule in faults)
    return f"{len(faults)} validation error{plural} detected: {told}"


def test_values_that_break_the_models_rules(iam, user, role):
    refused(iam.create_user, "ValidationError", NAME, 400, UserName="not allowed!")
    refused(iam.create_user, "ValidationError", PATH, 400, UserName="a", Path="no/slash")
    long = fault(("userName", "have length less than or equal to 64"))
    refused(iam.create_user, "ValidationError", long, 400, UserName="x" * 65)
    long = fault(("path", "have length less than or equal to 512"))
    refused(iam.create_virtual_mfa_device, "ValidationError", long, VirtualMFADeviceName="a", Path="/" + "x" * 512 + "/")
    many = fault(
        ("minimumPasswordLength", "have value less than or equal to 128"),
        ("maxPasswordAge", "have value less than or equal to 1095"),
        ("passwordReusePrevention", "have value less than or equal to 24"),
    )
    got = refused(
        iam.update_account_password_policy, "ValidationError", MinimumPasswordLength=256, MaxPasswordAge=2000, PasswordReusePrevention=50
    )
    assert sorted(got.split(": ", 1)[1].split("; ")) == sorted(many.split(": ", 1)[1].split("; "))
    fifty_one = [{"Key": f"k{n}", "Value": ""} for n in iter_to(51)]
    refused(iam.tag_role, "ValidationError", fault(("tags", "have length less than or equal to 50")), RoleName=role, Tags=fifty_one)
    key = fault(("tags.1.member.key", "have length less than or equal to 128"))
    refused(iam.tag_role, "ValidationError", key, RoleName=role, Tags=[{"Key": "x" * 129, "Value": ""}])
    pattern = fault(("tags.1.member.key", r"satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+"))
    refused(iam.tag_role, "ValidationError", pattern, RoleName=role, Tags=[{"Key": "a*b", "Value": ""}])
    version = fault(("versionId", r"satisfy regular expression pattern: v[1-9][0-9]*(\.[A-Za-z0-9-]*)?"))
    refused(iam.get_policy_version, "ValidationError", version, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess", VersionId="x")


def iter_to(n):
    # `range` is the fixture's name.
    count = 0
    while count < n:
        yield count
        count += 1


def test_what_is_not_there(iam, account, user, role):
    arn = f"arn:aws:iam::{account}:policy/none"
    version = f"Policy {arn} version v1 does not exist or is not attachable."
    for call in (iam.get_policy_version, iam.set_default_policy_version, iam.delete_policy_version):
        refused(call, "NoSuchEntity", version, 404, PolicyArn=arn, VersionId="v1")
    refused(iam.tag_policy, "NoSuchEntity", f"Policy {arn} was not found.", 404, PolicyArn=arn, Tags=[{"Key": "k", "Value": "v"}])
    attach = f"Policy {arn} does not exist or is not attachable."
    refused(iam.attach_user_policy, "NoSuchEntity", attach, 404, UserName=user, PolicyArn=arn)
    scope = f"Scope ARN: {arn} does not exist or is not attachable."
    refused(iam.put_role_permissions_boundary, "NoSuchEntity", scope, 404, RoleName=role, PermissionsBoundary=arn)
    wrong = f"arn:aws:iam::{account}:not_a_policy/invalid"
    bad = {"RoleName": "x", "AssumeRolePolicyDocument": EC2_TRUST, "PermissionsBoundary": wrong}
    refused(iam.create_role, "InvalidInput", f"ARN {wrong} is not valid.", 400, **bad)
    serial = f"arn:aws:iam::{account}:mfa/none"
    device = f"MFA Device with serial number {serial} does not exist."
    refused(iam.delete_virtual_mfa_device, "NoSuchEntity", device, 404, SerialNumber=serial)
    refused(iam.deactivate_mfa_device, "NoSuchEntity", device, 404, UserName=user, SerialNumber=serial)
    key = "The Public Key with id APKAXXXXXXXXXXXXXXXXX cannot be found."
    refused(iam.delete_ssh_public_key, "NoSuchEntity", key, 404, UserName=user, SSHPublicKeyId="APKAXXXXXXXXXXXXXXXXX")
    profile = "Instance Profile none cannot be found."
    refused(iam.delete_instance_profile, "NoSuchEntity", profile, 404, InstanceProfileName="none")


def test_policies_that_are_none(iam, role):
    refused(iam.update_assume_role_policy, "MalformedPolicyDocument", "This policy contains invalid Json", 400, RoleName=role, PolicyDocument="{")
    trust = json.loads(EC2_TRUST)
    trust["Statement"][0]["Resource"] = "*"
    text = json.dumps(trust)
    refused(iam.update_assume_role_policy, "MalformedPolicyDocument", "Has prohibited field Resource", RoleName=role, PolicyDocument=text)
    trust = json.loads(EC2_TRUST)
    trust["Statement"][0]["Action"] = "s3:GetObject"
    only = "AssumeRole policy may only specify STS AssumeRole actions."
    refused(iam.update_assume_role_policy, "MalformedPolicyDocument", only, RoleName=role, PolicyDocument=json.dumps(trust))


def test_answers_have_the_members_that_aws_gives(iam, user, role, account):
    assert set(iam.create_user(UserName="shape")["User"]) == {"Path", "UserName", "UserId", "Arn", "CreateDate"}
    made = iam.create_role(RoleName="shape", AssumeRolePolicyDocument=EC2_TRUST, Description="d")["Role"]
    assert set(made) == {"Path", "RoleName", "RoleId", "Arn", "CreateDate", "AssumeRolePolicyDocument"}
    got = iam.get_role(RoleName="shape")["Role"]
    assert set(got) == set(made) | {"Description", "MaxSessionDuration", "RoleLastUsed"} and got["RoleLastUsed"] == {}
    described = iam.update_role_description(RoleName="shape", Description="e")["Role"]
    assert set(described) == set(made) | {"Description"}
    listed = next(r for r in iam.list_roles()["Roles"] if r["RoleName"] == "shape")
    assert set(listed) == set(made) | {"Description", "MaxSessionDuration"}
    profile = iam.create_instance_profile(InstanceProfileName="shape")["InstanceProfile"]
    assert profile["Roles"] == [] and "Tags" not in profile
    assert iam.get_instance_profile(InstanceProfileName="shape")["InstanceProfile"]["Tags"] == []
    policy = iam.create_policy(PolicyName="shape", PolicyDocument=ALL, Description="d")["Policy"]
    assert "Tags" not in policy and "Description" not in policy
    assert iam.get_policy(PolicyArn=policy["Arn"])["Policy"]["Tags"] == []
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="shape")["VirtualMFADevice"]
    assert set(device) == {"SerialNumber", "Base32StringSeed", "QRCodePNG"}
    assert device["QRCodePNG"].startswith(b"\x89PNG")
    duplicate = "MFA device already exists."
    refused(iam.create_virtual_mfa_device, "EntityAlreadyExists", duplicate, 409, VirtualMFADeviceName="shape")
    free = next(d for d in iam.list_virtual_mfa_devices()["VirtualMFADevices"] if d["SerialNumber"] == device["SerialNumber"])
    assert set(free) == {"SerialNumber"}
    assert iam.list_access_keys(UserName=user)["AccessKeyMetadata"] == []


def test_dates_have_no_fractions_of_seconds(iam, user):
    made = iam.create_access_key(UserName=user)["AccessKey"]
    assert made["CreateDate"].microsecond == 0


def test_the_cli_writes_the_picture_of_a_device(range, tmp_path):
    picture = tmp_path / "qr.png"
    done = range.cli(
        "iam", "create-virtual-mfa-device", "--virtual-mfa-device-name", "cli", "--outfile", picture, "--bootstrap-method", "QRCodePNG"
    )
    assert done.returncode == 0, done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
