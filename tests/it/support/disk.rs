//! A small disk that can be full: memory, mounted in a mount namespace of its own, which a process holds and takes with it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What is written at a time: the disk gives out no less.
pub const PAGE: usize = 4096;

/// A disk; it is gone when this is dropped, or the test has ended.
pub struct SmallDisk {
    holder: Child,
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl SmallDisk {
    /// An empty one of so many bytes.
    pub fn of(bytes: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mount = "mount -t tmpfs -o size=$0 tmpfs $1 && echo mounted && exec cat";
        let at = folder.path().display().to_string();
        let mut command = Command::new("unshare");
        command.args(["--mount", "--", "sh", "-c", mount, &bytes.to_string(), &at]);
        // `cat` ends when nobody can write to it any more.
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("`unshare` is needed for this test");
        let mut said = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "mounted\n");
        let path = Path::new("/proc").join(holder.id().to_string()).join("root").join(folder.path().strip_prefix("/").unwrap());
        Self { holder, _folder: folder, path }
    }

    /// Where this machine sees it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes all of it but so many pages.
    pub fn fill_but(&self, pages: usize) {
        let mut filler = File::options().create(true).append(true).open(self.filler()).unwrap();
        loop {
            match filler.write_all(&[7; PAGE]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => panic!("{error}"),
            }
        }
        let length = filler.metadata().unwrap().len();
        filler.set_len(length / PAGE as u64 * PAGE as u64 - (pages * PAGE) as u64).unwrap();
    }

    /// Gives back what [`SmallDisk::fill_but`] has taken.
    pub fn make_space(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.path.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ended = self.holder.wait();
    }
}
