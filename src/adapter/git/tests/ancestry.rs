//! Which of two commits is the newer one.

use shipit_core::ancestry::Ancestry;

use super::*;

fn between(place: &Place, folder: &str, ours: &str, running: &str) -> Ancestry {
    super::super::ancestry::of(&place.at(folder), &Commit(ours.into()), &Commit(running.into())).unwrap()
}

fn why(ancestry: Ancestry) -> String {
    match ancestry {
        Ancestry::Unknown { why, .. } => why,
        other => panic!("they were compared: {other:?}"),
    }
}

#[test]
fn the_newer_of_two_commits_is_the_one_that_has_the_other() {
    let place = Place::with_shop();
    let first = place.head("shop");
    place.write("shop/web/app", "2\n");
    let second = place.commit("shop", "the second");
    assert_eq!(between(&place, "shop", &first, &first), Ancestry::Same);
    assert_eq!(between(&place, "shop", &second, &first), Ancestry::Before);
    match between(&place, "shop/web", &first, &second) {
        Ancestry::After { running, ours } => {
            assert_eq!((running.commit.0.as_str(), ours.commit.0.as_str()), (second.as_str(), first.as_str()));
            assert_eq!(running.subject, "the second");
            assert_eq!(ours.to_string(), format!("{} \"free shipping banner\" of 2026-11-20 10:00Z", &first[..7]));
        }
        other => panic!("{other:?}"),
    }
    place.git("shop", &["checkout", "-q", "-b", "side", &first]);
    place.write("shop/web/app", "3\n");
    let side = place.commit("shop", "the side");
    let apart = between(&place, "shop", &side, &second);
    assert!(matches!(&apart, Ancestry::Apart { running } if running.subject == "the second"), "{apart:?}");
    place.git("shop", &["merge", "-q", "-s", "ours", "main"]);
    assert_eq!(between(&place, "shop", &place.head("shop"), &second), Ancestry::Before, "a merge has both");
}

#[test]
fn what_cannot_be_compared_says_why() {
    let place = Place::with_shop();
    let first = place.head("shop");
    place.write("shop/web/app", "2\n");
    let second = place.commit("shop", "the second");
    assert!(why(between(&place, "shop", &second, &"ab".repeat(20))).contains("git fetch --all"));
    assert!(why(between(&place, "shop", &second, "no hash")).contains("git fetch --all"));
    place.git("", &["clone", "-q", "--depth", "1", &format!("file://{}", place.at("shop").display()), "shallow"]);
    assert!(why(between(&place, "shallow", &second, &first)).contains("git fetch --unshallow"));
    fs::create_dir(place.at("plain")).unwrap();
    assert!(why(between(&place, "plain", &second, &first)).contains("no git repository"));
}
