//! Keeps the beginning and the end of an output, however long it is.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use codeflow_actions::Captured;
use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is read at once; a pipe holds as much.
const PIECE: usize = 64 << 10;

/// An output that is being read. It can be looked at before it has ended.
#[derive(Clone)]
pub(crate) struct Capture(Arc<Mutex<Kept>>);

struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    half: usize,
    cut: u64,
}

impl Capture {
    pub(crate) fn new(most: u64) -> Self {
        let half = usize::try_from(most / 2).unwrap_or(usize::MAX).max(1);
        Self(Arc::new(Mutex::new(Kept { head: Vec::new(), tail: VecDeque::new(), half, cut: 0 })))
    }

    /// Reads to the end; what does not fit is read, too, so that the writer never waits for room.
    pub(crate) async fn read(self, mut from: impl AsyncRead + Unpin) {
        let mut piece = vec![0; PIECE];
        while let Ok(read @ 1..) = from.read(&mut piece).await {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).take(&piece[..read]);
        }
    }

    /// What was kept, as text. Bytes that are none stand as U+FFFD.
    pub(crate) fn text(&self) -> Captured {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cut = kept.cut;
        if cut == 0 {
            let mut all = std::mem::take(&mut kept.head);
            all.extend(kept.tail.make_contiguous().iter());
            return Captured { text: String::from_utf8_lossy(&all).into_owned(), cut };
        }
        let head = String::from_utf8_lossy(&kept.head).into_owned();
        let tail = String::from_utf8_lossy(kept.tail.make_contiguous()).into_owned();
        Captured { text: format!("{head}\n[{cut} bytes left out]\n{tail}"), cut }
    }
}

impl Kept {
    fn take(&mut self, piece: &[u8]) {
        let room = self.half.saturating_sub(self.head.len()).min(piece.len());
        let (first, rest) = piece.split_at(room);
        self.head.extend(first);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(self.half);
        self.tail.drain(..over);
        self.cut += over as u64;
    }
}
