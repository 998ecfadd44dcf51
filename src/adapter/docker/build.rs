//! One build: BuildKit with a session of ours where the Engine has it, else the classic builder.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bollard::errors::Error;
use bollard::models::{BuildInfo, BuildInfoAux};
use bollard::query_parameters::{BuildImageOptions, BuilderVersion};
use bollard::{body_full, body_try_stream};
use futures_util::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use shipit_core::failure::{Code, Failure};
use shipit_core::pipeline::{Cache, Image, Kept};

use super::connect::{Engine, Way};
use super::context::Context;
use super::login::Logins;
use super::mask::Mask;
use super::progress::Watch;
use super::secrets::Held;
use super::sent::Unsent;
use super::session::{Served, Session};
use super::{ended, push, request, tarball, trouble};
use crate::adapter::content::hex;
use crate::port::{BuiltImage, Tell};

/// The classic builder's place for a Dockerfile and an ignore file that are not where it looks.
const MOVED: &str = ".dockerfile.shipit";
const IGNORE: &str = ".dockerignore";

/// What is to be built.
pub(super) struct Build<'a> {
    pub(super) image: &'a Image,
    /// None is the Engine's own.
    pub(super) platform: Option<&'a str>,
    /// The tag, with registry and repository.
    pub(super) name: &'a str,
    pub(super) labels: &'a BTreeMap<String, String>,
    pub(super) context: Arc<Context>,
    pub(super) logins: Logins,
    pub(super) held: Arc<Held>,
}

/// The Engine has no BuildKit.
struct NoBuildKit;

impl Build<'_> {
    pub(super) async fn run(&self, engine: &Engine, tell: Tell<'_>) -> Result<BuiltImage, Failure> {
        if engine.way == Way::Stream && self.image.secrets.are_used() {
            return Err(no_secrets(self.image, "it is reached over TLS, where no session can be opened"));
        }
        let built = match engine.way {
            Way::Session => self.in_session(engine, tell).await?,
            Way::Stream => self.streamed(engine, tell).await?,
            Way::Classic => Err(NoBuildKit),
        };
        match built {
            Ok(built) => Ok(built),
            Err(NoBuildKit) if self.image.secrets.are_used() => Err(no_secrets(self.image, "it has no BuildKit")),
            Err(NoBuildKit) => self.classic(engine, tell).await,
        }
    }

    async fn in_session(&self, engine: &Engine, tell: Tell<'_>) -> Result<Result<BuiltImage, NoBuildKit>, Failure> {
        let id = fresh_id();
        let failed = Unsent::default();
        let served = Served { context: self.context.clone(), logins: self.logins.clone(), failed: failed.clone() };
        let opened = Session::open(&engine.address, &id, served, self.held.clone()).await;
        let _session = match opened {
            Ok(session) => session,
            Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(Err(NoBuildKit)),
            Err(error) => return Err(trouble::gone("before a build", &error.to_string())),
        };
        let name = self.context.dockerfile.path.file_name().unwrap_or_default();
        let options = BuildImageOptions {
            session: Some(id),
            dockerfile: name.to_string_lossy().into_owned(),
            remote: Some("client-session".to_owned()),
            ..self.cached(self.options())
        };
        let api = engine.api.clone().with_request_modifier(request::as_buildkit);
        let lines = api.build_image(options, None, Some(body_full(Default::default())));
        self.follow(engine, lines, "BuildKit", tell, &failed).await
    }

    async fn streamed(&self, engine: &Engine, tell: Tell<'_>) -> Result<Result<BuiltImage, NoBuildKit>, Failure> {
        let failed = Unsent::default();
        let (dockerfile, extra) = self.beside();
        let options = BuildImageOptions {
            session: Some(fresh_id()),
            version: BuilderVersion::BuilderBuildKit,
            dockerfile,
            ..self.cached(self.options())
        };
        let body = body_try_stream(tarball::stream(self.context.clone(), extra, failed.clone()));
        let lines = engine.api.build_image(options, Some(self.credentials().await), Some(body));
        self.follow(engine, lines, "BuildKit", tell, &failed).await
    }

    async fn classic(&self, engine: &Engine, tell: Tell<'_>) -> Result<BuiltImage, Failure> {
        let failed = Unsent::default();
        let (dockerfile, extra) = self.beside();
        let options = BuildImageOptions { dockerfile, ..self.options() };
        let body = body_try_stream(tarball::stream(self.context.clone(), extra, failed.clone()));
        let lines = engine.api.build_image(options, Some(self.credentials().await), Some(body));
        match self.follow(engine, lines, "classic builder", tell, &failed).await? {
            Ok(built) => Ok(built),
            Err(NoBuildKit) => Err(Failure::new(Code::Unexpected, "the classic builder asks for BuildKit")),
        }
    }

    fn options(&self) -> BuildImageOptions {
        let map = |from: &BTreeMap<String, String>| Some(from.clone().into_iter().collect::<HashMap<_, _>>());
        BuildImageOptions {
            t: Some(self.name.to_owned()),
            buildargs: map(&self.image.args),
            labels: map(self.labels),
            target: self.image.target.clone().unwrap_or_default(),
            platform: self.platform.unwrap_or_default().to_owned(),
            rm: true,
            forcerm: true,
            ..BuildImageOptions::default()
        }
    }

    /// With BuildKit's inline cache: written into the image, and read from others. An image that is gone costs nothing.
    fn cached(&self, options: BuildImageOptions) -> BuildImageOptions {
        let Cache { kept, from } = &self.image.cache;
        if *kept == Kept::Nowhere {
            return options;
        }
        let mut args = options.buildargs.unwrap_or_default();
        args.insert("BUILDKIT_INLINE_CACHE".to_owned(), "1".to_owned());
        let cachefrom = (!from.is_empty()).then(|| from.clone());
        BuildImageOptions { buildargs: Some(args), cachefrom, ..options }
    }

    /// The Dockerfile's name in the tar, and what must lie in it beside the entries. The classic builder takes Dockerfile and
    /// ignore file out of what it copies by itself, where the ignore file says so: both must be where it looks.
    fn beside(&self) -> (String, tarball::Extra) {
        let Context { root, dockerfile, .. } = &*self.context;
        let ordinary = dockerfile.ignore.as_ref().is_none_or(|(path, _)| *path == root.join(IGNORE));
        let ignore = dockerfile.ignore.as_ref().map(|(_, text)| text.as_str());
        match &dockerfile.inside {
            Some(name) if ordinary => {
                let mut extra = vec![(name.clone(), dockerfile.text.clone())];
                extra.extend(ignore.map(|text| (IGNORE.to_owned(), text.to_owned())));
                (name.clone(), extra)
            }
            _ => {
                let ignore = format!("{}\n{MOVED}\n{IGNORE}\n", ignore.unwrap_or_default());
                (MOVED.to_owned(), vec![(MOVED.to_owned(), dockerfile.text.clone()), (IGNORE.to_owned(), ignore)])
            }
        }
    }

    async fn credentials(&self) -> HashMap<String, bollard::auth::DockerCredentials> {
        self.logins.all().await.iter().map(|login| (login.server.clone(), push::credentials(login))).collect()
    }

    async fn follow(
        &self,
        engine: &Engine,
        lines: impl Stream<Item = Result<BuildInfo, Error>>,
        builder: &'static str,
        tell: Tell<'_>,
        failed: &Unsent,
    ) -> Result<Result<BuiltImage, NoBuildKit>, Failure> {
        let mut lines = std::pin::pin!(ended::lines(lines));
        let mask = Mask::of(&self.held);
        let mut watch = Watch::new(tell, mask.clone());
        let mut id = None;
        while let Some(line) = lines.next().await {
            let line = match line {
                Ok(line) => line,
                Err(error) if builder == "BuildKit" && has_no_buildkit(&error) => return Ok(Err(NoBuildKit)),
                Err(error) => {
                    if let Some(failure) = failed.told(&self.image.name) {
                        return Err(failure);
                    }
                    if builder != "BuildKit" {
                        watch.failed_here(&trouble::words(&error));
                    }
                    let root = engine.api.info().await.ok().and_then(|info| info.docker_root_dir);
                    let dockerfile = &self.context.dockerfile;
                    return Err(mask.failure(trouble::of_build(self.image, dockerfile, &watch, &error, root.as_deref())));
                }
            };
            match line.aux {
                Some(BuildInfoAux::BuildKit(status)) => watch.trace(status),
                Some(BuildInfoAux::Default(image)) => id = image.id.or(id),
                None => {}
            }
            if let Some(text) = line.stream {
                watch.text(&text);
            }
        }
        let (ran, steps) = watch.counts();
        let id = id.ok_or_else(|| {
            Failure::new(Code::BuildFailed, format!("the Engine ended the build of `{}` without an image", self.image.name))
                .next("run the same command again; the Engine's log: journalctl -u docker")
        })?;
        Ok(Ok(BuiltImage { id, ran, steps, builder }))
    }
}

fn no_secrets(image: &Image, why: &str) -> Failure {
    Failure::new(Code::NoSecretsHere, format!("the Engine cannot give `{}` its `secrets:` or `ssh:`", image.name))
        .because(why)
        .now("nothing was built, nothing was pushed")
        .next("build on an Engine with BuildKit that is reached by its socket")
}

fn has_no_buildkit(error: &Error) -> bool {
    let Error::DockerResponseServerError { message, .. } = error else { return false };
    let message = message.to_lowercase();
    message.contains("buildkit")
        && (message.contains("not supported") || message.contains("not enabled") || message.contains("experimental"))
}

/// A session is one build's: an id is never used again.
fn fresh_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    hex(&Sha256::digest(format!("{}-{}-{count}", std::process::id(), jiff::Timestamp::now().as_nanosecond())))
}
