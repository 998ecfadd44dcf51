//! One file of an artefact: an archive in S3, read by the job's own credentials. Nothing of it is written to the disk, and
//! nothing but the file that was asked for is unpacked.

use std::io::{Cursor, Read as _};

use aws_credential_types::Credentials;
use shipit_core::failure::{Code, Failure};
use zip::ZipArchive;
use zip::result::ZipError;

use crate::adapter::aws::error::{AwsError, Kind};
use crate::adapter::aws::http::Web;
use crate::adapter::aws::operation::GET_OBJECT;
use crate::adapter::aws::signed::{Request, Scope, send};
use crate::port::{Artefact, PortError, PortResult};

/// The largest archive that is read, in bytes. CodePipeline's own deploy actions take 3 MB.
pub(super) const LARGEST: usize = 32 << 20;
/// Most files in one.
const MOST_FILES: usize = 20_000;

/// Where S3 answers.
pub(super) struct Place<'a> {
    pub(super) web: &'a Web,
    pub(super) region: &'a str,
    /// None is AWS's own.
    pub(super) endpoint: Option<&'a str>,
}

/// Reads the archive.
pub(super) async fn archive(place: &Place<'_>, credentials: &Credentials, artefact: &Artefact) -> PortResult<Vec<u8>> {
    let scope = Scope { credentials, region: place.region, service: "s3" };
    let url = url(place, artefact);
    let request = Request { operation: GET_OBJECT, method: "GET", url: &url, headers: Vec::new(), body: Vec::new() };
    let reply = send(place.web, &scope, request).await?;
    let status = reply.status;
    if status == 200 {
        let told = reply.header("content-length").and_then(|length| length.parse::<usize>().ok());
        if told.is_some_and(|told| told > LARGEST) {
            return Err(too_large(told));
        }
    }
    let bytes = reply
        .bytes_within(LARGEST)
        .await
        .map_err(|message| AwsError { operation: GET_OBJECT, kind: Kind::Unanswered { message } })?;
    let Some(bytes) = bytes else { return Err(too_large(None)) };
    if status == 200 { Ok(bytes) } else { Err(refused(status, &String::from_utf8_lossy(&bytes)).into()) }
}

/// A file at the root of the archive.
pub(super) fn file(archive: Vec<u8>, name: &str, most: usize) -> PortResult<Option<Vec<u8>>> {
    let unreadable = |error: ZipError| broken(format!("it is no archive that can be read: {error}"));
    let mut archive = ZipArchive::new(Cursor::new(archive)).map_err(unreadable)?;
    if archive.len() > MOST_FILES {
        return Err(broken(format!("it holds {} files, more than {MOST_FILES}", archive.len())));
    }
    if let Some(outside) = archive.file_names().find(|name| leads_out(name)) {
        let outside: String = outside.chars().take(120).collect();
        return Err(broken(format!("its file `{}` would lie outside of it", outside.escape_debug())));
    }
    let file = match archive.by_name(name) {
        Ok(file) => file,
        Err(ZipError::FileNotFound) => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    if !file.is_file() {
        return Err(broken(format!("`{name}` in it is no plain file")));
    }
    // What an archive says of a size is not believed: no more is unpacked than was asked for.
    let mut bytes = Vec::new();
    let read = file.take(most as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| broken(format!("`{name}` in it cannot be unpacked: {error}")))?;
    if bytes.len() > most {
        return Err(broken(format!("`{name}` in it is larger than {most} bytes")));
    }
    Ok(Some(bytes))
}

fn leads_out(name: &str) -> bool {
    let drive = name.as_bytes().get(1) == Some(&b':');
    name.starts_with(['/', '\\']) || drive || name.split(['/', '\\']).any(|part| part == "..")
}

/// By path where S3 is not AWS's own, or where dots in a bucket's name would fit no certificate.
fn url(place: &Place<'_>, artefact: &Artefact) -> String {
    let Artefact { bucket, key, .. } = artefact;
    let (key, region) = (encoded(key), place.region);
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    match place.endpoint {
        Some(endpoint) => format!("{}/{bucket}/{key}", endpoint.trim_end_matches('/')),
        None if bucket.contains('.') => format!("https://s3.{region}.{suffix}/{bucket}/{key}"),
        None => format!("https://{bucket}.s3.{region}.{suffix}/{key}"),
    }
}

/// As S3 signs it: all but letters, digits, `-._~` and the slashes between.
fn encoded(key: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(byte);
    key.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// S3's error: `<Code>` and `<Message>` of a small document.
fn refused(status: u16, document: &str) -> AwsError {
    let text = |name: &str| {
        let (_, rest) = document.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text.chars().take(400).collect::<String>())
    };
    let code = text("Code").unwrap_or_default();
    AwsError { operation: GET_OBJECT, kind: Kind::Answered { status, code, message: text("Message").unwrap_or_default() } }
}

fn too_large(size: Option<usize>) -> PortError {
    let size = size.map_or_else(|| "more".to_owned(), |size| format!("{size} bytes"));
    broken(format!("it is {size}, and at most {LARGEST} bytes are read"))
}

fn broken(why: String) -> PortError {
    Failure::new(Code::ImageDefinitions, "the archive is refused")
        .because(why)
        .next("let the stage before leave an artefact with `imagedefinitions.json` at its root, and little else")
        .into()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::*;

    fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in files {
            let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
            writer.start_file(*name, options).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn why(read: PortResult<Option<Vec<u8>>>) -> String {
        let failure = Failure::from(read.unwrap_err());
        assert_eq!(failure.what, "the archive is refused");
        failure.because[0].clone()
    }

    #[test]
    fn the_file_at_the_root_is_read_and_no_other() {
        let archive = zipped(&[("deep/images.json", b"no"), ("images.json", b"[]")]);
        assert_eq!(file(archive.clone(), "images.json", 10).unwrap(), Some(b"[]".to_vec()));
        assert_eq!(file(archive, "other.json", 10).unwrap(), None);
    }

    #[test]
    fn an_archive_that_reaches_out_of_itself_is_refused() {
        for name in ["../images.json", "a/../../b", "/etc/passwd", "..\\x", "C:\\x", "\\\\host\\x"] {
            let told = why(file(zipped(&[("images.json", b"[]"), (name, b"x")]), "images.json", 10));
            assert!(told.contains("outside of it"), "{name}: {told}");
        }
    }

    #[test]
    fn a_bomb_is_unpacked_no_further_than_was_asked() {
        let archive = zipped(&[("images.json", &vec![b' '; 50 << 20])]);
        assert!(archive.len() < 100_000);
        assert_eq!(why(file(archive.clone(), "images.json", 1000)), "`images.json` in it is larger than 1000 bytes");
        // One that lies about its size.
        let mut lying = archive;
        let size = u32::try_from(50 << 20).unwrap().to_le_bytes();
        while let Some(at) = lying.windows(4).position(|window| window == size) {
            lying[at..at + 4].copy_from_slice(&2_u32.to_le_bytes());
        }
        assert!(file(lying, "images.json", 1000).is_err());
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        for bytes in [&b""[..], b"[]", b"PK\x03\x04", &[0; 4096]] {
            assert!(why(file(bytes.to_vec(), "images.json", 10)).starts_with("it is no archive"), "{bytes:?}");
        }
        let mut cut = zipped(&[("images.json", &[b'x'; 500])]);
        cut.truncate(cut.len() / 2);
        assert!(file(cut, "images.json", 1000).is_err());
    }

    #[test]
    fn the_address_is_s3_s_own() {
        let web = Web::new(crate::adapter::aws::http::Trust::System);
        let artefact = |bucket: &str| Artefact { name: "a".into(), bucket: bucket.into(), key: "shop/a b+ü/../x".into() };
        let place = |region, endpoint| Place { web: &web, region, endpoint };
        let key = "shop/a%20b%2B%C3%BC/../x";
        for (place, bucket, wanted) in [
            (place("eu-west-1", None), "artefacts", format!("https://artefacts.s3.eu-west-1.amazonaws.com/{key}")),
            (place("eu-west-1", None), "a.b", format!("https://s3.eu-west-1.amazonaws.com/a.b/{key}")),
            (place("cn-north-1", None), "a", format!("https://a.s3.cn-north-1.amazonaws.com.cn/{key}")),
            (place("eu-west-1", Some("http://127.0.0.1:1/")), "a.b", format!("http://127.0.0.1:1/a.b/{key}")),
        ] {
            assert_eq!(url(&place, &artefact(bucket)), wanted);
        }
    }
}
