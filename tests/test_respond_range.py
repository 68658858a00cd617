"""A response in an organisation, on the range: afterwards the attacker is refused everywhere, and the verdict says what is proved."""

import json
import re

import pytest

from response import PANIC, Organisation, complains, iam_state, plan_hash, policy, refusal


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """An attack and its containment, with IAM that takes four seconds to spread. The tests below go on from there, in order."""
    from conftest import start_range, stop

    cloud = start_range(tmp_path_factory.mktemp("home"), "--iam-delay", "4s")
    world = Organisation(cloud)
    world.attack()
    world.before = iam_state(world.iam())
    world.shown = cloud.stockade("respond", "user", "worker", "--account", world.member)
    world.planned = iam_state(world.iam())
    world.done = cloud.stockade("respond", "user", "worker", "--approve", plan_hash(world.shown.stdout))
    yield world
    stop(cloud.process)


def layer(told, name):
    """What a layer of the verdict says."""
    return re.split(r"\n(?=\S)", told.split(f"\n{name}: ")[1])[0]


def test_the_plan_names_the_whole_lineage_and_changed_nothing(case):
    assert case.shown.returncode == 0, case.shown.stderr
    assert case.planned == case.before
    shown = case.shown.stdout
    for key in (case.leaked[0], case.backdoor[0]):
        assert f"make access key {key} " in shown
    for step in ("deny user worker everything", "deny user backdoor everything", "revoke the sessions of role deployer"):
        assert step in shown
    # From above first: an attacker who can change IAM must not undo the first step while it spreads.
    first = [line.split()[1] for line in shown.splitlines() if line.strip().startswith("call ")][:2]
    assert first == ["organizations:CreatePolicy", "organizations:AttachPolicy"]
    assert f"attach the service control policy stockade-quarantine-inc-1 to account {case.member}" in shown
    assert "You do not lock yourself out" in shown
    assert case.leaked[1] not in shown and case.backdoor[1] not in shown


def test_the_run_ends_unknown_since_events_are_still_on_their_way(case):
    assert case.done.returncode == 3, case.done.stdout + case.done.stderr
    assert "Verdict: UNKNOWN" in case.done.stdout
    assert layer(case.done.stdout, "policies").startswith("CONTAINED")
    assert layer(case.done.stdout, "credentials").startswith("CONTAINED")
    trail = layer(case.done.stdout, "trail")
    assert trail.startswith("UNKNOWN") and "events may still be on their way: verify again after" in trail
    assert "no success" not in trail, "nothing can be said of a time that has not begun"


def test_the_attacker_is_refused_everywhere(case):
    case.spread()
    assert case.everywhere_refused() == {}
    # What no policy can deny shows that a session lives, and gives nothing.
    assert refusal(case.as_("sts", case.session).get_caller_identity) is None
    assert refusal(case.as_("sts", case.leaked).get_caller_identity) == "InvalidClientTokenId"


def test_nothing_was_deleted_and_the_honest_go_on(case):
    now = iam_state(case.iam())
    assert set(now) == set(case.before)
    for arn, before in case.before.items():
        assert set(before["inline"]) <= set(now[arn]["inline"])
        assert now[arn]["attached"] == before["attached"]
        assert [key for key, _ in now[arn].get("keys", [])] == [key for key, _ in before.get("keys", [])]
    # A new session of the role is as good as ever: only those from before are revoked.
    fresh = case.as_("sts", case.administrator).assume_role(RoleArn=case.role, RoleSessionName="honest")["Credentials"]
    credentials = fresh["AccessKeyId"], fresh["SecretAccessKey"], fresh["SessionToken"]
    assert refusal(case.as_("s3", credentials).list_buckets) is None
    assert refusal(case.iam().create_group, GroupName="honest-work") is None, "honest administrators are not frozen for good"
    case.iam().delete_group(GroupName="honest-work")


def test_once_the_events_have_come_it_is_proved_and_the_attempts_are_told(case):
    case.cloud.control("clock", {"advance": "20m"})
    told = case.cloud.stockade("verify", "INC-1")
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.startswith("Verdict: CONTAINED")
    trail = layer(told.stdout, "trail")
    assert re.search(r"no success by \d+ keys and sessions between", trail)
    assert "somebody still tries" in trail, "the refused attempts are no failure, and they are told"
    assert "contained" in case.cloud.stockade("incident", "list").stdout


def test_watching_goes_on_for_as_long_as_it_was_told(case):
    told = case.cloud.stockade("verify", "INC-1", "--watch", "2s")
    assert told.returncode == 0, told.stdout + told.stderr
    assert re.search(r"watched for [2-9] s", told.stdout), told.stdout
    looks = [line for line in told.stderr.splitlines() if " contained after " in line]
    assert len(looks) >= 2, told.stderr
    complains(case.cloud.stockade("verify", "INC-1", "--watch=-5m"), "--watch", "30m")


def test_the_report_is_whole_and_holds_no_secret(case):
    secrets = [credentials[1] for credentials in case.attackers().values()] + [case.session[2], case.assumed[2], case.cloud.secret]
    for form in ("text", "json", "html"):
        shown = case.cloud.stockade("incident", "show", "INC-1", "--format", form)
        assert shown.returncode == 0, shown.stderr
        told = shown.stdout
        assert "backdoor" in told and case.leaked[0] in told
        for secret in secrets:
            assert secret not in told, form
        assert not PANIC.search(told)
    assert told.lstrip().lower().startswith("<!doctype html")
    for outside in ("<script", "<link", "<img", "<iframe", "@import", "url(", "src=", "href=\"http"):
        assert outside not in told.lower(), outside
    report = json.loads(case.cloud.stockade("incident", "show", "INC-1", "--format", "json").stdout)
    assert [verdict["outcome"] for verdict in report["verdicts"]][-1] == "contained"
    times = report["times"]
    assert times["opened"] < times["contained"] < times["proved"]


def test_eradication_is_a_plan_of_its_own_and_takes_just_what_the_lineage_left(case):
    shown = case.cloud.stockade("eradicate", "INC-1")
    assert shown.returncode == 0, shown.stderr
    before = iam_state(case.iam())
    assert "delete user backdoor  [NO WAY BACK" in shown.stdout
    assert "user worker" not in re.sub(r"in account .*", "", shown.stdout), "the subject is no persistence"
    hash = plan_hash(shown.stdout)
    complains(case.cloud.stockade("eradicate", "INC-1", "--approve", "0" * 16), "has the hash", "Nothing was done")
    assert iam_state(case.iam()) == before
    # What has no way back waits for an approval of its own.
    waiting = case.cloud.stockade("eradicate", "INC-1", "--approve", hash)
    assert waiting.returncode == 3, waiting.stdout + waiting.stderr
    user = f"arn:aws:iam::{case.member}:user/backdoor"
    assert user in iam_state(case.iam())
    one_way = re.findall(r"--one-way \S+", shown.stdout)
    run = case.cloud.stockade("eradicate", "INC-1", "--approve", hash, *" ".join(one_way).split())
    assert run.returncode == 0, run.stdout + run.stderr
    case.spread()
    after = iam_state(case.iam())
    assert user not in after
    assert after == {arn: state for arn, state in before.items() if arn != user}


def test_recovery_deletes_nothing_before_its_soak(case):
    options = ("--role", "worker-app", "--trust", "ec2.amazonaws.com")
    shown = case.cloud.stockade("recover", "INC-1", *options)
    assert shown.returncode == 0, shown.stderr
    assert "CleanSoak {" not in shown.stdout and "72 h" in shown.stdout
    before = iam_state(case.iam())
    one_way = re.findall(r"--one-way \S+", shown.stdout)
    run = case.cloud.stockade("recover", "INC-1", "--approve", plan_hash(shown.stdout), *" ".join(one_way).split())
    assert run.returncode == 3, run.stdout + run.stderr
    assert "waiting" in run.stdout
    case.spread()
    after = iam_state(case.iam())
    role = f"arn:aws:iam::{case.member}:role/worker-app"
    assert {arn: state for arn, state in after.items() if arn != role} == before, "the keys and the user stay for 72 hours"
    assert after[role]["trust"]["Statement"][0]["Principal"] == {"Service": "ec2.amazonaws.com"}


def test_without_an_organisation_in_hand_the_plan_says_where_it_is_weak(fresh_range):
    cloud = fresh_range()
    iam = cloud.client("iam")
    iam.create_user(UserName="worker")
    iam.put_user_policy(UserName="worker", PolicyName="own", PolicyDocument=policy())
    key = iam.create_access_key(UserName="worker")["AccessKey"]
    leaked = key["AccessKeyId"], key["SecretAccessKey"]
    cloud.client("s3", *leaked).list_buckets()
    before = iam_state(iam)
    shown = cloud.stockade("respond", "user", "worker")
    assert "in no organisation" in shown.stdout.split("Know before you approve:")[1]
    run = cloud.stockade("respond", "user", "worker", "--approve", plan_hash(shown.stdout))
    assert run.returncode == 3, run.stdout + run.stderr
    assert refusal(cloud.client("s3", *leaked).list_buckets) == "InvalidAccessKeyId"
    # Whoever makes the key good again is found out, not trusted.
    iam.update_access_key(UserName="worker", AccessKeyId=leaked[0], Status="Active")
    iam.delete_user_policy(UserName="worker", PolicyName="StockadeQuarantine-INC-1")
    told = cloud.stockade("verify", "INC-1")
    assert told.returncode == 1, told.stdout
    assert "NOT CONTAINED" in told.stdout and leaked[0] in layer(told.stdout, "credentials")
    undone = cloud.stockade("undo", "INC-1")
    assert undone.returncode == 0, undone.stdout
    assert iam_state(iam) == before
