//! The lifecycle events of a deployment to ECS, in their order, and how each went.

use std::collections::BTreeMap;

use shipit_scheduler::Time;

/// A lifecycle event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::codedeploy) enum Event {
    /// A hook before anything is made.
    BeforeInstall,
    /// The replacement task set is made.
    Install,
    /// A hook.
    AfterInstall,
    /// The test listener leads to the replacement.
    AllowTestTraffic,
    /// A hook.
    AfterAllowTestTraffic,
    /// A hook.
    BeforeAllowTraffic,
    /// Production traffic moves.
    AllowTraffic,
    /// A hook.
    AfterAllowTraffic,
}

impl Event {
    /// All of them, in order.
    pub(in crate::codedeploy) const ALL: [Self; 8] = [
        Self::BeforeInstall,
        Self::Install,
        Self::AfterInstall,
        Self::AllowTestTraffic,
        Self::AfterAllowTestTraffic,
        Self::BeforeAllowTraffic,
        Self::AllowTraffic,
        Self::AfterAllowTraffic,
    ];

    /// `lifecycleEventName`.
    pub(in crate::codedeploy) fn word(self) -> &'static str {
        match self {
            Event::BeforeInstall => "BeforeInstall",
            Event::Install => "Install",
            Event::AfterInstall => "AfterInstall",
            Event::AllowTestTraffic => "AllowTestTraffic",
            Event::AfterAllowTestTraffic => "AfterAllowTestTraffic",
            Event::BeforeAllowTraffic => "BeforeAllowTraffic",
            Event::AllowTraffic => "AllowTraffic",
            Event::AfterAllowTraffic => "AfterAllowTraffic",
        }
    }

    /// A function can be hooked into it.
    pub(in crate::codedeploy) fn takes_hook(self) -> bool {
        !matches!(self, Event::Install | Event::AllowTestTraffic | Event::AllowTraffic)
    }

    /// The one that follows.
    pub(in crate::codedeploy) fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|event| *event > self)
    }
}

/// How an event went, or goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::codedeploy) enum Progress {
    /// Not yet come to.
    #[default]
    Pending,
    /// Under way since.
    UnderWay(Time),
    /// Went well, from and until.
    Succeeded(Time, Time),
    /// Did not, from and until.
    Failed(Time, Time),
    /// The deployment ended before it.
    Skipped,
}

/// How each event went.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::codedeploy) struct Lifecycle {
    events: BTreeMap<Event, Progress>,
}

impl Lifecycle {
    /// How it went.
    pub(in crate::codedeploy) fn of(&self, event: Event) -> Progress {
        self.events.get(&event).copied().unwrap_or_default()
    }

    /// It begins.
    pub(super) fn begin(&mut self, event: Event, now: Time) {
        self.events.insert(event, Progress::UnderWay(now));
    }

    /// What is under way has gone well.
    pub(super) fn succeed(&mut self, now: Time) {
        for progress in self.events.values_mut() {
            if let Progress::UnderWay(since) = *progress {
                *progress = Progress::Succeeded(since, now);
            }
        }
    }

    /// All of them have gone well by now.
    pub(super) fn succeed_all(&mut self, since: Time, now: Time) {
        self.events = Event::ALL.into_iter().map(|event| (event, Progress::Succeeded(since, now))).collect();
    }

    /// The deployment ends before its time: what is under way has failed, the rest is skipped.
    pub(super) fn cut(&mut self, now: Time) {
        for event in Event::ALL {
            let progress = self.events.entry(event).or_default();
            match *progress {
                Progress::UnderWay(since) => *progress = Progress::Failed(since, now),
                Progress::Pending => *progress = Progress::Skipped,
                Progress::Succeeded(..) | Progress::Failed(..) | Progress::Skipped => {}
            }
        }
    }
}
