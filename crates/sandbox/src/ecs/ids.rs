//! Ids in AWS's shapes, made of the sandbox's counter: they never repeat within a sandbox and look as real ones do.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::state::State;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn digest(state: &mut State) -> [u8; 32] {
    let number = state.next();
    let seed = format!("{}/{}/{number}", state.account, state.clock.virtual0);
    Sha256::digest(seed.as_bytes()).into()
}

/// 32 hex digits: a task, an attachment.
pub(super) fn hex32(state: &mut State) -> String {
    digest(state)[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A UUID as events and containers carry it.
pub(crate) fn uuid(state: &mut State) -> String {
    let hex = hex32(state);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// 19 digits without a leading zero: a deployment (`ecs-svc/<digits>`), a service revision.
pub(super) fn digits19(state: &mut State) -> u64 {
    const LEAST: u64 = 1_000_000_000_000_000_000;
    let bytes = digest(state);
    let mut first = [0; 8];
    first.copy_from_slice(&bytes[..8]);
    LEAST + u64::from_be_bytes(first) % (8 * LEAST)
}

/// 21 letters and digits: a service deployment.
pub(crate) fn letters21(state: &mut State) -> String {
    digest(state)[..21].iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect()
}

/// 43 letters, digits, hyphens and underscores: the id of a lifecycle hook.
pub(super) fn token43(state: &mut State) -> String {
    URL_SAFE_NO_PAD.encode(digest(state))
}

/// The private address that the n-th task shows: `10.0.x.y`, never the network's or a subnet's reserved first four.
pub(super) fn address(number: u64) -> String {
    let place = number % (255 * 250);
    format!("10.0.{}.{}", place / 250, place % 250 + 5)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::clock::Clock;

    #[test]
    fn ids_have_awss_shapes_and_never_repeat() {
        let mut state = State::new("1".into(), "r".into(), Clock::start(1.0), "/nowhere".into());
        let mut seen = BTreeSet::new();
        for _ in 0..1000 {
            let (hex, uuid, letters) = (hex32(&mut state), uuid(&mut state), letters21(&mut state));
            let digits = digits19(&mut state).to_string();
            assert_eq!((hex.len(), uuid.len(), letters.len(), digits.len()), (32, 36, 21, 19));
            assert!(seen.insert(hex) && seen.insert(uuid) && seen.insert(letters) && seen.insert(digits));
        }
    }

    #[test]
    fn addresses_are_distinct_and_usable() {
        let all: BTreeSet<String> = (0..255 * 250).map(address).collect();
        assert_eq!(all.len(), 255 * 250);
        assert!(all.iter().all(|address| address.parse::<std::net::Ipv4Addr>().is_ok()));
    }
}
