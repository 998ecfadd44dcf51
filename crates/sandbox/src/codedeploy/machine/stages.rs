//! What happens in each stage of a deployment.

use shipit_scheduler::Time;

use super::course::{Ready, Termination};
use super::lifecycle::Event;
use super::over::{Cause, End};
use super::{Act, Answer, HOOK_LIMIT, INSTALL_LIMIT, Machine, STEADY_LIMIT, Seen, Side, Stage, Standing, Step};

impl Machine {
    /// An event begins.
    pub(super) fn enter(&mut self, event: Event, now: Time, step: &mut Step) {
        self.go_to(Stage::In(event), now);
        self.lifecycle.begin(event, now);
        if event == Event::Install {
            // Whatever an earlier deployment has left goes, its traffic first.
            step.acts.extend([Act::Production(0), Act::Test(Side::Original), Act::ClearLeftovers, Act::Install]);
            self.done.installed = true;
        } else if self.course.hooks.contains(&event) {
            step.acts.push(Act::Ask(event));
        }
    }

    /// The event goes on, or over into the next.
    pub(super) fn event(&mut self, event: Event, seen: &Seen, now: Time, step: &mut Step) -> bool {
        match event {
            Event::Install => self.install(event, seen, now, step),
            Event::AllowTestTraffic => self.test_traffic(event, seen, now, step),
            Event::AllowTraffic => self.traffic(event, seen, now, step),
            hook => self.hook(hook, now, step),
        }
    }

    fn over_with(&mut self, event: Event, now: Time, step: &mut Step) -> bool {
        self.lifecycle.succeed(now);
        match (event.next(), self.course.ready, self.course.termination) {
            (Some(Event::BeforeAllowTraffic), Ready::Waits(_), _) => self.go_to(Stage::Ready, now),
            (Some(next), _, _) => self.enter(next, now, step),
            (None, _, Termination::Never) => self.finish(End::Succeeded, now),
            (None, _, Termination::After(_)) => self.go_to(Stage::TerminationWait, now),
        }
        true
    }

    fn fails(&mut self, cause: Cause, now: Time) -> bool {
        self.finish(End::of(cause), now);
        true
    }

    fn hook(&mut self, event: Event, now: Time, step: &mut Step) -> bool {
        if !self.course.hooks.contains(&event) {
            return self.over_with(event, now, step);
        }
        match self.said.answer {
            Some(Answer::Passed) => self.over_with(event, now, step),
            Some(Answer::Failed) => self.fails(Cause::HookFailed(event), now),
            None if now >= self.since + HOOK_LIMIT => self.fails(Cause::HookSilent(event), now),
            None => false,
        }
    }

    fn install(&mut self, event: Event, seen: &Seen, now: Time, step: &mut Step) -> bool {
        match seen.replacement {
            // What was seen before the replacement was made is not the replacement.
            Standing::Full if !step.acts.contains(&Act::Install) => self.over_with(event, now, step),
            _ if now >= self.since + INSTALL_LIMIT => self.fails(Cause::NeverHealthy, now),
            _ => false,
        }
    }

    fn test_traffic(&mut self, event: Event, seen: &Seen, now: Time, step: &mut Step) -> bool {
        match self.is_steady(seen, now) {
            Some(true) => {
                step.acts.push(Act::Test(Side::Replacement));
                self.over_with(event, now, step)
            }
            Some(false) => self.fails(Cause::LostHealth, now),
            None => false,
        }
    }

    /// The next share of production traffic, when its time has come and the replacement is full.
    fn traffic(&mut self, event: Event, seen: &Seen, now: Time, step: &mut Step) -> bool {
        match self.is_steady(seen, now) {
            Some(true) => {}
            Some(false) => return self.fails(Cause::LostHealth, now),
            None => return false,
        }
        let shares = self.course.routing.steps();
        let Some(share) = shares.get(self.round) else {
            return self.over_with(event, now, step);
        };
        if self.round > 0 && now < self.moved_at + self.course.routing.interval() {
            return false;
        }
        step.acts.push(Act::Production(*share));
        self.done.production = *share;
        if *share == 100 {
            step.acts.push(Act::Promote(Side::Replacement));
        }
        self.round += 1;
        self.moved_at = now;
        true
    }

    /// Whether the replacement is full; none while it is short and has time left.
    fn is_steady(&mut self, seen: &Seen, now: Time) -> Option<bool> {
        if seen.replacement == Standing::Full {
            self.short_since = None;
            return Some(true);
        }
        let since = *self.short_since.get_or_insert(now);
        (now >= since + STEADY_LIMIT).then_some(false)
    }

    pub(super) fn ready(&mut self, now: Time, step: &mut Step) -> bool {
        let Ready::Waits(wait) = self.course.ready else {
            self.enter(Event::BeforeAllowTraffic, now, step);
            return true;
        };
        if self.said.go_on {
            self.enter(Event::BeforeAllowTraffic, now, step);
        } else if now >= self.since + wait {
            self.finish(End::of(Cause::NotContinued), now);
        } else {
            return false;
        }
        true
    }

    pub(super) fn termination_wait(&mut self, now: Time, step: &mut Step) -> bool {
        match self.course.termination {
            Termination::After(wait) if !self.said.go_on && now < self.since + wait => false,
            Termination::After(_) => {
                step.acts.push(Act::Remove(Side::Original));
                self.go_to(Stage::Terminating, now);
                true
            }
            Termination::Never => {
                self.finish(End::Succeeded, now);
                true
            }
        }
    }

    pub(super) fn terminating(&mut self, seen: &Seen, now: Time) -> bool {
        let gone = seen.original == Standing::Absent;
        if gone {
            self.finish(End::Succeeded, now);
        }
        gone
    }

    /// Traffic first, then the service's PRIMARY, then the capacity.
    pub(super) fn takes_back(&mut self, now: Time, step: &mut Step) {
        let back = [Act::Production(0), Act::Test(Side::Original), Act::Promote(Side::Original), Act::Remove(Side::Replacement)];
        step.acts.extend(back);
        self.done.production = 0;
        self.lifecycle.succeed_all(self.since, now);
        self.finish(End::Succeeded, now);
    }

    /// When time alone changes something.
    pub(super) fn due(&self) -> Option<Time> {
        let short = self.short_since.map(|since| since + STEADY_LIMIT);
        let own = match &self.stage {
            Stage::In(Event::Install) => Some(self.since + INSTALL_LIMIT),
            Stage::In(Event::AllowTraffic) if self.short_since.is_none() => Some(self.moved_at + self.course.routing.interval()),
            Stage::In(event) if self.course.hooks.contains(event) => Some(self.since + HOOK_LIMIT),
            Stage::Ready => match self.course.ready {
                Ready::Waits(wait) => Some(self.since + wait),
                Ready::GoesOn => None,
            },
            Stage::TerminationWait => match self.course.termination {
                Termination::After(wait) => Some(self.since + wait),
                Termination::Never => None,
            },
            _ => None,
        };
        own.into_iter().chain(short).min()
    }
}
