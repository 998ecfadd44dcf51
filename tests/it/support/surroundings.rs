//! What stands around a deploy: the source tree, the account, the journal's disk, the address that smoke asks.

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use serde_json::{Value, json};
use shipit::port::{Account, Dirty, PortResult, Probe, Source, SourceWish, Store, Taken};
use shipit_core::ancestry::Ancestry;
use shipit_core::failure::{Code, Failure};
use shipit_core::journal::{Book, Entry, Head};
use shipit_core::pipeline::Image;
use shipit_core::release::{Commit, RunId, Source as SourceTree, Tree};

use super::faults::Op;
use super::world::{Fake, Line};

/// The account that the credentials belong to.
pub const ACCOUNT: &str = "123456789012";
/// The region.
pub const REGION: &str = "eu-central-1";

/// All of it.
pub struct Surroundings {
    pub commit: String,
    /// Changed paths: none is a clean tree.
    pub changed: Vec<String>,
    pub account: String,
    /// How commits that run stand to ours; before it, unless said otherwise.
    pub ancestry: BTreeMap<String, Ancestry>,
    /// Journals, as they stand on the disk.
    pub runs: BTreeMap<RunId, String>,
    pub artefacts: BTreeMap<String, Vec<u8>>,
    /// `.shipit/build.json`.
    pub handed_over: Option<String>,
    /// What the smoke address answers.
    pub answers: u16,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            commit: "4f2a91c0000000000000000000000000000000aa".into(),
            changed: Vec::new(),
            account: ACCOUNT.into(),
            ancestry: BTreeMap::new(),
            runs: BTreeMap::new(),
            artefacts: BTreeMap::new(),
            handed_over: None,
            answers: 200,
        }
    }
}

#[async_trait]
impl Source for Fake {
    async fn read(&self, _folder: &Path, _contexts: &[Image], wish: &SourceWish) -> PortResult<SourceTree> {
        let dirty = wish.dirty;
        self.call(Op::ReadSource, "", Value::Null, |world| {
            let here = &world.surroundings;
            let tree = match (here.changed.is_empty(), dirty) {
                (true, _) => Tree::Clean,
                (false, Dirty::Allow) => Tree::Dirty { content: "0123456789ab".into(), changed: here.changed.clone() },
                (false, Dirty::Refuse) => {
                    return Err(Failure::new(Code::DirtyTree, "the working tree differs from its commit").into());
                }
            };
            let commit = Commit(here.commit.clone());
            Ok(SourceTree { commit, subject: Some("free shipping banner".into()), committed_at: None, origin: None, tree })
        })
        .await
    }

    async fn ancestry(&self, _folder: &Path, ours: &Commit, running: &Commit) -> PortResult<Ancestry> {
        let known = self.lock().surroundings.ancestry.get(running.as_str()).cloned();
        Ok(known.unwrap_or(if ours == running { Ancestry::Same } else { Ancestry::Before }))
    }
}

#[async_trait]
impl Account for Fake {
    async fn whoami(&self) -> PortResult<(String, String)> {
        self.call(Op::GetCallerIdentity, "", Value::Null, |world| Ok((world.surroundings.account.clone(), REGION.into()))).await
    }
}

fn line(value: &impl serde::Serialize) -> String {
    format!("{}\n", serde_json::to_string(value).unwrap())
}

fn no_journal(run: &RunId) -> Failure {
    Failure::new(Code::NoJournal, format!("there is no journal of run `{run}`"))
}

#[async_trait]
impl Store for Fake {
    async fn claim(&self, _by: &str, _doing: &str) -> PortResult<Taken> {
        Ok(Taken::Free)
    }

    async fn open(&self, head: &Head) -> PortResult<()> {
        self.call(Op::OpenRun, &head.run.0, Value::Null, |world| {
            world.surroundings.runs.entry(head.run.clone()).or_insert_with(|| line(head));
            Ok(())
        })
        .await
    }

    async fn reopen(&self, run: &RunId) -> PortResult<Book> {
        self.call(Op::OpenRun, &run.0, Value::Null, |world| {
            let text = world.surroundings.runs.get_mut(run).ok_or_else(|| no_journal(run))?;
            text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
            Ok(Book::read(text).map_err(|_| no_journal(run))?)
        })
        .await
    }

    async fn read(&self, run: &RunId) -> PortResult<Book> {
        self.call(Op::ReadRun, &run.0, Value::Null, |world| {
            let text = world.surroundings.runs.get(run).ok_or_else(|| no_journal(run))?;
            Ok(Book::read(text).map_err(|_| no_journal(run))?)
        })
        .await
    }

    async fn runs(&self) -> PortResult<Vec<RunId>> {
        self.call(Op::ReadRun, "", Value::Null, |world| Ok(world.surroundings.runs.keys().rev().cloned().collect())).await
    }

    async fn adopt(&self, journal: &str) -> PortResult<RunId> {
        self.call(Op::OpenRun, "", Value::Null, |world| {
            let run = Book::read(journal).map_err(|why| Failure::new(Code::NoJournal, why.to_string()))?.head.run;
            world.surroundings.runs.insert(run.clone(), journal.to_owned());
            Ok(run)
        })
        .await
    }

    async fn record(&self, run: &RunId, entry: &Entry) -> PortResult<()> {
        // Written and read back: what the disk holds is what the line says.
        let written = line(entry);
        let read: Entry = serde_json::from_str(&written).unwrap();
        assert_eq!(read, *entry, "a fact reads back as it was written");
        self.call(Op::Record, &entry.step.0, Value::Null, |world| {
            world.lines.push(Line::Fact(read));
            world.surroundings.runs.entry(run.clone()).or_default().push_str(&written);
            Ok(())
        })
        .await
    }

    async fn handed_over(&self) -> PortResult<Option<String>> {
        Ok(self.lock().surroundings.handed_over.clone())
    }

    async fn hand_over(&self, text: &str) -> PortResult<()> {
        self.lock().surroundings.handed_over = Some(text.to_owned());
        Ok(())
    }

    async fn artefact(&self, path: &Path, content: &[u8]) -> PortResult<String> {
        let name = format!("artifacts/{}", path.display());
        self.call(Op::WriteArtefact, &name, Value::Null, |world| {
            world.surroundings.artefacts.insert(name.clone(), content.to_vec());
            Ok(name.clone())
        })
        .await
    }
}

#[async_trait]
impl Probe for Fake {
    async fn get(&self, url: &str, _: &[(String, String)]) -> PortResult<u16> {
        self.call(Op::Probe, url, json!({"url": url}), |world| Ok(world.surroundings.answers)).await
    }
}
