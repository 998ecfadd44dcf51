//! A wrong clock: AWS does not accept what was signed more than five minutes away from its own time.

use jiff::civil::DateTime;
use shipit_core::failure::{Code, Failure};

/// Codes that say so by themselves; the signature's codes do by their text.
const CODES: &[&str] = &["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"];
const SIGNATURE: &[&str] = &["InvalidSignature", "SignatureDoesNotMatch"];

/// The failure, if the answer says that the clock is wrong.
pub(super) fn failure(code: &str, message: &str) -> Option<Failure> {
    let by_text = || ["Signature expired", "Signature not yet current"].iter().any(|text| message.contains(text));
    let signature = SIGNATURE.iter().any(|known| code.starts_with(known));
    let told = CODES.contains(&code) || (signature && by_text());
    if !told {
        return None;
    }
    let what = match difference(message) {
        Some(minutes) if minutes < 0 => format!("this machine's clock is {} min behind AWS's", -minutes),
        Some(minutes) => format!("this machine's clock is {minutes} min ahead of AWS's"),
        None => "this machine's clock does not agree with AWS's".to_owned(),
    };
    let because = if message.is_empty() { code.to_owned() } else { format!("{code}: {message}") };
    Some(
        Failure::new(Code::ClockSkew, what)
            .because(because)
            .next("set it: `timedatectl set-ntp true`, or `sudo chronyc makestep`; in a virtual machine restart its time service")
            .next("then run the same command again"),
    )
}

/// Minutes between the signature's time and AWS's: `Signature expired: <ours> is now earlier than <limit> (<AWS's> - 5 min.)`.
fn difference(message: &str) -> Option<i64> {
    let words = message.split(|c: char| !c.is_ascii_alphanumeric());
    let mut times = words.filter_map(|word| DateTime::strptime("%Y%m%dT%H%M%SZ", word).ok());
    let ours = times.next()?;
    let theirs = times.next_back()?;
    let minutes = ours.duration_since(theirs).as_mins();
    (minutes != 0).then_some(minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_told_from_a_wrong_key_and_by_how_much() {
        let behind = "Signature expired: 20261121T061500Z is now earlier than 20261121T063000Z (20261121T063500Z - 5 min.)";
        let ahead =
            "Signature not yet current: 20261121T070500Z is still later than 20261121T064000Z (20261121T063500Z + 5 min.)";
        for (code, message, what) in [
            ("InvalidSignatureException", behind, "this machine's clock is 20 min behind AWS's"),
            ("SignatureDoesNotMatch", ahead, "this machine's clock is 30 min ahead of AWS's"),
            ("RequestTimeTooSkewed", "The difference is too large.", "this machine's clock does not agree with AWS's"),
            ("RequestExpired", "", "this machine's clock does not agree with AWS's"),
            ("RequestInTheFuture", "20261121T061500Z", "this machine's clock does not agree with AWS's"),
        ] {
            let told = failure(code, message).unwrap();
            assert_eq!((told.code, told.what.as_str()), (Code::ClockSkew, what));
            assert!(told.because[0].starts_with(code));
        }
        assert!(failure("InvalidSignatureException", "The request signature we calculated does not match").is_none());
        assert!(failure("ExpiredTokenException", behind).is_none());
    }
}
