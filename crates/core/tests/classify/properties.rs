//! Whatever the texts are: one cause, both sentences, and what is not known stays unknown.

use proptest::prelude::*;
use shipit_core::failure::{Again, Kind, classify, tally};

use super::given::{Given, container, nothing};

/// Pieces of the texts that the classifier knows, and noise.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        2 => "[ -~]{0,20}",
        1 => any::<String>(),
        4 => prop::sample::select(vec![
            "CannotPullContainerError: ", "ResourceInitializationError: ", "CannotStartContainerError: ", "not found", "403",
            "is not authorized to perform: ", "on resource: ", "arn:aws:", "matching platform ", "asm: ", "ssm", "subnet-",
            "with these codes: [", "timed out", "unable to place a task", "The closest matching ", "Reason: ", "secret",
            "unable to assume the role", "does not exist", "circuit breaker", "stopped", "alarm", "'", ".amazonaws.com/", "@", ":",
        ]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn anything() -> impl Strategy<Value = Given> {
    let codes = vec!["TaskFailedToStart", "EssentialContainerExited", "ServiceSchedulerInitiated", "UserInitiated", "New", ""];
    let stop = (prop::sample::select(codes), text(), prop::option::of(-1..300i64), prop::option::of(text()));
    let parts =
        (prop::collection::vec(stop, 0..4), prop::collection::vec(text(), 0..4), prop::option::of(text()), text(), any::<u8>());
    parts.prop_map(|(stops, events, said, line, rest)| {
        let mut given = nothing();
        for (code, reason, exit, of_container) in stops {
            given = given.stop(code, &reason, vec![container(exit, of_container.as_deref())]);
        }
        given = events.iter().fold(given, |given, event| given.event(event));
        given.0.said = said;
        if rest & 1 == 0 {
            given = given.log(&[&line]);
        }
        if rest & 2 == 0 {
            given = given.target(&line);
        }
        if rest & 4 == 0 {
            given.0.definition = None;
        }
        given
    })
}

proptest! {
    #[test]
    fn any_dossier_has_one_cause_with_both_sentences_and_always_the_same(given in anything()) {
        let cause = classify(&given.0);
        prop_assert!(!cause.because.trim().is_empty() && !cause.next.trim().is_empty(), "{:?}", cause);
        prop_assert_eq!(&cause, &classify(&given.0));
        if let Some((kind, stops)) = tally(&given.0).hopeless() {
            prop_assert!(kind.again() == Again::Same && stops >= 2);
        }
    }

    #[test]
    fn a_text_that_says_nothing_known_stays_unknown_and_is_quoted(words in prop::collection::vec("zq[a-z]{3,9}", 1..6)) {
        let text = words.join(" ");
        for given in [nothing().stop("TaskFailedToStart", &text, Vec::new()), nothing().stop("Brandnew", &text, Vec::new()), nothing().event(&text), nothing().said(&text)] {
            let cause = classify(&given.0);
            prop_assert_eq!(cause.cause, Kind::Unknown);
            prop_assert!(cause.because.contains(&text), "{:?}", cause);
        }
    }
}
