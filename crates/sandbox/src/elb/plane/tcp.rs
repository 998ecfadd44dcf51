//! A network load balancer's connection: bytes both ways.

use tokio::net::TcpStream;

use super::proxy::Front;
use super::route::{self, Route};

/// Carries one connection to a target; closes it when there is none, as AWS does by a reset.
pub async fn carry(front: &Front, mut client: TcpStream) {
    let route = route::decide_connection(&mut front.shared.lock(), &front.listener);
    let Route::Forward(mut forward) = route else {
        return;
    };
    let mut target = TcpStream::connect(forward.endpoint).await;
    if target.is_err() && forward.elsewhere(&mut front.shared.lock()).is_some() {
        target = TcpStream::connect(forward.endpoint).await;
    }
    if let Ok(mut target) = target {
        // Either side may go at any time; there is nobody to tell.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut target).await;
    }
}
