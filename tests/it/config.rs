//! The pipeline file: what is in `pipelines/` loads, and every complaint is shown as its snapshot says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use shipit::config::{Complaints, Given, Loaded, Overrides, Paint, load, load_given};
use shipit_core::analysis::{Errors, Judge, Latency, Level, Limit, Ratio};
use shipit_core::failure::{Code, Failure};
use shipit_core::gate::Threshold;
use shipit_core::pipeline::{Lines, Part, PauseAt, Pipeline, Share, Shift, Steps, Strategy, TaskDefinitionSource, WhenSame};
use shipit_scheduler::Span;

/// Wide enough that no machine wraps a line that another does not.
const COLUMNS: usize = 110;

/// What some of the bad examples need besides the file: flags, variables.
fn circumstances(name: &str) -> (Overrides, &'static [(&'static str, &'static str)]) {
    let none = Overrides::default();
    match name {
        "environment_unknown" => (Overrides { environment: Some("prodction".into()), ..none }, &[]),
        "flag_and_variable" => {
            let strategy = Some("canery".into());
            let flags = Overrides { strategy, region: Some("eu-west".into()), ..none };
            (flags, &[("SHIPIT_CLUSTER", "shop prod"), ("SHIPIT_ENV", "staging"), ("SHIPIT_FAIL_ON", "hgih")])
        }
        "judge_probes" => (none, &[("TOKEN", "s3cret\u{7}")]),
        _ => (none, &[]),
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The bad examples, as a person in the package's folder would name them.
fn examples() -> Vec<PathBuf> {
    let listed = std::fs::read_dir(root().join("tests/it/config")).expect("the examples are there");
    let names = listed.map(|entry| PathBuf::from(entry.expect("it can be listed").file_name()));
    let mut yaml: Vec<PathBuf> = names.filter(|name| name.extension().is_some_and(|extension| extension == "yaml")).collect();
    yaml.sort();
    yaml.iter().map(|name| Path::new("tests/it/config").join(name)).collect()
}

fn stem(path: &Path) -> String {
    path.file_stem().expect("it has a name").to_string_lossy().into_owned()
}

fn complaints_of(path: &Path) -> Complaints {
    let (overrides, variables) = circumstances(&stem(path));
    let env = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    match load(path, &overrides, &env) {
        Ok(_) => panic!("{} is meant to be a bad example", path.display()),
        Err(complaints) => complaints,
    }
}

#[test]
fn every_file_in_pipelines_loads() {
    let mut seen = 0;
    for entry in std::fs::read_dir(root().join("pipelines")).expect("pipelines/ is there") {
        let path = entry.expect("it can be listed").path();
        // What drives pipelines lies beside them; CloudFormation's template is judged by cfn-lint.
        if path.extension().is_some_and(|extension| extension == "yaml") && stem(&path) != "codepipeline" {
            let loaded = load(&path, &Overrides::default(), &|_| None);
            let Loaded { pipeline, .. } =
                loaded.unwrap_or_else(|complaints| panic!("{}", complaints.render(Paint::Plain, COLUMNS)));
            assert!(pipeline.folder.is_absolute());
            seen += 1;
        }
    }
    assert!(seen > 0, "there is a pipeline file");
}

#[test]
fn every_bad_example_is_answered_by_its_snapshot() {
    let examples = examples();
    assert!(!examples.is_empty());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("config/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for path in &examples {
            let shown = complaints_of(path).render(Paint::Plain, COLUMNS);
            assert!(shown.lines().count() < 40, "{}: nobody reads so much:\n{shown}", path.display());
            assert!(!shown.contains(&*root().to_string_lossy()), "{}: the path of this machine:\n{shown}", path.display());
            insta::assert_snapshot!(stem(path), shown);
        }
    });
    let snapshots = std::fs::read_dir(root().join("tests/it/config/snapshots")).expect("the snapshots are there");
    let kept: BTreeSet<String> = snapshots.map(|entry| stem(&entry.expect("it can be listed").path())).collect();
    let wanted: BTreeSet<String> = examples.iter().map(|path| stem(path)).collect();
    assert_eq!(kept, wanted, "one snapshot for every example, and none besides");
}

#[test]
fn colour_is_there_only_where_it_is_allowed() {
    let complaints = complaints_of(Path::new("tests/it/config/several.yaml"));
    assert!(complaints.render(Paint::Colours, COLUMNS).contains('\u{1b}'));
    assert!(!complaints.render(Paint::Plain, COLUMNS).contains('\u{1b}'));
}

#[test]
fn complaints_are_a_failure_with_their_places() {
    let failure = Failure::from(complaints_of(Path::new("tests/it/config/several.yaml")));
    assert_eq!(failure.code, Code::Config);
    insta::assert_snapshot!(format!("{}\n{}\n{}", failure.what, failure.because.join("\n"), failure.next.join("\n")), @r"
    `tests/it/config/several.yaml` has 3 complaints
    tests/it/config/several.yaml:2:9: `region` is not an AWS region: `nowhere`
    tests/it/config/several.yaml:5:10: unknown key `contxt` in `images.app`
    tests/it/config/several.yaml:7:27: `runing.json`: there is no such file
    a region is written as `ap-northeast-2`
    did you mean `context`?
    paths are relative to the folder of the pipeline file
    ");
}

#[test]
fn a_file_that_is_not_there_is_a_complaint_too() {
    let missing = load(Path::new("tests/it/config/no_such.yaml"), &Overrides::default(), &|_| None).expect_err("it is not there");
    insta::assert_snapshot!(missing, @r"
    `tests/it/config/no_such.yaml` has a complaint
    tests/it/config/no_such.yaml: there is no such file
    ");
    let folder = load(Path::new("tests/it/config"), &Overrides::default(), &|_| None).expect_err("it is a folder");
    insta::assert_snapshot!(folder, @r"
    `tests/it/config` has a complaint
    tests/it/config: this is a folder, not a file
    ");
}

#[test]
fn the_committed_schema_is_the_schema() {
    let path = root().join("pipelines/schema.json");
    let schema = serde_json::to_string_pretty(&shipit::config::schema::schema()).expect("a schema is JSON") + "\n";
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == schema, "`shipit schema > pipelines/schema.json` is due");
}

const GOOD: &str = "tests/it/config/good/shop.yaml";

fn good(overrides: &Overrides, variables: &[(&str, &str)]) -> Loaded {
    let env = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    load(Path::new(GOOD), overrides, &env).unwrap_or_else(|complaints| panic!("{complaints}"))
}

#[test]
fn values_mean_what_was_typed() {
    let Loaded { pipeline, files, .. } = good(&Overrides::default(), &[]);
    let api = pipeline.image("api").expect("it is there");
    assert_eq!((api.args["VERSION"].as_str(), api.args["DEBUG"].as_str()), ("012", "no"));
    assert!(api.context.is_absolute() && api.context.ends_with("good/api"));
    assert_eq!(
        (api.dockerfile.as_path(), api.platforms.as_slice()),
        (Path::new("Dockerfile"), ["linux/arm64".to_owned()].as_slice())
    );
    assert_eq!(pipeline.gate.waivers[0].until, jiff::civil::date(2099, 1, 31));
    let service = pipeline.service("api").expect("it is there");
    assert_eq!(service.service, "shop-api");
    assert_eq!(service.strategy, Strategy::Rolling { minimum_percent: Some(50), maximum_percent: Some(200) });
    assert_eq!(service.smoke.as_ref().map(|smoke| (smoke.expect, smoke.within.0)), Some((204, 90_000)));
    let web = pipeline.service("web").expect("it is there");
    assert_eq!((web.needs.as_slice(), &web.task_definition), (&["api".to_owned()][..], &TaskDefinitionSource::Running));
    assert_eq!(web.strategy, Strategy::Rolling { minimum_percent: None, maximum_percent: None });
    assert_eq!(
        pipeline.images.iter().map(|image| image.name.as_str()).collect::<Vec<_>>(),
        ["api", "web"],
        "the order of the file"
    );
    let names: Vec<_> = files.iter().filter_map(|file| file.file_name()).collect();
    assert_eq!(names, ["shop.yaml", "api.taskdef.json", "api.service.json"]);
}

fn steps(loaded: &Loaded, name: &str) -> String {
    loaded.pipeline.service(name).expect("it is there").strategy.to_string()
}

#[test]
fn strategies_that_shift_traffic_mean_what_was_typed() {
    let loaded = good(&Overrides::default(), &[]);
    let service = |name: &str| loaded.pipeline.service(name).expect("it is there").clone();
    let edge = service("edge");
    let canary = Steps::Canary { share: Share(55), bake: Span::seconds(600) };
    assert_eq!(edge.strategy, Strategy::Shift(Shift { steps: canary, terminate_after: Some(Span(0)) }));
    let traffic = edge.traffic.expect("it is given");
    assert_eq!((traffic.alternate_target_group.as_str(), traffic.test_rule.is_some()), ("edge-b", true));
    let pause = edge.pause.expect("it is given");
    assert_eq!(pause.at, [PauseAt::ScaledUp, PauseAt::TestTraffic, PauseAt::AfterProduction]);
    assert_eq!(pause.timeout, Span::seconds(7200));
    let judge = edge.judge.expect("it is given");
    assert_eq!(judge.errors, Some(Errors { worse_by: Ratio::millionths(5_000), at_least: 2000 }));
    assert_eq!(judge.latency, Some(Latency { worse_by: Ratio::percent(150) }));
    let limits: Vec<(&str, Limit)> = judge.metrics.iter().map(|metric| (metric.name.as_str(), metric.limit)).collect();
    let most = Limit::Max(Level::new(12.5).expect("it is finite"));
    assert_eq!(limits, [("queue", most), ("cpu", Limit::WorseBy(Ratio::percent(30)))]);
    assert_eq!((judge.probes[0].headers[0].1.as_str(), judge.probes[0].expect), ("on", 204));
    assert_eq!((judge.alarms.as_slice(), judge.patience.as_mins()), (&["edge-5xx".to_owned()][..], 30));
    let minutes = |minutes: u64| Some(Span::seconds(minutes * 60));
    let jobs = service("jobs");
    assert_eq!(jobs.strategy, Strategy::Shift(Shift { steps: Steps::AllAtOnce, terminate_after: minutes(15) }));
    assert_eq!(jobs.pause.map(|pause| pause.timeout), minutes(24 * 60));
    let mail = service("mail");
    let linear = Steps::Linear { step: Share::percent(40), bake: Span::seconds(180) };
    assert_eq!(mail.strategy, Strategy::Shift(Shift { steps: linear, terminate_after: minutes(5) }));
    assert_eq!(mail.judge, Some(Judge::default()));
}

#[test]
fn an_environment_and_the_flag_choose_among_the_blocks_of_the_file() {
    let production = Overrides { environment: Some("production".into()), ..Overrides::default() };
    let laid = good(&production, &[]);
    assert_eq!(steps(&laid, "jobs"), "linear 20% → 40% → … → 100%", "the environment's own comes first");
    assert_eq!(steps(&laid, "mail"), "blue-green all at once");
    let errors = laid.pipeline.service("mail").and_then(|mail| mail.judge.clone()).and_then(|judge| judge.errors);
    assert_eq!(errors, Some(Errors { at_least: 100, ..Errors::default() }));
    assert_eq!(laid.strategies(), Vec::<String>::new());

    let flag = Overrides { strategy: Some("blue-green".into()), ..production };
    let flagged = good(&flag, &[("SHIPIT_STRATEGY", "rolling")]);
    let jobs = &flagged.pipeline.service("jobs").expect("it is there").strategy;
    let own = Strategy::Shift(Shift { steps: Steps::AllAtOnce, terminate_after: Some(Span::seconds(900)) });
    assert_eq!(*jobs, own, "the block that the environment's is laid before");
    let by_variable = good(&Overrides::default(), &[("SHIPIT_STRATEGY", "canary")]);
    let shown = [flagged.strategies(), by_variable.strategies()].concat().join("\n");
    insta::assert_snapshot!(shown);
    let held = good(&Overrides { strategy: Some("rolling".into()), ..Overrides::default() }, &[]);
    assert!(held.pipeline.service("edge").is_some_and(|edge| edge.judge.is_some()), "the plan says that it guards nothing");
}

#[test]
fn the_header_of_a_probe_is_kept_as_it_is_written() {
    let loaded = good(&Overrides::default(), &[("EDGE_TOKEN", "s3cret")]);
    let edge = loaded.pipeline.service("edge").expect("it is there");
    let probes = &edge.judge.as_ref().expect("it is given").probes;
    let token = ("authorization".to_owned(), "Bearer ${env:EDGE_TOKEN:-none}".to_owned());
    assert_eq!(probes[0].headers, [("x-test".to_owned(), "on".to_owned()), token]);
    assert!(!format!("{loaded:?}").contains("s3cret"), "a journal keeps what is written");
}

#[test]
fn ecs_json_goes_through_untouched() {
    let loaded = good(&Overrides::default(), &[("API_STAGE", "blue \"quoted\"")]);
    let service = loaded.pipeline.service("api").expect("it is there");
    let TaskDefinitionSource::File { path, definition } = &service.task_definition else { panic!("it is a file") };
    assert_eq!(path, Path::new("api.taskdef.json"));
    let text = std::fs::read_to_string(root().join("tests/it/config/good/api.taskdef.json")).expect("it is there");
    let mut wanted: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    wanted["containerDefinitions"][0]["environment"][0]["value"] = "blue \"quoted\"".into();
    assert_eq!(definition.to_string(), wanted.to_string(), "unknown members, their order, other `${{…}}`");
    assert!(definition["futureMember"]["shell"] == "${HOME} ${env:-x} ${ref:y}");
    let created = service.service_definition.as_ref().expect("it is there");
    assert_eq!(created["loadBalancers"][0]["targetGroupArn"], "${ref:api}");
}

#[test]
fn the_later_layer_wins_and_says_so() {
    let origin = |loaded: &Loaded, path: &str| loaded.origin(path).map(ToString::to_string).unwrap_or_default();
    let file = good(&Overrides::default(), &[("STAGE", "blue")]);
    assert_eq!(file.pipeline.cluster, "shop-blue");
    assert_eq!(origin(&file, "cluster"), format!("{GOOD}:4:10 from `${{env:STAGE}}`"));
    assert_eq!(origin(&file, "services.web.service"), "default");

    let production = Overrides { environment: Some("production".into()), ..Overrides::default() };
    let laid = good(&production, &[]);
    assert_eq!(laid.pipeline.environment.as_deref(), Some("production"));
    assert_eq!(laid.pipeline.cluster, "shop-production");
    assert_eq!(laid.pipeline.account.as_deref(), Some("012345678901"));
    assert_eq!(origin(&laid, "cluster"), format!("{GOOD}:69:14 (`environments.production`)"));
    let api = laid.pipeline.service("api").expect("it is there");
    assert_eq!(api.strategy, Strategy::Rolling { minimum_percent: Some(100), maximum_percent: Some(200) });
    assert_eq!(api.smoke, None, "`~` takes away what lies beneath");
    assert_eq!(origin(&laid, "services.api.strategy.rolling.maximum_percent"), format!("{GOOD}:24:66"));

    let variables = [("SHIPIT_ENV", "production"), ("SHIPIT_CLUSTER", "shop-by-variable"), ("SHIPIT_REGION", "")];
    let variable = good(&Overrides::default(), &variables);
    assert_eq!(
        (variable.pipeline.cluster.as_str(), origin(&variable, "cluster").as_str()),
        ("shop-by-variable", "`SHIPIT_CLUSTER`")
    );
    assert_eq!(variable.pipeline.account.as_deref(), Some("012345678901"));
    assert_eq!(variable.pipeline.region.as_deref(), Some("eu-west-1"), "an empty variable is not set");

    let flags = Overrides {
        cluster: Some("shop-by-flag".into()),
        strategy: Some("rolling".into()),
        fail_on: Some("never".into()),
        ..production
    };
    let flag = good(&flags, &variables);
    assert_eq!((flag.pipeline.cluster.as_str(), origin(&flag, "cluster").as_str()), ("shop-by-flag", "`--cluster`"));
    assert_eq!(flag.pipeline.gate.fail_on, Threshold::Never);
    let api = flag.pipeline.service("api").expect("it is there");
    assert_eq!(
        api.strategy,
        Strategy::Rolling { minimum_percent: Some(100), maximum_percent: Some(200) },
        "its own block of that name"
    );
}

#[test]
fn flags_say_what_a_file_could_say() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().canonicalize().expect("it is there");
    std::fs::copy(root().join("tests/it/config/good/api.taskdef.json"), folder.join("api.json")).expect("it is copied");
    std::fs::write(
        folder.join("shipit.yaml"),
        "pipeline: api\ncluster: shop\nservices:\n  api:\n    task_definition: api.json\n    force_new_deployment: true\n    strategy: canary\n",
    )
    .expect("it is written");
    let overrides = Overrides { strategy: Some("canary".into()), cluster: Some("shop".into()), ..Overrides::default() };
    let env = |name: &str| (name == "STAGE").then(|| "test".to_owned());
    let by_file = load(&folder.join("shipit.yaml"), &overrides, &env).expect("a good file").pipeline;
    let given = |definition: &str| Given {
        service: "api".into(),
        task_definition: Some(definition.into()),
        when_same: WhenSame::RollOut,
    };
    let by_flags = load_given(&given("api.json"), &folder, &overrides, &env).expect("good flags").pipeline;
    let image =
        |of: &Pipeline| of.services[0].lines.first([Part::Of("router".into(), "image".into())]).map(|at| (at.line, at.column));
    assert_eq!((image(&by_flags), image(&by_file)), (Some((6, Some(25))), Some((6, Some(25)))));
    let without_lines = |pipeline: &Pipeline| {
        let mut pipeline = pipeline.clone();
        pipeline.services[0].lines = Lines::default();
        format!("{pipeline:#?}")
    };
    assert_eq!(without_lines(&by_flags), without_lines(&by_file));

    let definition = by_flags.services[0].task_definition.clone();
    let TaskDefinitionSource::File { definition, .. } = definition else { panic!("it is a file") };
    let yaml = "family: shop-api\ncontainerDefinitions:\n  - { name: api, image: \"shop/api:1\", essential: true }\n";
    std::fs::write(folder.join("api.yaml"), yaml).expect("it is written");
    let by_yaml = load_given(&given("api.yaml"), &folder, &Overrides::default(), &env).expect("good YAML").pipeline;
    assert_eq!(by_yaml.cluster, "default", "as ECS calls it where nobody names one");
    let TaskDefinitionSource::File { definition: read, .. } = &by_yaml.services[0].task_definition else { panic!("a file") };
    assert_eq!(read["containerDefinitions"][0]["essential"], true);
    assert_ne!(*read, definition);

    let bad = load_given(&given("apo.json"), &folder, &Overrides { on_interrupt: Some("leaf".into()), ..overrides }, &env);
    insta::assert_snapshot!(bad.expect_err("there is no such file"), @r"
    `--service` has 2 complaints
    --on-interrupt: `on_interrupt` cannot be `leaf`
    --task-definition: `apo.json`: there is no such file
    ");
}
