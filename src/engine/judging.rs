//! What the evidence says of a candidate: both sides are looked at once a minute for as long as traffic is shared.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use shipit_core::analysis::{
    Answered, Beside, Course, Grounds, Judge, Judgement, MINUTE, Moved, Probed, Samples, Verdict, course, judge,
};
use shipit_core::event::{Compared, Event, Progress};
use shipit_core::pipeline::Share;
use shipit_core::plan::{Roll, StepId};
use shipit_core::rollout::Judged;
use shipit_core::settled::{HookSeen, ShiftSeen, Stage};

use super::Context;
use crate::port::{PortError, PortResult, Watched};

/// So long before AWS stops waiting for an answer the candidate is turned back by us, who can say why.
const IN_TIME: SignedDuration = SignedDuration::from_mins(3);
/// A look before traffic that is older than this says nothing of now.
const FRESH: SignedDuration = SignedDuration::from_mins(3);

/// The looks at one rollout.
pub struct Judging<'a> {
    context: &'a Context<'a>,
    roll: &'a Roll,
    /// When the candidate was first seen with nothing but test traffic.
    untried_since: Option<Timestamp>,
    /// When production traffic was seen to move to it.
    moved: Option<Moved>,
    /// When CloudWatch was last asked.
    asked_at: Option<Timestamp>,
    probes: Vec<Probed>,
    looks: Vec<Judgement>,
    told: Told,
}

impl<'a> Judging<'a> {
    /// Of a rollout that is followed from now on. One that goes on sees all of it anew: it waits longer, and lets pass nothing more.
    pub fn new(context: &'a Context<'a>, roll: &'a Roll) -> Self {
        Self {
            context,
            roll,
            untried_since: None,
            moved: None,
            asked_at: None,
            probes: Vec::new(),
            looks: Vec::new(),
            told: Told::default(),
        }
    }

    /// What the last look showed of both sides; none before the first.
    pub fn compared(&self) -> Option<Compared> {
        self.looks.last().map(Compared::of)
    }

    /// What follows from a look at the rollout.
    pub async fn look(&mut self, shift: &ShiftSeen) -> Judged {
        let Some(wanted) = &self.roll.judge else { return Judged::Missing };
        let now = self.context.clock.now();
        let judged = self.judged(wanted, shift, now).await;
        in_time(judged, shift, self.looks.last(), now)
    }

    async fn judged(&mut self, wanted: &Judge, shift: &ShiftSeen, now: Timestamp) -> Judged {
        let due = self.asked_at.is_none_or(|at| now.duration_since(at) >= MINUTE);
        if due {
            self.asked_at = Some(now);
            if answers(shift) {
                self.probe(wanted, now).await;
            }
        }
        let share = match shift.production {
            None => return Judged::Missing,
            Some(Share::NONE) => {
                if due {
                    self.before_traffic(wanted, now).await;
                }
                let since = *self.untried_since.get_or_insert(now);
                return untried(wanted, since, self.looks.last(), now);
            }
            Some(share) => share,
        };
        let planned = self.roll.shift().map_or(1, |shift| shift.steps.shares().len());
        let mut moved = self.moved.take().unwrap_or_else(|| Moved::first(now, share, planned));
        moved.see(now, share);
        if due && let Ok(samples) = self.samples(wanted, shift, &moved, now).await {
            self.told.tell(self.context, &self.roll.service, &samples);
            self.looks.push(judge(wanted, &samples, &moved));
        }
        let judged = judged(wanted, moved.last(), &self.looks, now);
        self.moved = Some(moved);
        judged
    }

    /// The candidate's side and the stable one's, as ECS resolved them.
    async fn samples(&self, wanted: &Judge, shift: &ShiftSeen, moved: &Moved, at: Timestamp) -> PortResult<Samples> {
        let (Some(candidate), Some(stable)) = (shift.candidate_groups.first(), shift.stable_groups.first()) else {
            return Ok(Samples { probes: self.probes.clone(), ..Samples::none(at) });
        };
        let (service, metrics, alarms) = (&self.roll.ecs_service, &wanted.metrics, &wanted.alarms);
        let since = moved.since() - wanted.looks_back();
        let watched = Watched { service, candidate, stable, since, at, metrics, alarms };
        let samples = self.context.ports.metrics.look(&watched).await?;
        Ok(Samples { probes: self.probes.clone(), ..samples })
    }

    /// Before production traffic only probes and alarms can speak.
    async fn before_traffic(&mut self, wanted: &Judge, now: Timestamp) {
        let Ok(alarms) = self.context.ports.metrics.alarms(&wanted.alarms).await else { return };
        let samples = Samples { probes: self.probes.clone(), alarms, ..Samples::none(now) };
        self.looks.push(judge(&without_traffic(wanted), &samples, &Moved::first(now, Share::NONE, 1)));
    }

    /// Asks each probe once; a header that cannot be sent from here is nobody's fault.
    async fn probe(&mut self, wanted: &Judge, now: Timestamp) {
        for probe in &wanted.probes {
            let answer = match self.context.ports.probe.get(&probe.url, &probe.headers).await {
                Ok(status) if status == probe.expect => Answered::Expected,
                Ok(status) => Answered::Otherwise(format!("it answered {status}")),
                Err(error) if error.is_passing() => Answered::Otherwise(error.to_string()),
                Err(PortError::Refused { message, .. }) => Answered::Unsent(message),
                Err(error) => Answered::Unsent(error.to_string()),
            };
            self.probes.push(Probed { name: probe.name.clone(), at: now, answer });
        }
    }
}

/// The minutes of both sides that people have been told of.
#[derive(Debug, Default)]
pub struct Told(BTreeMap<Timestamp, Beside>);

impl Told {
    /// The minutes that are new, or that have been counted further since.
    pub fn news(&mut self, samples: &Samples) -> Vec<Beside> {
        let mut minutes = Beside::of(samples);
        minutes.retain(|minute| self.0.insert(minute.start, *minute) != Some(*minute));
        minutes
    }

    /// Tells them.
    pub fn tell(&mut self, context: &Context<'_>, service: &str, samples: &Samples) {
        let minutes = self.news(samples);
        if !minutes.is_empty() {
            (context.tell)(Event::StepProgress { step: StepId::roll(service), progress: Progress::Served { minutes } });
        }
    }
}

/// The candidate can be asked: before that, whoever answers is the stable version, or nobody.
fn answers(shift: &ShiftSeen) -> bool {
    let has_traffic = |share: Option<Share>| share.is_some_and(|share| share > Share::NONE);
    has_traffic(shift.test) || has_traffic(shift.production) || shift.stage.is_at_or_after(&Stage::PostTestTrafficShift)
}

/// What can be judged before production traffic moves.
fn without_traffic(wanted: &Judge) -> Judge {
    Judge { errors: None, latency: None, metrics: Vec::new(), ..wanted.clone() }
}

/// Before production traffic: only a fresh look lets it begin, and what stays open for too long goes back.
fn untried(wanted: &Judge, since: Timestamp, last: Option<&Judgement>, now: Timestamp) -> Judged {
    let open = match last {
        Some(look) if look.verdict == Verdict::Worse => return Judged::Worse { found: look.to_string() },
        Some(look) if now.duration_since(look.at) > FRESH => Judged::Missing,
        Some(look) if look.verdict == Verdict::Inconclusive && !wanted.probes.is_empty() => Judged::Open,
        Some(_) => return Judged::Untried,
        None => Judged::Missing,
    };
    if now.duration_since(since) >= wanted.patience { Judged::Inconclusive { found: found(last) } } else { open }
}

/// What cannot be told when AWS is about to stop waiting goes back before AWS takes it back without a word.
fn in_time(judged: Judged, shift: &ShiftSeen, last: Option<&Judgement>, now: Timestamp) -> Judged {
    let until = shift.hooks.iter().filter(|hook| hook.is_open_pause()).filter_map(|hook: &HookSeen| hook.expires_at).min();
    let late = until.is_some_and(|until| until.duration_since(now) <= IN_TIME);
    match judged {
        Judged::Missing | Judged::Open if late => Judged::Inconclusive { found: found(last) },
        judged => judged,
    }
}

fn found(look: Option<&Judgement>) -> String {
    look.map_or_else(|| "nothing could be looked at".to_owned(), ToString::to_string)
}

fn judged(wanted: &Judge, since: Timestamp, looks: &[Judgement], now: Timestamp) -> Judged {
    let found = |verdict: Option<Verdict>| {
        found(looks.iter().rev().find(|look| look.at >= since && verdict.is_none_or(|verdict| look.verdict == verdict)))
    };
    match course(wanted, since, looks, now) {
        Course::Proceed => Judged::Good,
        Course::Wait => Judged::Open,
        Course::TurnBack(Grounds::Worse) => Judged::Worse { found: found(Some(Verdict::Worse)) },
        Course::TurnBack(Grounds::Inconclusive) => Judged::Inconclusive { found: found(None) },
    }
}

#[cfg(test)]
mod tests {
    use shipit_core::analysis::{AlarmState, Errors, Minute};
    use shipit_core::settled::{HookId, HookKind, HookStatus, Stage};

    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minutes).unwrap()
    }

    fn wanted() -> Judge {
        Judge { errors: Some(Errors::default()), alarms: vec!["web-5xx".into()], ..Judge::default() }
    }

    /// A look after so many minutes, in each of which both sides served 1,000 requests, with so many errors of the candidate.
    fn look(after: i64, errors: u64) -> Judgement {
        let minute = |start, errors| Minute { requests: Some(1000), server_errors: Some(errors), ..Minute::empty(start) };
        let side = |errors: u64| (0..after).map(|start| minute(at(start), errors)).collect();
        let alarms = [("web-5xx".to_owned(), AlarmState::Ok)].into();
        judge(
            &wanted(),
            &Samples { candidate: side(errors), stable: side(1), alarms, ..Samples::none(at(after)) },
            &Moved::first(at(0), Share::percent(10), 2),
        )
    }

    #[test]
    fn two_good_looks_pass_and_nothing_older_or_less_does() {
        let looks = [look(9, 1), look(10, 1)];
        assert_eq!(judged(&wanted(), at(0), &looks, at(10)), Judged::Good);
        assert_eq!(judged(&wanted(), at(0), &looks[..1], at(9)), Judged::Open, "one look is no agreement");
        assert_eq!(judged(&wanted(), at(0), &looks, at(20)), Judged::Open, "old looks let nothing pass");
        assert_eq!(judged(&wanted(), at(0), &[], at(5)), Judged::Open);
    }

    #[test]
    fn what_is_worse_goes_back_with_its_numbers_and_what_stays_open_goes_back_in_the_end() {
        let Judged::Worse { found } = judged(&wanted(), at(0), &[look(9, 60), look(10, 60)], at(10)) else { panic!("worse") };
        assert!(found.contains('%'), "{found}");
        let after = Judge::PATIENCE.as_mins() + 1;
        let Judged::Inconclusive { found } = judged(&wanted(), at(0), &[], at(after)) else { panic!("inconclusive") };
        assert_eq!(found, "nothing could be looked at");
    }

    #[test]
    fn before_traffic_only_alarms_and_probes_speak() {
        let of_alarm = |state: AlarmState| {
            let alarms = [("web-5xx".to_owned(), state)].into();
            judge(&without_traffic(&wanted()), &Samples { alarms, ..Samples::none(at(0)) }, &Moved::first(at(0), Share::NONE, 1))
        };
        let told = |look: Option<&Judgement>, now| untried(&wanted(), at(0), look, at(now));
        assert_eq!(told(Some(&of_alarm(AlarmState::Ok)), 0), Judged::Untried);
        assert_eq!(told(Some(&of_alarm(AlarmState::Ok)), 4), Judged::Missing, "an old look begins nothing");
        assert!(matches!(told(Some(&of_alarm(AlarmState::Alarm)), 0), Judged::Worse { .. }));
        assert_eq!(told(None, 0), Judged::Missing, "alarms that cannot be read let nothing pass");
        let Judged::Inconclusive { found } = told(None, Judge::PATIENCE.as_mins()) else { panic!("not for ever") };
        assert_eq!(found, "nothing could be looked at");
    }

    #[test]
    fn what_is_open_goes_back_before_aws_stops_waiting() {
        let hook = HookSeen {
            id: HookId("h".into()),
            kind: HookKind::Pause,
            status: HookStatus::AwaitingAction,
            expires_at: Some(at(70)),
            then: Some("ROLLBACK".into()),
        };
        let shift = ShiftSeen {
            stage: Stage::PostProductionTrafficShift,
            production: Some(Share::ALL),
            test: None,
            candidate_groups: Vec::new(),
            stable_groups: Vec::new(),
            hooks: vec![hook],
            baking_until: None,
        };
        let told = |judged: &Judged, minute| in_time(judged.clone(), &shift, None, at(minute));
        for open in [Judged::Missing, Judged::Open] {
            assert_eq!(told(&open, 66), open);
            assert!(matches!(told(&open, 67), Judged::Inconclusive { .. }), "{open:?}");
        }
        assert_eq!(told(&Judged::Good, 69), Judged::Good);
    }
}
