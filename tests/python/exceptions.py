"""What goes wrong comes out as the exception that boto3 documents; the endpoint comes from the environment."""

import boto3
import botocore.exceptions

ecs = boto3.client("ecs")
ecr = boto3.client("ecr")
elb = boto3.client("elbv2")
logs = boto3.client("logs")
sts = boto3.client("sts")
cloudwatch = boto3.client("cloudwatch")
secrets = boto3.client("secretsmanager")
ssm = boto3.client("ssm")
NONE = "0" * 16
GROUP = f"arn:aws:elasticloadbalancing:ap-northeast-2:123456789012:targetgroup/none/{NONE}"
BALANCER = f"arn:aws:elasticloadbalancing:ap-northeast-2:123456789012:loadbalancer/app/none/{NONE}"


def refused(exception, call, says="", **arguments):
    try:
        call(**arguments)
    except exception as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert 400 <= status < 500, error.response
        assert says in error.response["Error"]["Message"], error.response
        return
    raise AssertionError(f"{call} was answered")


ecs.create_cluster(clusterName="here")
ecr.create_repository(repositoryName="shop/web")

refused(ecs.exceptions.ClusterNotFoundException, ecs.describe_services, "Cluster not found.", cluster="none", services=["x"])
refused(ecs.exceptions.ServiceNotFoundException, ecs.update_service, "Service not found.", cluster="here", service="none")
refused(ecs.exceptions.ClientException, ecs.describe_task_definition, "Unable to describe task definition.", taskDefinition="none")
refused(ecs.exceptions.InvalidParameterException, ecs.stop_task, cluster="here", task="0" * 32)
refused(
    ecs.exceptions.ServiceDeploymentNotFoundException,
    ecs.stop_service_deployment,
    serviceDeploymentArn="arn:aws:ecs:ap-northeast-2:123456789012:service-deployment/here/none/012345678901234567890",
)
missing = ecs.describe_services(cluster="here", services=["none"])
assert missing["failures"][0]["reason"] == "MISSING", missing

refused(
    ecr.exceptions.RepositoryNotFoundException,
    ecr.describe_images,
    "The repository with name 'shop/none' does not exist in the registry with id '123456789012'",
    repositoryName="shop/none",
)
refused(ecr.exceptions.RepositoryAlreadyExistsException, ecr.create_repository, repositoryName="shop/web")
none = {"repositoryName": "shop/web", "imageIds": [{"imageTag": "none"}]}
refused(ecr.exceptions.ImageNotFoundException, ecr.describe_images, "{imageDigest:'null', imageTag:'none'}", **none)
failures = ecr.batch_get_image(**none)["failures"]
assert failures[0]["failureCode"] == "ImageNotFound", failures
refused(ecr.exceptions.ImageNotFoundException, ecr.describe_image_scan_findings, repositoryName="shop/web", imageId={"imageTag": "none"})

refused(elb.exceptions.TargetGroupNotFoundException, elb.describe_target_health, TargetGroupArn=GROUP)
refused(elb.exceptions.TargetGroupNotFoundException, elb.describe_target_groups, Names=["none"])
refused(elb.exceptions.LoadBalancerNotFoundException, elb.describe_load_balancers, Names=["none"])
refused(elb.exceptions.LoadBalancerNotFoundException, elb.describe_listeners, LoadBalancerArn=BALANCER)

refused(logs.exceptions.ResourceNotFoundException, logs.get_log_events, logGroupName="none", logStreamName="none")
refused(cloudwatch.exceptions.ResourceNotFound, cloudwatch.set_alarm_state, AlarmName="none", StateValue="OK", StateReason="-")

ecs.register_task_definition(family="job", containerDefinitions=[{"name": "job", "image": "job", "memory": 64}])
job = {"cluster": "here", "taskDefinition": "job"}
refused(ecs.exceptions.InvalidParameterException, ecs.run_task, "No Container Instances were found in your cluster.", **job)
instance = ecs.register_container_instance(
    cluster="here",
    instanceIdentityDocument='{"instanceId": "i-0a1b2c3d4e5f60001"}',
    totalResources=[{"name": "CPU", "type": "INTEGER", "integerValue": 1024}, {"name": "MEMORY", "type": "INTEGER", "integerValue": 64}],
)["containerInstance"]["containerInstanceArn"]
assert ecs.run_task(**job)["tasks"][0]["containerInstanceArn"] == instance
assert ecs.run_task(**job)["failures"] == [{"arn": instance, "reason": "RESOURCE:MEMORY"}]
missing = ecs.describe_container_instances(cluster="here", containerInstances=["none", instance])
assert missing["failures"][0]["reason"] == "MISSING" and missing["containerInstances"][0]["pendingTasksCount"] == 1, missing
refused(ecs.exceptions.InvalidParameterException, ecs.deregister_container_instance, "Found running tasks on the instance.", cluster="here", containerInstance=instance)
nowhere = {"cluster": "here", "attributes": [{"name": "stack", "value": "a", "targetId": "0" * 32}]}
refused(ecs.exceptions.TargetNotFoundException, ecs.put_attributes, **nowhere)
refused(secrets.exceptions.ResourceNotFoundException, secrets.get_secret_value, "can't find the specified secret", SecretId="none")
secrets.create_secret(Name="shop/db", SecretString="a")
refused(secrets.exceptions.ResourceExistsException, secrets.create_secret, Name="shop/db", SecretString="b")
refused(ssm.exceptions.ParameterNotFound, ssm.get_parameter, Name="none")
ssm.put_parameter(Name="shop", Value="a", Type="String")
refused(ssm.exceptions.ParameterAlreadyExists, ssm.put_parameter, Name="shop", Value="b", Type="String")

# Outside of what there is: an error of the caller's, never a fault of the server, which would be tried again.
refused(botocore.exceptions.ClientError, ecs.list_attributes, targetType="container-instance")
refused(botocore.exceptions.ClientError, ecr.describe_pull_through_cache_rules)
refused(botocore.exceptions.ClientError, elb.describe_trust_stores)
refused(botocore.exceptions.ClientError, logs.describe_queries)
refused(botocore.exceptions.ClientError, cloudwatch.list_dashboards)
refused(botocore.exceptions.ClientError, sts.get_session_token)
