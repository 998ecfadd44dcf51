//! Package URLs (ECMA-427, and the definitions of its types).

use super::{Ecosystem, Listed, System};

pub(super) fn of(package: &Listed, system: Option<&System>) -> String {
    let Listed { name, version, ecosystem, architecture, .. } = package;
    match ecosystem {
        Ecosystem::Deb | Ecosystem::Apk => {
            let (kind, usual) = if *ecosystem == Ecosystem::Deb { ("deb", "debian") } else { ("apk", "alpine") };
            let vendor = system.map_or(usual, |system| &system.id).to_lowercase();
            let mut purl = format!("pkg:{kind}/{}/{}@{}", encoded(&vendor), encoded(&name.to_lowercase()), encoded(version));
            let distro = system.and_then(|system| Some(format!("{}-{}", system.id, system.version.as_ref()?)));
            let mut before = '?';
            for (key, value) in [("arch", architecture.as_ref()), ("distro", distro.as_ref())] {
                if let Some(value) = value {
                    purl.push_str(&format!("{before}{key}={}", encoded(value)));
                    before = '&';
                }
            }
            purl
        }
        Ecosystem::Pypi => format!("pkg:pypi/{}@{}", encoded(&name.to_lowercase().replace(['_', '.'], "-")), encoded(version)),
        Ecosystem::Npm => {
            let name = name.to_lowercase();
            let name: Vec<String> = name.split('/').map(encoded).collect();
            format!("pkg:npm/{}@{}", name.join("/"), encoded(version))
        }
    }
}

/// Percent-encoded; the colon is not, wherever it stands.
fn encoded(text: &str) -> String {
    let mut done = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => done.push(char::from(byte)),
            other => done.push_str(&format!("%{other:02X}")),
        }
    }
    done
}
