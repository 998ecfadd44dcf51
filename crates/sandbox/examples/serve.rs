//! Serves a sandbox in the foreground until `POST /_sandbox/down` or Ctrl-C:
//! `cargo run -p shipit-sandbox --example serve -- [FOLDER] [FACTOR] [PORT]`.
#![allow(clippy::print_stdout, reason = "the address is this program's output")]

use std::error::Error;

use shipit_sandbox::{Options, serve};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| ".shipit/sandbox".to_owned());
    let factor = arguments.next().unwrap_or_else(|| "1".to_owned()).parse()?;
    let port = arguments.next().unwrap_or_else(|| "0".to_owned()).parse()?;
    let docker = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
    let record = Some(std::path::Path::new(&folder).join("exchanges.jsonl"));
    let id = format!("serve-{}", std::process::id());
    let running = serve(Options { factor, port, docker: Some(docker), record, ..Options::new(folder, id) }).await?;
    println!("{}", running.endpoint());
    tokio::select! {
        () = running.ended() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    running.shutdown().await?;
    Ok(())
}
