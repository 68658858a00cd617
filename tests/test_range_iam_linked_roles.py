"""Service-linked roles and role templates in the range."""

from iam_clients import ALL, EC2_TRUST, READ_ONLY, account, iam, low_client, refused

PROTECTED = "Cannot perform the operation on the protected role '{}' - this role is only modifiable by AWS"


def test_a_service_linked_role_is_made_protected_and_deleted(iam, account, range):
    service = "elasticbeanstalk.amazonaws.com"
    made = iam.create_service_linked_role(AWSServiceName=service, Description="for the shop")["Role"]
    name = "AWSServiceRoleForElasticBeanstalk"
    assert made["Arn"] == f"arn:aws:iam::{account}:role/aws-service-role/{service}/{name}"
    assert made["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": [service]}
    attached, = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert attached["PolicyArn"] == "arn:aws:iam::aws:policy/aws-service-role/AWSElasticBeanstalkServiceRolePolicy"
    taken = f"Service role name {name} has been taken in this account, please try a different suffix."
    refused(iam.create_service_linked_role, "InvalidInput", taken, 400, AWSServiceName=service)
    suffix = f"Custom suffix is not allowed for {service}"
    refused(iam.create_service_linked_role, "InvalidInput", suffix, 400, AWSServiceName=service, CustomSuffix="x")
    refused(iam.create_service_linked_role, "InvalidInput", AWSServiceName="none.amazonaws.com")
    refused(iam.create_service_linked_role, "ValidationError", AWSServiceName="not a service")
    second = iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com", CustomSuffix="blue")["Role"]
    assert second["RoleName"] == "AWSServiceRoleForAutoScaling_blue"

    for call, more in [
        (iam.delete_role, {}),
        (iam.attach_role_policy, {"PolicyArn": READ_ONLY}),
        (iam.detach_role_policy, {"PolicyArn": attached["PolicyArn"]}),
        (iam.put_role_policy, {"PolicyName": "p", "PolicyDocument": "{}"}),
        (iam.update_assume_role_policy, {"PolicyDocument": EC2_TRUST}),
        (iam.put_role_permissions_boundary, {"PermissionsBoundary": READ_ONLY}),
        (iam.delete_role_permissions_boundary, {}),
    ]:
        refused(call, "UnmodifiableEntity", PROTECTED.format(name), 400, RoleName=name, **more)
    iam.update_role(RoleName=name, Description="ours")
    iam.tag_role(RoleName=name, Tags=[{"Key": "k", "Value": "v"}])
    assert iam.get_role(RoleName=name)["Role"]["Description"] == "ours"

    task = iam.delete_service_linked_role(RoleName=name)["DeletionTaskId"]
    assert task.startswith(f"task/aws-service-role/{service}/{name}/")
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"
    refused(iam.delete_service_linked_role, "NoSuchEntity", f"The role with name {name} cannot be found.", 404, RoleName=name)
    unknown = f"task/aws-service-role/{service}/{name}/00000000-0000-0000-0000-000000000000"
    refused(iam.get_service_linked_role_deletion_status, "NoSuchEntity", status=404, DeletionTaskId=unknown)
    refused(iam.get_service_linked_role_deletion_status, "InvalidInput", status=400, DeletionTaskId="task")
    # As the AWS CLI sees it.
    done = range.cli("iam", "create-service-linked-role", "--aws-service-name", service, "--query", "Role.RoleName", "--output", "text")
    assert (done.returncode, done.stdout.strip()) == (0, name), done.stderr


def test_the_service_is_a_condition(range, iam):
    only = {
        "Effect": "Allow",
        "Action": "iam:CreateServiceLinkedRole",
        "Resource": "arn:aws:iam::*:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot",
        "Condition": {"StringLike": {"iam:AWSServiceName": "spot.amazonaws.com"}},
    }
    low = low_client(range, iam, "linker", "iam", only)
    low.create_service_linked_role(AWSServiceName="spot.amazonaws.com")
    refused(low.create_service_linked_role, "AccessDenied", AWSServiceName="spotfleet.amazonaws.com")


def test_nobody_makes_a_role_that_looks_like_a_services_own(iam):
    path = {"RoleName": "fake", "AssumeRolePolicyDocument": EC2_TRUST, "Path": "/aws-service-role/es.amazonaws.com/"}
    refused(iam.create_role, "InvalidInput", **path)


TEMPLATE = "arn:aws:iam::aws:role-template/LambdaS3ReadRoleTemplate"


def test_role_templates(iam, account):
    template = iam.get_role_template_version(TemplateArn=TEMPLATE)["RoleTemplateVersion"]
    assert (template["TemplateName"], template["Enabled"], template["DefaultMinorVersion"]) == ("LambdaS3ReadRoleTemplate", True, 1)
    names = {p["Name"] for p in template["ParametersDefinition"]}
    assert names == {"RoleName", "ObjectArns", "Environment"}
    refused(iam.get_role_template_version, "NoSuchEntity", status=404, TemplateArn=TEMPLATE + "s")
    refused(iam.get_role_template_version, "NoSuchEntity", status=404, TemplateArn=TEMPLATE, MinorVersion=7)
    refused(iam.get_role_template_version, "InvalidInput", status=400, TemplateArn="arn:aws:s3:::no-template-here")

    values = {"RoleName": {"Values": ["reader"]}, "ObjectArns": {"Values": ["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"]}}
    role = iam.acquire_role(TemplateArn=TEMPLATE, ReplacementValues=values)["Role"]
    assert role["Arn"] == f"arn:aws:iam::{account}:role/service-role/reader"
    assert role["SourceRoleTemplate"] == {"TemplateArn": TEMPLATE, "TemplateMinorVersion": 1}
    assert iam.get_role(RoleName="reader")["Role"]["SourceRoleTemplate"]["TemplateArn"] == TEMPLATE
    document = iam.get_role_policy(RoleName="reader", PolicyName="ReadObjects")["PolicyDocument"]
    assert document["Statement"][0]["Resource"] == ["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"]
    assert iam.acquire_role(TemplateArn=TEMPLATE, ReplacementValues=values)["Role"]["RoleId"] == role["RoleId"]
    iam.put_role_policy(RoleName="reader", PolicyName="more", PolicyDocument=ALL)
    refused(iam.acquire_role, "RoleModified", status=409, TemplateArn=TEMPLATE, ReplacementValues=values)
    refused(iam.acquire_role, "InvalidInput", status=400, TemplateArn=TEMPLATE)
    off = "arn:aws:iam::aws:role-template/ElasticTranscoderRoleTemplate"
    refused(iam.acquire_role, "RoleTemplateDisabled", status=400, TemplateArn=off)
    iam.create_role(RoleName="PowerUserRole", AssumeRolePolicyDocument=EC2_TRUST)
    power = "arn:aws:iam::aws:role-template/PowerUserRoleTemplate"
    refused(iam.acquire_role, "NameConflict", status=409, TemplateArn=power)
