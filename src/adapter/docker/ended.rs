//! Where an answer of the Engine ends: after its last line, whatever the connection does to the line break behind it.

use std::future::ready;

use bollard::errors::Error;
use futures_util::{Stream, StreamExt};

/// The lines of an answer. bollard 0.21 calls it an error when the line break after the last one arrives by itself (its decoder
/// keeps a lone `\r`), and calls an answer that was cut short just the same: then what it should have brought is missing.
pub(super) fn lines<T>(answer: impl Stream<Item = Result<T, Error>>) -> impl Stream<Item = Result<T, Error>> {
    answer.take_while(|line| ready(!matches!(line, Err(error) if is_left_over(error))))
}

fn is_left_over(error: &Error) -> bool {
    matches!(error, Error::IOError { err } if err.to_string() == "bytes remaining on stream")
}

#[cfg(test)]
mod tests {
    use bollard::models::CreateImageInfo;
    use bollard::query_parameters::CreateImageOptions;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// An Engine that answers a push with these chunks, and what bollard makes of it.
    async fn answered(chunks: &[&str]) -> (Vec<Result<CreateImageInfo, Error>>, usize) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("tcp://{}", listener.local_addr().unwrap());
        let body: String = chunks.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len())).collect();
        let reply = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}0\r\n\r\n");
        let engine = async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut asked = [0; 4096];
            assert_ne!(socket.read(&mut asked).await.unwrap(), 0);
            socket.write_all(reply.as_bytes()).await.unwrap();
            socket
        };
        let api = bollard::Docker::connect_with_http(&host, 10, bollard::API_DEFAULT_VERSION).unwrap();
        let answer = api.create_image(None::<CreateImageOptions>, None, None);
        let (_socket, raw): (_, Vec<_>) = tokio::join!(engine, answer.collect());
        let failures = raw.iter().filter(|line| line.is_err()).count();
        (lines(futures_util::stream::iter(raw)).collect().await, failures)
    }

    #[tokio::test]
    async fn a_line_break_that_comes_by_itself_is_no_error() {
        let (lines, before) = answered(&["{\"status\":\"a\"}", "\r\n", "{\"status\":\"b\"}", "\r\n"]).await;
        assert_eq!(before, 1, "bollard calls it none any more: this module can go");
        let lines: Vec<_> = lines.into_iter().map(Result::unwrap).collect();
        let told: Vec<_> = lines.iter().map(|line| line.status.as_deref()).collect();
        assert_eq!(told, [Some("a"), Some("b")]);
    }

    #[tokio::test]
    async fn an_answer_that_is_cut_short_lacks_its_last_line() {
        let (lines, _) = answered(&["{\"status\":\"a\"}\r\n", "{\"status\":"]).await;
        let lines: Vec<_> = lines.into_iter().map(Result::unwrap).collect();
        assert_eq!(lines.len(), 1);
    }

    #[tokio::test]
    async fn what_the_engine_says_of_a_failure_stays() {
        let (lines, _) = answered(&["{\"error\":\"no\",\"errorDetail\":{\"message\":\"no\"}}\r\n"]).await;
        assert!(lines.iter().any(|line| matches!(line, Err(Error::DockerStreamError { .. }))), "{lines:?}");
    }
}
