//! One of `images:`.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use shipit_core::pipeline::{Cache, Compression, Image, Kept};

use super::field::{Field, Fields};
use super::shape::IMAGE;
use super::value::Bad;
use super::{At, Reading, secrets, value};
use crate::config::Contexts;
use crate::config::complaint::Complaint;

/// What ECS runs and the Engine builds.
const PLATFORMS: &[(&str, &str)] = &[("linux/amd64", "linux/amd64"), ("linux/arm64", "linux/arm64")];

/// The words of `cache:`.
const CACHES: &[(&str, Kept)] = &[("inline", Kept::Inline), ("registry", Kept::Registry)];
const COMPRESSIONS: &[(&str, Compression)] = &[("gzip", Compression::Gzip), ("zstd", Compression::Zstd)];

/// An image, as far as it could be read.
pub(super) struct RawImage {
    pub(super) name: At<String>,
    pub(super) repository: Option<At<String>>,
    pub(super) image: Option<Image>,
}

pub(super) fn image(name: At<String>, field: Field<'_>, reading: &mut Reading<'_>) -> RawImage {
    let mut raw = RawImage { name, repository: None, image: None };
    if let Err(bad) = value::name(&raw.name.value) {
        reading.complain(bad.complaint(raw.name.place.clone(), "the name of an image"));
    }
    let Some(fields) = field.fields(&IMAGE, reading) else { return raw };
    let context = fields.require("context", reading).and_then(|field| context(&field, reading));
    let dockerfile = match fields.get("dockerfile") {
        Some(field) => field.read(reading, dockerfile),
        None => {
            reading.is_default(fields.path("dockerfile"));
            context.as_ref().map(|context| At { value: PathBuf::from("Dockerfile"), place: context.place.clone() })
        }
    };
    if let (Some(context), Some(dockerfile), Contexts::Needed) = (&context, &dockerfile, reading.world.contexts)
        && !context.value.join(&dockerfile.value).is_file()
    {
        let text = format!("there is no file `{}` in the context of image `{}`", dockerfile.value.display(), raw.name.value);
        let complaint = Complaint::of_the_world(dockerfile.place.clone(), text);
        reading.complain(complaint.help("`dockerfile:` is relative to `context:`"));
    }
    let repository = fields.require("repository", reading).and_then(|field| field.read(reading, value::repository));
    let args = fields.get("args").map_or_else(|| Some(BTreeMap::new()), |field| args(&field, reading));
    let target = fields.get("target").and_then(|field| field.read(reading, value::line));
    let platforms = platforms(&fields, reading);
    let secrets = secrets::secrets(&fields, reading);
    let kept = fields.get("cache").and_then(|field| field.read(reading, |text| value::word(text, CACHES)));
    let kept = kept.map(|at| at.value).unwrap_or_default();
    let compression = fields.get("compression").and_then(|field| field.read(reading, |text| value::word(text, COMPRESSIONS)));
    raw.repository.clone_from(&repository);
    raw.image = context.zip(dockerfile).zip(repository).zip(args).map(|(((context, dockerfile), repository), args)| Image {
        name: raw.name.value.clone(),
        context: context.value,
        dockerfile: dockerfile.value,
        repository: repository.value,
        args,
        target: target.map(|target| target.value),
        platforms,
        secrets,
        cache: Cache { kept, from: Vec::new() },
        compression: compression.map(|compression| compression.value).unwrap_or_default(),
    });
    raw
}

fn context(field: &Field<'_>, reading: &mut Reading<'_>) -> Option<At<PathBuf>> {
    let At { value: text, place } = field.read(reading, value::line)?;
    let path = reading.world.folder.join(&text);
    match path.canonicalize() {
        _ if reading.world.contexts == Contexts::NotNeeded => Some(At { value: path, place }),
        Ok(folder) if folder.is_dir() => Some(At { value: folder, place }),
        found => {
            let wrong = if found.is_ok() { format!("`{text}` is not a folder") } else { format!("there is no folder `{text}`") };
            reading.complain(Complaint::of_the_world(place, wrong).help("paths are relative to the folder of the pipeline file"));
            None
        }
    }
}

/// The Dockerfile must be part of the context: the Engine reads it from there.
fn dockerfile(text: &str) -> Result<PathBuf, Bad> {
    let path = Path::new(text);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if text.is_empty() || !inside {
        let bad = Bad::new(format!("must lie inside of the context, not at `{}`", text.escape_debug()));
        return Err(bad.help("it is relative to `context:`"));
    }
    value::line(text).map(PathBuf::from)
}

/// `platforms:` or the one of `platform:`.
fn platforms(fields: &Fields<'_>, reading: &mut Reading<'_>) -> Vec<String> {
    let one = fields.get("platform").and_then(|field| field.read(reading, |text| value::word(text, PLATFORMS)));
    let Some(field) = fields.get("platforms") else {
        return one.map(|platform| platform.value.to_owned()).into_iter().collect();
    };
    if let Some(one) = one {
        let text = "`platform:` and `platforms:` say the same thing twice";
        reading.complain(Complaint::new(one.place, text).help("keep `platforms:`"));
    }
    let mut platforms: Vec<String> = Vec::new();
    for field in field.items(reading).unwrap_or_default() {
        if let Some(platform) = field.read(reading, |text| value::word(text, PLATFORMS)) {
            if platforms.iter().any(|known| known == platform.value) {
                reading.complain(Complaint::new(platform.place, format!("`{}` stands here twice", platform.value)));
            } else {
                platforms.push(platform.value.to_owned());
            }
        }
    }
    platforms
}

fn args(field: &Field<'_>, reading: &mut Reading<'_>) -> Option<BTreeMap<String, String>> {
    let mut args = BTreeMap::new();
    for (name, field) in field.named(reading)? {
        if let Some(text) = field.text(reading) {
            args.insert(name.value, text.value);
        }
    }
    Some(args)
}
