//! Who deploys, for others to read: the address of the CI's run, else the person and the host.

/// As the process's environment tells it.
pub fn who() -> String {
    let host = gethostname::gethostname().to_string_lossy().into_owned();
    named(&|name| std::env::var(name).ok().filter(|value| !value.trim().is_empty()), &host)
}

fn named(get: &dyn Fn(&str) -> Option<String>, host: &str) -> String {
    let github = || {
        let (server, repository, run) = (get("GITHUB_SERVER_URL")?, get("GITHUB_REPOSITORY")?, get("GITHUB_RUN_ID")?);
        Some(format!("{server}/{repository}/actions/runs/{run}"))
    };
    let person = || format!("{}@{host}", get("USER").or_else(|| get("LOGNAME")).unwrap_or_else(|| "unknown".to_owned()));
    github()
        .or_else(|| get("CI_JOB_URL"))
        .or_else(|| get("BUILD_URL"))
        .or_else(|| get("BUILDKITE_BUILD_URL"))
        .or_else(|| get("CODEBUILD_BUILD_ARN"))
        .unwrap_or_else(person)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_of_a_ci_comes_before_the_person_it_runs_as() {
        let github = [("GITHUB_SERVER_URL", "https://github.com"), ("GITHUB_REPOSITORY", "shop/web"), ("GITHUB_RUN_ID", "7")];
        let jenkins = [("BUILD_URL", "https://ci.shop.example/job/web/12/"), ("USER", "jenkins")];
        for (variables, expected) in [
            (&github[..], "https://github.com/shop/web/actions/runs/7"),
            (&jenkins[..], "https://ci.shop.example/job/web/12/"),
            (&[("BUILDKITE_BUILD_URL", "https://buildkite.com/shop/web/builds/7")], "https://buildkite.com/shop/web/builds/7"),
            (&[("USER", "ana")], "ana@laptop"),
            (&[("LOGNAME", "ana"), ("GITHUB_RUN_ID", "7")], "ana@laptop"),
            (&[], "unknown@laptop"),
        ] {
            let get = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(named(&get, "laptop"), expected);
        }
    }
}
