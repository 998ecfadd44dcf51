use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Mutex;

use bollard::query_parameters::RemoveImageOptions;
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
        platform: None,
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

fn digest(image: &Image) -> String {
    Context::read(image).unwrap().digest(image).unwrap().0
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
    let changes: [Change; 11] = [
        ("content", |at, _| fs::write(at.join("b"), "3").unwrap()),
        ("name", |at, _| fs::rename(at.join("b"), at.join("d")).unwrap()),
        ("mode", |at, _| fs::set_permissions(at.join("b"), fs::Permissions::from_mode(0o755)).unwrap()),
        ("an empty folder", |at, _| fs::create_dir(at.join("empty")).unwrap()),
        ("a link", |at, _| symlink("b", at.join("l")).unwrap()),
        ("another link", |at, _| symlink("src", at.join("l")).unwrap()),
        ("Dockerfile", |at, _| fs::write(at.join("Dockerfile"), "FROM b\n").unwrap()),
        ("ignore file", |at, _| fs::write(at.join(".dockerignore"), "*.log\nsrc\n").unwrap()),
        ("args", |_, image| drop(image.args.insert("A".into(), "1".into()))),
        ("target", |_, image| image.target = Some("a".into())),
        ("platform", |_, image| image.platform = Some("linux/arm64".into())),
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
    let told = |image: &Image| Context::read(image).err().unwrap();
    let failure = told(&image(place.path()));
    assert_eq!(failure.code, Code::ContextUnreadable);
    assert!(failure.what.contains("line 2"), "{failure:?}");
    fs::write(place.path().join("Dockerfile.dockerignore"), "").unwrap();
    assert!(Context::read(&image(place.path())).is_ok(), "the ignore file of the Dockerfile comes first");
    let missing = told(&Image { dockerfile: "other/Dockerfile".into(), ..image(place.path()) });
    assert!(missing.what.contains("other/Dockerfile") && missing.next[0].contains("images.web.dockerfile"), "{missing:?}");
    assert!(told(&image(&place.path().join("none"))).next[0].contains("images.web.context"));
    rustix::fs::mknodat(rustix::fs::CWD, place.path().join("pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    assert!(told(&image(place.path())).what.contains("pipe"));
}

/// The Engine, made to build in one way, and the images that must not stay.
struct Bench {
    docker: Docker,
    made: Vec<String>,
}

impl Bench {
    async fn new(way: Way) -> Bench {
        let engine = Engine { way, ..Engine::find().await.unwrap() };
        Bench { docker: Docker { engine: OnceCell::new_with(Some(engine)), config: None }, made: Vec::new() }
    }

    async fn build(&mut self, image: &Image) -> (Result<BuiltImage, Failure>, Vec<Progress>) {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("shipit-test/{}:{count}", std::process::id());
        self.made.push(name.clone());
        let told = Mutex::new(Vec::new());
        let tell = |progress| told.lock().unwrap().push(progress);
        let labels = BTreeMap::from([("shipit.test".to_owned(), "a b".to_owned())]);
        let built = self.docker.build(image, &name, &labels, &[], &tell).await.map_err(Failure::from);
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

#[tokio::test]
#[ignore = "needs Docker"]
async fn an_image_is_built_from_a_base_that_only_the_engine_has() {
    for way in ALL {
        let dockerfile = "FROM shipit-busybox:1\nARG WHO\nCOPY a /a\nRUN echo hello $WHO $(cat /a)\nENV X=1\n";
        let place = folder(&[("Dockerfile", dockerfile), ("a", &unique())]);
        let image = Image { args: [("WHO".to_owned(), "you & me".to_owned())].into(), ..image(place.path()) };
        let mut bench = Bench::new(way).await;
        let (built, told) = bench.build(&image).await;
        let built = built.unwrap_or_else(|failure| panic!("{way:?}: {failure:#?}"));
        assert_eq!(built.builder, if way == Way::Classic { "classic builder" } else { "BuildKit" });
        assert_eq!((built.ran, built.steps), (2, 2), "{way:?}");
        let said = format!("hello you & me {}", fs::read_to_string(place.path().join("a")).unwrap());
        assert!(output(&told).contains(&said.as_str()), "{way:?}: {told:#?}");
        let current = |one: &Progress| matches!(one, Progress::Build { current, .. } if current.contains("RUN echo"));
        assert!(told.iter().any(current), "{way:?}: {told:#?}");
        let engine = bench.docker.engine().await.unwrap();
        let seen = engine.api.inspect_image(bench.made.last().unwrap()).await.unwrap();
        assert_eq!(seen.id.as_deref(), Some(built.id.as_str()));
        let labels = seen.config.unwrap().labels.unwrap();
        assert_eq!(labels.get("shipit.test").map(String::as_str), Some("a b"));

        let (again, _) = bench.build(&image).await;
        assert_eq!((again.unwrap().ran, built.steps), (0, 2), "{way:?}: nothing changed");
    }
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_failing_step_is_told_with_its_last_words_and_its_line() {
    for way in ALL {
        let dockerfile = format!(
            "# {}\nFROM shipit-busybox:1 AS tools\nRUN true\n\nFROM tools\nENV A=1\nRUN echo {} \\\n  && echo last words && exit 3\n",
            unique(),
            unique(),
        );
        let place = folder(&[("docker/web.Dockerfile", &dockerfile)]);
        let image = Image { dockerfile: "docker/web.Dockerfile".into(), ..image(place.path()) };
        let (built, _) = Bench::new(way).await.build(&image).await;
        let failure = built.unwrap_err();
        assert_eq!(failure.code, Code::BuildFailed, "{way:?}");
        assert!(failure.what.contains("RUN echo"), "{way:?}: {failure:#?}");
        assert!(failure.because.iter().any(|line| line == "last words"), "{way:?}: {failure:#?}");
        assert!(failure.because.last().unwrap().contains('3'), "{way:?}: {failure:#?}");
        assert!(failure.next.iter().any(|line| line.contains("docker/web.Dockerfile:7")), "{way:?}: {failure:#?}");
    }
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_base_image_that_cannot_be_had_is_named() {
    for way in ALL {
        let place = folder(&[("Dockerfile", "FROM 127.0.0.1:9/no/such:1\nRUN true\n")]);
        let (built, _) = Bench::new(way).await.build(&image(place.path())).await;
        let failure = built.unwrap_err();
        assert_eq!(failure.code, Code::BaseImage, "{way:?}: {failure:#?}");
        assert!(failure.what.contains("127.0.0.1:9/no/such:1"), "{way:?}: {failure:#?}");
    }
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_dockerfile_that_cannot_be_read_fails_the_build() {
    for way in ALL {
        let place = folder(&[("Dockerfile", "FROM shipit-busybox:1\nFETCH x\n")]);
        let (built, _) = Bench::new(way).await.build(&image(place.path())).await;
        let failure = built.unwrap_err();
        assert_eq!(failure.code, Code::BuildFailed, "{way:?}");
        assert!(failure.because.iter().any(|line| line.contains("FETCH")), "{way:?}: {failure:#?}");
    }
}

const LIST: &str =
    "FROM shipit-busybox:1\nCOPY . /ctx\nRUN cd /ctx && find . -exec stat -c '%n %a %F' {} + | sort | sed 's/^/= /'\n";

/// What `COPY .` brought, as the step printed it.
fn listed<'a>(lines: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    lines.into_iter().filter_map(|line| line.strip_prefix("= ./")).map(str::to_owned).collect()
}

/// A stranger's answer: the Docker CLI, which reads `.dockerignore` with Docker's own code.
async fn by_the_docker_cli(context: &Path, tag: &str) -> BTreeSet<String> {
    let output = tokio::process::Command::new("docker")
        .args(["build", "--no-cache", "--force-rm", "-t", tag, "."])
        .current_dir(context)
        .env("DOCKER_BUILDKIT", "0")
        .output()
        .await
        .expect("the Docker CLI is the judge of this test: install `docker-cli`");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    listed(String::from_utf8_lossy(&output.stdout).lines())
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn the_ignore_file_leaves_out_what_docker_leaves_out() {
    for (at, ignore) in [
        "",
        "Dockerfile\n.dockerignore\n*.md\n",
        "# comment\n\n/docs/\n!docs/keep.md\n",
        "*\n!src\nsrc/deep/*.log\n",
        "**/*.md\n!README.md\n!docs/**/keep.md\n",
        "docs\nsrc/**\n!src/deep/a.go\n",
        "  node_modules  \n./src/../docs/\n*/temp?\n",
        "**/deep\n[a-d]*.txt\n!b.txt\n",
        "**\n!src/deep\n!Dockerfile\n",
        "src/**/a.go\ndo**\n",
    ]
    .into_iter()
    .enumerate()
    {
        let place = folder(&[
            ("Dockerfile", LIST),
            (".dockerignore", ignore),
            ("README.md", ""),
            ("a.txt", ""),
            ("b.txt", ""),
            ("z.txt", ""),
            ("docs/a.md", ""),
            ("docs/keep.md", ""),
            ("docs/x/y/keep.md", ""),
            ("src/a.go", ""),
            ("src/deep/a.go", ""),
            ("src/deep/b.log", ""),
            ("src/temp1/c", ""),
            ("node_modules/m/i.js", ""),
            ("node_modules/m/README.md", ""),
        ]);
        let run = place.path().join("src/a.go");
        fs::set_permissions(&run, fs::Permissions::from_mode(0o750)).unwrap();
        symlink("../a.txt", place.path().join("src/link")).unwrap();
        symlink("nowhere", place.path().join("dangling")).unwrap();
        fs::create_dir(place.path().join("empty")).unwrap();
        let mut bench = Bench::new(Way::Session).await;
        let tag = format!("shipit-test/judge:{}", unique());
        bench.made.push(tag.clone());
        let judged = by_the_docker_cli(place.path(), &tag).await;
        // The classic builder is slow, and what the Engine itself leaves out depends on two files alone.
        for way in if at < 3 { &[Way::Session, Way::Classic][..] } else { &[Way::Session] } {
            let mut bench = Bench::new(*way).await;
            // A value that is new makes the steps run, so that they print.
            let fresh = LIST.replace("RUN cd", &format!("ENV AT={}\nRUN cd", unique()));
            fs::write(place.path().join("Dockerfile"), fresh).unwrap();
            let (built, told) = bench.build(&image(place.path())).await;
            built.unwrap();
            assert_eq!(listed(output(&told)), judged, "{way:?} with {ignore:?}");
        }
    }
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_dockerfile_outside_of_the_context_and_its_own_ignore_file() {
    for way in ALL {
        let list = LIST.replace("RUN cd", &format!("ENV AT={}\nRUN cd", unique()));
        let place = folder(&[
            ("build/Dockerfile", &list),
            ("build/Dockerfile.dockerignore", "skip\n"),
            ("context/.dockerignore", "keep\n"),
            ("context/keep", ""),
            ("context/skip", ""),
        ]);
        let image = Image { dockerfile: "../build/Dockerfile".into(), ..image(&place.path().join("context")) };
        let (built, told) = Bench::new(way).await.build(&image).await;
        built.unwrap_or_else(|failure| panic!("{way:?}: {failure:#?}"));
        let names: BTreeSet<String> =
            listed(output(&told)).iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
        assert!(names.contains("keep") && !names.contains("skip"), "{way:?}: {names:?}");
    }
}

/// Set in the process that measures itself: beside other tests it would measure them too.
const ALONE: &str = "SHIPIT_TEST_ALONE";

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_large_context_is_never_whole_in_memory() {
    if std::env::var_os(ALONE).is_none() {
        let mut measured = tokio::process::Command::new(std::env::current_exe().unwrap());
        let name = "adapter::docker::tests::a_large_context_is_never_whole_in_memory";
        let output = measured.args(["--exact", name, "--include-ignored"]).env(ALONE, "1").output().await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let peak = || {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().to_owned();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    };
    for way in ALL {
        let place = folder(&[("Dockerfile", "FROM scratch\nCOPY big /\n")]);
        let big = fs::File::create(place.path().join("big")).unwrap();
        let mut grown = Vec::new();
        // What the first build needs is not the context's.
        for size in [1 << 10, 96 << 20] {
            big.set_len(size).unwrap();
            let before = peak();
            let (built, _) = Bench::new(way).await.build(&image(place.path())).await;
            built.unwrap_or_else(|failure| panic!("{way:?}: {failure:#?}"));
            grown.push(peak() - before);
        }
        assert!(grown[1] < 16 << 10, "{way:?}: {grown:?} KiB more for contexts of 1 KiB and 96 MiB");
    }
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn only_what_changed_is_sent_again() {
    let place = folder(&[("Dockerfile", "FROM scratch\nCOPY . /\n"), ("a", &unique())]);
    let mut bench = Bench::new(Way::Session).await;
    let (first, _) = bench.build(&image(place.path())).await;
    fs::write(place.path().join("a"), unique()).unwrap();
    let (second, _) = bench.build(&image(place.path())).await;
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_ne!(first.id, second.id, "a changed file of the same size makes another image");
    assert_eq!(second.ran, 1);
}
