"""Access keys in the range: a user's own, root's, and when they were last used."""

from iam_clients import account, iam, low_client, refused

OWN = {"Effect": "Allow", "Action": "iam:*AccessKey*", "Resource": "arn:aws:iam::*:user/${aws:username}"}


def test_users_manage_their_own_keys_without_naming_themselves(range, iam):
    low = low_client(range, iam, "keeper", "iam", OWN)
    first, = low.list_access_keys()["AccessKeyMetadata"]
    assert first["UserName"] == "keeper"
    second = low.create_access_key()["AccessKey"]
    assert second["UserName"] == "keeper"
    refused(low.create_access_key, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2", 409)
    low.update_access_key(AccessKeyId=second["AccessKeyId"], Status="Inactive")
    states = {k["AccessKeyId"]: k["Status"] for k in low.list_access_keys()["AccessKeyMetadata"]}
    assert states == {first["AccessKeyId"]: "Active", second["AccessKeyId"]: "Inactive"}
    low.delete_access_key(AccessKeyId=second["AccessKeyId"])
    refused(low.list_access_keys, "AccessDenied", UserName="admin")
    # Another's key is none of one's own.
    other = iam.create_user(UserName="other-keeper") and iam.create_access_key(UserName="other-keeper")["AccessKey"]["AccessKeyId"]
    gone = f"The Access Key with id {other} cannot be found."
    refused(low.delete_access_key, "NoSuchEntity", gone, 404, AccessKeyId=other)
    # The last call with the last key is to take it away.
    low.delete_access_key(AccessKeyId=first["AccessKeyId"])
    refused(low.list_access_keys, "InvalidClientTokenId", status=403)


def test_a_role_must_name_a_user(range, iam, account):
    trust = f'{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{account}"}},"Action":"sts:AssumeRole"}}]}}'
    iam.create_role(RoleName="nameless", AssumeRolePolicyDocument=trust)
    iam.attach_role_policy(RoleName="nameless", PolicyArn="arn:aws:iam::aws:policy/IAMFullAccess")
    role = f"arn:aws:iam::{account}:role/nameless"
    keys = range.client("sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    session = range.client("iam", keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    must = "Must specify userName when calling with non-User credentials"
    for call, more in [
        (session.create_access_key, {}),
        (session.list_access_keys, {}),
        (session.get_user, {}),
        (session.delete_access_key, {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"}),
        (session.get_login_profile, {}),
    ]:
        refused(call, "ValidationError", must, 400, **more)
    used = iam.get_role(RoleName="nameless")["Role"]["RoleLastUsed"]
    assert used["Region"] == "us-east-1" and used["LastUsedDate"].microsecond == 0


def test_roots_keys_show_in_the_summary(fresh_range):
    range = fresh_range("--auth", "open")
    root = range.client("iam", "123456789012", "any")
    assert root.get_user()["User"]["Arn"] == "arn:aws:iam::123456789012:root"
    assert root.get_account_summary()["SummaryMap"]["AccountAccessKeysPresent"] == 0
    made = root.create_access_key()["AccessKey"]
    summary = root.get_account_summary()["SummaryMap"]
    assert summary["AccountAccessKeysPresent"] == 1
    listed, = root.list_access_keys()["AccessKeyMetadata"]
    assert listed["AccessKeyId"] == made["AccessKeyId"]
    range.client("sts", made["AccessKeyId"], made["SecretAccessKey"], region="eu-west-1").get_caller_identity()
    used = root.get_access_key_last_used(AccessKeyId=made["AccessKeyId"])
    assert (used["AccessKeyLastUsed"]["ServiceName"], used["AccessKeyLastUsed"]["Region"]) == ("sts", "eu-west-1")
    root.delete_access_key(AccessKeyId=made["AccessKeyId"])
    assert root.get_account_summary()["SummaryMap"]["AccountAccessKeysPresent"] == 0
