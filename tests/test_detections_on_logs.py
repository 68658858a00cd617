"""The program's own rules on logs other than CloudTrail, as AWS writes them: lines of text and JSON, plain and packed."""

import gzip
import json

import pytest

from conftest import clean_env, run
from response import PANIC

ACCOUNT = "111122223333"
OWNER = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"


@pytest.fixture
def titles(tmp_path):
    """Hunts through one log of these lines; answers the titles of what was found."""

    def titles(lines, name="log", packed=False):
        path = tmp_path / name
        text = ("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n").encode()
        path.write_bytes(gzip.compress(text) if packed else text)
        done = run("hunt", "--format", "json", path, env=clean_env(tmp_path))
        assert not PANIC.search(done.stderr), done.stderr
        assert done.returncode in (0, 1), done.stderr
        told = json.loads(done.stdout)
        assert told["summary"]["skipped"] == 0, done.stderr
        return {finding["title"] for finding in told["findings"]}

    return titles


def flow(source, target, port, second=0, protocol=6, packets=10, octets=4249, action="ACCEPT"):
    start = 1773133960 + second
    return f"2 {ACCOUNT} eni-1235b8ca123456789 {source} {target} {40000 + second} {port} {protocol} {packets} {octets} {start} {start + 60} {action} OK"


def fetched(key, second, requester="-", operation="REST.GET.OBJECT", status=200, error="-", authentication="-"):
    time = f"10/Mar/2026:09:{second // 60:02}:{second % 60:02} +0000"
    return (
        f'{OWNER} app-data [{time}] 203.0.113.77 {requester} 3E57427F3EXAMPLE {operation} {key} "GET /app-data/{key} HTTP/1.1" {status} {error} 113 - 7 - "-" '
        f'"aws-cli/2.22.7" - s9lzHYrFp76ZVxRcpX9= SigV4 TLS_AES_128_GCM_SHA256 {authentication} app-data.s3.us-east-1.amazonaws.com TLSv1.3 - -'
    )


def asked(name, answer="198.51.100.7"):
    return {
        "version": "1.100000",
        "account_id": ACCOUNT,
        "region": "us-east-1",
        "vpc_id": "vpc-1",
        "query_timestamp": "2026-03-10T09:12:44Z",
        "query_name": name,
        "query_type": "A",
        "query_class": "IN",
        "rcode": "NOERROR",
        "answers": [{"Rdata": answer, "Type": "A", "Class": "IN"}],
        "srcaddr": "10.0.1.23",
        "srcport": "41000",
        "transport": "UDP",
        "srcids": {"instance": "i-0abcdef1234567890"},
    }


def through_alb(url, status, second=0):
    return (
        f"https 2026-03-10T09:12:{second:02}.186641Z app/web/50dc6c495c0c9188 203.0.113.77:2817 10.0.0.1:80 0.086 0.048 0.037 {status} {status} 0 1900 "
        f'"GET https://www.example.com:443{url} HTTP/1.1" "Mozilla/5.0" TLS_AES_128_GCM_SHA256 TLSv1.3 '
        f"arn:aws:elasticloadbalancing:us-east-2:{ACCOUNT}:targetgroup/my-targets/73e2d6bc24d8a067 "
        '"Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "-" 1 2026-03-10T09:12:44.364000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_123456'
    )


def test_flow_logs(titles):
    mail = [flow("10.0.1.23", f"198.51.100.{i}", 25, i * 9) for i in range(24)]
    assert "Mail sent straight to many servers" in titles(mail, packed=True)
    to_one = [flow("10.0.1.23", "198.51.100.9", 25, i * 9) for i in range(24)]
    assert titles(to_one) == set()
    redis = "Port of a database or control plane answered the internet"
    assert redis in titles([flow("203.0.113.77", "10.0.1.23", 6379, packets=12)])
    assert redis not in titles([flow("203.0.113.77", "10.0.1.23", 6379, packets=12, action="REJECT")])


def test_resolver_queries(titles):
    assert "Name of a tunnel or reverse proxy looked up" in titles([asked("tunnel.us.ngrok.com.")])
    assert "Name that leads to the metadata service or to the machine itself" in titles([asked("rebind.example.net.", "169.254.169.254")])
    assert titles([asked("www.example.com."), asked("myngrok.io.example.com.")]) == set()


def test_access_logs_of_s3(titles):
    bulk = "Many objects fetched by somebody without a name"
    assert bulk in titles([fetched(f"orders/{i}.csv", i * 3) for i in range(110)])
    named = [fetched(f"orders/{i}.csv", i * 3, requester=f"arn:aws:iam::{ACCOUNT}:user/alice", authentication="AuthHeader") for i in range(110)]
    assert bulk not in titles(named)
    refused = [fetched(f"orders/{i}.csv", i * 3, status=403, error="AccessDenied") for i in range(110)]
    assert bulk not in titles(refused)
    assert "Object names guessed" not in titles(refused[:10])
    links = [fetched(f"orders/{i}.csv", i * 3, requester=f"arn:aws:iam::{ACCOUNT}:user/alice", authentication="QueryString") for i in range(60)]
    assert "Signed links used in bulk from one address" in titles(links)


def test_access_logs_of_load_balancers(titles):
    metadata = "Instance metadata asked for through a web application"
    assert metadata in titles([through_alb("/fetch?url=http://169.254.169.254/latest/meta-data/", 200)])
    assert metadata not in titles([through_alb("/fetch?url=http://169.254.169.254/latest/meta-data/", 403)])
    assert "File of secrets served by a web server" in titles([through_alb("/.env", 200)])
    assert titles([through_alb("/.env", 404)]) == set()


def test_findings_of_guardduty(titles):
    finding = {
        "schemaVersion": "2.0",
        "accountId": ACCOUNT,
        "region": "us-east-1",
        "id": "1ab92989eaf0e742df4a014d5c0a8ac1",
        "type": "CryptoCurrency:EC2/BitcoinTool.B!DNS",
        "severity": 8,
        "updatedAt": "2026-03-10T09:15:00.000Z",
        "resource": {"resourceType": "Instance", "instanceDetails": {"instanceId": "i-0abcdef1234567890"}},
        "service": {"serviceName": "guardduty", "archived": False, "eventLastSeen": "2026-03-10T09:12:44.000Z"},
    }
    assert "GuardDuty saw a miner at work" in titles([finding])
    assert titles([{**finding, "service": {**finding["service"], "archived": True}}]) == set()
