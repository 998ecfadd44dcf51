//! What is read out of an image: as each kind of Engine gives it out, and as this one does.

use std::io::Write;

use super::super::archive;
use super::*;

/// The parts of an archive, in order: path and content; a content of `-> …` is a link.
type Parts = Vec<(String, Vec<u8>)>;

fn tarball(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in parts {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        if let Some(target) = content.strip_prefix(b"-> ") {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            tar.append_link(&mut header, path, std::str::from_utf8(target).unwrap()).unwrap();
        } else {
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, path, *content).unwrap();
        }
    }
    tar.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

fn read(parts: &Parts) -> std::io::Result<Inventory> {
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(path, content)| (path.as_str(), content.as_slice())).collect();
    Ok(Inventory::of(archive::of(tarball(&parts).as_slice(), None)?.layers))
}

fn base() -> Vec<u8> {
    let status: &[u8] = b"Package: a\nVersion: 1\n\nPackage: b\nVersion: 2\n";
    tarball(&[("./etc/os-release", b"ID=debian\nVERSION_ID=12\n"), ("var/lib/dpkg/status", status)])
}

fn above() -> Vec<u8> {
    tarball(&[("var/lib/dpkg/status", b"Package: a\nVersion: 2\n"), ("app/large", &[7; 300_000])])
}

const CONFIG: &str = r#"{"rootfs":{"type":"layers","diff_ids":["sha256:1","sha256:2","sha256:3"]}}"#;

/// As Engines before 25 do: a folder for each layer, a link where a layer comes again, what they are at the end.
fn older() -> Parts {
    let manifest = r#"[{"Config":"c.json","RepoTags":["x:1"],"Layers":["2/layer.tar","1/layer.tar","3/layer.tar"]}]"#;
    vec![
        ("1/VERSION".into(), b"1.0".to_vec()),
        ("1/json".into(), b"{}".to_vec()),
        ("1/layer.tar".into(), above()),
        ("2/layer.tar".into(), base()),
        ("3/layer.tar".into(), b"-> ../4/layer.tar".to_vec()),
        ("4/layer.tar".into(), vec![0; 1024]),
        ("c.json".into(), CONFIG.into()),
        ("manifest.json".into(), manifest.into()),
        ("repositories".into(), b"{}".to_vec()),
    ]
}

/// As newer ones do: blobs by digest, compressed where containerd keeps the images.
fn newer(compress: fn(&[u8]) -> Vec<u8>) -> Parts {
    let manifest = r#"[{"Config":"blobs/sha256/c","Layers":["blobs/sha256/a","blobs/sha256/b","blobs/sha256/e"]}]"#;
    vec![
        ("blobs/sha256/a".into(), compress(&base())),
        ("blobs/sha256/b".into(), compress(&above())),
        ("blobs/sha256/c".into(), CONFIG.into()),
        ("blobs/sha256/e".into(), compress(&[0; 1024])),
        ("index.json".into(), b"{}".to_vec()),
        ("manifest.json".into(), manifest.into()),
        ("oci-layout".into(), b"{}".to_vec()),
    ]
}

#[test]
fn every_engine_s_archive_tells_the_same() {
    for parts in [older(), newer(<[u8]>::to_vec), newer(gzip), newer(zstd)] {
        let found = read(&parts).unwrap();
        let [package] = found.packages.as_slice() else { panic!("{found:#?}") };
        assert_eq!((package.purl.as_str(), package.found.layer.as_str()), ("pkg:deb/debian/a@2?distro=debian-12", "sha256:2"));
    }
}

#[test]
fn an_archive_that_is_not_whole_is_an_error() {
    for missing in ["1/layer.tar", "4/layer.tar", "c.json", "manifest.json"] {
        let parts = older().into_iter().filter(|(path, _)| path != missing).collect();
        assert!(read(&parts).unwrap_err().to_string().contains("missing"), "{missing}");
    }
    let mut short = newer(gzip);
    short[0].1.truncate(40);
    assert!(read(&short).is_err());
    let parts = older();
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(path, content)| (path.as_str(), content.as_slice())).collect();
    assert!(archive::of(&tarball(&parts)[..200_000], None).is_err());
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn the_packages_of_a_built_image_are_listed() {
    let status = "Package: extra\nVersion: 1.2-3\nArchitecture: all\n";
    let dockerfile = "FROM shipit-busybox:1\nCOPY Dockerfile /one\nCOPY status /var/lib/dpkg/status.d/extra\nCOPY Dockerfile /two\n\
                      RUN rm -rf /var/lib/dpkg/status\n";
    let kept = dockerfile.replace("RUN rm -rf /var/lib/dpkg/status\n", "");
    let mut bench = Bench::new(Way::Session).await;
    let mut names = Vec::new();
    for dockerfile in [dockerfile, kept.as_str()] {
        let place = folder(&[("Dockerfile", dockerfile), ("status", status)]);
        bench.build(&image(place.path())).await.0.unwrap();
        let found = bench.docker.inventory(bench.made.last().unwrap()).await.unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(found.system.unwrap().id, "debian");
        names.push(found.packages.into_iter().map(|package| package.listed.name).collect::<Vec<_>>());
    }
    assert_eq!(names, [vec!["extra"], vec!["busybox-static", "extra"]]);
    let missing = bench.docker.inventory("shipit-test/no-such:1").await.map_err(Failure::from).unwrap_err();
    assert_eq!(missing.code, Code::ImageUnreadable, "{missing:#?}");
}
