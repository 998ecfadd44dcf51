//! How layers can be had from an Engine, as far as that shows before there is an image to push.

use std::path::PathBuf;

use bollard::models::SystemInfo;
use shipit_core::push::Reach;

use crate::adapter::docker::connect::{Address, Engine};

/// Looks; none where the Engine does not tell.
pub(in crate::adapter::docker) async fn reach(engine: &Engine) -> Option<Reach> {
    let info = engine.api.info().await.ok()?;
    if is_containerds(&info) {
        return Some(Reach::None { why: CONTAINERDS });
    }
    let layers = root(engine, info).map(|root| root.join("image/overlay2/layerdb/sha256"));
    let read = tokio::task::spawn_blocking(move || layers.is_some_and(|folder| folder.read_dir().is_ok()));
    Some(if read.await.unwrap_or(false) { Reach::Layers } else { Reach::Archive })
}

/// Layers in containerd's store are kept as they were pulled, and given out so.
pub(super) const CONTAINERDS: &str = "its image store is containerd's";

/// Whether the Engine's store is that.
pub(super) fn is_containerds(info: &SystemInfo) -> bool {
    let status = info.driver_status.iter().flatten();
    status.flatten().any(|text| text.starts_with("io.containerd.snapshotter"))
}

/// The Engine's files, where this machine is the Engine's.
pub(super) fn root(engine: &Engine, info: SystemInfo) -> Option<PathBuf> {
    info.docker_root_dir.filter(|_| matches!(engine.address, Address::Unix(_))).map(PathBuf::from)
}
