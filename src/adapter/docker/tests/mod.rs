//! Tests of the adapter: what it hashes here, what the Engine makes of it below.

mod builds;
mod contexts;
mod images;
mod keys;
mod secrets;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Mutex;

use bollard::query_parameters::RemoveImageOptions;
use shipit_core::content::{Bases, Inputs};
use shipit_core::event::Progress;
use shipit_core::failure::Code;

use super::connect::Way;
use super::*;

const ALL: [Way; 3] = [Way::Session, Way::Stream, Way::Classic];

fn image(context: &Path) -> Image {
    Image {
        name: "web".into(),
        context: context.to_owned(),
        dockerfile: "Dockerfile".into(),
        repository: "shop/web".into(),
        args: BTreeMap::new(),
        target: None,
        platforms: Vec::new(),
        secrets: Default::default(),
        cache: Default::default(),
        compression: Default::default(),
    }
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// Of the sources alone; of what cannot be read the build itself tells.
fn key(image: &Image) -> ContentKey {
    let sources = sources(image, None).unwrap_or_else(|_| Digest(String::new()));
    let inputs = Inputs::Unknown { why: "a test".to_owned() };
    ContentKey { sources, bases: Bases::default(), platforms: Vec::new(), inputs }
}

fn digest(image: &Image) -> String {
    sources(image, None).unwrap().0
}

/// The Engine, made to build in one way, and the images that must not stay.
struct Bench {
    docker: Docker,
    made: Vec<String>,
}

impl Bench {
    async fn new(way: Way) -> Bench {
        let engine = Engine { way, ..Engine::find().await.unwrap() };
        let docker = Docker {
            engine: OnceCell::new_with(Some(engine)),
            config: None,
            agent: None,
            inventories: Mutex::default(),
            cache: None,
            pusher: None,
        };
        Bench { docker, made: Vec::new() }
    }

    async fn build(&mut self, image: &Image) -> (Result<BuiltImage, Failure>, Vec<Progress>) {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("shipit-test/{}:{count}", std::process::id());
        self.made.push(name.clone());
        let told = Mutex::new(Vec::new());
        let tell = |progress| told.lock().unwrap().push(progress);
        let labels = BTreeMap::from([("shipit.test".to_owned(), "a b".to_owned())]);
        let key = key(image);
        let wish = BuildWish { image, platform: None, name: &name, labels: &labels, key: &key, logins: &[] };
        let built = self.docker.build(&wish, &tell).await.map_err(Failure::from);
        (built, told.into_inner().unwrap())
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let made = std::mem::take(&mut self.made);
        let cleaned = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let engine = Engine::find().await.unwrap();
                for name in made {
                    // A build that was to fail has left none.
                    let _ = engine.api.remove_image(&name, None::<RemoveImageOptions>, None).await;
                }
            });
        });
        cleaned.join().unwrap();
    }
}

fn output(told: &[Progress]) -> Vec<&str> {
    told.iter().filter_map(|one| if let Progress::BuildOutput { line } = one { Some(line.as_str()) } else { None }).collect()
}

/// Makes a layer that no build before has in its cache.
fn unique() -> String {
    format!("{}-{}", std::process::id(), jiff::Timestamp::now().as_nanosecond())
}

#[test]
fn the_hash_is_of_what_a_build_reads_and_of_nothing_else() {
    let files = [("Dockerfile", "FROM a\n"), (".dockerignore", "*.log\n"), ("src/a", "1"), ("b", "2"), ("c.log", "3")];
    let one = folder(&files);
    let mut again = files;
    again.reverse();
    let two = folder(&again);
    let (first, second) = (image(one.path()), image(two.path()));
    let before = digest(&first);
    assert!(before.starts_with("sha256:") && before.len() == 71);
    assert_eq!(before, digest(&second), "the same content elsewhere, written in another order");
    let file = fs::File::options().write(true).open(two.path().join("b")).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    fs::write(two.path().join("c.log"), "other").unwrap();
    fs::write(two.path().join("new.log"), "new").unwrap();
    assert_eq!(before, digest(&second), "times and what is left out do not count");

    type Change = (&'static str, fn(&Path, &mut Image));
    const NO_DOCKERFILE: &str = "*.log\nDockerfile\n";
    let changes: [Change; 15] = [
        ("content", |at, _| fs::write(at.join("b"), "3").unwrap()),
        ("name", |at, _| fs::rename(at.join("b"), at.join("d")).unwrap()),
        ("mode", |at, _| fs::set_permissions(at.join("b"), fs::Permissions::from_mode(0o755)).unwrap()),
        ("an empty folder", |at, _| fs::create_dir(at.join("empty")).unwrap()),
        ("a link", |at, _| symlink("b", at.join("l")).unwrap()),
        ("another link", |at, _| symlink("src", at.join("l")).unwrap()),
        ("Dockerfile", |at, _| fs::write(at.join("Dockerfile"), "FROM b\n").unwrap()),
        ("ignore file", |at, _| fs::write(at.join(".dockerignore"), "*.log\nsrc\n").unwrap()),
        ("Dockerfile left out", |at, _| fs::write(at.join(".dockerignore"), NO_DOCKERFILE).unwrap()),
        ("another one left out", |at, _| {
            fs::write(at.join(".dockerignore"), NO_DOCKERFILE).unwrap();
            fs::write(at.join("Dockerfile"), "FROM b\n").unwrap();
        }),
        ("args", |_, image| drop(image.args.insert("A".into(), "1".into()))),
        ("another name", |_, image| drop(image.args.insert("B".into(), "1".into()))),
        ("another value", |_, image| drop(image.args.insert("A".into(), "2".into()))),
        ("target", |_, image| image.target = Some("a".into())),
        ("platform", |_, image| image.platforms = vec!["linux/arm64".into()]),
    ];
    let mut seen = BTreeSet::from([before]);
    for (what, change) in changes {
        let place = folder(&files);
        let mut image = image(place.path());
        change(place.path(), &mut image);
        assert!(seen.insert(digest(&image)), "{what} changes the hash");
    }
}

#[test]
fn what_cannot_be_read_is_said() {
    let place = folder(&[("Dockerfile", "FROM a\n"), (".dockerignore", "a\n[b\n")]);
    let told = |image: &Image| Context::read(image, None).err().unwrap();
    let failure = told(&image(place.path()));
    assert_eq!(failure.code, Code::ContextUnreadable);
    assert!(failure.what.contains("line 2"), "{failure:?}");
    fs::write(place.path().join("Dockerfile.dockerignore"), "").unwrap();
    assert!(Context::read(&image(place.path()), None).is_ok(), "the ignore file of the Dockerfile comes first");
    let missing = told(&Image { dockerfile: "other/Dockerfile".into(), ..image(place.path()) });
    assert!(missing.what.contains("other/Dockerfile") && missing.next[0].contains("images.web.dockerfile"), "{missing:?}");
    assert!(told(&image(&place.path().join("none"))).next[0].contains("images.web.context"));
    rustix::fs::mknodat(rustix::fs::CWD, place.path().join("pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    assert!(told(&image(place.path())).what.contains("pipe"));
}
