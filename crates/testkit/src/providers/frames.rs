//! The frames of a stream, and how each framing writes them.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::Bytes;
use serde_json::Value;

/// One frame.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// Its name, where the format names frames.
    pub(super) event: Option<&'static str>,
    pub(super) data: String,
    pub(super) role: Role,
}

/// What a frame does in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It comes before the first token.
    Opening,
    /// It holds a token, or stands between two parts of the reply.
    Token,
    /// It says why the reply ended, or what it used.
    Reason,
    /// It closes the stream.
    Closing,
    /// It ends the stream with an error.
    Error,
}

/// How frames are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Server-sent events.
    Sse,
    /// A JSON value a line.
    Lines,
    /// Amazon's event stream.
    Binary,
}

impl Frame {
    pub(super) fn new(role: Role, event: impl Into<Option<&'static str>>, data: &Value) -> Self {
        Self { event: event.into(), data: data.to_string(), role }
    }

    /// The bytes of the frame. `line_end` plays a part in texts only.
    pub(super) fn write(&self, framing: Framing, line_end: &str) -> Bytes {
        match framing {
            Framing::Sse => {
                let event = self.event.map(|name| format!("event: {name}{line_end}")).unwrap_or_default();
                format!("{event}data: {}{line_end}{line_end}", self.data).into()
            }
            Framing::Lines => format!("{}{line_end}", self.data).into(),
            Framing::Binary => self.binary(),
        }
    }

    fn binary(&self) -> Bytes {
        let text = |text: &'static str| HeaderValue::String(text.into());
        let name = self.event.unwrap_or_default();
        let (kind, name_header) = match self.role {
            Role::Error => ("exception", ":exception-type"),
            Role::Opening | Role::Token | Role::Reason | Role::Closing => ("event", ":event-type"),
        };
        let message = Message::new(Bytes::from(self.data.clone()))
            .add_header(Header::new(":message-type", text(kind)))
            .add_header(Header::new(name_header, text(name)))
            .add_header(Header::new(":content-type", text("application/json")));
        let mut bytes = Vec::new();
        write_message_to(&message, &mut bytes).expect("a frame of ours fits into the format");
        bytes.into()
    }

    /// The bytes of a frame that cannot be read.
    pub(super) fn garbage(framing: Framing, line_end: &str) -> Bytes {
        let frame =
            Self { event: None, data: r#"{"choices": [{"delta": nonsense"#.to_owned(), role: Role::Token };
        let bytes = frame.write(framing, line_end);
        if framing != Framing::Binary {
            return bytes;
        }
        let mut bytes = bytes.to_vec();
        if let Some(last) = bytes.last_mut() {
            *last ^= 0xff;
        }
        bytes.into()
    }

    /// Something between two frames that says nothing.
    pub(super) fn comment(framing: Framing, line_end: &str) -> Bytes {
        match framing {
            Framing::Sse => [
                ": still here",
                line_end,
                line_end,
                "id: 7",
                line_end,
                "retry: 3000",
                line_end,
                "unheard-of: of",
                line_end,
                line_end,
                "event: ping",
                line_end,
                line_end,
            ]
            .concat()
            .into(),
            Framing::Lines => line_end.to_owned().into(),
            Framing::Binary => {
                Self::new(Role::Token, "unheardOf", &Value::Object(Default::default())).binary()
            }
        }
    }
}
