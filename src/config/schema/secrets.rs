//! The schema of what a build is given that must not stay in the image.

use schemars::JsonSchema;

/// Where a secret comes from: `env` or `file`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(super) struct BuildSecret {
    /// The environment variable that holds it.
    env: Option<String>,
    /// The file that holds it, relative to the pipeline file.
    file: Option<String>,
}

/// Something that looks like a secret and is none.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(super) struct NotSecret {
    /// The file in the image, with `*` and `**`; or `ENV NAME`, `LABEL NAME`.
    path: String,
    /// The rule that shipit names, e.g. `private_key`; every pattern if not given.
    rule: Option<String>,
    /// Why it is none.
    reason: String,
}
