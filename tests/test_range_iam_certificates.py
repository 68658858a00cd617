"""Server certificates and signing certificates in the range, with real certificates."""

import json

from cryptography.hazmat.primitives import serialization

from iam_clients import account, certificate, iam, key_pem, low_client, refused, rsa_key, user

PARSE = "Unable to parse certificate. Please ensure the certificate is in PEM format."
CHAIN = (
    "Unable to validate certificate chain. The certificate chain must start with the immediate signing certificate, "
    "followed by any intermediaries in order. The index within the chain of the invalid certificate is: {}"
)


def test_server_certificates(iam, account):
    root = certificate("Root", key=rsa_key())
    middle = certificate("Middle", root)
    body, key = certificate("shop.example", middle)
    chain = f"{middle[0]}\n{root[0]}"
    upload = dict(ServerCertificateName="Shop", CertificateBody=body, PrivateKey=key_pem(key), CertificateChain=chain)
    made = iam.upload_server_certificate(**upload, Path="/web/", Tags=[{"Key": "team", "Value": "red"}])
    known = made["ServerCertificateMetadata"]
    assert known["Arn"] == f"arn:aws:iam::{account}:server-certificate/web/Shop"
    assert known["ServerCertificateId"].startswith("ASCA") and len(known["ServerCertificateId"]) == 21
    assert known["Expiration"].year >= 2026 and known["Expiration"].microsecond == 0
    assert made["Tags"] == [{"Key": "team", "Value": "red"}]
    got = iam.get_server_certificate(ServerCertificateName="shop")["ServerCertificate"]
    assert (got["CertificateBody"], got["CertificateChain"], got["ServerCertificateMetadata"]) == (body, chain, known)
    assert "PRIVATE KEY" not in json.dumps(got, default=str)
    taken = "The Server Certificate with name Shop already exists."
    refused(iam.upload_server_certificate, "EntityAlreadyExists", taken, 409, **upload)
    listed = iam.list_server_certificates(PathPrefix="/web/")["ServerCertificateMetadataList"]
    assert listed == [known]
    assert iam.list_server_certificates(PathPrefix="/none/")["ServerCertificateMetadataList"] == []
    refused(iam.list_server_certificates, "ValidationError", Marker="!!!")

    iam.update_server_certificate(ServerCertificateName="Shop", NewServerCertificateName="Store", NewPath="/")
    gone = "The Server Certificate with name Shop cannot be found."
    refused(iam.update_server_certificate, "NoSuchEntity", gone, 404, ServerCertificateName="Shop", NewPath="/x/")
    refused(iam.get_server_certificate, "NoSuchEntity", gone, 404, ServerCertificateName="Shop")
    store = {"ServerCertificateName": "Store"}
    iam.tag_server_certificate(**store, Tags=[{"Key": "Team", "Value": "blue"}])
    tags = iam.list_server_certificate_tags(**store)["Tags"]
    assert {t["Key"]: t["Value"] for t in tags} == {"team": "red", "Team": "blue"}, "keys differ by case"
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    refused(iam.tag_server_certificate, "InvalidInput", "Duplicate tag keys found.", **store, Tags=twice)
    iam.untag_server_certificate(**store, TagKeys=["team"])
    assert iam.list_server_certificate_tags(**store)["Tags"] == [{"Key": "Team", "Value": "blue"}]
    nobody = {"ServerCertificateName": "none"}
    refused(iam.untag_server_certificate, "NoSuchEntity", **nobody, TagKeys=["a"])
    refused(iam.list_server_certificate_tags, "NoSuchEntity", **nobody)
    assert iam.get_account_summary()["SummaryMap"]["ServerCertificates"] == 1
    iam.delete_server_certificate(**store)
    refused(iam.delete_server_certificate, "NoSuchEntity", **store)


def test_a_server_certificate_must_fit_its_key_its_chain_and_the_time(iam):
    root = certificate("Root")
    body, key = certificate("site.example", root)
    good = dict(ServerCertificateName="site", CertificateBody=body, PrivateKey=key_pem(key))
    refused(iam.upload_server_certificate, "MalformedCertificate", PARSE, 400, **(good | {"CertificateBody": "hello"}))
    refused(iam.upload_server_certificate, "MalformedCertificate", status=400, **(good | {"PrivateKey": "hello"}))
    mismatch = "Public key certificate and private key doesn't match."
    other = key_pem(rsa_key(), serialization.PrivateFormat.TraditionalOpenSSL)
    refused(iam.upload_server_certificate, "KeyPairMismatch", mismatch, 400, **(good | {"PrivateKey": other}))
    stranger = certificate("Stranger")
    for chain, place in [(stranger[0], -1), (f"{root[0]}\n{stranger[0]}", 0), ("text first\n" + root[0], -1)]:
        refused(iam.upload_server_certificate, "MalformedCertificate", CHAIN.format(place), **good, CertificateChain=chain)
    for begins, days in [(-10, 5), (2, 5)]:
        bad, _ = certificate("site.example", root, key, days, begins)
        refused(iam.upload_server_certificate, "MalformedCertificate", **(good | {"CertificateBody": bad}))
    refused(iam.upload_server_certificate, "ValidationError", **(good | {"ServerCertificateName": "no spaces"}))
    iam.upload_server_certificate(**good, CertificateChain=root[0])
    iam.delete_server_certificate(ServerCertificateName="site")


def test_a_name_and_a_path_are_what_permissions_are_about(range, iam, account):
    body, key = certificate("mine.example")
    arn = f"arn:aws:iam::{account}:server-certificate/mine/*"
    low = low_client(range, iam, "certifier", "iam", {"Effect": "Allow", "Action": "iam:*ServerCertificate", "Resource": arn})
    upload = dict(CertificateBody=body, PrivateKey=key_pem(key))
    low.upload_server_certificate(ServerCertificateName="one", Path="/mine/", **upload)
    message = refused(low.upload_server_certificate, "AccessDenied", ServerCertificateName="two", Path="/yours/", **upload)
    assert f"arn:aws:iam::{account}:server-certificate/yours/two" in message
    refused(low.update_server_certificate, "AccessDenied", ServerCertificateName="one", NewPath="/yours/")
    low.delete_server_certificate(ServerCertificateName="one")


def test_signing_certificates(iam, user):
    bodies = [certificate(f"signer-{n}")[0] for n in (1, 2, 3)]
    made = iam.upload_signing_certificate(UserName=user, CertificateBody=bodies[0])["Certificate"]
    assert len(made["CertificateId"]) == 32 and made["Status"] == "Active"
    malformed = "Certificate invalid-certificate-body is malformed."
    refused(iam.upload_signing_certificate, "MalformedCertificate", malformed, 400, UserName=user, CertificateBody="invalid-certificate-body")
    refused(iam.upload_signing_certificate, "DuplicateCertificate", status=409, UserName=user, CertificateBody=bodies[0])
    old, _ = certificate("old", begins=-10, days=5)
    refused(iam.upload_signing_certificate, "InvalidCertificate", status=400, UserName=user, CertificateBody=old)
    iam.upload_signing_certificate(UserName=user, CertificateBody=bodies[1])
    full = "Cannot exceed quota for CertificatesPerUser: 2"
    refused(iam.upload_signing_certificate, "LimitExceeded", full, 409, UserName=user, CertificateBody=bodies[2])
    unknown = "The Certificate with id NONEXISTENTCERTID12345678901 cannot be found."
    one = {"UserName": user, "CertificateId": "NONEXISTENTCERTID12345678901"}
    refused(iam.update_signing_certificate, "NoSuchEntity", unknown, 404, **one, Status="Inactive")
    refused(iam.delete_signing_certificate, "NoSuchEntity", unknown, 404, **one)
    refused(iam.delete_user, "DeleteConflict", "Cannot delete entity, must delete signing certificates first.", UserName=user)
