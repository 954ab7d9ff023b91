//! What every dialect must do, run on each. What a dialect cannot do is asserted too.

mod abilities;
mod mutations;
mod replies;
mod streams;
mod suites;

use std::{fs, path::Path, sync::Arc};

use codeflow_model::{ChatResponse, Part};
use codeflow_providers::Dialect;

use crate::support::{event_stream_frame, fixture};

/// Every kind of reply. A dialect has a whole and a streamed one of each, but for those that it lacks.
const NAMES: [&str; 8] = ["text", "length", "schema", "refusal", "filtered", "unknown", "thinking", "tools"];

/// How the frames of a dialect's streams are kept in its fixtures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frames {
    /// As they are: server-sent events.
    Sse,
    /// As they are: one JSON value a line.
    Ndjson,
    /// One event a line, its type before a colon; the binary frames are made from it.
    EventStream,
}

/// One dialect and its recorded exchanges.
struct Suite<D> {
    dialect: Arc<D>,
    folder: &'static str,
    frames: Frames,
    /// A frame that is an error somebody else may help with.
    broken: &'static str,
    /// Kinds of replies for which the vendor has no word.
    lacks: &'static [&'static str],
    /// How many texts one request embeds.
    embeds: usize,
}

impl<D: Dialect> Suite<D> {
    fn names(&self) -> Vec<&'static str> {
        let can = self.dialect.capabilities();
        let is_lacking = |name: &str| match name {
            "schema" => !can.json_schema,
            "thinking" => !can.thinking,
            "tools" => !can.tools,
            other => self.lacks.contains(&other),
        };
        NAMES.into_iter().filter(|name| !is_lacking(name)).collect()
    }

    fn extension(&self) -> &'static str {
        match self.frames {
            Frames::Sse => "sse",
            Frames::Ndjson => "ndjson",
            Frames::EventStream => "events",
        }
    }

    fn text(&self, name: &str) -> String {
        let bytes = fixture(self.folder, &format!("{name}.{}", self.extension()));
        String::from_utf8(bytes).expect("is UTF-8")
    }

    /// The frames of a stream as they travel.
    fn cut(&self, text: &str) -> Vec<Vec<u8>> {
        let end = match self.frames {
            Frames::Sse => "\n\n",
            Frames::Ndjson | Frames::EventStream => "\n",
        };
        let frames = text.split_inclusive(end);
        frames
            .map(|frame| match self.frames {
                Frames::Sse | Frames::Ndjson => frame.as_bytes().to_vec(),
                Frames::EventStream => {
                    let (kind, data) = frame.trim_end().split_once(':').unwrap_or((frame, ""));
                    event_stream_frame(kind, data.as_bytes())
                }
            })
            .collect()
    }

    fn stream(&self, name: &str) -> Vec<u8> {
        self.cut(&self.text(name)).concat()
    }

    fn whole(&self, name: &str) -> ChatResponse {
        let bytes = fixture(self.folder, &format!("{name}.json"));
        let reply = self.dialect.decode(&bytes).expect("is a reply");
        // Whoever sends the request fills in the model that a reply does not name.
        let model = if reply.model.is_empty() { "asked-for".to_owned() } else { reply.model };
        ChatResponse { model, ..reply }
    }

    /// One frame with this data, whatever it is.
    fn frame(&self, data: &str) -> Vec<u8> {
        match self.frames {
            Frames::Sse => format!("data: {data}\n\n").into_bytes(),
            Frames::Ndjson => format!("{data}\n").into_bytes(),
            Frames::EventStream => event_stream_frame("contentBlockDelta", data.as_bytes()),
        }
    }

    fn has_fixture(&self, name: &str) -> bool {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(self.folder);
        fs::exists(folder.join(name)).expect("can be looked up")
    }
}

/// What kinds a reply's parts are, in order.
fn kinds(parts: &[Part]) -> String {
    let kind = |part: &Part| match part {
        Part::Text(_) => 't',
        Part::ToolCall(_) => 'c',
        Part::Thinking(_) => 'h',
        Part::Image(_) | Part::ToolResult(_) => '?',
    };
    parts.iter().map(kind).collect()
}
