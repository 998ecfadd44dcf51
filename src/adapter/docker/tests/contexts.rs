//! What of a context reaches the Engine, with the Docker CLI as the judge.

use super::*;

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
        let name = "adapter::docker::tests::contexts::a_large_context_is_never_whole_in_memory";
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

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_file_as_long_and_as_old_as_before_is_sent_again_if_it_is_another() {
    let place = folder(&[("Dockerfile", "FROM scratch\nCOPY . /\n"), ("a", &unique())]);
    let a = place.path().join("a");
    let before = a.metadata().unwrap().modified().unwrap();
    for way in ALL {
        let mut bench = Bench::new(way).await;
        let mut ids = BTreeSet::new();
        for text in [unique(), unique()] {
            fs::write(&a, text).unwrap();
            fs::File::options().write(true).open(&a).unwrap().set_modified(before).unwrap();
            ids.insert(bench.build(&image(place.path())).await.0.unwrap().id);
        }
        assert_eq!(ids.len(), 2, "{way:?}");
    }
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn what_changed_since_it_was_looked_at_is_not_built() {
    let place = folder(&[("Dockerfile", "FROM scratch\nCOPY . /\n"), ("a", "one"), ("sub/b", "six")]);
    let image = image(place.path());
    let labels = BTreeMap::new();
    for (way, text) in ALL.into_iter().zip(["two", "longer", ""]) {
        let bench = Bench::new(way).await;
        fs::write(place.path().join("a"), unique()).unwrap();
        let key = key(&image);
        let name = "shipit-test/never:1";
        let wish = BuildWish { image: &image, platform: None, name, labels: &labels, key: &key, logins: &[] };
        // While it is sent.
        let context = Context::read(&image, None).unwrap();
        fs::write(place.path().join("a"), text).unwrap();
        let logins = Logins::new(&[], None);
        let held = bench.docker.held(&image).await.unwrap().into();
        let build = build::Build { image: &image, platform: None, name, labels: &labels, context: context.into(), logins, held };
        let sent = build.run(bench.docker.engine().await.unwrap(), &|_| ()).await.unwrap_err();
        // Before anything is sent.
        let planned = bench.docker.build(&wish, &|_| ()).await.map_err(Failure::from).unwrap_err();
        for failure in [sent, planned] {
            assert_eq!(failure.code, Code::ContextChanged, "{way:?} {text:?}: {failure:#?}");
        }
    }
}
