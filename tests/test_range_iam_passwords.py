"""Console passwords in the range: the account's rules, and users who change their own."""

from iam_clients import account, iam, low_client, refused


def test_users_change_their_own_passwords(range, iam):
    own = {"Effect": "Allow", "Action": "iam:ChangePassword", "Resource": "arn:aws:iam::*:user/${aws:username}"}
    anna = low_client(range, iam, "anna", "iam", own)
    missing = "Login Profile for User anna cannot be found."
    refused(anna.change_password, "NoSuchEntity", missing, 404, OldPassword="a", NewPassword="b")
    refused(iam.create_login_profile, "PasswordPolicyViolation", status=400, UserName="anna", Password="onlylowercase")
    iam.create_login_profile(UserName="anna", Password="G00d-enough!", PasswordResetRequired=True)
    wrong = "The old password was incorrect."
    refused(anna.change_password, "AccessDenied", wrong, 403, OldPassword="wrong", NewPassword="An0ther-one!")
    refused(anna.change_password, "PasswordPolicyViolation", OldPassword="G00d-enough!", NewPassword="short")
    anna.change_password(OldPassword="G00d-enough!", NewPassword="An0ther-one!")
    assert iam.get_login_profile(UserName="anna")["LoginProfile"]["PasswordResetRequired"] is False
    iam.update_account_password_policy(MinimumPasswordLength=8, PasswordReusePrevention=2)
    reused = "Password was used before and cannot be used again."
    for old in ("G00d-enough!", "An0ther-one!"):
        refused(anna.change_password, "PasswordPolicyViolation", reused, OldPassword="An0ther-one!", NewPassword=old)
    anna.change_password(OldPassword="An0ther-one!", NewPassword="Th1rd-one!!!")
    anna.change_password(OldPassword="Th1rd-one!!!", NewPassword="G00d-enough!")
    refused(anna.change_password, "ValidationError", OldPassword="G00d-enough!", NewPassword="\N{SNOWMAN}" * 8)


def test_only_users_have_a_password_to_change(range, iam, account):
    trust = f'{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{account}"}},"Action":"sts:AssumeRole"}}]}}'
    iam.create_role(RoleName="changer", AssumeRolePolicyDocument=trust)
    iam.attach_role_policy(RoleName="changer", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    role = f"arn:aws:iam::{account}:role/changer"
    keys = range.client("sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    session = range.client("iam", keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    only = "Only IAM Users can change their own password"
    refused(session.change_password, "InvalidUserType", only, 400, OldPassword="a", NewPassword="b")


def test_the_accounts_rules_may_let_every_user(range, iam):
    berta = low_client(range, iam, "berta")
    iam.create_login_profile(UserName="berta", Password="G00d-enough!")
    change = dict(OldPassword="G00d-enough!", NewPassword="An0ther-one!")
    iam.update_account_password_policy(AllowUsersToChangePassword=False)
    refused(berta.change_password, "AccessDenied", **change)
    refused(berta.get_account_password_policy, "AccessDenied")
    iam.update_account_password_policy(AllowUsersToChangePassword=True)
    assert berta.get_account_password_policy()["PasswordPolicy"]["AllowUsersToChangePassword"] is True
    berta.change_password(**change)
    refused(berta.update_login_profile, "AccessDenied", UserName="berta", Password="Th1rd-one!!!")
    iam.delete_account_password_policy()
    gone = "The account policy with name PasswordPolicy cannot be found."
    refused(iam.delete_account_password_policy, "NoSuchEntity", gone, 404)
