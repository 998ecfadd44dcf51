//! What is called of AWS, and the IAM action each call needs: errors and the IAM policy are written from this table.

/// One AWS operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// IAM's name of the service, e.g. `ecs`.
    pub service: &'static str,
    /// E.g. `UpdateService`.
    pub name: &'static str,
    /// What does not exist when AWS answers that something was not found.
    pub subject: &'static str,
}

impl Operation {
    /// The IAM action, e.g. `ecs:UpdateService`.
    pub fn action(self) -> String {
        format!("{}:{}", self.service, self.name)
    }
}

macro_rules! operations {
    ($($constant:ident = $service:literal $name:literal of $subject:literal;)*) => {
        $(#[doc = concat!("`", $service, ":", $name, "`.")]
        pub const $constant: Operation = Operation { service: $service, name: $name, subject: $subject };)*

        /// All of them.
        pub const OPERATIONS: &[Operation] = &[$($constant),*];
    };
}

operations! {
    GET_CALLER_IDENTITY = "sts" "GetCallerIdentity" of "the caller";
    GET_AUTHORIZATION_TOKEN = "ecr" "GetAuthorizationToken" of "the registry";
    DESCRIBE_REPOSITORIES = "ecr" "DescribeRepositories" of "the repository";
    BATCH_GET_IMAGE = "ecr" "BatchGetImage" of "the repository";
    PUT_IMAGE = "ecr" "PutImage" of "the repository";
    DESCRIBE_IMAGES = "ecr" "DescribeImages" of "the image";
    GET_BLOB = "ecr" "GetDownloadUrlForLayer" of "the image's config";
    DESCRIBE_IMAGE_SCAN_FINDINGS = "ecr" "DescribeImageScanFindings" of "the image or its scan";
    START_IMAGE_SCAN = "ecr" "StartImageScan" of "the image";
    BATCH_GET_REPOSITORY_SCANNING_CONFIGURATION = "ecr" "BatchGetRepositoryScanningConfiguration" of "the repository";
    GET_REGISTRY_SCANNING_CONFIGURATION = "ecr" "GetRegistryScanningConfiguration" of "the registry";
    DESCRIBE_SERVICES = "ecs" "DescribeServices" of "the service";
    DESCRIBE_TASK_DEFINITION = "ecs" "DescribeTaskDefinition" of "the task definition";
    REGISTER_TASK_DEFINITION = "ecs" "RegisterTaskDefinition" of "the task definition";
    CREATE_SERVICE = "ecs" "CreateService" of "the cluster";
    UPDATE_SERVICE = "ecs" "UpdateService" of "the service";
    LIST_TASKS = "ecs" "ListTasks" of "the service";
    DESCRIBE_TASKS = "ecs" "DescribeTasks" of "the task";
    LIST_SERVICE_DEPLOYMENTS = "ecs" "ListServiceDeployments" of "the service";
    DESCRIBE_SERVICE_REVISIONS = "ecs" "DescribeServiceRevisions" of "the service revision";
    DESCRIBE_SERVICE_DEPLOYMENTS = "ecs" "DescribeServiceDeployments" of "the service deployment";
    CONTINUE_SERVICE_DEPLOYMENT = "ecs" "ContinueServiceDeployment" of "the service deployment or its hook";
    STOP_SERVICE_DEPLOYMENT = "ecs" "StopServiceDeployment" of "the service deployment";
    LIST_TASK_DEFINITIONS = "ecs" "ListTaskDefinitions" of "the family";
    DEREGISTER_TASK_DEFINITION = "ecs" "DeregisterTaskDefinition" of "the task definition";
    LIST_CONTAINER_INSTANCES = "ecs" "ListContainerInstances" of "the cluster";
    DESCRIBE_CONTAINER_INSTANCES = "ecs" "DescribeContainerInstances" of "the container instance";
    LIST_CLUSTERS = "ecs" "ListClusters" of "the cluster";
    LIST_SERVICES = "ecs" "ListServices" of "the cluster";
    LIST_APPLICATIONS = "codedeploy" "ListApplications" of "the application";
    LIST_DEPLOYMENT_GROUPS = "codedeploy" "ListDeploymentGroups" of "the application";
    BATCH_GET_DEPLOYMENT_GROUPS = "codedeploy" "BatchGetDeploymentGroups" of "the deployment group";
    GET_DEPLOYMENT_GROUP = "codedeploy" "GetDeploymentGroup" of "the deployment group";
    GET_DEPLOYMENT_CONFIG = "codedeploy" "GetDeploymentConfig" of "the deployment configuration";
    CREATE_DEPLOYMENT_CONFIG = "codedeploy" "CreateDeploymentConfig" of "the deployment configuration";
    GET_APPLICATION_REVISION = "codedeploy" "GetApplicationRevision" of "the AppSpec";
    LIST_DEPLOYMENTS = "codedeploy" "ListDeployments" of "the deployment group";
    BATCH_GET_DEPLOYMENTS = "codedeploy" "BatchGetDeployments" of "the deployment";
    GET_DEPLOYMENT = "codedeploy" "GetDeployment" of "the deployment";
    LIST_DEPLOYMENT_TARGETS = "codedeploy" "ListDeploymentTargets" of "the deployment";
    BATCH_GET_DEPLOYMENT_TARGETS = "codedeploy" "BatchGetDeploymentTargets" of "the deployment";
    CREATE_DEPLOYMENT = "codedeploy" "CreateDeployment" of "the deployment group";
    CONTINUE_DEPLOYMENT = "codedeploy" "ContinueDeployment" of "the deployment";
    STOP_DEPLOYMENT = "codedeploy" "StopDeployment" of "the deployment";
    DESCRIBE_TARGET_GROUPS = "elasticloadbalancing" "DescribeTargetGroups" of "the target group";
    DESCRIBE_TARGET_GROUP_ATTRIBUTES = "elasticloadbalancing" "DescribeTargetGroupAttributes" of "the target group";
    DESCRIBE_LISTENERS = "elasticloadbalancing" "DescribeListeners" of "the listener";
    DESCRIBE_RULES = "elasticloadbalancing" "DescribeRules" of "the rule";
    DESCRIBE_TARGET_HEALTH = "elasticloadbalancing" "DescribeTargetHealth" of "the target group";
    DESCRIBE_LOAD_BALANCERS = "elasticloadbalancing" "DescribeLoadBalancers" of "the load balancer";
    GET_METRIC_DATA = "cloudwatch" "GetMetricData" of "the metric";
    DESCRIBE_ALARMS = "cloudwatch" "DescribeAlarms" of "the alarm";
    GET_ROLE = "iam" "GetRole" of "the role";
    POLL_FOR_JOBS = "codepipeline" "PollForJobs" of "the custom action";
    ACKNOWLEDGE_JOB = "codepipeline" "AcknowledgeJob" of "the job";
    PUT_JOB_SUCCESS_RESULT = "codepipeline" "PutJobSuccessResult" of "the job";
    PUT_JOB_FAILURE_RESULT = "codepipeline" "PutJobFailureResult" of "the job";
    GET_OBJECT = "s3" "GetObject" of "the artefact";
    PUT_EVENTS = "events" "PutEvents" of "the event bus";
    GET_LOG_EVENTS = "logs" "GetLogEvents" of "the log stream";
}
