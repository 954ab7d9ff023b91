//! Numbers the parts of a reply, for formats that do not.

/// The parts that have been seen. Texts and thoughts grow until something else comes.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    count: usize,
    growing: Option<Growing>,
}

/// What the last part is, if it can grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Growing {
    Text,
    Thought,
}

impl Parts {
    /// The part that a piece of text belongs to.
    pub(crate) fn text(&mut self) -> usize {
        self.grow(Growing::Text)
    }

    /// The part that a piece of a thought belongs to.
    pub(crate) fn thought(&mut self) -> usize {
        self.grow(Growing::Thought)
    }

    /// The part that something which comes whole is.
    pub(crate) fn whole(&mut self) -> usize {
        self.begin(None)
    }

    fn grow(&mut self, kind: Growing) -> usize {
        if self.growing == Some(kind) { self.count - 1 } else { self.begin(Some(kind)) }
    }

    fn begin(&mut self, growing: Option<Growing>) -> usize {
        self.growing = growing;
        self.count += 1;
        self.count - 1
    }
}
