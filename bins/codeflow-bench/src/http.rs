//! As much of HTTP/1.1 as a fixed upstream and a fixed load need: heads that end in an empty line, bodies with a length
//! or in chunks.

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Reads messages from one connection.
pub(crate) struct Messages<S> {
    stream: S,
    buffer: Vec<u8>,
    /// What of the buffer is read and not used.
    from: usize,
}

impl<S: AsyncRead + Unpin> Messages<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::with_capacity(64 << 10), from: 0 }
    }

    pub(crate) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Reads the next head; nothing when the connection ended before it.
    pub(crate) async fn head(&mut self) -> Result<Option<String>> {
        loop {
            let unread = &self.buffer[self.from..];
            if let Some(end) = unread.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&unread[..end + 4]).into_owned();
                self.from += end + 4;
                return Ok(Some(head));
            }
            if self.fill().await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads the body that a head announces, calling `first` when its first byte is there.
    pub(crate) async fn body(
        &mut self,
        head: &str,
        first: &mut (dyn FnMut() + Send),
    ) -> Result<(usize, usize)> {
        let lower = head.to_ascii_lowercase();
        if lower.contains("transfer-encoding: chunked") {
            return self.chunks(first).await;
        }
        let length = lower.split("content-length:").nth(1).and_then(|rest| rest.lines().next());
        let length: usize =
            length.map_or(Ok(0), |text| text.trim().parse()).context("a length that is none")?;
        let mut pieces = 0;
        while self.buffer.len() - self.from < length {
            pieces += 1;
            if self.fill().await? == 0 {
                bail!("the connection ended within a body");
            }
        }
        if length > 0 {
            first();
        }
        self.from += length;
        Ok((length, pieces))
    }

    /// Reads the body that a head announces by its length.
    pub(crate) async fn body_bytes(&mut self, head: &str) -> Result<Vec<u8>> {
        let from_before = self.from;
        let (length, _) = self.body(head, &mut || ()).await?;
        // Filling may have moved what was read to the front.
        let end = self.from;
        let start = end.checked_sub(length).unwrap_or(from_before);
        Ok(self.buffer[start..end].to_vec())
    }

    async fn chunks(&mut self, first: &mut (dyn FnMut() + Send)) -> Result<(usize, usize)> {
        let (mut total, mut count) = (0, 0);
        loop {
            let unread = &self.buffer[self.from..];
            let Some(line) = unread.windows(2).position(|two| two == b"\r\n") else {
                if self.fill().await? == 0 {
                    bail!("the connection ended within a body");
                }
                continue;
            };
            let size = std::str::from_utf8(&unread[..line])?;
            let size = usize::from_str_radix(size.trim(), 16).context("a chunk without a size")?;
            while self.buffer.len() - self.from < line + 2 + size + 2 {
                if self.fill().await? == 0 {
                    bail!("the connection ended within a chunk");
                }
            }
            self.from += line + 2 + size + 2;
            if size == 0 {
                return Ok((total, count));
            }
            if total == 0 {
                first();
            }
            total += size;
            count += 1;
        }
    }

    async fn fill(&mut self) -> Result<usize> {
        if self.from == self.buffer.len() {
            self.buffer.clear();
            self.from = 0;
        } else if self.from > 256 << 10 {
            self.buffer.drain(..self.from);
            self.from = 0;
        }
        Ok(self.stream.read_buf(&mut self.buffer).await?)
    }
}
