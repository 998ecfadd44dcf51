//! `shipit report`: a run as one HTML file, made of its events alone.

use std::path::{Path, PathBuf};

use clap::Args;
use shipit_core::failure::{Code, Exit, Failure};

use super::session::refuse;
use crate::report::{self, files, page};

/// Write the report of a run as one HTML file, and its path on stdout.
#[derive(Clone, Debug, Args)]
pub struct Report {
    /// The run; the last one, if left out
    run: Option<String>,
    /// Where to, `-` for stdout; `report.html` in the run's folder, if left out
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The pipeline file: its folder has the runs
    #[arg(short, long, env = "SHIPIT_FILE", default_value = "shipit.yaml", value_name = "FILE")]
    file: PathBuf,
}

/// Writes it.
pub fn run(args: &Report) -> Exit {
    match made(args) {
        Ok(said) => {
            report::data(&said);
            Exit::Done
        }
        Err(failure) => refuse(&[*failure]),
    }
}

/// What stdout is told: the path, or the page itself.
fn made(args: &Report) -> Result<String, Box<Failure>> {
    let folder = args.file.parent().unwrap_or(Path::new(""));
    let run = chosen(folder, args.run.as_deref())?;
    let folder = files::runs(folder).join(run);
    let events = folder.join(files::EVENTS);
    let text = std::fs::read_to_string(&events).map_err(|error| trouble("read", &events, &error))?;
    let page = page::page(&text)
        .ok_or_else(|| Box::new(Failure::new(Code::NoRun, format!("`{}` tells of no event", events.display()))))?;
    let path = match &args.output {
        Some(path) if path.as_os_str() == "-" => return Ok(page),
        Some(path) => path.clone(),
        None => folder.join(files::REPORT),
    };
    files::whole(&path, page.as_bytes()).map_err(|error| trouble("written", &path, &error))?;
    Ok(path.display().to_string())
}

/// The run that is meant: one of those that are there, so that no name leads elsewhere.
fn chosen(folder: &Path, asked: Option<&str>) -> Result<String, Box<Failure>> {
    let mut runs = files::told(folder);
    let Some(last) = runs.pop() else {
        let of = files::runs(folder);
        return Err(Box::new(Failure::new(Code::NoRun, format!("no run has been told of in `{}`", of.display()))));
    };
    match asked {
        None => Ok(last),
        Some(asked) if *asked == last || runs.iter().any(|run| run == asked) => Ok(asked.to_owned()),
        Some(asked) => {
            let failure = Failure::new(Code::NoRun, format!("there is no run `{asked}` in `{}`", files::runs(folder).display()));
            Err(Box::new(failure.next(format!("shipit report {last}"))))
        }
    }
}

fn trouble(what: &str, path: &Path, error: &std::io::Error) -> Box<Failure> {
    Box::new(Failure::new(Code::FileTrouble, format!("`{}` cannot be {what}", path.display())).because(error.to_string()))
}
