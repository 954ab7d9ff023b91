//! What the server does with one request: what it says, and what goes wrong on the way.

use super::{Misbehaviour, Reply};

/// What the server does with one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Behaviour {
    /// What it says.
    pub reply: Reply,
    /// What goes wrong on the way.
    pub trouble: Option<Misbehaviour>,
}

impl From<Reply> for Behaviour {
    fn from(reply: Reply) -> Self {
        Self { reply, trouble: None }
    }
}

impl From<Misbehaviour> for Behaviour {
    fn from(trouble: Misbehaviour) -> Self {
        Self { trouble: Some(trouble), ..Self::default() }
    }
}

/// What the words at the beginning of a prompt ask for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Order {
    pub(super) behaviour: Behaviour,
    /// Only the first time that this prompt comes.
    pub(super) once: bool,
}

/// Reads `!tools`, `!refuses-unavailable !once` and their like: words with an exclamation mark, up to the first one
/// without.
///
/// # Errors
///
/// The word that nobody knows.
pub(super) fn order(prompt: &str) -> Result<Option<Order>, String> {
    let mut order = None;
    for word in prompt.split_whitespace() {
        let Some(word) = word.strip_prefix('!') else { break };
        let Order { behaviour, once } =
            order.get_or_insert_with(|| Order { behaviour: Behaviour::default(), once: false });
        if word == "once" {
            *once = true;
        } else if let Some(reply) = Reply::named(word) {
            behaviour.reply = reply;
        } else {
            behaviour.trouble = Some(Misbehaviour::named(word).ok_or_else(|| word.to_owned())?);
        }
    }
    Ok(order)
}
