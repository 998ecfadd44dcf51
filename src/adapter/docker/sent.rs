//! A file of the context on its way to the Engine: what is sent is what the key was made of, or nothing is built.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use sha1::{Digest as _, Sha1};
use shipit_core::failure::{Code, Failure};

use super::contents::{self, Id};
use super::context::changed;

/// Reads a file to its end, and fails there when it was not what it should be.
pub(super) struct Sent {
    file: File,
    hash: Sha1,
    expected: Id,
}

impl Sent {
    /// The file that must have this content.
    pub(super) fn open(path: &Path, expected: Id) -> io::Result<Sent> {
        let file = File::open(path)?;
        let hash = contents::begin(file.metadata()?.len());
        Ok(Sent { file, hash, expected })
    }
}

impl Read for Sent {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(piece)?;
        self.hash.update(&piece[..length]);
        if length == 0 && !piece.is_empty() && Id::from(self.hash.clone().finalize()) != self.expected {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it changed while it was sent"));
        }
        Ok(length)
    }
}

/// Why the context could not be sent, from where it is known to where it is told.
#[derive(Clone, Default)]
pub(super) struct Unsent(Arc<OnceLock<(io::ErrorKind, String)>>);

impl Unsent {
    /// The first reason counts.
    pub(super) fn note(&self, error: &io::Error) {
        self.0.get_or_init(|| (error.kind(), error.to_string()));
    }

    /// What was noted.
    pub(super) fn told(&self, image: &str) -> Option<Failure> {
        let (kind, why) = self.0.get()?;
        Some(match kind {
            io::ErrorKind::InvalidData => changed(image, why),
            _ => Failure::new(Code::ContextUnreadable, format!("the build context of `{image}` cannot be read")).because(why),
        })
    }
}
