//! The build context: what lies in the folder as `.dockerignore` leaves it, and the hash over everything a build reads.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use shipit_core::failure::{Code, Failure};
use shipit_core::pipeline::Image;
use shipit_core::release::Digest;

use super::contents::{self, Id};
use super::ignore::Rules;
use super::walk::{Entry, Kind, walk};
use crate::adapter::content::hex;
use crate::adapter::git::{self, Tracked};

/// What a build of one image reads.
pub(super) struct Context {
    pub(super) root: PathBuf,
    pub(super) dockerfile: Dockerfile,
    /// Sorted as a walk meets them: a folder, then what is in it.
    pub(super) entries: Vec<Entry>,
    /// The content of each entry that is a file.
    pub(super) contents: Vec<Option<Id>>,
}

/// The Dockerfile, and the ignore file that goes with it.
pub(super) struct Dockerfile {
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// Relative to the context with `/`, when it lies in it.
    pub(super) inside: Option<String>,
    /// The ignore file in force: its path and text.
    pub(super) ignore: Option<(PathBuf, String)>,
}

impl Context {
    /// Reads Dockerfile and ignore file, walks the folder and hashes its files; what was read is remembered in `cache`.
    ///
    /// # Errors
    /// `SHIP305` with what is missing, unreadable or refused by Docker too.
    pub(super) fn read(image: &Image, cache: Option<&Path>) -> Result<Context, Failure> {
        let root = image.context.clone();
        if !root.is_dir() {
            return Err(Failure::new(Code::ContextUnreadable, format!("`{}` has no build context", image.name))
                .because(format!("`{}` is not a folder", root.display()))
                .next(format!("set `images.{}.context` in the pipeline file", image.name)));
        }
        let dockerfile = Dockerfile::read(image)?;
        let mut entries = walk(&root, &dockerfile.rules()?)?;
        let tracked = git::below(&root);
        as_git_has_them(&mut entries, &tracked);
        let contents = contents::of(&root, &entries, &tracked, cache)?;
        Ok(Context { root, dockerfile, entries, contents })
    }

    /// Hash over Dockerfile, build args, target, wanted platforms and context: path, kind, mode, target and content of each
    /// entry.
    pub(super) fn digest(&self, image: &Image) -> Digest {
        let mut hash = Sha256::new();
        let mut add = |name: &str, value: &[u8]| {
            hash.update(name);
            hash.update((value.len() as u64).to_be_bytes());
            hash.update(value);
        };
        add("sources", b"1");
        add("dockerfile", self.dockerfile.text.as_bytes());
        for (name, value) in &image.args {
            add("arg", name.as_bytes());
            add("value", value.as_bytes());
        }
        add("target", image.target.as_deref().unwrap_or_default().as_bytes());
        for platform in &image.platforms {
            add("platform", platform.as_bytes());
        }
        add("context", &self.content());
        Digest(format!("sha256:{}", hex(&hash.finalize())))
    }

    /// Hash over the entries alone.
    fn content(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for (entry, content) in self.entries.iter().zip(&self.contents) {
            hash.update((entry.path.len() as u64).to_be_bytes());
            hash.update(&entry.path);
            hash.update(entry.mode.to_be_bytes());
            match &entry.kind {
                Kind::Folder => hash.update(b"d"),
                Kind::File { .. } => {
                    hash.update(b"f");
                    hash.update(content.unwrap_or_default());
                }
                Kind::Link { target } => {
                    hash.update(b"l");
                    hash.update((target.len() as u64).to_be_bytes());
                    hash.update(target);
                }
            }
        }
        hash.finalize().into()
    }
}

/// Of what git tracks, the modes that git has: whoever cloned it with another umask builds the same image.
fn as_git_has_them(entries: &mut [Entry], tracked: &HashMap<String, Tracked>) {
    let mut folders: HashSet<&str> = HashSet::new();
    for path in tracked.keys() {
        let parents = std::iter::successors(path.rsplit_once('/'), |(parent, _)| parent.rsplit_once('/'));
        for (parent, _) in parents {
            if !folders.insert(parent) {
                break;
            }
        }
    }
    for entry in entries {
        match entry.kind {
            Kind::File { .. } => {
                if let Some(tracked) = tracked.get(&entry.path) {
                    entry.mode = match entry.mode & 0o100 {
                        // Windows has no such mode: there it is git's.
                        _ if cfg!(windows) => tracked.mode,
                        0 => 0o644,
                        _ => 0o755,
                    };
                }
            }
            Kind::Folder if folders.contains(entry.path.as_str()) => entry.mode = 0o755,
            Kind::Folder | Kind::Link { .. } => {}
        }
    }
}

impl Dockerfile {
    pub(super) fn read(image: &Image) -> Result<Dockerfile, Failure> {
        let path = image.context.join(&image.dockerfile);
        let text = fs::read_to_string(&path).map_err(|error| {
            let failure = unreadable(&path, &error);
            match error.kind() {
                io::ErrorKind::NotFound => failure.next(format!("set `images.{}.dockerfile` in the pipeline file", image.name)),
                _ => failure,
            }
        })?;
        let mut beside = path.clone().into_os_string();
        beside.push(".dockerignore");
        let mut ignore = None;
        for candidate in [PathBuf::from(beside), image.context.join(".dockerignore")] {
            match fs::read_to_string(&candidate) {
                Ok(text) => {
                    ignore = Some((candidate, text));
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unreadable(&candidate, &error)),
            }
        }
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        // The name as given, where it plainly lies inside: a link is what the context holds, not what it leads to.
        let inside = (path.parent().map(real))
            .and_then(|parent| parent.strip_prefix(real(&image.context)).map(Path::to_owned).ok())
            .zip(path.file_name())
            .and_then(|(parent, name)| parent.join(name).to_str().map(str::to_owned));
        Ok(Dockerfile { path, text, inside, ignore })
    }

    fn rules(&self) -> Result<Rules, Failure> {
        let Some((path, text)) = &self.ignore else { return Ok(Rules::default()) };
        Rules::read(text).map_err(|(line, why)| {
            Failure::new(Code::ContextUnreadable, format!("`{}` line {line} cannot be read", path.display())).because(why)
        })
    }
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Code::ContextUnreadable, format!("`{}` cannot be read", path.display())).because(error.to_string())
}

/// What is there is not what the key was made of.
pub(super) fn changed(image: &str, what: &str) -> Failure {
    Failure::new(Code::ContextChanged, format!("what `{image}` is built from changed since it was looked at"))
        .because(what)
        .now("nothing was pushed")
        .next("run the same command again, while nothing writes there")
}

/// First 12 hex digits of the hash over the contexts of all images: what names a tree that no repository names.
pub(crate) fn fingerprint(images: &[Image]) -> Result<String, Failure> {
    let mut hash = Sha256::new();
    for image in images {
        let context = Context::read(image, None)?;
        hash.update(&context.dockerfile.text);
        hash.update(context.content());
    }
    Ok(hex(&hash.finalize())[..12].to_owned())
}
