"""A response on an AWS that is not ours: the moto server, unchanged. What it cannot tell is unknown, and never a pass."""

import json
import sqlite3
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import binary
from response import PANIC, complains, iam_state, plan_hash, policy


class Case:
    """A user of moto's with two keys, policies, a group and a password; and an incident store of the test's own."""

    def __init__(self, cloud, name, store):
        self.cloud, self.name, self.store = cloud, name, store
        self.iam = iam = cloud.client("iam")
        iam.create_user(UserName=name)
        self.keys = [iam.create_access_key(UserName=name)["AccessKey"] for _ in (1, 2)]
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy())
        document = policy("Allow", "s3:*")
        attached = iam.create_policy(PolicyName=f"{name}-shared", PolicyDocument=document)["Policy"]["Arn"]
        iam.attach_user_policy(UserName=name, PolicyArn=attached)
        iam.create_group(GroupName=f"{name}-group")
        iam.add_user_to_group(GroupName=f"{name}-group", UserName=name)
        iam.create_login_profile(UserName=name, Password="Correct-horse-9-battery")
        self.before = self.state()

    def stockade(self, *args, **more):
        done = self.cloud.stockade(*args, "--store", self.store, **more)
        assert not PANIC.search(done.stdout + done.stderr), done.stderr
        for key in self.keys:
            assert key["SecretAccessKey"] not in done.stdout + done.stderr
        return done

    def propose(self):
        shown = self.stockade("respond", "user", self.name)
        assert shown.returncode == 0, shown.stderr
        return plan_hash(shown.stdout)

    def approve(self, hash):
        return self.stockade("respond", "user", self.name, "--approve", hash)

    def state(self):
        """All of the user's; the account has users of other tests too."""
        return iam_state(self.iam, self.name)[f"arn:aws:iam::123456789012:user/{self.name}"]

    def statuses(self):
        return {k["AccessKeyId"]: k["Status"] for k in self.iam.list_access_keys(UserName=self.name)["AccessKeyMetadata"]}

    def deny(self):
        """Our deny as boto3 reads it back."""
        return self.iam.get_user_policy(UserName=self.name, PolicyName="StockadeQuarantine-INC-1")["PolicyDocument"]


@pytest.fixture
def case(moto, tmp_path, request):
    return Case(moto, request.node.name.replace("test_", "")[:40], tmp_path / "store" / "incidents.db")


@pytest.fixture(scope="module")
def contained_users(moto, tmp_path_factory):
    """Three contained users. A containment mostly waits for IAM to spread, so they are contained side by side."""
    folder = tmp_path_factory.mktemp("stores")

    def contain(name):
        case = Case(moto, name, folder / name / "incidents.db")
        case.hash = case.propose()
        done = case.approve(case.hash)
        assert done.returncode == 3, done.stdout + done.stderr
        return name, case

    with ThreadPoolExecutor() as pool:
        return dict(pool.map(contain, ["read-only", "undone", "drifted"]))


@pytest.fixture
def contained(contained_users):
    """A contained user whom the test only reads."""
    return contained_users["read-only"]


def test_triage_tells_what_it_knows_and_what_it_does_not(case):
    told = case.stockade("triage", "user", case.name)
    assert told.returncode == 3, "some of the answer is unknown"
    for key in case.keys:
        assert f"{key['AccessKeyId']} Active" in told.stdout
    assert f"{case.name}-shared" in told.stdout and f"{case.name}-group" in told.stdout
    assert "console password      yes" in told.stdout
    unknown = told.stdout.split("Not known:")[1]
    assert "cloudtrail:LookupEvents" in unknown and "events of 123456789012 in us-east-1" in unknown
    assert "services last accessed" in unknown
    assert "session lineage" in unknown, "no events is not the same as no sessions"
    assert case.state() == case.before
    facts = json.loads(case.stockade("triage", "user", case.name, "--json").stdout)
    assert [key["id"] for key in facts["keys"]["known"]] and facts["lineage"]["unknown"]["why"]


def test_a_plan_is_shown_and_changes_nothing_and_a_wrong_hash_runs_nothing(case):
    shown = case.stockade("respond", "user", case.name)
    assert shown.returncode == 0, shown.stderr
    hash = plan_hash(shown.stdout)
    for key in case.keys:
        assert f"make access key {key['AccessKeyId']} of user {case.name} inactive" in shown.stdout
    assert f"deny user {case.name} everything" in shown.stdout
    assert "iam:PutUserPolicy" in shown.stdout and "iam:DeleteUserPolicy" in shown.stdout, "the call and the way back"
    calls = [line.split()[1] for line in shown.stdout.splitlines() if line.strip().startswith("call ")]
    assert calls == ["iam:PutUserPolicy", "iam:UpdateAccessKey", "iam:UpdateAccessKey"], "a containment deletes nothing"
    assert "cloudtrail:LookupEvents" in shown.stdout.split("Not known:")[1]
    assert case.state() == case.before
    flipped = ("0" if hash[0] != "0" else "1") + hash[1:]
    for wrong in (flipped, hash[:11], "", hash + "0", "x" * 16):
        complains(case.approve(wrong), "has the hash", hash, "Nothing was done")
        assert case.state() == case.before
    same = json.loads(case.stockade("respond", "user", case.name, "--json").stdout)
    assert len(same["hash"]) == 64 and same["plan"]["kind"] == "contain"


def test_containment_does_what_the_plan_said_and_no_more(contained):
    case = contained
    assert set(case.statuses().values()) == {"Inactive"} and len(case.statuses()) == 2
    [statement] = [s for s in case.deny()["Statement"] if s["Effect"] == "Deny"]
    assert statement["Action"] == "*" and statement["Resource"] == "*" and "Condition" not in statement
    now = case.state()
    del now["inline"]["StockadeQuarantine-INC-1"]
    now["keys"] = [(key, "Active") for key, _ in now["keys"]]
    assert now == case.before


def test_what_moto_cannot_tell_makes_the_verdict_unknown(contained):
    told = contained.stockade("verify", "INC-1")
    assert told.returncode == 3, told.stdout
    assert told.stdout.startswith("Verdict: UNKNOWN"), told.stdout
    trail = told.stdout.split("\ntrail: ")[1]
    assert trail.startswith("UNKNOWN") and "cloudtrail:LookupEvents" in trail
    # Without a single event, and before any could have come, "no success since" would be a false comfort.
    assert "no success" not in trail, trail
    assert "policies: CONTAINED" in told.stdout, "the policies were read, and deny"
    listed = contained.stockade("incident", "list").stdout
    assert "INC-1" in listed and "not-proved" in listed and "contained  " not in listed


def test_the_state_before_is_kept_with_its_hash_and_the_store_holds_no_secret(contained):
    report = json.loads(contained.stockade("incident", "show", "INC-1", "--format", "json").stdout)
    arn = f"arn:aws:iam::123456789012:user/{contained.name}"
    assert [(s["name"], len(s["sha256"])) for s in report["saved"]] == [(arn, 64)]
    files = list(contained.store.parent.iterdir())
    assert contained.store in files
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE(contained.store.parent.stat().st_mode) == 0o700
    kept = b"".join(file.read_bytes() for file in files)
    assert contained.keys[0]["AccessKeyId"].encode() in kept, "or this test looks at the wrong files"
    for secret in [key["SecretAccessKey"] for key in contained.keys] + ["Correct-horse-9-battery"]:
        assert secret.encode() not in kept
    with sqlite3.connect(contained.store) as store:
        tables = [name for (name,) in store.execute("select name from sqlite_master where type = 'table'")]
        saved = " ".join(str(row) for table in tables for row in store.execute(f'select * from "{table}"'))
    assert '"PolicyName":"own"' in saved.replace(" ", "") or "own" in saved


def test_undo_puts_everything_back_and_twice_is_fine(contained_users):
    contained = contained_users["undone"]
    first = contained.stockade("undo", "INC-1")
    assert first.returncode == 0, first.stdout + first.stderr
    assert contained.state() == contained.before
    again = contained.stockade("undo", "INC-1")
    assert again.returncode == 0, again.stdout + again.stderr
    assert contained.state() == contained.before
    assert "undone" in contained.stockade("incident", "list").stdout
    told = complains(contained.approve(contained.hash), "was undone", "make a new plan")
    assert "there is no plan" not in told
    assert contained.state() == contained.before
    # A new response is a new incident.
    contained.propose()
    assert "INC-2" in contained.stockade("incident", "list").stdout


def test_a_deny_that_somebody_edited_is_not_overwritten_by_undo(contained_users):
    contained = contained_users["drifted"]
    edited = {"Version": "2012-10-17", "Statement": [{"Sid": "Legal", "Effect": "Deny", "Action": "iam:*", "Resource": "*"}]}
    name = dict(UserName=contained.name, PolicyName="StockadeQuarantine-INC-1")
    contained.iam.put_user_policy(**name, PolicyDocument=json.dumps(edited))
    refused = contained.stockade("undo", "INC-1")
    assert refused.returncode == 3, refused.stdout + refused.stderr
    assert "DRIFT" in refused.stdout
    added = [line.strip() for line in refused.stdout.splitlines() if line.strip().startswith(("+", "-"))]
    assert any("Legal" in line for line in added) and any("StockadeQuarantine" in line for line in added), refused.stdout
    assert contained.deny() == edited, "what somebody wrote stays"
    past = contained.stockade("undo", "INC-1", "--past-drift")
    assert past.returncode in (0, 3), past.stdout + past.stderr
    assert contained.deny() == edited
    assert set(contained.statuses().values()) == {"Active"}, "the rest is taken back"


def test_a_run_again_changes_nothing(contained):
    before = contained.state()
    again = contained.approve(contained.hash)
    assert again.returncode == 3, again.stdout + again.stderr
    assert contained.state() == before
    fresh = contained.stockade("respond", "user", contained.name)
    complains(fresh, "nothing to plan", "verify")
    assert contained.state() == before


def test_of_two_runs_at_once_one_has_the_lock_and_the_other_says_so(case):
    hash = case.propose()
    command = [str(binary()), "respond", "user", case.name, "--approve", hash, "--store", str(case.store)]
    running = [
        subprocess.Popen(command, env=case.cloud.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in (1, 2)
    ]
    ended = [(*process.communicate(timeout=60), process.returncode) for process in running]
    assert sorted(status for _, _, status in ended) == [2, 3], ended
    [(said, why, _)] = [one for one in ended if one[2] == 2]
    assert said == "" and "another run is at work on INC-1" in why and "nothing was done" in why, why
    assert set(case.statuses().values()) == {"Inactive"}
    report = json.loads(case.stockade("incident", "show", "INC-1", "--format", "json").stdout)
    assert len(report["runs"]) == 1


def test_a_plan_that_the_world_has_left_behind_writes_nothing(case):
    hash = case.propose()
    case.iam.update_access_key(UserName=case.name, AccessKeyId=case.keys[0]["AccessKeyId"], Status="Inactive")
    case.iam.put_user_policy(UserName=case.name, PolicyName="StockadeQuarantine-INC-1", PolicyDocument=policy("Allow", "s3:*"))
    before = case.state()
    done = case.approve(hash)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "drift" in done.stdout
    assert case.state() == before, "looked at before any write"


def test_the_incidents_report_is_whole_in_every_form(contained):
    page = contained.stockade("incident", "show", "INC-1", "--format", "html").stdout
    assert page.lstrip().lower().startswith("<!doctype html")
    assert "http://" not in page.replace(contained.cloud.endpoint, "") and "https://" not in page
    for outside in ("<script", "<link", "<img", "@import", "url("):
        assert outside not in page.lower()
    text = contained.stockade("incident", "show", "INC-1").stdout
    for told in (contained.name, "Timeline", "UNKNOWN", "chain intact", contained.keys[0]["AccessKeyId"]):
        assert told in text and told.replace("chain intact", "chain") in page
