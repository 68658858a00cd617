"""Web identities: tokens of an OpenID Connect provider that listens on this machine, taken for a role by boto3."""

import base64
import hmac
import json
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import botocore
import botocore.config
import pytest
from botocore.exceptions import ClientError
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from identity_providers import OidcProvider

ACCOUNT = "123456789012"
THUMB = "0" * 40


@pytest.fixture
def provider(tmp_path):
    provider = OidcProvider(tmp_path)
    yield provider
    provider.close()


def stranger(cloud):
    """STS for those who have no credentials."""
    config = botocore.config.Config(signature_version=botocore.UNSIGNED, retries={"total_max_attempts": 1})
    return cloud.client("sts", config=config)


def register(cloud, provider, thumbprints=None, clients=("app",)):
    return cloud.client("iam").create_open_id_connect_provider(
        Url=provider.url, ClientIDList=list(clients), ThumbprintList=[provider.thumbprint] if thumbprints is None else thumbprints
    )["OpenIDConnectProviderArn"]


def role(cloud, name, arn, conditions=None, actions=("sts:AssumeRoleWithWebIdentity",), **more):
    statement = {"Effect": "Allow", "Principal": {"Federated": arn}, "Action": list(actions)}
    if conditions:
        statement["Condition"] = conditions
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document, **more)["Role"]["Arn"]


def assume(cloud, role, token, **more):
    return stranger(cloud).assume_role_with_web_identity(RoleArn=role, RoleSessionName="build-7", WebIdentityToken=token, **more)


def refused(cloud, role, token, **more):
    with pytest.raises(ClientError) as error:
        assume(cloud, role, token, **more)
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


def events(cloud, name="AssumeRoleWithWebIdentity", region="us-east-1"):
    found = cloud.client("cloudtrail", region=region).lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}])
    return [json.loads(event["CloudTrailEvent"]) for event in found["Events"]]


def as_session(cloud, answer, service):
    given = answer["Credentials"]
    return cloud.client(service, given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def test_a_token_gets_a_role_and_leaves_its_record(range, provider):
    arn = register(range, provider)
    assert arn == f"arn:aws:iam::{ACCOUNT}:oidc-provider/{provider.name}"
    target = role(range, "web", arn, {"StringEquals": {f"{provider.name}:aud": "app", f"{provider.name}:sub": "anna"}})
    answer = assume(range, target, provider.token())
    assert answer["SubjectFromWebIdentityToken"] == "anna"
    assert answer["Audience"] == "app"
    assert answer["Provider"] == arn
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/web/build-7"
    assert as_session(range, answer, "sts").get_caller_identity()["Arn"] == answer["AssumedRoleUser"]["Arn"]

    event = events(range)[0]
    assert event["userIdentity"] == {
        "type": "WebIdentityUser",
        "principalId": f"{arn}:app:anna",
        "userName": "anna",
        "identityProvider": arn,
    }
    assert event["requestParameters"] == {"roleArn": target, "roleSessionName": "build-7"}
    assert event["additionalEventData"]["identityProviderConnectionVerificationMethod"] == "Thumbprint"
    assert event["responseElements"]["subjectFromWebIdentityToken"] == "anna"
    assert "secretAccessKey" not in json.dumps(event) and "eyJ" not in json.dumps(event)
    assert event["readOnly"] is True
    assert event["resources"] == [{"accountId": ACCOUNT, "type": "AWS::IAM::Role", "ARN": target}]
    session = events(range, "GetCallerIdentity")[0]["userIdentity"]
    assert session["type"] == "AssumedRole"
    assert session["sessionContext"]["webIdFederationData"] == {"federatedProvider": arn, "attributes": {}}
    assert session["sessionContext"]["sessionIssuer"]["userName"] == "web"


def test_the_aws_cli_and_sdk_find_the_token_in_its_file(range, provider, tmp_path):
    target = role(range, "from-file", register(range, provider))
    (tmp_path / "token").write_text(provider.token())
    env = range.env() | {"AWS_ROLE_ARN": target, "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"), "AWS_ROLE_SESSION_NAME": "from-file"}
    del env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"]
    done = subprocess.run(
        [str(Path(sys.executable).parent / "aws"), "sts", "get-caller-identity", "--query", "Arn", "--output", "text"],
        env=env, capture_output=True, text=True, timeout=120,
    )
    assert done.stdout.strip() == f"arn:aws:sts::{ACCOUNT}:assumed-role/from-file/from-file", done.stderr


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"])
def test_every_algorithm_of_aws_is_taken(range, provider, algorithm):
    target = role(range, f"by-{algorithm}", register(range, provider))
    curves = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
    key = ECKey.generate_key(curves[algorithm], {"kid": "k"}) if algorithm in curves else RSAKey.generate_key(2048, {"kid": "k"})
    provider.add_key("k", key)
    assert assume(range, target, provider.token("k", algorithm))["Provider"]


def test_tokens_that_prove_nothing_are_refused(range, provider):
    target = role(range, "strict", register(range, provider))
    no_jwt = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
    assert refused(range, target, "not-a-token") == ("InvalidIdentityToken", 400, no_jwt)

    good = provider.token()
    header, claims, signature = good.split(".")
    encode = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    unsigned = encode({"alg": "none"}) + f".{claims}."
    code, status, message = refused(range, target, unsigned)
    assert (code, status) == ("InvalidIdentityToken", 400) and "must be signed by" in message

    # The public key as the shared secret, the oldest confusion.
    secret = provider.keys["first"].as_pem(private=False)
    said = encode({"alg": "HS256", "kid": "first"}) + f".{claims}"
    mac = base64.urlsafe_b64encode(hmac.digest(secret, said.encode(), "sha256")).decode().rstrip("=")
    assert "must be signed by" in refused(range, target, f"{said}.{mac}")[2]
    assert "must be signed by" in refused(range, target, provider.token(algorithm="PS256"))[2]

    changed = encode(json.loads(base64.urlsafe_b64decode(claims + "==")) | {"sub": "root"})
    assert refused(range, target, f"{header}.{changed}.{signature}")[0] == "InvalidIdentityToken"
    other = RSAKey.generate_key(2048, {"kid": "first"})
    assert refused(range, target, provider.token(key=other))[0] == "InvalidIdentityToken"
    unknown = provider.token(kid="second", key=other)
    code, status, message = refused(range, target, unknown)
    assert message.startswith("Couldn't retrieve verification key from your identity provider,")


def test_claims_are_checked(range, provider):
    target = role(range, "claims", register(range, provider))
    now = int(time.time())
    for wrong, code, words in [
        ({"aud": "other"}, "InvalidIdentityToken", "Incorrect token audience"),
        ({"aud": None}, "InvalidIdentityToken", "Missing a required claim: aud"),
        ({"sub": None}, "InvalidIdentityToken", "Missing a required claim: sub"),
        ({"exp": None}, "InvalidIdentityToken", "Missing a required claim: exp"),
        ({"iat": None}, "InvalidIdentityToken", "Missing a required claim: iat"),
        ({"iss": None}, "InvalidIdentityToken", "Missing a required claim: iss"),
        ({"exp": now - 10}, "ExpiredTokenException", "Token expired: current date/time "),
        ({"exp": now + 600.5}, "InvalidIdentityToken", "must be an integer"),
        ({"nbf": now + 3600}, "InvalidIdentityToken", "not valid yet"),
        ({"iat": now + 3600, "exp": now + 7200}, "InvalidIdentityToken", "not valid yet"),
        ({"azp": "other"}, "InvalidIdentityToken", "Incorrect token audience"),
        ({"iss": "https://nobody.example.com"}, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://nobody.example.com"),
    ]:
        found = refused(range, target, provider.token(**wrong))
        assert found[0] == code and words in found[2], (wrong, found)
    assert assume(range, target, provider.token(aud=["x", "app"]))["Audience"] == "app"
    assert assume(range, target, provider.token(aud="x", azp="app"))["Audience"] == "app"


def test_a_trust_policy_decides(range, provider):
    arn = register(range, provider)
    only = {"StringEquals": {f"{provider.name}:sub": "anna"}, "ForAnyValue:StringEquals": {f"{provider.name}:amr": "mfa"}}
    target = role(range, "only-anna", arn, only)
    assert assume(range, target, provider.token(amr=["pwd", "mfa"]))
    denied = ("AccessDenied", 403, "Not authorized to perform sts:AssumeRoleWithWebIdentity")
    assert refused(range, target, provider.token(amr=["pwd"])) == denied
    assert refused(range, target, provider.token(amr=["mfa"], sub="mallory")) == denied
    assert refused(range, target + "-not", provider.token()) == denied
    other = role(range, "other-provider", f"arn:aws:iam::{ACCOUNT}:oidc-provider/other.example.com")
    assert refused(range, other, provider.token()) == denied
    event = events(range)[0]
    assert event["errorCode"] == "AccessDenied"
    assert event["errorMessage"] == "An unknown error occurred"
    assert event["userIdentity"]["type"] == "WebIdentityUser"
    assert event["requestParameters"]["roleArn"] == other


def test_what_is_forged_is_recorded_and_names_nobody(range, provider):
    target = role(range, "forged", register(range, provider))
    refused(range, target, provider.token(exp=1))
    event = events(range)[0]
    assert event["errorCode"] == "ExpiredTokenException"
    assert event["userIdentity"]["type"] == "Unknown"
    assert event["requestParameters"] == {"roleArn": target, "roleSessionName": "build-7"}
    assert "eyJ" not in json.dumps(event)


def test_session_tags_and_the_source_identity_come_from_the_token(range, provider):
    arn = register(range, provider)
    actions = ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"]
    target = role(range, "tagged", arn, actions=actions)
    range.client("iam").put_role_policy(RoleName="tagged", PolicyName="own", PolicyDocument=json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*", "Condition": {"StringEquals": {
            "aws:PrincipalTag/team": "red", "aws:SourceIdentity": "anna.k", f"{provider.name}:sub": "anna", "aws:FederatedProvider": arn,
        }}}],
    }))
    tags = {"https://aws.amazon.com/tags": {"principal_tags": {"team": ["red"]}, "transitive_tag_keys": ["team"]}}
    claims = tags | {"https://aws.amazon.com/source_identity": "anna.k"}
    answer = assume(range, target, provider.token(**claims))
    assert answer["SourceIdentity"] == "anna.k" and answer["PackedPolicySize"] >= 1
    as_session(range, answer, "iam").list_users()
    event = events(range)[0]
    assert event["requestParameters"]["principalTags"] == {"team": "red"}
    assert event["requestParameters"]["transitiveTagKeys"] == ["team"]
    assert event["requestParameters"]["sourceIdentity"] == "anna.k"
    # Without them the session may not.
    with pytest.raises(ClientError):
        as_session(range, assume(range, target, provider.token()), "iam").list_users()
    # Tags need a permission of their own.
    plain = role(range, "not-tagged", arn)
    assert refused(range, plain, provider.token(**tags))[2] == "Not authorized to perform sts:TagSession"
    flat = {"https://aws.amazon.com/tags/principal_tags/team": ["red"], "https://aws.amazon.com/tags/transitive_tag_keys": ["team"]}
    assert assume(range, target, provider.token(**flat))["PackedPolicySize"] >= 1
    twice = {"https://aws.amazon.com/tags": {"principal_tags": {"team": ["red", "blue"]}}}
    assert refused(range, target, provider.token(**twice))[0] == "InvalidIdentityToken"


def test_a_session_policy_and_the_roles_limit_hold(range, provider):
    target = role(range, "limited", register(range, provider), MaxSessionDuration=7200)
    code, status, message = refused(range, target, provider.token(), DurationSeconds=7201)
    assert (code, status) == ("ValidationError", 400)
    assert message == "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    range.client("iam").attach_role_policy(RoleName="limited", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    only_s3 = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
    answer = assume(range, target, provider.token(), Policy=only_s3, DurationSeconds=900)
    as_session(range, answer, "s3").list_buckets()
    with pytest.raises(ClientError) as error:
        as_session(range, answer, "iam").list_users()
    assert "no session policy allows the iam:ListUsers action" in str(error.value)


def test_the_certificate_must_be_known(range, provider, tmp_path):
    arn = register(range, provider, thumbprints=[THUMB])
    target = role(range, "unknown-certificate", arn)
    code, status, message = refused(range, target, provider.token())
    assert (code, status) == ("InvalidIdentityToken", 400)
    assert message == "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint"
    range.client("iam").update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=[THUMB, provider.thumbprint.upper()])
    assert assume(range, target, provider.token())
    # A certificate that signs for itself is its own top; another host's is none.
    for hosts, good in [(("localhost",), True), (("elsewhere.example.com",), False)]:
        single = OidcProvider(tmp_path, chain=False, hosts=hosts)
        try:
            name = f"single-{good}"
            single_role = role(range, name, register(range, single))
            if good:
                assert assume(range, single_role, single.token())
            else:
                assert refused(range, single_role, single.token())[0] == "InvalidIdentityToken"
        finally:
            single.close()


def test_keys_are_kept_and_asked_for_again_when_one_is_new(range, provider):
    provider.headers = {"Cache-Control": "public, max-age=3600"}
    target = role(range, "kept", register(range, provider))
    for _ in "123":
        assume(range, target, provider.token())
    assert len(provider.asked) == 2, provider.asked
    provider.add_key("second")
    time.sleep(2.1)
    assume(range, target, provider.token("second"))
    assert len(provider.asked) == 4
    # A stranger's key does not have the provider asked again and again.
    forged = provider.token(kid="third", key=RSAKey.generate_key(2048, {"kid": "third"}))
    for _ in "1234":
        refused(range, target, forged)
    assert len(provider.asked) <= 6, provider.asked


def test_a_provider_that_does_not_behave_is_refused(range, provider):
    target = role(range, "misbehaving", register(range, provider))
    well_known = "/tenant/.well-known/openid-configuration"
    no_key = "Couldn't retrieve verification key from your identity provider,"

    def answers(path, status=200, headers=None, body=b"{}"):
        provider.documents = {path: (status, headers or {}, body)}
        return refused(range, target, provider.token())

    incomplete = provider.discovery()
    del incomplete["response_types_supported"]
    elsewhere = provider.discovery() | {"issuer": "https://elsewhere.example.com"}
    plain = provider.discovery() | {"jwks_uri": f"http://localhost:{provider.port}/tenant/keys"}
    secrets = provider.discovery() | {"jwks_uri": "https://169.254.169.254/latest/meta-data"}
    for path, status, headers, body in [
        (well_known, 404, {}, b""),
        (well_known, 302, {"Location": f"{provider.url}/elsewhere"}, b""),
        (well_known, 200, {}, b"not json"),
        (well_known, 200, {}, json.dumps(incomplete).encode()),
        (well_known, 200, {}, json.dumps(elsewhere).encode()),
        (well_known, 200, {}, json.dumps(plain).encode()),
        (well_known, 200, {}, b" " * 400_000 + b"{}"),
        ("/tenant/keys", 500, {}, b""),
        ("/tenant/keys", 200, {}, b"[]"),
    ]:
        code, _, message = answers(path, status, headers, body)
        assert code == "InvalidIdentityToken" and message.startswith(no_key), (path, status, body[:60], message)
    assert "/elsewhere" not in " ".join(provider.asked)
    assert answers(well_known, body=json.dumps(secrets).encode())[0] == "IDPCommunicationError"
    provider.documents = {}
    assert assume(range, target, provider.token())
    provider.close()
    gone = OidcProvider.__new__(OidcProvider)
    gone.__dict__.update(provider.__dict__)
    gone.url = f"https://localhost:{provider.port}/gone"
    gone.name = gone.url.removeprefix("https://")
    gone_role = role(range, "gone", register(range, gone))
    assert refused(range, gone_role, gone.token())[:2] == ("IDPCommunicationError", 400)


def test_a_slow_provider_keeps_nobody_else_waiting(range, provider):
    target = role(range, "slow", register(range, provider))
    provider.delay = 1.5
    answers = []
    waiting = [threading.Thread(target=lambda: answers.append(assume(range, target, provider.token()))) for _ in "123456"]
    for thread in waiting:
        thread.start()
    time.sleep(0.3)
    # They all wait for one question; meanwhile the range answers, reads and writes.
    range.client("iam").create_user(UserName="meanwhile")
    range.client("sts").get_caller_identity()
    assert not answers
    for thread in waiting:
        thread.join()
    assert len(answers) == 6 and len(provider.asked) == 2


def test_access_tokens_of_oauth_are_refused_clearly(range, provider):
    target = role(range, "oauth", "graph.facebook.com")
    code, _, message = refused(range, target, provider.token(), ProviderId="graph.facebook.com")
    assert code == "IDPCommunicationError" and "graph.facebook.com" in message
    assert refused(range, target, provider.token(), ProviderId="evil.example.com")[0] == "ValidationError"


def test_bad_arns_and_names_are_refused(range, provider):
    register(range, provider)
    bad = refused(range, f"arn:aws:iam::{ACCOUNT}:user/somebody", provider.token())
    assert bad[0] == "ValidationError"
    unknown = refused(range, "arn:aws:iam::999988887777:role/x", provider.token())
    assert unknown[2].startswith("No OpenIDConnect provider found in your account for")
    with pytest.raises(ClientError) as error:
        stranger(range).assume_role_with_web_identity(RoleArn="arn:aws:iam::123456789012:role/x", RoleSessionName="a b", WebIdentityToken="x.y.z")
    assert error.value.response["Error"]["Code"] == "ValidationError"


def test_a_token_ages_by_the_ranges_clock(fresh_range, tmp_path):
    cloud, provider = fresh_range(), OidcProvider(tmp_path)
    target = role(cloud, "aging", register(cloud, provider))
    token = provider.token()
    assert assume(cloud, target, token)
    # Tokens carry whole seconds.
    time.sleep(1.1)
    cloud.control("clock", {"advance": "PT20M"})
    assert refused(cloud, target, token)[0] == "ExpiredTokenException"
    assert assume(cloud, target, provider.token())
    provider.close()


def test_tokens_that_the_range_issues_are_verified_by_what_it_publishes(fresh_range):
    cloud = fresh_range()
    iam, sts = cloud.client("iam"), cloud.client("sts")
    ask = lambda **more: sts.get_web_identity_token(**({"Audience": ["https://api.example.com"], "SigningAlgorithm": "ES384"} | more))
    with pytest.raises(ClientError) as error:
        ask()
    assert error.value.response["Error"]["Code"] == "OutboundWebIdentityFederationDisabledException"
    issuer = iam.enable_outbound_web_identity_federation()["IssuerIdentifier"]
    info = iam.get_outbound_web_identity_federation_info()
    assert (info["IssuerIdentifier"], info["JwtVendingEnabled"]) == (issuer, True)
    host = issuer.removeprefix("https://")

    def published(path, by_host):
        address = cloud.endpoint + path if by_host else f"{cloud.endpoint}/_stockade/issuers/{host.split('.')[0]}{path}"
        request = urllib.request.Request(address, headers={"Host": host} if by_host else {})
        return json.load(urllib.request.urlopen(request, timeout=10))

    for by_host in (True, False):
        discovery = published("/.well-known/openid-configuration", by_host)
        assert discovery["issuer"] == issuer
        keys = KeySet.import_key_set(published("/.well-known/jwks.json", by_host))
    for algorithm in ("RS256", "ES384"):
        answer = ask(SigningAlgorithm=algorithm, Tags=[{"Key": "job", "Value": "7"}], DurationSeconds=600)
        token = jwt.decode(answer["WebIdentityToken"], keys, algorithms=[algorithm])
        claims = token.claims
        assert token.header["alg"] == algorithm
        assert claims["iss"] == issuer and claims["aud"] == "https://api.example.com"
        assert claims["sub"] == sts.get_caller_identity()["Arn"]
        assert claims["exp"] - claims["iat"] == 600
        aws = claims["https://sts.amazonaws.com/"]
        assert aws["aws_account"] == ACCOUNT and aws["request_tags"] == {"job": "7"} and aws["source_region"] == "us-east-1"
    with pytest.raises(ClientError) as error:
        ask(SigningAlgorithm="HS256")
    assert error.value.response["Error"]["Code"] == "ValidationError"
    event = events(cloud, "GetWebIdentityToken")[0]
    assert "eyJ" not in json.dumps(event)

    # A session's token does not outlive it, and names the role.
    role_arn = iam.create_role(RoleName="app", AssumeRolePolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}],
    }))["Role"]["Arn"]
    iam.put_role_policy(RoleName="app", PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:GetWebIdentityToken", "Resource": "*",
                       "Condition": {"ForAllValues:StringEquals": {"sts:IdentityTokenAudience": "good"}, "NumericLessThanEquals": {"sts:DurationSeconds": "3600"}}}],
    }))
    session = as_session(cloud, sts.assume_role(RoleArn=role_arn, RoleSessionName="session", DurationSeconds=900), "sts")
    good = session.get_web_identity_token(Audience=["good"], SigningAlgorithm="RS256")["WebIdentityToken"]
    claims = jwt.decode(good, keys, algorithms=["RS256"]).claims
    assert claims["sub"] == role_arn and "original_session_exp" in claims["https://sts.amazonaws.com/"]
    for audience, seconds, code in [("bad", 300, "AccessDenied"), ("good", 3600, "SessionDurationEscalationException")]:
        with pytest.raises(ClientError) as error:
            session.get_web_identity_token(Audience=[audience], SigningAlgorithm="RS256", DurationSeconds=seconds)
        assert error.value.response["Error"]["Code"] == code
    iam.disable_outbound_web_identity_federation()
    with pytest.raises(ClientError):
        ask()
