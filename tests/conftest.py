"""What every black-box test stands on: the built program, a range of its own, and real AWS clients."""

import datetime
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import botocore.config
import pytest

import called

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data"


def binary() -> Path:
    """The release build of the program, which `./test` makes first, or the one that STOCKADE_BINARY names."""
    if named := os.environ.get("STOCKADE_BINARY"):
        return Path(named)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    path = target / "release" / "stockade"
    if not path.exists():
        pytest.exit("build the program first: cargo build --release", returncode=2)
    return path


def clean_env(home: Path) -> dict:
    """An environment without any AWS setting of the machine's own."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "STOCKADE_"))}
    env.update(
        HOME=str(home),
        AWS_CONFIG_FILE=str(home / "no-config"),
        AWS_SHARED_CREDENTIALS_FILE=str(home / "no-credentials"),
        AWS_EC2_METADATA_DISABLED="true",
        AWS_PAGER="",
    )
    return env


def instant(text: str) -> datetime.datetime:
    """A time as the range tells it."""
    return datetime.datetime.fromisoformat(text)


@dataclass
class Cloud:
    """An AWS endpoint with its administrator's key."""

    endpoint: str
    key: str
    secret: str
    home: Path
    process: subprocess.Popen = field(repr=False, default=None)
    is_range: bool = False

    def client(self, service, key=None, secret=None, token=None, region="us-east-1", **extra):
        config = botocore.config.Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        client = boto3.session.Session(
            aws_access_key_id=key or self.key,
            aws_secret_access_key=secret or self.secret,
            aws_session_token=token,
            region_name=region,
        ).client(service, endpoint_url=self.endpoint, config=extra.pop("config", config), **extra)
        return called.watch(client) if self.is_range else client

    def env(self, key=None, secret=None, token=None, region="us-east-1"):
        env = clean_env(self.home)
        env.update(
            AWS_ENDPOINT_URL=self.endpoint,
            AWS_ACCESS_KEY_ID=key or self.key,
            AWS_SECRET_ACCESS_KEY=secret or self.secret,
            AWS_DEFAULT_REGION=region,
        )
        if token:
            env["AWS_SESSION_TOKEN"] = token
        return env

    def cli(self, *args, key=None, secret=None, token=None, region="us-east-1", **extra):
        """The AWS CLI, unchanged."""
        aws = Path(sys.executable).parent / "aws"
        since = instant(self.control("clock")["now"]) if self.is_range else None
        done = subprocess.run(
            [str(aws), *map(str, args)], env=self.env(key, secret, token, region), capture_output=True, text=True, timeout=120, **extra
        )
        if self.is_range:
            called.note_requests(r for r in self.control("requests")["requests"] if instant(r["time"]) >= since)
        return done

    def stockade(self, *args, key=None, secret=None, token=None, region="us-east-1", **extra):
        """The program itself, pointed at this cloud."""
        return run(*args, env=self.env(key, secret, token, region), **extra)

    def control(self, path, body=None):
        """A control call of the range: /_stockade/<path>."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.endpoint}/_stockade/{path}", data=data)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


def run(*args, env=None, cwd=None, input=None, timeout=120):
    """Runs the program and hands back what it said."""
    return subprocess.run(
        [str(binary()), *map(str, args)], env=env, cwd=cwd, input=input, capture_output=True, text=True, timeout=timeout
    )


def start_range(home: Path, *args, listen="127.0.0.1:0", **more) -> Cloud:
    """Starts `stockade range`, on a free port unless told otherwise, with a known administrator's key."""
    key, secret = "AKIAADMINISTRATOR001", "administrator-secret-of-the-range-000001"
    process = subprocess.Popen(
        [str(binary()), "range", "--listen", listen, "--admin-key", f"{key}:{secret}", *map(str, args)],
        env=clean_env(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )
    for line in process.stdout:
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found:
            return Cloud(found[0], key, secret, home, process, is_range=True)
    raise RuntimeError(f"the range did not start: {process.stderr.read()}")


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


@pytest.fixture(scope="module")
def range(tmp_path_factory):
    """A range for the tests of one file."""
    cloud = start_range(tmp_path_factory.mktemp("home"))
    yield cloud
    stop(cloud.process)


@pytest.fixture
def fresh_range(tmp_path):
    """A range for one test alone. Call it with the range's own options."""
    started = []

    def start(*args):
        started.append(start_range(tmp_path, *args))
        return started[-1]

    yield start
    for cloud in started:
        stop(cloud.process)


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    """Another AWS: the moto server, unchanged."""
    home = tmp_path_factory.mktemp("moto")
    server = Path(sys.executable).parent / "moto_server"
    process = subprocess.Popen(
        [str(server), "-H", "127.0.0.1", "-p", "0"], env=clean_env(home), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found:
            # The server goes on writing a line a request: it must not fill the pipe.
            import threading

            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield Cloud(found[0], "testing", "testing", home, process)
            break
    else:
        raise RuntimeError("the moto server did not start")
    process.terminate()
    process.wait(10)


def eventually(what, seconds=10):
    """Waits for `what` to answer with something true, and hands it back."""
    end = time.monotonic() + seconds
    while True:
        answer = what()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(0.1)


def pytest_collection_modifyitems(config, items):
    """Whether the whole of what calls the range runs, or why not: what every operation is called by is known only then."""
    files = {path.name for path in Path(__file__).parent.glob("test_range_*.py")}
    lacking = sorted(files - {item.path.name for item in items})
    if lacking:
        config.whole_suite = f"{', '.join(lacking)} did not run"
    elif config.option.keyword or config.option.markexpr or any("::" in arg for arg in config.args):
        config.whole_suite = "only some of their tests ran"
    else:
        config.whole_suite = True
    # Last, whatever the order of the files is.
    items.sort(key=lambda item: item.path.name == "test_zz_every_operation.py")


@pytest.fixture
def whole_suite(pytestconfig):
    """True, or why it is not the whole suite that runs."""
    return pytestconfig.whole_suite
