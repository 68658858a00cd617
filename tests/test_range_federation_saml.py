"""SAML users: responses that signxml signs, taken for a role by boto3; and the attacks on them."""

import base64
import hashlib
import json
import re

import botocore
import botocore.config
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from signxml import DigestAlgorithm, SignatureMethod

from identity_providers import AWS, SAML, SamlProvider, encoded, encrypted, pem

ACCOUNT = "123456789012"
SIGN_IN = "https://signin.aws.amazon.com/saml"
SIGNATURE = re.compile(r"<(?:\w+:)?Signature\b.*</(?:\w+:)?Signature>", re.S)
IDP = SamlProvider()
STRANGER = SamlProvider()


def stranger(cloud):
    config = botocore.config.Config(signature_version=botocore.UNSIGNED, retries={"total_max_attempts": 1})
    return cloud.client("sts", config=config)


def register(cloud, name, idp=IDP, **more):
    return cloud.client("iam").create_saml_provider(Name=name, SAMLMetadataDocument=idp.metadata(), **more)["SAMLProviderArn"]


def role(cloud, name, provider, conditions=None, actions=("sts:AssumeRoleWithSAML",), **more):
    condition = {"StringEquals": {"saml:aud": SIGN_IN}} if conditions is None else conditions
    statement = {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": list(actions), "Condition": condition}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document, **more)["Role"]["Arn"]


def assume(cloud, role, provider, response, **more):
    return stranger(cloud).assume_role_with_saml(RoleArn=role, PrincipalArn=provider, SAMLAssertion=response, **more)


def refused(cloud, role, provider, response, **more):
    with pytest.raises(ClientError) as error:
        assume(cloud, role, provider, response, **more)
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


def events(cloud, name="AssumeRoleWithSAML"):
    found = cloud.client("cloudtrail").lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}])
    return [json.loads(event["CloudTrailEvent"]) for event in found["Events"]]


def as_session(cloud, answer, service):
    given = answer["Credentials"]
    return cloud.client(service, given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def setup(cloud, name, **more):
    """A provider and a role, both of this name, and the pair that names them."""
    provider = register(cloud, name)
    target = role(cloud, name, provider, **more)
    return target, provider, f"{target},{provider}"


def test_a_response_gets_a_role_and_leaves_its_record(range):
    target, provider, pair = setup(range, "plain")
    answer = assume(range, target, provider, IDP.good(pair))
    qualifier = base64.b64encode(hashlib.sha1(f"{IDP.entity}{ACCOUNT}/plain".encode()).digest()).decode()
    assert answer["Subject"] == "anna" and answer["SubjectType"] == "persistent"
    assert answer["Issuer"] == IDP.entity and answer["Audience"] == SIGN_IN
    assert answer["NameQualifier"] == qualifier
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/plain/anna@example.com"
    assert as_session(range, answer, "sts").get_caller_identity()["Arn"] == answer["AssumedRoleUser"]["Arn"]
    event = events(range)[0]
    assert event["userIdentity"] == {"type": "SAMLUser", "principalId": f"{qualifier}:anna", "userName": "anna", "identityProvider": qualifier}
    parameters = event["requestParameters"]
    assert parameters.pop("sAMLAssertionID").startswith("_")
    assert parameters == {"roleArn": target, "principalArn": provider, "roleSessionName": "anna@example.com"}
    assert [resource["type"] for resource in event["resources"]] == ["AWS::IAM::Role", "AWS::IAM::SAMLProvider"]
    assert event["responseElements"]["nameQualifier"] == qualifier and event["readOnly"] is True
    assert "secretAccessKey" not in json.dumps(event) and "PD94" not in json.dumps(event)


def test_the_aws_cli_takes_a_response(range):
    target, provider, pair = setup(range, "by-cli")
    done = range.cli("sts", "assume-role-with-saml", "--role-arn", target, "--principal-arn", provider, "--saml-assertion", IDP.good(pair))
    assert json.loads(done.stdout)["Subject"] == "anna", done.stderr


def test_every_way_to_sign_is_taken(range):
    target, provider, pair = setup(range, "ways")
    whole = encoded(IDP.sign(IDP.response(IDP.assertion(pair))))
    both = encoded(IDP.sign(IDP.response(IDP.sign(IDP.assertion(pair)))))
    for response in (whole, both):
        assert assume(range, target, provider, response)["Subject"] == "anna"
    for method, digest in [(SignatureMethod.RSA_SHA384, DigestAlgorithm.SHA384), (SignatureMethod.RSA_SHA512, DigestAlgorithm.SHA512)]:
        response = encoded(IDP.response(IDP.sign(IDP.assertion(pair), method, digest)))
        assert assume(range, target, provider, response)["Subject"] == "anna"
    for number, (curve, method) in enumerate([
        (ec.SECP256R1(), SignatureMethod.ECDSA_SHA256),
        (ec.SECP384R1(), SignatureMethod.ECDSA_SHA384),
        (ec.SECP521R1(), SignatureMethod.ECDSA_SHA512),
    ]):
        idp = SamlProvider(key=ec.generate_private_key(curve))
        name = f"curve-{number}"
        own = register(range, name, idp)
        own_role = role(range, name, own)
        response = encoded(idp.response(idp.sign(idp.assertion(f"{own},{own_role}"), method)))
        assert assume(range, own_role, own, response)["Subject"] == "anna"


def test_what_is_not_the_providers_is_refused(range):
    target, provider, pair = setup(range, "strict")
    signature = ("InvalidIdentityToken", 400, "Response signature invalid")
    unsigned = encoded(IDP.response(IDP.assertion(pair)))
    assert refused(range, target, provider, unsigned) == signature
    assert refused(range, target, provider, STRANGER.good(pair)) == signature
    text = IDP.response(IDP.sign(IDP.assertion(pair)))
    assert refused(range, target, provider, encoded(text.replace(">anna<", ">root<"))) == signature
    removed = SIGNATURE.sub("", text)
    assert removed != text
    assert refused(range, target, provider, encoded(removed)) == signature
    issuer = SamlProvider("https://other.example.com", key=IDP.key)
    assert refused(range, target, provider, issuer.good(pair))[2] == "Issuer not present in specified provider"
    failed = encoded(IDP.response(IDP.sign(IDP.assertion(pair)), status="AuthnFailed"))
    assert refused(range, target, provider, failed)[:2] == ("IDPRejectedClaim", 403)
    assert refused(range, target, provider, "%%%%")[2] == "Invalid base64 SAMLResponse"
    assert refused(range, target, provider, encoded("hello"))[0] == "InvalidIdentityToken"
    nowhere = provider.replace("strict", "nobody")
    assert refused(range, target, nowhere, IDP.good(pair))[2] == "Specified provider doesn't exist"
    event = events(range)[0]
    assert event["errorCode"] == "InvalidIdentityToken" and event["userIdentity"]["type"] == "Unknown"


def test_no_signature_is_wrapped(range):
    target, provider, pair = setup(range, "wrapped")
    signed = IDP.sign(IDP.assertion(pair))
    evil = IDP.assertion(pair, name="root")
    signature = SIGNATURE.search(signed)[0]
    bare = signed.replace(signature, "")
    into = lambda assertion, inserted: assertion.replace("</saml:Issuer>", "</saml:Issuer>" + inserted, 1)
    hold = lambda signature, content: re.sub(
        r"(</(?:\w+:)?Signature>)$", lambda end: f'<Object xmlns="http://www.w3.org/2000/09/xmldsig#">{content}</Object>{end[0]}', signature
    )
    wrapped = lambda content: hold(signature, content)
    same_id = re.sub(r'ID="[^"]+"', re.search(r'ID="[^"]+"', signed)[0], evil, count=1)
    whole = IDP.sign(IDP.response(IDP.assertion(pair)))
    of_whole = SIGNATURE.search(whole)[0]
    for attack in [
        evil + signed,
        signed + evil,
        evil.replace("</saml:Assertion>", signed + "</saml:Assertion>"),
        into(evil, signature),
        into(evil, signature) + bare,
        into(evil, wrapped(bare)),
        into(evil, wrapped(signed)),
        into(same_id, signature),
        into(same_id, wrapped(bare)),
        same_id + signed,
        f'<samlp:Extensions xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol">{evil}</samlp:Extensions>' + signed,
        signed.replace("</saml:AttributeStatement>", f"</saml:AttributeStatement><saml:Advice>{evil}</saml:Advice>"),
    ]:
        code, status, message = refused(range, target, provider, encoded(IDP.response(attack)))
        assert (code, status) == ("InvalidIdentityToken", 400), message
    for attack in [
        IDP.response(evil).replace("</saml:Issuer>", "</saml:Issuer>" + of_whole, 1),
        IDP.response(evil + whole),
        IDP.response(evil).replace("</saml:Issuer>", "</saml:Issuer>" + hold(of_whole, whole), 1),
    ]:
        assert refused(range, target, provider, encoded(attack))[0] == "InvalidIdentityToken"


def test_documents_that_mean_two_things_are_refused(range):
    target, provider, pair = setup(range, "ambiguous")
    # The provider signs what the user may have chosen: a comment splits the name for careless readers.
    comment = IDP.response(IDP.sign(IDP.assertion(pair, name="root<!-- -->@evil.example.com")))
    assert "comments" in refused(range, target, provider, encoded(comment))[2]
    good = IDP.response(IDP.sign(IDP.assertion(pair)))
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>' + good
    assert refused(range, target, provider, encoded(bomb))[0] == "InvalidIdentityToken"
    external = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + good.replace(">anna<", ">&a;<")
    assert refused(range, target, provider, encoded(external))[0] == "InvalidIdentityToken"
    deep = "<a>" * 9_000 + "</a>" * 9_000
    assert refused(range, target, provider, encoded(deep))[0] == "InvalidIdentityToken"


def test_conditions_are_checked(range):
    target, provider, pair = setup(range, "conditions")
    late = "Token must be redeemed within 5 minutes of issuance"
    for said, code, words in [
        ({"issued": -400, "lasts": 600}, "ExpiredTokenException", late),
        ({"issued": -250, "lasts": 240}, "ExpiredTokenException", late),
        ({"issued": 900}, "InvalidIdentityToken", "not valid yet"),
        ({"audience": "https://sp.example.com"}, "InvalidIdentityToken", "Response does not contain the required audience."),
        ({"recipient": "https://sp.example.com/saml"}, "InvalidIdentityToken", "recipient"),
        ({"session": None}, "InvalidIdentityToken", "RoleSessionName is required in AuthnResponse"),
        ({"session": "a b"}, "InvalidIdentityToken", "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}"),
        ({"attributes": {AWS + "Role": None}}, "InvalidIdentityToken", "Role"),
        ({"attributes": {AWS + "SourceIdentity": "aws:me"}}, "InvalidIdentityToken", "Source Identity must match"),
        ({"attributes": {AWS + "SessionDuration": "soon"}}, "InvalidIdentityToken", "SessionDuration"),
        ({"attributes": {AWS + "PrincipalTag:a": ["1", "2"]}}, "InvalidIdentityToken", "one value"),
    ]:
        found = refused(range, target, provider, IDP.good(pair, **said))
        assert found[0] == code and words in found[2], (said, found)
    for said in [
        {"audience": "urn:amazon:webservices"},
        {"issued": -200, "lasts": 300},
    ]:
        assert assume(range, target, provider, IDP.good(pair, **said))["Subject"] == "anna"
    other = f"{target}x,{provider}"
    assert refused(range, target, provider, IDP.good(other)) == ("AccessDenied", 403, "Not authorized to perform sts:AssumeRoleWithSAML")
    # In either order, and among others.
    assert assume(range, target, provider, IDP.good([other, f" {provider} , {target} "]))["Subject"] == "anna"
    regional = role(range, "regional", provider, conditions={"StringEquals": {"saml:aud": "https://eu-west-1.signin.aws.amazon.com/saml"}})
    at = IDP.good(f"{regional},{provider}", recipient="https://eu-west-1.signin.aws.amazon.com/saml")
    assert assume(range, regional, provider, at)["Audience"].startswith("https://eu-west-1.")


def test_a_trust_policy_decides_by_what_the_assertion_says(range):
    provider = register(range, "by-keys")
    keys = {
        "saml:iss": IDP.entity,
        "saml:sub": "anna",
        "saml:sub_type": "persistent",
        "saml:doc": f"{ACCOUNT}/by-keys",
        "saml:aud": SIGN_IN,
        "saml:edupersonorgdn": None,
    }
    wanted = {key: value for key, value in keys.items() if value}
    groups = {"ForAnyValue:StringEquals": {"saml:edupersonaffiliation": "staff"}, "StringEquals": wanted}
    target = role(range, "by-keys", provider, conditions=groups)
    pair = f"{target},{provider}"
    staff = {"urn:oid:1.3.6.1.4.1.5923.1.1.1.1": ["member", "staff"]}
    assert assume(range, target, provider, IDP.good(pair, attributes=staff))["Subject"] == "anna"
    denied = ("AccessDenied", 403, "Not authorized to perform sts:AssumeRoleWithSAML")
    assert refused(range, target, provider, IDP.good(pair)) == denied
    assert refused(range, target, provider, IDP.good(pair, name="mallory", attributes=staff)) == denied
    event = events(range)[0]
    assert event["errorMessage"] == "An unknown error occurred" and event["userIdentity"]["userName"] == "mallory"


def test_tags_source_identity_and_duration_come_from_the_assertion(range):
    actions = ["sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity"]
    target, provider, pair = setup(range, "tagged", actions=actions, MaxSessionDuration=7200)
    range.client("iam").put_role_policy(RoleName="tagged", PolicyName="own", PolicyDocument=json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*", "Condition": {"StringEquals": {
            "aws:PrincipalTag/CostCenter": "42", "aws:SourceIdentity": "anna.k", "saml:sub": "anna", "aws:FederatedProvider": provider,
        }}}],
    }))
    said = {
        AWS + "PrincipalTag:CostCenter": "42",
        AWS + "TransitiveTagKeys": ["CostCenter"],
        AWS + "SourceIdentity": "anna.k",
        AWS + "SessionDuration": "1800",
    }
    answer = assume(range, target, provider, IDP.good(pair, attributes=said))
    assert answer["SourceIdentity"] == "anna.k"
    lasts = answer["Credentials"]["Expiration"] - answer["Credentials"]["Expiration"].now(tz=answer["Credentials"]["Expiration"].tzinfo)
    assert 1700 < lasts.total_seconds() <= 1800
    as_session(range, answer, "iam").list_users()
    parameters = events(range)[0]["requestParameters"]
    assert parameters["principalTags"] == {"CostCenter": "42"} and parameters["transitiveTagKeys"] == ["CostCenter"]
    # The provider's word is a limit, whatever is asked; and the role's is one too.
    shorter = assume(range, target, provider, IDP.good(pair, attributes=said), DurationSeconds=3600)
    assert abs((shorter["Credentials"]["Expiration"] - answer["Credentials"]["Expiration"]).total_seconds()) < 60
    longer = refused(range, target, provider, IDP.good(pair, attributes=said), DurationSeconds=7201)
    assert longer[2] == "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."


def test_encrypted_assertions_are_read(range):
    key = rsa.generate_private_key(65537, 2048)
    iam = range.client("iam")
    provider = register(range, "sealed", AssertionEncryptionMode="Required", AddPrivateKey=pem(key).decode())
    target = role(range, "sealed", provider)
    pair = f"{target},{provider}"
    sealed = encoded(IDP.response(encrypted(IDP.sign(IDP.assertion(pair)), key.public_key())))
    assert assume(range, target, provider, sealed)["Subject"] == "anna"
    assert "must be encrypted" in refused(range, target, provider, IDP.good(pair))[2]
    for other in (rsa.generate_private_key(65537, 2048),):
        strange = encoded(IDP.response(encrypted(IDP.sign(IDP.assertion(pair)), other.public_key())))
        assert "could not be decrypted" in refused(range, target, provider, strange)[2]
    # Anybody can encrypt: it proves nothing.
    unsigned = encoded(IDP.response(encrypted(IDP.assertion(pair), key.public_key())))
    assert refused(range, target, provider, unsigned)[2] == "Response signature invalid"
    iam.update_saml_provider(SAMLProviderArn=provider, AssertionEncryptionMode="Allowed")
    assert assume(range, target, provider, IDP.good(pair))["Subject"] == "anna"


def test_providers_are_kept_by_the_rules(range):
    iam = range.client("iam")

    def fails(operation, **given):
        with pytest.raises(ClientError) as error:
            getattr(iam, operation)(**given)
        answer = error.value.response
        return answer["Error"]["Code"], answer["Error"]["Message"]

    keys = [pem(rsa.generate_private_key(65537, 2048)).decode() for _ in "123"]
    arn = register(range, "kept", Tags=[{"Key": "team", "Value": "red"}])
    assert fails("create_saml_provider", Name="kept", SAMLMetadataDocument=IDP.metadata())[0] == "EntityAlreadyExists"
    assert fails("create_saml_provider", Name="bad", SAMLMetadataDocument="<a/>" + " " * 1000) == ("InvalidInput", "Could not parse metadata.")
    no_key = "Unable to set assertion encryption mode to Required because no private key is provided."
    assert fails("create_saml_provider", Name="bad", SAMLMetadataDocument=IDP.metadata(), AssertionEncryptionMode="Required") == ("InvalidInput", no_key)
    assert fails("create_saml_provider", Name="bad", SAMLMetadataDocument=IDP.metadata(), AddPrivateKey="x") == ("InvalidInput", "Invalid private key.")
    assert fails("update_saml_provider", SAMLProviderArn=arn)[1].startswith("Unable to update identity provider. No updates")
    assert fails("update_saml_provider", SAMLProviderArn=arn, AssertionEncryptionMode="Required") == ("InvalidInput", no_key)
    for key in keys[:2]:
        iam.update_saml_provider(SAMLProviderArn=arn, AddPrivateKey=key)
    assert fails("update_saml_provider", SAMLProviderArn=arn, AddPrivateKey=keys[2]) == ("LimitExceeded", "Private key limit of 2 is reached.")
    shown = iam.get_saml_provider(SAMLProviderArn=arn)
    assert len(shown["PrivateKeyList"]) == 2 and "PRIVATE" not in json.dumps(shown, default=str)
    assert shown["Tags"] == [{"Key": "team", "Value": "red"}] and shown["SAMLMetadataDocument"].startswith("<?xml")
    both = fails("update_saml_provider", SAMLProviderArn=arn, AddPrivateKey=keys[2], RemovePrivateKey=shown["PrivateKeyList"][0]["KeyId"])
    assert both[1].startswith("Unable to add and remove private keys in the same request.")
    assert fails("update_saml_provider", SAMLProviderArn=arn, RemovePrivateKey="A" * 32)[1].startswith("Failed to remove private key because")
    iam.update_saml_provider(SAMLProviderArn=arn, RemovePrivateKey=shown["PrivateKeyList"][0]["KeyId"])
    iam.update_saml_provider(SAMLProviderArn=arn, AssertionEncryptionMode="Required")
    assert fails("update_saml_provider", SAMLProviderArn=arn, RemovePrivateKey=shown["PrivateKeyList"][1]["KeyId"]) == ("InvalidInput", "Failed to remove private key.")
    iam.tag_saml_provider(SAMLProviderArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    iam.untag_saml_provider(SAMLProviderArn=arn, TagKeys=["team"])
    assert iam.list_saml_provider_tags(SAMLProviderArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert arn in [one["Arn"] for one in iam.list_saml_providers()["SAMLProviderList"]]
    assert iam.get_account_summary()["SummaryMap"]["Providers"] >= 1
    iam.delete_saml_provider(SAMLProviderArn=arn)
    assert fails("get_saml_provider", SAMLProviderArn=arn) == ("NoSuchEntity", f"Manifest not found for arn {arn}")
    for operation, more in [
        ("delete_saml_provider", {}),
        ("update_saml_provider", {"SAMLMetadataDocument": IDP.metadata()}),
        ("tag_saml_provider", {"Tags": [{"Key": "a", "Value": "1"}]}),
        ("untag_saml_provider", {"TagKeys": ["a"]}),
        ("list_saml_provider_tags", {}),
    ]:
        assert fails(operation, SAMLProviderArn=arn, **more)[0] == "NoSuchEntity", operation
    # No private key is in a record.
    for name in ("CreateSAMLProvider", "UpdateSAMLProvider"):
        assert "PRIVATE KEY" not in json.dumps(events(range, name))
    low = iam.create_access_key(UserName=iam.create_user(UserName="low")["User"]["UserName"])["AccessKey"]
    with pytest.raises(ClientError) as error:
        range.client("iam", low["AccessKeyId"], low["SecretAccessKey"]).list_saml_providers()
    assert "iam:ListSAMLProviders" in str(error.value)


def test_metadata_that_has_run_out_is_refused(fresh_range):
    cloud = fresh_range()
    idp = SamlProvider()
    document = idp.metadata('validUntil="2036-01-01T00:00:00Z"')
    provider = cloud.client("iam").create_saml_provider(Name="old", SAMLMetadataDocument=document)["SAMLProviderArn"]
    assert cloud.client("iam").get_saml_provider(SAMLProviderArn=provider)["ValidUntil"].year == 2036
    target = role(cloud, "old", provider)
    assert assume(cloud, target, provider, idp.good(f"{target},{provider}"))["Subject"] == "anna"
    fresh = cloud.client("iam").create_saml_provider(Name="gone", SAMLMetadataDocument=idp.metadata('validUntil="2020-01-01T00:00:00Z"'))["SAMLProviderArn"]
    gone = role(cloud, "gone", fresh)
    assert "expired" in refused(cloud, gone, fresh, idp.good(f"{gone},{fresh}"))[2]
