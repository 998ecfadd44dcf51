use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::*;

mod ancestry;

/// A folder with repositories made by git itself, without anybody's configuration.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    /// With a repository `shop` of one commit: a context `web` with a Dockerfile, and `other` beside it.
    fn with_shop() -> Place {
        let place = Place::new();
        fs::create_dir(place.at("shop")).unwrap();
        place.git("shop", &["init", "-q", "-b", "main"]);
        for (path, text) in [("web/Dockerfile", "FROM a\n"), ("web/app", "1\n"), ("other/a", "1\n"), (".gitignore", "*.log\n")] {
            place.write(&format!("shop/{path}"), text);
        }
        place.commit("shop", "free shipping banner\n\nmore words");
        place
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn git(&self, folder: &str, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=Joe", "-c", "user.email=joe@shop.example", "-c", "protocol.file.allow=always"])
            .args(arguments)
            .current_dir(self.at(folder))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_COMMITTER_DATE", "2026-11-20T10:00:00Z")
            .env("GIT_AUTHOR_DATE", "2026-11-19T10:00:00Z")
            .output()
            .expect("git is needed for these tests");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn commit(&self, folder: &str, message: &str) -> String {
        self.git(folder, &["add", "-A"]);
        self.git(folder, &["commit", "-q", "-m", message]);
        self.head(folder)
    }

    fn head(&self, folder: &str) -> String {
        self.git(folder, &["rev-parse", "HEAD"])
    }

    fn image(&self, context: &str) -> Image {
        Image {
            name: "web".into(),
            context: self.at(context),
            dockerfile: "Dockerfile".into(),
            repository: "shop/web".into(),
            args: Default::default(),
            target: None,
            platforms: Vec::new(),
            secrets: Default::default(),
            cache: Default::default(),
            compression: Default::default(),
        }
    }

    async fn read_with(&self, folder: &str, variables: &[(&str, &str)], wish: SourceWish) -> Result<SourceTree, Failure> {
        let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let contexts = [self.image(&format!("{folder}/web"))];
        Git::new(environment).read(&self.at(folder), &contexts, &wish).await.map_err(Failure::from)
    }

    async fn read(&self, folder: &str) -> Result<SourceTree, Failure> {
        self.read_with(folder, &[], SourceWish::default()).await
    }

    async fn refused(&self, folder: &str) -> Failure {
        let failure = self.read(folder).await.unwrap_err();
        assert_eq!(failure.code, Code::DirtyTree, "{failure:?}");
        failure
    }

    async fn fingerprint(&self, folder: &str) -> String {
        let wish = SourceWish { dirty: Dirty::Allow, ..SourceWish::default() };
        let source = self.read_with(folder, &[], wish).await.unwrap();
        let Tree::Dirty { content, .. } = &source.tree else { panic!("{source:?}") };
        assert_eq!(source.tag().0, format!("{}-dirty-{content}", source.commit));
        content.clone()
    }
}

#[tokio::test]
async fn a_clean_tree_is_its_commit() {
    let place = Place::with_shop();
    place.git("shop", &["remote", "add", "origin", "https://joe:secret@git.example/shop.git"]);
    let source = place.read("shop").await.unwrap();
    assert_eq!(source.commit.0, place.head("shop"));
    assert_eq!(source.tag().0, place.head("shop"));
    assert_eq!(source.subject.as_deref(), Some("free shipping banner"));
    assert_eq!(source.committed_at, Some("2026-11-20T10:00:00Z".parse().unwrap()));
    assert_eq!(source.origin.as_deref(), Some("https://git.example/shop.git"));
    assert_eq!(source.tree, Tree::Clean);
    let inside = place.read_with("shop/web", &[], SourceWish::default()).await;
    assert_eq!(inside.unwrap().commit, source.commit, "found from a folder below");
}

#[tokio::test]
async fn what_makes_a_tree_dirty_and_what_does_not() {
    let place = Place::with_shop();
    place.write("shop/notes.txt", "not in any context");
    place.write("shop/web/build.log", "ignored");
    place.write("shop/.shipit/runs/1/plan.json", "ours");
    place.write("shop/web/.shipit/lock", "ours");
    assert_eq!(place.read("shop").await.unwrap().tree, Tree::Clean);

    place.write("shop/web/new file", "");
    let failure = place.refused("shop").await;
    assert_eq!(failure.because, ["web/new file (untracked)"]);
    assert!(failure.next.iter().any(|next| next.contains("--allow-dirty")), "{failure:?}");

    place.write("shop/other/a", "2\n");
    fs::remove_file(place.at("shop/web/app")).unwrap();
    place.write("shop/web/staged", "");
    place.git("shop", &["add", "web/staged"]);
    assert_eq!(
        place.refused("shop").await.because,
        ["other/a (modified)", "web/app (deleted)", "web/new file (untracked)", "web/staged (added)"]
    );
    for number in 0..9 {
        place.write(&format!("shop/web/{number}"), "");
    }
    let failure = place.refused("shop").await;
    assert_eq!((failure.because.len(), failure.because[5].as_str()), (6, "and 8 more"));
}

#[tokio::test]
async fn a_mode_alone_is_a_change() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::with_shop();
    fs::set_permissions(place.at("shop/web/app"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(place.refused("shop").await.because, ["web/app (modified)"]);
}

#[tokio::test]
async fn a_dirty_tree_is_named_by_what_differs() {
    let place = Place::with_shop();
    place.write("shop/web/app", "2\n");
    let two = place.fingerprint("shop").await;
    assert_eq!(two.len(), 12);
    place.write("shop/web/app", "3\n");
    let three = place.fingerprint("shop").await;
    assert_ne!(two, three);
    place.write("shop/web/app", "2\n");
    assert_eq!(two, place.fingerprint("shop").await, "the same content again");
    place.write("shop/web/untracked", "");
    let more = place.fingerprint("shop").await;
    assert_ne!(two, more);
    fs::remove_file(place.at("shop/web/untracked")).unwrap();
    fs::remove_file(place.at("shop/web/app")).unwrap();
    assert_ne!(two, place.fingerprint("shop").await);
}

#[tokio::test]
async fn shallow_detached_and_worktrees_work() {
    let place = Place::with_shop();
    let first = place.head("shop");
    place.write("shop/web/app", "2\n");
    let second = place.commit("shop", "second");
    let url = format!("file://{}", place.at("shop").display());
    place.git(".", &["clone", "-q", "--depth", "1", &url, "shallow"]);
    let source = place.read("shallow").await.unwrap();
    assert_eq!((source.commit.0.as_str(), source.subject.as_deref(), &source.tree), (&*second, Some("second"), &Tree::Clean));
    place.git("shop", &["checkout", "-q", "--detach", &first]);
    assert_eq!(place.read("shop").await.unwrap().commit.0, first);
    place.git("shop", &["worktree", "add", "-q", "../tree", &second]);
    assert_eq!(place.read("tree").await.unwrap().commit.0, second);
    place.write("tree/web/app", "3\n");
    assert_eq!(place.refused("tree").await.because, ["web/app (modified)"]);

    fs::remove_dir_all(place.at("shop")).unwrap();
    let failure = place.read("tree").await.unwrap_err();
    assert_eq!(failure.code, Code::GitUnreadable, "a worktree without its repository is not `no repository`: {failure:?}");
    assert!(failure.because[0].contains("gitdir: "), "{failure:?}");
}

#[tokio::test]
async fn submodules_count_where_an_image_is_built_from_them() {
    let place = Place::with_shop();
    fs::create_dir(place.at("lib")).unwrap();
    place.git("lib", &["init", "-q", "-b", "main"]);
    place.write("lib/a", "1\n");
    place.commit("lib", "first");
    for path in ["web/lib", "other/lib"] {
        place.git("shop", &["submodule", "--quiet", "add", "../lib", path]);
    }
    place.commit("shop", "with submodules");
    assert_eq!(place.read("shop").await.unwrap().tree, Tree::Clean);

    place.git(".", &["clone", "-q", "shop", "bare-of-modules"]);
    let failure = place.refused("bare-of-modules").await;
    assert_eq!(failure.because, ["web/lib (submodule not checked out)"]);
    assert_eq!(failure.next[0], "git submodule update --init --recursive");

    place.write("shop/web/lib/a", "2\n");
    place.write("shop/web/lib/b", "new\n");
    assert_eq!(place.refused("shop").await.because, ["web/lib/a (modified)", "web/lib/b (untracked)"]);
    let before = place.fingerprint("shop").await;
    place.write("shop/web/lib/a", "3\n");
    assert_ne!(before, place.fingerprint("shop").await);
    place.commit("shop/web/lib", "second");
    assert_eq!(place.refused("shop").await.because, ["web/lib (submodule at another commit)"]);
}

#[tokio::test]
async fn repositories_that_cannot_be_shipped_say_what_to_type() {
    let place = Place::with_shop();
    fs::create_dir(place.at("empty")).unwrap();
    place.git("empty", &["init", "-q"]);
    let failure = place.read("empty").await.unwrap_err();
    assert_eq!((failure.code, failure.next.as_slice()), (Code::NoCommit, &["git add . && git commit".to_owned()][..]));

    place.git(".", &["clone", "-q", "--bare", "shop", "bare.git"]);
    let failure = place.read("bare.git").await.unwrap_err();
    assert_eq!(failure.code, Code::GitUnreadable);
    assert!(failure.next[0].starts_with("git clone "), "{failure:?}");

    fs::write(place.at("shop/.git/HEAD"), "nonsense").unwrap();
    assert_eq!(place.read("shop").await.unwrap_err().code, Code::GitUnreadable);
}

#[test]
fn dubious_ownership_says_what_to_type() {
    let error = git2::Error::new(ErrorCode::Owner, git2::ErrorClass::Config, "repository path is not owned by current user");
    let failure = open::unreadable(Path::new("/srv/shop"), &error);
    assert_eq!(failure.code, Code::GitUnreadable);
    assert_eq!(failure.next, ["git config --global --add safe.directory /srv/shop"]);
}

#[tokio::test]
async fn a_commit_asked_for_must_be_the_one_that_is_there() {
    let place = Place::with_shop();
    let head = place.head("shop");
    let asked = |commit: &str| SourceWish { commit: Some(commit.to_owned()), ..SourceWish::default() };
    assert_eq!(place.read_with("shop", &[], asked(&head.to_uppercase())).await.unwrap().commit.0, head);
    let other = "0".repeat(40);
    let failure = place.read_with("shop", &[], asked(&other)).await.unwrap_err();
    assert_eq!((failure.code, failure.next[0].as_str()), (Code::NoCommit, &*format!("git checkout {other}")));
    for short in [&head[..7], "main", "", "zz"] {
        let failure = place.read_with("shop", &[], asked(short)).await.unwrap_err();
        assert_eq!(failure.code, Code::NoCommit);
        assert!(failure.next[0].starts_with("git rev-parse"), "{failure:?}");
    }
}

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

#[tokio::test]
async fn without_a_repository_the_ci_names_the_commit() {
    let place = Place::new();
    place.write("src/web/Dockerfile", "FROM a\n");
    place.write("event.json", &format!(r#"{{"pull_request":{{"head":{{"sha":"{B}"}}}}}}"#));
    place.write("push.json", "{}");
    let event = place.at("event.json").display().to_string();
    let push = place.at("push.json").display().to_string();
    type Case<'a> = (&'a [(&'a str, &'a str)], Result<(&'a str, &'a str), &'a str>);
    let cases: [Case<'_>; 12] = [
        (&[("CODEBUILD_RESOLVED_SOURCE_VERSION", A), ("GIT_COMMIT", B)], Ok((A, "CODEBUILD_RESOLVED_SOURCE_VERSION"))),
        (&[("GITHUB_SHA", A), ("GITHUB_EVENT_NAME", "push")], Ok((A, "GITHUB_SHA"))),
        (
            &[("GITHUB_SHA", A), ("GITHUB_EVENT_NAME", "pull_request"), ("GITHUB_EVENT_PATH", &event)],
            Ok((B, "the pull request's head")),
        ),
        (&[("GITHUB_SHA", A), ("GITHUB_EVENT_NAME", "pull_request")], Err("GITHUB_EVENT_PATH")),
        (&[("GITHUB_SHA", A), ("GITHUB_EVENT_NAME", "pull_request"), ("GITHUB_EVENT_PATH", "/none")], Err("/none")),
        (&[("GITHUB_SHA", A), ("GITHUB_EVENT_NAME", "pull_request"), ("GITHUB_EVENT_PATH", &push)], Err("head.sha")),
        (&[("GIT_COMMIT", A)], Ok((A, "GIT_COMMIT"))),
        (&[("CI_COMMIT_SHA", A)], Ok((A, "CI_COMMIT_SHA"))),
        (&[("GIT_COMMIT", ""), ("CI_COMMIT_SHA", A)], Ok((A, "CI_COMMIT_SHA"))),
        (&[("GIT_COMMIT", "main"), ("CI_COMMIT_SHA", A)], Err("GIT_COMMIT")),
        (&[("CODEBUILD_RESOLVED_SOURCE_VERSION", "x7Uk.S3VersionId")], Err("CODEBUILD_RESOLVED_SOURCE_VERSION")),
        (&[], Err("CI_COMMIT_SHA")),
    ];
    for (variables, wanted) in cases {
        match (place.read_with("src", variables, SourceWish::default()).await, wanted) {
            (Ok(source), Ok((commit, named))) => {
                let Tree::NoRepository { content, named_by } = &source.tree else { panic!("{source:?}") };
                assert_eq!((source.commit.as_str(), named_by.as_str(), content.len()), (commit, named, 12));
                assert_eq!(source.tag().0, commit);
            }
            (Err(failure), Err(says)) => {
                assert_eq!(failure.code, Code::NoCommit, "{variables:?}");
                assert!(failure.what.contains(says) || failure.because.iter().any(|why| why.contains(says)), "{failure:?}");
                assert!(failure.next.iter().any(|next| next.contains("--commit")), "{failure:?}");
            }
            (got, _) => panic!("{variables:?}: {got:?}"),
        }
    }
    let wish = SourceWish { commit: Some(A.to_owned()), ..SourceWish::default() };
    let before = place.read_with("src", &[("GIT_COMMIT", B)], wish.clone()).await.unwrap();
    assert!(matches!(&before.tree, Tree::NoRepository { named_by, .. } if named_by == "--commit"), "{before:?}");
    place.write("src/web/app", "new");
    assert_ne!(before.tree, place.read_with("src", &[], wish).await.unwrap().tree, "the content is on the record");
}

#[tokio::test]
async fn a_pull_request_is_named_by_its_head_not_by_the_merge_commit() {
    let place = Place::with_shop();
    place.git("shop", &["checkout", "-q", "-b", "topic"]);
    place.write("shop/web/app", "2\n");
    let head = place.commit("shop", "topic");
    place.git("shop", &["checkout", "-q", "--detach", "main"]);
    place.write("shop/other/a", "moved on\n");
    place.commit("shop", "base moved on");
    place.git("shop", &["merge", "-q", "--no-ff", "-m", &format!("Merge {head} into main"), "topic"]);
    let merge = place.head("shop");
    place.git(".", &["init", "-q", "checkout"]);
    place.git("checkout", &["fetch", "-q", "--depth", "1", "../shop", &merge]);
    place.git("checkout", &["checkout", "-q", "--detach", &merge]);
    place.write("event.json", &format!(r#"{{"pull_request":{{"head":{{"sha":"{head}"}}}}}}"#));
    let event = place.at("event.json").display().to_string();
    let variables = [("GITHUB_EVENT_NAME", "pull_request"), ("GITHUB_EVENT_PATH", &*event), ("GITHUB_SHA", &*merge)];
    for folder in ["shop", "checkout"] {
        let source = place.read_with(folder, &variables, SourceWish::default()).await.unwrap();
        assert_eq!((source.commit.0.as_str(), &source.tree), (&*head, &Tree::Clean), "{folder}");
        assert_eq!(source.subject.unwrap(), format!("Merge {head} into main"), "says what is built");
    }
    place.git("shop", &["checkout", "-q", "topic"]);
    let own = place.read_with("shop", &variables, SourceWish::default()).await.unwrap();
    assert_eq!(own.subject.as_deref(), Some("topic"), "a checkout of the head itself is the head");
    place.git("shop", &["checkout", "-q", "--detach", "main"]);
    let unrelated = place.read_with("shop", &variables, SourceWish::default()).await.unwrap();
    assert_eq!(unrelated.commit.0, place.head("shop"), "a commit that does not merge the head is itself");
}

#[tokio::test]
async fn a_file_kept_by_lfs_is_no_change() {
    let place = Place::with_shop();
    let content = "large\n";
    let oid = "1ac7bfdee8df25fff28e04c2a2bf07bbfba1a0f98c84e20ac9e5bf9ebf4a1b6e";
    let real = crate::adapter::content::hex(&<sha2::Sha256 as sha2::Digest>::digest(content));
    assert_ne!(oid, real);
    for (name, oid) in [("web/same.bin", real.as_str()), ("web/other.bin", oid)] {
        place.write(&format!("shop/{name}"), &format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 6\n"));
    }
    place.write("shop/.gitattributes", "*.bin filter=lfs\n");
    place.commit("shop", "pointers");
    place.write("shop/web/same.bin", content);
    place.write("shop/web/other.bin", content);
    assert_eq!(place.refused("shop").await.because, ["web/other.bin (modified)"]);
}
