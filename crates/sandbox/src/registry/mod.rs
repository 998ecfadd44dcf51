//! The OCI distribution API behind ECR.
