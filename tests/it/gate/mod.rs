//! Every status a scan can have × every kind of policy: the verdict, by the adapter that reads it and the judgement, on the
//! sandbox and on moto, which nobody here wrote.

mod moto;
mod rows;
mod stand;
mod verb;

use jiff::{SignedDuration, Timestamp};
use shipit::adapter::aws::{self, Aws, Credentials, Target};
use shipit::port::{Ask, Clock, ScanWish, Scans, Secret};
use shipit_core::gate::{GatePolicy, ImageScan, Sight, Verdict, judge};
use shipit_core::release::Digest;

use crate::support::sandbox::{REGION, TestSandbox};
use moto::Moto;
use rows::{On, POLICIES, ROWS, Row};
use stand::Stand;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn every_status_by_every_policy_on_the_sandbox() {
    let sandbox = TestSandbox::without_engine("gate").await;
    let rows: Vec<&Row> = ROWS.iter().filter(|row| row.on == On::Both).collect();
    held(&sandbox, sandbox.endpoint(), &rows).await;
    sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn every_status_by_every_policy_on_moto() {
    let moto = Moto::start().await;
    held(&moto, moto.endpoint(), &ROWS.iter().collect::<Vec<_>>()).await;
}

/// All rows, cell by cell; what differs is told at once.
async fn held(server: &impl Stand, endpoint: String, rows: &[&Row]) {
    let target = Target {
        region: Some(REGION.to_owned()),
        endpoint: Some(endpoint),
        credentials: Credentials::Static { key: "AKIASANDBOX".to_owned(), secret: Secret::new("sandbox".to_owned()) },
        clock: Clock::starting(Timestamp::now(), 1.0),
        ..Target::default()
    };
    let aws = aws::connect(&target, "prod").await.unwrap();
    let known = server.image("gate/running", &rows::KNOWN).await;
    let running = look(&aws, "gate/running", &known, Ask::Never).await;
    let mut different = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let repository = format!("gate/row-{number}");
        let digest = server.image(&repository, row).await;
        let scans = look(&aws, &repository, &digest, Ask::IfUnknown).await;
        for ((name, policy), expected) in POLICIES.iter().zip(row.verdicts) {
            let policy = policy();
            let seen = verdict(&policy, &scans, std::slice::from_ref(&running));
            if seen != expected {
                different.push(format!("{} × {name}: {seen}, and not {expected}: {scans:?}", row.name));
            }
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

async fn look(aws: &Aws, repository: &str, digest: &Digest, ask: Ask) -> Vec<ImageScan> {
    let wish = ScanWish { detail: shipit_core::gate::Detail::Findings, ask };
    aws.scans.look(repository, digest, wish).await.unwrap_or_else(|error| panic!("{repository}: {error}"))
}

/// The verdict; where that is to wait, what the same sight says at the end of all patience.
fn verdict(policy: &GatePolicy, scans: &[ImageScan], running: &[Vec<ImageScan>]) -> &'static str {
    let first = Sight { now: Timestamp::now(), waited: SignedDuration::ZERO, scans, before: None, running };
    match judge(policy, &first).verdict {
        Verdict::Wait { .. } => {
            let last = Sight { waited: SignedDuration::from_mins(11), before: Some(scans), ..first };
            match judge(policy, &last).verdict {
                Verdict::Pass(_) => "wait, pass",
                Verdict::Unknown { .. } => "wait, refuse",
                other => panic!("{other:?} after all patience"),
            }
        }
        Verdict::Pass(record) if record.without.is_empty() => "pass",
        Verdict::Pass(_) => "pass without",
        Verdict::Block { .. } => "block",
        Verdict::Unknown { .. } => "refuse",
    }
}
