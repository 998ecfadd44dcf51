//! What CodeDeploy's exceptions mean: told apart once, here.

use shipit_core::failure::{Code, Failure};

use crate::adapter::aws::error::{AwsError, Kind};
use crate::port::PortError;

/// What a person should know of an error of CodeDeploy; `what` is what was asked about. Exceptions on which the engine acts
/// (`DeploymentAlreadyCompletedException`, `DeploymentIsNotInReadyStateException`) stay as they are.
pub fn explain(error: AwsError, what: impl FnOnce() -> String) -> PortError {
    let Kind::Answered { code, message, .. } = &error.kind else {
        return error.into();
    };
    let said = |failure: Failure| PortError::from(failure.because(format!("{code}: {message}")));
    match code.as_str() {
        "ApplicationDoesNotExistException" | "DeploymentGroupDoesNotExistException" => {
            said(Failure::new(Code::DeploymentGroupMissing, format!("{} does not exist", what())))
        }
        "DeploymentDoesNotExistException"
        | "InvalidDeploymentIdException"
        | "DeploymentConfigDoesNotExistException"
        | "RevisionDoesNotExistException"
        | "DeploymentTargetDoesNotExistException" => PortError::NotFound { what: what() },
        "InvalidECSServiceException" | "InvalidComputePlatformException" => said(
            Failure::new(Code::ControllerMismatch, format!("{} is not one that CodeDeploy can deploy to ECS", what()))
                .next("`aws ecs describe-services` and `aws deploy get-deployment-group` must name the same service and cluster"),
        ),
        "InvalidTrafficRoutingConfigurationException" => said(
            Failure::new(Code::ControllerMismatch, format!("{} does not take this strategy", what()))
                .next("behind a Network Load Balancer: `strategy: { blue_green: {} }`"),
        ),
        "InvalidRoleException" => said(
            Failure::new(Code::AwsRefused, format!("CodeDeploy cannot act for {} with the role it has", what()))
                .next("`aws deploy get-deployment-group` shows `serviceRoleArn`; it needs the policy `AWSCodeDeployRoleForECS`"),
        ),
        "InvalidRevisionException" | "RevisionRequiredException" => said(
            Failure::new(Code::AwsRefused, format!("CodeDeploy does not take the AppSpec for {}", what()))
                .next("`aws deploy get-application-revision` shows the one before; its `Hooks` are kept as they are"),
        ),
        "InvalidAutoRollbackConfigException" | "InvalidAlarmConfigException" | "AlarmsLimitExceededException" => said(
            Failure::new(Code::AwsRefused, format!("CodeDeploy does not take how {} goes back by itself", what()))
                .next("`aws deploy get-deployment-group` shows its alarms and `autoRollbackConfiguration`"),
        ),
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::aws::operation::{CREATE_DEPLOYMENT, STOP_DEPLOYMENT};

    fn explained(operation: crate::adapter::aws::operation::Operation, code: &str, message: &str) -> PortError {
        let kind = Kind::Answered { status: 400, code: code.to_owned(), message: message.to_owned() };
        explain(AwsError { operation, kind }, || "deployment group `g` of `a`".to_owned())
    }

    #[test]
    fn every_exception_has_its_code() {
        for (code, wanted) in [
            ("ApplicationDoesNotExistException", Code::DeploymentGroupMissing),
            ("DeploymentGroupDoesNotExistException", Code::DeploymentGroupMissing),
            ("InvalidECSServiceException", Code::ControllerMismatch),
            ("InvalidComputePlatformException", Code::ControllerMismatch),
            ("InvalidTrafficRoutingConfigurationException", Code::ControllerMismatch),
            ("InvalidRoleException", Code::AwsRefused),
            ("InvalidRevisionException", Code::AwsRefused),
            ("RevisionRequiredException", Code::AwsRefused),
            ("InvalidAutoRollbackConfigException", Code::AwsRefused),
            ("InvalidAlarmConfigException", Code::AwsRefused),
            ("DescriptionTooLongException", Code::AwsRefused),
            ("UnsupportedActionForDeploymentTypeException", Code::AwsRefused),
            ("ThrottlingException", Code::Throttled),
            ("AccessDeniedException", Code::Denied),
        ] {
            let failure = Failure::from(explained(CREATE_DEPLOYMENT, code, "as AWS says"));
            assert_eq!(failure.code, wanted, "{code}");
            let told = matches!(wanted, Code::Throttled) || failure.because.iter().any(|line| line.contains("as AWS says"));
            assert!(told, "{code}: {failure:?}");
        }
    }

    #[test]
    fn what_does_not_exist_is_named_and_what_has_ended_is_left_to_the_engine() {
        for code in ["DeploymentDoesNotExistException", "DeploymentConfigDoesNotExistException", "RevisionDoesNotExistException"]
        {
            let error = explained(STOP_DEPLOYMENT, code, "");
            assert!(matches!(error, PortError::NotFound { what } if what == "deployment group `g` of `a`"), "{code}");
        }
        for kept in ["DeploymentAlreadyCompletedException", "DeploymentIsNotInReadyStateException"] {
            assert!(matches!(explained(STOP_DEPLOYMENT, kept, ""), PortError::Refused { code, .. } if code == kept));
        }
    }

    #[test]
    fn a_missing_permission_of_another_action_is_named() {
        let message = "User: arn:aws:sts::1:assumed-role/ci/x is not authorized to perform: codedeploy:RegisterApplicationRevision \
                       on resource: arn:aws:codedeploy:eu-west-1:1:application:shop";
        let error = explained(CREATE_DEPLOYMENT, "AccessDeniedException", message);
        assert!(matches!(&error, PortError::Denied { action, .. } if action == "codedeploy:RegisterApplicationRevision"));
        let next = Failure::from(error).next.remove(0);
        assert!(next.contains(r#""Resource": "arn:aws:codedeploy:eu-west-1:1:application:shop""#), "{next}");
    }
}
