//! What may differ from botocore's models, reviewed: each with its source. `about` is what [`Complaint::about`] says.

use super::complaint::Complaint;

/// One allowed difference.
#[derive(Debug)]
pub struct Difference {
    /// Complaints with exactly these words are allowed.
    pub about: &'static str,
    /// The sides of operations where they are; empty is everywhere.
    pub on: &'static [&'static str],
    /// Why AWS itself differs from its model there.
    pub source: &'static str,
}

/// The list.
pub const ALLOWED: &[Difference] = &[
    Difference {
        about: "ecr FindingSeverity enum UNTRIAGED",
        on: &["ecr DescribeImageScanFindings reply", "ecr DescribeImages reply"],
        source: "enhanced scans count Inspector's own severities: https://docs.aws.amazon.com/inspector/v2/APIReference/API_Finding.html",
    },
    Difference {
        about: "ecs ServiceDeploymentLifecycleStage enum PRE_PRODUCTION_TRAFFIC_SHIFT",
        on: &[],
        source: "the stages' own page has it, the model has it for hooks only: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html",
    },
    Difference {
        about: "ecr ImageIdentifierList min 1",
        on: &["ecr ListImages reply", "ecr BatchDeleteImage reply"],
        source: "one shape for requests and replies; ListImages of an empty repository and BatchDeleteImage of missing images answer an empty list",
    },
];

/// The complaint is on the list.
pub fn allowed(complaint: &Complaint) -> bool {
    let here = |on: &[&str]| on.is_empty() || on.contains(&complaint.operation.as_str());
    ALLOWED.iter().any(|difference| difference.about == complaint.about && here(difference.on))
}
