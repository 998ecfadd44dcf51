//! CodePipeline: its operations by botocore's own client, the files of `pipelines/` for it, and a pipeline from the build to
//! the answered job.

pub mod jobs;
mod operations;
mod pipeline;
mod template;
