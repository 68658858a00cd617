"""What the tests of a response have in common: the state of an account's IAM, a plan's hash, an organisation under attack."""

import json
import re

from botocore.exceptions import ClientError

from conftest import eventually

# Nothing that the program says or keeps may look like this.
PANIC = re.compile(r"panicked|RUST_BACKTRACE|thread '|unwrap\(\)|\.rs:\d+")


def policy(effect="Allow", action="*", **more):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": "*", **more}]})


def trust(principal):
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def keys_of(credentials):
    return credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]


def refusal(call, *args, **kwargs):
    """The code of the error that AWS refuses with; none when it does not."""
    try:
        call(*args, **kwargs)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def iam_state(iam, only=None):
    """Everything that a response may touch: users (or one user) with keys, policies and password, roles with policies."""
    state = {}
    for user in iam.list_users()["Users"]:
        name = user["UserName"]
        if only and name != only:
            continue
        inline = iam.list_user_policies(UserName=name)["PolicyNames"]
        state[user["Arn"]] = {
            "id": user["UserId"],
            "keys": sorted((k["AccessKeyId"], k["Status"]) for k in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]),
            "inline": {n: iam.get_user_policy(UserName=name, PolicyName=n)["PolicyDocument"] for n in inline},
            "attached": sorted(p["PolicyArn"] for p in iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]),
            "groups": sorted(g["GroupName"] for g in iam.list_groups_for_user(UserName=name)["Groups"]),
            "password": refusal(iam.get_login_profile, UserName=name) is None,
            "tags": iam.list_user_tags(UserName=name)["Tags"],
        }
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
        state[role["Arn"]] = {
            "trust": role["AssumeRolePolicyDocument"],
            "inline": {n: iam.get_role_policy(RoleName=name, PolicyName=n)["PolicyDocument"] for n in inline},
            "attached": sorted(p["PolicyArn"] for p in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]),
        }
    return state


def plan_hash(shown):
    """The hash that a plan tells its reader to approve."""
    assert "Nothing has been changed" in shown, shown
    short = re.search(r"--approve ([0-9a-f]{16})\b", shown)[1]
    assert re.search(rf"^Hash to approve: {short}[0-9a-f]{{48}}$", shown, re.M), shown
    return short


def complains(done, *says, status=2):
    """A clear error: its status, something that says what is wrong and what to do, no more than two lines, no panic."""
    told = done.stderr.strip()
    assert done.returncode == status, (done.returncode, done.stdout, told)
    assert done.stdout == "", done.stdout
    lines = [line for line in told.splitlines() if line and not line.startswith("For more information")]
    assert 1 <= len(lines) <= 2 or "Usage:" in told, told
    assert not PANIC.search(told), told
    for text in says:
        assert text in told, f"`{text}` is not in: {told}"
    return told


class Organisation:
    """A management account, a member account, and in it a user whose key has leaked."""

    def __init__(self, cloud):
        self.cloud = cloud
        organizations = cloud.client("organizations")
        organizations.create_organization(FeatureSet="ALL")
        root = organizations.list_roots()["Roots"][0]["Id"]
        organizations.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
        asked = organizations.create_account(Email="member@example.com", AccountName="member")["CreateAccountStatus"]["Id"]
        made = lambda: organizations.describe_create_account_status(CreateAccountRequestId=asked)["CreateAccountStatus"]  # noqa: E731
        assert eventually(lambda: made()["State"] == "SUCCEEDED"), made()
        self.member = made()["AccountId"]
        self.spread()
        role = f"arn:aws:iam::{self.member}:role/OrganizationAccountAccessRole"
        self.administrator = keys_of(cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="setup")["Credentials"])
        iam = self.iam()
        iam.create_user(UserName="worker")
        iam.put_user_policy(UserName="worker", PolicyName="own", PolicyDocument=policy())
        key = iam.create_access_key(UserName="worker")["AccessKey"]
        self.leaked = key["AccessKeyId"], key["SecretAccessKey"]
        root = {"AWS": f"arn:aws:iam::{self.member}:root"}
        self.role = iam.create_role(RoleName="deployer", AssumeRolePolicyDocument=trust(root))["Role"]["Arn"]
        iam.put_role_policy(RoleName="deployer", PolicyName="own", PolicyDocument=policy())
        self.spread()

    def spread(self):
        """Lets changes in IAM reach everywhere."""
        self.cloud.control("clock", {"advance": "15s"})

    def iam(self):
        """IAM of the member account, as its administrator."""
        return self.cloud.client("iam", *self.administrator)

    def as_(self, service, credentials):
        return self.cloud.client(service, *credentials)

    def attack(self):
        """The attacker looks around, mints a session, takes a role, and makes a user of their own."""
        by = lambda service: self.as_(service, self.leaked)  # noqa: E731
        by("sts").get_caller_identity()
        by("iam").list_users()
        self.session = keys_of(by("sts").get_session_token()["Credentials"])
        self.assumed = keys_of(by("sts").assume_role(RoleArn=self.role, RoleSessionName="loot")["Credentials"])
        by("iam").create_user(UserName="backdoor")
        by("iam").put_user_policy(UserName="backdoor", PolicyName="all", PolicyDocument=policy())
        made = by("iam").create_access_key(UserName="backdoor")["AccessKey"]
        self.backdoor = made["AccessKeyId"], made["SecretAccessKey"]
        self.spread()
        for name, credentials in self.attackers().items():
            assert self.refused(credentials) == [], f"the attacker's {name} must work before the containment"

    def attackers(self):
        return {"key": self.leaked, "session": self.session, "role": self.assumed, "user": self.backdoor}

    def refused(self, credentials):
        """What of the attacker's calls is refused; IAM takes no GetSessionToken session without MFA."""
        calls = [("s3", "list_buckets", {}), ("sts", "assume_role", {"RoleArn": self.role, "RoleSessionName": "again"})]
        if credentials is not self.session:
            calls += [("iam", "list_users", {}), ("iam", "create_access_key", {"UserName": "worker"})]
        told = []
        for service, call, input in calls:
            code = refusal(getattr(self.as_(service, credentials), call), **input)
            if code is None and call == "create_access_key":
                # It was only to see whether it works.
                keys = self.iam().list_access_keys(UserName="worker")["AccessKeyMetadata"]
                for key in keys:
                    if key["AccessKeyId"] != self.leaked[0]:
                        self.iam().delete_access_key(UserName="worker", AccessKeyId=key["AccessKeyId"])
            if code:
                told.append(f"{service} {call}: {code}")
        return told

    def everywhere_refused(self):
        """The attacker's credentials with which something still works."""
        calls = {name: 4 if credentials is not self.session else 2 for name, credentials in self.attackers().items()}
        refused = {name: self.refused(credentials) for name, credentials in self.attackers().items()}
        return {name: told for name, told in refused.items() if len(told) < calls[name]}
