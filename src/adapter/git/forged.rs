//! For tests: an index that says something else than git would.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use git2::Repository;
pub(crate) use git2::{IndexEntry, IndexTime};

/// What the index says of a file becomes that it was just looked at, then `change`; it keeps the content that it had.
pub(crate) fn forge(root: &Path, path: &str, change: impl FnOnce(&mut IndexEntry)) {
    let about = root.join(path).metadata().unwrap();
    let mut index = Repository::open(root).unwrap().index().unwrap();
    let mut entry = index.get_path(Path::new(path), 0).unwrap();
    let time = |seconds, nanoseconds| IndexTime::new(i32::try_from(seconds).unwrap(), u32::try_from(nanoseconds).unwrap());
    entry.mtime = time(about.mtime(), about.mtime_nsec());
    entry.ctime = time(about.ctime(), about.ctime_nsec());
    (entry.ino, entry.file_size) = ((about.ino() & 0xffff_ffff) as u32, u32::try_from(about.len()).unwrap());
    change(&mut entry);
    index.add(&entry).unwrap();
    index.write().unwrap();
}
