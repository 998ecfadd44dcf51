//! Layers: the rest of the file, then `environments.<name>`, then `SHIPIT_…` variables, then flags; the later one wins.

use std::sync::Arc;

use super::Overrides;
use super::source::{Source, SourceKind};
use super::tree::{Content, Entry, Key, Node};

/// Lays `over` on `under`: maps are joined key by key, everything else is replaced. Every value keeps its place.
///
/// Associative as long as the layers agree which keys hold maps.
pub fn merge(under: Node, over: Node) -> Node {
    match (under.content, over.content) {
        (Content::Map(mut entries), Content::Map(more)) => {
            for entry in more {
                match entries.iter().position(|have| have.key.text == entry.key.text) {
                    Some(at) => {
                        let have = entries.remove(at);
                        entries.insert(at, merge_entry(have, entry));
                    }
                    None => entries.push(entry),
                }
            }
            Node { place: under.place, content: Content::Map(entries) }
        }
        (_, content) => Node { place: over.place, content },
    }
}

/// A map that is only added to keeps the key it had, a value that is replaced brings its own.
fn merge_entry(under: Entry, over: Entry) -> Entry {
    let added_to = matches!((&under.value.content, &over.value.content), (Content::Map(_), Content::Map(_)));
    let wanted = over.value.entries().first().map(|entry| entry.key.text.clone()).filter(|_| over.key.text == "strategy");
    let mut entry = Entry { key: if added_to { under.key } else { over.key }, value: merge(under.value, over.value) };
    if let Some(wanted) = wanted {
        first(&mut entry.value, &wanted);
    }
    entry
}

/// Of several strategies the first is in force: that of the later layer. The others stay for `--strategy`.
fn first(strategies: &mut Node, wanted: &str) {
    let Some(entries) = strategies.entries_mut() else { return };
    if let Some(at) = entries.iter().position(|entry| entry.key.text == wanted) {
        entries[..=at].rotate_right(1);
    }
}

/// A value that the file, a variable and a flag can all give.
struct Setting {
    flag: &'static str,
    variable: &'static str,
    given: fn(&Overrides) -> Option<&String>,
    lay: fn(Node, Node) -> Node,
}

const SETTINGS: &[Setting] = &[
    Setting {
        flag: "--region",
        variable: "SHIPIT_REGION",
        given: |over| over.region.as_ref(),
        lay: |root, value| set(root, &["region"], value),
    },
    Setting {
        flag: "--cluster",
        variable: "SHIPIT_CLUSTER",
        given: |over| over.cluster.as_ref(),
        lay: |root, value| set(root, &["cluster"], value),
    },
    Setting {
        flag: "--account",
        variable: "SHIPIT_ACCOUNT",
        given: |over| over.account.as_ref(),
        lay: |root, value| set(root, &["account"], value),
    },
    Setting {
        flag: "--assume-role",
        variable: "SHIPIT_ASSUME_ROLE",
        given: |over| over.assume_role.as_ref(),
        lay: |root, value| set(root, &["assume_role"], value),
    },
    Setting {
        flag: "--fail-on",
        variable: "SHIPIT_FAIL_ON",
        given: |over| over.fail_on.as_ref(),
        lay: |root, value| set(root, &["gate", "fail_on"], value),
    },
    Setting {
        flag: "--on-interrupt",
        variable: "SHIPIT_ON_INTERRUPT",
        given: |over| over.on_interrupt.as_ref(),
        lay: |root, value| set(root, &["on_interrupt"], value),
    },
    Setting { flag: "--strategy", variable: "SHIPIT_STRATEGY", given: |over| over.strategy.as_ref(), lay: lay_strategy },
];

/// Lays variables, then flags on the tree. An empty variable counts as not set.
pub fn lay_settings(root: Node, overrides: &Overrides, env: &dyn Fn(&str) -> Option<String>) -> Node {
    // A variable that a flag overrides is not laid at all: a strategy's own block must be there for the flag.
    let alone = SETTINGS.iter().filter(|setting| (setting.given)(overrides).is_none());
    let variables = alone.filter_map(|setting| {
        let text = env(setting.variable).filter(|text| !text.is_empty())?;
        Some((setting, source(SourceKind::Variable, setting.variable, text)))
    });
    let flags = SETTINGS
        .iter()
        .filter_map(|setting| Some((setting, source(SourceKind::Flag, setting.flag, (setting.given)(overrides)?.clone()))));
    variables.chain(flags).fold(root, |root, (setting, source)| (setting.lay)(root, Node::text(&source)))
}

/// The text of a variable or a flag.
pub fn source(kind: SourceKind, name: &str, text: String) -> Arc<Source> {
    Arc::new(Source { kind, name: name.to_owned(), text })
}

/// A layer that has just that value at that path, laid on the tree.
fn set(root: Node, path: &[&str], value: Node) -> Node {
    let layer = path.iter().rev().fold(value, |value, key| {
        let place = value.place.clone();
        let key = Key { text: (*key).to_owned(), place: place.clone() };
        Node { place, content: Content::Map(vec![Entry { key, value }]) }
    });
    merge(root, layer)
}

/// Every service gets that strategy; one whose own block has that name keeps its block.
fn lay_strategy(mut root: Node, strategy: Node) -> Node {
    let name = strategy.place.text().replace('-', "_");
    let Some(entries) = root.entries_mut() else { return root };
    let services = entries.iter_mut().filter(|entry| entry.key.text == "services");
    for service in services.filter_map(|services| services.value.entries_mut()).flatten() {
        let own = service.value.get("strategy").and_then(|own| own.entries().iter().find(|entry| entry.key.text == name));
        let value = match own.cloned() {
            Some(block) => Node { place: block.value.place.clone(), content: Content::Map(vec![block]) },
            None => strategy.clone(),
        };
        if let Some(entries) = service.value.entries_mut() {
            put(entries, "strategy", value);
        }
    }
    root
}

/// Replaces that key's value, or adds it.
fn put(entries: &mut Vec<Entry>, key: &str, value: Node) {
    match entries.iter_mut().find(|entry| entry.key.text == key) {
        Some(entry) => entry.value = value,
        None => entries.push(Entry { key: Key { text: key.to_owned(), place: value.place.clone() }, value }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::config::source::Place;

    /// A layer: which of the paths it gives, and with what. A path's last part is a value, all others are maps.
    fn layer() -> impl Strategy<Value = BTreeMap<[u8; 2], u8>> {
        prop::collection::btree_map([0u8..3, 0u8..3], any::<u8>(), 0..6)
    }

    fn tree(layer: &BTreeMap<[u8; 2], u8>) -> Node {
        let empty =
            Node { place: Place::start_of(&source(SourceKind::Flag, "none", String::new())), content: Content::Map(Vec::new()) };
        layer.iter().fold(empty, |tree, ([outer, inner], value)| {
            let (outer, inner) = (format!("o{outer}"), format!("i{inner}"));
            set(tree, &[&outer, &inner], Node::text(&source(SourceKind::Flag, "layer", value.to_string())))
        })
    }

    fn flat(tree: &Node) -> BTreeMap<String, String> {
        let mut flat = BTreeMap::new();
        for outer in tree.entries() {
            for inner in outer.value.entries() {
                flat.insert(format!("{}.{}", outer.key.text, inner.key.text), inner.value.place.text().to_owned());
            }
        }
        flat
    }

    proptest! {
        #[test]
        fn layers_that_agree_on_maps_merge_associatively_and_the_later_wins(a in layer(), b in layer(), c in layer()) {
            let left = merge(merge(tree(&a), tree(&b)), tree(&c));
            let right = merge(tree(&a), merge(tree(&b), tree(&c)));
            prop_assert_eq!(&left.content, &right.content);
            let mut wanted = a;
            wanted.extend(b);
            wanted.extend(c);
            prop_assert_eq!(flat(&left), flat(&tree(&wanted)));
        }
    }

    #[test]
    fn what_is_not_a_map_is_replaced() {
        let text = |text: &str| Node::text(&source(SourceKind::Flag, "x", text.into()));
        assert_eq!(merge(tree(&BTreeMap::from([([0, 0], 1)])), text("plain")), text("plain"));
        assert_eq!(merge(text("a"), text("b")), text("b"));
    }
}
