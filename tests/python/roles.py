"""IAM by boto3: its own reading of a trust policy is a document, not a text."""

import json

import boto3

iam = boto3.client("iam")
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
POLICY = "arn:aws:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers"


def refused(exception, call, says, **arguments):
    try:
        call(**arguments)
    except exception as error:
        assert error.response["Error"]["Message"] == says, error.response
        return
    raise AssertionError(f"{call} was answered")


made = iam.create_role(RoleName="infra", AssumeRolePolicyDocument=json.dumps(TRUST), Tags=[{"Key": "of", "Value": "the shop"}])
assert made["Role"]["AssumeRolePolicyDocument"] == TRUST, made
refused(iam.exceptions.EntityAlreadyExistsException, iam.create_role, "Role with name infra already exists.", RoleName="infra", AssumeRolePolicyDocument=json.dumps(TRUST))
refused(iam.exceptions.MalformedPolicyDocumentException, iam.create_role, "This policy contains invalid Json", RoleName="other", AssumeRolePolicyDocument="{")

role = iam.get_role(RoleName="infra")["Role"]
assert role["AssumeRolePolicyDocument"] == TRUST, role
assert role["Arn"] == "arn:aws:iam::123456789012:role/infra" and role["MaxSessionDuration"] == 3600, role
assert role["CreateDate"].year >= 2025 and role["Tags"] == [{"Key": "of", "Value": "the shop"}], role
refused(iam.exceptions.NoSuchEntityException, iam.get_role, "The role with name none cannot be found.", RoleName="none")

TRUST["Statement"][0]["Principal"]["Service"] = "codedeploy.amazonaws.com"
iam.update_assume_role_policy(RoleName="infra", PolicyDocument=json.dumps(TRUST))
assert iam.get_role(RoleName="infra")["Role"]["AssumeRolePolicyDocument"] == TRUST

iam.attach_role_policy(RoleName="infra", PolicyArn=POLICY)
listed = iam.list_attached_role_policies(RoleName="infra")
assert listed["AttachedPolicies"] == [{"PolicyName": POLICY.rsplit("/", 1)[1], "PolicyArn": POLICY}], listed
refused(iam.exceptions.DeleteConflictException, iam.delete_role, "Cannot delete entity, must detach all policies first.", RoleName="infra")
iam.detach_role_policy(RoleName="infra", PolicyArn=POLICY)
iam.delete_role(RoleName="infra")
refused(iam.exceptions.NoSuchEntityException, iam.get_role, "The role with name infra cannot be found.", RoleName="infra")
