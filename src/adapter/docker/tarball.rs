//! The context as a tar stream, made while it is sent: never whole in memory.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use futures_util::{Stream, stream};
use tar::{Builder, EntryType, Header};
use tokio::sync::mpsc;
use tokio_util::bytes::Bytes;

use super::contents::Id;
use super::context::Context;
use super::sent::{Sent, Unsent};
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
    failed: Unsent,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let (to, from) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let pipe = io::BufWriter::with_capacity(PIECE, Pipe(to.clone()));
        if let Err(error) = write(&context, &extra, pipe) {
            if error.kind() != io::ErrorKind::BrokenPipe {
                failed.note(&error);
            }
            // Nobody listens any more when the build has ended early.
            let _ = to.blocking_send(Err(error));
        }
    });
    stream::unfold(from, |mut from| async { from.recv().await.map(|piece| (piece, from)) })
}

fn write(context: &Context, extra: &Extra, to: impl Write) -> io::Result<()> {
    let mut tar = Builder::new(to);
    let entries = context.entries.iter().zip(&context.contents);
    for (entry, id) in entries.filter(|(entry, _)| !extra.iter().any(|(path, _)| *path == entry.path)) {
        append(&mut tar, &context.root, entry, id.unwrap_or_default())?;
    }
    for (path, text) in extra {
        let mut header = header(EntryType::Regular, 0o644, 0);
        header.set_size(text.len() as u64);
        tar.append_data(&mut header, path, text.as_bytes())?;
    }
    tar.into_inner()?.flush()
}

fn append(tar: &mut Builder<impl Write>, root: &Path, entry: &Entry, id: Id) -> io::Result<()> {
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
            // It ends where its size says, or with an error: one that became longer is another.
            tar.append_data(&mut header, &entry.path, Sent::open(&path, id).map_err(named)?).map_err(named)
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
