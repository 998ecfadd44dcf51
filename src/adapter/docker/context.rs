//! The build context: what lies in the folder as `.dockerignore` leaves it, and the hash over everything a build reads.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use ignore::WalkBuilder;
use sha2::{Digest as _, Sha256};
use shipit_core::failure::{Code, Failure};
use shipit_core::pipeline::Image;
use shipit_core::release::Digest;

use super::ignore::Rules;
use crate::adapter::content::{hex, pour};

/// What a build of one image reads.
pub(super) struct Context {
    pub(super) root: PathBuf,
    pub(super) dockerfile: Dockerfile,
    /// Sorted as a walk meets them: a folder, then what is in it.
    pub(super) entries: Vec<Entry>,
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

/// One thing in the context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Relative to the context, with `/`.
    pub(super) path: String,
    /// Permission bits with setuid, setgid and sticky.
    pub(super) mode: u32,
    /// Nanoseconds since 1970; never part of the hash.
    pub(super) modified: i64,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    File { size: u64 },
    Link { target: String },
}

impl Context {
    /// Reads Dockerfile and ignore file and walks the folder.
    ///
    /// # Errors
    /// `SHIP305` with what is missing, unreadable or refused by Docker too.
    pub(super) fn read(image: &Image) -> Result<Context, Failure> {
        let root = image.context.clone();
        if !root.is_dir() {
            return Err(Failure::new(Code::ContextUnreadable, format!("`{}` has no build context", image.name))
                .because(format!("`{}` is not a folder", root.display()))
                .next(format!("set `images.{}.context` in the pipeline file", image.name)));
        }
        let dockerfile = Dockerfile::read(image)?;
        let entries = walk(&root, &dockerfile.rules()?)?;
        Ok(Context { root, dockerfile, entries })
    }

    /// Hash over Dockerfile, build args, target, platform and context: path, kind, mode, target and content of each entry.
    pub(super) fn digest(&self, image: &Image) -> Result<Digest, Failure> {
        let mut hash = Sha256::new();
        let mut add = |name: &str, value: &[u8]| {
            hash.update(name);
            hash.update((value.len() as u64).to_be_bytes());
            hash.update(value);
        };
        add("inputs", b"1");
        add("dockerfile", self.dockerfile.text.as_bytes());
        for (name, value) in &image.args {
            add("arg", name.as_bytes());
            add("value", value.as_bytes());
        }
        add("target", image.target.as_deref().unwrap_or_default().as_bytes());
        add("platform", image.platform.as_deref().unwrap_or_default().as_bytes());
        add("context", &self.content()?);
        Ok(Digest(format!("sha256:{}", hex(&hash.finalize()))))
    }

    /// Hash over the entries alone.
    fn content(&self) -> Result<[u8; 32], Failure> {
        let contents = self.file_hashes()?;
        let mut hash = Sha256::new();
        for (entry, content) in self.entries.iter().zip(&contents) {
            hash.update((entry.path.len() as u64).to_be_bytes());
            hash.update(&entry.path);
            hash.update(entry.mode.to_be_bytes());
            match &entry.kind {
                Kind::Folder => hash.update(b"d"),
                Kind::File { .. } => {
                    hash.update(b"f");
                    hash.update(content.get().unwrap_or(&[0; 32]));
                }
                Kind::Link { target } => {
                    hash.update(b"l");
                    hash.update((target.len() as u64).to_be_bytes());
                    hash.update(target);
                }
            }
        }
        Ok(hash.finalize().into())
    }

    /// The hash of each file's content, read by as many threads as there are cores.
    fn file_hashes(&self) -> Result<Vec<OnceLock<[u8; 32]>>, Failure> {
        let hashes: Vec<OnceLock<[u8; 32]>> = self.entries.iter().map(|_| OnceLock::new()).collect();
        let next = AtomicUsize::new(0);
        let work = || -> Result<(), Failure> {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(entry) = self.entries.get(at) else { return Ok(()) };
                if matches!(entry.kind, Kind::File { .. }) {
                    let path = self.root.join(&entry.path);
                    let mut hash = Sha256::new();
                    let copied = File::open(&path).and_then(|file| pour(file, &mut hash));
                    copied.map_err(|error| unreadable(&path, &error))?;
                    let _ = hashes[at].set(hash.finalize().into());
                }
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let first = work();
            others.into_iter().fold(first, |all, other| match other.join() {
                Ok(result) => all.and(result),
                Err(_) => Err(Failure::new(Code::Unexpected, "hashing the build context ended early")),
            })
        })?;
        Ok(hashes)
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

fn walk(root: &Path, rules: &Rules) -> Result<Vec<Entry>, Failure> {
    let shared = Arc::new(rules.clone());
    let base = root.to_owned();
    let worth = move |found: &ignore::DirEntry| {
        let Some(path) = relative(&base, found.path()) else { return true };
        let folder = found.file_type().is_some_and(|kind| kind.is_dir());
        !shared.excludes(&path) || (folder && shared.may_keep_below(&path))
    };
    let walk = WalkBuilder::new(root)
        .standard_filters(false)
        .follow_links(false)
        .sort_by_file_name(Ord::cmp)
        .filter_entry(worth)
        .build();
    let mut entries: Vec<Entry> = Vec::new();
    // Folders that are left out themselves, kept in mind for the day an exception keeps something in them.
    let mut waiting: Vec<Entry> = Vec::new();
    for found in walk {
        let found = found.map_err(|error| {
            Failure::new(Code::ContextUnreadable, format!("`{}` cannot be read", root.display())).because(error.to_string())
        })?;
        if found.depth() == 0 {
            continue;
        }
        let Some(path) = relative(root, found.path()) else { continue };
        waiting.retain(|folder| path.strip_prefix(&folder.path).is_some_and(|rest| rest.starts_with('/')));
        let left_out = rules.excludes(&path);
        let Some(entry) = Entry::of(path, found.path())? else { continue };
        if !left_out && found.path().to_str().is_none() {
            return Err(Failure::new(Code::ContextUnreadable, format!("`{}` cannot go into an image", found.path().display()))
                .because("its name is not UTF-8")
                .next("rename it, or leave it out with `.dockerignore`"));
        }
        match (left_out, &entry.kind) {
            (true, Kind::Folder) => waiting.push(entry),
            (true, _) => {}
            (false, _) => {
                entries.append(&mut waiting);
                entries.push(entry);
            }
        }
    }
    Ok(entries)
}

impl Entry {
    fn of(path: String, place: &Path) -> Result<Option<Entry>, Failure> {
        let about = place.symlink_metadata().map_err(|error| unreadable(place, &error))?;
        let kind = match about.file_type() {
            kind if kind.is_dir() => Kind::Folder,
            kind if kind.is_file() => Kind::File { size: about.len() },
            kind if kind.is_symlink() => {
                let target = fs::read_link(place).map_err(|error| unreadable(place, &error))?;
                Kind::Link { target: target.to_string_lossy().into_owned() }
            }
            // Docker leaves sockets out too.
            kind if kind.is_socket() => return Ok(None),
            _ => {
                return Err(Failure::new(Code::ContextUnreadable, format!("`{}` is a device or a pipe", place.display()))
                    .next("leave it out with `.dockerignore`"));
            }
        };
        let modified = std::os::unix::fs::MetadataExt::mtime(&about)
            .saturating_mul(1_000_000_000)
            .saturating_add(std::os::unix::fs::MetadataExt::mtime_nsec(&about));
        Ok(Some(Entry { path, mode: about.permissions().mode() & 0o7777, modified, kind }))
    }
}

fn relative(root: &Path, path: &Path) -> Option<String> {
    Some(path.strip_prefix(root).ok()?.to_string_lossy().into_owned())
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Code::ContextUnreadable, format!("`{}` cannot be read", path.display())).because(error.to_string())
}

/// First 12 hex digits of the hash over the contexts of all images: what names a tree that no repository names.
pub(crate) fn fingerprint(images: &[Image]) -> Result<String, Failure> {
    let mut hash = Sha256::new();
    for image in images {
        let context = Context::read(image)?;
        hash.update(&context.dockerfile.text);
        hash.update(context.content()?);
    }
    Ok(hex(&hash.finalize())[..12].to_owned())
}
