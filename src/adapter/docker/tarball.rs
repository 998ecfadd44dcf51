//! The context as a tar stream, made while it is sent: never whole in memory.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use futures_util::{Stream, stream};
use tar::{Builder, EntryType, Header};
use tokio::sync::mpsc;
use tokio_util::bytes::Bytes;

use super::context::Context;
use super::walk::{Entry, Kind};

/// Bytes that may wait for the Engine.
const WAITING: usize = 8;
const PIECE: usize = 128 * 1024;

/// What goes in beside the entries: path and text.
pub(super) type Extra = Vec<(String, String)>;

/// Starts writing; ends with an error, noted in `failed` too, when a file cannot be read as it was found.
pub(super) fn stream(
    context: Arc<Context>,
    extra: Extra,
    failed: Arc<OnceLock<String>>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let (to, from) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let pipe = io::BufWriter::with_capacity(PIECE, Pipe(to.clone()));
        if let Err(error) = write(&context, &extra, pipe) {
            if error.kind() != io::ErrorKind::BrokenPipe {
                failed.get_or_init(|| error.to_string());
            }
            // Nobody listens any more when the build has ended early.
            let _ = to.blocking_send(Err(error));
        }
    });
    stream::unfold(from, |mut from| async { from.recv().await.map(|piece| (piece, from)) })
}

fn write(context: &Context, extra: &Extra, to: impl Write) -> io::Result<()> {
    let mut tar = Builder::new(to);
    for entry in context.entries.iter().filter(|entry| !extra.iter().any(|(path, _)| *path == entry.path)) {
        append(&mut tar, &context.root, entry)?;
    }
    for (path, text) in extra {
        let mut header = header(EntryType::Regular, 0o644, 0);
        header.set_size(text.len() as u64);
        tar.append_data(&mut header, path, text.as_bytes())?;
    }
    tar.into_inner()?.flush()
}

fn append(tar: &mut Builder<impl Write>, root: &Path, entry: &Entry) -> io::Result<()> {
    match &entry.kind {
        Kind::Folder => {
            let mut header = header(EntryType::Directory, entry.mode, entry.modified);
            tar.append_data(&mut header, &entry.path, io::empty())
        }
        Kind::Link { target } => {
            let mut header = header(EntryType::Symlink, entry.mode, entry.modified);
            tar.append_link(&mut header, &entry.path, target)
        }
        Kind::File { size } => {
            let path = root.join(&entry.path);
            let named = |error: io::Error| io::Error::new(error.kind(), format!("`{}`: {error}", path.display()));
            let mut header = header(EntryType::Regular, entry.mode, entry.modified);
            header.set_size(*size);
            let mut file = File::open(&path).map_err(named)?.take(*size);
            tar.append_data(&mut header, &entry.path, &mut file).map_err(named)?;
            match file.limit() {
                0 => Ok(()),
                _ => Err(io::Error::other(format!("`{}` became shorter while it was sent", path.display()))),
            }
        }
    }
}

fn header(kind: EntryType, mode: u32, modified: i64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(u64::try_from(modified / 1_000_000_000).unwrap_or_default());
    header.set_size(0);
    header
}

struct Pipe(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pipe {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.0.blocking_send(Ok(Bytes::copy_from_slice(piece))).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
