//! The forms in which a value is written: as it is, trimmed, in base64 wherever it stands in a longer text, in hexadecimal,
//! percent-encoded, inside of JSON.

use std::collections::BTreeSet;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// So much of a value tells it from any other text; the rest of a longer one is not compared.
const LONGEST: usize = 1024;

/// All forms of a value, each once; empty for an empty one.
pub fn forms(value: &[u8]) -> BTreeSet<Vec<u8>> {
    let value = value.trim_ascii();
    let value = &value[..value.len().min(LONGEST)];
    let mut forms = BTreeSet::from([value.to_vec(), percent(value), json(value), hex(value), hex(value).to_ascii_uppercase()]);
    for alphabet in [STANDARD, URL] {
        forms.extend((0..3).map(|before| base64(value, before, alphabet)));
    }
    forms.retain(|form| form.len() >= value.len() && !form.is_empty());
    forms
}

/// The lines in which tools print a whole value that is longer than one: `base64` 76 digits a line, `openssl base64` 64,
/// `xxd -p` 60.
pub fn lines(value: &[u8]) -> BTreeSet<Vec<u8>> {
    let value = value.trim_ascii();
    let printed = [(base64(value, 0, STANDARD), 76), (base64(value, 0, STANDARD), 64), (hex(value), 60)];
    printed.iter().flat_map(|(digits, width)| digits.chunks(*width).map(<[u8]>::to_vec)).collect()
}

/// The digits that the value alone decides when `before` other bytes, modulo three, stand in front of it.
fn base64(value: &[u8], before: usize, alphabet: &[u8; 64]) -> Vec<u8> {
    let bytes: Vec<u8> = std::iter::repeat_n(0, before).chain(value.iter().copied()).collect();
    let bit = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
    let first = (before * 8).div_ceil(6);
    let digit = |at: usize| (0..6).fold(0, |digit, of| digit << 1 | usize::from(bit(at * 6 + of)));
    (first..bytes.len() * 8 / 6).map(|at| alphabet[digit(at)]).collect()
}

fn hex(value: &[u8]) -> Vec<u8> {
    value.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

fn percent(value: &[u8]) -> Vec<u8> {
    let encoded = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' => vec![*byte],
        other => format!("%{other:02X}").into_bytes(),
    };
    value.iter().flat_map(encoded).collect()
}

fn json(value: &[u8]) -> Vec<u8> {
    let quoted = serde_json::Value::from(String::from_utf8_lossy(value)).to_string();
    quoted.as_bytes()[1..quoted.len() - 1].to_vec()
}

#[cfg(test)]
pub(super) mod tests {
    /// The whole text in base64, with its padding.
    pub(crate) fn whole(text: &[u8]) -> String {
        let mut done = String::new();
        for three in text.chunks(3) {
            let bits = three.iter().chain([0, 0].iter()).take(3).fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
            let digits =
                (0..4).map(|at| if at <= three.len() { char::from(super::STANDARD[bits >> (18 - 6 * at) & 63]) } else { '=' });
            done.extend(digits);
        }
        done
    }

    #[test]
    fn base64_is_what_others_write() {
        for (text, written) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(whole(text.as_bytes()), written, "RFC 4648, 10");
        }
    }
}
