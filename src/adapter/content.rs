//! Hashing what files hold.

use std::fmt::Write as _;
use std::io::{self, Read};

use sha2::{Digest, Sha256};

/// Feeds everything there is to read into the hash.
///
/// # Errors
/// What reading says.
pub(super) fn pour(mut from: impl Read, into: &mut Sha256) -> io::Result<()> {
    let mut piece = vec![0; 64 * 1024];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => into.update(&piece[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// `sha256:…` of some bytes.
pub(super) fn digest_of(bytes: &[u8]) -> shipit_core::release::Digest {
    shipit_core::release::Digest(format!("sha256:{}", hex(&Sha256::digest(bytes))))
}
