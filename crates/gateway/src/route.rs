//! From the name that a caller asks for to the models that may answer, in the order in which they are asked.

mod needs;
mod rank;
mod routes;

use std::sync::Arc;

use codeflow_model::{ChatModel, ModelEntry, WireFormat};

pub use needs::{Lack, Needs};
pub use rank::{Ranking, Weights};
pub use routes::{RouteRule, Routes, RoutesError};

/// One model that may answer.
#[derive(Clone)]
pub struct Hop {
    /// Who serves it.
    pub provider: Arc<str>,
    /// The provider's own name for it.
    pub model: Arc<str>,
    /// What the registry knows about it; `None` when it is passed through unknown.
    pub entry: Option<Arc<ModelEntry>>,
    /// The client.
    pub client: Arc<dyn ChatModel>,
    /// The format in which requests may be forwarded to it as they are.
    pub passes: Option<WireFormat>,
}

/// The models that may answer to one name.
#[derive(Clone)]
pub struct Route {
    /// The name that was asked for.
    pub name: Arc<str>,
    /// The models, in the order of the settings.
    pub hops: Vec<Hop>,
    /// What every model of the route must be able to do, beyond what a request needs.
    pub require: Needs,
    /// What decides the order among models that can; without weights it is the order of the settings.
    pub weights: Option<Weights>,
}

impl Hop {
    /// `provider/model`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }
}
