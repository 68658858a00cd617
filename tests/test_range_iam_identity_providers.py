"""Identity providers for tokens, as they are kept; outbound federation; and a refusal that its holder may not read alone."""

import json
import re

import pytest
from botocore.exceptions import ClientError

from iam_clients import low_client, refused, UNCHECKED

MISSING = "arn:aws:iam::123456789012:oidc-provider/nobody.example.com"


def test_a_provider_is_kept_changed_and_deleted(fresh_range):
    range = fresh_range()
    iam = range.client("iam")
    made = iam.create_open_id_connect_provider(
        Url="https://tokens.example.com", ClientIDList=["one"], ThumbprintList=["a" * 40], Tags=[{"Key": "team", "Value": "blue"}]
    )
    arn = made["OpenIDConnectProviderArn"]
    assert [each["Arn"] for each in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]] == [arn]
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="two")
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="one")
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=["b" * 40])
    iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=arn, Tags=[{"Key": "stage", "Value": "test"}])
    iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=arn, TagKeys=["team"])
    shown = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (shown["ClientIDList"], shown["ThumbprintList"]) == (["two"], ["b" * 40])
    assert iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=arn)["Tags"] == [{"Key": "stage", "Value": "test"}]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []


def test_what_is_no_provider_is_refused(fresh_range):
    range = fresh_range()
    iam = range.client("iam", config=UNCHECKED)
    for call, more in [
        (iam.get_open_id_connect_provider, {}),
        (iam.list_open_id_connect_provider_tags, {}),
        (iam.add_client_id_to_open_id_connect_provider, {"ClientID": "one"}),
        (iam.remove_client_id_from_open_id_connect_provider, {"ClientID": "one"}),
        (iam.update_open_id_connect_provider_thumbprint, {"ThumbprintList": ["b" * 40]}),
        (iam.tag_open_id_connect_provider, {"Tags": [{"Key": "a", "Value": "b"}]}),
        (iam.untag_open_id_connect_provider, {"TagKeys": ["a"]}),
    ]:
        refused(call, "NoSuchEntity", OpenIDConnectProviderArn=MISSING, **more)
    for call, input in [
        (iam.delete_open_id_connect_provider, {"OpenIDConnectProviderArn": "short"}),
        (iam.create_open_id_connect_provider, {"Url": ""}),
    ]:
        with pytest.raises(ClientError):
            call(**input)
    low = low_client(range, range.client("iam"), "low")
    refused(low.list_open_id_connect_providers, "AccessDenied")


def test_outbound_federation_is_switched_once(fresh_range):
    range = fresh_range()
    iam = range.client("iam")
    for call in [iam.get_outbound_web_identity_federation_info, iam.disable_outbound_web_identity_federation]:
        with pytest.raises(ClientError):
            call()
    iam.enable_outbound_web_identity_federation()
    with pytest.raises(ClientError):
        iam.enable_outbound_web_identity_federation()
    assert iam.get_outbound_web_identity_federation_info()["IssuerIdentifier"]
    iam.disable_outbound_web_identity_federation()


def test_what_a_refusal_of_ec2_says_is_read_with_the_permission(fresh_range):
    range = fresh_range()
    low = low_client(range, range.client("iam"), "low", "ec2")
    with pytest.raises(ClientError) as caught:
        low.stop_instances(InstanceIds=["i-1234567890abcdef0"])
    error = caught.value.response["Error"]
    assert error["Code"] == "UnauthorizedOperation"
    message = re.search(r"Encoded authorization failure message: (\S+)", error["Message"])[1]
    told = json.loads(range.client("sts").decode_authorization_message(EncodedMessage=message)["DecodedMessage"])
    assert told["allowed"] is False and told["context"]["action"] == "ec2:StopInstances"
