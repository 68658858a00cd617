"""An attacker who has read this program's source: what must not get past the range's rules, nor past a response."""

import json

import pytest

from conftest import start_range, stop
from response import Organisation, plan_hash, policy, refusal


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """The attacker makes users who hide: one under another name, one whose path is a policy variable."""
    cloud = start_range(tmp_path_factory.mktemp("home"), "--iam-delay", "4s")
    world = Organisation(cloud)
    world.attack()
    iam = world.as_("iam", world.leaked)
    world.hidden = {}
    for name, path in (("decoy", "/"), ("twin", "/${aws:username}/"), ("star", "/*/")):
        iam.create_user(UserName=name, Path=path)
        iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=policy())
        key = iam.create_access_key(UserName=name)["AccessKey"]
        world.hidden[name] = key["AccessKeyId"], key["SecretAccessKey"]
    world.spread()
    iam.update_user(UserName="decoy", NewUserName="ghost", NewPath="/quiet/")
    world.spread()
    yield world
    stop(cloud.process)


def scp(case):
    """The quarantine's statements by their Sid."""
    organizations = case.cloud.client("organizations")
    policies = organizations.list_policies(Filter="SERVICE_CONTROL_POLICY")["Policies"]
    id = next(found["Id"] for found in policies if found["Name"] == "stockade-quarantine-inc-1")
    content = organizations.describe_policy(PolicyId=id)["Policy"]["Content"]
    return {statement["Sid"]: statement for statement in json.loads(content)["Statement"]}


def test_a_user_under_another_name_is_found_and_stopped(case):
    shown = case.cloud.stockade("respond", "user", "worker", "--account", case.member)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    for step in ("deny user ghost everything", "deny user twin everything", "deny user star everything"):
        assert step in shown.stdout
    done = case.cloud.stockade("respond", "user", "worker", "--approve", plan_hash(shown.stdout))
    assert done.returncode == 3, done.stdout + done.stderr
    case.spread()
    for name, credentials in case.hidden.items():
        assert len(case.refused(credentials)) == 4, name


def test_what_stands_in_a_path_is_no_pattern(case):
    statements = scp(case)
    denied = statements["StockadeQuarantine"]["Condition"]["ArnLike"]["aws:PrincipalArn"]
    user = f"arn:aws:iam::{case.member}:user/"
    assert {user + "quiet/ghost", user + "${$}{aws:username}/twin", user + "${*}/star"} <= set(denied)
    assert set(statements["StockadeProtect"]["Resource"]) >= set(denied)
    # The deny from above holds by itself, for a key that somebody switches on and a user who loses the deny.
    iam = case.iam()
    for name in ("ghost", "twin", "star"):
        key = iam.list_access_keys(UserName=name)["AccessKeyMetadata"][0]["AccessKeyId"]
        iam.update_access_key(UserName=name, AccessKeyId=key, Status="Active")
        iam.delete_user_policy(UserName=name, PolicyName="StockadeQuarantine-INC-1")
    case.spread()
    for name, credentials in case.hidden.items():
        for service, call in (("s3", "list_buckets"), ("iam", "list_users")):
            assert refusal(getattr(case.as_(service, credentials), call)) == "AccessDenied", name


def test_nobody_takes_the_account_out_from_under_the_policy(case):
    """Not even an administrator of whom the response knows nothing."""
    iam = case.iam()
    iam.create_user(UserName="stranger")
    iam.put_user_policy(UserName="stranger", PolicyName="all", PolicyDocument=policy())
    key = iam.create_access_key(UserName="stranger")["AccessKey"]
    case.spread()
    stranger = case.as_("organizations", (key["AccessKeyId"], key["SecretAccessKey"]))
    assert refusal(stranger.leave_organization) == "AccessDeniedException"
    assert refusal(stranger.describe_organization) is None


def test_a_user_who_is_renamed_after_the_containment_is_not_gone(case):
    # An administrator who is fooled gives a user that the attacker made another name, and all that was taken.
    iam = case.iam()
    iam.update_user(UserName="backdoor", NewUserName="cleaner")
    iam.delete_user_policy(UserName="cleaner", PolicyName="StockadeQuarantine-INC-1")
    iam.update_access_key(UserName="cleaner", AccessKeyId=case.backdoor[0], Status="Active")
    case.cloud.control("clock", {"advance": "20m"})
    told = case.cloud.stockade("verify", "INC-1")
    assert told.returncode == 1, told.stdout + told.stderr
    assert f"key {case.backdoor[0]} of user cleaner is active" in told.stdout
    assert "Verdict: NOT CONTAINED" in told.stdout
