//! The loop that looks into the layers of images whose scan was asked for. The look is real I/O, away from the lock; when a
//! scan counts as over is for [`super::scan`] to say.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::image::{Image, Parts};
use super::repository::disk;
use super::scan::{Outcome, Scan, Verdict};
use super::scanning::{Frequency, Mode};
use crate::error::AwsError;
use crate::loops::Loops;
use crate::registry::store::{Store, digest_of};
use crate::scanner::{Advisories, Inventory, Layer, findings, inventory};
use crate::state::{Shared, State};

/// A look into an image that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The repository.
    pub repository: String,
    /// The image.
    pub digest: String,
    /// Its layers, lowest first; none of an index or an artifact.
    pub layers: Option<Vec<String>>,
    /// The advisories to look with.
    pub edition: u64,
}

/// Looks at what is due until the sandbox stops.
pub async fn watch(loops: Loops) {
    let mut changes = loops.shared.changes();
    loop {
        let due = loops.shared.lock().due_looks();
        for look in due {
            let shared = Arc::clone(&loops.shared);
            let done = tokio::task::spawn_blocking(move || look_and_tell(&shared, look)).await;
            if done.is_err() || loops.stop.is_cancelled() {
                return;
            }
        }
        tokio::select! {
            () = loops.stop.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
        }
    }
}

fn look_and_tell(shared: &Shared, look: Look) {
    let folder = shared.lock().folder.clone();
    let outcome = look.outcome(&folder);
    shared.lock().looked(&look, &outcome);
    shared.ring();
}

impl Look {
    /// Looks into the layers and matches what is there with the advisories.
    pub fn outcome(&self, folder: &Path) -> Outcome {
        let store = Store::new(folder);
        let advisories = match Advisories::read(&advisories_folder(folder)) {
            Ok(advisories) => advisories,
            Err(why) => return self.with(Verdict::Failed(why)),
        };
        let Some(layers) = &self.layers else {
            return self.with(Verdict::Unsupported);
        };
        let verdict = match self.inventory(&store, layers) {
            Err(why) => Verdict::Failed(why),
            Ok(Inventory::Unsupported) => Verdict::Unsupported,
            Ok(Inventory::Installed { system, layer, packages }) => {
                let findings = findings(&system, &packages, &advisories);
                Verdict::Scanned { system, layer, findings }
            }
        };
        self.with(verdict)
    }

    fn with(&self, verdict: Verdict) -> Outcome {
        Outcome { edition: self.edition, verdict }
    }

    /// Layers never change, so what is in them is kept.
    fn inventory(&self, store: &Store, layers: &[String]) -> Result<Inventory, String> {
        if let Some(known) = store.load_inventory(&self.digest) {
            return Ok(known);
        }
        let layers: Vec<Layer> = layers.iter().map(|digest| Layer { digest: digest.clone(), path: store.blob(digest) }).collect();
        let found = inventory(&layers).map_err(|error| error.to_string())?;
        // What cannot be kept is looked at again.
        let _ = store.save_inventory(&self.digest, &found);
        Ok(found)
    }
}

impl State {
    /// The looks that are due: scans without an outcome, and continuous ones whose advisories have become old.
    pub fn due_looks(&self) -> Vec<Look> {
        let edition = self.ecr.edition;
        let mut due = Vec::new();
        for (name, repository) in &self.ecr.repositories {
            let mode = self.ecr.scanning.mode(name, repository.scan_on_push);
            let is_due = |image: &Image| {
                let open = |scan: &Option<Scan>| scan.as_ref().is_some_and(|scan| scan.outcome.is_none());
                let old = |scan: &Option<Scan>| {
                    let outcome = scan.as_ref().and_then(|scan| scan.outcome.as_ref());
                    outcome.is_some_and(|outcome| outcome.edition < edition)
                };
                let continuous = mode == Mode::Enhanced(Frequency::ContinuousScan);
                open(&image.basic) || open(&image.enhanced) || continuous && old(&image.enhanced)
            };
            for (digest, image) in repository.contents.images.iter().filter(|(_, image)| is_due(image)) {
                let layers = match &image.parts {
                    Parts::Layers(layers) => Some(layers.clone()),
                    Parts::Artifact | Parts::Manifests(_) => None,
                };
                let (repository, digest) = (name.clone(), digest.clone());
                due.push(Look { repository, digest, layers, edition });
            }
        }
        due
    }

    /// A look is over: scans that wait for one have it; one that has an outcome keeps it unless it is continuous.
    pub fn looked(&mut self, look: &Look, outcome: &Outcome) {
        let Some(repository) = self.ecr.repositories.get_mut(&look.repository) else {
            return;
        };
        let mode = self.ecr.scanning.mode(&look.repository, repository.scan_on_push);
        let Some(image) = repository.contents.images.get_mut(&look.digest) else {
            return;
        };
        if let Some(scan) = &mut image.basic {
            scan.outcome.get_or_insert_with(|| outcome.clone());
        }
        if let Some(scan) = &mut image.enhanced {
            if mode == Mode::Enhanced(Frequency::ContinuousScan) {
                scan.outcome = Some(outcome.clone());
            } else {
                scan.outcome.get_or_insert_with(|| outcome.clone());
            }
        }
    }

    /// Adds OSV advisories, one or a list of them: later scans know them, continuous scans look again.
    ///
    /// # Errors
    /// InvalidParameterException when the text is not in OSV's format; ServerException when the disk does not take it.
    pub fn add_advisories(&mut self, text: &str) -> Result<(), AwsError> {
        let parsed = Advisories::parse(text)
            .map_err(|why| AwsError::new("InvalidParameterException", format!("not an OSV advisory: {why}")))?;
        let ids: BTreeSet<&str> = parsed.list.iter().map(|osv| osv.id.as_str()).collect();
        let name = digest_of(ids.into_iter().collect::<Vec<_>>().join(" ").as_bytes());
        self.write_advisories(&name.replace(':', "-"), text).map_err(|error| disk(&error))?;
        self.ecr.edition += 1;
        Ok(())
    }

    fn write_advisories(&self, name: &str, text: &str) -> io::Result<()> {
        let path = advisories_folder(&self.folder).join(format!("{name}.json"));
        self.store().write(&path, text.as_bytes())
    }
}

/// Where a sandbox's advisories lie: `*.json`, each one OSV advisory or a list of them.
pub fn advisories_folder(folder: &Path) -> PathBuf {
    folder.join("advisories")
}
