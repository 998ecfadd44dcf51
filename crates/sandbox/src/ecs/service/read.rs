//! DescribeServices and ListServices.

use serde_json::{Value, json};

use super::super::cluster;
use super::super::request::{includes, invalid, page, text, texts};
use super::{key_of, view};
use crate::error::AwsError;
use crate::state::State;

/// At most ten services; what is not there is a failure.
pub(super) fn describe(state: &mut State, body: Value) -> Result<Value, AwsError> {
    cluster::named(state, &body)?;
    let wanted = texts(&body, "services");
    if wanted.is_empty() {
        return Err(invalid("Services cannot be empty."));
    }
    if wanted.len() > 10 {
        return Err(invalid("Services cannot have more than 10 elements."));
    }
    let with_tags = includes(&body, "TAGS");
    let (mut services, mut failures) = (Vec::new(), Vec::new());
    for reference in wanted {
        let key = key_of(state, &body, &reference)?;
        match state.ecs.services.get(&key) {
            Some(service) if with_tags => services.push(view::service(state, service, &service.tags)),
            Some(service) => services.push(view::service(state, service, &[])),
            None => {
                let arn = state.arn("ecs", &format!("service/{}/{}", key.cluster, key.service));
                failures.push(json!({ "arn": arn, "reason": "MISSING" }));
            }
        }
    }
    Ok(json!({ "services": services, "failures": failures }))
}

/// ARNs of the cluster's services that have not been deleted.
pub(super) fn list_services(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let cluster = cluster::named(state, &body)?;
    let launch_type = text(&body, "launchType");
    let strategy = text(&body, "schedulingStrategy");
    let services = state.ecs.services.values().filter(|service| {
        service.cluster == cluster
            && service.is_active()
            && strategy.is_none_or(|strategy| (strategy == "DAEMON") == service.is_daemon())
            && launch_type.is_none_or(|launch_type| view::launch_type(service.current()) == Some(launch_type))
    });
    page(services.map(|service| service.arn.clone()).collect(), &body, "serviceArns", 100)
}
