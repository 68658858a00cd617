"""Whatever is wrong with what was typed, with the endpoint or with the store: a clear error that says what to do, and nothing changed."""

import http.server
import os
import threading
from pathlib import Path

import pytest

from conftest import clean_env, run
from response import complains, iam_state, plan_hash, policy

# What a response is asked for, with the user or the incident that it is about.
ABOUT_USER = [("triage", "user"), ("respond", "user")]
ABOUT_INCIDENT = [("verify",), ("undo",), ("eradicate",), ("recover", "--role", "app", "--trust", "ec2.amazonaws.com")]


@pytest.fixture(scope="module")
def cloud(range):
    """A range with a user `anna`, a user without permissions, and the incident INC-1 about anna with a plan."""
    iam = range.client("iam")
    for name in ("anna", "low"):
        iam.create_user(UserName=name)
    key = iam.create_access_key(UserName="low")["AccessKey"]
    range.low = {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
    iam.create_access_key(UserName="anna")
    iam.put_user_policy(UserName="anna", PolicyName="own", PolicyDocument=policy())
    shown = range.stockade("respond", "user", "anna")
    range.hash = plan_hash(shown.stdout)
    range.before = iam_state(iam)
    yield range
    assert iam_state(iam) == range.before, "something of all this changed the cloud"


def commands():
    return [(*about, "anna") for about in ABOUT_USER] + [(*about, "INC-1") for about in ABOUT_INCIDENT]


@pytest.mark.parametrize("about", ABOUT_USER, ids=" ".join)
def test_an_unknown_user(cloud, about):
    near = complains(cloud.stockade(*about, "ana"), "has no user `ana`", "did you mean anna?")
    assert "low" not in near
    complains(cloud.stockade(*about, "somebody-else"), "has no user `somebody-else`", "--account")
    complains(cloud.stockade(*about, "arn:aws:iam::123456789012:role/anna"), "is not a user", "arn:aws:iam::111122223333:user/anna")
    complains(cloud.stockade(*about, "not a name!"), "not a name!")
    complains(cloud.stockade(*about, "anna", "--account", "999999999999"), "999999999999 is not reached", "Give credentials")
    complains(cloud.stockade(*about, "anna", "--account", "12"), "twelve digits")


def test_a_name_in_another_case_is_the_user_as_aws_spells_it(cloud, tmp_path):
    store = ("--store", tmp_path / "s.db")
    shown = cloud.stockade("respond", "user", "ANNA", *store)
    if shown.returncode == 2:
        complains(shown, "did you mean anna?")
    else:
        assert "deny user anna everything" in shown.stdout and "user ANNA" not in shown.stdout
        # The line to copy is whole: it names the store too.
        assert f"respond user anna --approve {plan_hash(shown.stdout)} --store {tmp_path / 's.db'}" in shown.stdout


@pytest.mark.parametrize("about", ABOUT_USER, ids=" ".join)
def test_without_permission(cloud, about):
    complains(cloud.stockade(*about, "anna", **cloud.low), "user/low is not authorized to perform: iam:GetUser", "Give credentials")


def test_whoever_responds_is_not_the_one_to_be_stopped(cloud):
    complains(cloud.stockade("respond", "user", "admin"), "that is who you are", "other credentials")


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_a_wrong_secret_or_key(cloud, command):
    wrong = "wrong-secret-" * 3
    told = complains(cloud.stockade(*command, secret=wrong), "SignatureDoesNotMatch", "check AWS_SECRET_ACCESS_KEY")
    assert wrong not in told and cloud.secret not in told
    complains(cloud.stockade(*command, key="AKIAIOSFODNN7EXAMPLE"), "InvalidClientTokenId", "check the profile or AWS_ACCESS_KEY_ID")


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_missing_credentials(tmp_path, command):
    env = clean_env(tmp_path)
    complains(run(*command, env=env), "no AWS credentials", "AWS_ACCESS_KEY_ID", "--profile")


def test_half_credentials_and_wrong_profiles(tmp_path):
    env = clean_env(tmp_path)
    complains(run("triage", "user", "anna", env=env | {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}), "AWS_SECRET_ACCESS_KEY is not set")
    complains(run("triage", "user", "anna", "--profile", "nope", env=env), "no profile `nope`", "no-config")


@pytest.fixture(scope="module")
def website():
    """Some web server that is not AWS."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><html><body>Welcome to the intranet</body></html>")

        do_GET = do_POST

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.parametrize("command", [("triage", "user", "anna"), ("respond", "user", "anna"), ("undo", "INC-1")], ids=" ".join)
def test_a_wrong_endpoint(cloud, website, command):
    def to(url):
        return cloud.stockade(*command, "--endpoint-url", url)

    complains(to("http://127.0.0.1:1"), "http://127.0.0.1:1 was not reached", "check the port")
    complains(to(website), "is not AWS", "check the endpoint")
    complains(to("http://no-such-host.invalid"), "does not resolve", "check the spelling")
    complains(to(cloud.endpoint.replace("http:", "https:")), "does not speak TLS", "try http://")
    for url in ("nonsense", "ftp://127.0.0.1", "http://"):
        complains(to(url), "is not an endpoint", "http://127.0.0.1:4566")


@pytest.mark.parametrize("about", [*ABOUT_INCIDENT, ("incident", "show")], ids=" ".join)
def test_an_incident_that_there_is_not(cloud, about):
    complains(cloud.stockade(*about, "INC-99"), "there is no incident INC-99")
    for wrong in ("nonsense", "INC-0", "INC--1", "INC-99999999999999999999", "INC-1'; drop table incidents;--"):
        complains(cloud.stockade(*about, wrong), "is not an incident's name", "INC-7")


def test_a_hash_that_is_of_no_plan(cloud):
    # Not one digit: a plan may go on with that one.
    for wrong in ("0" * 16, cloud.hash[:11], cloud.hash + "0" * 12, "", "latest"):
        complains(cloud.stockade("respond", "user", "anna", "--approve", wrong), cloud.hash, "Nothing was done")
    for command in ("eradicate", "recover"):
        complains(cloud.stockade(command, "INC-1", "--approve", "0" * 16), "Nothing was done")
    complains(cloud.stockade("respond", "user", "low", "--approve", cloud.hash), "there is no plan for `low`", "stockade respond user low")


def test_steps_that_are_not_there_yet(cloud, tmp_path):
    complains(cloud.stockade("recover", "INC-1", "--role", "app", "--trust", "ec2.amazonaws.com"), "not contained yet")
    complains(cloud.stockade("recover", "INC-1"), "--role", "--trust")
    complains(cloud.stockade("undo", "INC-1", "--plan", "nope"), "there is no plan `nope`")
    blind = ("--store", tmp_path / "blind.db")
    cloud.stockade("respond", "user", "anna", "--no-lookup", *blind)
    told = complains(cloud.stockade("eradicate", "INC-1", *blind), "is unknown", "stockade respond user anna")
    assert "nothing is left" not in told, "what was not looked for is not gone"


def test_a_plan_that_was_not_run_is_no_containment(cloud):
    told = cloud.stockade("verify", "INC-1")
    assert told.returncode in (1, 3) and "CONTAINED\ngiven" not in told.stdout.replace("NOT CONTAINED", "")


@pytest.fixture
def stores(tmp_path):
    """Paths that are no incident store, each with what must be as it was."""
    folder = tmp_path / "a-folder"
    folder.mkdir()
    notes = tmp_path / "notes.txt"
    notes.write_text("not a database, but somebody's notes\n" * 99)
    notes.chmod(0o644)
    torn = tmp_path / "torn.db"
    torn.write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    torn.chmod(0o600)
    return {"folder": folder, "notes": notes, "torn": torn, "device": Path("/dev/zero"), "nowhere": Path("/proc/no/such/place.db")}


def looks(path):
    if not path.exists():
        return None
    now = path.stat()
    return now.st_mode, now.st_mtime_ns, path.read_bytes() if path.is_file() else None


@pytest.mark.parametrize("what", ["folder", "notes", "torn", "device", "nowhere"])
def test_a_store_that_cannot_be_one(cloud, stores, what):
    path = stores[what]
    before = looks(path)
    for command in (("incident", "list"), ("respond", "user", "anna"), ("undo", "INC-1")):
        complains(cloud.stockade(*command, "--store", path), "cannot use the incident store", "name another place")
        assert looks(path) == before, "not even its permissions are changed"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_that_may_not_be_written(cloud, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    complains(cloud.stockade("incident", "list", "--store", locked / "s.db"), "cannot use the incident store", "permissions")


def test_a_store_that_somebody_altered(cloud, tmp_path):
    import sqlite3

    store = tmp_path / "s.db"
    options = ("--store", store)
    shown = cloud.stockade("respond", "user", "anna", *options)
    with sqlite3.connect(store) as database:
        tables = [name for (name,) in database.execute("select name from sqlite_master where type = 'table' and name like 'plan%'")]
        changed = 0
        for table in tables:
            for column in [row[1] for row in database.execute(f"pragma table_info({table})")]:
                done = database.execute(f"update {table} set {column} = replace({column}, 'user anna', 'user low') where {column} like '%user anna%'")
                changed += done.rowcount
    assert changed, "the plan is in another table: mend this test"
    done = cloud.stockade("respond", "user", "anna", "--approve", plan_hash(shown.stdout), *options)
    complains(done)
    assert "hash" in done.stderr or "altered" in done.stderr or "cannot be read" in done.stderr, done.stderr


def test_torn_logs_make_a_triage_incomplete(cloud, tmp_path):
    log = tmp_path / "torn.json"
    log.write_text('{"Records": [{"eventVersion": "1.08", "eventTime": "2026-03-01T09:00:00Z", "eventName": "ListBuckets", "eventSource": "s3.amazonaws.com"}, {"eventVersio')
    told = cloud.stockade("triage", "user", "anna", "--logs", log)
    assert told.returncode == 3 and "torn.json" in told.stderr, (told.returncode, told.stderr)
    complains(cloud.stockade("triage", "user", "anna", "--logs", tmp_path / "missing"), "does not exist")


@pytest.mark.parametrize("secret", ["hunter2-is-my-secret", "AKIAX:hunter2-is-my-secret"])
def test_a_bad_administrators_key_is_not_repeated(tmp_path, secret):
    told = complains(run("range", "--listen", "127.0.0.1:0", "--admin-key", secret, env=clean_env(tmp_path), timeout=10), "--admin-key")
    assert "hunter2" not in told


def test_a_range_that_cannot_be_started(cloud, tmp_path):
    def start(*args):
        return run("range", *args, env=clean_env(tmp_path), timeout=10)

    taken = cloud.endpoint.removeprefix("http://")
    complains(start("--listen", taken), f"cannot listen on {taken}", "--listen")
    complains(start("--listen", "0.0.0.0:0"), "other machines", "127.0.0.1", "--exposed")
    complains(start("--listen", "[::]:0"), "other machines")
    complains(start("--listen", "0.0.0.0:0", "--auth", "open"), "anybody there would be root", "127.0.0.1")
    complains(start("--listen", "0.0.0.0:0", "--auth", "open", "--exposed"), "anybody there would be root")
    complains(start("--auth", "closed"), "enforce", "open")
    complains(start("--listen", "nope"), "--listen")
    complains(start("--account", "12"), "twelve digits")
    for wrong in ("soon", "-4s"):
        complains(start(f"--iam-delay={wrong}"), "give a time such as 4s")


def test_what_there_is_not(tmp_path):
    env = clean_env(tmp_path)
    complains(run("respnd", "user", "anna", env=env), "respnd", "respond")
    complains(run("hunt", env=env), "<PATHS>")
    complains(run("incident", "list", "--log", "===", env=env), "--log", "info")
    assert run("--help", env=env).returncode == 0 and run("--version", env=env).stdout.startswith("stockade ")
