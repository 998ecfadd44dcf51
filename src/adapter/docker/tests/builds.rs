//! Builds by the Engine, each way: what comes of them and what is told.

use super::*;

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

        // An Engine may forget what it has built, and a new one does now and then.
        let mut ran = built.ran;
        for _ in 0..3 {
            let (again, _) = bench.build(&image).await;
            ran = again.unwrap().ran;
            if ran == 0 {
                break;
            }
        }
        assert_eq!(ran, 0, "{way:?}: nothing changed");
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
