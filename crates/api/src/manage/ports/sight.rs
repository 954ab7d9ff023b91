//! The steps of an execution as far as they fit into memory: what is stored by itself, because it is large, stays where it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use codeflow_core::ExecutionId;
use codeflow_core::execution::{Fact, Settled};
use codeflow_core::workflow::{StepName, Workflow};
use codeflow_engine::{Engine, Error, FactPlace, Recorded, Snapshot, View};

/// So many facts are read at once.
const PAGE: u32 = 500;

/// The steps of an execution at one moment.
#[derive(Clone, Debug)]
pub struct Sight {
    /// Where they stand. What is left out, is none here: outputs, and items of a step that repeats.
    pub view: View,
    /// Those whose outputs are left out.
    pub cut: BTreeSet<StepName>,
    /// Those that repeat over items that are left out, so nobody has counted them.
    pub uncounted: BTreeSet<StepName>,
}

/// Outputs that are left out.
struct Cut {
    /// Which of the facts has them.
    fact: usize,
    /// What comes right before it in the journal.
    before: Option<FactPlace>,
}

#[derive(Default)]
struct Facts {
    facts: Vec<(u32, Fact)>,
    last: Option<FactPlace>,
    cut: BTreeMap<StepName, Cut>,
    uncounted: BTreeSet<StepName>,
}

impl Facts {
    /// The facts of an execution up to a commit.
    async fn read(engine: &Engine, id: ExecutionId, until: i64) -> Result<Self, Error> {
        let mut read = Self::default();
        loop {
            let page = engine.facts(id, read.last, PAGE).await?;
            let is_last =
                page.len() < PAGE as usize || page.last().is_some_and(|last| last.place.seq > until);
            page.into_iter().filter(|one| one.place.seq <= until).for_each(|one| read.add(one));
            if is_last {
                return Ok(read);
            }
        }
    }

    fn add(&mut self, recorded: Recorded) {
        let Recorded { place, generation, fact, is_cut } = recorded;
        match &fact {
            Fact::Settled(settled) if is_cut && settled.path.iteration.is_none() => {
                let cut = Cut { fact: self.facts.len(), before: self.last };
                self.cut.insert(settled.path.step.clone(), cut);
            }
            Fact::Expanded { step, .. } if is_cut => {
                self.uncounted.insert(step.clone());
            }
            Fact::Restarted { steps } => {
                for step in steps {
                    self.cut.remove(step);
                    self.uncounted.remove(step);
                }
            }
            Fact::Settled(_)
            | Fact::Expanded { .. }
            | Fact::Waiting { .. }
            | Fact::Signalled { .. }
            | Fact::Decided { .. }
            | Fact::Cancelled { .. }
            | Fact::DeadlinePassed
            | Fact::Paused { .. }
            | Fact::Resumed { .. }
            | Fact::Held { .. }
            | Fact::Called { .. }
            | Fact::CalledBy(_)
            | Fact::Compensating
            | Fact::Compensated(_) => {}
        }
        self.last = Some(place);
        self.facts.push((generation, without_what_nobody_sees(fact)));
    }

    /// Fetches what a step gave, unless it is too large even alone.
    async fn complete(&mut self, engine: &Engine, id: ExecutionId, step: &StepName) -> Result<(), Error> {
        let Some(cut) = self.cut.get(step) else { return Ok(()) };
        let found = engine.facts(id, cut.before, 1).await?.pop();
        let place = self.facts.get_mut(cut.fact);
        if let (Some(place), Some(Recorded { generation, fact, is_cut: false, .. })) = (place, found) {
            *place = (generation, fact);
            self.cut.remove(step);
        }
        Ok(())
    }
}

/// Outputs of iterations are in those of their step, too, and there may be very many.
fn without_what_nobody_sees(fact: Fact) -> Fact {
    match fact {
        Fact::Settled(settled) if settled.path.iteration.is_some() => {
            Fact::Settled(Settled { outputs: None, ..settled })
        }
        Fact::Compensated(settled) => Fact::Compensated(Settled { outputs: None, ..settled }),
        Fact::Signalled { message, event, .. } => Fact::Signalled { message, event, payload: Arc::default() },
        Fact::Settled(_)
        | Fact::Expanded { .. }
        | Fact::Waiting { .. }
        | Fact::Decided { .. }
        | Fact::Cancelled { .. }
        | Fact::DeadlinePassed
        | Fact::Restarted { .. }
        | Fact::Paused { .. }
        | Fact::Resumed { .. }
        | Fact::Held { .. }
        | Fact::Called { .. }
        | Fact::CalledBy(_)
        | Fact::Compensating => fact,
    }
}

/// The steps of an execution, of which the snapshot has everything but the facts. Of `whole` also what it gave, if that
/// is not too large.
pub(super) async fn sight(
    engine: &Engine,
    snapshot: Snapshot,
    workflow: Arc<Workflow>,
    whole: Option<&StepName>,
) -> Result<Sight, Error> {
    let id = snapshot.record.id;
    // What was committed since then does not fit the tasks.
    let mut read = Facts::read(engine, id, snapshot.record.seq).await?;
    if let Some(step) = whole {
        read.complete(engine, id, step).await?;
    }
    let Facts { facts, cut, uncounted, .. } = read;
    let view = View::new(workflow, Snapshot { facts, ..snapshot });
    Ok(Sight { view, cut: cut.into_keys().collect(), uncounted })
}
