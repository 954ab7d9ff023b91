//! Which models can be asked right now. Built once and handed to everybody who asks or wants to know.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use codeflow_core::{Clock, Timestamp};
use tokio::time::Instant;

use crate::circuit::{Circuit, CircuitSettings, CircuitState, CircuitView, LastError, Latency};

/// How many models of one provider have a circuit of their own. Callers may ask for names that nobody has heard of; what
/// is over this number shares one circuit.
const MODELS: usize = 1_024;
/// The name that stands for all models which share a circuit.
const OTHERS: &str = "*";

/// Which models can be asked right now: one value for a whole process, shared by reference. There is no other.
///
/// Every model has a circuit for each key. Looking one up takes a lock that many may hold at once; what a call changes
/// is behind the lock of its own circuit.
pub struct Availability {
    settings: CircuitSettings,
    clock: Arc<dyn Clock>,
    providers: RwLock<HashMap<String, Provider>>,
}

/// Whether a provider can be asked at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setup {
    /// It can.
    Configured,
    /// It cannot, and what is missing, in words for people.
    Missing(String),
}

/// One model, by one key, as it stands at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelAvailability {
    /// The provider's name.
    pub provider: String,
    /// The model, by the provider's own name for it; `*` for the many that share a circuit; nothing for a provider
    /// whose models are not known.
    pub model: Option<String>,
    /// The name of the key, never the key; nothing while no call has been made.
    pub key: Option<Arc<str>>,
    /// Whether it can be asked at all.
    pub setup: Setup,
    /// What its circuit does with calls.
    pub state: CircuitState,
    /// Until when it is left alone because the provider asks for it.
    pub cooling_until: Option<Timestamp>,
    /// When a call may find out whether it is back, when none may now.
    pub next_probe: Option<Timestamp>,
    /// The last thing that went wrong.
    pub last_error: Option<LastError>,
    /// How long it took to the first token, lately.
    pub first_token: Option<Latency>,
}

/// What a router wants to know of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// Whether a call may get through now. It is a guess, not a promise: others may take the place.
    pub is_up: bool,
    /// How long it took to the first token, lately, by the key that is fastest.
    pub first_token: Option<Latency>,
}

/// The circuits of one model, by the name of the key.
type Circuits = Vec<(Arc<str>, Arc<Circuit>)>;

struct Provider {
    setup: Setup,
    models: HashMap<String, Circuits>,
}

impl Provider {
    fn new(setup: Setup) -> Self {
        Self { setup, models: HashMap::new() }
    }

    /// A model of which nothing is known.
    fn row(&self, provider: &str, model: Option<&str>) -> ModelAvailability {
        ModelAvailability {
            provider: provider.to_owned(),
            model: model.map(str::to_owned),
            key: None,
            setup: self.setup.clone(),
            state: CircuitState::Closed,
            cooling_until: None,
            next_probe: None,
            last_error: None,
            first_token: None,
        }
    }

    fn find(&self, model: &str, key: &str) -> Option<&Arc<Circuit>> {
        let circuits = self.models.get(model)?;
        circuits.iter().find_map(|(name, circuit)| (**name == *key).then_some(circuit))
    }
}

impl ModelAvailability {
    fn seen(self, key: Arc<str>, view: &CircuitView, time: Timestamp) -> Self {
        Self {
            key: Some(key),
            state: view.state,
            cooling_until: view.cooling.map(|wait| time.after(wait)),
            next_probe: view.next_probe.map(|wait| time.after(wait)),
            last_error: view.last_error,
            first_token: view.first_token,
            ..self
        }
    }
}

impl Availability {
    /// Nothing is known yet. The clock stamps what people read; circuits go by tokio's.
    pub fn new(settings: CircuitSettings, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { settings, clock, providers: RwLock::default() })
    }

    /// Says whether a provider can be asked, and which of its models are known beforehand.
    pub fn declare<'a>(&self, provider: &str, setup: Setup, models: impl IntoIterator<Item = &'a str>) {
        let mut providers = self.write();
        let entry = providers.entry(provider.to_owned()).or_insert_with(|| Provider::new(setup.clone()));
        entry.setup = setup;
        for model in models {
            entry.models.entry(model.to_owned()).or_default();
        }
    }

    /// The circuit of a model and a key; made when it is asked for the first time.
    pub fn circuit(&self, provider: &str, model: &str, key: &str) -> Arc<Circuit> {
        let found = self.read().get(provider).and_then(|it| it.find(model, key)).map(Arc::clone);
        found.unwrap_or_else(|| self.make(provider, model, key))
    }

    fn make(&self, provider: &str, model: &str, key: &str) -> Arc<Circuit> {
        let mut providers = self.write();
        let entry = providers.entry(provider.to_owned()).or_insert_with(|| Provider::new(Setup::Configured));
        let is_full = entry.models.len() >= MODELS && !entry.models.contains_key(model);
        let model = if is_full { OTHERS } else { model };
        // Another thread may have made it between the two locks.
        if let Some(circuit) = entry.find(model, key) {
            return Arc::clone(circuit);
        }
        let circuit = Circuit::new(self.settings, Arc::clone(&self.clock));
        entry.models.entry(model.to_owned()).or_default().push((key.into(), Arc::clone(&circuit)));
        circuit
    }

    /// What a router wants to know of a model.
    pub fn outlook(&self, provider: &str, model: &str) -> Outlook {
        let now = Instant::now();
        let providers = self.read();
        let Some(entry) = providers.get(provider) else { return Outlook { is_up: false, first_token: None } };
        let circuits = entry.models.get(model).map(Vec::as_slice).unwrap_or_default();
        let views = circuits.iter().map(|(_, circuit)| circuit.view(now));
        let start = Outlook { is_up: circuits.is_empty(), first_token: None };
        let seen = views.fold(start, |sum, view| Outlook {
            is_up: sum.is_up || is_up(&view),
            first_token: faster(sum.first_token, view.first_token),
        });
        Outlook { is_up: seen.is_up && entry.setup == Setup::Configured, ..seen }
    }

    /// Everything that is known, in the order of the names.
    pub fn snapshot(&self) -> Vec<ModelAvailability> {
        let (now, time) = (Instant::now(), self.clock.now());
        let providers = self.read();
        let mut rows = Vec::new();
        for (name, provider) in in_order(&providers) {
            if provider.models.is_empty() {
                rows.push(provider.row(name, None));
            }
            for (model, circuits) in in_order(&provider.models) {
                let row = provider.row(name, Some(model));
                if circuits.is_empty() {
                    rows.push(row.clone());
                }
                let seen = |(key, circuit): &(Arc<str>, Arc<Circuit>)| {
                    row.clone().seen(Arc::clone(key), &circuit.view(now), time)
                };
                rows.extend(circuits.iter().map(seen));
            }
        }
        rows
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<String, Provider>> {
        self.providers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<String, Provider>> {
        self.providers.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_up(view: &CircuitView) -> bool {
    view.cooling.is_none() && view.next_probe.is_none()
}

fn faster(one: Option<Latency>, other: Option<Latency>) -> Option<Latency> {
    one.into_iter().chain(other).min_by_key(|latency| latency.average)
}

fn in_order<T>(map: &HashMap<String, T>) -> BTreeMap<&str, &T> {
    map.iter().map(|(name, value)| (&**name, value)).collect()
}
