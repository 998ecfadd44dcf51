//! The files that other deploy stages read, of one service: for CodePipeline's ECS action, and where CodeDeploy deploys the
//! service for CodeDeployToECS.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::codedeploy::Hooks;
use crate::imagedefinitions::{by_digest, image_detail, imagedefinitions};
use crate::pipeline::{Name, Pipeline};
use crate::plan::Template;
use crate::release::{Digest, Tag};
use crate::snapshot::{RepositorySeen, RunningService, Snapshot};
use crate::taskdef;

/// CodeDeployToECS fills in so many images: `Image1ContainerName` to `Image4ContainerName`.
const PLACEHOLDERS: usize = 4;

/// What is written of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// What is rendered.
    pub template: Template,
    /// The AppSpec, where CodeDeploy deploys it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appspec: Option<AppSpec>,
}

/// What an AppSpec says beside the task definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppSpec {
    /// The container that traffic goes to.
    pub container: String,
    /// Its port.
    pub port: u64,
    /// Lifecycle event and function, as the last deployment had them.
    pub hooks: Vec<(String, String)>,
}

impl AppSpec {
    /// Of a service that CodeDeploy deploys.
    pub fn of(running: &RunningService) -> Option<AppSpec> {
        let balancer = &running.load_balancers[0];
        let hooks = match running.codedeploy.as_ref().map(|group| &group.hooks) {
            Some(Hooks::Known(hooks)) => hooks.clone(),
            _ => Vec::new(),
        };
        let container = balancer["containerName"].as_str()?.to_owned();
        let port = balancer["containerPort"].as_u64()?;
        (running.controller == "CODE_DEPLOY").then_some(AppSpec { container, port, hooks })
    }

    /// `appspec.yaml`, with `<TASK_DEFINITION>` for CodePipeline to fill in.
    pub fn yaml(&self) -> String {
        // A JSON text is a YAML text.
        let quoted = |text: &str| Value::from(text).to_string();
        let mut yaml = format!(
            "version: 0.0\nResources:\n  - TargetService:\n      Type: AWS::ECS::Service\n      Properties:\n        \
             TaskDefinition: <TASK_DEFINITION>\n        LoadBalancerInfo:\n          ContainerName: {}\n          \
             ContainerPort: {}\n",
            quoted(&self.container),
            self.port
        );
        if !self.hooks.is_empty() {
            yaml.push_str("Hooks:\n");
            for (event, function) in &self.hooks {
                yaml.push_str(&format!("  - {}: {}\n", quoted(event), quoted(function)));
            }
        }
        yaml
    }
}

/// What would be written of a service that runs the wanted definition already.
pub fn unchanged(pipeline: &Pipeline, snapshot: &Snapshot, name: &str) -> Option<Written> {
    let service = pipeline.service(name)?;
    let running = snapshot.services.get(name)?.present()?;
    let uri = |image: &Name| match &snapshot.images.get(image)?.repository {
        RepositorySeen::Present { uri, .. } => Some((image.clone(), uri.clone())),
        RepositorySeen::Missing => None,
    };
    let template = Template {
        definition: taskdef::registrable(&running.definition),
        containers: service.containers.clone(),
        repositories: service.containers.values().filter_map(uri).collect(),
    };
    Some(Written { template, appspec: AppSpec::of(running) })
}

/// The files by their path below the service's folder; `tags` are what each image is also known by.
///
/// - `imagedefinitions.json`: every image by container, for the ECS action.
/// - `<container>/imageDetail.json`: one image each, in a folder of its own, for they all have one name.
/// - `taskdef.json`: what is registered.
/// - `codedeploy/taskdef.json` with `<IMAGE1_NAME>` (the first container by name) to `<IMAGE4_NAME>`, and
///   `codedeploy/appspec.yaml`, for CodeDeployToECS.
///
/// # Errors
/// The size of an imagedefinitions.json that CodePipeline would not read.
pub fn files(
    written: &Written,
    digests: &BTreeMap<Name, Digest>,
    tags: impl Fn(&str) -> Option<Tag>,
) -> Result<Vec<(String, Vec<u8>)>, usize> {
    let Written { template, appspec } = written;
    let mut files = Vec::new();
    let mut images = Vec::new();
    for (container, image, repository, digest) in known(template, digests) {
        images.push((container, by_digest(repository, digest)));
        let detail = image_detail(repository, digest, tags(image).as_ref());
        files.push((format!("{container}/imageDetail.json"), pretty(&detail)));
    }
    files.push(("imagedefinitions.json".to_owned(), imagedefinitions(images)?.into_bytes()));
    files.push(("taskdef.json".to_owned(), pretty(&taskdef::render(template, digests))));
    if let Some(appspec) = appspec {
        files.push(("codedeploy/taskdef.json".to_owned(), pretty(&with_placeholders(template, digests))));
        files.push(("codedeploy/appspec.yaml".to_owned(), appspec.yaml().into_bytes()));
    }
    Ok(files)
}

/// The definition as CodeDeployToECS fills it in; images beyond those that it takes are named by digest.
fn with_placeholders(template: &Template, digests: &BTreeMap<Name, Digest>) -> Value {
    let mut definition = taskdef::render(template, digests);
    let mut numbered: Vec<&str> = Vec::new();
    for (container, image, ..) in known(template, digests) {
        if !numbered.contains(&image) {
            numbered.push(image);
        }
        if let Some(at) = numbered.iter().position(|known| *known == image).filter(|at| *at < PLACEHOLDERS) {
            definition = taskdef::with_image(definition, container, &format!("<IMAGE{}_NAME>", at + 1));
        }
    }
    definition
}

/// Container, image, repository and digest of what this run knows, by container.
fn known<'a>(
    template: &'a Template,
    digests: &'a BTreeMap<Name, Digest>,
) -> impl Iterator<Item = (&'a str, &'a str, &'a str, &'a Digest)> {
    let there = taskdef::containers(&template.definition);
    template.containers.iter().filter(move |(container, _)| there.contains(&container.as_str())).filter_map(
        |(container, image)| {
            Some((container.as_str(), image.as_str(), template.repositories.get(image)?.as_str(), digests.get(image)?))
        },
    )
}

fn pretty(value: &Value) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(containers: &[(&str, &str)], appspec: Option<AppSpec>) -> (Written, BTreeMap<Name, Digest>) {
        let listed: Vec<Value> = containers
            .iter()
            .map(|(name, _)| json!({"name": name, "image": "old"}))
            .chain([json!({"name": "log", "image": "log:1"})])
            .collect();
        let template = Template {
            definition: json!({"family": "web", "revision": 3, "containerDefinitions": listed}),
            containers: containers.iter().map(|(name, image)| ((*name).to_owned(), (*image).to_owned())).collect(),
            repositories: containers.iter().map(|(_, image)| ((*image).to_owned(), format!("1.dkr.ecr.eu/{image}"))).collect(),
        };
        let digests = containers.iter().map(|(_, image)| ((*image).to_owned(), Digest(format!("sha256:{image}"))));
        (Written { template, appspec }, digests.collect())
    }

    fn json_of(files: &[(String, Vec<u8>)], path: &str) -> Value {
        let (_, content) = files.iter().find(|(found, _)| found == path).unwrap_or_else(|| panic!("{path} in {files:?}"));
        serde_json::from_slice(content).unwrap()
    }

    #[test]
    fn a_service_that_ecs_rolls_has_the_files_of_the_ecs_action() {
        let (written, digests) = written(&[("web", "front")], None);
        let files = files(&written, &digests, |_| Some(Tag("4f2a".into()))).unwrap();
        let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["web/imageDetail.json", "imagedefinitions.json", "taskdef.json"]);
        assert_eq!(
            json_of(&files, "imagedefinitions.json"),
            json!([{"name": "web", "imageUri": "1.dkr.ecr.eu/front@sha256:front"}])
        );
        let detail = json_of(&files, "web/imageDetail.json");
        assert_eq!((&detail["ImageURI"], &detail["ImageTags"]), (&json!("1.dkr.ecr.eu/front@sha256:front"), &json!(["4f2a"])));
    }

    #[test]
    fn one_that_codedeploy_deploys_has_those_of_codedeploy_to_ecs_too() {
        let hooks = vec![("BeforeAllowTraffic".to_owned(), "arn:aws:lambda:eu:1:function:try: it\"".to_owned())];
        let appspec = AppSpec { container: "web".into(), port: 8080, hooks };
        let five = [("a", "one"), ("b", "two"), ("c", "one"), ("d", "three"), ("e", "four"), ("web", "five")];
        let (written, digests) = written(&five, Some(appspec));
        let files = files(&written, &digests, |_| None).unwrap();
        let definition = json_of(&files, "codedeploy/taskdef.json");
        assert_eq!(
            taskdef::images(&definition),
            [
                ("a", "<IMAGE1_NAME>"),
                ("b", "<IMAGE2_NAME>"),
                ("c", "<IMAGE1_NAME>"),
                ("d", "<IMAGE3_NAME>"),
                ("e", "<IMAGE4_NAME>"),
                ("web", "1.dkr.ecr.eu/five@sha256:five"),
                ("log", "log:1")
            ]
        );
        assert_eq!(definition.get("revision"), None, "it can be registered");
        assert_eq!(json_of(&files, "a/imageDetail.json")["ImageTags"], json!([]));
        let (_, yaml) = files.iter().find(|(path, _)| path == "codedeploy/appspec.yaml").unwrap();
        assert_eq!(
            String::from_utf8_lossy(yaml),
            "version: 0.0\nResources:\n  - TargetService:\n      Type: AWS::ECS::Service\n      Properties:\n        \
             TaskDefinition: <TASK_DEFINITION>\n        LoadBalancerInfo:\n          ContainerName: \"web\"\n          \
             ContainerPort: 8080\nHooks:\n  - \"BeforeAllowTraffic\": \"arn:aws:lambda:eu:1:function:try: it\\\"\"\n"
        );
    }
}
