//! What the Engine says when it cannot, told so that a person knows what to do.

use bollard::errors::Error;
use shipit_core::failure::{Code, Failure, Line};
use shipit_core::pipeline::Image;

use super::context::Dockerfile;
use super::dockerfile::{by_buildkit, instructions};
use super::progress::{State, Step, Watch};
use crate::port::statement;

/// What a push needs.
const PUSH_ACTIONS: &[&str] = &[
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
];

/// Lines of a failing step that are told.
const TOLD: usize = 10;

/// The Engine's own words, without the client library's.
pub(super) fn words(error: &Error) -> String {
    match error {
        Error::DockerStreamError { error } => error.trim().to_owned(),
        Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        error => {
            let mut inner: &dyn std::error::Error = error;
            while let Some(source) = inner.source() {
                inner = source;
            }
            inner.to_string()
        }
    }
}

/// The Engine went away, as opposed to: it answered that it cannot.
pub(super) fn is_gone(error: &Error) -> bool {
    !matches!(error, Error::DockerStreamError { .. } | Error::DockerResponseServerError { .. } | Error::JsonDataError { .. })
}

/// The connection to the Engine broke.
pub(super) fn gone(doing: &str, error: &str) -> Failure {
    Failure::new(Code::EngineUnreachable, format!("the Docker Engine went away {doing}"))
        .because(error)
        .now("nothing was deployed")
        .next("docker info, and the Engine's log: journalctl -u docker")
}

/// The disk that the Engine keeps everything on is full; `root` is where, if it tells.
fn full(code: Code, doing: &str, words: &str, root: Option<&str>) -> Failure {
    let place = root.map(|root| format!(" (`{root}`)")).unwrap_or_default();
    Failure::new(code, format!("the Docker Engine's disk{place} is full: {doing}"))
        .because(short(words))
        .next("docker system df: what takes the space")
        .next("docker builder prune --all, docker image prune, then run the same command again")
}

/// Something says that a disk is full.
pub(super) fn is_full(words: &str) -> bool {
    words.to_lowercase().contains("no space left on device")
}

/// A build that failed, and where the Engine keeps what it builds, if it tells.
pub(super) fn of_build(image: &Image, dockerfile: &Dockerfile, watch: &Watch<'_>, error: &Error, root: Option<&str>) -> Failure {
    if is_gone(error) {
        return gone(&format!("while it built `{}`", image.name), &words(error));
    }
    let words = words(error);
    let last = watch.failing().and_then(|step| step.tail.iter().rfind(|line| is_full(line)));
    if let Some(why) = last.or(is_full(&words).then_some(&words)) {
        return full(Code::BuildFailed, &format!("`{}` cannot be built", image.name), why, root).now("nothing was pushed");
    }
    let failing = watch.failing();
    if let Some(base) = failing.and_then(base_image) {
        return base_missing(image, &base, &words);
    }
    let Some(step) = failing else {
        let failure = Failure::new(Code::BuildFailed, format!("`{}` cannot be built", image.name)).because(words);
        return failure.now("nothing was pushed").next(format!("see `{}`", dockerfile.path.display()));
    };
    let mut failure = Failure::new(Code::BuildFailed, format!("`{}` failed to build at {}", image.name, brief(&step.name)));
    for line in step.tail.iter().skip(step.tail.len().saturating_sub(TOLD)) {
        failure = failure.because(line.clone());
    }
    let failure = failure.because(match &step.state {
        State::Failed(why) => short(why),
        _ => words,
    });
    let all = instructions(&dockerfile.text);
    // Both builders number steps, but count different things.
    let by_number = |step: &Step| {
        let number: usize = step.name.strip_prefix('[')?.split_once('/')?.0.parse().ok()?;
        all.get(number.checked_sub(1)?).filter(|one| on_one_line(&step.name).ends_with(&on_one_line(&one.text)))
    };
    let place = by_number(step).or_else(|| by_buildkit(&all, &step.name));
    let failure = failure.now("nothing was pushed");
    match place {
        Some(one) => {
            let (file, line) = (dockerfile.path.display().to_string(), u32::try_from(one.line).unwrap_or(u32::MAX));
            failure.next(format!("see `{file}:{line}`")).at(Some(Line { file, line, column: None }))
        }
        None => failure.next(format!("see `{}`", dockerfile.path.display())),
    }
}

/// A step on one line that fits.
fn brief(name: &str) -> String {
    const LONG: usize = 100;
    let line = on_one_line(name);
    match line.char_indices().nth(LONG) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The base image that this step should have brought.
fn base_image(step: &Step) -> Option<String> {
    if let Some(name) = step.name.strip_prefix("[internal] load metadata for ") {
        return Some(name.to_owned());
    }
    let (_, text) = step.name.split_once("] ")?;
    let mut words = text.split_whitespace();
    words.next().filter(|keyword| keyword.eq_ignore_ascii_case("FROM"))?;
    words.find(|word| !word.starts_with("--")).map(str::to_owned)
}

fn base_missing(image: &Image, base: &str, words: &str) -> Failure {
    let failure = Failure::new(Code::BaseImage, format!("the base image `{base}` of `{}` cannot be had", image.name))
        .because(short(words))
        .now("nothing was built, nothing was pushed");
    let lower = words.to_lowercase();
    let registry = base.split('/').next().filter(|host| host.contains(['.', ':'])).unwrap_or("docker.io");
    if lower.contains("denied") || lower.contains("unauthorized") || lower.contains("authoriz") || lower.contains("no basic auth")
    {
        return failure
            .next(format!("docker login {registry}"))
            .next("or correct the name: a private image and a missing one look the same");
    }
    if lower.contains("not found") || lower.contains("manifest unknown") {
        return failure.next(format!("correct `FROM {base}`, or bring it into the Engine: docker pull {base}"));
    }
    failure
        .next(format!("give the Engine a way to {registry}, or bring it into the Engine: docker load"))
        .next(format!("docker pull {base}"))
}

/// BuildKit's chains of "failed to …: failed to …:" are long; the end is what happened.
fn short(words: &str) -> String {
    let mut rest = words.trim();
    for prefix in [
        "failed to solve with frontend dockerfile.v0: ",
        "failed to solve: ",
        "failed to create LLB definition: ",
        "rpc error: code = Unknown desc = ",
    ] {
        rest = rest.strip_prefix(prefix).unwrap_or(rest);
    }
    rest.to_owned()
}

/// A push that failed, by the registry's words.
pub(super) fn of_push(repository: &str, tag: &str, error: &Error) -> Failure {
    let words = words(error);
    if is_gone(error) {
        return gone(&format!("while it pushed `{repository}:{tag}`"), &words);
    }
    if is_full(&words) {
        let doing = format!("`{repository}:{tag}` cannot be pushed");
        return full(Code::PushFailed, &doing, &words, None).now("nothing is deployed; layers that were pushed stay");
    }
    if ["file integrity checksum failed", "could not verify layer data"].iter().any(|part| words.contains(part)) {
        return Failure::new(Code::PushFailed, format!("the Docker Engine's layers of `{repository}:{tag}` are damaged"))
            .because(words)
            .now("nothing is deployed; layers that were pushed stay")
            .next(format!("docker image rm --force {repository}:{tag}, and its base image where the layer is from there"))
            .next("docker builder prune --all, then run the same command again");
    }
    refused(repository, tag, &words)
}

/// A push that the registry refused, by its words.
pub(super) fn refused(repository: &str, tag: &str, words: &str) -> Failure {
    let lower = words.to_lowercase();
    let says = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    let (host, name) = repository.split_once('/').unwrap_or(("", repository));
    let failure = |code, what: String| Failure::new(code, what).because(words);
    if says(&["token has expired", "token is expired", "expiredtoken"]) {
        failure(Code::ExpiredCredentials, format!("the login for `{host}` has expired"))
            .now("nothing is deployed; layers that were pushed stay")
            .next("run the same command again: it asks for a new login, and pushes only what is missing")
    } else if says(&["tag invalid", "tag_invalid", "cannot be overwritten", "immutable", "imagetagalreadyexists"]) {
        failure(Code::TagTaken, format!("`{name}` has a tag `{tag}` already, and its tags cannot be moved"))
            .next(format!("aws ecr describe-images --repository-name {name} --image-ids imageTag={tag}"))
            .next("commit what changed, so that it gets a tag of its own")
    } else if says(&["name unknown", "name_unknown", "repository does not exist", "does not exist in the registry"]) {
        failure(Code::RepositoryMissing, format!("the repository `{name}` does not exist"))
            .next(format!("aws ecr create-repository --repository-name {name} --image-tag-mutability IMMUTABLE"))
    } else if says(&["insufficient storage"]) {
        failure(Code::PushFailed, format!("the registry `{host}` has no space left: `{name}:{tag}` could not be pushed"))
            .now("nothing is deployed; layers that were pushed stay")
            .next(format!("make space in `{host}`: larger storage, or fewer images"))
            .next("run the same command again: only what is missing is pushed")
    } else if says(&["unauthorized", "no basic auth", "denied", "authentication required", "forbidden", "403"]) {
        failure(Code::RegistryLogin, format!("`{host}` does not accept the login for `{name}`"))
            .now("nothing is deployed")
            .next(format!("add to the role's policy:\n{}", statement(PUSH_ACTIONS, &repository_arn(host, name))))
    } else if says(&["http response to https client", "x509", "tls:"]) {
        failure(Code::PushFailed, format!("the Engine does not trust `{host}`"))
            .next(format!("give the Engine its certificate (/etc/docker/certs.d/{host}/ca.crt), or \"insecure-registries\": [\"{host}\"] in /etc/docker/daemon.json"))
    } else {
        failure(Code::PushFailed, format!("`{repository}:{tag}` could not be pushed"))
            .now("nothing is deployed; layers that were pushed stay")
            .next("run the same command again: only what is missing is pushed")
    }
}

/// `<account>.dkr.ecr.<region>.amazonaws.com/<name>` as an ARN; of any other registry all repositories of that name.
fn repository_arn(host: &str, name: &str) -> String {
    let mut parts = host.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(account), Some("dkr"), Some("ecr"), Some(region)) => format!("arn:aws:ecr:{region}:{account}:repository/{name}"),
        _ => format!("arn:aws:ecr:*:*:repository/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denied_push_names_the_statement_to_add() {
        let error = Error::DockerStreamError { error: "denied: no".into() };
        let told = of_push("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web", "a", &error);
        let statement: serde_json::Value = serde_json::from_str(told.next[0].lines().last().unwrap()).unwrap();
        assert_eq!(statement["Resource"], "arn:aws:ecr:eu-west-1:123456789012:repository/shop/web");
        assert_eq!(statement["Action"].as_array().unwrap().len(), PUSH_ACTIONS.len());
    }

    #[test]
    fn a_registry_s_words_are_understood() {
        for (words, code) in [
            ("denied: Your authorization token has expired. Reauthenticate and try again.", Code::ExpiredCredentials),
            ("no basic auth credentials", Code::RegistryLogin),
            ("denied: User: arn:aws:iam::1:user/x is not authorized to perform: ecr:InitiateLayerUpload", Code::RegistryLogin),
            (
                "tag invalid: The image tag 'a' already exists in the 'b' repository and cannot be overwritten because the repository is immutable.",
                Code::TagTaken,
            ),
            ("name unknown: The repository with name 'b' does not exist in the registry with id '1'", Code::RepositoryMissing),
            ("Get \"https://127.0.0.1:1/v2/\": http: server gave HTTP response to HTTPS client", Code::PushFailed),
            ("received unexpected HTTP status: 500 Internal Server Error", Code::PushFailed),
            ("received unexpected HTTP status: 507 Insufficient Storage", Code::PushFailed),
            ("file integrity checksum failed for \"large\"", Code::PushFailed),
            ("write /var/lib/docker/tmp/x: no space left on device", Code::PushFailed),
        ] {
            let told = of_push("1.dkr.ecr.example/b", "a", &Error::DockerStreamError { error: words.into() });
            assert_eq!(told.code, code, "{words}");
            assert_eq!(told.because, [words]);
            assert!(!told.next.is_empty());
        }
    }
}
