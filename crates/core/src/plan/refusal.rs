//! Why there can be no plan: the words of each refusal. Nothing has been touched then.

use super::REVISION_LABEL;
use crate::content::{ContentKey, SOURCES_LABEL};
use crate::failure::{Code, Failure};
use crate::pipeline::{Image, Pipeline, Service, Strategy};
use crate::release::Tag;
use crate::snapshot::StoredImage;

pub(super) fn wrong_account(wanted: &str, found: &str) -> Failure {
    Failure::new(Code::WrongAccount, format!("the credentials belong to account {}, not {wanted}", found))
        .because(format!("`account: \"{wanted}\"` guards this pipeline"))
        .now("nothing was touched")
        .next(format!("use credentials of {wanted} (`--profile`, `assume_role:`), or another `--env`"))
}

pub(super) fn repository_missing(image: &Image, region: &str) -> Failure {
    Failure::new(Code::RepositoryMissing, format!("the repository `{}` does not exist", image.repository))
        .because(format!("image `{}` is pushed to it", image.name))
        .now("nothing was touched")
        .next(format!(
            "aws ecr create-repository --repository-name {} --image-tag-mutability IMMUTABLE --region {}",
            image.repository, region
        ))
}

/// What the service's own deployment controller cannot do of what is wanted.
pub(super) fn controller(service: &Service, controller: &str, cluster: &str) -> Option<Failure> {
    let name = &service.name;
    let native = format!(
        "aws ecs update-service --cluster {cluster} --service {} --deployment-controller type=ECS    # then ECS itself rolls and shifts",
        service.service
    );
    let refused = |what: String| Some(Failure::new(Code::ControllerMismatch, what).now("nothing was touched"));
    match (controller, &service.strategy) {
        ("ECS", _) | ("CODE_DEPLOY", Strategy::Shift(_)) => None,
        ("CODE_DEPLOY", Strategy::Rolling { .. }) => {
            refused(format!("`{name}` has the deployment controller CODE_DEPLOY, which cannot roll"))?
                .because("CodeDeploy replaces a service by a second one and moves the traffic; it has no rolling update")
                .next("`strategy: blue_green`, `canary` or `linear`")
                .next(native)
                .into()
        }
        ("EXTERNAL", _) => refused(format!("`{name}` has the deployment controller EXTERNAL"))?
            .because("its task sets are made by another program, which would not know of this deployment")
            .next("deploy it with that program, or let ECS do it:")
            .next(native)
            .into(),
        _ => refused(format!("`{name}` has the deployment controller {controller}, which shipit does not know"))?
            .because("it is none of ECS, CODE_DEPLOY and EXTERNAL")
            .next(native)
            .into(),
    }
}

pub(super) fn not_active(service: &Service, status: &str) -> Failure {
    Failure::new(Code::ServiceNotActive, format!("`{}` is {}, not ACTIVE", service.name, status))
        .because("a service that is being deleted takes no deployment")
        .now("nothing was touched")
        .next("create it again, or take it out of the pipeline file")
}

pub(super) fn nothing_runs(service: &Service) -> Failure {
    Failure::new(Code::ServiceMissing, format!("`{}` has no running task definition to start from", service.name))
        .because("`task_definition: running` takes the one that the service runs, and the service does not exist")
        .now("nothing was touched")
        .next("name a task definition file for it")
}

/// The name that may be meant.
fn nearest<'a>(wanted: &str, known: &[&'a str]) -> Option<&'a str> {
    let meant = known.iter().map(|name| (strsim::damerau_levenshtein(wanted, name), *name)).min();
    meant.filter(|(distance, name)| *distance <= (name.chars().count() / 3).max(1)).map(|(_, name)| name)
}

/// Another stage has built an image for a container that is not there.
pub(super) fn container_unknown(service: &Service, named: &str, known: &[&str]) -> Failure {
    let what =
        format!("imagedefinitions.json names the container `{named}`, which the task definition of `{}` has not", service.name);
    Failure::new(Code::ImageDefinitions, what).because(format!("it has: {}", known.join(", "))).now("nothing was touched").next(
        match nearest(named, known) {
            Some(name) => format!("did you mean `{name}`? it is the `name` of an entry of the file"),
            None => "name one of them in the file, or add the container to the task definition".to_owned(),
        },
    )
}

pub(super) fn container_missing(service: &Service, wanted: &str, known: &[&str]) -> Failure {
    let place = format!("under `services: {}: containers:`", service.name);
    Failure::new(Code::ContainerMissing, format!("container `{wanted}` is not in the task definition of `{}`", service.name))
        .because(format!("it has: {}", known.join(", ")))
        .now("nothing was touched")
        .next(match nearest(wanted, known) {
            Some(name) => format!("did you mean `{name}`? it is named {place}"),
            None => format!("name one of them {place}"),
        })
}

pub(super) fn moving_tag(service: &Service, container: &str, image: &str) -> Failure {
    Failure::new(Code::MovingTag, format!("container `{container}` of `{}` is on a moving tag: `{image}`", service.name))
        .because("the same revision would run other bytes tomorrow, and no running task tells which digest is meant")
        .now("nothing was touched")
        .next(format!("name a version or a digest in the task definition, or `allow_latest: [{image}]`"))
}

pub(super) fn taken(image: &Image, uri: &str, tag: &str, stored: &StoredImage, key: &ContentKey) -> Failure {
    let label = |name: &str| stored.labels.get(name).cloned().unwrap_or_else(|| "none".to_owned());
    Failure::new(Code::TagTaken, format!("`{uri}:{tag}` exists and is not what this tree builds"))
        .because(format!(
            "stored: {} with {SOURCES_LABEL}={} and {REVISION_LABEL}={}",
            stored.digest,
            label(SOURCES_LABEL),
            label(REVISION_LABEL)
        ))
        .because(format!("this tree: {SOURCES_LABEL}={}", key.sources))
        .now("nothing was touched")
        .next(format!("commit the change of `{}` and deploy that commit: a tag is never overwritten", image.name))
}

/// `--rebuild` of a commit whose image is there.
pub(super) fn built_before(image: &Image, uri: &str, tag: &Tag, stored: &StoredImage) -> Failure {
    let since = stored.pushed_at.map_or_else(String::new, |at| format!(" since {}", at.strftime("%Y-%m-%d %H:%M UTC")));
    Failure::new(Code::TagTaken, format!("`{}` cannot be built anew under `{}`: the tag is there", image.name, tag))
        .because(format!("`{uri}:{tag}` is {}{since}, and a tag is never overwritten", stored.digest.short()))
        .now("nothing was touched")
        .next("without `--rebuild` that image is deployed")
        .next("git commit --allow-empty --message \"rebuild\", then the same command: a new commit has a tag of its own")
}

/// An image for another machine than that of its task.
pub(super) fn other_platform(service: &Service, container: &str, image: &str, wanted: &str, built: &[String]) -> Failure {
    let built = built.join(" and ");
    Failure::new(
        Code::OtherPlatform,
        format!("`{}` runs on {wanted}, and image `{image}` of its container `{container}` is for {built}", service.name),
    )
    .because("every task would stop at once with `exec format error`")
    .now("nothing was touched")
    .next(format!("`platforms: [{wanted}]` under `images: {image}:`"))
    .next("or another `runtimePlatform` in the task definition")
}

pub(super) fn missing(service: &Service, pipeline: &Pipeline, region: &str) -> Failure {
    Failure::new(
        Code::ServiceMissing,
        format!("the service `{}` does not exist in the cluster `{}`", service.service, pipeline.cluster),
    )
    .because(format!("`services: {}:` is to be deployed to it", service.name))
    .now("nothing was touched")
    .next(format!(
        "aws ecs create-service --cluster {} --service-name {} --cli-input-json file://service.json --region {region}",
        pipeline.cluster, service.service
    ))
    .next(format!("or `service_definition: service.json` under `services: {}:`, and shipit creates it", service.name))
}
