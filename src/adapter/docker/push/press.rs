//! A layer's tar into what the registry keeps: cut in blocks, deflated by all hands at once, joined in their order.
//!
//! Each block is a gzip member or zstd frame of its own, which every reader of either format takes one after the other. The
//! same bytes always become the same bytes: [`RECIPE`] names all that decides it, and what is remembered is remembered by it.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use libdeflater::{CompressionLvl, Compressor};
use sha2::{Digest as _, Sha256};
use shipit_core::pipeline::Compression;
use shipit_core::release::Digest;
use tokio_util::bytes::Bytes;

use crate::adapter::content::hex;

/// Bytes of the tar a block.
const BLOCK: usize = 256 << 10;
/// Fast, and still smaller than what the Engine's gzip makes of the usual layers' text.
const DEFLATE_LEVEL: i32 = 3;
const ZSTD_LEVEL: i32 = 3;

/// What decides the bytes: the format, what makes it, its level and the size of a block.
pub(super) fn recipe(how: Compression) -> &'static str {
    match how {
        Compression::Gzip => "gzip-libdeflate1-3-256k",
        Compression::Zstd => "zstd-libzstd1-3-256k",
    }
}

/// A layer as it went out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pressed {
    /// Of the tar.
    pub(super) diff: Digest,
    /// Of what went out.
    pub(super) digest: Digest,
    /// Bytes that went out.
    pub(super) size: u64,
}

/// A block, to be filled again, and what became of it.
type Done = io::Result<(Vec<u8>, Bytes)>;

/// A block and where it goes when it is done.
struct Job {
    block: Vec<u8>,
    how: Compression,
    back: SyncSender<Done>,
}

/// Threads that deflate, one a core; they end with the last handle.
#[derive(Clone)]
pub(super) struct Hands {
    jobs: Sender<Job>,
    count: usize,
}

impl Hands {
    pub(super) fn new() -> io::Result<Self> {
        let count = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let (jobs, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..count {
            let waiting = Arc::clone(&waiting);
            std::thread::Builder::new().name("deflate".to_owned()).spawn(move || work(&waiting))?;
        }
        Ok(Self { jobs, count })
    }

    /// Reads a tar to its end and hands on what becomes of it, in order.
    ///
    /// # Errors
    /// What reading or handing on says.
    pub(super) fn press(
        &self,
        mut tar: impl Read,
        how: Compression,
        mut out: impl FnMut(Bytes) -> io::Result<()>,
    ) -> io::Result<Pressed> {
        let (mut diff, mut digest, mut size) = (Sha256::new(), Sha256::new(), 0);
        let mut underway: VecDeque<Receiver<Done>> = VecDeque::new();
        let mut free: Vec<Vec<u8>> = Vec::new();
        let mut is_over = false;
        let mut blocks = 0;
        while !is_over || !underway.is_empty() {
            if !is_over && underway.len() <= self.count {
                let mut block = free.pop().unwrap_or_default();
                fill(&mut tar, &mut block)?;
                is_over = block.len() < BLOCK;
                // Nothing at all is still one block: an empty file is no gzip.
                if !block.is_empty() || blocks == 0 {
                    blocks += 1;
                    diff.update(&block);
                    let (back, done) = sync_channel(1);
                    self.jobs.send(Job { block, how, back }).map_err(|_| io::Error::other("nobody deflates any more"))?;
                    underway.push_back(done);
                }
                continue;
            }
            let Some(next) = underway.pop_front() else { break };
            let (block, pressed) = next.recv().map_err(|_| io::Error::other("deflating ended early"))??;
            free.push(block);
            digest.update(&pressed);
            size += pressed.len() as u64;
            out(pressed)?;
        }
        Ok(Pressed { diff: of(diff), digest: of(digest), size })
    }
}

fn of(hash: Sha256) -> Digest {
    Digest(format!("sha256:{}", hex(&hash.finalize())))
}

fn fill(from: &mut impl Read, block: &mut Vec<u8>) -> io::Result<()> {
    block.clear();
    block.reserve_exact(BLOCK);
    from.take(BLOCK as u64).read_to_end(block).map(drop)
}

fn work(waiting: &Mutex<Receiver<Job>>) {
    let mut deflate = Compressor::new(CompressionLvl::new(DEFLATE_LEVEL).unwrap_or_default());
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { block, how, back }) = job else { return };
        let pressed = match how {
            Compression::Gzip => gzip(&mut deflate, &block),
            Compression::Zstd => zstd::bulk::compress(&block, ZSTD_LEVEL),
        };
        // Who asked may have given up.
        let _ = back.send(pressed.map(|pressed| (block, Bytes::from(pressed))));
    }
}

fn gzip(deflate: &mut Compressor, block: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = vec![0; deflate.gzip_compress_bound(block.len())];
    let length = deflate.gzip_compress(block, &mut out).map_err(|error| io::Error::other(error.to_string()))?;
    out.truncate(length);
    out.shrink_to_fit();
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::adapter::content::digest_of;

    fn pressed(tar: &[u8], how: Compression) -> (Pressed, Vec<u8>) {
        let mut out = Vec::new();
        let hands = Hands::new().unwrap();
        let pressed = hands.press(tar, how, |piece| {
            out.extend_from_slice(&piece);
            Ok(())
        });
        (pressed.unwrap(), out)
    }

    fn unpressed(bytes: &[u8], how: Compression) -> Vec<u8> {
        let mut all = Vec::new();
        match how {
            Compression::Gzip => flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut all).unwrap(),
            Compression::Zstd => zstd::Decoder::new(bytes).unwrap().read_to_end(&mut all).unwrap(),
        };
        all
    }

    /// Text with noise in it, as long as told.
    fn content(length: usize, seed: u64) -> Vec<u8> {
        let mut state = seed | 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u8::try_from(state >> 56).unwrap()
        };
        (0..length).map(|at| if at / 1000 % 2 == 0 { next() } else { b'a' + next() % 4 }).collect()
    }

    #[test]
    fn what_is_pressed_comes_out_again_and_is_named_rightly() {
        for how in [Compression::Gzip, Compression::Zstd] {
            for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 7 * BLOCK + 5] {
                let tar = content(length, 7);
                let (told, bytes) = pressed(&tar, how);
                assert_eq!(unpressed(&bytes, how), tar, "{how:?} {length}");
                assert_eq!(told, Pressed { diff: digest_of(&tar), digest: digest_of(&bytes), size: bytes.len() as u64 });
                assert_eq!(pressed(&tar, how).1, bytes, "the same again");
            }
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_recipe() {
        // Other bytes than these need another recipe: what was remembered by this one would be sent twice.
        let known = |how| pressed(&content(3 * BLOCK, 1), how).0.digest.0;
        insta::assert_snapshot!(format!(
            "{} {}\n{} {}",
            recipe(Compression::Gzip),
            known(Compression::Gzip),
            recipe(Compression::Zstd),
            known(Compression::Zstd)
        ));
    }

    #[test]
    fn who_cannot_take_more_ends_it() {
        let hands = Hands::new().unwrap();
        let gone = |_| Err(io::ErrorKind::BrokenPipe.into());
        let ended = hands.press(Cursor::new(content(9 * BLOCK, 3)), Compression::Gzip, gone);
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn any_length_comes_out_again() {
        // As many as this, whatever `PROPTEST_CASES` says: each is up to three blocks.
        let mut runner = TestRunner::new(ProptestConfig { cases: 16, ..ProptestConfig::default() });
        let ended = runner.run(&(0..3 * BLOCK, any::<u64>()), |(length, seed)| {
            let tar = content(length, seed);
            prop_assert_eq!(unpressed(&pressed(&tar, Compression::Gzip).1, Compression::Gzip), tar);
            Ok(())
        });
        ended.unwrap_or_else(|error| panic!("{error}"));
    }
}
