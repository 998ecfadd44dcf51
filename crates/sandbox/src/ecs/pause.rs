//! The container that holds the network of a task with several containers, as ECS's own pause container does: a program
//! of a few instructions that waits for ever.

use bollard::Docker;
use bollard::body_full;
use bollard::errors::Error;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;

/// `pause()` for ever.
const X86_64: &[u8] = &[
    0xb8, 0x22, 0x00, 0x00, 0x00, // mov eax, 34
    0x0f, 0x05, // syscall
    0xeb, 0xf7, // jmp to the start
];

/// `ppoll(0, 0, 0, 0, 0)` for ever: there is no `pause` there.
const AARCH64: &[u32] = &[
    0xd280_0000, // mov x0, 0
    0xd280_0001, // mov x1, 0
    0xd280_0002, // mov x2, 0
    0xd280_0003, // mov x3, 0
    0xd280_0004, // mov x4, 0
    0xd280_0928, // mov x8, 73
    0xd400_0001, // svc 0
    0x17ff_fff9, // b to the start
];

/// The image's name in the Engine, made when it is not there.
pub(crate) async fn image(docker: &Docker) -> Result<String, Error> {
    let (name, tag) = ("shipit-sandbox-pause", "1");
    let image = format!("{name}:{tag}");
    if docker.inspect_image(&image).await.is_ok() {
        return Ok(image);
    }
    let arm = docker.version().await?.arch.is_some_and(|arch| arch == "arm64");
    let program = match arm {
        true => elf(183, &AARCH64.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>()),
        false => elf(62, X86_64),
    };
    let options = CreateImageOptionsBuilder::new()
        .from_src("-")
        .repo(name)
        .tag(tag)
        .changes(vec!["ENTRYPOINT [\"/pause\"]".to_owned()])
        .build();
    let layer = layer(&program).map_err(|err| Error::IOError { err })?;
    let mut made = std::pin::pin!(docker.create_image(Some(options), Some(body_full(layer.into())), None));
    while let Some(step) = made.next().await {
        step?;
    }
    Ok(image)
}

fn layer(program: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(program.len() as u64);
    header.set_mode(0o755);
    archive.append_data(&mut header, "pause", program)?;
    archive.into_inner()
}

/// A static 64-bit little-endian Linux program: one segment of headers and code.
fn elf(machine: u16, code: &[u8]) -> Vec<u8> {
    const BASE: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 56;
    let size = HEADERS + code.len() as u64;
    let mut program = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let half = |number: u16| number.to_le_bytes().to_vec();
    let word = |number: u32| number.to_le_bytes().to_vec();
    let long = |number: u64| number.to_le_bytes().to_vec();
    // The file: executable, machine, version, entry, one program header right behind, no sections.
    program.extend([half(2), half(machine), word(1), long(BASE + HEADERS), long(64), long(0)].concat());
    program.extend([word(0), half(64), half(56), half(1), half(64), half(0), half(0)].concat());
    // Its segment: load, readable and executable, the whole file at the base.
    program.extend([word(1), word(5), long(0), long(BASE), long(BASE), long(size), long(size), long(0x1000)].concat());
    program.extend(code);
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    fn the_program_waits_until_it_is_killed() {
        use std::os::unix::fs::PermissionsExt;
        use std::os::unix::process::ExitStatusExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pause");
        std::fs::write(&path, elf(62, X86_64)).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut child = std::process::Command::new(&path).spawn().unwrap();
        assert!(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    }
}
