//! The key is that of the bytes on disk, whatever an earlier run or git's index says of them.

mod random;
mod tree;

use super::*;
use crate::adapter::docker::contents;
use crate::adapter::git::forged::{IndexEntry, IndexTime};
use tree::{Tree, long_ago, modified, of_bytes, set_modified};

type Edit = (&'static str, fn(&Tree));

/// What people, tools and git do to the file `web/a` ("one") and what lies about it.
const EDITS: &[Edit] = &[
    ("as long as before", |tree| tree.write("web/a", "two")),
    ("as long, its time set back", |tree| {
        let before = modified(&tree.at("web/a"));
        tree.write("web/a", "two");
        set_modified(&tree.at("web/a"), before);
    }),
    ("another one of the same time in its place", |tree| {
        let before = modified(&tree.at("web/a"));
        tree.write("beside", "two");
        set_modified(&tree.at("beside"), before);
        fs::rename(tree.at("beside"), tree.at("web/a")).unwrap();
    }),
    ("two files change places", |tree| {
        fs::rename(tree.at("web/a"), tree.at("web/c")).unwrap();
        fs::rename(tree.at("web/b"), tree.at("web/a")).unwrap();
        fs::rename(tree.at("web/c"), tree.at("web/b")).unwrap();
    }),
    ("emptied", |tree| tree.write("web/a", "")),
    ("staged, then changed again", |tree| {
        tree.write("web/a", "two");
        tree.git(&["add", "-A"]);
        tree.write("web/a", "six");
    }),
    ("no longer tracked", |tree| {
        tree.git(&["rm", "-q", "--cached", "web/a"]);
        tree.write("web/a", "two");
    }),
    ("ignored by git", |tree| {
        tree.write(".gitignore", "*.log\n");
        tree.write("web/a.log", "two");
    }),
    ("taken as unchanged", |tree| {
        tree.git(&["update-index", "--assume-unchanged", "web/a"]);
        tree.write("web/a", "two");
    }),
    ("left out of the working tree, and there all the same", |tree| {
        tree.git(&["update-index", "--skip-worktree", "web/a"]);
        tree.write("web/a", "two");
    }),
    ("meant to be added", |tree| {
        tree.write("web/new", "two");
        tree.git(&["add", "-N", "web/new"]);
    }),
    ("a link in its place", |tree| {
        fs::remove_file(tree.at("web/a")).unwrap();
        symlink("b", tree.at("web/a")).unwrap();
    }),
    ("a folder in its place", |tree| {
        fs::remove_file(tree.at("web/a")).unwrap();
        tree.write("web/a/a", "two");
    }),
    ("gone", |tree| fs::remove_file(tree.at("web/a")).unwrap()),
    ("another commit", |tree| {
        tree.git(&["checkout", "-q", "-b", "other"]);
        tree.write("web/a", "two");
        tree.git(&["commit", "-q", "-a", "-m", "two"]);
        tree.git(&["checkout", "-q", "main"]);
        tree.git(&["checkout", "-q", "other"]);
    }),
    ("stored with other line ends", |tree| {
        tree.git(&["config", "core.autocrlf", "true"]);
        tree.write("web/a", "1\r\n2\r\n");
        tree.commit();
        tree.git(&["config", "--unset", "core.autocrlf"]);
    }),
    ("stored with other line ends, by attributes that nobody tracks", |tree| {
        tree.write("web/deep/a", "1\r\n2\r\n");
        tree.write("web/deep/.gitattributes", "* text\n");
        tree.write(".git/info/exclude", ".gitattributes\n");
        tree.commit();
    }),
    ("stored with other line ends, by attributes that are gone", |tree| {
        tree.write("web/a", "1\r\n2\r\n");
        tree.write(".git/info/attributes", "* text\n");
        tree.commit();
        fs::remove_file(tree.at(".git/info/attributes")).unwrap();
    }),
    ("stored as a filter leaves it, as long as it was", |tree| {
        tree.write(".gitattributes", "a filter=turned\n");
        tree.git(&["config", "filter.turned.clean", "tr a-z n-za-m"]);
        tree.write("web/a", "abc");
        tree.commit();
    }),
    ("in a submodule", |tree| {
        fs::create_dir(tree.at("lib")).unwrap();
        tree.git(&["-C", "lib", "init", "-q", "-b", "main"]);
        tree.write("lib/a", "one");
        tree.git(&["-C", "lib", "add", "-A"]);
        tree.git(&["-C", "lib", "commit", "-q", "-m", "all"]);
        tree.git(&["submodule", "--quiet", "add", "./lib", "web/lib"]);
        tree.commit();
        tree.write("web/lib/a", "two");
    }),
];

#[test]
fn the_key_is_that_of_the_bytes_whatever_was_done() {
    for (what, edit) in EDITS {
        let tree = Tree::committed(&[("web/a", "one"), ("web/b", "six")]);
        tree.remember();
        let before = tree.read().digest(&tree.image());
        edit(&tree);
        tree.holds(what);
        assert_ne!(tree.read().digest(&tree.image()), before, "{what}");
        tree.tick();
        tree.git(&["status"]);
        tree.holds(&format!("{what}, and git has looked"));
    }
}

#[test]
fn a_mode_and_a_link_s_target_are_as_they_are_now() {
    let tree = Tree::committed(&[("web/a", "one")]);
    symlink("a", tree.at("web/l")).unwrap();
    tree.commit();
    tree.remember();
    let mut seen = BTreeSet::from([tree.read().digest(&tree.image()).0]);
    fs::set_permissions(tree.at("web/a"), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(seen.insert(tree.read().digest(&tree.image()).0), "what may be run is another image");
    fs::remove_file(tree.at("web/l")).unwrap();
    symlink("b", tree.at("web/l")).unwrap();
    assert!(seen.insert(tree.read().digest(&tree.image()).0), "as long as before, and leads elsewhere");
    tree.holds("at last");
}

#[test]
fn a_file_that_changes_twice_in_one_tick_is_not_taken_from_memory() {
    let tree = Tree::committed(&[("web/a", "000")]);
    for round in 0..30 {
        tree.write("web/a", &format!("a{round:02}"));
        tree.git(&["add", "-A"]);
        tree.holds("young");
        let before = modified(&tree.at("web/a"));
        tree.write("web/a", &format!("b{round:02}"));
        set_modified(&tree.at("web/a"), before);
        tree.holds("changed in the same tick, or nearly");
    }
}

#[test]
fn git_is_believed_only_where_it_is_sure() {
    // The index says of `two` that it is `one`: so it would be if git had been deceived.
    let deceived = |old: &str, new: &str, change: fn(&mut IndexEntry)| {
        let tree = Tree::committed(&[("web/a", old)]);
        tree.write("web/a", new);
        set_modified(&tree.at("web/a"), long_ago());
        tree.forge("web/a", change);
        tree
    };
    let id = |tree: &Tree| {
        let context = tree.read();
        let at = context.entries.iter().position(|entry| entry.path == "a").unwrap();
        context.contents[at].unwrap()
    };
    let sure = deceived("one", "two", |_| ());
    assert_ne!(id(&sure), of_bytes(&sure.at("web/a")), "git's word is taken at all");
    fs::File::open(sure.at(".git/index")).unwrap().set_modified(modified(&sure.at("web/a"))).unwrap();
    sure.holds("the index was written in the same moment as the file");

    deceived("one", "two", |entry| entry.flags |= 0x8000).holds("assume-unchanged");
    for (what, bit) in [("skip-worktree", 1 << 14), ("intent-to-add", 1 << 13)] {
        let tree = deceived("one", "two", |_| ());
        tree.forge("web/a", |entry| {
            entry.flags |= 0x4000;
            entry.flags_extended |= bit;
        });
        tree.holds(what);
    }
    deceived("one", "", |_| ()).holds("marked as unsure by a size of zero");
    deceived("1\n", "2\r\n", |_| ()).holds("stored in another length");
    for (what, change) in [
        ("size", (|entry| entry.file_size += 1) as fn(&mut IndexEntry)),
        ("mtime", |entry| entry.mtime = IndexTime::new(entry.mtime.seconds() - 1, entry.mtime.nanoseconds())),
        ("nanoseconds", |entry| entry.mtime = IndexTime::new(entry.mtime.seconds(), entry.mtime.nanoseconds() ^ 1)),
        ("ctime", |entry| entry.ctime = IndexTime::new(entry.ctime.seconds() - 1, entry.ctime.nanoseconds())),
        ("inode", |entry| entry.ino ^= 1),
    ] {
        deceived("one", "two", change).holds(what);
    }
}

#[test]
fn a_file_that_changes_while_it_is_looked_at_is_known_as_it_is_the_next_time() {
    let tree = Tree::committed(&[("web/a", "one"), ("web/b", "six")]);
    let context = tree.read();
    tree.tick();
    tree.write("web/a", "two");
    let none = std::collections::HashMap::new();
    let read = |entries: &[_]| contents::of(&tree.at("web"), entries, &none, Some(tree.cache.path()));
    read(&context.entries).unwrap();
    tree.holds("changed after the walk");
    tree.write("web/a", "longer");
    assert_eq!(read(&context.entries).unwrap_err().code, Code::ContextUnreadable, "it is not as it was walked over");
    tree.holds("changed again");
}

#[test]
fn a_memory_that_is_not_ours_is_none() {
    let tree = Tree::new(&[("web/a", "one")]);
    tree.remember();
    let place = contents::memory(tree.cache.path(), &tree.at("web"));
    let good = fs::read_to_string(&place).unwrap();
    assert!(good.contains(" a\n"), "{good}");
    for text in ["", "shipit contents 0\n", &good[..good.len() / 2], &good.replace(' ', "  "), &good.replace(" a\n", "\n")] {
        fs::write(&place, text).unwrap();
        tree.holds(text);
    }
    fs::write(&place, b"\xff\xfe").unwrap();
    tree.holds("not text");
}

#[test]
fn our_own_state_is_no_part_of_a_context() {
    let place = folder(&[("Dockerfile", "FROM a\n"), ("a", "1"), ("sub/a", "1")]);
    let before = digest(&image(place.path()));
    for path in [".shipit/runs/1/journal.jsonl", "sub/.shipit/lock"] {
        fs::create_dir_all(place.path().join(path).parent().unwrap()).unwrap();
        fs::write(place.path().join(path), "it grows while it builds").unwrap();
    }
    assert_eq!(digest(&image(place.path())), before);
}
