//! The engine in the fake world: whole deploys, minutes of AWS's time in milliseconds.

mod attestations;
mod deploys;
mod dossiers;
mod gates;
mod given;
mod going_back;
mod images;
mod interrupts;
mod jobs;
mod journals;
mod leftovers;
mod others;
mod pushes;
mod refusals;
mod resumes;
mod secrets;
mod shapes;
mod shifting;
mod sisters;
mod troubles;
mod turns_back;
