//! What databases tell, and what layers leave of it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn layer(digest: &str, files: &[(&str, &str)]) -> Layer {
    let mut layer = Layer { digest: Digest(digest.into()), gone: Vec::new(), files: BTreeMap::new() };
    for (path, text) in files {
        match Gone::whiteout(path) {
            Some(gone) => layer.gone.push(gone),
            None => drop(layer.files.insert((*path).to_owned(), read(path, text.as_bytes()).unwrap_or(Told::Unread))),
        }
    }
    layer
}

fn purls(layers: Vec<Layer>) -> Vec<String> {
    Inventory::of(layers).packages.into_iter().map(|package| package.purl).collect()
}

const DEBIAN: &str = "NAME=\"Debian GNU/Linux\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n";
const STATUS: &str = "Package: libssl3\nStatus: install ok installed\nSource: openssl\nArchitecture: amd64\nVersion: 3.0.11-1~deb12u2\n\
                      Description: a\n long: text\n Version: 9\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n\
                      Package: busybox-static\nStatus: install ok installed\nSource: busybox (1:1.35.0-4)\nArchitecture: amd64\n\
                      Version: 1:1.35.0-4+b3\n\n";

#[test]
fn debian_s_packages_are_named() {
    let found = Inventory::of(vec![layer("a", &[("etc/os-release", DEBIAN), ("var/lib/dpkg/status", STATUS)])]);
    assert_eq!(found.system.as_ref().unwrap().version.as_deref(), Some("12"));
    let seen: Vec<_> = found.packages.iter().map(|one| (one.purl.as_str(), one.listed.source.as_deref())).collect();
    assert_eq!(
        seen,
        [
            ("pkg:deb/debian/busybox-static@1:1.35.0-4%2Bb3?arch=amd64&distro=debian-12", Some("busybox")),
            ("pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12", Some("openssl")),
        ]
    );
    assert_eq!(found.packages[0].found, Place { path: "var/lib/dpkg/status".into(), layer: Digest("a".into()) });
}

#[test]
fn images_without_dpkg_have_a_file_for_each_package() {
    let tzdata = "Package: tzdata\nArchitecture: all\nVersion: 2024a-0+deb12u1\n";
    let sums = "d41d8cd98f00b204e9800998ecf8427e  usr/share/zoneinfo/UTC\n";
    let files = [
        ("usr/lib/os-release", DEBIAN),
        ("var/lib/dpkg/status.d/tzdata", tzdata),
        ("var/lib/dpkg/status.d/base", "Package: base-files\r\nVersion: 12.4\r\n"),
    ];
    let found = purls(vec![layer("a", &files)]);
    assert_eq!(
        found,
        ["pkg:deb/debian/base-files@12.4?distro=debian-12", "pkg:deb/debian/tzdata@2024a-0%2Bdeb12u1?arch=all&distro=debian-12"]
    );
    assert_eq!(read("var/lib/dpkg/status.d/tzdata.md5sums", sums.as_bytes()), None);
}

#[test]
fn alpine_s_packages_are_named() {
    let installed = "C:Q1\nP:libcrypto3\nV:3.1.4-r5\nA:x86_64\nL:Apache-2.0\no:openssl\nF:lib\n\nP:musl\nV:1.2.4-r2\no:musl\n\n";
    let files = [("etc/os-release", "ID=alpine\nVERSION_ID=3.19.1\n"), ("lib/apk/db/installed", installed)];
    let found = Inventory::of(vec![layer("a", &files)]).packages;
    assert_eq!(found[0].purl, "pkg:apk/alpine/libcrypto3@3.1.4-r5?arch=x86_64&distro=alpine-3.19.1");
    assert_eq!((found[0].listed.source.as_deref(), found[0].listed.license.as_deref()), (Some("openssl"), Some("Apache-2.0")));
    assert_eq!((found[1].purl.as_str(), &found[1].listed.source), ("pkg:apk/alpine/musl@1.2.4-r2?distro=alpine-3.19.1", &None));
}

#[test]
fn packages_of_python_and_node_are_named_where_they_are_installed() {
    let metadata = "Metadata-Version: 2.1\nName: Zope.Interface_x\nVersion: 6.1\nLicense: ZPL 2.1\n\nName: not this\n";
    let site = "usr/lib/python3/site-packages/zope.dist-info/METADATA";
    let files = [
        (site, metadata),
        ("app/node_modules/@babel/core/package.json", r#"{"name":"@babel/core","version":"7.1.0-rc+1","license":"MIT"}"#),
        ("node_modules/a/package.json", r#"{"name":"a","version":"1","license":{"type":"ISC","url":"x"}}"#),
    ];
    let found = Inventory::of(vec![layer("a", &files)]).packages;
    let seen: Vec<_> = found.iter().map(|one| (one.purl.as_str(), one.listed.license.as_deref().unwrap())).collect();
    assert_eq!(
        seen,
        [("pkg:npm/%40babel/core@7.1.0-rc%2B1", "MIT"), ("pkg:npm/a@1", "ISC"), ("pkg:pypi/zope-interface-x@6.1", "ZPL 2.1")]
    );
    for no in ["package.json", "app/package.json", "node_modules/a/test/package.json", "app/METADATA", "@x/y/package.json"] {
        assert_eq!(wanted(no), None, "{no}");
    }
    assert_eq!(read("node_modules/a/package.json", b"{\"private\": true}"), None);
    assert_eq!(read("node_modules/a/package.json", b"not json"), None);
}

#[test]
fn a_database_that_is_not_read_is_named() {
    assert_eq!(wanted("var/lib/rpm/rpmdb.sqlite"), Some(Wanted::Presence));
    let mut amazon = layer("a", &[("etc/os-release", "ID=\"amzn\"\nVERSION_ID=\"2023\"\n")]);
    amazon.files.insert("var/lib/rpm/rpmdb.sqlite".into(), Told::Unread);
    let found = Inventory::of(vec![amazon]);
    assert_eq!(found.unread, [Place { path: "var/lib/rpm/rpmdb.sqlite".into(), layer: Digest("a".into()) }]);
}

#[test]
fn upper_layers_cover_lower_ones() {
    let package = |name: &str| format!("Package: {name}\nVersion: 1\n");
    let (one, two) = (package("one"), package("two"));
    let at = "var/lib/dpkg/status.d";
    let (path, other) = (format!("{at}/one"), format!("{at}/two"));
    let base = layer("a", &[(&path, &one), (&other, &two)]);
    let all = |above: &[(&str, &str)]| purls(vec![base.clone(), layer("b", above)]).len();
    assert_eq!(all(&[]), 2);
    assert_eq!(all(&[("var/lib/dpkg/status.d/.wh.one", "")]), 1);
    assert_eq!(all(&[("var/lib/dpkg/status.d/.wh.on", "")]), 2, "a name that only begins like it");
    assert_eq!(all(&[("var/lib/.wh.dpkg", "")]), 0);
    assert_eq!(all(&[(".wh..wh..opq", "")]), 0);
    assert_eq!(all(&[("var/lib/dpkg/.wh..wh..opq", ""), (&path, &one)]), 1, "an opaque folder keeps what its own layer has");
    let newer = Inventory::of(vec![base.clone(), layer("b", &[(&path, &package("newer"))])]);
    assert_eq!(newer.packages.iter().map(|one| one.found.layer.as_str()).collect::<Vec<_>>(), ["b", "a"]);
}

proptest! {
    #[test]
    fn what_stands_in_a_database_never_ends_the_reading(text in "(?s).{0,300}", at in 0..6_usize) {
        let paths = ["etc/os-release", "var/lib/dpkg/status", "lib/apk/db/installed", "a.dist-info/METADATA",
                     "node_modules/a/package.json", "var/lib/dpkg/status.d/a"];
        if let Some(Told::Packages(listed)) = read(paths[at], text.as_bytes()) {
            prop_assert!(listed.iter().all(|one| !one.name.is_empty() && !one.version.is_empty()));
        }
    }

    /// The files of a layer lie over all below it, whatever it takes away.
    #[test]
    fn the_uppermost_layer_is_always_there(layers in prop::collection::vec(prop::collection::btree_map("[ab](/[ab]){0,2}", 0..9_u8, 0..4), 1..5),
                                           gone in prop::collection::vec("[ab](/[ab]){0,2}", 0..3)) {
        let package = |n: &u8| read("var/lib/dpkg/status", format!("Package: p{n}\nVersion: 1\n").as_bytes()).unwrap();
        let mut stack: Vec<Layer> = layers.iter().enumerate().map(|(at, files)| Layer {
            digest: Digest(at.to_string()),
            gone: Vec::new(),
            files: files.iter().map(|(path, n)| (path.clone(), package(n))).collect(),
        }).collect();
        let last = stack.last_mut().unwrap();
        last.gone = gone.iter().cloned().map(Gone::Path).collect();
        let (top, written) = (last.digest.clone(), last.files.len());
        let found = Inventory::of(stack);
        prop_assert_eq!(found.packages.iter().filter(|one| one.found.layer == top).count(), written);
        for place in found.packages.iter().filter(|one| one.found.layer != top).map(|one| &one.found.path) {
            prop_assert!(!gone.iter().any(|gone| place == gone || place.starts_with(&format!("{gone}/"))), "{}", place);
        }
    }
}
