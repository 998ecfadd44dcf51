//! `--imagedefinitions`: what another stage built, in place of builds.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use shipit_core::failure::{Code, Failure};
use shipit_core::imagedefinitions::{Definition, LIMIT, read};

/// Images that another stage has built.
#[derive(Clone, Debug, Default, Args)]
pub struct BuiltArgs {
    /// Build nothing, and deploy the images that this imagedefinitions.json names, by digest; services that it does not name
    /// are left alone. May be given several times; `-` is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "rebuild")]
    pub imagedefinitions: Vec<PathBuf>,
}

impl BuiltArgs {
    /// What the files name; none where no file was given.
    ///
    /// # Errors
    /// A file that cannot be read, or is not in its form.
    pub fn definitions(&self) -> Result<Option<Vec<Definition>>, Failure> {
        let mut all = Vec::new();
        for path in &self.imagedefinitions {
            all.extend(read(&path.display().to_string(), &bytes(path)?)?);
        }
        Ok((!self.imagedefinitions.is_empty()).then_some(all))
    }
}

/// No more than can be read as such a file, and a little, so that it shows.
fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let most = LIMIT as u64 + 1;
    let read = match path.as_os_str() == "-" {
        true => std::io::stdin().lock().take(most).read_to_end(&mut bytes),
        false => File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)),
    };
    read.map_err(|error| {
        Failure::new(Code::ImageDefinitions, format!("`{}` cannot be read", path.display()))
            .because(error.to_string())
            .now("nothing was touched")
            .next("name the file that the stage before left: in CodePipeline it is in the folder of its input artifact")
    })?;
    Ok(bytes)
}
