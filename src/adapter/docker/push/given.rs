//! An image as the Engine gives it out: one archive, in which layers come in an order of their own.
//!
//! Engines up to 24 name a layer's folder by an id of long ago, made of the chain of layers up to it; newer ones by its hash.

use std::collections::BTreeMap;
use std::io::{self, Read};

use serde_json::json;
use sha2::{Digest as _, Sha256};
use shipit_core::release::Digest;

use crate::adapter::content::{digest_of, hex};

/// No configuration is larger.
const LARGEST_CONFIG: u64 = 16 << 20;

/// What is looked for in an archive.
pub(super) struct Given {
    image: Digest,
    diffs: Vec<Digest>,
    /// The layer of each folder but the highest layer's, whose id has the image's whole configuration in it.
    named: BTreeMap<String, Digest>,
}

impl Given {
    /// The image of that id with these layers, lowest first.
    pub(super) fn new(image: Digest, diffs: Vec<Digest>) -> Self {
        let named = folders(&diffs[..diffs.len().saturating_sub(1)]).into_iter().zip(diffs.iter().cloned()).collect();
        Self { image, diffs, named }
    }

    /// Reads an archive, and has `layer` read what it wants of each layer's tar. Answers the image's configuration.
    ///
    /// # Errors
    /// What reading says, or `layer`; `InvalidData` for an archive without the image's configuration.
    pub(super) fn read(
        &self,
        archive: impl Read,
        mut layer: impl FnMut(&Digest, &mut dyn Read) -> io::Result<()>,
    ) -> io::Result<Vec<u8>> {
        let mut config = None;
        for entry in tar::Archive::new(archive).entries()? {
            let mut entry = entry?;
            // A layer that comes twice in an image is a link the second time.
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let path = entry.path()?.to_string_lossy().into_owned();
            if self.is_config(&path) && entry.size() <= LARGEST_CONFIG {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                config = Some(bytes).filter(|bytes| digest_of(bytes) == self.image).or(config);
            } else if let Some(diff) = self.layer_at(&path) {
                layer(diff, &mut entry)?;
            }
        }
        config.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the Engine gives the image out in an unknown form"))
    }

    fn is_config(&self, path: &str) -> bool {
        let digits = self.image.0.trim_start_matches("sha256:");
        path.strip_suffix(".json") == Some(digits) || path.strip_prefix("blobs/sha256/") == Some(digits)
    }

    fn layer_at(&self, path: &str) -> Option<&Digest> {
        if let Some(digits) = path.strip_prefix("blobs/sha256/") {
            return self.diffs.iter().find(|diff| diff.0.trim_start_matches("sha256:") == digits);
        }
        let folder = path.strip_suffix("/layer.tar")?;
        self.named.get(folder).or_else(|| self.diffs.last())
    }
}

/// The folder of each layer below the highest, as `docker save` names them.
fn folders(diffs: &[Digest]) -> Vec<String> {
    let config = json!({
        "Hostname": "", "Domainname": "", "User": "", "AttachStdin": false, "AttachStdout": false, "AttachStderr": false,
        "Tty": false, "OpenStdin": false, "StdinOnce": false, "Env": null, "Cmd": null, "Image": "", "Volumes": null,
        "WorkingDir": "", "Entrypoint": null, "OnBuild": null, "Labels": null,
    });
    let mut folders: Vec<String> = Vec::new();
    let mut chain: Option<String> = None;
    for diff in diffs {
        let above = match &chain {
            None => diff.0.clone(),
            Some(below) => format!("sha256:{}", hex(&Sha256::digest(format!("{below} {diff}")))),
        };
        let mut id = json!({"container_config": config, "created": "1970-01-01T00:00:00Z", "layer_id": above});
        if let Some(parent) = folders.last() {
            id["parent"] = format!("sha256:{parent}").into();
        }
        folders.push(hex(&Sha256::digest(id.to_string())));
        chain = Some(above);
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, bytes) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, path, *bytes).unwrap();
        }
        tar.into_inner().unwrap()
    }

    /// Which layers come, by the bytes that come for them.
    fn read(given: &Given, entries: &[(&str, &[u8])]) -> io::Result<Vec<(Digest, Vec<u8>)>> {
        let mut seen = Vec::new();
        given.read(archive(entries).as_slice(), |diff, tar| {
            let mut bytes = Vec::new();
            tar.read_to_end(&mut bytes)?;
            seen.push((diff.clone(), bytes));
            Ok(())
        })?;
        Ok(seen)
    }

    #[test]
    fn folders_are_named_as_the_engine_names_them() {
        // An image that an Engine 20.10 saved: the folder of its lowest layer.
        let diff = Digest("sha256:d51753a2ed073f7a8e10aceef65182ff0026be1635466b1b585859157cc54a78".to_owned());
        assert_eq!(folders(&[diff]), ["4768c170c5d0accb93ffd9e4607635f6f63423e85aad501391a404f37ad50e81"]);
    }

    #[test]
    fn layers_are_known_by_their_folder_or_their_hash() {
        let (low, high, config) = (digest_of(b"low"), digest_of(b"high"), b"{}");
        let given = Given::new(digest_of(config), vec![low.clone(), high.clone()]);
        let [folder] = folders(std::slice::from_ref(&low)).try_into().unwrap();
        let digits = |digest: &Digest| digest.0.trim_start_matches("sha256:").to_owned();
        let old = [
            (format!("{}/layer.tar", digits(&digest_of(b"any"))), &b"high"[..]),
            (format!("{}.json", digits(&digest_of(config))), config),
            (format!("{folder}/layer.tar"), b"low"),
            ("manifest.json".to_owned(), b"[]"),
        ];
        let new = [
            (format!("blobs/sha256/{}", digits(&high)), &b"high"[..]),
            (format!("blobs/sha256/{}", digits(&low)), b"low"),
            (format!("blobs/sha256/{}", digits(&digest_of(config))), config),
        ];
        for entries in [&old[..], &new[..]] {
            let entries: Vec<(&str, &[u8])> = entries.iter().map(|(path, bytes)| (path.as_str(), *bytes)).collect();
            assert_eq!(read(&given, &entries).unwrap(), [(high.clone(), b"high".to_vec()), (low.clone(), b"low".to_vec())]);
        }
        let other = read(&given, &[("0.tar", b"low")]).unwrap_err();
        assert_eq!(other.kind(), io::ErrorKind::InvalidData);
    }
}
