//! Jobs in memory: tasks whose execution is the job itself.

use async_trait::async_trait;
use codeflow_core::{ExecutionId, TaskId};
use codeflow_engine::{Enqueued, Error, ErrorKind, JobEnds, JobQueue, NewJob, Session, Work};

use super::{MemoryStore, Place};

#[async_trait]
impl JobQueue for MemoryStore {
    async fn enqueue(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Error> {
        if jobs.iter().any(|job| job.key.as_ref().is_some_and(|key| key.contains('\0'))) {
            return Err(Error::new(ErrorKind::InvalidInput, "a key cannot hold the zero character"));
        }
        let (mut model, now) = self.open();
        let mut answers = Vec::with_capacity(jobs.len());
        for job in jobs {
            if let Some((earlier, _)) = job.key.as_ref().and_then(|key| model.job_keys.get(key)) {
                answers.push(Enqueued::Existing(*earlier));
                continue;
            }
            if let Some(key) = job.key {
                model.job_keys.insert(key, (job.id, now));
            }
            model.add_tasks((ExecutionId::from_uuid(job.id.uuid()), 0), [job.task], None, now);
            answers.push(Enqueued::Created);
        }
        Ok(answers)
    }

    async fn finish(&self, session: Session, ends: JobEnds) -> Result<(), Error> {
        let (mut model, now) = self.open();
        model.fence(session, now)?;
        for id in ends.done {
            model.tasks.remove(&id);
        }
        for (id, next) in ends.again {
            if let Some(failed) = model.tasks.remove(&id) {
                model.add_tasks((failed.execution, 0), [next], None, now);
            }
        }
        for (id, reason) in ends.dead {
            if let Some(entry) = model.tasks.get_mut(&id) {
                entry.reason = Some(reason);
                entry.place = Place::Quarantine(now);
            }
        }
        Ok(())
    }

    async fn discard(&self, task: TaskId) -> Result<(), Error> {
        let (mut model, _) = self.open();
        let dead = model.tasks.get(&task).is_some_and(|entry| {
            matches!(entry.place, Place::Quarantine(_)) && matches!(entry.body.work, Work::Job(_))
        });
        if !dead {
            let text = format!("task `{task}` is no job among the dead letters");
            return Err(Error::new(ErrorKind::NotFound, text));
        }
        model.tasks.remove(&task);
        Ok(())
    }
}
