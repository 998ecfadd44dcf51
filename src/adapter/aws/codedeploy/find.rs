//! Which deployment group deploys a service: the default names first, then all of the account's.

use super::api::Api;
use super::seen::Group;
use crate::port::PortResult;

/// So many characters of the cluster's and the service's name are in the default names.
const LONGEST: usize = 46;

/// The names that the console and the AWS CLI give: application and deployment group.
pub fn default_names(cluster: &str, service: &str) -> (String, String) {
    let cut = |name: &str| name.chars().take(LONGEST).collect::<String>();
    let names = format!("{}-{}", cut(cluster), cut(service));
    (format!("AppECS-{names}"), format!("DgpECS-{names}"))
}

/// The deployment group of a service; none where no group names it.
pub async fn group(api: &Api, cluster: &str, service: &str) -> PortResult<Option<Group>> {
    let (application, name) = default_names(cluster, service);
    if let Some(group) = api.group(&application, &name).await?.filter(|group| group.deploys(service, cluster)) {
        return Ok(Some(group));
    }
    let mut applications = api.applications().await?;
    // CodeDeploy's rate is not published and not high: the likely ones first.
    applications.sort_by_key(|application| (!application.contains(service), !application.contains(cluster)));
    for application in applications {
        let groups = api.groups(&application).await?;
        if let Some(group) = groups.into_iter().find(|group| group.deploys(service, cluster)) {
            return Ok(Some(group));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_as_the_aws_cli_does() {
        assert_eq!(default_names("prod", "web"), ("AppECS-prod-web".to_owned(), "DgpECS-prod-web".to_owned()));
        let (cluster, service) = ("c".repeat(46) + "ut", "ü".repeat(47));
        let (application, group) = default_names(&cluster, &service);
        assert_eq!(application, format!("AppECS-{}-{}", "c".repeat(46), "ü".repeat(46)));
        assert_eq!(group, format!("DgpECS-{}-{}", "c".repeat(46), "ü".repeat(46)));
    }
}
