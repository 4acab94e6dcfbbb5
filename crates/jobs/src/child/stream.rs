//! Reads what a child says, without ever keeping more of it than agreed.

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::sync::mpsc;

/// How reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Everything,
    LineTooLong,
}

/// Sends each line on; stops at a line longer than `max_line` bytes. Nobody listening any more does not stop it: the child
/// must not hang on a full pipe.
pub(super) async fn lines(
    output: impl AsyncRead + Unpin,
    max_line: usize,
    sender: mpsc::Sender<String>,
) -> Said {
    let mut reader = BufReader::with_capacity(64 << 10, output);
    let mut line = Vec::new();
    loop {
        line.clear();
        let most = u64::try_from(max_line)
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        match (&mut reader).take(most).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return Said::Everything,
            Ok(_) => {}
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() > max_line {
            return Said::LineTooLong;
        }
        let _ = sender
            .send(String::from_utf8_lossy(&line).into_owned())
            .await;
        if line.capacity() > 1 << 20 {
            line = Vec::new();
        }
    }
}

/// The last `kept` bytes, as text.
pub(super) async fn tail(mut output: impl AsyncRead + Unpin, kept: usize) -> String {
    let mut tail = Vec::new();
    let mut chunk = [0_u8; 4096];
    while let Ok(read @ 1..) = output.read(&mut chunk).await {
        tail.extend_from_slice(&chunk[..read]);
        if tail.len() > kept {
            tail.drain(..tail.len() - kept);
        }
    }
    String::from_utf8_lossy(&tail).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(text: &[u8], max_line: usize) -> (Vec<String>, Said) {
        let (sender, mut receiver) = mpsc::channel(100);
        let said = lines(text, max_line, sender).await;
        let mut lines = Vec::new();
        while let Some(line) = receiver.recv().await {
            lines.push(line);
        }
        (lines, said)
    }

    #[tokio::test]
    async fn lines_are_cut_at_their_ends_and_capped() {
        assert_eq!(
            read(b"a\n\nbc", 2).await,
            (
                vec!["a".into(), String::new(), "bc".into()],
                Said::Everything
            )
        );
        assert_eq!(
            read(b"ab\nabc\nd", 2).await,
            (vec!["ab".into()], Said::LineTooLong)
        );
        assert_eq!(
            read(b"a\xff\n", 9).await,
            (vec!["a\u{FFFD}".into()], Said::Everything)
        );
    }

    #[tokio::test]
    async fn the_end_of_a_long_text_is_kept() {
        assert_eq!(tail(&b"0123456789\n"[..], 4).await, "789");
    }
}
