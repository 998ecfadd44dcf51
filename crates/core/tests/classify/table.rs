//! Shapes of tasks, events and targets, each with its cause and words that must be told.

use shipit_core::failure::{KINDS, Kind, classify};

use super::given::{GROUP, Given, container, nothing};

const PULL: &str = "CannotPullContainerError: pull image manifest has been retried 1 time(s): ";
const INIT: &str = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: ";
const PLACE: &str = "(service web) was unable to place a task because no container instance met all of its requirements. ";
const BREAKER: &str = "Service deployment rolled back because the circuit breaker threshold was exceeded.";

fn rows() -> Vec<(Given, Kind, &'static [&'static str])> {
    use Kind::*;
    let pull = |rest: &str| nothing().start(&format!("{PULL}{rest}"));
    let init = |rest: &str| nothing().start(&format!("{INIT}{rest}"));
    let event = |rest: &str| nothing().event(&format!("(service web) {rest}"));
    let place = |rest: &str| nothing().event(&format!("{PLACE}{rest}"));
    let checked = |description: &str| nothing().unhealthy().target(description);
    vec![
        (pull("failed to resolve ref r/shop/web@sha256:77ab: r/shop/web@sha256:77ab: not found"), ImageMissing, &["shop/web@sha256:77ab", "--repository-name shop/web --image-ids imageDigest=sha256:77ab"]),
        (pull("failed to resolve ref docker.io/library/web:9: docker.io/library/web:9: not found: manifest unknown"), ImageMissing, &["is not in its registry"]),
        (nothing().start("CannotPullImageManifestError: Error response from daemon: manifest for web:9 not found: manifest unknown: Requested image not found"), ImageMissing, &["`web`"]),
        (pull("failed to resolve ref r/shop/web: unexpected status from HEAD request to https://r/v2/shop/web/manifests/sha256:77ab: 403 Forbidden"), ImageDenied, &["`exec`", "AmazonECSTaskExecutionRolePolicy"]),
        (pull("failed to resolve ref r/shop/web: pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials"), ImageDenied, &["exec"]),
        (init("unable to retrieve ecr registry auth: service call has been retried 3 time(s): AccessDeniedException: User: arn:aws:sts::1:assumed-role/exec/i is not authorized to perform: ecr:GetAuthorizationToken on resource: * because no identity-based policy allows it"), ImageDenied, &["may not `ecr:GetAuthorizationToken`"]),
        (pull("image Manifest does not contain descriptor matching platform 'linux/amd64'"), ImageArchitecture, &["linux/amd64", "platform:"]),
        (nothing().exit(255, None).log(&["exec /usr/local/bin/app: exec format error"]), ImageArchitecture, &["linux/amd64"]),
        (nothing().exit(1, None).log(&["standard_init_linux.go:228: exec user process caused: exec format error"]), ImageArchitecture, &[]),
        (nothing().start("CannotStartContainerError: Error response from daemon: failed to create task for container: exec: \"app\": exec format error"), ImageArchitecture, &[]),
        (pull("failed to copy: httpReadSeeker: failed open: toomanyrequests: You have reached your pull rate limit"), Throttled, &["throttles pulls"]),
        (pull("failed to do request: Head \"https://r/v2/\": dial tcp 10.0.0.1:443: i/o timeout"), Network, &["NAT"]),
        (pull("something entirely new"), Unknown, &["something entirely new"]),
        (init("unable to retrieve ecr registry auth: service call has been retried 3 time(s): RequestError: send request failed caused by: Post \"https://api.ecr.eu-west-1.amazonaws.com/\": dial tcp 10.1.1.1:443: i/o timeout"), Network, &["does not reach ECR"]),
        (init("unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf from secrets manager: ResourceNotFoundException: Secrets Manager can't find the specified secret."), SecretMissing, &["shop/db", "`DB_URL` of container `web`", "aws secretsmanager create-secret"]),
        (init("unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid ssm parameters: /shop/key"), SecretMissing, &["`KEY` of container `web`", "aws ssm put-parameter", "--name /shop/key"]),
        (nothing().start("Fetching secret data from AWS Secrets Manager in region eu-west-1: secret arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf: ResourceNotFoundException: Secrets Manager can't find the specified secret."), SecretMissing, &["`DB_URL` of container `web`", "aws secretsmanager create-secret --name shop/db --"]),
        (nothing().start("Fetching secret data from SSM Parameter Store in eu-west-1: invalid parameters: /shop/key"), SecretMissing, &["`KEY` of container `web`", "aws ssm put-parameter", "--name /shop/key"]),
        (init("unable to retrieve secret from asm: retrieved secret from Secrets Manager did not contain json key password"), SecretMissing, &["JSON key"]),
        (init("unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf from secrets manager: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/exec/3f2a is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf because no identity-based policy allows it"), ExecutionRole, &["`exec` may not `secretsmanager:GetSecretValue`", "\"Action\": \"secretsmanager:GetSecretValue\""]),
        (nothing().start("ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: AccessDeniedException: User: arn:aws:sts::1:assumed-role/exec/3f2a is not authorized to perform: logs:CreateLogStream on resource: arn:aws:logs:eu-west-1:1:log-group:/ecs/web:log-stream:x: exit status 1"), ExecutionRole, &["logs:CreateLogStream"]),
        (event("failed to launch a task with (error ECS was unable to assume the role 'arn:aws:iam::123456789012:role/gone' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role.)."), ExecutionRole, &["`gone`", "aws iam get-role --role-name gone"]),
        (nothing().start("ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1"), LogGroup, &["`/ecs/web` does not exist", "aws logs create-log-group --log-group-name /ecs/web --region eu-west-1"]),
        (nothing().start("ResourceInitializationError: failed to initialize logging driver: something new"), StartFailed, &["something new"]),
        (nothing().start("Timeout waiting for network interface provisioning to complete."), Network, &["network interface"]),
        (nothing().start("Unexpected EC2 error while attempting to Create Network Interface in subnet 'subnet-0a1b': InsufficientFreeAddressesInSubnet"), NoAddresses, &["subnet-0a1b has no free addresses"]),
        (nothing().start("CannotStartContainerError: Error response from daemon: exec: \"serve\": executable file not found in $PATH: unknown"), CommandMissing, &["`web`", "entryPoint"]),
        (nothing().start("CannotStartContainerError: Error response from daemon: driver failed programming external connectivity: Bind for 0.0.0.0:3333 failed: port is already allocated"), NoPort, &["hostPort"]),
        (nothing().start("CannotCreateContainerError: API error (400): Minimum memory limit allowed is 6MB"), OutOfMemory, &[]),
        (nothing().start("ContainerRuntimeTimeoutError: Could not transition to running; timed out after waiting 1m"), StartFailed, &["timed out after waiting 1m"]),
        (nothing().start("CannotCreateVolumeError: EFS mount failed"), StartFailed, &["EFS mount failed"]),
        (nothing().start("InternalError: unable to complete request"), StartFailed, &["unable to complete request"]),
        (nothing().exit(137, Some("OutOfMemoryError: Container killed due to memory usage")), OutOfMemory, &["its 64 MiB", "raise `memory`"]),
        (nothing().stop("EssentialContainerExited", "OutOfMemoryError: container killed", vec![container(Some(1), Some("OutOfMemoryError: container killed"))]), OutOfMemory, &[]),
        (nothing().exit(1, None).log(&["starting", "missing DATABASE_URL", ""]), Crash, &["exited with 1", "\"missing DATABASE_URL\"", "aws logs tail /ecs/web"]),
        (nothing().exit(0, None), Crash, &["exited with 0", "must keep running"]),
        (nothing().exit(127, None), Crash, &["its command was not found"]),
        (nothing().exit(139, None), Crash, &["SIGSEGV"]),
        (nothing().exit(137, None), Crash, &["SIGKILL"]),
        (nothing().exit(1, None).exit(1, None).exit(1, None), Crash, &["3 tasks (first 00000001)"]),
        (nothing().exit(1, None).start("ResourceInitializationError: failed to validate logger args: The specified log group does not exist.").exit(1, None), Crash, &["2 tasks (first 00000001)"]),
        (nothing().stop("TaskFailedToStart", "Task failed to start", vec![container(Some(1), None)]), Crash, &["exited with 1"]),
        (nothing().stop("ServiceSchedulerInitiated", "Task failed container health checks", vec![container(Some(143), None)]), ContainerHealth, &["`test -f /ready`", "startPeriod"]),
        (checked("Health checks failed with these codes: [404]"), TargetCode, &["`/health` on port 3333 answers 404", "expects 200", "--health-check-path"]),
        (checked("Health checks failed with these codes: [500]"), TargetCode, &["answers 500", "aws logs tail /ecs/web"]),
        (checked("Health checks failed with these codes: [301]"), TargetCode, &["--matcher"]),
        (checked("Health checks failed with these codes: [401]"), TargetCode, &["without login"]),
        (checked("Request timed out"), TargetTimeout, &["within 5 s", "security group"]),
        (checked("Request timed out").healthy_inside(), SecurityGroup, &["authorize-security-group-ingress", "--port 3333"]),
        (checked("Health checks failed"), TargetPort, &["nothing answers on port 3333", "containerPort"]),
        (checked("Health checks failed").log(&["Listening on http://0.0.0.0:8080/"]), TargetPort, &["its log says that it listens on 8080"]),
        (nothing().unhealthy().event(&format!("(service web) (task 000000018df512684aec92f3c57dc3f2) (port 3333) is unhealthy in (target-group {GROUP}) due to (reason Health checks failed with these codes: [502])")), TargetCode, &["answers 502"]),
        (event(&format!("(instance i-0abc) (port 3333) is unhealthy in (target-group {GROUP}) due to (reason Request timed out)")), TargetTimeout, &[]),
        (nothing().target("Health checks failed"), TargetPort, &["10.0.0.5:3333"]),
        (nothing().unhealthy(), Unknown, &["Task failed ELB health checks"]),
        (place("Reason: No Container Instances were found in your cluster. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."), NoInstances, &["no container instances", "aws ecs list-container-instances --cluster prod"]),
        (place("The closest matching (container-instance 0a1b) has insufficient CPU units available. For more information, see the Troubleshooting section"), NoCpu, &["256 CPU units", "0a1b"]),
        (place("The closest matching (container-instance 0a1b) has insufficient memory available."), NoMemory, &["512 MiB"]),
        (place("The closest matching (container-instance 0a1b) is already using a port required by your task."), NoPort, &["3333", "`hostPort` to 0"]),
        (place("The closest matching (container-instance 0a1b) encountered error \"AGENT\"."), NoFit, &["AGENT"]),
        (place("The closest matching (container-instance 0a1b) doesn't have the agent connected."), NoFit, &[]),
        (place("The closest matching (container-instance 0a1b) is missing an attribute required by your task."), NoFit, &[]),
        (event("was unable to place a task. Reason: RESOURCE:ENI"), NoAddresses, &["network interface"]),
        (event("was unable to place a task. Reason: You've reached the limit on the number of vCPUs you can run concurrently"), Quota, &["service-quotas"]),
        (event("was unable to place a task. Reason: The requested MEMORY configuration is above your limit."), Quota, &[]),
        (event("was unable to place a task. Reason: EMPTY CAPACITY PROVIDER"), CapacityProvider, &["describe-capacity-providers"]),
        (event("was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone."), NoCapacity, &[]),
        (event("was unable to place a task. Reason: Internal error."), Unknown, &["Internal error"]),
        (event("was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again."), Percents, &["maximum_percent: 200"]),
        (event("operations are being throttled. Will try again later."), Throttled, &[]),
        (event("is unable to consistently start tasks successfully."), Unknown, &["unable to consistently start"]),
        (nothing().said(BREAKER), Breaker, &["circuit breaker"]),
        (nothing().exit(1, None).said(BREAKER), Crash, &[]),
        (nothing().exit(1, None).said("Service deployment rolled back because an alarm was detected."), Alarm, &["describe-alarms"]),
        (nothing().said("Service deployment superseded by a newer service deployment."), Superseded, &[]),
        (nothing().said("Service deployment rolled back because it was stopped."), Stopped, &["StopServiceDeployment"]),
        (
            nothing().said("Service deployment rolled back because POST_TEST_TRAFFIC_SHIFT pause hook timed out."),
            Hook,
            &["nobody answered", "shipit continue"],
        ),
        (
            nothing().said("Service deployment rolled back because PRE_SCALE_UP pause hook failed."),
            Hook,
            &["answered with the way back"],
        ),
        (
            nothing().said(
                "Service deployment rolled back because TEST_TRAFFIC_SHIFT lifecycle hook(s) failed. Lifecycle hook target \
                 arn:aws:lambda:eu-central-1:123456789012:function:check returned FAILED status.",
            ),
            Hook,
            &["function:check", "log of the function"],
        ),
        (nothing(), Unknown, &["neither tasks nor events"]),
    ]
}

#[test]
fn every_shape_has_its_cause_with_its_words() {
    let mut wrong = Vec::new();
    for (number, (given, kind, words)) in rows().into_iter().enumerate() {
        let cause = classify(&given.0);
        let missing = words.iter().filter(|word| !cause.because.contains(**word) && !cause.next.contains(**word));
        let missing: Vec<&&str> = missing.collect();
        if cause.cause != kind || !missing.is_empty() {
            wrong.push(format!("row {number}, {kind}: {missing:?} in {cause:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_is_long_and_no_kind_is_left_out() {
    let rows = rows();
    assert!(rows.len() >= 40);
    for kind in KINDS {
        assert!(rows.iter().any(|(_, of, _)| of == kind), "no row is `{kind}`");
    }
}
