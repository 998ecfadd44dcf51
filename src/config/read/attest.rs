//! `attest:` and `verify:`.

use shipit_core::attest::{Attestation, Required};

use super::field::Field;
use super::value::Bad;
use super::{Reading, value};
use crate::config::complaint::Complaint;

/// The words of `attest:`.
const ATTESTATIONS: &[(&str, Attestation)] = &[("sbom", Attestation::Sbom), ("provenance", Attestation::Provenance)];

/// What is told about every image; nothing unless it is asked for.
pub(super) fn attest(field: Option<Field<'_>>, reading: &mut Reading<'_>) -> Option<Vec<Attestation>> {
    each(field, reading, |text| value::word(text, ATTESTATIONS))
}

/// What every image must have; nothing unless it is asked for.
pub(super) fn verify(field: Option<Field<'_>>, reading: &mut Reading<'_>) -> Option<Vec<Required>> {
    each(field, reading, required)
}

fn each<T: PartialEq>(
    field: Option<Field<'_>>,
    reading: &mut Reading<'_>,
    meaning: impl Fn(&str) -> Result<T, Bad>,
) -> Option<Vec<T>> {
    let Some(field) = field else { return Some(Vec::new()) };
    let mut all = Vec::new();
    for item in field.items(reading)? {
        let Some(read) = item.read(reading, &meaning) else { continue };
        if all.contains(&read.value) {
            reading.complain(Complaint::new(read.place, format!("`{}` is there already", item.path)));
        } else {
            all.push(read.value);
        }
    }
    Some(all)
}

/// One of ours, or any artifact type, which is a media type.
fn required(text: &str) -> Result<Required, Bad> {
    let is_token =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte));
    match text.split_once('/') {
        Some((kind, name)) if is_token(kind) && is_token(name) => Ok(Required::Artifact(text.to_owned())),
        Some(_) => {
            Err(Bad::new(format!("is not an artifact type: `{text}`"))
                .help("write it as `application/vnd.cncf.notary.signature`"))
        }
        None => value::word(text, ATTESTATIONS).map(Required::Told),
    }
}
