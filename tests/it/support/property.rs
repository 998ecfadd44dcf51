//! Properties of whole deploys: as many cases as there is time for.

use std::panic::Location;

use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};

/// Holds the property in 64 cases, or in half of what `PROPTEST_CASES` asks for, shared among so many deploys of ordinary length
/// as one case takes the time of: with 20,000 each property takes a core one to two minutes. (`proptest!` itself would take all
/// that are asked for, whatever its configuration says.) What was red is kept beside the tests, outside of git, and drawn first
/// from then on.
#[track_caller]
pub fn holds<S: Strategy>(deploys: u32, of: &S, property: impl Fn(S::Value) -> TestCaseResult) {
    let config = ProptestConfig::default();
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let cases = if asked { config.cases.div_ceil(2 * deploys) } else { 64 };
    let config = ProptestConfig { cases, source_file: Some(Location::caller().file()), ..config };
    if let Err(error) = TestRunner::new(config).run(of, property) {
        panic!("{error}");
    }
}
