//! Which revision a service had before, as far back as tags and service deployments tell.
//!
//! A revision carries what ran before it was first deployed (`shipit:before`). A rollback changes no tag: the chain belongs
//! to the revisions, not to the moments at which they ran, so from a revision that was returned to it goes on backwards.

use std::collections::BTreeSet;

use crate::release::Revision;
use crate::settled::{ServiceDeployment, Status};

/// Which way a service goes from one revision to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To an earlier revision.
    Back,
    /// To a later one.
    Forward,
    /// To another family.
    Across,
}

/// Which way it goes.
pub fn direction(from: &Revision, to: &Revision) -> Direction {
    let number = |revision: &Revision| revision.short().rsplit(':').next().and_then(|digits| digits.parse::<u64>().ok());
    match (from.family() == to.family(), number(from), number(to)) {
        (true, Some(from), Some(to)) if to < from => Direction::Back,
        (true, Some(from), Some(to)) if to > from => Direction::Forward,
        _ => Direction::Across,
    }
}

/// The change in words, e.g. `from web:7 back to web:6`.
pub fn words(from: &Revision, to: &Revision) -> String {
    let way = match direction(from, to) {
        Direction::Back => "back to",
        Direction::Forward => "forward to",
        Direction::Across => "to",
    };
    format!("from {} {way} {}", from.short(), to.short())
}

/// What ran before `at` was first deployed, by the service's deployments, newest first: the SUCCESSFUL one of another revision
/// that came before the oldest of `at`.
pub fn before_by_history(at: &Revision, history: &[ServiceDeployment]) -> Option<Revision> {
    let good = |deployment: &&ServiceDeployment| deployment.status == Status::Successful;
    let oldest = history.iter().rposition(|deployment| deployment.revision == *at)?;
    let before = history.get(oldest + 1..)?.iter().filter(good).find(|deployment| deployment.revision != *at);
    before.map(|deployment| deployment.revision.clone())
}

/// It was tried in this service, and never came to its end.
pub fn is_known_bad(revision: &Revision, history: &[ServiceDeployment]) -> bool {
    let mut tried = history.iter().filter(|deployment| deployment.revision == *revision).peekable();
    tried.peek().is_some() && tried.all(|deployment| deployment.status != Status::Successful)
}

/// The next older revision: by the tag, which knows more than the last ninety days, else by history. One that was there
/// before is none, so that a walk comes to an end.
pub fn older(
    at: &Revision,
    tagged: Option<&Revision>,
    history: &[ServiceDeployment],
    walked: &BTreeSet<Revision>,
) -> Option<Revision> {
    let found = tagged.cloned().or_else(|| before_by_history(at, history))?;
    (found != *at && !walked.contains(&found)).then_some(found)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn web(number: u32) -> Revision {
        Revision(format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:{number}"))
    }

    /// Oldest first, as it happened.
    fn history(story: &[(u32, Status)]) -> Vec<ServiceDeployment> {
        let one = |(second, (number, status)): (usize, &(u32, Status))| ServiceDeployment {
            arn: second.to_string(),
            created_at: Timestamp::from_second(i64::try_from(second).unwrap_or(0)).unwrap_or_default(),
            revision: web(*number),
            status: status.clone(),
            reason: None,
            shift: None,
        };
        story.iter().enumerate().map(one).rev().collect()
    }

    #[test]
    fn only_going_back_is_called_back() {
        assert_eq!(words(&web(7), &web(6)), "from web:7 back to web:6");
        assert_eq!(words(&web(9), &web(10)), "from web:9 forward to web:10");
        assert_eq!(words(&web(9), &Revision("a/other:1".into())), "from web:9 to other:1");
    }

    #[test]
    fn what_was_before_is_what_ran_before_it_was_first_deployed() {
        use Status::{RollbackSuccessful, Stopped, Successful};
        let story =
            history(&[(1, Successful), (2, Successful), (3, RollbackSuccessful), (4, Successful), (2, Successful), (5, Stopped)]);
        for (at, before) in [(5, Some(2)), (4, Some(2)), (3, Some(2)), (2, Some(1)), (1, None), (9, None)] {
            assert_eq!(before_by_history(&web(at), &story), before.map(web), "before web:{at}");
        }
        for (number, bad) in [(1, false), (2, false), (3, true), (4, false), (5, true), (9, false)] {
            assert_eq!(is_known_bad(&web(number), &story), bad, "web:{number}");
        }
    }

    #[test]
    fn a_walk_by_tags_and_history_comes_to_an_end() {
        let story = history(&[(1, Status::Successful), (2, Status::Successful)]);
        let walked = BTreeSet::from([web(3)]);
        assert_eq!(older(&web(2), Some(&web(7)), &story, &walked), Some(web(7)), "the tag comes first");
        assert_eq!(older(&web(2), None, &story, &walked), Some(web(1)));
        assert_eq!(older(&web(2), Some(&web(3)), &story, &walked), None);
        assert_eq!(older(&web(2), Some(&web(2)), &story, &walked), None);
    }
}
