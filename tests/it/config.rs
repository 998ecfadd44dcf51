//! The pipeline file: what is in `pipelines/` loads, and every complaint is shown as its snapshot says.

use std::path::Path;

use shipit::config::{Loaded, Overrides, Paint, load};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn no_env(_: &str) -> Option<String> {
    None
}

#[test]
fn every_file_in_pipelines_loads() {
    let mut seen = 0;
    for entry in std::fs::read_dir(root().join("pipelines")).expect("pipelines/ is there") {
        let path = entry.expect("it can be listed").path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let loaded = load(&path, &Overrides::default(), &no_env);
            let Loaded { pipeline, .. } = loaded.unwrap_or_else(|complaints| panic!("{}", complaints.render(Paint::Plain, 120)));
            assert!(pipeline.folder.is_absolute());
            seen += 1;
        }
    }
    assert!(seen > 0, "there is a pipeline file");
}

#[test]
fn the_committed_schema_is_the_schema() {
    let path = root().join("pipelines/schema.json");
    let schema = serde_json::to_string_pretty(&shipit::config::schema::schema()).expect("a schema is JSON") + "\n";
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == schema, "`shipit schema > pipelines/schema.json` is due");
}
