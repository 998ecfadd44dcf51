//! botocore's model of a service, read from the virtual environment that `make venv` makes.

use std::collections::BTreeMap;
use std::fs::{File, read_dir};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use flate2::read::GzDecoder;
use regex_lite::Regex;
use serde_json::{Map, Value};

use crate::support::venv;

/// One service's model.
#[derive(Debug)]
pub struct Model {
    /// The sandbox's name of the service.
    pub service: String,
    document: Value,
    patterns: Mutex<BTreeMap<String, Option<Regex>>>,
}

/// The model of `ecs`, `ecr`, `elbv2`, `logs`, `cloudwatch`, `sts`, `iam`; read once a process.
pub fn of(service: &str) -> Arc<Model> {
    static READ: LazyLock<Mutex<BTreeMap<String, Arc<Model>>>> = LazyLock::new(Mutex::default);
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(read.entry(service.to_owned()).or_insert_with(|| Arc::new(Model::read(service))))
}

impl Model {
    fn read(service: &str) -> Self {
        let path = newest(&venv::site_packages().join("botocore/data").join(service));
        let file = File::open(&path).unwrap_or_else(|error| panic!("`{}`: {error}; run `make venv`", path.display()));
        let document = serde_json::from_reader(std::io::BufReader::new(GzDecoder::new(file)));
        Self::new(service, document.unwrap_or_else(|error| panic!("`{}`: {error}", path.display())))
    }

    /// A model from its JSON.
    pub fn new(service: &str, document: Value) -> Self {
        Self { service: service.to_owned(), document, patterns: Mutex::default() }
    }

    /// An operation.
    pub fn operation(&self, name: &str) -> Option<Operation<'_>> {
        self.document["operations"].get(name).map(|value| Operation { value })
    }

    /// A shape.
    pub fn shape(&self, name: &str) -> Shape<'_> {
        let value = self.document["shapes"].get(name);
        Shape { name: name.to_owned(), value: value.unwrap_or_else(|| panic!("{} has no shape {name}", self.service)) }
    }

    /// Every shape's name.
    pub fn shapes(&self) -> impl Iterator<Item = &String> {
        self.document["shapes"].as_object().into_iter().flat_map(Map::keys)
    }

    /// The namespace of query replies.
    pub fn namespace(&self) -> Option<&str> {
        self.document["metadata"]["xmlNamespace"].as_str()
    }

    /// Whether the text has the pattern of the shape; yes where the pattern is beyond this judge (`\p`, `\u`).
    pub fn matches(&self, pattern: &str, text: &str) -> bool {
        let mut patterns = self.patterns.lock().unwrap_or_else(PoisonError::into_inner);
        let compiled = patterns.entry(pattern.to_owned()).or_insert_with(|| compiled(pattern));
        compiled.as_ref().is_none_or(|regex| regex.is_match(text))
    }
}

/// The pattern of the whole text, as AWS means it; none for patterns of Unicode classes, which are those of tags and policies.
pub fn compiled(pattern: &str) -> Option<Regex> {
    if pattern.contains(r"\p") || pattern.contains(r"\u") {
        return None;
    }
    // Java reads the hyphen of `[\\w-_]` as itself.
    let whole = format!("^(?:{})$", pattern.replace(r"\w-", r"\w\-"));
    Some(Regex::new(&whole).unwrap_or_else(|error| panic!("the pattern `{pattern}` cannot be judged: {error}")))
}

fn newest(folder: &Path) -> PathBuf {
    let dates = read_dir(folder).unwrap_or_else(|error| panic!("`{}`: {error}; run `make venv`", folder.display()));
    let mut dates: Vec<PathBuf> = dates.filter_map(|entry| Some(entry.ok()?.path())).collect();
    dates.sort();
    dates.pop().unwrap_or_else(|| panic!("`{}` is empty; run `make venv`", folder.display())).join("service-2.json.gz")
}

/// An operation of the model.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    value: &'a Value,
}

impl<'a> Operation<'a> {
    /// The request's shape.
    pub fn input(self) -> Option<&'a str> {
        self.value["input"]["shape"].as_str()
    }

    /// The reply's shape.
    pub fn output(self) -> Option<&'a str> {
        self.value["output"]["shape"].as_str()
    }

    /// The element around a query reply's members.
    pub fn wrapper(self) -> Option<&'a str> {
        self.value["output"]["resultWrapper"].as_str()
    }

    /// The shapes of the errors it declares.
    pub fn errors(self) -> impl Iterator<Item = &'a str> {
        self.value["errors"].as_array().into_iter().flatten().filter_map(|error| error["shape"].as_str())
    }
}

/// A shape of the model.
#[derive(Clone, Debug)]
pub struct Shape<'a> {
    /// Its name.
    pub name: String,
    value: &'a Value,
}

impl<'a> Shape<'a> {
    /// `structure`, `list`, `map`, `string`, …
    pub fn kind(&self) -> &'a str {
        self.value["type"].as_str().unwrap_or_default()
    }

    /// A structure that may hold anything.
    pub fn is_document(&self) -> bool {
        self.value["document"] == true
    }

    /// The name of the shape of a structure's member.
    pub fn member(&self, name: &str) -> Option<&'a str> {
        self.value["members"].get(name)?["shape"].as_str()
    }

    /// The members that must be there.
    pub fn required(&self) -> impl Iterator<Item = &'a str> {
        self.value["required"].as_array().into_iter().flatten().filter_map(Value::as_str)
    }

    /// The name of the shape of a list's members.
    pub fn item(&self) -> &'a str {
        self.value["member"]["shape"].as_str().unwrap_or_default()
    }

    /// The names of the shapes of a map's keys and values.
    pub fn entry(&self) -> (&'a str, &'a str) {
        let name = |of: &str| self.value[of]["shape"].as_str().unwrap_or_default();
        (name("key"), name("value"))
    }

    /// The words of an enum.
    pub fn words(&self) -> Option<Vec<&'a str>> {
        self.value.get("enum")?.as_array().map(|words| words.iter().filter_map(Value::as_str).collect())
    }

    /// `min` or `max`: length of a text or list, range of a number.
    pub fn bound(&self, which: &str) -> Option<f64> {
        self.value[which].as_f64()
    }

    /// The pattern of a text.
    pub fn pattern(&self) -> Option<&'a str> {
        self.value["pattern"].as_str()
    }

    /// An error's code on the wire.
    pub fn code(&self) -> &str {
        self.value["error"]["code"].as_str().unwrap_or(&self.name)
    }

    /// An error's HTTP status.
    pub fn status(&self) -> u64 {
        let fault = if self.value["fault"] == true { 500 } else { 400 };
        self.value["error"]["httpStatusCode"].as_u64().unwrap_or(fault)
    }
}
